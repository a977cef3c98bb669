#include "runtime/cuda/runners/tiles.h"

#include "runtime/cuda/runners/capture.h"
#include "runtime/shared/state.h"

#include <algorithm>
#include <cstddef>

namespace cadenza::cuda {

StatusOr<std::unique_ptr<TileRunner>> TileRunner::make(const RunnerContext &context, bool asGraphs, bool keepsLogits,
                                                       std::string &notice) {
  std::unique_ptr<TileRunner> runner(new TileRunner(context));
  CADENZA_RETURN_IF_ERROR(runner->load(asGraphs, keepsLogits, notice));
  return runner;
}

Status TileRunner::load(bool asGraphs, bool keepsLogits, std::string &notice) {
  const Program &program = context_.program;
  Device &device = context_.device;
  dependentLaunch_ = canLaunchDependents(device, context_.kernels);
  // Variants are for what sm_90 alone has. Code for the host runs on an emulated GPU of any kind.
  const std::string_view target = device.properties().major == 9 ? context_.kernels.target() : std::string_view();
  uint64_t largest = 0;
  for (uint32_t index : prefillEntries(program)) {
    Tile &tile = tiles_.emplace_back();
    CADENZA_ASSIGN_OR_RETURN(tile.step, bindEntry(program, index, context_.addresses, target));
    for (const BoundLaunch &launch : tile.step.launches)
      CADENZA_RETURN_IF_ERROR(context_.kernels.problem(launch.kernel));
    CADENZA_ASSIGN_OR_RETURN(tile.maps, TensorMaps::place(device, context_.stream, tile.step));
    tile.launches = StepLaunches(context_.stream, program, context_.kernels, tile.step);
    for (const Block &block : program.entries[index].blocks)
      for (const Phase &phase : block.phases)
        if (phase.kind == PhaseKind::Last) {
          tile.allTokens = &program.edges[phase.inputs[0]];
          tile.lastToken = &program.edges[phase.outputs[0]];
          largest = std::max(largest, edgeBytes(*tile.allTokens));
        }
  }
  for (size_t i = 0; asGraphs && i < tiles_.size(); ++i) {
    const Status captured = capture(tiles_[i]);
    if (!captured.isOk() && captured.code() != StatusCode::Unsupported)
      return captured;
    if (!captured.isOk()) {
      notice += (notice.empty() ? "" : "; ") + ("tiles of prompts are no graphs: " + captured.message());
      asGraphs = false;
    }
  }
  if (keepsLogits && largest > 0) {
    CADENZA_ASSIGN_OR_RETURN(hidden_, PinnedBuffer::make(device, largest, "a tile's tokens"));
    CADENZA_ASSIGN_OR_RETURN(position_, PinnedBuffer::make(device, sizeof(int32_t), "a position"));
  }
  CADENZA_CUDA_TRY(device, cuStreamSynchronize, context_.stream); // graphs have been uploaded
  return Status::ok();
}

Status TileRunner::capture(Tile &tile) {
  for (bool withHead : {false, true}) {
    CADENZA_ASSIGN_OR_RETURN(tile.graphs[withHead], captureSteps(context_.device, context_.stream, tile.launches,
                                                                 /*steps=*/1, withHead, dependentLaunch_));
  }
  return Status::ok();
}

Status TileRunner::enqueue(size_t index, bool withHead) {
  Tile &tile = tiles_[index];
  if (!tile.graphs[withHead].get())
    return tile.launches.launchStep(context_.device, withHead, dependentLaunch_);
  CADENZA_CUDA_TRY(context_.device, cuGraphLaunch, tile.graphs[withHead].get(), context_.stream);
  return Status::ok();
}

Status TileRunner::forEachToken(size_t index, int64_t position, int64_t live,
                                const std::function<Status(int64_t)> &ran) {
  Tile &tile = tiles_[index];
  Device &device = context_.device;
  const Addresses &at = context_.addresses;
  // The head takes one token, and what it computes may overwrite those of the tile: they wait here.
  CADENZA_CUDA_TRY(device, cuMemcpyDtoHAsync, hidden_->get(), at.arena + tile.allTokens->offset,
                   edgeBytes(*tile.allTokens), context_.stream);
  for (int64_t i = 0; i < live; ++i) {
    CADENZA_CUDA_TRY(device, cuStreamSynchronize, context_.stream); // position_ has been read
    *position_->as<int32_t>() = static_cast<int32_t>(position + i);
    CADENZA_CUDA_TRY(device, cuMemcpyHtoDAsync, at.state + offsetof(SequenceState, decode.position), position_->get(),
                     sizeof(int32_t), context_.stream);
    CADENZA_CUDA_TRY(device, cuMemcpyHtoDAsync, at.arena + tile.lastToken->offset,
                     hidden_->as<std::byte>() + static_cast<uint64_t>(i) * edgeStride(*tile.allTokens),
                     edgeBytes(*tile.lastToken), context_.stream);
    for (size_t launch = tile.step.headLaunch; launch < tile.launches.count(true); ++launch)
      CADENZA_RETURN_IF_ERROR(tile.launches.launch(device, launch));
    CADENZA_RETURN_IF_ERROR(context_.arrivals.queued(position + i + 1));
    CADENZA_RETURN_IF_ERROR(ran(position + i));
  }
  return Status::ok();
}

} // namespace cadenza::cuda
