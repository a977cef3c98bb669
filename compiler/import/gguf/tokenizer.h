// The tokenizer of a GGUF file as the tokenizer.json that the model was published with.
#pragma once

#include "compiler/import/findings.h"
#include "compiler/import/gguf/file.h"

#include <string>

namespace cadenza::gguf {

/// The text of a tokenizer.json; empty, and a finding, if the file has no tokenizer (a notice) or none that is
/// supported. Two kinds are (tokenizer.ggml.model):
///   gpt2:  byte-level BPE by its list of merges. tokenizer.ggml.pre says how text is cut into words before that:
///          a pattern of a published tokenizer.
///   llama: SentencePiece's BPE by scores: merges in the order of the scores of what they make, as transformers
///          converts such models (convert_slow_tokenizer.py, generate_merges).
/// Tokens of the types control and user-defined are added tokens.
/// `pretokenizer`, unless empty, goes before the file's tokenizer.ggml.pre.
std::string makeTokenizer(const File &file, const std::string &pretokenizer, Findings &findings);

} // namespace cadenza::gguf
