#include "runtime/cuda/persistent.h"

#include <atomic>

namespace cadenza::cuda {
namespace {

/// Of one wait. A step takes milliseconds; the emulation, which is slower, has its own clock.
constexpr uint64_t waitLimitNs = 2'000'000'000;

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
  }
  return "something unknown";
}

} // namespace

StatusOr<PersistentLaunches> PersistentLaunches::load(Device &device, CUstream stream, const Program &program,
                                                      const Kernels &kernels, const Addresses &addresses,
                                                      const BoundStep &step, int32_t *hostTokens) {
  const PersistentLaunch &plan = *program.persistent;
  uint32_t index = 0;
  while (program.kernels[index].name != plan.kernel) // the plan reader has seen it
    ++index;
  const Kernel &kernel = program.kernels[index];
  PersistentLaunches launches;
  launches.function_ = kernels.function(index);

  CUlaunchAttribute &cooperative = launches.attributes_[0], &cluster = launches.attributes_[1];
  cooperative.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
  cooperative.value.cooperative = 1;
  cluster.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
  cluster.value.clusterDim = {plan.ranks, 1, 1};
  launches.config_ = launchConfig(kernel, stream);
  launches.config_.attrs = launches.attributes_.data();
  launches.config_.numAttrs = plan.clusters ? 2 : 1;

  // All blocks wait for each other: they must run at the same time.
  const auto groups = static_cast<int>(kernel.blocks / plan.ranks), ranks = static_cast<int>(plan.ranks);
  const DeviceProperties &gpu = device.properties();
  int held = 0; // groups
  if (!plan.clusters) {
    int blocks = 0; // of a multiprocessor
    CADENZA_CUDA_TRY(device, cuOccupancyMaxActiveBlocksPerMultiprocessor, &blocks, launches.function_,
                     static_cast<int>(kernel.threads), kernel.sharedBytes);
    held = blocks * gpu.multiprocessors / ranks;
  } else if (gpu.major < 9) {
    return Status(StatusCode::IncompatiblePlan, "the persistent kernel needs thread block clusters, which the GPU " +
                                                    gpu.name + " does not have: compile with --no-clusters");
  } else {
    CADENZA_CUDA_TRY(device, cuOccupancyMaxActiveClusters, &held, launches.function_, &launches.config_);
  }
  if (held < groups)
    return Status(StatusCode::IncompatiblePlan,
                  "the persistent kernel needs " + std::to_string(groups) + " groups of " + std::to_string(ranks) +
                      " blocks at once; the GPU " + gpu.name + " holds " + std::to_string(held) + ": compile with " +
                      (held > 0 ? "--sms=" + std::to_string(held * ranks) : "--schedule=launch"));

  const uint64_t bytes = step.words.size() * sizeof(uint64_t);
  CADENZA_ASSIGN_OR_RETURN(launches.words_, DeviceBuffer::make(device, bytes, "kernel arguments"));
  CADENZA_ASSIGN_OR_RETURN(launches.packets_, DeviceBuffer::make(device, plan.packetBytes, "packets"));
  CADENZA_ASSIGN_OR_RETURN(launches.control_,
                           PinnedBuffer::make(device, sizeof(PersistentControl), "the control page"));
  CADENZA_CUDA_TRY(device, cuMemcpyHtoDAsync, launches.words_.get(), step.words.data(), bytes, stream);
  CADENZA_CUDA_TRY(device, cuMemsetD8Async, launches.packets_.get(), 0, plan.packetBytes, stream);
  CADENZA_CUDA_TRY(device, cuStreamSynchronize, stream);

  if (plan.traced) {
    launches.blocks_ = kernel.blocks;
    CADENZA_ASSIGN_OR_RETURN(launches.trace_,
                             DeviceBuffer::make(device, sizeof(TraceRecord) * launches.traceRecords(), "trace"));
  }

  // Page-locked memory has the same address on the device. NOLINTBEGIN(performance-no-int-to-ptr): CUdeviceptr
  launches.args_ = {.words = reinterpret_cast<const uint64_t *>(launches.words_.get()),
                    .packets = reinterpret_cast<unsigned char *>(launches.packets_.get()),
                    .state = reinterpret_cast<DecodeState *>(addresses.state),
                    .tokens = reinterpret_cast<int32_t *>(addresses.tokens),
                    .host_tokens = hostTokens,
                    .logits = reinterpret_cast<float *>(addresses.logits),
                    .control = &launches.control(),
                    .steps = 0,
                    .headless_steps = 0,
                    .first_step = 0,
                    .limit_ns = waitLimitNs,
                    .trace = reinterpret_cast<TraceRecord *>(launches.trace_.get())};
  // NOLINTEND(performance-no-int-to-ptr)
  return launches;
}

Status PersistentLaunches::launch(Device &device, int64_t steps, int64_t headless) {
  args_.steps = static_cast<uint64_t>(steps);
  args_.headless_steps = static_cast<uint64_t>(headless);
  config_.attrs = attributes_.data(); // this object may have moved
  if (isTraced())
    CADENZA_CUDA_TRY(device, cuMemsetD8Async, trace_.get(), 0, trace_.bytes(), config_.hStream);
  void *parameters[] = {&args_};
  CADENZA_CUDA_TRY(device, cuLaunchKernelEx, &config_, function_, parameters, nullptr);
  args_.first_step = (args_.first_step + static_cast<uint64_t>(steps)) & 0xffffffffu;
  return Status::ok();
}

StatusOr<std::vector<TraceRecord>> PersistentLaunches::trace(Device &device) const {
  std::vector<TraceRecord> records(traceRecords());
  CADENZA_CUDA_TRY(device, cuMemcpyDtoHAsync, records.data(), trace_.get(), trace_.bytes(), config_.hStream);
  CADENZA_CUDA_TRY(device, cuStreamSynchronize, config_.hStream);
  return records;
}

void PersistentLaunches::begin() { control() = {}; }

int64_t PersistentLaunches::published() const { return acquire(control().published); }

void PersistentLaunches::stop() { std::atomic_ref(control().stop).store(1, std::memory_order_release); }

std::string PersistentLaunches::expired() const {
  PersistentControl &c = control();
  if (acquire(c.expired) == 0)
    return "";
  return "the persistent kernel gave up: block " + std::to_string(c.block) + " waited too long for " +
         waitName(c.wait) + ", at position " + std::to_string(c.position) +
         // the candidates come after all layers
         (c.wait == static_cast<uint32_t>(PersistentWait::candidates) ? "" : ", layer " + std::to_string(c.layer));
}

} // namespace cadenza::cuda
