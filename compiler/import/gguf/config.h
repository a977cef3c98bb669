// The metadata of a GGUF file as the config.json that it was made from, so that the families read both alike.
#pragma once

#include "compiler/import/findings.h"
#include "compiler/import/gguf/architecture.h"
#include "compiler/import/gguf/file.h"
#include "compiler/import/hf/config.h"

#include <nlohmann/json.hpp>

#include <map>
#include <string>

namespace cadenza::gguf {

struct Config {
  nlohmann::json json = nlohmann::json::object();
  /// The file's key of each field, for messages: "llama.block_count" of "num_hidden_layers".
  std::map<std::string, std::string, std::less<>> places;
};

/// Every field that the family of `architecture` reads. What the file leaves out has llama.cpp's default where it has
/// one, else the field is missing. A float is read as the shortest decimal number that rounds to it: 1e-06, which the
/// converter had, and not 9.99999997e-07. Keys of the architecture that nobody knows are notices.
Config makeConfig(const File &file, const Architecture &architecture, Findings &findings);

/// What of the configuration is in the file, and not in config.json: norms that have 1 added, and the divisors of
/// RoPE's frequencies (rope_freqs.weight).
void applyTensors(const File &file, const Architecture &architecture, DecoderConfig &config, Findings &findings);

/// The ids of tokens that end a text: eos, eot and eom of the tokenizer's keys, and a token that is written like an end
/// of a turn where the keys have none, as llama.cpp chooses it.
std::vector<int64_t> endTokens(const File &file);

} // namespace cadenza::gguf
