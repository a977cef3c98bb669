#include "runtime/cuda/tensor_executor.h"

#include "runtime/cuda/runners/capture.h"
#include "runtime/decode/values.h"
#include "runtime/plan/plan.h"
#include "runtime/shared/state.h"
#include "runtime/support/profile_range.h"

#include <limits>
#include <new>
#include <system_error>

namespace cadenza {

StatusOr<std::unique_ptr<TensorExecutor>> makeCudaTensorExecutor(const Plan &plan, int ordinal, Schedule schedule) {
  try {
    CADENZA_ASSIGN_OR_RETURN(std::unique_ptr<TensorExecutor> executor,
                             cuda::CudaTensorExecutor::make(plan, ordinal, schedule));
    return executor;
  } catch (const std::bad_alloc &) {
    return Status(StatusCode::OutOfMemory, "no host memory for the executor");
  } catch (const std::system_error &error) {
    return Status(StatusCode::OutOfMemory, std::string("cannot start a thread: ") + error.what());
  }
}

namespace cuda {

StatusOr<std::unique_ptr<CudaTensorExecutor>> CudaTensorExecutor::make(const Plan &plan, int ordinal,
                                                                       Schedule schedule) {
  if (schedule == Schedule::Persistent)
    return Status(StatusCode::InvalidArgument,
                  plan.path() + ": only the step of a decoder has a persistent schedule; choose launch or graph");
  std::unique_ptr<CudaTensorExecutor> executor(new CudaTensorExecutor());
  executor->schedule_ = schedule;
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
  CADENZA_ASSIGN_OR_RETURN(storage_,
                           Storage::load(*device_, stream_.get(), plan, /*context=*/0, /*logits=*/false, /*blocks=*/0));
  CADENZA_RETURN_IF_ERROR(writeState());
  // Variants are for what sm_90 alone has. Code for the host runs on an emulated GPU of any kind.
  const std::string_view target = device_->properties().major == 9 ? kernels_.target() : std::string_view();
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
    if (tileOf(program_->entries[i]) > 0)
      continue; // for CudaExecutor
    BoundEntry &bound = entries_[i];
    const Entry &entry = program_->entries[i];
    CADENZA_ASSIGN_OR_RETURN(bound.step, bindEntry(*program_, static_cast<uint32_t>(i), storage_.addresses(), target));
    for (const BoundLaunch &launch : bound.step.launches)
      CADENZA_RETURN_IF_ERROR(kernels_.problem(launch.kernel));
    CADENZA_ASSIGN_OR_RETURN(bound.maps, TensorMaps::place(*device_, stream_.get(), bound.step));
    bound.launches = StepLaunches(stream_.get(), *program_, kernels_, bound.step);
    if (schedule_ != Schedule::Launch)
      CADENZA_RETURN_IF_ERROR(capture(bound));
    CADENZA_RETURN_IF_ERROR(stage(entry.inputs, bound.inputs));
    CADENZA_RETURN_IF_ERROR(stage(entry.outputs, bound.outputs));
  }
  CADENZA_CUDA_TRY(*device_, cuStreamSynchronize, stream_.get()); // graphs have been uploaded
  return Status::ok();
}

Status CudaTensorExecutor::writeState() {
  CADENZA_ASSIGN_OR_RETURN(const PinnedBuffer state,
                           PinnedBuffer::make(*device_, sizeof(DecodeState), "the state of tiles"));
  state.as<DecodeState>()->forced_tokens = std::numeric_limits<int>::max();
  CADENZA_CUDA_TRY(*device_, cuMemcpyHtoDAsync, storage_.addresses().state, state.get(), sizeof(DecodeState),
                   stream_.get());
  CADENZA_CUDA_TRY(*device_, cuStreamSynchronize, stream_.get());
  return Status::ok();
}

Status CudaTensorExecutor::capture(BoundEntry &entry) {
  StatusOr<GraphExec> graph = captureSteps(*device_, stream_.get(), entry.launches, /*steps=*/1, /*withHead=*/true,
                                           canLaunchDependents(*device_, kernels_));
  if (graph.isOk()) {
    schedule_ = Schedule::Graph;
    entry.graph = std::move(*graph);
    return Status::ok();
  }
  if (schedule_ == Schedule::Graph || graph.status().code() != StatusCode::Unsupported)
    return graph.status();
  schedule_ = Schedule::Launch; // the driver makes no graphs
  return Status::ok();
}

Status CudaTensorExecutor::runEntry(uint32_t index, std::span<const std::span<const std::byte>> inputs,
                                    std::span<const std::span<std::byte>> outputs) {
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(device_->fault());
  CADENZA_RETURN_IF_ERROR(current.status());
  BoundEntry &bound = entries_[index];
  const Entry &entry = program_->entries[index];
  const ProfileRange range(entry.name);
  const auto edgeOf = [&](const Port &port) -> const Edge & { return program_->edges[*port.edge]; };
  for (size_t i = 0; i < inputs.size(); ++i) {
    copyToEdge(edgeOf(entry.inputs[i]), inputs[i], bound.inputs[i].as<std::byte>());
    CADENZA_RETURN_IF_ERROR(upload(index, i));
  }
  CADENZA_RETURN_IF_ERROR(launch(index));
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Edge &edge = edgeOf(entry.outputs[i]);
    CADENZA_CUDA_TRY(*device_, cuMemcpyDtoHAsync, bound.outputs[i].get(), storage_.addresses().arena + edge.offset,
                     edgeBytes(edge), stream_.get());
  }
  const Status ended = device_->check(device_->api().cuStreamSynchronize(stream_.get()), "cuStreamSynchronize");
  if (!ended.isOk()) // kernels end themselves there; which other reasons there are, the driver does not say
    return ended.withPrefix("entry '" + entry.name +
                            "' did not end well; is an index outside of its tensor, or an integer divided by 0?");
  for (size_t i = 0; i < outputs.size(); ++i)
    copyFromEdge(edgeOf(entry.outputs[i]), bound.outputs[i].as<std::byte>(), outputs[i]);
  return Status::ok();
}

Status CudaTensorExecutor::upload(uint32_t entry, size_t input) {
  const Edge &edge = program_->edges[*program_->entries[entry].inputs[input].edge];
  CADENZA_CUDA_TRY(*device_, cuMemcpyHtoDAsync, storage_.addresses().arena + edge.offset,
                   entries_[entry].inputs[input].get(), edgeBytes(edge), stream_.get());
  return Status::ok();
}

Status CudaTensorExecutor::launch(uint32_t entry) {
  BoundEntry &bound = entries_[entry];
  if (!bound.graph.get())
    return bound.launches.launchStep(*device_, /*withHead=*/true);
  CADENZA_CUDA_TRY(*device_, cuGraphLaunch, bound.graph.get(), stream_.get());
  return Status::ok();
}

uint32_t CudaTensorExecutor::indexOf(std::string_view entry) const {
  uint32_t index = 0;
  while (index + 1 < program_->entries.size() && program_->entries[index].name != entry)
    ++index;
  return index;
}

std::vector<size_t> CudaTensorExecutor::overwritten(uint32_t entry) const {
  const std::vector<Port> &inputs = program_->entries[entry].inputs;
  std::vector<size_t> found;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Edge &input = program_->edges[*inputs[i].edge];
    bool isWritten = false;
    for (const Block &block : program_->entries[entry].blocks)
      for (const Phase &phase : block.phases)
        for (uint32_t output : phase.outputs) {
          const Edge &edge = program_->edges[output];
          isWritten |= edge.offset < input.offset + edgeBytes(input) && input.offset < edge.offset + edgeBytes(edge);
        }
    if (isWritten)
      found.push_back(i);
  }
  return found;
}

size_t CudaTensorExecutor::overwrittenInputs(std::string_view entry) const {
  return overwritten(indexOf(entry)).size();
}

template <typename Queue> StatusOr<double> CudaTensorExecutor::timeQueued(const Queue &queue) {
  CADENZA_ASSIGN_OR_RETURN(const Event start, Event::make(*device_, CU_EVENT_DEFAULT));
  CADENZA_ASSIGN_OR_RETURN(const Event end, Event::make(*device_, CU_EVENT_DEFAULT));
  CADENZA_CUDA_TRY(*device_, cuEventRecord, start.get(), stream_.get());
  CADENZA_RETURN_IF_ERROR(queue());
  CADENZA_CUDA_TRY(*device_, cuEventRecord, end.get(), stream_.get());
  CADENZA_CUDA_TRY(*device_, cuEventSynchronize, end.get());
  float milliseconds = 0;
  CADENZA_CUDA_TRY(*device_, cuEventElapsedTime, &milliseconds, start.get(), end.get());
  return static_cast<double>(milliseconds);
}

StatusOr<double> CudaTensorExecutor::timeOnDevice(std::string_view entry, int runs) {
  const uint32_t index = indexOf(entry);
  const std::vector<size_t> again = overwritten(index);
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(device_->fault());
  CADENZA_RETURN_IF_ERROR(current.status());
  for (size_t input = 0; input < entries_[index].inputs.size(); ++input)
    CADENZA_RETURN_IF_ERROR(upload(index, input));
  CADENZA_ASSIGN_OR_RETURN(const double milliseconds, timeQueued([&] {
                             for (int i = 0; i < runs; ++i) {
                               for (size_t input : again)
                                 CADENZA_RETURN_IF_ERROR(upload(index, input));
                               CADENZA_RETURN_IF_ERROR(launch(index));
                             }
                             return Status::ok();
                           }));
  return milliseconds / runs;
}

BoundStep CudaTensorExecutor::withoutPrepares(uint32_t index) const {
  BoundStep step = entries_[index].step;
  std::erase_if(step.launches, [&](const BoundLaunch &launch) {
    const Phase &phase = program_->entries[index].blocks[launch.block].phases[launch.phase];
    return phase.prepare && program_->kernels[launch.kernel].name == phase.prepare->kernel;
  });
  step.headLaunch = step.launches.size();
  return step;
}

StatusOr<double> CudaTensorExecutor::timeKernels(std::string_view entry, int runs) {
  const uint32_t index = indexOf(entry);
  CurrentContext current(*device_);
  CADENZA_RETURN_IF_ERROR(device_->fault());
  CADENZA_RETURN_IF_ERROR(current.status());
  BoundStep step = withoutPrepares(index);
  StepLaunches launches(stream_.get(), *program_, kernels_, step);
  GraphExec graph;
  if (schedule_ == Schedule::Graph) {
    CADENZA_ASSIGN_OR_RETURN(graph, captureSteps(*device_, stream_.get(), launches, /*steps=*/1, /*withHead=*/true,
                                                 canLaunchDependents(*device_, kernels_)));
  }
  CADENZA_ASSIGN_OR_RETURN(const double milliseconds, timeQueued([&] {
                             for (int i = 0; i < runs; ++i) {
                               if (!graph.get())
                                 CADENZA_RETURN_IF_ERROR(launches.launchStep(*device_, /*withHead=*/true));
                               else
                                 CADENZA_CUDA_TRY(*device_, cuGraphLaunch, graph.get(), stream_.get());
                             }
                             return Status::ok();
                           }));
  return milliseconds / runs;
}

StatusOr<std::string> CudaTensorExecutor::onlyKernel(std::string_view entry) const {
  std::string name;
  for (const BoundLaunch &launch : withoutPrepares(indexOf(entry)).launches) {
    const std::string &kernel = program_->kernels[launch.kernel].name;
    if (!name.empty() && name != kernel)
      return Status(StatusCode::InvalidArgument,
                    "entry '" + std::string(entry) + "' runs several kernels, '" + name + "' and '" + kernel + "'");
    name = kernel;
  }
  return name;
}

} // namespace cuda
} // namespace cadenza
