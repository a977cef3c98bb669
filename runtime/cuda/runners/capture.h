// Launches as a CUDA graph: captured once, launched at once as often as needed.
#pragma once

#include "runtime/cuda/resources.h"
#include "runtime/cuda/runners/step_launches.h"

namespace cadenza::cuda {

/// Whether kernels may be launched as programmatic dependents of the one before them, in a graph: what the GPU, its
/// driver and the code have to be.
bool canLaunchDependents(Device &device, const Kernels &kernels);

/// A graph of `steps` times all launches, on the device. `dependent`: each is the programmatic dependent of the one
/// before it. Error: Unsupported if the driver cannot make graphs.
StatusOr<GraphExec> captureSteps(Device &device, CUstream stream, StepLaunches &launches, int steps, bool withHead,
                                 bool dependent);

} // namespace cadenza::cuda
