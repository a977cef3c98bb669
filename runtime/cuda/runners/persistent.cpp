#include "runtime/cuda/runners/persistent.h"

#include "runtime/support/profile_range.h"

#include <atomic>
#include <utility>

namespace cadenza::cuda {
namespace {

/// Steps of one launch: enough that the launch itself does not count, few enough that Ctrl-C does.
constexpr int64_t stepsOfALaunch = 32;

uint32_t acquire(uint32_t &word) { return std::atomic_ref(word).load(std::memory_order_acquire); }

const char *waitName(uint32_t wait) {
  switch (static_cast<PersistentWait>(wait)) {
  case PersistentWait::ring_slot:
    return "a free buffer of the ring";
  case PersistentWait::ring_data:
    return "weights or cache entries from memory";
  case PersistentWait::hop_rows:
    return "rows of query, key and value of its group";
  case PersistentWait::hop_parts:
    return "attention over the other parts of the context";
  case PersistentWait::hop_residual:
    return "rows of the residual stream of its group";
  case PersistentWait::hop_units:
    return "feed-forward activations of its group";
  case PersistentWait::packets:
    return "partial sums of other groups";
  case PersistentWait::candidates:
    return "the logits of other blocks";
  case PersistentWait::step_start:
    return "its group to begin the step";
  case PersistentWait::head_sums:
    return "sums of squares of the heads of other groups";
  case PersistentWait::context:
    return "queries, or attention over parts of the context, of groups with the same KV head";
  }
  return "something unknown";
}

} // namespace

StatusOr<std::unique_ptr<PersistentRunner>> PersistentRunner::make(const RunnerContext &context) {
  std::unique_ptr<PersistentRunner> runner(new PersistentRunner(context));
  CADENZA_RETURN_IF_ERROR(runner->load());
  return runner;
}

Status PersistentRunner::load() {
  Device &device = context_.device;
  const Division &plan = *context_.division;
  prepare(plan.kernel, kernel_);
  if (plan.longContext) {
    prepare(plan.longContext->kernel, longKernel_);
    longFrom_ = plan.longContext->fromPosition;
  }

  const uint64_t bytes = context_.step.words.size() * sizeof(uint64_t);
  CADENZA_ASSIGN_OR_RETURN(words_, DeviceBuffer::make(device, bytes, "kernel arguments"));
  CADENZA_ASSIGN_OR_RETURN(packets_, DeviceBuffer::make(device, plan.packetBytes, "packets"));
  CADENZA_CUDA_TRY(device, cuMemcpyHtoDAsync, words_.get(), context_.step.words.data(), bytes, context_.stream);
  CADENZA_CUDA_TRY(device, cuMemsetD8Async, packets_.get(), 0, plan.packetBytes, context_.stream);
  CADENZA_CUDA_TRY(device, cuStreamSynchronize, context_.stream);

  if (plan.traced) {
    blocks_ = plan.blocks();
    CADENZA_ASSIGN_OR_RETURN(trace_, DeviceBuffer::make(device, sizeof(TraceRecord) * traceRecords(), "trace"));
  }

  // Page-locked memory has the same address on the device. NOLINTBEGIN(performance-no-int-to-ptr): CUdeviceptr
  args_ = {.words = reinterpret_cast<const uint64_t *>(words_.get()),
           .packets = reinterpret_cast<unsigned char *>(packets_.get()),
           .state = reinterpret_cast<DecodeState *>(context_.addresses.state),
           .tokens = reinterpret_cast<int32_t *>(context_.addresses.tokens),
           .host_tokens = context_.hostTokens,
           .logits = reinterpret_cast<float *>(context_.addresses.logits),
           .control = &context_.control,
           .steps = 0,
           .headless_steps = 0,
           .first_step = 0,
           .limit_ns = persistentWaitLimitNs,
           .trace = reinterpret_cast<TraceRecord *>(trace_.get()),
           .sampled = nullptr};
  // NOLINTEND(performance-no-int-to-ptr)
  return Status::ok();
}

void PersistentRunner::prepare(const std::string &name, StepsKernel &kernel) {
  const uint32_t index = kernelIndex(context_.program, name);
  kernel.function = context_.kernels.function(index);
  kernel.drawing = context_.kernels.drawing(index);
  prepareLaunch(context_.program.kernels[index], *context_.division, context_.stream, kernel.launch);
}

void PersistentRunner::begin() {
  kept_ = keptHeadless_ = 0;
  sample(false);
}

void PersistentRunner::sample(bool samples) {
  const Addresses &addresses = context_.addresses;
  // NOLINTBEGIN(performance-no-int-to-ptr): CUdeviceptr
  args_.sampled = reinterpret_cast<SequenceState *>(samples ? addresses.state : 0);
  args_.logits = reinterpret_cast<float *>(samples ? addresses.draw.logits : addresses.logits);
  // NOLINTEND(performance-no-int-to-ptr)
}

Status PersistentRunner::enqueue(int64_t position, bool withHead) {
  // A launch begins with its steps without head.
  if (kept_ == stepsOfALaunch || (!withHead && kept_ > keptHeadless_))
    CADENZA_RETURN_IF_ERROR(flush());
  if (kept_ == 0)
    firstPosition_ = position;
  ++kept_;
  keptHeadless_ += withHead ? 0 : 1;
  lastToken_ = position + 1;
  return Status::ok();
}

Status PersistentRunner::flush() {
  if (kept_ == 0)
    return Status::ok();
  const ProfileRange range("steps before", lastToken_);
  const int64_t steps = std::exchange(kept_, 0), headless = std::exchange(keptHeadless_, 0);
  args_.steps = static_cast<uint64_t>(steps);
  args_.headless_steps = static_cast<uint64_t>(headless);
  if (isTraced())
    CADENZA_CUDA_TRY(context_.device, cuMemsetD8Async, trace_.get(), 0, trace_.bytes(), context_.stream);
  void *parameters[] = {&args_};
  // Both give the same bits, so a run of steps may reach positions for which the other one would be faster.
  const StepsKernel &kernel = firstPosition_ >= longFrom_ ? longKernel_ : kernel_;
  CADENZA_CUDA_TRY(context_.device, cuLaunchKernelEx, &kernel.launch.config,
                   args_.sampled ? kernel.drawing : kernel.function, parameters, nullptr);
  args_.first_step = (args_.first_step + static_cast<uint64_t>(steps)) & 0xffffffffu;
  return context_.arrivals.queued(lastToken_);
}

int64_t PersistentRunner::stepsAhead() const { return 2 * stepsOfALaunch; }

double PersistentRunner::hostLaunchesPerToken() const { return 1.0 / stepsOfALaunch; }

Status PersistentRunner::stop() {
  std::atomic_ref(context_.control.stop).store(1, std::memory_order_release);
  kept_ = keptHeadless_ = 0;
  return Status::ok();
}

StatusOr<std::vector<TraceRecord>> PersistentRunner::trace() const {
  std::vector<TraceRecord> records(traceRecords());
  CADENZA_CUDA_TRY(context_.device, cuMemcpyDtoHAsync, records.data(), trace_.get(), trace_.bytes(), context_.stream);
  CADENZA_CUDA_TRY(context_.device, cuStreamSynchronize, context_.stream);
  return records;
}

std::string PersistentRunner::explainFault() const {
  HostControl &c = context_.control;
  if (acquire(c.expired) == 0)
    return "";
  return "the persistent kernel gave up: block " + std::to_string(c.block) + " waited too long for " +
         waitName(c.wait) + ", at position " + std::to_string(c.position) +
         // the candidates come after all layers
         (c.wait == static_cast<uint32_t>(PersistentWait::candidates) ? "" : ", layer " + std::to_string(c.layer));
}

} // namespace cadenza::cuda
