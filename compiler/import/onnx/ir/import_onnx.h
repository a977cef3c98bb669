// An ONNX model that is a decoder to an `nn` module and a source of its weights.
#pragma once

#include "compiler/import/hf/import_hugging_face.h"

#include <string>

namespace cadenza {

/// Whether `path` is an ONNX model: a file, or a directory that has one (onnx/decoder/companions.h). Of a directory
/// with several the importer says what is wrong.
bool isOnnxModel(const std::string &path);

/// As importHuggingFace; the module is that of step_module.h. `report` gets what --check prints of the model before its
/// findings.
StatusOr<ImportedModel> importOnnx(mlir::MLIRContext &context, const ImportOptions &options, Findings &findings,
                                   std::string &report);

} // namespace cadenza
