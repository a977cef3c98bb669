#include "runtime/tokenizer/charsmap.h"

#include "runtime/support/base64.h"
#include "runtime/tokenizer/json.h"
#include "runtime/tokenizer/unicode.h"
#include "runtime/tokenizer/utf8.h"

#include <utf8proc.h>

#include <algorithm>
#include <span>

namespace cadenza {

using namespace tokenizer_json;

static constexpr size_t kMaxCluster = 5; // bytes of a grapheme cluster that is looked up

static uint32_t readWord(std::span<const std::byte> bytes, size_t index) {
  uint32_t word = 0;
  for (size_t i = 4; i-- > 0;)
    word = word << 8 | std::to_integer<uint32_t>(bytes[4 * index + i]);
  return word;
}

StatusOr<Charsmap> Charsmap::parse(const json &config, const std::string &path) {
  CADENZA_ASSIGN_OR_RETURN(std::string text, readString(config, path, "precompiled_charsmap"));
  const std::string field = path + ".precompiled_charsmap";
  auto bytes = fromBase64(text);
  if (!bytes)
    return invalid(field, "expected base64");
  if (bytes->size() < 4)
    return invalid(field, "expected the size of a trie");
  size_t size = readWord(*bytes, 0);
  if (size < 4 || size % 4 != 0 || size > bytes->size() - 4)
    return invalid(field, "a trie of " + std::to_string(size) + " bytes does not fit in the table of " +
                              std::to_string(bytes->size()) + " bytes");
  auto table = std::make_shared<Table>();
  for (size_t i = 0; i < size / 4; ++i)
    table->units.push_back(readWord(*bytes, i + 1));
  for (size_t i = 4 + size; i < bytes->size(); ++i)
    table->texts += std::to_integer<char>((*bytes)[i]);
  if (!utf8::isValid(table->texts))
    return invalid(field, "the replacements are not valid UTF-8");
  Charsmap result;
  result.table_ = std::move(table);
  return result;
}

/// What the shortest beginning of `key` in the table becomes.
std::optional<std::string_view> Charsmap::find(std::string_view key) const {
  const auto &units = table_->units;
  auto offsetOf = [](uint32_t unit) -> size_t { return size_t{unit >> 10} << ((unit & 0x200) >> 6); };
  auto hasLeaf = [](uint32_t unit) { return (unit & 0x100) != 0; };
  size_t node = offsetOf(units[0]);
  for (char c : key) {
    auto byte = static_cast<uint8_t>(c);
    node ^= byte;
    // A damaged table may point anywhere.
    if (byte == 0 || node >= units.size() || (units[node] & 0x800000FF) != byte)
      return std::nullopt;
    uint32_t unit = units[node];
    node ^= offsetOf(unit);
    if (!hasLeaf(unit) || node >= units.size())
      continue;
    size_t begin = units[node] & 0x7FFFFFFF;
    if (begin > table_->texts.size() || (begin < table_->texts.size() && (table_->texts[begin] & 0xC0) == 0x80))
      return std::nullopt;
    return std::string_view(table_->texts)
        .substr(begin, std::min(table_->texts.find('\0', begin), table_->texts.size()) - begin);
  }
  return std::nullopt;
}

/// A character with the same part in grapheme clusters, where the version of Unicode matters.
static utf8proc_int32_t clusterClass(uint32_t codePoint) {
  auto point = static_cast<utf8proc_int32_t>(codePoint);
  auto known = utf8proc_get_property(point)->boundclass;
  bool extends = known == UTF8PROC_BOUNDCLASS_EXTEND || known == UTF8PROC_BOUNDCLASS_SPACINGMARK ||
                 known == UTF8PROC_BOUNDCLASS_ZWJ;
  if (extends == unicode::extendsCluster(codePoint))
    return point;
  return extends ? 'a' : 0x301;
}

std::string Charsmap::apply(std::string_view text) const {
  std::string out;
  for (size_t begin = 0; begin < text.size();) {
    utf8::Scan s = utf8::scan(text, begin);
    size_t end = begin + s.length;
    utf8proc_int32_t before = clusterClass(s.codePoint), state = 0;
    while (end < text.size()) {
      s = utf8::scan(text, end);
      utf8proc_int32_t after = clusterClass(s.codePoint);
      if (utf8proc_grapheme_break_stateful(before, after, &state))
        break;
      before = after;
      end += s.length;
    }
    std::string_view cluster = text.substr(begin, end - begin);
    begin = end;
    auto replacement = cluster.size() <= kMaxCluster ? find(cluster) : std::nullopt;
    if (replacement) {
      out += *replacement;
      continue;
    }
    for (size_t pos = 0; pos < cluster.size();) {
      std::string_view character = cluster.substr(pos, utf8::scan(cluster, pos).length);
      out += find(character).value_or(character);
      pos += character.size();
    }
  }
  return out;
}

} // namespace cadenza
