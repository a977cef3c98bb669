#include "runtime/cuda/runners/capture.h"

namespace cadenza::cuda {
namespace {

constexpr int minimumDependentDriver = 12030; // from which on programmatic launches can be captured
constexpr int minimumDependentMajor = 9;      // of the compute capability

/// While it lives, what is queued into `stream` becomes a graph instead.
class Capture {
public:
  Capture(Device &device, CUstream stream) : device_(device), stream_(stream) {}
  Capture(const Capture &) = delete;
  Capture &operator=(const Capture &) = delete;
  ~Capture() {
    if (begun_)
      (void)end();
  }
  Status begin() {
    // Other threads may go on using the driver meanwhile.
    CADENZA_CUDA_TRY(device_, cuStreamBeginCapture, stream_, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
    begun_ = true;
    return Status::ok();
  }
  StatusOr<Graph> end() {
    begun_ = false;
    CUgraph graph = nullptr;
    CADENZA_CUDA_TRY(device_, cuStreamEndCapture, stream_, &graph);
    return Graph(device_, graph);
  }

private:
  Device &device_;
  CUstream stream_;
  bool begun_ = false;
};

} // namespace

bool canLaunchDependents(Device &device, const Kernels &kernels) {
  const DeviceProperties &gpu = device.properties();
  return kernels.hasDependencyWaits() && gpu.major >= minimumDependentMajor &&
         gpu.driverVersion >= minimumDependentDriver;
}

StatusOr<GraphExec> captureSteps(Device &device, CUstream stream, StepLaunches &launches, int steps, bool withHead,
                                 bool dependent) {
  Capture capture(device, stream);
  CADENZA_RETURN_IF_ERROR(capture.begin());
  for (int step = 0; step < steps; ++step)
    for (size_t i = 0; i < launches.count(withHead); ++i) {
      const bool first = step == 0 && i == 0; // nothing of this graph is before it
      CADENZA_RETURN_IF_ERROR(launches.launch(device, i, dependent && !first));
    }
  CADENZA_ASSIGN_OR_RETURN(const Graph graph, capture.end());
  CUgraphExec handle = nullptr;
  CADENZA_CUDA_TRY(device, cuGraphInstantiateWithFlags, &handle, graph.get(), 0);
  GraphExec exec(device, handle);
  CADENZA_CUDA_TRY(device, cuGraphUpload, exec.get(), stream);
  return exec;
}

} // namespace cadenza::cuda
