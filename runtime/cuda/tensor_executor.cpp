#include "runtime/cuda/tensor_executor.h"

#include "runtime/decode/values.h"
#include "runtime/plan/plan.h"

#include <new>
#include <system_error>

namespace cadenza {

StatusOr<std::unique_ptr<TensorExecutor>> makeCudaTensorExecutor(const Plan &plan, int ordinal) {
  try {
    CADENZA_ASSIGN_OR_RETURN(std::unique_ptr<TensorExecutor> executor, cuda::CudaTensorExecutor::make(plan, ordinal));
    return executor;
  } catch (const std::bad_alloc &) {
    return Status(StatusCode::OutOfMemory, "no host memory for the executor");
  } catch (const std::system_error &error) {
    return Status(StatusCode::OutOfMemory, std::string("cannot start a thread: ") + error.what());
  }
}

namespace cuda {

StatusOr<std::unique_ptr<CudaTensorExecutor>> CudaTensorExecutor::make(const Plan &plan, int ordinal) {
  std::unique_ptr<CudaTensorExecutor> executor(new CudaTensorExecutor());
  CADENZA_RETURN_IF_ERROR(executor->load(plan, ordinal));
  return executor;
}

CudaTensorExecutor::~CudaTensorExecutor() {
  if (!stream_.get())
    return;
  CurrentContext current(*device_); // nothing that the queue still uses may go before it is empty
  (void)device_->api().cuStreamSynchronize(stream_.get());
}

std::string CudaTensorExecutor::deviceName() const {
  return "cuda:" + std::to_string(device_->properties().ordinal) + " " + device_->properties().name;
}

Status CudaTensorExecutor::load(const Plan &plan, int ordinal) {
  program_ = &plan.program();
  CADENZA_RETURN_IF_ERROR(requireTensorEntry(*program_, plan.path()));
  CADENZA_ASSIGN_OR_RETURN(device_, Device::open(ordinal));
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(current.status());
  CADENZA_ASSIGN_OR_RETURN(stream_, Stream::make(*device_));
  CADENZA_ASSIGN_OR_RETURN(kernels_, Kernels::load(*device_, plan)); // before the long upload
  CADENZA_ASSIGN_OR_RETURN(storage_, Storage::load(*device_, stream_.get(), plan, /*context=*/0, /*logits=*/false));
  const auto stage = [&](const std::vector<Port> &ports, std::vector<PinnedBuffer> &buffers) {
    for (const Port &port : ports) {
      CADENZA_ASSIGN_OR_RETURN(PinnedBuffer buffer,
                               PinnedBuffer::make(*device_, edgeBytes(program_->edges[*port.edge]), "a tensor"));
      buffers.push_back(std::move(buffer));
    }
    return Status::ok();
  };
  entries_.resize(program_->entries.size());
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (program_->decoder && program_->decoder->entry == i)
      continue; // for CudaExecutor
    BoundEntry &bound = entries_[i];
    const Entry &entry = program_->entries[i];
    CADENZA_ASSIGN_OR_RETURN(bound.step, bindEntry(*program_, entry, storage_.addresses()));
    bound.launches = StepLaunches(stream_.get(), *program_, kernels_, bound.step);
    CADENZA_RETURN_IF_ERROR(stage(entry.inputs, bound.inputs));
    CADENZA_RETURN_IF_ERROR(stage(entry.outputs, bound.outputs));
  }
  return Status::ok();
}

Status CudaTensorExecutor::runEntry(uint32_t index, std::span<const std::span<const float>> inputs,
                                    std::span<const std::span<float>> outputs) {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(device_->fault());
  CADENZA_RETURN_IF_ERROR(current.status());
  BoundEntry &bound = entries_[index];
  const Entry &entry = program_->entries[index];
  const auto edgeOf = [&](const Port &port) -> const Edge & { return program_->edges[*port.edge]; };
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Edge &edge = edgeOf(entry.inputs[i]);
    const auto elements = static_cast<size_t>(edge.elements);
    for (size_t token = 0; token < static_cast<size_t>(edge.tokens); ++token)
      narrow(edge.dtype, inputs[i].subspan(token * elements, elements),
             bound.inputs[i].as<std::byte>() + token * edgeStride(edge));
    CADENZA_CUDA_TRY(*device_, cuMemcpyHtoDAsync, storage_.addresses().arena + edge.offset, bound.inputs[i].get(),
                     edgeBytes(edge), stream_.get());
  }
  CADENZA_RETURN_IF_ERROR(bound.launches.launchStep(*device_, /*withHead=*/true));
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Edge &edge = edgeOf(entry.outputs[i]);
    CADENZA_CUDA_TRY(*device_, cuMemcpyDtoHAsync, bound.outputs[i].get(), storage_.addresses().arena + edge.offset,
                     edgeBytes(edge), stream_.get());
  }
  CADENZA_CUDA_TRY(*device_, cuStreamSynchronize, stream_.get());
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Edge &edge = edgeOf(entry.outputs[i]);
    const auto elements = static_cast<size_t>(edge.elements);
    for (size_t token = 0; token < static_cast<size_t>(edge.tokens); ++token)
      widen(edge.dtype, bound.outputs[i].as<std::byte>() + token * edgeStride(edge),
            outputs[i].subspan(token * elements, elements));
  }
  return Status::ok();
}

} // namespace cuda
} // namespace cadenza
