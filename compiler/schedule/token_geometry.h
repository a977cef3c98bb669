// How a phase of a tile of tokens becomes a grid (of a prefill, or of a graph's rows): runtime/shared/token_tiles*.h,
// for ops.
#pragma once

#include "compiler/schedule/launch_geometry.h"
#include "compiler/schedule/order.h"
#include "runtime/plan/program.h"

#include <optional>
#include <vector>

namespace cadenza {

/// Tokens of a tile are a multiple of this, up to the maximum.
int64_t tokenMultiple();
/// Threads of a block of the kernel that prepares an input of so many columns.
int64_t prepareThreads(int64_t columns);
constexpr int64_t maximumTile = int64_t{1} << 16;

struct TokenGeometry : LaunchGeometry {
  std::vector<int64_t> tiles;            // of a product, of attention: the fields of TokenTiles, of AttendTokenTiles
  int64_t blockRows = 0;                 // of a map
  std::optional<LaunchGeometry> prepare; // of a product whose input needs it
  std::vector<int64_t> wgmma = {};       // of a phase that wgmma is to do: blocks, threads, shared, cluster, tiles
};

/// Of a phase on as many tokens as its vectors have rows. An error at the phase if kernels cannot do that.
llvm::FailureOr<TokenGeometry> tokenGeometryOf(step::PhaseOpInterface phase);

/// Whether a phase of a graph takes all rows of its vectors at once, as a prefill takes a tile of tokens: products and
/// maps of as many rows as a tile can have, that kernels can do.
bool isTileOfGraph(step::PhaseOpInterface phase);

/// What a product of a tile, and the kernel that prepares its input, have in scratch memory: the input as the products
/// take it, and the factors of a norm that is deferred.
struct PreparedInput {
  int64_t tokens = 1, columns = 1;
  bool needed = false;  // whether there is one: otherwise the product reads its input as it lies
  bool factors = false; // whether there are factors

  uint64_t activationBytes() const;
  uint64_t factorBytes() const;
};
PreparedInput preparedInput(step::ProjectOp project);

/// The tensor maps of a product by wgmma, divided as the launch says: of the packed matrix, and of its activation.
TensorMap weightsMap(step::ProjectOp project, llvm::ArrayRef<int64_t> wgmma);
TensorMap activationsMap(step::ProjectOp project, llvm::ArrayRef<int64_t> wgmma);

} // namespace cadenza
