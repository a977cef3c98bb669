// Which files belong to a model, by name: what an output must not replace.
#pragma once

#include <filesystem>

namespace cadenza {

/// Whether a file of that name beside a model is a part of it: of a Hugging Face directory, an ONNX model or a GGUF
/// file.
bool isModelFileName(const std::filesystem::path &name);

} // namespace cadenza
