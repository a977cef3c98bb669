// How text is cut into words before byte-level BPE: what llama.cpp's names for it (tokenizer.ggml.pre) are in the
// published tokenizer.json files. llama.cpp approximates some of these patterns; here they are the published ones.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cadenza::gguf {

struct PreTokenizer {
  std::vector<std::string_view> names;       // of tokenizer.ggml.pre
  std::string_view json;                     // the pre_tokenizer of tokenizer.json
  bool nfc = false;                          // text is normalised
  bool ignoreMerges = false;                 // a word that is a token is one, whatever merges make of it
  bool addBos = false;                       // where the file does not say
  std::vector<std::string_view> prefix = {}; // tokens before every text, of which the file does not speak
};

/// Null if there is none of that name.
const PreTokenizer *findPreTokenizer(std::string_view name);
/// "gpt-2, llama-bpe, ...", for messages.
std::string preTokenizerNames();

} // namespace cadenza::gguf
