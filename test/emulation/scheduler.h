// Runs grids: one fiber a thread, interleaved at random by a seed. All blocks of a chain of launches that may overlap
// (programmatic dependent launch) live in one scheduler run.
#pragma once

#include "codegen/kernels/host_services.cuh"
#include "test/emulation/driver_abi.h"
#include "test/emulation/fiber.h"
#include "test/emulation/random.h"
#include "test/emulation/record.h"

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace cadenza::emulation {

/// One entry of a loaded module.
struct Kernel {
  std::string name;
  host::KernelEntry entry;
  host::KernelDescriptor descriptor;
  std::shared_ptr<void> module; // keeps the code mapped
  uint32_t maxDynamicShared = 48 * 1024;
  bool nonPortableCluster = false;
};

/// A validated launch: everything that the driver copies at the call.
struct Launch {
  std::shared_ptr<const Kernel> kernel;
  uint32_t blocks, threads, sharedBytes;
  uint32_t clusterBlocks = 1; // blocks that start together
  bool cooperative = false, programmatic = false;
  uint32_t residentBlocks; // how many blocks of this kernel the device holds at once
  std::vector<unsigned char> arguments;
};

/// What a finished run says: success or the error that the context keeps from now on.
struct Outcome {
  CUresult code = CUDA_SUCCESS;
  std::string message;
};

struct Block;
struct Grid;
struct AsyncOperation;
struct WarpProducts;

/// What a lane waits for.
enum class Collective : uint32_t {
  none,
  warpBarrier,
  shuffle,
  mmaBf16,
  mmaF16,
  mmaTf32,
  loadMatrices,
  loadTransposed,
  wgmma,
  wgmmaFence,
  wgmmaCommit,
  wgmmaWait,
  setRegisters
};

/// 16 bytes of one thread's cp.async that are not there yet, and how many commits came before it.
struct LaneCopy {
  unsigned char *to;
  const unsigned char *from;
  uint32_t bytes; // the rest is zero
  uint64_t group;
};

/// A packet that a lane has polled, and what was there.
struct WatchedPacket {
  const void *address;
  unsigned char bytes[16];
};

struct Lane {
  void *stackPointer;
  StackPool::Stack stack;
  host::Thread thread;
  struct Warp *warp;
  // Operands of the collective it waits in.
  uint32_t value, source;
  float *d;
  const uint32_t *a, *b;
  uint32_t *fragments; // of loadMatrices
  host::WarpgroupOperands product;
  // What it waits for or polls.
  const void *address;
  uint32_t number;                      // parity of an mbarrier, id of a named barrier
  AsyncOperation *openCopies;           // cp.async that copy_commit has not closed yet
  std::vector<LaneCopy> copies;         // cp.async in groups (group_copies.cpp)
  uint64_t copyGroups;                  // committed
  bool copying;                         // among copyingLanes_
  std::vector<const void *> tensorMaps; // acquired
  WatchedPacket watched[8];             // the packets that it polled last, each once
  uint32_t watchedCount, uselessPolls;  // in a row
  bool atClusterBarrier;                // arrived, has not waited yet
  uint64_t clusterPhase;                // at its arrival
};

struct Warp {
  Block *block;
  uint32_t index;
  uint32_t all, runnable, exited = 0; // lane masks
  uint32_t atBarrier = 0, atCollective = 0, atGridWait = 0;
  uint32_t atMbarrier = 0, atNamed = 0, atCluster = 0, polling = 0;
  Collective collective = Collective::none;
  uint32_t rotation = 0; // where the search for the next lane begins
  bool descending = false;
  uint32_t priority = 0;
  int readyIndex = -1;
  std::shared_ptr<WarpProducts> products; // of wgmma (warpgroup.cpp), from the first one on
  uint32_t registers = 0;                 // of each thread, once setmaxnreg has said so
  Lane lanes[32];
};

/// A warp with lanes that can run.
struct Ready {
  Warp *warp;
  uint32_t priority; // beside the pointer: choices look at many
};

/// An mbarrier: its state lives here, its eight bytes in shared memory hold a pattern that must stay.
struct MbarrierState {
  uint32_t offset; // in the block's shared memory
  uint32_t expected, pending;
  int64_t bytes = 0; // expected and not yet there; negative when they came first
  uint64_t phase = 0;
};

/// Barriers 1 to 15 of a block.
struct NamedBarrier {
  uint32_t threads = 0, arrived = 0;
};

struct Cluster {
  std::vector<Block *> blocks; // nullptr: exited
  uint32_t threads, arrived = 0, exited = 0;
  uint64_t phase = 0;
};

struct Block {
  Grid *grid;
  std::shared_ptr<Cluster> cluster;
  std::vector<MbarrierState> mbarriers;
  NamedBarrier named[16];
  uint32_t asyncOperations = 0; // in flight to its shared memory

  uint32_t index, threads;
  uint32_t atBarrier = 0, exited = 0;
  bool triggered = false;
  std::vector<unsigned char> sharedStorage;
  unsigned char *shared;
  // Shared memory as asynchronous copies and wgmma see it: what they wrote, and what a thread had stored by the time of
  // a fence_proxy_async_shared.
  std::vector<unsigned char> asyncView;
  std::vector<std::vector<uint64_t>> products; // of each warpgroup: what its n-th wgmma is, a hash
  std::vector<std::unique_ptr<Warp>> warps;
};

struct Grid {
  const Launch *launch = nullptr;
  Grid *previous = nullptr, *next = nullptr;
  const void *parameters[1];
  std::vector<uint32_t> order; // clusters in the order in which they start
  uint32_t startedClusters = 0, triggered = 0, finished = 0;
  std::vector<Warp *> waiters; // warps of the next grid with lanes in grid_dependency_wait

  bool complete() const { return finished == launch->blocks; }
  bool started() const { return startedClusters == order.size(); }
};

class Scheduler {
public:
  Scheduler();
  ~Scheduler();
  Scheduler(const Scheduler &) = delete;
  Scheduler &operator=(const Scheduler &) = delete;

  /// Runs launches in stream order; all but the first are programmatic dependents of the one before. Returns when all
  /// are complete or at the first fault, after which the contents of memory are undefined.
  Outcome run(const std::vector<const Launch *> &chain, uint64_t seed);

  /// Where loaded modules find their services.
  host::Services services;

  // The services, called on fibers (collectives.cpp and scheduler.cpp).
  void blockBarrier();
  void warpBarrier() { collective(Collective::warpBarrier); }
  uint32_t shuffle(uint32_t value, uint32_t source);
  void mma(host::Element type, float *d, const uint32_t *a, const uint32_t *b);
  void schedulingPoint();
  void gridDependencyWait();
  void gridDependencyTrigger();
  void checkSlow(const void *address, bool global);

  // For persistent kernels (mbarrier.cpp and async.cpp).
  void poll(const void *address);
  void packet(const void *address, uint32_t epoch, bool stored);
  void resetRecord() { record_ = Record(); }
  uint64_t clock();
  void nanosleep(uint32_t ns);
  void namedBarrier(uint32_t id, uint32_t threads, bool wait);
  void clusterArrive();
  void clusterWait();
  void *clusterAddress(const void *mine, uint32_t rank);
  void mbarrierInit(void *address, uint32_t arrivals);
  void mbarrierArrive(void *address, bool remote, uint32_t expectedBytes);
  bool mbarrierTryWait(void *address, uint32_t parity);
  bool mbarrierTestWait(void *address, uint32_t parity);
  void copyBulk(void *to, const void *from, uint32_t bytes, void *barrier);
  void copyLane(void *to, const void *from);
  void copyLaneArrive(void *barrier);
  void storeAsync(void *to, const void *value, uint32_t bytes, void *barrier);

  // For operands in shared memory (collectives.cpp and group_copies.cpp).
  void loadMatrices(uint32_t *to, const void *row, bool transposed);
  void copyAsync(void *to, const void *from, uint32_t bytes);
  void copyAsyncCommit();
  void copyAsyncWait(uint32_t pending);

  // For products of warpgroups (tensor_copies.cpp and warpgroup.cpp).
  void fenceProxyAsync();
  void acquireTensorMap(const void *map);
  void copyTensor(void *to, const void *map, const int *coordinates, uint32_t rank, void *barrier, uint32_t blocks);
  void wgmma(const host::WarpgroupOperands &operands);
  void wgmmaFence() { collective(Collective::wgmmaFence); }
  void wgmmaCommit() { collective(Collective::wgmmaCommit); }
  void wgmmaWait(uint32_t pending);
  void setRegisters(uint32_t count, bool take);

  [[noreturn]] void fault(CUresult code, const std::string &what);
  [[noreturn]] void exitThread();

  /// The lane that is running, or nullptr outside fibers.
  Lane *current() const { return current_; }

private:
  void collective(Collective kind);
  void progress() { idlePoints_ = 0, stuckRounds_ = 0, stuckReport_.clear(); }
  void requireSm90(const char *what);
  Block *blockOfShared(const void *address, uint64_t bytes) const;
  std::string nameMbarrier(const Block &block, const MbarrierState &barrier) const;
  MbarrierState &mbarrier(Block &block, const void *address, const char *what);
  std::string damage(const Block &block, const void *address, const char *what) const;
  std::string settle(Block &block, MbarrierState &barrier);
  void wait(uint32_t Warp::*mask);
  bool spins(Lane &lane, const void *address) const;
  void watch(Lane &lane, const void *address);
  void wake(size_t parked);
  bool wakeAll();
  void recordWait(const Block &block, const MbarrierState &barrier);
  void finishClusterPhase(Cluster &cluster);
  AsyncOperation &issue(Block &target, const char *what);
  AsyncOperation &startCopy(Block &block, const char *what, unsigned char *begin, const unsigned char *source,
                            uint32_t bytes, void *barrier);
  void checkCopy(const void *to, const void *from, uint32_t bytes, const char *what);
  bool advance(size_t index);
  bool advanceAsync();
  void land(Lane &lane, size_t index);
  void landSome();
  void forgetCopies(const Block &block);
  void completeAsync(AsyncOperation &operation);
  void issueProduct(Warp &warp);
  void waitForProducts(Warp &warp, uint32_t pending);
  void executeProduct(Warp &warp);
  void executeSome();
  WarpProducts &productsOf(Warp &warp);
  bool breakDeadlock();
  void complete(Warp &warp);
  void setPriority(Warp &warp, uint64_t priority);
  void setRunnable(Warp &warp, uint32_t lanes);
  void clearRunnable(Warp &warp, uint32_t lanes);
  void leave();   // gives up the processor until chosen again
  Lane *choose(); // the lane to run next; nullptr: the main loop must act
  Lane *chooseLane(Warp &warp);
  Warp *chooseWarp();
  Grid *startable();
  void startCluster(Grid &grid);
  void startBlock(Grid &grid, uint32_t index, const std::shared_ptr<Cluster> &cluster);
  void finishBlock(Block &block);
  void checkStack(const Lane &lane) {
    constexpr ptrdiff_t reserve = 4096;
    if (static_cast<unsigned char *>(__builtin_frame_address(0)) - lane.stack.low < reserve) [[unlikely]]
      stackOverflow();
  }
  [[noreturn]] void stackOverflow();
  void checkProgress();
  std::string describe(const Launch &launch, const host::Thread &thread) const;
  std::string describeWaiting() const;
  void reset();

  Record record_;
  Random random_{1};
  StackPool stacks_;
  void *mainStackPointer_ = nullptr;
  Lane *current_ = nullptr;
  Warp *currentWarp_ = nullptr;
  std::vector<Ready> ready_;
  std::vector<std::unique_ptr<Block>> resident_, spare_;
  std::deque<Grid> grids_;
  size_t firstOpen_ = 0;      // those before it have started all their blocks
  Block *finished_ = nullptr; // a block whose last thread has just exited
  Outcome outcome_;
  uint32_t capacity_ = 1; // blocks resident at once in this run
  int quantum_ = 0, quantumMax_ = 1;
  uint32_t tournament_ = 1; // how strongly priorities decide: 1 is uniform
  uint32_t startOneIn_ = 1; // how eagerly new blocks start
  std::vector<std::unique_ptr<AsyncOperation>> async_;
  std::vector<Lane *> parked_;           // in a poll that would see nothing new
  std::vector<Lane *> copyingLanes_;     // with copies in groups, some of which may be there by now
  std::vector<Warp *> multiplyingWarps_; // with wgmmas that are not executed yet
  uint32_t asyncOneIn_ = 1;              // how eagerly asynchronous operations make progress
  uint32_t productOneIn_ = 1;            // how eagerly wgmmas do
  uint64_t points_ = 0;                  // scheduling points of this run: the emulated clock
  uint64_t clockOffset_ = 0;
  uint32_t stuckRounds_ = 0; // how often nothing but time-outs could go on, in a row
  std::string stuckReport_;
  uint64_t idlePoints_ = 0; // scheduling points since a thread last arrived anywhere
  std::chrono::steady_clock::time_point deadline_;
};

/// The one scheduler: services carry no context.
inline Scheduler &scheduler() {
  extern Scheduler theScheduler;
  return theScheduler;
}

} // namespace cadenza::emulation
