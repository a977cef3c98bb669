// The tokenizer of a Hugging Face directory: tokenizer.json, and the tokens that only tokenizer_config.json has.
#pragma once

#include "compiler/import/findings.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace cadenza {

/// The tokenizer.json for a plan, from the text of tokenizer.json and of tokenizer_config.json (empty: there is none).
/// It is tokenizer.json itself, unless tokenizer_config.json has tokens in `added_tokens_decoder` or under the names of
/// special tokens (`eos_token`, ...) that tokenizer.json lacks: they are added to its added_tokens, as transformers
/// does when it loads them. Malformed files are findings. A tokenizer that is not supported, and tokens with ids of
/// `vocabulary` (the rows of the embedding) or more, are notices; the former gives the empty string: the plan takes
/// token ids only.
std::string importTokenizer(std::string_view tokenizer, std::string_view config, int64_t vocabulary,
                            Findings &findings);

} // namespace cadenza
