// The table through which kernels reach the scheduler.
#include "test/emulation/async.h"
#include "test/emulation/faults.h"
#include "test/emulation/scheduler.h"

namespace cadenza::emulation {

Scheduler::Scheduler() : services{} {
  services.abi = host::abi_version;
  services.block_barrier = [] { scheduler().blockBarrier(); };
  services.warp_barrier = [] { scheduler().warpBarrier(); };
  services.shuffle = [](uint32_t value, uint32_t source) { return scheduler().shuffle(value, source); };
  services.mma = [](host::Element type, float *d, const uint32_t *a, const uint32_t *b) {
    scheduler().mma(type, d, a, b);
  };
  services.scheduling_point = [] { scheduler().schedulingPoint(); };
  services.grid_dependency_wait = [] { scheduler().gridDependencyWait(); };
  services.grid_dependency_trigger = [] { scheduler().gridDependencyTrigger(); };
  services.poll = [](const void *address) { scheduler().poll(address); };
  services.packet = [](const void *address, uint32_t epoch, bool stored) {
    scheduler().packet(address, epoch, stored);
  };
  services.clock = [] { return scheduler().clock(); };
  services.nanosleep = [](uint32_t ns) { scheduler().nanosleep(ns); };
  services.named_barrier = [](uint32_t id, uint32_t n, bool wait) { scheduler().namedBarrier(id, n, wait); };
  services.cluster_arrive = [] { scheduler().clusterArrive(); };
  services.cluster_wait = [] { scheduler().clusterWait(); };
  services.cluster_address = [](const void *mine, uint32_t rank) { return scheduler().clusterAddress(mine, rank); };
  services.mbarrier_init = [](void *b, uint32_t arrivals) { scheduler().mbarrierInit(b, arrivals); };
  services.mbarrier_arrive = [](void *b) { scheduler().mbarrierArrive(b, false, 0); };
  services.mbarrier_arrive_remote = [](void *b) { scheduler().mbarrierArrive(b, true, 0); };
  services.mbarrier_arrive_expect = [](void *b, uint32_t bytes) { scheduler().mbarrierArrive(b, false, bytes); };
  services.mbarrier_try_wait = [](void *b, uint32_t parity) { return scheduler().mbarrierTryWait(b, parity); };
  services.mbarrier_test_wait = [](void *b, uint32_t parity) { return scheduler().mbarrierTestWait(b, parity); };
  services.copy_bulk = [](void *to, const void *from, uint32_t bytes, void *b) {
    scheduler().copyBulk(to, from, bytes, b);
  };
  services.copy_lane = [](void *to, const void *from) { scheduler().copyLane(to, from); };
  services.copy_lane_arrive = [](void *b) { scheduler().copyLaneArrive(b); };
  services.store_async = [](void *to, const void *value, uint32_t bytes, void *b) {
    scheduler().storeAsync(to, value, bytes, b);
  };
  services.load_matrices = [](uint32_t *to, const void *row, bool transposed) {
    scheduler().loadMatrices(to, row, transposed);
  };
  services.copy_async16 = [](void *to, const void *from, uint32_t bytes) { scheduler().copyAsync(to, from, bytes); };
  services.copy_async_commit = [] { scheduler().copyAsyncCommit(); };
  services.copy_async_wait = [](uint32_t pending) { scheduler().copyAsyncWait(pending); };
  services.fence_proxy_async = [] { scheduler().fenceProxyAsync(); };
  services.acquire_tensor_map = [](const void *map) { scheduler().acquireTensorMap(map); };
  services.copy_tensor = [](void *to, const void *map, const int *coordinates, uint32_t rank, void *b,
                            uint32_t blocks) { scheduler().copyTensor(to, map, coordinates, rank, b, blocks); };
  services.wgmma = [](const host::WarpgroupOperands &operands) { scheduler().wgmma(operands); };
  services.wgmma_fence = [] { scheduler().wgmmaFence(); };
  services.wgmma_commit = [] { scheduler().wgmmaCommit(); };
  services.wgmma_wait = [](uint32_t pending) { scheduler().wgmmaWait(pending); };
  services.set_registers = [](uint32_t count, bool take) { scheduler().setRegisters(count, take); };
  services.check_slow = [](const void *address, bool global) { scheduler().checkSlow(address, global); };
  services.fault = [](host::Fault kind, const void *address) {
    if (kind == host::Fault::misaligned)
      scheduler().fault(CUDA_ERROR_MISALIGNED_ADDRESS, "a 16-byte access to " + formatAddress(address));
    if (kind == host::Fault::illegal_address)
      scheduler().fault(CUDA_ERROR_ILLEGAL_ADDRESS, "an access outside every allocation, at " + formatAddress(address));
    scheduler().fault(CUDA_ERROR_LAUNCH_FAILED, "trap");
  };
}

} // namespace cadenza::emulation
