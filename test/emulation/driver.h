// The state of the emulated driver: one device, its primary context, and the objects behind the opaque handles.
#pragma once

#include "test/emulation/device_memory.h"
#include "test/emulation/driver_abi.h"
#include "test/emulation/injection.h"
#include "test/emulation/scheduler.h"

#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace cadenza::emulation {

/// What the device claims to be; see README.md for the environment variables.
struct DeviceProperties {
  int major, minor;
  int multiprocessors;
  uint64_t memoryBytes;
  int sharedPerMultiprocessor, sharedPerBlockOptin;
  int threadsPerMultiprocessor, blocksPerMultiprocessor;

  static DeviceProperties fromEnvironment();
  bool hasClusters() const { return major >= 9; }
  /// Blocks of `kernel` that fit on one multiprocessor; 0 if not even one does.
  int blocksPerSm(const Kernel &kernel, int threads, uint64_t dynamicShared) const;
  /// Clusters that the device holds at once; a cluster lives inside a group of at most 16 multiprocessors.
  int activeClusters(const Kernel &kernel, int threads, uint64_t dynamicShared, int clusterBlocks) const;
};

struct EventState {
  bool timing = true;
  uint64_t recorded = 0, completed = 0; // tickets: of the latest record call, of the latest executed one
  std::chrono::steady_clock::time_point time;
};

struct KernelWork {
  Launch launch;
};
struct CopyWork {
  void *to;
  const void *from; // unless staged
  uint64_t bytes;
  std::vector<unsigned char> staged; // pageable sources are read at the call
};
struct FillWork {
  void *to;
  uint32_t value, width; // bytes an element: 1, 2, 4
  uint64_t count;
};
struct RecordWork {
  std::shared_ptr<EventState> event;
  uint64_t ticket;
};
struct WaitWork {
  std::shared_ptr<EventState> event;
  uint64_t ticket;
};
struct HostWork {
  CUhostFn function;
  void *data;
};
struct Work;
using WorkList = std::vector<std::shared_ptr<const Work>>;
struct GraphWork {
  std::shared_ptr<const WorkList> nodes;
};

/// One operation, as it was called.
struct Work {
  std::variant<KernelWork, CopyWork, FillWork, RecordWork, WaitWork, HostWork, GraphWork> what;
  CUstream stream; // where it was queued or captured
};

/// The operation in a stream's queue. A graph's operations take its place when it gets to the front.
struct Queued {
  std::shared_ptr<const Work> work;
  uint64_t sequence;  // order of the calls, for the legacy stream
  uint64_t graph = 0; // which launch of a graph it is part of; 0: of none
};

/// A capture in progress. Nodes stay in the order of the calls, which is one legal order of the graph.
struct Capture {
  CUstreamCaptureMode mode;
  CUstream origin;
  WorkList nodes;
  bool invalid = false;
  std::set<CUstream> unjoined; // streams that joined by an event and have not been waited for since
};

} // namespace cadenza::emulation

struct CUstream_st {
  bool nonBlocking = false;
  std::deque<cadenza::emulation::Queued> queue;
  std::shared_ptr<cadenza::emulation::Capture> capture;
};
struct CUevent_st {
  std::shared_ptr<cadenza::emulation::EventState> state;
  std::shared_ptr<cadenza::emulation::Capture> capture; // set while its latest record was captured
  CUstream capturedFrom = nullptr;
};
struct CUgraph_st {
  std::shared_ptr<const cadenza::emulation::WorkList> nodes;
};
struct CUgraphExec_st {
  std::shared_ptr<const cadenza::emulation::WorkList> nodes;
};
struct CUfunc_st {
  std::shared_ptr<cadenza::emulation::Kernel> kernel;
};
struct CUmod_st {
  std::shared_ptr<void> module; // closes the shared object with its last user
  std::vector<std::unique_ptr<CUfunc_st>> functions;
};

namespace cadenza::emulation {

struct Driver {
  std::recursive_mutex mutex;
  bool initialised = false;
  int retained = 0;
  DeviceProperties properties;
  std::unique_ptr<DeviceMemory> memory; // lives as long as the context
  CUresult sticky = CUDA_SUCCESS;
  Injection injection;

  uint64_t seed = 1, runs = 0, sequence = 0, tickets = 0, graphLaunches = 0;
  Random random{1};

  CUstream_st legacy, perThread;
  std::set<std::unique_ptr<CUstream_st>> streams;
  std::set<std::unique_ptr<CUevent_st>> events;
  std::set<std::unique_ptr<CUmod_st>> modules;
  std::set<std::unique_ptr<CUgraph_st>> graphs;
  std::set<std::unique_ptr<CUgraphExec_st>> graphExecs;
  std::set<std::shared_ptr<Capture>> captures;

  /// Reads the environment and forgets everything; what a fresh process would see.
  void reset();
  void createContext();
  void destroyContext();

  /// The stream behind a handle, or nullptr if there is none.
  CUstream stream(CUstream handle);
};

Driver &driver();

/// The calling thread's current context: the address of the one driver, or nullptr.
CUcontext &threadContext();

/// The handle's object in `set`, or end().
template <typename T> auto findHandle(std::set<std::unique_ptr<T>> &set, const T *handle) {
  auto found = set.begin();
  while (found != set.end() && found->get() != handle)
    ++found;
  return found;
}
template <typename T> T *addHandle(std::set<std::unique_ptr<T>> &set) {
  return set.insert(std::make_unique<T>()).first->get();
}

/// The function behind a handle, or nullptr if there is none (api_module.cpp).
CUfunction functionHandle(CUfunction handle);

/// What every driver function does first: takes the lock, counts the call, applies injected and sticky errors.
class Call {
public:
  enum class Needs { nothing, initialised, context };
  Call(const char *name, Needs needs);
  const CUresult error;

private:
  std::lock_guard<std::recursive_mutex> lock_;
  static CUresult check(const char *name, Needs needs);
};

#define CADENZA_CALL(name, needs)                                                                                      \
  const ::cadenza::emulation::Call call(#name, ::cadenza::emulation::Call::Needs::needs);                              \
  if (call.error != CUDA_SUCCESS)                                                                                      \
    return call.error;

// queue.cpp: when queued work runs ----------------------------------------------------------------------------------

/// Queues or captures; now and then runs some of what is queued.
CUresult enqueue(CUstream stream, Work work);
/// Runs everything in the stream (and what it depends on); the sticky error if there is one afterwards.
CUresult drain(CUstream stream);
CUresult drainAll();
/// Runs until `event` has completed `ticket`.
CUresult drainUntil(const EventState &event, uint64_t ticket);
/// A chance of progress, for queries.
void nudge();
/// Makes a fault permanent: the queues are lost, every later call returns `code`.
void latch(CUresult code, const std::string &message);

/// The error for a call that must not happen during a capture (and invalidates it), or success.
CUresult forbidDuringCapture(CUresult code);

/// The text of the latest fault, for tests.
const std::string &lastMessage();
void clearLastMessage();

} // namespace cadenza::emulation
