// A graph in `nn` ops, as a file of IR, to a module and a source of its weights.
#pragma once

#include "compiler/import/hf/import_hugging_face.h"

namespace cadenza {

/// Whether `path` names a file of IR rather than a model directory: by its ending, ".mlir".
bool isModuleFile(const std::string &path);

/// Reads options.directory, a file of entries with named tensors, and takes weights that have a source from
/// options.weightsFile or makes them up (randomSeed). Everything that is wrong goes to `findings`, syntax errors with
/// their line; the status is that of all errors among them. No weight has been read.
StatusOr<ImportedModel> importModule(mlir::MLIRContext &context, const ImportOptions &options, Findings &findings);

} // namespace cadenza
