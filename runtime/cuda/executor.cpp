#include "runtime/cuda/executor.h"

#include "runtime/cuda/runners/graph.h"
#include "runtime/cuda/runners/launch.h"
#include "runtime/decode/sequence_sampling.h"
#include "runtime/plan/plan.h"
#include "runtime/shared/state.h"
#include "runtime/support/profile_range.h"

#include <algorithm>
#include <cstddef>
#include <new>
#include <system_error>
#include <utility>

namespace cadenza {

StatusOr<std::unique_ptr<Executor>> makeCudaExecutor(const Plan &plan, const ExecutorOptions &options, int ordinal) {
  try {
    CADENZA_ASSIGN_OR_RETURN(std::unique_ptr<Executor> executor, cuda::CudaExecutor::make(plan, options, ordinal));
    return executor;
  } catch (const std::bad_alloc &) {
    return Status(StatusCode::OutOfMemory, "no host memory for the executor");
  } catch (const std::system_error &error) {
    return Status(StatusCode::OutOfMemory, std::string("cannot start a thread: ") + error.what());
  }
}

namespace cuda {

StatusOr<std::unique_ptr<CudaExecutor>> CudaExecutor::make(const Plan &plan, const ExecutorOptions &options,
                                                           int ordinal) {
  std::unique_ptr<CudaExecutor> executor(new CudaExecutor());
  CADENZA_RETURN_IF_ERROR(executor->load(plan, options, ordinal));
  return executor;
}

CudaExecutor::~CudaExecutor() {
  if (!stream_.get())
    return;
  device_->explainFaults(nullptr);
  CurrentContext current(*device_); // nothing that the queue still uses may go before it is empty
  (void)device_->api().cuStreamSynchronize(stream_.get());
}

Status CudaExecutor::load(const Plan &plan, const ExecutorOptions &options, int ordinal) {
  CADENZA_RETURN_IF_ERROR(requireDecoder(plan));
  program_ = &plan.program();
  CADENZA_ASSIGN_OR_RETURN(context_, chooseContext(*program_, options.context));
  CADENZA_ASSIGN_OR_RETURN(device_, Device::open(ordinal));
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(current.status());
  CADENZA_ASSIGN_OR_RETURN(stream_, Stream::make(*device_));
  CADENZA_ASSIGN_OR_RETURN(kernels_, Kernels::load(*device_, plan)); // before the long upload
  CADENZA_ASSIGN_OR_RETURN(const DivisionChoice choice, chooseDivision(*device_, plan, kernels_, options.division));
  if (choice.division) {
    division_ = &plan.program().divisions[*choice.division];
    if (!division_->orders.empty())
      program_ = &ordered_.emplace(inDivision(plan.program(), *choice.division));
  }
  CADENZA_ASSIGN_OR_RETURN(storage_, Storage::load(*device_, stream_.get(), plan, context_, options.logits,
                                                   division_ ? division_->blocks() : 0));

  uint64_t tokenCount = static_cast<uint64_t>(context_) + 1;
  CADENZA_ASSIGN_OR_RETURN(hostState_, PinnedBuffer::make(*device_, sizeof(SequenceState), "the decode state"));
  CADENZA_ASSIGN_OR_RETURN(hostTokens_, PinnedBuffer::make(*device_, tokenCount * sizeof(int32_t), "tokens"));
  if (options.logits) {
    uint64_t bytes = static_cast<uint64_t>(program_->decoder->vocabulary) * sizeof(float);
    CADENZA_ASSIGN_OR_RETURN(hostLogits_, PinnedBuffer::make(*device_, bytes, "logits"));
  }
  CADENZA_ASSIGN_OR_RETURN(
      hostRows_, PinnedBuffer::make(*device_, static_cast<uint64_t>(program_->decoder->vocabulary) * sizeof(RowHistory),
                                    "penalties and biases"));
  CADENZA_ASSIGN_OR_RETURN(hostControl_, PinnedBuffer::make(*device_, sizeof(HostControl), "the control page"));
  CADENZA_ASSIGN_OR_RETURN(arrivals_, Arrivals::make(*device_, stream_.get(), hostTokens_.as<int32_t>(),
                                                     &hostControl_.as<HostControl>()->published));
  sequence_ = Sequence(*program_, context_, options.prefill);

  CADENZA_ASSIGN_OR_RETURN(step_, bindStep(*program_, storage_.addresses()));
  launches_ = StepLaunches(stream_.get(), *program_, kernels_, step_);
  const RunnerContext context{.device = *device_,
                              .stream = stream_.get(),
                              .program = *program_,
                              .kernels = kernels_,
                              .addresses = storage_.addresses(),
                              .step = step_,
                              .launches = launches_,
                              .arrivals = arrivals_,
                              .hostTokens = hostTokens_.as<int32_t>(),
                              .control = *hostControl_.as<HostControl>(),
                              .division = division_};
  CADENZA_RETURN_IF_ERROR(chooseRunner(context, plan, options, choice.notice));
  if (!tileSizes().empty()) {
    CADENZA_ASSIGN_OR_RETURN(tiles_, TileRunner::make(context, /*asGraphs=*/schedule() != Schedule::Launch,
                                                      options.logits, scheduleNotice_));
  }
  device_->explainFaults([this] { return runner_->explainFault(); }); // any call may be the one that reports it
  return Status::ok();
}

Status CudaExecutor::chooseRunner(const RunnerContext &context, const Plan &plan, const ExecutorOptions &options,
                                  const std::string &notDivided) {
  const bool any = options.schedule == Schedule::Auto;
  // Whether a schedule that could not be made leaves room for the next one; any other error is one.
  const auto passedOver = [&](const Status &status, StatusCode code) {
    if (!any || status.code() != code)
      return false;
    scheduleNotice_ += (scheduleNotice_.empty() ? "" : "; ") + status.message();
    return true;
  };
  if (any || options.schedule == Schedule::Persistent) {
    StatusOr<std::unique_ptr<PersistentRunner>> made =
        Status(StatusCode::IncompatiblePlan,
               !notDivided.empty() ? notDivided
               : any ? "the plan has no persistent schedule"
                     : plan.path() + ": has no persistent schedule; compile it with --schedule=persistent");
    if (division_)
      made = PersistentRunner::make(context);
    if (made.isOk()) {
      persistent_ = made->get();
      runner_ = std::move(*made);
      return Status::ok();
    }
    if (!passedOver(made.status(), StatusCode::IncompatiblePlan))
      return made.status();
  }
  if (any || options.schedule == Schedule::Graph) {
    StatusOr<std::unique_ptr<GraphRunner>> made = GraphRunner::make(context, options.graph);
    if (made.isOk()) {
      runner_ = std::move(*made);
      return Status::ok();
    }
    if (!passedOver(made.status(), StatusCode::Unsupported))
      return made.status();
  }
  runner_ = std::make_unique<LaunchRunner>(context);
  return Status::ok();
}

Status CudaExecutor::enter(const CurrentContext &current) const {
  CADENZA_RETURN_IF_ERROR(device_->fault());
  return current.status();
}

std::string CudaExecutor::deviceName() const {
  return "cuda:" + std::to_string(device_->properties().ordinal) + " " + device_->properties().name;
}

Status CudaExecutor::begin(std::span<const int32_t> prompt, std::span<const int32_t> stopTokens, int64_t kept) {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  CADENZA_RETURN_IF_ERROR(sequence_.checkPrompt(prompt, stopTokens, kept));
  // What was queued may still read the host buffers that are written now.
  CADENZA_CUDA_TRY(*device_, cuStreamSynchronize, stream_.get());
  int32_t *tokens = hostTokens_.as<int32_t>();
  std::fill(tokens, tokens + context_ + 1, 0);
  std::copy(prompt.begin(), prompt.end(), tokens);
  filled_ = {};
  const auto length = static_cast<int64_t>(prompt.size());
  return writeState(kept, length, stopTokens, length);
}

Status CudaExecutor::readCache(const CachePart &part, std::span<std::byte> out) {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  const Addresses &addresses = storage_.addresses();
  const CUdeviceptr tensor = (part.isValue ? addresses.cacheValues : addresses.cacheKeys)[part.cache];
  if (out.empty())
    return Status::ok();
  CADENZA_CUDA_TRY(*device_, cuMemcpyDtoHAsync, out.data(), tensor + part.offset, out.size(), stream_.get());
  CADENZA_CUDA_TRY(*device_, cuStreamSynchronize, stream_.get());
  return Status::ok();
}

Status CudaExecutor::writeCache(const CachePart &part, std::span<const std::byte> bytes) {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  sequence_.restore({}); // whatever comes, what was there is no longer whole
  filled_ = {};
  const Addresses &addresses = storage_.addresses();
  const CUdeviceptr tensor = (part.isValue ? addresses.cacheValues : addresses.cacheKeys)[part.cache];
  if (bytes.empty())
    return Status::ok();
  CADENZA_CUDA_TRY(*device_, cuMemcpyHtoDAsync, tensor + part.offset, bytes.data(), bytes.size(), stream_.get());
  CADENZA_CUDA_TRY(*device_, cuStreamSynchronize, stream_.get()); // `bytes` are the caller's again
  return Status::ok();
}

Status CudaExecutor::restore(const CacheState &state) {
  CADENZA_RETURN_IF_ERROR(sequence_.checkRestore(state));
  sequence_.restore(state);
  return Status::ok();
}

Status CudaExecutor::sample(const SequenceSampling &sampling) {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  CADENZA_RETURN_IF_ERROR(sequence_.checkUnselected());
  const Addresses &addresses = storage_.addresses();
  CADENZA_CUDA_TRY(*device_, cuStreamSynchronize, stream_.get()); // begin's copies
  auto *state = hostState_.as<SequenceState>();
  state->sampling = sampling.sampling;
  if (sampling.sampling.adjusts) {
    std::copy(sampling.rows.begin(), sampling.rows.end(), hostRows_.as<RowHistory>());
    CADENZA_CUDA_TRY(*device_, cuMemcpyHtoDAsync, addresses.draw.rows, hostRows_.get(), hostRows_.bytes(),
                     stream_.get());
    state->sampling.rows = reinterpret_cast<RowHistory *>(addresses.draw.rows); // NOLINT(performance-no-int-to-ptr)
  }
  CADENZA_CUDA_TRY(*device_, cuMemcpyHtoDAsync, addresses.state, state, sizeof *state, stream_.get());
  runner_->sample(sampling.sampling.draws != 0 || sampling.sampling.adjusts != 0);
  return Status::ok();
}

Status CudaExecutor::updateRows(std::span<const RowHistory> rows) {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  CADENZA_RETURN_IF_ERROR(
      checkRows(hostState_.as<SequenceState>()->sampling, rows.size(), program_->decoder->vocabulary));
  CADENZA_CUDA_TRY(*device_, cuStreamSynchronize, stream_.get()); // the copy before may still read the host's rows
  std::copy(rows.begin(), rows.end(), hostRows_.as<RowHistory>());
  CADENZA_CUDA_TRY(*device_, cuMemcpyHtoDAsync, storage_.addresses().draw.rows, hostRows_.get(), hostRows_.bytes(),
                   stream_.get());
  return Status::ok();
}

StatusOr<uint32_t> CudaExecutor::slowDraws() {
  CADENZA_RETURN_IF_ERROR(synchronize());
  CurrentContext current(*device_);
  uint32_t count = 0;
  CADENZA_CUDA_TRY(*device_, cuMemcpyDtoHAsync, &count,
                   storage_.addresses().state + offsetof(SequenceState, sampling.slow_draws), sizeof count,
                   stream_.get());
  CADENZA_CUDA_TRY(*device_, cuStreamSynchronize, stream_.get());
  return count;
}

Status CudaExecutor::fillCache(int64_t length, uint64_t seed) {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  CADENZA_RETURN_IF_ERROR(sequence_.checkFill(length));
  CADENZA_CUDA_TRY(*device_, cuStreamSynchronize, stream_.get());
  sequence_.end();
  const bool ringsOnly = filled_.seed == seed && filled_.length >= length;
  filled_ = {};
  CADENZA_RETURN_IF_ERROR(storage_.fillCaches(*device_, stream_.get(), *program_, length, seed, ringsOnly));
  filled_ = {length, seed};
  std::fill_n(hostTokens_.as<int32_t>(), context_ + 1, 0);
  return writeState(length, length + 1, {}, context_); // the token at `length` is given: id 0
}

Status CudaExecutor::writeState(int64_t nextPosition, int64_t forcedTokens, std::span<const int32_t> stopTokens,
                                int64_t length) {
  sequence_.end();
  *hostControl_.as<HostControl>() = {};
  arrivals_.begin(nextPosition);
  runner_->begin();
  auto *state = hostState_.as<SequenceState>();
  *state = SequenceState{};
  DecodeState &decode = state->decode;
  decode.position = static_cast<int>(nextPosition);
  decode.next_position = static_cast<int>(nextPosition);
  decode.forced_tokens = static_cast<int>(forcedTokens);
  decode.stop_token_count = static_cast<int>(stopTokens.size());
  std::copy(stopTokens.begin(), stopTokens.end(), decode.stop_tokens);
  // NOLINTBEGIN(performance-no-int-to-ptr): CUdeviceptr
  state->draw = {.logits = reinterpret_cast<float *>(storage_.addresses().draw.logits),
                 .space = reinterpret_cast<unsigned char *>(storage_.addresses().draw.space),
                 .vocabulary = static_cast<uint64_t>(program_->decoder->vocabulary),
                 .packets = reinterpret_cast<unsigned char *>(storage_.addresses().draw.packets),
                 .control = hostControl_.as<HostControl>(),
                 .limit_ns = persistentWaitLimitNs};
  // NOLINTEND(performance-no-int-to-ptr)
  // Page-locked memory has the same address on the device.
  state->host = {.tokens = hostTokens_.as<int32_t>(),
                 .published = &hostControl_.as<HostControl>()->published,
                 .stop_requested = 0,
                 .reserved = 0};
  const Addresses &addresses = storage_.addresses();
  CADENZA_CUDA_TRY(*device_, cuMemcpyHtoDAsync, addresses.state, state, sizeof *state, stream_.get());
  CADENZA_CUDA_TRY(*device_, cuMemcpyHtoDAsync, addresses.tokens, hostTokens_.get(), hostTokens_.bytes(),
                   stream_.get());
  sequence_.start(nextPosition, forcedTokens, length);
  if (Status status = storage_.chooseRopeTables(*device_, stream_.get(), sequence_.isLong()); !status.isOk()) {
    sequence_.end();
    return status;
  }
  return Status::ok();
}

Status CudaExecutor::enqueueStep(bool withHead) {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  CADENZA_RETURN_IF_ERROR(sequence_.beginStep());
  CADENZA_RETURN_IF_ERROR(runner_->enqueue(sequence_.position(), withHead));
  sequence_.finishStep(withHead);
  return Status::ok();
}

size_t CudaExecutor::tileIndex(int64_t size) const {
  return static_cast<size_t>(std::find(tileSizes().begin(), tileSizes().end(), size) - tileSizes().begin());
}

Status CudaExecutor::enqueueTile(int64_t size, bool withHead) {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  CADENZA_ASSIGN_OR_RETURN(const int64_t live, sequence_.beginTile(size));
  CADENZA_RETURN_IF_ERROR(runner_->flush()); // steps before it
  const ProfileRange range("tile of", live);
  CADENZA_RETURN_IF_ERROR(tiles_->enqueue(tileIndex(size), withHead));
  sequence_.finishStep(withHead, live);
  return withHead ? arrivals_.queued(sequence_.position()) : Status::ok();
}

Status CudaExecutor::runTileWithLogits(int64_t size, const LogitsRow &row) {
  if (!hostLogits_.get())
    return copyLogits().status();
  const int64_t first = sequence_.position();
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  CADENZA_ASSIGN_OR_RETURN(const int64_t live, sequence_.beginTile(size));
  CADENZA_RETURN_IF_ERROR(runner_->flush());
  CADENZA_RETURN_IF_ERROR(tiles_->enqueue(tileIndex(size), /*withHead=*/false));
  CADENZA_RETURN_IF_ERROR(tiles_->forEachToken(tileIndex(size), first, live, [&](int64_t position) -> Status {
    CADENZA_ASSIGN_OR_RETURN(const std::span<const float> logits, copyLogits());
    return row(position, logits);
  }));
  sequence_.finishTileOfHeads(live);
  return Status::ok();
}

Status CudaExecutor::stop() {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  sequence_.end();
  return runner_->stop();
}

uint64_t CudaExecutor::kernelsPerToken() const { return persistent_ ? 1 : step_.launches.size(); }

StatusOr<std::vector<TraceRecord>> CudaExecutor::trace() {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  return persistent_->trace();
}

StatusOr<int32_t> CudaExecutor::awaitToken(int64_t position) {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  CADENZA_RETURN_IF_ERROR(sequence_.checkSelected(position));
  if (!arrivals_.isQueued(position))
    CADENZA_RETURN_IF_ERROR(runner_->flush());
  StatusOr<int32_t> token = arrivals_.await(position);
  return token.isOk() ? token : token.status().withPrefix("waiting for token " + std::to_string(position));
}

Status CudaExecutor::synchronize() {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  CADENZA_RETURN_IF_ERROR(runner_->flush());
  CADENZA_CUDA_TRY(*device_, cuStreamSynchronize, stream_.get());
  return Status::ok();
}

StatusOr<std::span<const float>> CudaExecutor::logits() {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  CADENZA_RETURN_IF_ERROR(runner_->flush());
  if (hostLogits_.get())
    CADENZA_RETURN_IF_ERROR(sequence_.checkHeadRan());
  return copyLogits();
}

StatusOr<std::span<const float>> CudaExecutor::copyLogits() {
  if (!hostLogits_.get())
    return Status(StatusCode::InvalidArgument, "the executor was loaded without logits");
  CADENZA_CUDA_TRY(*device_, cuMemcpyDtoHAsync, hostLogits_.get(), storage_.addresses().logits, hostLogits_.bytes(),
                   stream_.get());
  CADENZA_CUDA_TRY(*device_, cuStreamSynchronize, stream_.get());
  return std::span<const float>(hostLogits_.as<float>(), static_cast<size_t>(program_->decoder->vocabulary));
}

} // namespace cuda
} // namespace cadenza
