// What a Hugging Face directory says of talking to its model: chat templates and the special tokens that they name.
#pragma once

#include "compiler/import/findings.h"
#include "compiler/import/hf/model_directory.h"

#include <string>
#include <string_view>

namespace cadenza {

/// The JSON of a plan's section `chat` (docs/plan-format.md); empty if the directory has no chat template. Templates
/// are those that transformers takes: chat_template.jinja with what is in additional_chat_templates/, or else
/// `chat_template` of `tokenizerConfig` (the text of tokenizer_config.json, empty if there is none): one, or a list of
/// named ones; or else chat_template.json. Special tokens are those of tokenizer_config.json and, where that lacks
/// them, special_tokens_map.json. A template that `cadenza-run --chat` cannot take is a notice. Malformed files and
/// fields are findings; a file that was given as `tokenizerConfig` and is no JSON object is the finding of whoever
/// reads the tokenizer.
std::string importChat(ModelDirectory &directory, std::string_view tokenizerConfig, Findings &findings);

/// The JSON of a plan's section `generation`: generation_config.json, without white space; empty if `text` is, or if it
/// is no JSON object, which is the finding of whoever reads its fields.
std::string importGenerationDefaults(std::string_view text);

} // namespace cadenza
