// Uses of mbarriers and asynchronous copies that are undefined on a GPU: the emulation names them.
#include "arch_async.cuh"

using namespace cadenza;

struct FaultArgs {
  const unsigned char *source; // 4096 bytes
  uint64_t value;
};

/// Two barriers of `arrivals` at shared memory + 0 and + 8; 64 threads.
CADENZA_DEVICE arch::Mbarrier *barriers(uint32_t arrivals) {
  auto *b = reinterpret_cast<arch::Mbarrier *>(arch::shared_memory());
  if (arch::thread_index() == 0) {
    arch::mbarrier_init(b, arrivals);
    arch::mbarrier_init(b + 1, arrivals);
    arch::fence_mbarrier_init();
  }
  arch::cluster_barrier();
  return b;
}
CADENZA_DEVICE void wait(arch::Mbarrier *b, uint32_t parity) {
  while (!arch::mbarrier_try_wait(b, parity)) {
  }
}

/// With a phase held open by bytes that never come, one arrival too many.
CADENZA_KERNEL(too_many_arrivals, FaultArgs, 64, 1) {
  arch::Mbarrier *b = barriers(2);
  if (arch::thread_index() == 0)
    arch::mbarrier_arrive_expect_tx(b, 16);
  if (arch::lane() == 0)
    arch::mbarrier_arrive(b);
}
/// In a launch without clusters the first store is already wrong.
CADENZA_KERNEL(more_bytes_than_expected, FaultArgs, 64, 1) {
  arch::Mbarrier *b = barriers(1);
  auto *to = reinterpret_cast<Vec16 *>(arch::shared_memory() + 64);
  if (arch::thread_index() == 0) {
    const uint32_t self = arch::cluster_rank();
    arch::store_async(arch::remote(to, self), Vec16{}, arch::remote(b, self));
    arch::store_async(arch::remote(to + 1, self), Vec16{}, arch::remote(b, self));
    arch::mbarrier_arrive_expect_tx(b, 16);
  }
  wait(b, 0);
  wait(b, 1);
}
/// The bytes of the first copy and `value` more are expected: the phase never ends.
CADENZA_KERNEL(fewer_bytes_than_expected, FaultArgs, 64, 1) {
  arch::Mbarrier *b = barriers(1);
  if (arch::warp() == 0) {
    arch::copy_expect(b, 256 + static_cast<uint32_t>(args.value));
    arch::copy_piece(arch::shared_memory() + 128, args.source, 256, b);
    arch::copy_commit(b);
  }
  wait(b, 0);
}
/// A phase ahead of the barrier's parity: what is waited for was two phases ago.
CADENZA_KERNEL(overtaken_waiter, FaultArgs, 64, 1) {
  arch::Mbarrier *b = barriers(1);
  if (arch::thread_index() == 0) {
    arch::mbarrier_arrive(b);
    arch::mbarrier_arrive(b);
  }
  arch::block_barrier();
  wait(b, 0);
}
CADENZA_KERNEL(no_such_barrier, FaultArgs, 64, 1) {
  barriers(1);
  arch::mbarrier_arrive(reinterpret_cast<arch::Mbarrier *>(arch::shared_memory() + 64));
}
CADENZA_KERNEL(overwritten_barrier, FaultArgs, 64, 1) {
  arch::Mbarrier *b = barriers(64);
  if (arch::thread_index() == 0)
    arch::shared_memory()[8] = 0;
  arch::block_barrier();
  arch::mbarrier_arrive(b + 1);
}
CADENZA_KERNEL(initialised_twice, FaultArgs, 64, 1) {
  arch::Mbarrier *b = barriers(1);
  if (arch::thread_index() == 0)
    arch::mbarrier_init(b, 1);
}
/// `value`: 0 source, 1 destination, 2 size misaligned; 3 behind the source, 4 behind shared memory.
CADENZA_KERNEL(bad_copy, FaultArgs, 64, 1) {
  arch::Mbarrier *b = barriers(arch::copy_arrivals());
  if (arch::warp() == 0) {
    const unsigned char *from = args.source + (args.value == 0 ? 8 : args.value == 3 ? 4096 - 64 : 0);
    unsigned char *to = arch::shared_memory() + (args.value == 1 ? 132 : args.value == 4 ? 1024 - 64 : 128);
    arch::copy_to_shared(to, from, args.value == 2 ? 120 : 128, b);
  }
  wait(b, 0);
}
CADENZA_KERNEL(overlapping_copies, FaultArgs, 64, 1) {
  arch::Mbarrier *b = barriers(1);
  if (arch::warp() == 0) {
    arch::copy_to_shared(arch::shared_memory() + 128, args.source, 512, b);
    arch::copy_to_shared(arch::shared_memory() + 128 + 496, args.source, 64, b + 1);
  }
  wait(b, 0);
  wait(b + 1, 0);
}
CADENZA_KERNEL(exit_during_copy, FaultArgs, 64, 1) {
  arch::Mbarrier *b = barriers(arch::copy_arrivals());
  if (arch::warp() == 0)
    arch::copy_to_shared(arch::shared_memory() + 128, args.source, 512, b);
}
/// The value goes to rank 1, the bytes are counted at rank 0. Clusters of two.
CADENZA_KERNEL(barrier_elsewhere, FaultArgs, 64, 1) {
  arch::Mbarrier *b = barriers(1);
  auto *to = reinterpret_cast<Vec16 *>(arch::shared_memory() + 64);
  if (arch::thread_index() == 0)
    arch::store_async(arch::remote(to, 1), Vec16{}, arch::remote(b, 0));
}
/// Rank 1 does not stay until rank 0 has sent. Clusters of two.
CADENZA_KERNEL(send_to_exited, FaultArgs, 64, 1) {
  arch::Mbarrier *b = barriers(1);
  auto *to = reinterpret_cast<Vec16 *>(arch::shared_memory() + 64);
  if (arch::cluster_rank() == 0 && arch::thread_index() == 0)
    arch::store_async(arch::remote(to, 1), Vec16{}, arch::remote(b, 1));
}
CADENZA_KERNEL(rank_outside_cluster, FaultArgs, 64, 1) {
  arch::mbarrier_arrive(arch::remote(barriers(64), arch::cluster_size()));
}
CADENZA_KERNEL(cluster_wait_alone, FaultArgs, 64, 1) { arch::cluster_barrier_wait(); }
CADENZA_KERNEL(cluster_arrive_twice, FaultArgs, 64, 1) {
  arch::cluster_barrier_arrive();
  arch::cluster_barrier_arrive();
}
CADENZA_KERNEL(named_barrier_disagreement, FaultArgs, 64, 1) {
  arch::named_barrier(3, arch::warp() == 0 ? 32 * 2 : 32);
}
CADENZA_KERNEL(named_barrier_too_few, FaultArgs, 64, 1) {
  if (arch::warp() == 0)
    arch::named_barrier(7, 64);
}
