#include "compiler/import/model_files.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace cadenza {

bool isModelFileName(const std::filesystem::path &name) {
  constexpr std::array<std::string_view, 6> extensions = {".safetensors", ".jinja",     // Hugging Face
                                                          ".onnx",        ".onnx_data", // ONNX, whose weights have
                                                          ".data",        ".gguf"};     // any name; these are usual
  constexpr std::array<std::string_view, 5> names = {"config.json", "generation_config.json", "tokenizer.json",
                                                     "tokenizer_config.json", "model.safetensors.index.json"};
  return std::ranges::find(extensions, name.extension().string()) != extensions.end() ||
         std::ranges::find(names, name.filename().string()) != names.end();
}

} // namespace cadenza
