// A long context in the persistent kernel, shared by the groups that have the same KV head. Each of them has one of the
// query heads, and in a short context reads all keys and values for it. In a long one it reads a part of them, for all
// of these query heads. A division has a kernel of its own for that.
//
// In attend.cuh, warps take chunks of a rank's positions in turn, and their results are merged in order. As many groups
// share a context as warps do that. So each group takes the chunks of one warp, for all heads: no sum has another order
// than in a short context. It costs two exchanges between the same ranks of these groups:
//   queries  as attention reads them, before it;
//   heads    what a group has of the other groups' heads: these lie where attention leaves the results of the other
//            warps, so that they are merged as ever.
// Packets are written again in a later layer. By then the writer has collected partial sums of this one from the groups
// that read them, which publish those afterwards.
//
// What one warp does elsewhere, one chunk after the other, all warps of a block do here (SharedAttention).
#pragma once

#include "persistent_block.cuh"

namespace cadenza {

/// The positions of a rank's part of the context that this group attends to. They have places: numbers that they have
/// among themselves.
template <class Config> struct ContextShare {
  using Block = PersistentBlock<Config>;
  using Core = typename Block::Core;
  static constexpr int chunk = Core::chunk, round = Block::sharing * chunk; // a chunk for each group

  const typename Core::Split split;
  const int position; // of the step

  /// Whether groups share the positions from `first` to `position`, those that count in a layer.
  CADENZA_DEVICE static bool applies(int first, int position) {
    return Block::shares && position + 1 - first >= Block::share_from;
  }
  /// Of this group, among those that have the same KV head.
  CADENZA_DEVICE static int index() { return Block::group() % Block::sharing; }

  CADENZA_DEVICE int places() const {
    const int length = split.end - split.begin, rest = length % round - chunk * index();
    return length / round * chunk + smaller(larger(rest, 0), chunk);
  }
  /// The place of the step's position; no place, if another group has it.
  CADENZA_DEVICE int newest() const {
    const bool here = split.end == position + 1 && (position - split.begin) % round / chunk == index();
    return here ? places() - 1 : -1;
  }
  /// Places that come through the ring.
  CADENZA_DEVICE int in_ring() const { return places() - (newest() >= 0); }
  /// Of a place; in a chunk, positions follow each other.
  CADENZA_DEVICE int position_of(int place) const {
    return split.begin + place / chunk * round + chunk * index() + place % chunk;
  }
};

/// The exchanges; all consumers call.
template <class Config, int part> struct ContextExchange {
  using Block = PersistentBlock<Config>;
  using Team = typename Block::Team;
  using Share = ContextShare<Config>;
  static constexpr int query_words = Block::q_rows / 2, head_pairs = Block::Core::partial_floats / 2;

  const Block &block;
  const typename Block::Progress &p;

  CADENZA_DEVICE void queries() const {
    uint32_t *high = reinterpret_cast<uint32_t *>(Block::queries()), *low = high + Block::query_places / 2;
    for (int i = Team::thread(); i < query_words; i += Team::threads) {
      const int at = Share::index() * query_words + i;
      arch::store_packet(slots(Share::index()) + i, arch::Packet::of(epoch(), high[at], low[at]));
    }
    collect((Block::sharing - 1) * query_words, [&](int i) { return slots(other(i / query_words)) + i % query_words; },
            [&](int i, const arch::Packet &packet) {
              const int at = other(i / query_words) * query_words + i % query_words;
              high[at] = packet.payload[0];
              low[at] = packet.payload[1];
            });
  }
  /// A thread writes over what it has sent itself.
  CADENZA_DEVICE void heads() const {
    uint32_t *values = reinterpret_cast<uint32_t *>(Block::partial());
    constexpr int count = (Block::sharing - 1) * head_pairs;
    const auto place = [](int i) { return 2 * (other(i / head_pairs) * head_pairs + i % head_pairs); };
    for (int i = Team::thread(); i < count; i += Team::threads)
      arch::store_packet(head_slots(Share::index(), other(i / head_pairs)) + i % head_pairs,
                         arch::Packet::of(epoch(), values[place(i)], values[place(i) + 1]));
    collect(
        count, [&](int i) { return head_slots(other(i / head_pairs), Share::index()) + i % head_pairs; },
        [&](int i, const arch::Packet &packet) {
          values[place(i)] = packet.payload[0];
          values[place(i) + 1] = packet.payload[1];
        });
  }

private:
  CADENZA_DEVICE uint32_t epoch() const { return p.counter + 1; }
  /// The i-th of the other groups.
  CADENZA_DEVICE static int other(int i) { return i + (i >= Share::index()); }
  /// Of one of the groups: its queries, then what it has of the head of another one.
  CADENZA_DEVICE arch::Packet *slots(int of) const {
    return block.share_slots(part, Block::group() - Share::index() + of);
  }
  CADENZA_DEVICE arch::Packet *head_slots(int of, int head) const {
    return slots(of) + query_words + head * head_pairs;
  }
  template <class Address, class Take> CADENZA_DEVICE void collect(int count, Address address, Take take) const {
    collect_packets<2, Team>(
        count, epoch(), [](int) { return 2; }, address, take,
        typename Block::Spin{block, PersistentWait::context, p.layer, p.position});
    block.mark(PersistentWork::attend, p.layer);
    Team::barrier();
  }
};

/// Attention of all query heads of a KV head to this group's places, with the bits of a warp of attend.cuh that takes
/// all of their chunks (or two, that have a half of the elements each). Warps divide each chunk instead: first the
/// scores, by positions and by halves of the elements; then, after a barrier, the values, by elements. What follows
/// from the scores of all positions (maxima, weights), every warp finds for itself.
template <class Config, int part> struct SharedAttention {
  using Block = PersistentBlock<Config>;
  using Attention = typename Block::Parts::template At<part>::attention;
  using Core = Attend<Attention>;
  using Team = typename Block::Team;
  using Cache = typename Block::Cache;
  using Share = ContextShare<Config>;
  static constexpr int head_dim = Core::head_dim, chunk = Core::chunk, heads = Block::sharing;
  static constexpr int slices = Core::slices, key_blocks = Core::key_blocks;
  static constexpr int stage_positions = Block::stage_positions;

  // Between two barriers: as many chunks as there are warps for the scores of halves of their positions.
  static constexpr int chunks = Block::warps / (2 * slices);
  static constexpr int slice_scores = 4 * chunk; // [head][lane of the head][of a chunk's positions, its four]
  static_assert(2 * chunks * slices * slice_scores == Block::share_floats, "turns, each with room for all scores");
  // A row of an mma is an element, two in a word. A lane has `words` words of two elements, 16 elements apart.
  static constexpr int words = ceil_div(head_dim, 16 * Block::warps);

  const Block &block;
  typename Block::Progress &p;
  const Share share;

  CADENZA_DEVICE void run(float *partials) const {
    const int places = share.places(), in_ring = share.in_ring(), newest = share.newest();
    const int warp = Team::warp(), slice = warp % slices;
    Vec16 query[2][key_blocks];
    load_query(slice, query);
    float o[words][4] = {};           // of head t
    float m = Core::lowest, l = 0.0f; // of head g / 2, l of this lane's positions only
    float *scores = Block::share_scores();
    for (int first = 0; first < places; first += stage_positions) { // a stage
      if (first < in_ring)
        Block::ring().await(p.cursor, typename Block::RingWait{block, p});
      const Cache *stage = reinterpret_cast<const Cache *>(Block::ring().buffer(p.cursor));
      const auto row = [&](int place, int which) {
        place = smaller(place, places - 1); // places that do not exist have weight 0
        return place == newest ? Block::newest(0) + which * head_dim
                               : stage + (which * stage_positions + place - first) * head_dim;
      };
      const int end = smaller(first + stage_positions, places);
      for (int base = first; base < end; base += chunks * chunk) {
        const int here = smaller(ceil_div(end - base, chunk), chunks);
        const int mine = warp / slices / 2, half = warp / slices % 2;
        if (mine < here)
          write_scores(query, slice, half, row(base + mine * chunk + 8 * half + lane() / 4, 0),
                       scores + (mine * slices + slice) * slice_scores);
        Team::barrier(); // the scores are complete; those of the last turn were read
        float weight[chunks][4], maximum[chunks];
#pragma unroll
        for (int i = 0; i < chunks; ++i)
          if (i < here)
            maximum[i] = read_scores(scores + i * slices * slice_scores, base + i * chunk, places, weight[i]);
#pragma unroll
        for (int i = 0; i < chunks; ++i)
          if (i < here)
            add(weight[i], maximum[i], base + i * chunk, row, o, m, l);
        scores = scores == Block::share_scores() ? scores + Block::share_floats / 2 : Block::share_scores();
      }
      if (first < in_ring)
        Block::ring().release(p.cursor);
    }
    l += arch::shuffle_xor(l, 1);
    l += arch::shuffle_xor(l, 2);
    if (places > 0)
      store(partials, o, m, l);
  }

private:
  CADENZA_DEVICE static int lane() { return static_cast<int>(arch::lane()); }
  /// Of this warp's elements, the first of two in a word of this lane.
  CADENZA_DEVICE static int element_of(int word) { return 16 * (words * Team::warp() + word) + 2 * (lane() / 4); }

  CADENZA_DEVICE static void load_query(int slice, Vec16 (&query)[2][key_blocks]) {
    const int g = lane() / 4, t = lane() % 4, first = slice * Core::slice_dim;
#pragma unroll
    for (int i = 0; i < key_blocks; ++i) {
      const int of_slice = 32 * i + 8 * t;
      const Cache *from = Block::queries() + smaller(g / 2, heads - 1) * head_dim + first + of_slice;
      const bool is_there = Core::exists(of_slice, first + of_slice);
      query[0][i] = is_there ? arch::load16(from) : Vec16{0, 0, 0, 0};
      query[1][i] = is_there ? arch::load16(from + Block::query_places) : Vec16{0, 0, 0, 0};
    }
  }

  /// Of half of the positions of a chunk: what a slice has of them. `key`: of this lane's position.
  CADENZA_DEVICE static void write_scores(const Vec16 (&query)[2][key_blocks], int slice, int half, const Cache *key,
                                          float *to) {
    const int g = lane() / 4, t = lane() % 4;
    Vec16 k[key_blocks];
    Core::load_row(k, key, slice * Core::slice_dim, 8 * t, 32, g % 2);
    float out[2];
    Core::half_scores(query, k, out);
    if (g % 2 == 0)
      *reinterpret_cast<typename Core::Pair *>(to + g / 2 * chunk + 4 * t + 2 * half) = {out[0], out[1]};
  }

  /// The scores of this lane's head at its four positions of the chunk that begins at the place `base`; their maximum
  /// over the chunk is returned.
  CADENZA_DEVICE static float read_scores(const float *from, int base, int places, float (&weight)[4]) {
#pragma unroll
    for (int s = 0; s < slices; ++s) {
      const Vec16 of_slice = arch::load16(from + s * slice_scores + lane() / 8 * chunk + lane() % 4 * 4);
      const float values[4] = {arch::as_float(of_slice.x), arch::as_float(of_slice.y), arch::as_float(of_slice.z),
                               arch::as_float(of_slice.w)};
#pragma unroll
      for (int i = 0; i < 4; ++i)
        weight[i] = s == 0 ? values[i] : weight[i] + values[i];
    }
    float maximum = Core::lowest;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      weight[i] = base + Core::position_of(i) < places ? Score<Attention>::of(weight[i]) : Core::lowest;
      maximum = arch::max(maximum, weight[i]);
    }
    maximum = arch::max(maximum, arch::shuffle_xor(maximum, 1));
    return arch::max(maximum, arch::shuffle_xor(maximum, 2));
  }

  /// A chunk, to what there is of this warp's elements. row(place, 1): values.
  template <class Row>
  CADENZA_DEVICE static void add(float (&weight)[4], float of_chunk, int base, Row row, float (&o)[words][4], float &m,
                                 float &l) {
    const int g = lane() / 4, t = lane() % 4;
    uint32_t v[4][words];
#pragma unroll
    for (int i = 0; i < 4; ++i)
      load_values(row(base + Core::position_of(i), 1), v[i]);
    const float maximum = arch::max(m, of_chunk);
    const float correction = arch::exp2(m - maximum), of_head = arch::shuffle(correction, 8 * t);
    m = maximum;
    l = arch::multiply(l, correction); // attend.cuh leaves out a factor of one, so no sum may absorb it
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      weight[i] = arch::exp2(weight[i] - maximum);
      l += weight[i];
    }
    const uint32_t parts[2] = {Core::part_of(weight[0], weight[1], g % 2), Core::part_of(weight[2], weight[3], g % 2)};
#pragma unroll
    for (int word = 0; word < words; ++word) {
#pragma unroll
      for (int i = 0; i < 4; ++i)
        o[word][i] *= of_head;
      Core::add_words(o[word], {v[0][word], v[1][word], v[2][word], v[3][word]}, parts);
    }
  }

  /// Rows begin at the same bank of shared memory. So half of the lanes load their words in the other order.
  CADENZA_DEVICE static void load_values(const Cache *row, uint32_t (&to)[words]) {
    const auto load = [&](int word) {
      const int element = element_of(word);
      return element < head_dim ? *reinterpret_cast<const uint32_t *>(row + element) : 0;
    };
    const int swapped = lane() % 2;
#pragma unroll
    for (int word = 0; word + 1 < words; word += 2) {
      const uint32_t one = load(word + swapped), other = load(word + 1 - swapped);
      to[word] = swapped ? other : one;
      to[word + 1] = swapped ? one : other;
    }
    if constexpr (words % 2 != 0)
      to[words - 1] = load(words - 1);
  }

  CADENZA_DEVICE static void store(float *partials, const float (&o)[words][4], float m, float l) {
    const int t = lane() % 4;
    const float of_head_m = arch::shuffle(m, 8 * t), of_head_l = arch::shuffle(l, 8 * t);
    if (t >= heads)
      return;
    float *partial = partials + t * Core::partial_floats;
#pragma unroll
    for (int word = 0; word < words; ++word)
      if (const int element = element_of(word); element < head_dim) {
        partial[element] = o[word][0] + o[word][1];
        partial[element + 1] = o[word][2] + o[word][3];
      }
    if (Team::warp() == 0 && lane() < 4) {
      partial[head_dim] = of_head_m;
      partial[head_dim + 1] = of_head_l;
    }
  }
};

} // namespace cadenza
