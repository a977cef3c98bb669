// The files that stand beside an ONNX model: what onnxruntime-genai's builder writes, or what optimum copies from the
// model's Hugging Face directory. They say what no graph does (stop tokens, context, the tokenizer), and what has to
// agree with it.
#pragma once

#include "compiler/import/findings.h"
#include "compiler/import/hf/model_directory.h"
#include "compiler/import/onnx/decoder/decoder.h"

#include <optional>
#include <string>
#include <vector>

namespace cadenza::onnx {

struct Companions {
  DecoderHints hints;
  std::string family = "onnx";      // as the files call it: "llama"
  std::optional<int64_t> context;   // tokens of the longest text
  int32_t bosToken = -1;            // -1: none
  std::vector<int32_t> eosTokens;   // may be empty
  std::string tokenizer;            // tokenizer.json; empty if there is none
  std::string tokenizerConfig;      // tokenizer_config.json; empty if there is none
  std::string chat, generation;     // sections of the plan (hf/chat.h); empty if there is nothing for them
  std::vector<std::string> configs; // the texts of the others
};

Companions readCompanions(ModelDirectory &directory, Findings &findings);

/// The ONNX model of a directory, as a path: the one that genai_config.json names, or, where no safetensors are, the
/// only one there is. Nothing if the directory is that of no ONNX model; InvalidInput if it has several.
StatusOr<std::optional<std::string>> modelFileIn(const std::string &directory);

} // namespace cadenza::onnx
