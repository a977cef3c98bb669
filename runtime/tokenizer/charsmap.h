// Precompiled, the normalizer of SentencePiece models: a table of replacements, as a double array (a trie in the format
// of Darts-clone) and the texts that its values point into.
#pragma once

#include "runtime/support/status.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

class Charsmap {
public:
  /// From {"precompiled_charsmap": base64 of [u32 bytes of the trie, the trie, texts that end in zero]}.
  static StatusOr<Charsmap> parse(const nlohmann::json &config, const std::string &path);

  /// Replaces what the table has in valid UTF-8. As in Hugging Face, a grapheme cluster of fewer than 6 bytes is looked
  /// up first, and becomes what its shortest beginning in the table does; otherwise each of its characters is looked
  /// up.
  std::string apply(std::string_view text) const;

private:
  struct Table {
    std::vector<uint32_t> units;
    std::string texts;
  };
  std::shared_ptr<const Table> table_;

  std::optional<std::string_view> find(std::string_view key) const;
};

} // namespace cadenza
