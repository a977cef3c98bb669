// What a host-compiled kernel asks of whoever runs it (the emulation's libcuda.so.1): plain C structures, the only
// contract between the two. The module exports `cadenza_host_services`, which the loader sets before the first launch;
// for every kernel `name` it exports the entry `name` and the descriptor `name__cadenza`.
#pragma once

#include "shared/types.h"

namespace cadenza::host {

/// Changes whenever a structure below does; the loader refuses a module with another number.
inline constexpr uint32_t abi_version = 6;

/// Runs one thread; params[0] points to the argument structure, as in cuLaunchKernel's kernelParams.
using KernelEntry = void (*)(const void *const *params);

struct KernelDescriptor {
  uint32_t abi;
  uint32_t max_threads;
  uint32_t min_blocks;
  uint32_t param_bytes;
};

/// The running thread. `Services::thread` points to it while the thread runs.
struct Thread {
  uint32_t thread_index;
  uint32_t block_index;
  uint32_t block_threads;
  uint32_t block_count;
  uint32_t cluster_blocks; // 1 without a cluster
  unsigned char *shared;   // dynamic shared memory, 128-byte aligned
  uint64_t shared_bytes;
};

enum class Element : uint32_t { bf16, f16, tf32 };
enum class Fault : uint32_t { misaligned, illegal_address, trap };

/// One thread's part of a wgmma.
struct WarpgroupOperands {
  Element type;
  bool accumulate;
  uint32_t count;           // sums of a thread: half as many as D has columns
  float *d;                 // [count]
  const uint32_t *fragment; // [4], or nullptr: A is in shared memory, too
  uint64_t a, b;            // descriptors
  bool transposed;          // rows of B lie along N
};

struct Services {
  uint32_t abi;
  const Thread *thread;

  // Device memory is one range with a map of what is allocated: granule_map[i] is the number of 16-byte units of
  // 256-byte granule i that belong to a live allocation.
  const unsigned char *device_memory;
  uint64_t device_bytes;
  const uint8_t *granule_map;

  void (*block_barrier)();
  void (*warp_barrier)();
  uint32_t (*shuffle)(uint32_t value, uint32_t source_lane);
  void (*mma)(Element type, float *d, const uint32_t *a, const uint32_t *b);
  void (*scheduling_point)(); // another thread may run here
  void (*grid_dependency_wait)();
  void (*grid_dependency_trigger)();
  void (*check_slow)(const void *address, bool global); // a 16-byte access outside device and shared memory
  void (*fault)(Fault fault, const void *address);      // does not return

  // For persistent kernels (arch_async.cuh, arch_exchange.cuh).
  uint32_t capability;               // 90 for sm_90
  void (*poll)(const void *address); // a scheduling point before a read of what another block may write
  void (*packet)(const void *address, uint32_t epoch, bool stored); // what was read there, or stored: for the record
  uint64_t (*clock)();                                              // nanoseconds of emulated time
  void (*nanosleep)(uint32_t ns);
  void (*named_barrier)(uint32_t id, uint32_t threads, bool wait);
  void (*cluster_arrive)();
  void (*cluster_wait)();
  void *(*cluster_address)(const void *mine, uint32_t rank);
  void (*mbarrier_init)(void *barrier, uint32_t arrivals);
  void (*mbarrier_arrive)(void *barrier);
  void (*mbarrier_arrive_remote)(void *barrier);
  void (*mbarrier_arrive_expect)(void *barrier, uint32_t bytes);
  bool (*mbarrier_try_wait)(void *barrier, uint32_t parity);
  bool (*mbarrier_test_wait)(void *barrier, uint32_t parity);
  void (*copy_bulk)(void *to, const void *from, uint32_t bytes, void *barrier);
  void (*copy_lane)(void *to, const void *from); // 16 bytes
  void (*copy_lane_arrive)(void *barrier);
  void (*store_async)(void *to, const void *value, uint32_t bytes, void *barrier);

  // For products with operands in shared memory (arch_mma.cuh).
  void (*load_matrices)(uint32_t *to, const void *row, bool transposed);
  void (*copy_async16)(void *to, const void *from, uint32_t bytes);
  void (*copy_async_commit)();
  void (*copy_async_wait)(uint32_t pending);

  // For products of warpgroups (arch_wgmma.cuh).
  void (*fence_proxy_async)(); // of shared memory
  void (*acquire_tensor_map)(const void *map);
  void (*copy_tensor)(void *to, const void *map, const int *coordinates, uint32_t rank, void *barrier,
                      uint32_t blocks); // ranks as bits; 0: this block
  void (*wgmma)(const WarpgroupOperands &operands);
  void (*wgmma_fence)();
  void (*wgmma_commit)();
  void (*wgmma_wait)(uint32_t pending);
  void (*set_registers)(uint32_t count, bool take);
};

} // namespace cadenza::host
