#include "runtime/cuda/executor.h"

#include "runtime/plan/plan.h"
#include "runtime/shared/state.h"

#include <algorithm>
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
namespace {

/// Steps of one persistent launch: enough that the launch itself does not count, few enough that Ctrl-C does.
constexpr int64_t maximumCollected = 32;

} // namespace

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
  CADENZA_ASSIGN_OR_RETURN(storage_, Storage::load(*device_, stream_.get(), plan, context_, options.logits));

  uint64_t tokenCount = static_cast<uint64_t>(context_) + 1;
  CADENZA_ASSIGN_OR_RETURN(hostState_, PinnedBuffer::make(*device_, sizeof(DecodeState), "the decode state"));
  CADENZA_ASSIGN_OR_RETURN(hostTokens_, PinnedBuffer::make(*device_, tokenCount * sizeof(int32_t), "tokens"));
  if (options.logits) {
    uint64_t bytes = static_cast<uint64_t>(program_->decoder->vocabulary) * sizeof(float);
    CADENZA_ASSIGN_OR_RETURN(hostLogits_, PinnedBuffer::make(*device_, bytes, "logits"));
  }
  for (Event &event : events_) {
    CADENZA_ASSIGN_OR_RETURN(event, Event::make(*device_, CU_EVENT_DISABLE_TIMING | CU_EVENT_BLOCKING_SYNC));
  }
  sequence_ = Sequence(context_, program_->decoder->vocabulary);

  CADENZA_ASSIGN_OR_RETURN(step_, bindStep(*program_, storage_.addresses()));
  for (const BoundLaunch &bound : step_.launches) {
    PreparedLaunch &prepared = launches_.emplace_back();
    prepared.function = kernels_.function(bound.kernel);
    prepared.words = step_.words.data() + bound.firstWord;
    prepared.config = launchConfig(program_->kernels[bound.kernel], stream_.get());
  }
  if (options.schedule == Schedule::Persistent && !program_->persistent)
    return Status(StatusCode::IncompatiblePlan, plan.path() + ": has no persistent schedule; compile it with "
                                                              "--schedule=persistent");
  if (program_->persistent && options.schedule != Schedule::Launch) {
    CADENZA_ASSIGN_OR_RETURN(launchEnd_, Event::make(*device_, CU_EVENT_DISABLE_TIMING | CU_EVENT_BLOCKING_SYNC));
    CADENZA_ASSIGN_OR_RETURN(persistent_,
                             PersistentLaunches::load(*device_, stream_.get(), *program_, kernels_,
                                                      storage_.addresses(), step_, hostTokens_.as<int32_t>()));
    device_->explainFaults([this] { return persistent_->expired(); }); // any call may be the one that reports it
  }
  return Status::ok();
}

Status CudaExecutor::enter(const CurrentContext &current) const {
  CADENZA_RETURN_IF_ERROR(device_->fault());
  return current.status();
}

std::string CudaExecutor::deviceName() const {
  return "cuda:" + std::to_string(device_->properties().ordinal) + " " + device_->properties().name;
}

Status CudaExecutor::begin(std::span<const int32_t> prompt, std::span<const int32_t> stopTokens) {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  CADENZA_RETURN_IF_ERROR(sequence_.checkPrompt(prompt, stopTokens));
  // What was queued may still read the host buffers that are written now.
  CADENZA_CUDA_TRY(*device_, cuStreamSynchronize, stream_.get());
  int32_t *tokens = hostTokens_.as<int32_t>();
  std::fill(tokens, tokens + context_ + 1, 0);
  std::copy(prompt.begin(), prompt.end(), tokens);
  filled_ = {};
  return writeState(0, static_cast<int64_t>(prompt.size()), stopTokens);
}

Status CudaExecutor::fillCache(int64_t length, uint64_t seed) {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  CADENZA_RETURN_IF_ERROR(sequence_.checkFill(length));
  CADENZA_CUDA_TRY(*device_, cuStreamSynchronize, stream_.get());
  sequence_.end();
  if (filled_.seed != seed || filled_.length < length) {
    filled_ = {};
    CADENZA_RETURN_IF_ERROR(storage_.fillCaches(*device_, stream_.get(), *program_, length, seed));
  }
  filled_ = {length, seed};
  std::fill_n(hostTokens_.as<int32_t>(), context_ + 1, 0);
  return writeState(length, length + 1, {}); // the token at `length` is given: id 0
}

Status CudaExecutor::writeState(int64_t nextPosition, int64_t forcedTokens, std::span<const int32_t> stopTokens) {
  sequence_.end();
  collected_ = collectedHeadless_ = 0;
  launchedTokens_ = nextPosition;
  if (persistent_)
    persistent_->begin();
  auto *state = hostState_.as<DecodeState>();
  *state = DecodeState{};
  state->position = static_cast<int>(nextPosition);
  state->next_position = static_cast<int>(nextPosition);
  state->forced_tokens = static_cast<int>(forcedTokens);
  state->stop_token_count = static_cast<int>(stopTokens.size());
  std::copy(stopTokens.begin(), stopTokens.end(), state->stop_tokens);
  const Addresses &addresses = storage_.addresses();
  CADENZA_CUDA_TRY(*device_, cuMemcpyHtoDAsync, addresses.state, state, sizeof *state, stream_.get());
  CADENZA_CUDA_TRY(*device_, cuMemcpyHtoDAsync, addresses.tokens, hostTokens_.get(), hostTokens_.bytes(),
                   stream_.get());
  sequence_.start(nextPosition, forcedTokens);
  return Status::ok();
}

Status CudaExecutor::launch(size_t index) {
  PreparedLaunch &prepared = launches_[index];
  void *parameters[] = {prepared.words};
  CADENZA_CUDA_TRY(*device_, cuLaunchKernelEx, &prepared.config, prepared.function, parameters, nullptr);
  return Status::ok();
}

Status CudaExecutor::finishStep(bool withHead) {
  if (withHead) {
    // Each position has its own host slot, so that steps queued ahead overwrite nothing.
    size_t next = static_cast<size_t>(sequence_.position()) + 1;
    CADENZA_CUDA_TRY(*device_, cuMemcpyDtoHAsync, hostTokens_.as<int32_t>() + next,
                     storage_.addresses().tokens + next * sizeof(int32_t), sizeof(int32_t), stream_.get());
    CADENZA_CUDA_TRY(*device_, cuEventRecord, events_[next % events_.size()].get(), stream_.get());
  }
  sequence_.finishStep(withHead);
  return Status::ok();
}

Status CudaExecutor::enqueueStep(bool withHead) {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  if (persistent_) {
    // A launch begins with its steps without head.
    if (collected_ == maximumCollected || (!withHead && collected_ > collectedHeadless_))
      CADENZA_RETURN_IF_ERROR(flush());
    CADENZA_RETURN_IF_ERROR(sequence_.beginStep());
    ++collected_;
    collectedHeadless_ += withHead ? 0 : 1;
    sequence_.finishStep(withHead);
    return Status::ok();
  }
  CADENZA_RETURN_IF_ERROR(sequence_.beginStep());
  size_t end = withHead ? launches_.size() : step_.headLaunch;
  for (size_t i = 0; i < end; ++i)
    CADENZA_RETURN_IF_ERROR(launch(i));
  return finishStep(withHead);
}

int64_t CudaExecutor::stepsAhead() const { return persistent_ ? 2 * maximumCollected : 2; }

void CudaExecutor::stop() {
  if (!persistent_)
    return;
  persistent_->stop();
  collected_ = collectedHeadless_ = 0;
  sequence_.end();
}

Status CudaExecutor::flush() {
  if (collected_ == 0)
    return Status::ok();
  const int64_t steps = std::exchange(collected_, 0), headless = std::exchange(collectedHeadless_, 0);
  CADENZA_RETURN_IF_ERROR(persistent_->launch(*device_, steps, headless));
  CADENZA_CUDA_TRY(*device_, cuEventRecord, launchEnd_.get(), stream_.get());
  launchedTokens_ = sequence_.position() + 1;
  return Status::ok();
}

StatusOr<std::vector<TraceRecord>> CudaExecutor::trace() {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  return persistent_->trace(*device_);
}

StatusOr<int32_t> CudaExecutor::awaitPublished(size_t position) {
  if (static_cast<int64_t>(position) >= launchedTokens_)
    CADENZA_RETURN_IF_ERROR(flush());
  // The token comes through mapped memory while the kernel runs; the event is asked now and then, because a launch may
  // end without it: at a stop token before, or by a fault.
  constexpr int looks = 2000;
  const auto arrived = [&] { return persistent_->published() > static_cast<int64_t>(position); };
  for (int i = 1; !arrived(); ++i) {
    if (i % looks != 0)
      continue;
    const CUresult result = device_->api().cuEventQuery(launchEnd_.get());
    if (result == CUDA_ERROR_NOT_READY)
      continue;
    CADENZA_RETURN_IF_ERROR(device_->check(result, "cuEventQuery"));
    return arrived() ? hostTokens_.as<int32_t>()[position] : 0;
  }
  return hostTokens_.as<int32_t>()[position];
}

Status CudaExecutor::await(CUevent event) {
  // Spin first: waking up from a blocking wait costs tens of microseconds, which a small model feels at every token. A
  // step that takes longer than this can afford it, and leaves the core to others.
  constexpr auto spin = std::chrono::milliseconds(2);
  auto deadline = std::chrono::steady_clock::now() + spin;
  do {
    CUresult result = device_->api().cuEventQuery(event);
    if (result != CUDA_ERROR_NOT_READY)
      return device_->check(result, "cuEventQuery");
  } while (std::chrono::steady_clock::now() < deadline);
  CADENZA_CUDA_TRY(*device_, cuEventSynchronize, event);
  return Status::ok();
}

StatusOr<int32_t> CudaExecutor::awaitToken(int64_t position) {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  CADENZA_RETURN_IF_ERROR(sequence_.checkSelected(position));
  size_t index = static_cast<size_t>(position);
  if (persistent_) {
    StatusOr<int32_t> token = awaitPublished(index);
    return token.isOk() ? token : token.status().withPrefix("waiting for token " + std::to_string(position));
  }
  if (Status waited = await(events_[index % events_.size()].get()); !waited.isOk())
    return waited.withPrefix("waiting for token " + std::to_string(position));
  return hostTokens_.as<int32_t>()[index];
}

Status CudaExecutor::synchronize() {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  CADENZA_RETURN_IF_ERROR(flush());
  CADENZA_CUDA_TRY(*device_, cuStreamSynchronize, stream_.get());
  return Status::ok();
}

StatusOr<std::span<const float>> CudaExecutor::logits() {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  CADENZA_RETURN_IF_ERROR(flush());
  if (!hostLogits_.get())
    return Status(StatusCode::InvalidArgument, "the executor was loaded without logits");
  CADENZA_RETURN_IF_ERROR(sequence_.checkHeadRan());
  CADENZA_CUDA_TRY(*device_, cuMemcpyDtoHAsync, hostLogits_.get(), storage_.addresses().logits, hostLogits_.bytes(),
                   stream_.get());
  CADENZA_CUDA_TRY(*device_, cuStreamSynchronize, stream_.get());
  return std::span<const float>(hostLogits_.as<float>(), static_cast<size_t>(program_->decoder->vocabulary));
}

} // namespace cuda
} // namespace cadenza
