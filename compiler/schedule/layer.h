// Reads the step IR of a decoder as what the persistent schedule divides: an embedding, layers that are lists of parts,
// and a head.
#pragma once

#include "compiler/ir/step/Step.h"
#include "compiler/schedule/division.h"

namespace cadenza {

/// From the residual stream to what is added to it: a product over rows, attention or the product's own functions, a
/// product over columns, and maybe a norm of its result.
struct LayerPart {
  step::ProjectOp rows;
  step::AttendOp attend; // or null
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

/// 8-byte words of the arguments of all phases of a step whose context is divided over so many ranks.
int64_t tableWords(DecoderPhases phases, int64_t ranks);

/// The functions of a project that its kernel keeps: all but the KV append, the residual addition and the selection,
/// which are the persistent kernel's own.
llvm::SmallVector<step::FunctionAttrInterface> keptFunctions(step::ProjectOp project);

} // namespace cadenza
