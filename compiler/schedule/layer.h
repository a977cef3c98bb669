// Reads the step IR of a decoder as what the persistent schedule divides: an embedding, layers that are lists of parts,
// and a head.
#pragma once

#include "compiler/ir/step/Step.h"
#include "compiler/schedule/division.h"

namespace cadenza {

/// A function of query, key and value that is not the product's, but a map's behind it.
struct RowFunction {
  step::FunctionAttrInterface function; // on the slots of the product: 0, 1, 2
  int64_t allRows = 0;                  // of its segment, if it is a norm of all of them and not of each head; else 0
};

/// A map between the product of query, key and value and attention, which has not been absorbed.
struct RowMap {
  step::MapOp map;
  llvm::SmallVector<RowFunction> functions; // all of them
};

/// The maps that follow the product `rows` and read nothing but what it, and maps before them, leave of query, key and
/// value.
llvm::SmallVector<RowMap> rowMapsOf(step::ProjectOp rows, int64_t headDim);

/// From the residual stream to what is added to it: a product over rows, attention or the product's own functions, a
/// product over columns, and maybe a norm of its result.
struct LayerPart {
  step::ProjectOp rows;
  llvm::SmallVector<RowMap> maps; // of its rows, before attention
  step::AttendOp attend;          // or null
  step::ProjectOp columns;
  step::MapOp norm; // or null: the norm and the addition to the residual stream
  /// Whether it begins with the residual stream of the part before it, to which that one has not added yet.
  bool parallel = false;
};

struct DecoderPhases {
  step::EmbedOp embed;
  step::LayersOp layers;
  llvm::SmallVector<LayerPart> parts; // of a layer
  step::ProjectOp head;
};

/// Emits an error at the first op that does not fit, which says what would be needed.
llvm::FailureOr<DecoderPhases> readDecoder(mlir::func::FuncOp function);

/// The dimensions of the layers. An error at a part that has other ones than those before it.
llvm::FailureOr<LayerShape> shapeOf(DecoderPhases phases);

/// Positions that a layer attends to at most: those that its cache keeps, of a sequence of up to `context` (0: any
/// number).
int64_t longestContext(DecoderPhases phases, int64_t context);

/// 8-byte words of the arguments of all phases of a step whose context is divided over so many ranks.
int64_t tableWords(DecoderPhases phases, int64_t ranks);

/// Whether the persistent kernel keeps a function of a phase: all but the KV append, the residual addition and the
/// selection, which are its own.
bool isKept(step::FunctionAttrInterface function);
/// Those of a project.
llvm::SmallVector<step::FunctionAttrInterface> keptFunctions(step::ProjectOp project);

} // namespace cadenza
