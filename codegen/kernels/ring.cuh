// The ring: buffers in shared memory through which one producer warp streams everything that a block reads from device
// memory, in the order in which its consumer warps use it. Weights do not depend on activations, so the producer runs
// ahead across phases, layers and tokens; only consumers wait for activations.
//
// Pacing: few copies in flight give the whole bandwidth, more of them only lengthen every other access to memory, the
// exchange of activations above all, and let some multiprocessors have twice the bandwidth of others. So the producer
// waits for its oldest copy before it issues one too many, even if buffers are free. What counts is bytes: if blocks
// with smaller copies had as many of them in flight as others, they would get less.
#pragma once

#include "arch_async.cuh"
#include "tile.cuh"

namespace cadenza {

/// A position in the ring, and which time round it is.
template <int stages> struct RingCursor {
  int stage = 0;
  uint32_t round = 0;
  int arrived = 0; // stages from this one on that a consumer knows to be full

  /// By a stage, or not at all.
  CADENZA_DEVICE void advance(bool really = true) {
    arrived -= really;
    stage += really;
    const bool wraps = stage == stages;
    stage = wraps ? 0 : stage;
    round += wraps;
  }
};

template <int stage_count, int bytes_per_stage, int consumer_warps> struct Ring {
  static constexpr int stages = stage_count, stage_bytes = bytes_per_stage;
  using Cursor = RingCursor<stages>;

  unsigned char *buffers; // [stages][stage_bytes]
  arch::Mbarrier *full;   // [stages]: a copy has arrived
  arch::Mbarrier *empty;  // [stages]: all consumer warps are done with it

  CADENZA_DEVICE unsigned char *buffer(const Cursor &at) const { return buffers + at.stage * stage_bytes; }

  /// By one thread, before the barrier that lets the others use it.
  CADENZA_DEVICE void init() const {
    for (int i = 0; i < stages; ++i) {
      arch::mbarrier_init(full + i, arch::copy_arrivals());
      arch::mbarrier_init(empty + i, consumer_warps);
    }
  }

  /// Consumers, a whole warp: wait(mbarrier, parity) until the stage has arrived.
  template <class Wait> CADENZA_DEVICE void await(Cursor &at, Wait wait) const {
    if (at.arrived > 0)
      return;
    wait(full + at.stage, at.round & 1);
    look(at);
  }
  /// Each lane looks at one of the next stages: what has arrived already need not be asked for again. A ballot orders
  /// no memory: until the next warp barrier (release has one) only a lane that has waited for a stage may read it.
  CADENZA_DEVICE void look(Cursor &at) const {
    const int lane = static_cast<int>(arch::lane()), stage = at.stage + lane;
    const bool wraps = stage >= stages;
    at.arrived = arch::trailing_ones(arch::ballot(
        lane < stages && arch::mbarrier_test_wait(full + (wraps ? stage - stages : stage), (at.round + wraps) & 1)));
  }
  /// Consumers: all lanes have what they need in registers, and go on to the next stage. Nothing, unless `really`.
  CADENZA_DEVICE void release(Cursor &at, bool really = true) const {
    arch::warp_barrier();
    if (really && arch::lane() == 0)
      arch::mbarrier_arrive(empty + at.stage);
    at.advance(really);
  }
};

/// The producer warp's side; all 32 lanes.
template <class Ring> struct RingProducer {
  Ring ring;
  typename Ring::Cursor next = {}, oldest = {}; // to issue; in flight
  int in_flight = 0;

  /// A free buffer for a copy of `bytes`, once those in flight, were they of as many bytes, are less than `limit`
  /// bytes. slot and data are waits as in Ring::await. No more copies than stages: a second one into the stage of the
  /// oldest would end a phase that `land` still has to see.
  template <class Slot, class Data>
  CADENZA_DEVICE unsigned char *begin(int limit, uint32_t bytes, Slot slot, Data data) {
    while (in_flight >= Ring::stages || in_flight * static_cast<int>(bytes) >= limit)
      land(data);
    if (next.round > 0)
      slot(ring.empty + next.stage, (next.round - 1) & 1);
    arch::copy_expect(ring.full + next.stage, bytes);
    return ring.buffer(next);
  }
  /// `count` pieces of as many bytes, up to 32: lane i has the addresses of piece i.
  CADENZA_DEVICE void pieces(int count, void *to, const void *from, uint32_t bytes) {
    arch::copy_pieces(count, to, from, bytes, ring.full + next.stage);
  }
  CADENZA_DEVICE void end() {
    arch::copy_commit(ring.full + next.stage);
    next.advance();
    ++in_flight;
  }
  /// Waits for the oldest copy in flight.
  template <class Data> CADENZA_DEVICE void land(Data data) {
    data(ring.full + oldest.stage, oldest.round & 1);
    oldest.advance();
    --in_flight;
  }
  /// No copy may arrive after the block has exited.
  template <class Data> CADENZA_DEVICE void drain(Data data) {
    while (in_flight > 0)
      land(data);
  }
};

} // namespace cadenza
