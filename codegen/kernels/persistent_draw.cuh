// Drawing a token in the persistent kernel: every block has the logits of its rows, and all of them find the same token
// (draw.cuh) by exchanges through packets. Without filters that is one exchange, as of the largest logit; with filters
// two, and those of rows that a few blocks list.
//
// A kernel that only takes the largest logit has no room for that: with it the compiler runs out of registers. So there
// are two kernels, of which one draws (CADENZA_DRAWING_KERNEL).
//
// Packets: [kind][block], where kinds are the largest logits, headers, best rows, rounds, then rows [block][row]. Each
// is written once a step at most, and read by all blocks before they go on. A block writes in the next step only after
// its layers, which every block has sent sums to since (persistent.cuh).
#pragma once

#include "draw.cuh"
#include "persistent_block.cuh"

namespace cadenza {

CADENZA_OPTIONAL(DrawsOf, draws, false);

/// Whether a kernel draws its tokens. Under the emulation one that is compiled once does both.
template <class Config> CADENZA_DEVICE bool draws_tokens(const PersistentArgs &args) {
#if defined(CADENZA_HOST)
  return args.sampled != nullptr;
#else
  return DrawsOf<Config>::value;
#endif
}

/// An Exchange of draw.cuh between the blocks of the grid.
template <class Config> struct PersistentDraw : DrawTeam<typename PersistentBlock<Config>::Team> {
  using Block = PersistentBlock<Config>;
  using Team = typename Block::Team;
  using Base = DrawTeam<Team>;
  using Base::space;
  using Base::thread;
  using Base::warp;

  const DrawBuffers memory;
  const uint32_t epoch;
  const int position; // of the step
  const int self;     // this block
  uint32_t round = 0;

  static constexpr int blocks = Block::blocks;
  static constexpr int block_maxima = 3 * blocks <= draw_maxima ? 3 : 1;
  static_assert(blocks <= draw_maxima, "a maximum a block");

  CADENZA_DEVICE PersistentDraw(DrawSpace &space, const DrawBuffers &memory, uint32_t number, int position, int self)
      : Base{space}, memory(memory), epoch(number + 1), position(position), self(self) {
    if (thread == 0)
      space.stop = 0;
  }

  CADENZA_DEVICE int maxima(uint32_t mine, uint32_t wanted) {
#pragma unroll
    for (int mask = 16; mask > 0; mask /= 2)
      mine = larger(mine, arch::shuffle_xor(mine, mask));
    if (this->leads_warp)
      space.weights[warp] = mine;
    Team::barrier();
    if (thread == 0) {
      arch::Packet packet{{0, 0, 0}, epoch};
#pragma unroll
      for (int i = 0; i < Team::warps; ++i)
        packet.payload[i % 3] = larger(packet.payload[i % 3], space.weights[i]);
      arch::store_packet(kind(maxima_packets) + self, packet);
    }
    // One of each block makes as good a bound, if there are enough, and is less to look through.
    const bool all = block_maxima == 3 && wanted > static_cast<uint32_t>(blocks) / 4;
    collect(
        blocks, 3, [&](int i) { return kind(maxima_packets) + i; },
        [&](int i, const arch::Packet &packet) {
          const uint32_t (&k)[3] = packet.payload;
          space.maxima[i] = all ? k[0] : larger(larger(k[0], k[1]), k[2]);
          if (all) {
            space.maxima[i + blocks] = k[1];
            space.maxima[i + 2 * blocks] = k[2];
          }
        });
    Team::barrier();
    return all ? 3 * blocks : blocks;
  }

  CADENZA_DEVICE void list(Candidate row, uint32_t weight) {
    const uint32_t at = arch::add_in_block(&space.appended, 1);
    if (at < draw_block_rows)
      arch::store_packet(rows(self) + at, arch::Packet{{row.key, row.complement, weight}, epoch});
  }

  CADENZA_DEVICE DrawTotals gather(uint64_t weight) {
    const DrawTotals own = this->totals_of_team({weight, 0}); // all rows of this block are listed
    if (thread == 0)
      arch::store_packet(kind(header_packets) + self,
                         arch::Packet{{space.appended | stop_requested() << 31, static_cast<uint32_t>(own.weight),
                                       static_cast<uint32_t>(own.weight >> 32)},
                                      epoch});
    DrawTotals mine{0, 0};
    collect(
        blocks, 3, [&](int i) { return kind(header_packets) + i; },
        [&](int i, const arch::Packet &packet) {
          const uint32_t count = packet.payload[0] & 0x7fffffffu;
          note_stop(packet.payload[0] >> 31);
          mine.weight += uint64_t{packet.payload[2]} << 32 | packet.payload[1];
          mine.count += count > draw_block_rows ? draw_rows + 1 : 0; // no room
          const uint32_t at = arch::add_in_block(&space.listed, count);
          for (uint32_t j = 0; j < count && at + j < draw_rows; ++j) // where it is, for now
            space.order[at + j] = static_cast<uint64_t>(i * draw_block_rows) + j;
        });
    const DrawTotals all = this->totals_of_team(mine);
    const uint32_t count = all.count != 0 ? all.count : space.listed;
    if (count > draw_rows)
      return {all.weight, count};
    collect(
        static_cast<int>(count), 3, [&](int i) { return rows(0) + space.order[i]; },
        [&](int i, const arch::Packet &packet) {
          space.order[i] = order_of({packet.payload[0], packet.payload[1]});
          space.weights[i] = packet.payload[2];
        });
    Team::barrier();
    return {all.weight, count};
  }

  CADENZA_DEVICE DrawTotals totals(DrawTotals mine) {
    const DrawTotals own = this->totals_of_team(mine);
    arch::Packet *packets = kind(round_packets + static_cast<int>(round++));
    if (thread == 0)
      arch::store_packet(
          packets + self,
          arch::Packet{{own.count, static_cast<uint32_t>(own.weight), static_cast<uint32_t>(own.weight >> 32)}, epoch});
    mine = {0, 0};
    collect(
        blocks, 3, [&](int i) { return packets + i; },
        [&](int, const arch::Packet &packet) {
          mine.count += packet.payload[0];
          mine.weight += uint64_t{packet.payload[2]} << 32 | packet.payload[1];
        });
    return this->totals_of_team(mine);
  }

  CADENZA_DEVICE Candidate largest(Candidate best) {
    best = this->largest_of_team(best);
    if (thread == 0)
      arch::store_packet(kind(best_packets) + self, arch::Packet{{best.key, best.complement, stop_requested()}, epoch});
    best = {0, 0};
    collect(
        blocks, 3, [&](int i) { return kind(best_packets) + i; },
        [&](int, const arch::Packet &packet) {
          best.take_larger({packet.payload[0], packet.payload[1]});
          note_stop(packet.payload[2]);
        });
    return this->largest_of_team(best);
  }

private:
  CADENZA_DEVICE static uint32_t larger(uint32_t a, uint32_t b) { return a > b ? a : b; }

  struct Spin { // for collect_packets
    HostControl *control;
    uint64_t limit_ns;
    int position;
    template <class Ready> CADENZA_DEVICE void operator()(Ready ready) const {
      arch::spin_until(ready, limit_ns,
                       [this] { report_expired(*control, PersistentWait::candidates, Block::layers, position); });
    }
  };

  static constexpr int maxima_packets = 0, header_packets = 1, best_packets = 2, round_packets = 3,
                       row_packets = round_packets + draw_rounds;
  static_assert(blocks * (row_packets + draw_block_rows) == draw_packets_for(blocks));

  CADENZA_DEVICE arch::Packet *kind(int index) const {
    return reinterpret_cast<arch::Packet *>(memory.packets) + index * blocks;
  }
  CADENZA_DEVICE arch::Packet *rows(int of_block) const { return kind(row_packets) + of_block * draw_block_rows; }

  CADENZA_DEVICE uint32_t stop_requested() const {
    return self == 0 && arch::load_acquire_system(&memory.control->stop) != 0;
  }
  CADENZA_DEVICE void note_stop(uint32_t stop) {
    if (stop != 0)
      space.stop = 1; // read behind a barrier
  }

  template <class Address, class Take> CADENZA_DEVICE void collect(int count, int words, Address address, Take take) {
    collect_packets<1, Team>(
        count, epoch, [words](int) { return words; }, address, take, Spin{memory.control, memory.limit_ns, position});
  }
};

/// The token after the step of that number and position, in every thread of all blocks; its highest bit: the host asks
/// to stop. All consumer threads call, after the step's logits were written.
template <class Config> CADENZA_DEVICE uint32_t persistent_draw(SequenceState *state, uint32_t number, int position) {
  using Block = PersistentBlock<Config>;
  using Team = typename Block::Team;
  const int self = arch::opaque(static_cast<int>(arch::block_index()));
  const Sampling sampling = state->sampling;
  const Range tiles = share(Block::vocabulary_tiles, Block::blocks, self);
  const int first = tile_rows * tiles.first, last = smaller(Block::vocabulary, first + tile_rows * tiles.count);

  // What is there of parts of the context is read before the head, and written after the next step's rows were sent.
  constexpr bool fits = Block::table_offset - Block::parts_offset >= static_cast<int>(sizeof(DrawSpace));
  DrawSpace *space;
  if constexpr (fits)
    space = Block::template at<DrawSpace>(arch::opaque(Block::parts_offset));
  else
    space = reinterpret_cast<DrawSpace *>(state->draw.space + self * draw_space_bytes);
  Team::barrier(); // this block's logits are there
  PersistentDraw<Config> exchange(*space, state->draw, number, position, self);
  const DrawRows<Team, /*of_others=*/false> rows{sampling, state->draw.logits, first, last};
  const uint32_t token = draw(exchange, sampling, rows, Block::vocabulary, static_cast<uint32_t>(position + 1),
                              self == 0 ? &state->sampling.slow_draws : nullptr);
  const uint32_t stop = space->stop;
  Team::barrier(); // read, before this is used again
  const int row = static_cast<int>(token);
  if (sampling.adjusts != 0 && exchange.thread == 0 && row >= first && row < last &&
      position + 1 >= state->decode.forced_tokens)
    sampling.rows[row].count_generated();
  return token | stop << 31;
}

} // namespace cadenza
