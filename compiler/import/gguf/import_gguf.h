// A GGUF file to an `nn` module, of the same families as a Hugging Face directory, and a source of its weights.
#pragma once

#include "compiler/import/hf/import_hugging_face.h"

namespace cadenza {

/// As importHuggingFace, of the file options.directory. `options.dtype` is the type of the model instead of the rule's
/// (gguf/weights.h, modelDType); matrices of floats become it, too.
StatusOr<ImportedModel> importGguf(mlir::MLIRContext &context, const ImportOptions &options, Findings &findings);

} // namespace cadenza
