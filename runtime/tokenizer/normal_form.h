// Unicode normalisation forms as Hugging Face tokenizers has them: those of Unicode 9.
#pragma once

#include <string>
#include <string_view>

namespace cadenza {

enum class NormalForm { C, D, KC, KD };

/// Normalises valid UTF-8. The result is `text` itself when nothing changes, else a view of `storage`.
std::string_view normalize(std::string_view text, NormalForm form, std::string &storage);

} // namespace cadenza
