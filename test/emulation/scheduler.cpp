#include "test/emulation/scheduler.h"

#include "test/emulation/async.h"
#include "test/emulation/faults.h"
#include "test/emulation/warpgroup.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <utility>

namespace cadenza::emulation {

namespace {

/// Bytes behind a block's shared memory that must keep their pattern.
constexpr size_t sharedCanaryBytes = 64;
/// Threads resident at once, unless a cooperative launch needs more: what a processor's caches hold.
constexpr uint32_t residentThreads = 2048;

constexpr unsigned char poison = 0xff, canary = 0xa5;

/// Points at which a thread offered the processor while no thread of the device arrived anywhere: a spin without end.
constexpr uint64_t idlePointLimit = 20'000'000;

void runThread() {
  Lane *lane = scheduler().current();
  const Grid *grid = lane->warp->block->grid;
  grid->launch->kernel->entry(grid->parameters);
  scheduler().exitThread();
}

uint32_t timeLimitSeconds() {
  const char *text = std::getenv("CADENZA_EMULATION_TIMEOUT");
  const int seconds = text ? std::atoi(text) : 0;
  return seconds > 0 ? seconds : 60;
}

} // namespace

Scheduler theScheduler; // nothing asks for it before the library is loaded

Scheduler::~Scheduler() = default;

// The run ------------------------------------------------------------------------------------------------------------

Outcome Scheduler::run(const std::vector<const Launch *> &chain, uint64_t seed) {
  installFaultHandler();
  random_ = Random(seed);
  random_.next();
  // Each run has its own temper: uniform or priority-driven, eager or lazy to switch and to start blocks. A single
  // temper averages its schedules out and misses the extreme ones.
  static constexpr int quanta[] = {2, 8, 32, 256, 1 << 20};
  static constexpr uint32_t tournaments[] = {1, 2, 8}, starts[] = {1, 2, 16}, residencies[] = {1, 2, 4, 8, 1u << 20},
                            asyncs[] = {1, 8, 64, 512};
  quantumMax_ = quanta[random_.below(std::size(quanta))];
  tournament_ = tournaments[random_.below(std::size(tournaments))];
  startOneIn_ = starts[random_.below(std::size(starts))];
  const uint32_t residency = residencies[random_.below(std::size(residencies))];

  asyncOneIn_ = asyncs[random_.below(std::size(asyncs))];
  static constexpr uint32_t products[] = {2, 128, 4096, ~0u}; // the last: not before the wait
  productOneIn_ = products[seed * 0x9e3779b97f4a7c15u >> 62];

  outcome_ = {};
  progress();
  points_ = clockOffset_ = 0;
  quantum_ = 0;
  capacity_ = 1;
  deadline_ = std::chrono::steady_clock::now() + std::chrono::seconds(timeLimitSeconds());
  for (const Launch *launch : chain) {
    Grid &grid = grids_.emplace_back();
    grid.launch = launch;
    grid.parameters[0] = launch->arguments.data();
    if (record_.isOn())
      record_.launch(launch->kernel->name, launch->blocks, launch->clusterBlocks);
    grid.order.resize(launch->blocks / launch->clusterBlocks);
    std::iota(grid.order.begin(), grid.order.end(), 0);
    for (size_t i = grid.order.size(); i > 1; --i)
      std::swap(grid.order[i - 1], grid.order[random_.below(static_cast<uint32_t>(i))]);
    capacity_ = std::max({capacity_, launch->clusterBlocks,
                          std::min({residency, launch->residentBlocks, residentThreads / launch->threads}),
                          launch->cooperative ? launch->blocks : 1});
  }
  for (size_t i = 1; i < grids_.size(); ++i) {
    grids_[i].previous = &grids_[i - 1];
    grids_[i - 1].next = &grids_[i];
  }

  while (outcome_.code == CUDA_SUCCESS) {
    if (finished_)
      finishBlock(*std::exchange(finished_, nullptr));
    if (outcome_.code != CUDA_SUCCESS)
      break;
    Grid *grid = startable();
    if (grid && (ready_.empty() || random_.oneIn(startOneIn_))) {
      startCluster(*grid);
      continue;
    }
    if (ready_.empty()) {
      if (advanceAsync() || wakeAll())
        continue;
      if (resident_.empty())
        break;
      if (!breakDeadlock())
        outcome_ = {CUDA_ERROR_LAUNCH_FAILED, stuckReport_};
      continue;
    }
    currentWarp_ = chooseWarp();
    current_ = chooseLane(*currentWarp_);
    services.thread = &current_->thread;
    cadenza_fiber_switch(&mainStackPointer_, current_->stackPointer);
    current_ = nullptr;
  }
  reset();
  return outcome_;
}

/// Forgets what a fault left behind; abandoned fibers hold nothing that needs destroying.
void Scheduler::reset() {
  current_ = nullptr;
  currentWarp_ = nullptr;
  services.thread = nullptr;
  finished_ = nullptr;
  async_.clear();
  copyingLanes_.clear();
  multiplyingWarps_.clear();
  parked_.clear();
  ready_.clear();
  for (std::unique_ptr<Block> &block : resident_) {
    for (std::unique_ptr<Warp> &warp : block->warps)
      for (uint32_t mask = warp->all; mask; mask &= mask - 1)
        stacks_.give(warp->lanes[std::countr_zero(mask)].stack);
    spare_.push_back(std::move(block));
  }
  resident_.clear();
  grids_.clear();
  firstOpen_ = 0;
}

/// The grid whose next cluster may start now: launches start in order, a dependent once every block of the launch
/// before it has triggered or exited.
Grid *Scheduler::startable() {
  if (resident_.size() >= capacity_)
    return nullptr;
  while (firstOpen_ < grids_.size() && grids_[firstOpen_].started())
    ++firstOpen_;
  if (firstOpen_ < grids_.size()) {
    Grid &grid = grids_[firstOpen_];
    if (grid.previous && grid.previous->triggered < grid.previous->launch->blocks)
      return nullptr;
    const size_t needed = grid.launch->cooperative
                              ? (grid.order.size() - grid.startedClusters) * grid.launch->clusterBlocks
                              : grid.launch->clusterBlocks;
    return resident_.empty() || resident_.size() + needed <= capacity_ ? &grid : nullptr;
  }
  return nullptr;
}

void Scheduler::startCluster(Grid &grid) {
  const uint32_t first = grid.order[grid.startedClusters++] * grid.launch->clusterBlocks;
  auto cluster = std::make_shared<Cluster>();
  cluster->threads = grid.launch->clusterBlocks * grid.launch->threads;
  for (uint32_t i = 0; i < grid.launch->clusterBlocks; ++i)
    startBlock(grid, first + i, cluster);
}

void Scheduler::startBlock(Grid &grid, uint32_t index, const std::shared_ptr<Cluster> &cluster) {
  if (spare_.empty())
    spare_.push_back(std::make_unique<Block>());
  resident_.push_back(std::move(spare_.back()));
  spare_.pop_back();
  Block &block = *resident_.back();
  block.grid = &grid;
  block.index = index;
  block.threads = grid.launch->threads;
  block.atBarrier = block.exited = 0;
  block.triggered = false;
  block.cluster = cluster;
  cluster->blocks.push_back(&block);
  block.mbarriers.clear();
  for (NamedBarrier &barrier : block.named)
    barrier = {};
  block.asyncOperations = 0;

  const size_t sharedBytes = grid.launch->sharedBytes;
  block.sharedStorage.resize(sharedBytes + 1024 + sharedCanaryBytes);
  block.shared = block.sharedStorage.data();
  block.shared += (1024 - reinterpret_cast<uintptr_t>(block.shared) % 1024) % 1024; // swizzles are of addresses
  std::memset(block.shared, poison, sharedBytes);
  std::memset(block.shared + sharedBytes, canary, sharedCanaryBytes);
  block.asyncView.assign(sharedBytes, poison);
  block.products.assign((block.threads + 127) / 128, {});

  block.warps.resize((block.threads + 31) / 32);
  for (uint32_t w = 0; w < block.warps.size(); ++w) {
    if (!block.warps[w])
      block.warps[w] = std::make_unique<Warp>();
    Warp &warp = *block.warps[w];
    const uint32_t lanes = std::min(32u, block.threads - w * 32);
    warp.block = &block;
    warp.index = w;
    warp.all = lanes == 32 ? ~0u : (1u << lanes) - 1;
    warp.runnable = warp.exited = warp.atBarrier = warp.atCollective = warp.atGridWait = 0;
    warp.atMbarrier = warp.atNamed = warp.atCluster = warp.polling = 0;
    warp.collective = Collective::none;
    warp.readyIndex = -1;
    warp.products = nullptr;
    warp.registers = 0;
    const uint64_t choice = random_.next();
    warp.rotation = choice % 32;
    warp.descending = choice >> 5 & 1;
    warp.priority = static_cast<uint32_t>(choice >> 32);
    for (uint32_t i = 0; i < lanes; ++i) {
      Lane &lane = warp.lanes[i];
      lane.warp = &warp;
      lane.stack = stacks_.take();
      lane.stackPointer = prepareFiber(lane.stack, runThread);
      lane.openCopies = nullptr;
      lane.copies.clear();
      lane.copyGroups = 0;
      lane.copying = false;
      lane.tensorMaps.clear();
      lane.watchedCount = lane.uselessPolls = 0;
      lane.atClusterBarrier = false;
      lane.thread = {w * 32 + i,   index,      block.threads, grid.launch->blocks, grid.launch->clusterBlocks,
                     block.shared, sharedBytes};
    }
    setRunnable(warp, warp.all);
  }
  progress();
}

void Scheduler::finishBlock(Block &block) {
  Grid &grid = *block.grid;
  const unsigned char *end = block.shared + grid.launch->sharedBytes;
  if (std::any_of(end, end + sharedCanaryBytes, [](unsigned char byte) { return byte != canary; })) {
    outcome_ = {CUDA_ERROR_ILLEGAL_ADDRESS, "kernel '" + grid.launch->kernel->name + "', block " +
                                                std::to_string(block.index) + ": a write behind the block's " +
                                                std::to_string(grid.launch->sharedBytes) +
                                                " bytes of dynamic shared memory"};
    return;
  }
  if (block.asyncOperations != 0) {
    outcome_ = {CUDA_ERROR_LAUNCH_FAILED, "kernel '" + grid.launch->kernel->name + "', block " +
                                              std::to_string(block.index) + ": exited with " +
                                              std::to_string(block.asyncOperations) +
                                              " asynchronous copies or stores to its shared memory in flight"};
    return;
  }
  forgetCopies(block);
  *std::find(block.cluster->blocks.begin(), block.cluster->blocks.end(), &block) = nullptr;
  block.cluster = nullptr;
  for (std::unique_ptr<Warp> &warp : block.warps)
    for (uint32_t mask = warp->all; mask; mask &= mask - 1)
      stacks_.give(warp->lanes[std::countr_zero(mask)].stack);
  if (!block.triggered)
    ++grid.triggered;
  ++grid.finished;
  if (grid.complete())
    for (Warp *warp : std::exchange(grid.waiters, {}))
      setRunnable(*warp, std::exchange(warp->atGridWait, 0));
  auto found =
      std::find_if(resident_.begin(), resident_.end(), [&](const auto &entry) { return entry.get() == &block; });
  spare_.push_back(std::move(*found));
  *found = std::move(resident_.back());
  resident_.pop_back();
}

// Choices ------------------------------------------------------------------------------------------------------------

void Scheduler::setPriority(Warp &warp, uint64_t priority) {
  warp.priority = static_cast<uint32_t>(priority);
  if (warp.readyIndex >= 0)
    ready_[warp.readyIndex].priority = warp.priority;
}

void Scheduler::setRunnable(Warp &warp, uint32_t lanes) {
  if (warp.runnable == 0 && lanes != 0) {
    warp.readyIndex = static_cast<int>(ready_.size());
    ready_.push_back({&warp, warp.priority});
  }
  warp.runnable |= lanes;
}

void Scheduler::clearRunnable(Warp &warp, uint32_t lanes) {
  warp.runnable &= ~lanes;
  if (warp.runnable != 0)
    return;
  ready_[warp.readyIndex] = ready_.back();
  ready_[warp.readyIndex].warp->readyIndex = warp.readyIndex;
  ready_.pop_back();
  warp.readyIndex = -1;
}

Warp *Scheduler::chooseWarp() {
  auto any = [&]() -> const Ready & { return ready_[random_.below(static_cast<uint32_t>(ready_.size()))]; };
  Ready best = any();
  for (uint32_t i = 1; i < tournament_; ++i)
    if (const Ready &candidate = any(); candidate.priority > best.priority)
      best = candidate;
  quantum_ = 1 + static_cast<int>(random_.below(quantumMax_));
  if (random_.oneIn(64)) { // no favourite stays one for ever, and no warp is passed over for ever
    setPriority(*best.warp, random_.next());
    best = any();
    setPriority(*best.warp, random_.next());
  }
  return best.warp;
}

Lane *Scheduler::chooseLane(Warp &warp) {
  const uint32_t r = warp.rotation;
  if (warp.descending)
    return &warp.lanes[(r - std::countl_zero(std::rotl(warp.runnable, static_cast<int>(31 - r)))) % 32];
  return &warp.lanes[(r + std::countr_zero(std::rotr(warp.runnable, static_cast<int>(r)))) % 32];
}

Lane *Scheduler::choose() {
  if ((++points_ & ((1 << 20) - 1)) == 0 && std::chrono::steady_clock::now() > deadline_)
    outcome_ = {CUDA_ERROR_LAUNCH_FAILED,
                "no end after " + std::to_string(timeLimitSeconds()) + " s" + describeWaiting()};
  if (!async_.empty() && random_.oneIn(asyncOneIn_))
    advance(random_.below(static_cast<uint32_t>(async_.size())));
  if (!copyingLanes_.empty() && random_.oneIn(asyncOneIn_))
    landSome();
  if (!multiplyingWarps_.empty() && random_.oneIn(productOneIn_))
    executeSome();
  if (!parked_.empty() && random_.oneIn(64))
    wake(random_.below(static_cast<uint32_t>(parked_.size())));
  if (finished_ || outcome_.code != CUDA_SUCCESS)
    return nullptr;
  if (currentWarp_->runnable != 0 && --quantum_ > 0)
    return chooseLane(*currentWarp_);
  if (ready_.empty() || (startable() && random_.oneIn(startOneIn_)))
    return nullptr;
  currentWarp_ = chooseWarp();
  return chooseLane(*currentWarp_);
}

void Scheduler::leave() {
  Lane *self = current_;
  checkStack(*self);
  Lane *next = choose();
  if (next == self)
    return;
  void *target = mainStackPointer_;
  if (next) {
    current_ = next;
    services.thread = &next->thread;
    target = next->stackPointer;
  }
  cadenza_fiber_switch(&self->stackPointer, target);
}

void Scheduler::exitThread() {
  Lane *lane = current_;
  Warp &warp = *lane->warp;
  Block &block = *warp.block;
  const uint32_t bit = 1u << (lane - warp.lanes);
  if (warp.atCollective != 0)
    fault(CUDA_ERROR_LAUNCH_FAILED, "this thread exited while others of its warp wait for it" + describeWaiting());
  if (block.atBarrier != 0)
    fault(CUDA_ERROR_LAUNCH_FAILED, "this thread exited while others wait for it at block_barrier" + describeWaiting());
  if (warp.products && !warp.products->sums.empty())
    fault(CUDA_ERROR_LAUNCH_FAILED, "this thread exited with wgmmas in flight");
  clearRunnable(warp, bit);
  warp.exited |= bit;
  progress();
  Cluster &cluster = *block.cluster;
  if (lane->atClusterBarrier && lane->clusterPhase == cluster.phase)
    --cluster.arrived; // counts as exited from now on
  ++cluster.exited;
  finishClusterPhase(cluster);
  if (++block.exited == block.threads)
    finished_ = &block;
  leave();
  __builtin_unreachable();
}

void Scheduler::schedulingPoint() {
  if (++idlePoints_ % (1 << 16) == 0)
    checkProgress();
  Warp &warp = *current_->warp;
  const uint32_t self = static_cast<uint32_t>(current_ - warp.lanes);
  warp.rotation = (warp.descending ? self - 1 : self + 1) % 32;
  quantum_ -= quantum_ / 4; // spinning lanes hand over to other warps soon
  leave();
}

void Scheduler::checkProgress() {
  if (idlePoints_ >= idlePointLimit)
    fault(CUDA_ERROR_LAUNCH_FAILED, "livelock: threads poll memory, but none arrives anywhere any more (are all blocks "
                                    "of a grid that waits for itself resident?)" +
                                        describeWaiting());
  if (std::chrono::steady_clock::now() > deadline_)
    fault(CUDA_ERROR_LAUNCH_FAILED, "no end after " + std::to_string(timeLimitSeconds()) + " s" + describeWaiting());
}

// Dependent launches --------------------------------------------------------------------------------------------------

void Scheduler::gridDependencyWait() {
  Warp &warp = *current_->warp;
  Grid *previous = warp.block->grid->previous;
  if (!previous || previous->complete())
    return schedulingPoint();
  const uint32_t bit = 1u << (current_ - warp.lanes);
  if (warp.atGridWait == 0)
    previous->waiters.push_back(&warp);
  warp.atGridWait |= bit;
  clearRunnable(warp, bit);
  leave();
}

void Scheduler::gridDependencyTrigger() {
  Block &block = *current_->warp->block;
  if (!std::exchange(block.triggered, true))
    ++block.grid->triggered;
  schedulingPoint();
}

// Faults --------------------------------------------------------------------------------------------------------------

void Scheduler::fault(CUresult code, const std::string &what) {
  outcome_ = {code, describe(*current_->warp->block->grid->launch, current_->thread) + what};
  if (!stuckReport_.empty())
    outcome_.message += "\nafter a " + stuckReport_;
  void *abandoned;
  cadenza_fiber_switch(&abandoned, mainStackPointer_);
  __builtin_unreachable();
}

void Scheduler::stackOverflow() {
  fault(CUDA_ERROR_LAUNCH_FAILED, "more than " + std::to_string(StackPool::stackBytes) + " bytes of stack");
}

} // namespace cadenza::emulation
