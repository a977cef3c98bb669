// When queued work runs: as late as possible. An asynchronous call returns with nothing done; the work happens at a
// synchronisation that asks for it, or earlier where the seed says so, so that a host which reads too early, or reuses
// a source buffer too early, sees it.
#include "test/emulation/driver.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <iterator>

namespace cadenza::emulation {

namespace {

std::string message;

template <typename T> const T *as(const Queued &queued) { return std::get_if<T>(&queued.work->what); }

/// Whether `next` may overlap its predecessor: kernel after kernel, captured or called in one stream, with the
/// programmatic attribute. A launch of a graph overlaps nothing before or after it.
bool joins(const Queued &first, const Queued &next) {
  const KernelWork *kernel = as<KernelWork>(next);
  return kernel && kernel->launch.programmatic && next.work->stream == first.work->stream && next.graph == first.graph;
}

void runKernels(std::vector<const Launch *> chain) {
  Driver &d = driver();
  for (size_t i = 0; i < chain.size(); ++i) {
    const CUresult injected = d.injection.countKernel();
    if (injected == CUDA_SUCCESS)
      continue;
    const std::string name = chain[i]->kernel->name;
    chain.resize(i);
    if (!chain.empty())
      runKernels(chain);
    return latch(injected, "kernel '" + name + "': an injected fault");
  }
  const uint64_t run = d.runs++;
  Outcome outcome = scheduler().run(chain, d.seed * 0x9e3779b97f4a7c15u + run);
  if (outcome.code != CUDA_SUCCESS)
    latch(outcome.code, outcome.message + "\n  (seed " + std::to_string(d.seed) + ", run " + std::to_string(run) + ")");
}

void fill(const FillWork &work) {
  auto *to = static_cast<unsigned char *>(work.to);
  for (uint64_t i = 0; i < work.count; ++i)
    std::memcpy(to + i * work.width, &work.value, work.width);
}

/// Runs one operation that is not a kernel.
void runSingle(const Work &work) {
  if (const auto *copy = std::get_if<CopyWork>(&work.what))
    std::memmove(copy->to, copy->staged.empty() ? copy->from : copy->staged.data(), copy->bytes);
  else if (const auto *filling = std::get_if<FillWork>(&work.what))
    fill(*filling);
  else if (const auto *record = std::get_if<RecordWork>(&work.what)) {
    record->event->completed = std::max(record->event->completed, record->ticket);
    record->event->time = std::chrono::steady_clock::now();
  } else if (const auto *function = std::get_if<HostWork>(&work.what))
    function->function(function->data);
}

/// Puts the operations of the graph at the front of the queue in its place.
void unfoldGraph(std::deque<Queued> &queue) {
  const Queued front = queue.front();
  const WorkList &nodes = *as<GraphWork>(front)->nodes;
  const uint64_t launch = ++driver().graphLaunches;
  queue.pop_front();
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node)
    queue.push_front({*node, front.sequence, launch});
}

/// Runs the front of a queue; returns how many entries that was. Of kernels that may overlap, as many do as the seed
/// says: in between, other streams get their turn.
size_t runFront(const std::deque<Queued> &queue) {
  const Queued front = queue.front();
  if (!as<KernelWork>(front)) {
    runSingle(*front.work);
    return 1;
  }
  static constexpr size_t mostKernels[] = {2, 3, 8, 64};
  const size_t most = mostKernels[driver().random.below(std::size(mostKernels))];
  std::vector<const Launch *> chain{&as<KernelWork>(front)->launch};
  std::vector<std::shared_ptr<const Work>> keep{front.work}; // a fault empties the queue
  while (chain.size() < std::min(most, queue.size()) && joins(front, queue[chain.size()])) {
    keep.push_back(queue[chain.size()].work);
    chain.push_back(&std::get<KernelWork>(keep.back()->what).launch);
  }
  const size_t count = chain.size();
  runKernels(std::move(chain));
  return count;
}

/// The order between the legacy stream and blocking streams is that of the calls; others know no order.
bool mayRun(const CUstream_st &stream) {
  Driver &d = driver();
  const Queued &front = stream.queue.front();
  if (const auto *wait = as<WaitWork>(front); wait && wait->event->completed < wait->ticket)
    return false;
  auto earlier = [&](const CUstream_st &other) {
    return !other.queue.empty() && other.queue.front().sequence < front.sequence;
  };
  if (stream.nonBlocking)
    return true;
  if (&stream != &d.legacy)
    return !earlier(d.legacy);
  if (earlier(d.perThread))
    return false;
  for (const auto &other : d.streams)
    if (!other->nonBlocking && earlier(*other))
      return false;
  return true;
}

/// Runs the front of the stream's queue if its order allows.
bool advance(CUstream_st &stream) {
  if (stream.queue.empty() || !mayRun(stream))
    return false;
  if (as<GraphWork>(stream.queue.front())) {
    unfoldGraph(stream.queue);
    return true;
  }
  const size_t count = runFront(stream.queue);
  if (driver().sticky == CUDA_SUCCESS) // a fault has emptied the queue
    stream.queue.erase(stream.queue.begin(), stream.queue.begin() + static_cast<ptrdiff_t>(count));
  return true;
}

std::vector<CUstream_st *> busyStreams() {
  Driver &d = driver();
  std::vector<CUstream_st *> busy;
  for (CUstream_st *stream : {&d.legacy, &d.perThread})
    if (!stream->queue.empty())
      busy.push_back(stream);
  for (const auto &stream : d.streams)
    if (!stream->queue.empty())
      busy.push_back(stream.get());
  return busy;
}

/// Runs the front of some stream, chosen at random among those that can go on.
bool advanceAny() {
  std::vector<CUstream_st *> busy = busyStreams();
  while (!busy.empty()) {
    const uint32_t i = driver().random.below(static_cast<uint32_t>(busy.size()));
    if (advance(*busy[i]))
      return true;
    busy.erase(busy.begin() + i);
  }
  return false;
}

template <typename Done> CUresult drainWhile(CUstream stream, Done done) {
  Driver &d = driver();
  while (d.sticky == CUDA_SUCCESS && !done()) {
    if ((stream && advance(*stream)) || advanceAny())
      continue;
    latch(CUDA_ERROR_LAUNCH_FAILED, "streams wait for each other's events");
  }
  return d.sticky;
}

} // namespace

CUresult enqueue(CUstream stream, Work work) {
  Driver &d = driver();
  work.stream = stream;
  ++d.sequence;
  if (stream->capture) {
    Capture &capture = *stream->capture;
    if (capture.invalid)
      return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    capture.nodes.push_back(std::make_shared<const Work>(std::move(work)));
    if (stream != capture.origin)
      capture.unjoined.insert(stream);
    return CUDA_SUCCESS;
  }
  if (!stream->nonBlocking)
    for (const auto &capture : d.captures)
      if (!capture->origin->nonBlocking && stream == &d.legacy) {
        capture->invalid = true;
        return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
      }
  stream->queue.push_back({std::make_shared<const Work>(std::move(work)), d.sequence});
  nudge();
  return CUDA_SUCCESS; // a fault that this met early is reported like any asynchronous one: by the next call
}

void nudge() {
  if (!driver().random.oneIn(4))
    return;
  for (uint32_t steps = 1 + driver().random.below(3); steps > 0 && driver().sticky == CUDA_SUCCESS; --steps)
    if (!advanceAny())
      return;
}

CUresult drain(CUstream stream) {
  return drainWhile(stream, [&] { return stream->queue.empty(); });
}

CUresult drainAll() {
  return drainWhile(nullptr, [] { return busyStreams().empty(); });
}

CUresult drainUntil(const EventState &event, uint64_t ticket) {
  return drainWhile(nullptr, [&] { return event.completed >= ticket; });
}

void latch(CUresult code, const std::string &text) {
  Driver &d = driver();
  d.sticky = code;
  message = text;
  std::fprintf(stderr, "cadenza emulation: error %d: %s\n", code, text.c_str());
  d.legacy.queue.clear();
  d.perThread.queue.clear();
  for (const auto &stream : d.streams)
    stream->queue.clear();
}

CUresult forbidDuringCapture(CUresult code) {
  CUresult result = CUDA_SUCCESS;
  for (const auto &capture : driver().captures)
    if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED) {
      capture->invalid = true;
      result = code;
    }
  return result;
}

const std::string &lastMessage() { return message; }
void clearLastMessage() { message.clear(); }

} // namespace cadenza::emulation
