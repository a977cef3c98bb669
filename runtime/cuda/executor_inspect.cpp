// The slow ways through a step: phase by phase, for people who look at its values or its times.
#include "runtime/cuda/executor.h"
#include "runtime/shared/state.h"
#include "runtime/support/float16.h"

#include <cstring>

namespace cadenza::cuda {
namespace {

/// `bytes` of an edge as fp32.
std::vector<float> widen(DType dtype, std::span<const std::byte> bytes) {
  size_t size = dtypeSize(dtype);
  std::vector<float> values(bytes.size() / size);
  for (size_t i = 0; i < values.size(); ++i) {
    const std::byte *at = bytes.data() + i * size;
    if (dtype == DType::f32) {
      std::memcpy(&values[i], at, sizeof(float));
    } else if (dtype == DType::i32) {
      int32_t integer;
      std::memcpy(&integer, at, sizeof integer);
      values[i] = static_cast<float>(integer);
    } else {
      uint16_t bits;
      std::memcpy(&bits, at, sizeof bits);
      values[i] = dtype == DType::bf16 ? bf16ToFloat(bits) : f16ToFloat(bits);
    }
  }
  return values;
}

} // namespace

Status CudaExecutor::readOutputs(const BoundLaunch &bound, std::vector<std::vector<float>> &values) {
  values.clear();
  auto read = [&](uint64_t address, DType dtype, int64_t elements) {
    uint64_t bytes = static_cast<uint64_t>(elements) * dtypeSize(dtype);
    if (hostOutput_.bytes() < bytes) {
      CADENZA_ASSIGN_OR_RETURN(hostOutput_, PinnedBuffer::make(*device_, bytes, "outputs"));
    }
    CADENZA_CUDA_TRY(*device_, cuMemcpyDtoHAsync, hostOutput_.get(), address, bytes, stream_.get());
    CADENZA_CUDA_TRY(*device_, cuStreamSynchronize, stream_.get());
    values.push_back(widen(dtype, {hostOutput_.as<std::byte>(), static_cast<size_t>(bytes)}));
    return Status::ok();
  };
  const Phase &phase = decodeEntry(*program_).blocks[bound.block].phases[bound.phase];
  const Addresses &addresses = storage_.addresses();
  for (uint32_t index : phase.outputs) {
    const Edge &edge = program_->edges[index];
    CADENZA_RETURN_IF_ERROR(read(addresses.arena + edge.offset, edge.dtype, edge.elements));
  }
  if (phase.outputs.empty() && selectsToken(phase) && addresses.logits)
    return read(addresses.logits, DType::f32, program_->decoder->vocabulary);
  return Status::ok();
}

Status CudaExecutor::checkPhases() const {
  return schedule() == Schedule::Persistent
             ? Status(StatusCode::InvalidArgument,
                      "the persistent schedule has no phases to look into; use the launch schedule")
             : Status::ok();
}

Status CudaExecutor::beginPhases() {
  CADENZA_RETURN_IF_ERROR(runner_->flush());
  return sequence_.beginStep();
}

Status CudaExecutor::finishPhases() {
  CADENZA_RETURN_IF_ERROR(arrivals_.queued(sequence_.position() + 1));
  sequence_.finishStep(true);
  return Status::ok();
}

Status CudaExecutor::stepWithVisitor(const PhaseVisitor &visitor) {
  CADENZA_RETURN_IF_ERROR(checkPhases());
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  CADENZA_RETURN_IF_ERROR(beginPhases());
  std::vector<std::vector<float>> values;
  for (size_t i = 0; i < launches_.count(true); ++i) {
    const BoundLaunch &bound = step_.launches[i];
    CADENZA_RETURN_IF_ERROR(launches_.launch(*device_, i));
    Status ran = device_->check(device_->api().cuStreamSynchronize(stream_.get()), "cuStreamSynchronize");
    CADENZA_RETURN_IF_ERROR(
        ran.withPrefix("phase " + decodeEntry(*program_).blocks[bound.block].phases[bound.phase].name));
    CADENZA_RETURN_IF_ERROR(readOutputs(bound, values));
    std::vector<std::span<const float>> outputs(values.begin(), values.end());
    CADENZA_RETURN_IF_ERROR(
        visitor({.block = bound.block, .phase = bound.phase, .iteration = bound.iteration, .outputs = outputs}));
  }
  return finishPhases();
}

StatusOr<std::vector<float>> CudaExecutor::timeLaunches(StepLaunches &launches, bool withHead) {
  const size_t count = launches.count(withHead);
  while (timers_.size() <= count) {
    CADENZA_ASSIGN_OR_RETURN(Event event, Event::make(*device_, CU_EVENT_DEFAULT));
    timers_.push_back(std::move(event));
  }
  CADENZA_CUDA_TRY(*device_, cuEventRecord, timers_[0].get(), stream_.get());
  for (size_t i = 0; i < count; ++i) {
    CADENZA_RETURN_IF_ERROR(launches.launch(*device_, i));
    CADENZA_CUDA_TRY(*device_, cuEventRecord, timers_[i + 1].get(), stream_.get());
  }
  CADENZA_CUDA_TRY(*device_, cuStreamSynchronize, stream_.get());
  std::vector<float> microseconds(count);
  for (size_t i = 0; i < count; ++i) {
    float milliseconds = 0;
    CADENZA_CUDA_TRY(*device_, cuEventElapsedTime, &milliseconds, timers_[i].get(), timers_[i + 1].get());
    microseconds[i] = milliseconds * 1000;
  }
  return microseconds;
}

StatusOr<std::vector<float>> CudaExecutor::timeStep() {
  CADENZA_RETURN_IF_ERROR(checkPhases());
  CADENZA_RETURN_IF_ERROR(enqueueStep(true));
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  CADENZA_RETURN_IF_ERROR(beginPhases());
  StatusOr<std::vector<float>> times = timeLaunches(launches_, true);
  if (times.isOk())
    CADENZA_RETURN_IF_ERROR(finishPhases());
  return times;
}

StatusOr<std::vector<float>> CudaExecutor::timeTile(int64_t size, bool withHead) {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(enter(current));
  const auto first = static_cast<int>(sequence_.position());
  CADENZA_ASSIGN_OR_RETURN(const int64_t live, sequence_.beginTile(size));
  CADENZA_RETURN_IF_ERROR(runner_->flush());
  CADENZA_RETURN_IF_ERROR(tiles_->enqueue(tileIndex(size), withHead)); // the GPU is busy while the others are queued
  DecodeState &state = hostState_.as<SequenceState>()->decode;
  state.position = state.next_position = first;
  CADENZA_CUDA_TRY(*device_, cuMemcpyHtoDAsync, storage_.addresses().state, hostState_.get(), sizeof(SequenceState),
                   stream_.get());
  StatusOr<std::vector<float>> times = timeLaunches(tiles_->launches(tileIndex(size)), withHead);
  if (!times.isOk())
    return times;
  sequence_.finishStep(withHead, live);
  if (withHead)
    CADENZA_RETURN_IF_ERROR(arrivals_.queued(sequence_.position()));
  return times;
}

} // namespace cadenza::cuda
