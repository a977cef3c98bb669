// Unicode normalisation form C as Hugging Face tokenizers has it: that of Unicode 9.
#pragma once

#include <string>
#include <string_view>

namespace cadenza {

/// Normalises valid UTF-8. The result is `text` itself when nothing changes, else a view of `storage`.
std::string_view toNfc(std::string_view text, std::string &storage);

} // namespace cadenza
