// What the kernels of persistent mechanisms share: arguments, reports of waits without end, a ring of buffers.
#pragma once

#include "arch_async.cuh"
#include "arch_exchange.cuh"

using namespace cadenza;

struct AsyncArgs {
  const uint32_t *weights;
  uint32_t *out;
  arch::Packet *slots;
  uint32_t *diagnosis; // [4], what the watchdog writes
  uint64_t steps;
  uint64_t first_epoch;
  uint64_t limit_ns; // of every wait
};

enum class Mistake { none, no_full_wait, no_empty_wait, early_release, no_barrier, one_buffer };

/// What a wait does when its time is over: says who waited for what.
CADENZA_DEVICE auto report(const AsyncArgs &args, uint32_t where) {
  return [&args, where] {
    arch::store_release_system(args.diagnosis + 1, arch::block_index());
    arch::store_release_system(args.diagnosis + 2, arch::thread_index());
    arch::store_release_system(args.diagnosis, where);
  };
}

constexpr uint32_t stage_bytes = 1024, stage_count = 3, stage_words = stage_bytes / 4;

/// A ring of buffers in shared memory: a producer warp fills them, consumer threads read and release them.
struct Ring {
  arch::Mbarrier *full, *empty; // [stage_count]
  unsigned char *buffers;       // [stage_count][stage_bytes]
  uint32_t stage = 0, round = 0;

  CADENZA_DEVICE void next() {
    if (++stage == stage_count)
      stage = 0, ++round;
  }
  CADENZA_DEVICE const uint32_t *words() const {
    return reinterpret_cast<const uint32_t *>(buffers + stage * stage_bytes);
  }
};
constexpr uint32_t ring_bytes = 128 + stage_count * stage_bytes;

CADENZA_DEVICE Ring make_ring(unsigned char *memory) {
  auto *barriers = reinterpret_cast<arch::Mbarrier *>(memory);
  return {barriers, barriers + stage_count, memory + 128};
}
/// By one thread.
CADENZA_DEVICE void init_ring(const Ring &ring, uint32_t consumer_warps) {
  for (uint32_t i = 0; i < stage_count; ++i) {
    arch::mbarrier_init(ring.full + i, arch::copy_arrivals());
    arch::mbarrier_init(ring.empty + i, consumer_warps);
  }
  arch::fence_mbarrier_init();
}
/// By all lanes of a producer warp: one stage from `source`.
template <Mistake M> CADENZA_DEVICE void produce_stage(Ring &ring, const void *source, const AsyncArgs &args) {
  if (ring.round > 0 && M != Mistake::no_empty_wait)
    arch::mbarrier_wait(ring.empty + ring.stage, (ring.round - 1) & 1, args.limit_ns, report(args, 1));
  arch::copy_to_shared(ring.buffers + ring.stage * stage_bytes, source, stage_bytes, ring.full + ring.stage);
  ring.next();
}
/// By all lanes of a consumer warp.
CADENZA_DEVICE void wait_stage(const Ring &ring, const AsyncArgs &args) {
  arch::mbarrier_wait(ring.full + ring.stage, ring.round & 1, args.limit_ns, report(args, 2));
}
CADENZA_DEVICE void release_stage(Ring &ring) {
  arch::warp_barrier(); // all lanes have read
  if (arch::lane() == 0)
    arch::mbarrier_arrive(ring.empty + ring.stage);
  ring.next();
}
