#include "runtime/cuda/runners/graph.h"

#include "runtime/cuda/runners/capture.h"
#include "runtime/shared/state.h"
#include "runtime/support/profile_range.h"

#include <cstddef>

namespace cadenza::cuda {

StatusOr<std::unique_ptr<GraphRunner>> GraphRunner::make(const RunnerContext &context, const GraphOptions &options) {
  if (options.steps < 1 || options.steps > maximumGraphSteps)
    return Status(StatusCode::InvalidArgument, "graphs of " + std::to_string(options.steps) + " steps; expected 1 to " +
                                                   std::to_string(maximumGraphSteps));
  std::unique_ptr<GraphRunner> runner(new GraphRunner(context, options));
  CADENZA_RETURN_IF_ERROR(runner->load());
  return runner;
}

Status GraphRunner::load() {
  dependentLaunch_ = options_.dependentLaunch && canLaunchDependents(context_.device, context_.kernels);
  CADENZA_ASSIGN_OR_RETURN(aside_, Stream::make(context_.device));
  CADENZA_ASSIGN_OR_RETURN(one_, PinnedBuffer::make(context_.device, sizeof(uint32_t), "a flag"));
  *one_.as<uint32_t>() = 1;
  for (bool withHead : {false, true}) {
    Graphs &graphs = graphs_[withHead];
    CADENZA_ASSIGN_OR_RETURN(graphs.single, capture(1, withHead));
    if (options_.steps > 1) {
      CADENZA_ASSIGN_OR_RETURN(graphs.several, capture(options_.steps, withHead));
    }
  }
  CADENZA_CUDA_TRY(context_.device, cuStreamSynchronize, context_.stream); // they have been uploaded
  return Status::ok();
}

StatusOr<GraphExec> GraphRunner::capture(int steps, bool withHead) {
  return captureSteps(context_.device, context_.stream, context_.launches, steps, withHead, dependentLaunch_);
}

Status GraphRunner::enqueue(int64_t position, bool withHead) {
  if (kept_ > 0 && withHead != keptWithHead_)
    CADENZA_RETURN_IF_ERROR(flush());
  ++kept_;
  keptWithHead_ = withHead;
  lastToken_ = position + 1;
  return kept_ == options_.steps ? flush() : Status::ok();
}

Status GraphRunner::flush() {
  if (kept_ == 0)
    return Status::ok();
  const ProfileRange range("steps before", lastToken_);
  // Exactly as many steps as were enqueued: none runs beyond the context, or beyond the prompt without its head.
  const Graphs &graphs = graphs_[keptWithHead_];
  const bool whole = kept_ == options_.steps && options_.steps > 1;
  for (int64_t launches = whole ? 1 : kept_; launches > 0; --launches)
    CADENZA_CUDA_TRY(context_.device, cuGraphLaunch, (whole ? graphs.several : graphs.single).get(), context_.stream);
  kept_ = 0;
  return context_.arrivals.queued(lastToken_);
}

Status GraphRunner::stop() {
  kept_ = 0;
  // A copy of four bytes beside the queued steps. It is there when this returns, so it cannot meet the next sequence.
  const CUdeviceptr flag = context_.addresses.state + offsetof(SequenceState, host.stop_requested);
  CADENZA_CUDA_TRY(context_.device, cuMemcpyHtoDAsync, flag, one_.get(), sizeof(uint32_t), aside_.get());
  CADENZA_CUDA_TRY(context_.device, cuStreamSynchronize, aside_.get());
  return Status::ok();
}

} // namespace cadenza::cuda
