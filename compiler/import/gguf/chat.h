// What a GGUF file says of talking to its model: chat templates and the special tokens that they name.
#pragma once

#include "compiler/import/findings.h"
#include "compiler/import/gguf/file.h"

#include <string>

namespace cadenza::gguf {

/// The JSON of a plan's section `chat` (docs/plan-format.md): tokenizer.chat_template as "default", and
/// tokenizer.chat_template.NAME as NAME; empty if the file has none. A template that `cadenza-run --chat` cannot take
/// is a notice.
std::string makeChat(const File &file, Findings &findings);

} // namespace cadenza::gguf
