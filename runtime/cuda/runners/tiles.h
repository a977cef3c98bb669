// Tiles of prompts: the kernels of a prefill entry, launched one by one or as a graph that was captured once. They run
// between the steps of any runner, which work on from the state that a tile leaves on the device.
#pragma once

#include "runtime/cuda/resources.h"
#include "runtime/cuda/runners/runner.h"
#include "runtime/cuda/tensor_maps.h"

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cadenza::cuda {

class TileRunner {
public:
  /// Of all prefill entries of the program. `asGraphs`: they become graphs, unless the driver cannot make any: `notice`
  /// says so then. `keepsLogits`: for forEachToken.
  static StatusOr<std::unique_ptr<TileRunner>> make(const RunnerContext &context, bool asGraphs, bool keepsLogits,
                                                    std::string &notice);

  /// Queues the tile of the prefill entry of that number (in prefillEntries), all of it or all but its head.
  Status enqueue(size_t tile, bool withHead);

  /// For whoever launches the kernels of a tile one by one.
  const BoundStep &step(size_t tile) const { return tiles_[tile].step; }
  StepLaunches &launches(size_t tile) { return tiles_[tile].launches; }

  /// After such a tile without its head, whose `live` tokens begin at `position`: runs the head for each of them and
  /// calls `ran`, with what it computes still queued.
  Status forEachToken(size_t tile, int64_t position, int64_t live, const std::function<Status(int64_t)> &ran);

private:
  struct Tile {
    BoundStep step;
    TensorMaps maps;
    StepLaunches launches;
    std::array<GraphExec, 2> graphs;                       // without head, with head; if there are graphs
    const Edge *allTokens = nullptr, *lastToken = nullptr; // what its phase `last` reads and writes
  };

  explicit TileRunner(const RunnerContext &context) : context_(context) {}
  Status load(bool asGraphs, bool keepsLogits, std::string &notice);
  Status capture(Tile &tile);

  RunnerContext context_;
  std::vector<Tile> tiles_;
  bool dependentLaunch_ = false;
  // If logits are kept:
  std::optional<PinnedBuffer> hidden_;   // tokens of a tile, as an edge holds them
  std::optional<PinnedBuffer> position_; // int32
};

} // namespace cadenza::cuda
