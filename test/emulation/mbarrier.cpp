// Where threads of persistent kernels wait: mbarriers, named and cluster barriers, polls; and what happens when all do.
#include "test/emulation/faults.h"
#include "test/emulation/scheduler.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace cadenza::emulation {

namespace {

constexpr int64_t byteLimit = (1 << 20) - 1; // of an mbarrier's byte count, both ways

/// Rounds of time-outs in which every bounded wait must have noticed that its time is over; see spin_until.
constexpr uint32_t stuckRoundLimit = 300;
constexpr uint64_t nanosecondsAPoint = 16, nanosecondsAStuckRound = 1'000'000'000;

/// What an initialised mbarrier's bytes hold.
uint64_t cookie(uint32_t offset) { return 0x6d62617272696572u ^ static_cast<uint64_t>(offset) << 32; }

} // namespace

void Scheduler::requireSm90(const char *what) {
  if (services.capability < 90)
    fault(CUDA_ERROR_LAUNCH_FAILED, std::string(what) + " needs sm_90 or later");
}

/// The running lane waits, recorded in a mask of its warp, until another makes it runnable.
void Scheduler::wait(uint32_t Warp::*mask) {
  Warp &warp = *current_->warp;
  const uint32_t bit = 1u << (current_ - warp.lanes);
  warp.*mask |= bit;
  clearRunnable(warp, bit);
  leave();
}

// Time and polls ------------------------------------------------------------------------------------------------------

void Scheduler::poll(const void *address) {
  Lane &lane = *current_;
  const uint32_t bit = 1u << (&lane - lane.warp->lanes);
  lane.address = address;
  lane.warp->polling |= bit;
  if (random_.oneIn(16)) // it may wait for those whom it keeps from running
    setPriority(*lane.warp, random_.next() >> 40);
  if (spins(lane, address)) {
    if (++idlePoints_ % (1 << 16) == 0)
      checkProgress();
    parked_.push_back(&lane);
    clearRunnable(*lane.warp, bit);
    leave();
  } else {
    schedulingPoint();
  }
  lane.warp->polling &= ~bit;
}

// A lane that polls packets in turn and finds each as it was reads the same once more: that changes nothing, and in a
// schedule that favours it most of a run would be such polls. So a lane that does so again and again is parked until a
// packet that it polled is stored, or nobody else can go on; now and then one is woken for nothing. Of mbarriers and of
// single words nobody says that they changed: they are polled without end.

/// Whether the lane, about to poll the packet, has gone through values that it knew for some time.
bool Scheduler::spins(Lane &lane, const void *address) const {
  constexpr uint32_t enough = 16;
  const WatchedPacket *begin = lane.watched, *end = begin + lane.watchedCount;
  const bool useless =
      std::any_of(begin, end, [&](const WatchedPacket &packet) { return packet.address == address; }) &&
      std::all_of(begin, end, [](const WatchedPacket &packet) {
        return std::memcmp(packet.address, packet.bytes, sizeof packet.bytes) == 0;
      });
  lane.uselessPolls = useless ? lane.uselessPolls + 1 : 0;
  return lane.uselessPolls > enough;
}

/// The lane has read the packet.
void Scheduler::watch(Lane &lane, const void *address) {
  WatchedPacket *end = lane.watched + lane.watchedCount;
  WatchedPacket *packet = std::find_if(lane.watched, end, [&](const auto &other) { return other.address == address; });
  if (packet == std::end(lane.watched))
    packet = lane.watched, lane.watchedCount = 1; // another round begins
  else if (packet == end)
    ++lane.watchedCount;
  packet->address = address;
  std::memcpy(packet->bytes, address, sizeof packet->bytes);
}

void Scheduler::wake(size_t parked) {
  Lane &lane = *parked_[parked];
  parked_[parked] = parked_.back();
  parked_.pop_back();
  setRunnable(*lane.warp, 1u << (&lane - lane.warp->lanes));
}

bool Scheduler::wakeAll() {
  const bool any = !parked_.empty();
  while (!parked_.empty())
    wake(parked_.size() - 1);
  return any;
}

uint64_t Scheduler::clock() { return points_ * nanosecondsAPoint + clockOffset_; }

void Scheduler::nanosleep(uint32_t) {
  quantum_ = 0;
  schedulingPoint();
}

/// No thread can run and nothing is in flight. Threads in try_wait time out, as on the hardware, so that a watchdog can
/// act; false when that did not help either.
bool Scheduler::breakDeadlock() {
  if (stuckReport_.empty())
    stuckReport_ = "deadlock: no thread can go on" + describeWaiting();
  if (stuckRounds_++ >= stuckRoundLimit)
    return false;
  clockOffset_ += nanosecondsAStuckRound;
  bool any = false;
  for (const auto &block : resident_)
    for (const auto &warp : block->warps)
      if (const uint32_t lanes = std::exchange(warp->atMbarrier, 0)) {
        setRunnable(*warp, lanes);
        any = true;
      }
  return any;
}

// Mbarriers -----------------------------------------------------------------------------------------------------------

std::string Scheduler::nameMbarrier(const Block &block, const MbarrierState &barrier) const {
  char offset[16];
  std::snprintf(offset, sizeof offset, "0x%x", barrier.offset);
  return std::string("the mbarrier at shared memory + ") + offset + " of block " + std::to_string(block.index) +
         " (phase " + std::to_string(barrier.phase) + ", " + std::to_string(barrier.pending) + " of " +
         std::to_string(barrier.expected) + " arrivals and " + std::to_string(barrier.bytes) + " bytes to come)";
}

/// Why there is no usable mbarrier at `address`, or "".
std::string Scheduler::damage(const Block &block, const void *address, const char *what) const {
  const auto *p = static_cast<const unsigned char *>(address);
  for (const MbarrierState &barrier : block.mbarriers)
    if (block.shared + barrier.offset == p) {
      uint64_t bytes;
      std::memcpy(&bytes, p, sizeof bytes);
      return bytes == cookie(barrier.offset)
                 ? ""
                 : std::string(what) + ": something has overwritten " + nameMbarrier(block, barrier);
    }
  return std::string(what) + ": no mbarrier has been initialised at " + formatAddress(address) + " (shared memory of " +
         "block " + std::to_string(block.index) + " begins at " + formatAddress(block.shared) + ")";
}

MbarrierState &Scheduler::mbarrier(Block &block, const void *address, const char *what) {
  if (const std::string error = damage(block, address, what); !error.empty())
    fault(CUDA_ERROR_LAUNCH_FAILED, error);
  return *std::find_if(block.mbarriers.begin(), block.mbarriers.end(),
                       [&](const MbarrierState &barrier) { return block.shared + barrier.offset == address; });
}

void Scheduler::mbarrierInit(void *address, uint32_t arrivals) {
  Block &block = *current_->warp->block;
  const auto *p = static_cast<unsigned char *>(address);
  if (blockOfShared(address, 8) != &block)
    fault(CUDA_ERROR_ILLEGAL_ADDRESS, "mbarrier_init outside this block's shared memory, at " + formatAddress(address));
  if (reinterpret_cast<uintptr_t>(address) % 8 != 0)
    fault(CUDA_ERROR_MISALIGNED_ADDRESS, "mbarrier_init at " + formatAddress(address));
  if (arrivals == 0 || arrivals > byteLimit)
    fault(CUDA_ERROR_LAUNCH_FAILED, "mbarrier_init with " + std::to_string(arrivals) + " arrivals");
  for (const MbarrierState &barrier : block.mbarriers)
    if (block.shared + barrier.offset == p)
      fault(CUDA_ERROR_LAUNCH_FAILED, "mbarrier_init of " + nameMbarrier(block, barrier) + ", which is in use");
  const uint32_t offset = static_cast<uint32_t>(p - block.shared);
  const uint64_t bytes = cookie(offset);
  std::memcpy(address, &bytes, sizeof bytes);
  block.mbarriers.push_back({offset, arrivals, arrivals});
  if (record_.isOn())
    record_.init(block.index, offset);
  schedulingPoint();
}

/// After a change: ends the phase if everything is there. Returns what is wrong, or "".
std::string Scheduler::settle(Block &block, MbarrierState &barrier) {
  if (std::abs(barrier.bytes) > byteLimit)
    return "more than 2^20 - 1 bytes counted at once, at " + nameMbarrier(block, barrier);
  if (barrier.pending != 0 || barrier.bytes > 0)
    return "";
  if (barrier.bytes < 0)
    return "more bytes came in one phase than were expected, at " + nameMbarrier(block, barrier);
  ++barrier.phase;
  barrier.pending = barrier.expected;
  progress();
  const void *address = block.shared + barrier.offset;
  for (const auto &warp : block.warps) {
    uint32_t lanes = 0;
    for (uint32_t mask = warp->atMbarrier; mask != 0; mask &= mask - 1)
      if (warp->lanes[std::countr_zero(mask)].address == address)
        lanes |= mask & -mask;
    warp->atMbarrier &= ~lanes;
    setRunnable(*warp, lanes);
  }
  return "";
}

void Scheduler::mbarrierArrive(void *address, bool remote, uint32_t expectedBytes) {
  const char *what =
      remote ? "mbarrier_arrive in another block" : (expectedBytes ? "mbarrier_arrive_expect_tx" : "mbarrier_arrive");
  if (remote || expectedBytes != 0)
    requireSm90(what);
  schedulingPoint();
  Block *block = remote ? blockOfShared(address, 8) : current_->warp->block;
  if (!block)
    fault(CUDA_ERROR_ILLEGAL_ADDRESS, std::string(what) + ": no block of this cluster that still runs has it");
  MbarrierState &barrier = mbarrier(*block, address, what);
  if (barrier.pending == 0)
    fault(CUDA_ERROR_LAUNCH_FAILED, "more arrivals in one phase than " + std::to_string(barrier.expected) + ", at " +
                                        nameMbarrier(*block, barrier));
  barrier.bytes += expectedBytes;
  --barrier.pending;
  if (const std::string error = settle(*block, barrier); !error.empty())
    fault(CUDA_ERROR_LAUNCH_FAILED, error);
  schedulingPoint();
}

bool Scheduler::mbarrierTryWait(void *address, uint32_t parity) {
  constexpr const char *what = "mbarrier_try_wait";
  Block &block = *current_->warp->block;
  if (parity > 1)
    fault(CUDA_ERROR_LAUNCH_FAILED, std::string(what) + ": parity " + std::to_string(parity) + " is not 0 or 1");
  auto done = [&] {
    const MbarrierState &barrier = mbarrier(block, address, what);
    if ((barrier.phase & 1) == parity)
      return false;
    recordWait(block, barrier);
    return true;
  };
  const bool before = done();
  current_->number = parity;
  if (before || random_.oneIn(4)) {
    poll(address);
    return before || done();
  }
  current_->address = address;
  wait(&Warp::atMbarrier);
  return done(); // a later phase may have begun and ended meanwhile
}

bool Scheduler::mbarrierTestWait(void *address, uint32_t parity) {
  constexpr const char *what = "mbarrier_test_wait";
  if (parity > 1)
    fault(CUDA_ERROR_LAUNCH_FAILED, std::string(what) + ": parity " + std::to_string(parity) + " is not 0 or 1");
  Block &block = *current_->warp->block;
  const MbarrierState &barrier = mbarrier(block, address, what);
  const bool done = (barrier.phase & 1) != parity;
  if (done)
    recordWait(block, barrier);
  poll(address);
  return done;
}

/// The phase before the one that the barrier is in is over, and the running thread knows.
void Scheduler::recordWait(const Block &block, const MbarrierState &barrier) {
  if (record_.isOn() && barrier.phase > 0)
    record_.wait(block.index, current_->thread.thread_index, barrier.offset, barrier.phase - 1);
}

void Scheduler::packet(const void *address, uint32_t epoch, bool stored) {
  if (record_.isOn())
    record_.packet(current_->warp->block->index, current_->thread.thread_index, address, epoch, stored);
  if (!stored)
    return watch(*current_, address);
  for (size_t i = parked_.size(); i-- > 0;) {
    const WatchedPacket *watched = parked_[i]->watched, *end = watched + parked_[i]->watchedCount;
    if (std::any_of(watched, end, [&](const WatchedPacket &packet) { return packet.address == address; }))
      wake(i);
  }
}

// Named barriers ------------------------------------------------------------------------------------------------------

void Scheduler::namedBarrier(uint32_t id, uint32_t threads, bool wait) {
  Warp &warp = *current_->warp;
  Block &block = *warp.block;
  if (id == 0 || id > 15 || threads == 0 || threads % 32 != 0 || threads > block.threads)
    fault(CUDA_ERROR_LAUNCH_FAILED, "named_barrier " + std::to_string(id) + " of " + std::to_string(threads) +
                                        " threads: ids are 1 to 15, threads a multiple of 32 within the block");
  NamedBarrier &barrier = block.named[id];
  if (barrier.arrived != 0 && barrier.threads != threads)
    fault(CUDA_ERROR_LAUNCH_FAILED, "named_barrier " + std::to_string(id) + " of " + std::to_string(threads) +
                                        " threads, while others wait there for " + std::to_string(barrier.threads));
  if (warp.atCollective != 0)
    fault(CUDA_ERROR_LAUNCH_FAILED, "divergence: named_barrier " + std::to_string(id) +
                                        " while other lanes of the warp wait in a collective" + describeWaiting());
  barrier.threads = threads;
  if (++barrier.arrived < threads) {
    if (!wait)
      return schedulingPoint();
    current_->number = id;
    return this->wait(&Warp::atNamed);
  }
  barrier.arrived = 0;
  progress();
  for (const auto &other : block.warps) {
    uint32_t lanes = 0;
    for (uint32_t mask = other->atNamed; mask != 0; mask &= mask - 1)
      if (other->lanes[std::countr_zero(mask)].number == id)
        lanes |= mask & -mask;
    other->atNamed &= ~lanes;
    setRunnable(*other, lanes);
  }
  quantum_ = 0;
  leave();
}

// Clusters ------------------------------------------------------------------------------------------------------------

void Scheduler::clusterArrive() {
  requireSm90("cluster_barrier_arrive");
  Lane &lane = *current_;
  Cluster &cluster = *lane.warp->block->cluster;
  if (lane.atClusterBarrier)
    fault(CUDA_ERROR_LAUNCH_FAILED, "cluster_barrier_arrive twice without cluster_barrier_wait between");
  lane.atClusterBarrier = true;
  lane.clusterPhase = cluster.phase;
  ++cluster.arrived;
  finishClusterPhase(cluster);
  schedulingPoint();
}

void Scheduler::clusterWait() {
  requireSm90("cluster_barrier_wait");
  Lane &lane = *current_;
  if (!std::exchange(lane.atClusterBarrier, false))
    fault(CUDA_ERROR_LAUNCH_FAILED, "cluster_barrier_wait without cluster_barrier_arrive before it");
  if (lane.clusterPhase != lane.warp->block->cluster->phase)
    return schedulingPoint();
  wait(&Warp::atCluster);
}

/// Ends the phase when all threads that have not exited arrived.
void Scheduler::finishClusterPhase(Cluster &cluster) {
  if (cluster.arrived == 0 || cluster.arrived + cluster.exited < cluster.threads)
    return;
  cluster.arrived = 0;
  ++cluster.phase;
  progress();
  for (Block *block : cluster.blocks)
    if (block)
      for (const auto &warp : block->warps)
        setRunnable(*warp, std::exchange(warp->atCluster, 0));
}

void *Scheduler::clusterAddress(const void *mine, uint32_t rank) {
  requireSm90("remote");
  const Block &block = *current_->warp->block;
  const auto *p = static_cast<const unsigned char *>(mine);
  if (blockOfShared(mine, 1) != &block)
    fault(CUDA_ERROR_ILLEGAL_ADDRESS, "remote: " + formatAddress(mine) + " is not in this block's shared memory");
  if (rank >= block.cluster->blocks.size())
    fault(CUDA_ERROR_LAUNCH_FAILED,
          "remote: rank " + std::to_string(rank) + " in a cluster of " + std::to_string(block.cluster->blocks.size()));
  const Block *peer = block.cluster->blocks[rank];
  if (!peer)
    fault(CUDA_ERROR_LAUNCH_FAILED, "remote: the block of rank " + std::to_string(rank) + " has exited");
  return peer->shared + (p - block.shared);
}

} // namespace cadenza::emulation
