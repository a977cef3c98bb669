// The normalizer of tokenizer.json: nothing, or Unicode normalisation form C.
//
// Known difference: Hugging Face orders combining marks by the tables of Unicode 9, utf8proc by those of Unicode 15.
// Text that puts a mark which is newer than Unicode 9 out of canonical order among other marks comes out differently.
#pragma once

#include "runtime/support/status.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace cadenza {

class Normalizer {
public:
  /// From the value of the "normalizer" field: null, NFC, or a Sequence of them.
  static StatusOr<Normalizer> parse(const nlohmann::json *config);

  /// Normalises valid UTF-8. The result is `text` itself when nothing changes, else a view of `storage`.
  std::string_view apply(std::string_view text, std::string &storage) const;

private:
  bool nfc_ = false;
};

} // namespace cadenza
