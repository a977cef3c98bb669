// Hops: how the ranks of a group exchange values. What hops are vectors in shared memory, at the same place in every
// rank: whoever has a part of one sends it to all ranks, and awaits the rest.
//
// With clusters, a part is stored into the other blocks' shared memory, asynchronously, and an mbarrier there counts
// the bytes. Without, it goes through global memory in packets of two words and an epoch, one set a group, which every
// rank collects into its shared memory. A vector hops at most once in a part of a step (attention of a layer,
// feed-forward of a layer, head), so the number of the part is the epoch.
//
// Either way a rank sends the next vector of a kind only when the others are done with the last one (persistent.cuh);
// with packets, they are as soon as they have collected it. What proves it is something that each of them has sent
// since: every rank has rows of the residual stream and of q, k and v, and units (the compiler sees to that).
#pragma once

#include "persistent_block.cuh"

namespace cadenza {

template <class Config, bool clusters = Config::clusters> struct Hops;

template <class Config> struct Hops<Config, true> {
  using Block = PersistentBlock<Config>;
  using Team = typename Block::Team;
  using Progress = typename Block::Progress;
  using Hop = typename Block::Hop;

  /// All ranks are there, or are done: before the first hop and after the last one.
  CADENZA_DEVICE static void meet() { arch::cluster_barrier(); }
  /// Part `part` of a layer begins; the head counts as one more.
  CADENZA_DEVICE static void begin(int, Progress &) {}

  /// This use of a hop will bring `bytes`.
  CADENZA_DEVICE static void expect(Hop hop, int bytes) {
    if (Team::thread() == 0)
      arch::mbarrier_arrive_expect_tx(Block::hops() + hop, static_cast<uint32_t>(bytes));
  }
  /// Waits for all of them, as many as were expected.
  CADENZA_DEVICE static void await(const Block &block, Hop hop, int, Progress &p, PersistentWait what) {
    block.template wait<arch::Scope::cluster>(Block::hops() + hop, p.parities >> hop & 1, what, p.layer, p.position);
    p.parities ^= 1u << hop;
  }

  /// Stores `value` at the place of `mine` in every rank. `lanes` neighbours (aligned) hold the same value and share
  /// the work.
  template <int lanes, class T>
  CADENZA_DEVICE static void send(const Block &, Hop hop, const Progress &, T *mine, T value) {
    const int lane = static_cast<int>(arch::lane()) % lanes;
#pragma unroll
    for (int i = 0; i < ceil_div(Block::ranks, lanes); ++i) {
      if (Block::ranks % lanes != 0 && lane + i * lanes >= Block::ranks)
        break;
      const uint32_t to = rank_after(lane + i * lanes);
      arch::store_async(arch::remote(mine, to), value, arch::remote(Block::hops() + hop, to));
    }
  }
  /// Sends the values of 8 rows, of which row g is in lanes 4g .. 4g+3, to consecutive places, from a multiple of four
  /// on; the whole warp calls.
  CADENZA_DEVICE static void send_stripe(const Block &, Hop hop, const Progress &, float *first, float value) {
    const int lane = static_cast<int>(arch::lane()), half = lane % 2;
    const uint32_t bits = arch::as_bits(value);
    const Vec16 four = {arch::shuffle(bits, 16 * half), arch::shuffle(bits, 16 * half + 4),
                        arch::shuffle(bits, 16 * half + 8), arch::shuffle(bits, 16 * half + 12)};
#pragma unroll
    for (int i = lane / 2; i < Block::ranks; i += 16) {
      const uint32_t to = rank_after(i);
      arch::store_async(arch::remote(reinterpret_cast<Vec16 *>(first) + half, to), four,
                        arch::remote(Block::hops() + hop, to));
    }
  }

  /// By all consumers: this rank begins step `number`. What they wrote before is visible to whoever sees it.
  CADENZA_DEVICE static void begin_step(const Block &, uint32_t) {
    arch::fence_gpu();
    Team::barrier();
    if (Team::thread() < Block::ranks)
      arch::mbarrier_arrive(arch::remote(Block::hops() + Block::step_start, static_cast<uint32_t>(Team::thread())));
  }
  /// By the producer: waits until all ranks have begun `step` of this launch.
  CADENZA_DEVICE static void await_step(const Block &block, int step, int layer, int position) {
    block.template wait<arch::Scope::cluster>(Block::hops() + Block::step_start, static_cast<uint32_t>(step) & 1,
                                              PersistentWait::step_start, layer, position);
  }

private:
  /// Not all to the same one at once.
  CADENZA_DEVICE static uint32_t rank_after(int i) { return static_cast<uint32_t>(Block::rank() + i) % Block::ranks; }
};

template <class Config> struct Hops<Config, false> {
  using Block = PersistentBlock<Config>;
  using Team = typename Block::Team;
  using Progress = typename Block::Progress;
  using Hop = typename Block::Hop;

  CADENZA_DEVICE static void meet() { arch::block_barrier(); }
  CADENZA_DEVICE static void begin(int part, Progress &p) {
    p.hop_epoch = (Block::parts + 1) * p.counter + static_cast<uint32_t>(part) + 1;
  }

  CADENZA_DEVICE static void expect(Hop, int) {}
  CADENZA_DEVICE static void await(const Block &block, Hop hop, int bytes, Progress &p, PersistentWait what) {
    const Region region = region_of(hop);
    const int sums = hop == Block::hop_residual ? (bytes - 2 * Block::hidden) / 4 : 0; // behind the residual stream
    const bool words = hop == Block::hop_sums || hop >= Block::hop_updates;
    const int count = words                     ? bytes / 4
                      : hop == Block::hop_parts ? bytes / (4 * Block::Core::partial_floats) * (Block::part_floats / 2)
                                                : (bytes - 4 * sums) / 8 + sums;
    const arch::Packet *from = slots(block) + region.slot;
    const int first_sum = region.slot - region_of(Block::hop_sums).slot; // of packet 0, among the sums
    const auto is_sum = [&](int i) { return words || (hop == Block::hop_residual && first_sum + i >= 0); };
    uint32_t before = 0; // what this block was doing, for the trace
    if constexpr (Config::traced)
      before = Block::trace_cursor()->state;
    collect_packets<4, Team>(
        count, p.hop_epoch,
        [&](int i) { // parts have a gap at their end
          const bool gap =
              hop == Block::hop_parts && i % (Block::part_floats / 2) >= ceil_div(Block::Core::partial_floats, 2);
          return gap ? 0 : is_sum(i) ? 1 : 2;
        },
        [&](int i) { return from + i; },
        [&](int i, const arch::Packet &packet) {
          if (hop >= Block::hop_updates)
            Block::update_sums(hop - Block::hop_updates)[i] = arch::as_float(packet.payload[0]);
          else if (is_sum(i))
            Block::sums()[first_sum + i] = arch::as_float(packet.payload[0]);
          else
            *Block::template at<uint64_t>(region.offset + 8 * i) =
                packet.payload[0] | static_cast<uint64_t>(packet.payload[1]) << 32;
        },
        typename Block::Spin{block, what, p.layer, p.position});
    if constexpr (Config::traced)
      block.trace(before, p.layer);
    Team::barrier();
  }

  template <int lanes, class T>
  CADENZA_DEVICE static void send(const Block &block, Hop hop, const Progress &p, T *mine, T value) {
    if (static_cast<int>(arch::lane()) % lanes != 0)
      return;
    const int offset = static_cast<int>(reinterpret_cast<unsigned char *>(mine) - Block::template at<unsigned char>(0));
    const Region region = region_of(sizeof(T) == 4 && hop < Block::hop_updates ? Block::hop_sums : hop);
    arch::Packet *to = slots(block) + region.slot + (offset - region.offset) / (sizeof(T) == 4 ? 4 : 8);
    if constexpr (sizeof(T) == 4) {
      arch::store_packet(to, arch::Packet::of(p.hop_epoch, value));
    } else if constexpr (sizeof(T) == 8) {
      arch::store_packet(
          to, arch::Packet::of(p.hop_epoch, static_cast<uint32_t>(value), static_cast<uint32_t>(value >> 32)));
    } else {
      arch::store_packet(to, arch::Packet::of(p.hop_epoch, value.x, value.y));
      arch::store_packet(to + 1, arch::Packet::of(p.hop_epoch, value.z, value.w));
    }
  }
  CADENZA_DEVICE static void send_stripe(const Block &block, Hop hop, const Progress &p, float *first, float value) {
    const int lane = static_cast<int>(arch::lane());
    const uint32_t bits = arch::as_bits(value), low = arch::shuffle(bits, 8 * lane & 31),
                   high = arch::shuffle(bits, (8 * lane + 4) & 31);
    if (lane < 4) // two rows each
      send<1>(block, hop, p, reinterpret_cast<uint64_t *>(first) + lane, low | static_cast<uint64_t>(high) << 32);
  }

  CADENZA_DEVICE static void begin_step(const Block &block, uint32_t number) {
    arch::fence_gpu();
    Team::barrier();
    if (Team::thread() == 0)
      arch::store_release(begun(block) + Block::rank(), number + 1);
  }
  CADENZA_DEVICE static void await_step(const Block &block, int step, int layer, int position) {
    const int lane = static_cast<int>(arch::lane());
    const uint32_t begins = block.step_number(step) + 1;
    block.poll(
        [&] {
          // A rank may have gone on to the next step already.
          const bool has_begun =
              lane >= Block::ranks ||
              static_cast<int32_t>(arch::load_acquire(begun(block) + lane % Block::ranks) - begins) >= 0;
          return arch::ballot(has_begun) == 0xffffffffu;
        },
        PersistentWait::step_start, layer, position);
    arch::warp_barrier(); // what one lane has acquired, all have
  }

private:
  /// A vector: its place in shared memory, and the first of its packets. Those of sums have one word.
  struct Region {
    int offset, slot;
  };
  CADENZA_DEVICE static Region region_of(Hop hop) {
    constexpr int sums = Block::hidden / 4, rows = residual_packets_for(Block::hidden, Block::norm_sums),
                  parts = rows + Block::group_heads * Block::head_rows / 2,
                  units = parts + Block::ranks * Block::group_heads * Block::head_group * Block::part_floats / 2;
    constexpr int updates = units + Block::group_units / 4;
    static_assert(updates + Block::Parts::norms * norm_packets_for(Block::hidden) == Block::hop_packets);
    switch (hop) {
    case Block::hop_residual:
      return {Block::activation_offset, 0};
    case Block::hop_sums:
      return {Block::sums_offset, sums};
    case Block::hop_rows:
      return {Block::rows_offset, rows};
    case Block::hop_parts:
      return {Block::parts_offset, parts};
    case Block::hop_units:
      return {Block::units_offset, units};
    default: {
      const int part = hop - Block::hop_updates;
      return {Block::update_sums_offset + 4 * Block::sums_floats * part,
              updates + part * norm_packets_for(Block::hidden)};
    }
    }
  }
  CADENZA_DEVICE static arch::Packet *slots(const Block &block) {
    return reinterpret_cast<arch::Packet *>(block.args.packets + Block::exchange_bytes) +
           Block::group() * Block::hop_packets;
  }
  /// The number of the step that each rank has begun last, plus one.
  CADENZA_DEVICE static uint32_t *begun(const Block &block) {
    return reinterpret_cast<uint32_t *>(block.args.packets + Block::exchange_bytes +
                                        16 * Block::groups * Block::hop_packets) +
           Block::group() * Block::ranks;
  }
};

} // namespace cadenza
