#include "runtime/tokenizer/normalizer.h"

#include "runtime/tokenizer/json.h"
#include "runtime/tokenizer/utf8.h"

#include <utf8proc.h>

#include <algorithm>
#include <vector>

namespace cadenza {

using namespace tokenizer_json;

static Status parseInto(const json &config, const std::string &path, bool &nfc) {
  CADENZA_ASSIGN_OR_RETURN(std::string type, readType(config, path));
  if (type == "NFC") {
    nfc = true;
    return Status::ok();
  }
  if (type == "Sequence") {
    CADENZA_ASSIGN_OR_RETURN(const json *parts, readArray(config, path, "normalizers"));
    for (size_t i = 0; i < parts->size(); ++i)
      CADENZA_RETURN_IF_ERROR(parseInto((*parts)[i], path + ".normalizers[" + std::to_string(i) + "]", nfc));
    return Status::ok();
  }
  return unsupported(path + ".type", quote(type) + " is not supported (NFC and Sequence are)");
}

StatusOr<Normalizer> Normalizer::parse(const json *config) {
  Normalizer normalizer;
  if (config)
    CADENZA_RETURN_IF_ERROR(parseInto(*config, "normalizer", normalizer.nfc_));
  return normalizer;
}

/// Sorts each run of combining marks by combining class, keeping the order of equals. (utf8proc's own decomposition
/// does this by exchanging neighbours, which takes minutes on a megabyte of alternating marks.)
static void sortMarks(std::vector<utf8proc_int32_t> &points) {
  auto combiningClass = [](utf8proc_int32_t c) { return utf8proc_get_property(c)->combining_class; };
  for (auto begin = points.begin(); begin != points.end();) {
    if (combiningClass(*begin) == 0) {
      ++begin;
      continue;
    }
    auto end = std::find_if(begin, points.end(), [&](auto c) { return combiningClass(c) == 0; });
    std::stable_sort(begin, end, [&](auto a, auto b) { return combiningClass(a) < combiningClass(b); });
    begin = end;
  }
}

std::string_view Normalizer::apply(std::string_view text, std::string &storage) const {
  // No character below U+0300 (lead byte 0xCC) decomposes for good, reorders or combines with its predecessor.
  if (!nfc_ || std::all_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0xCC; }))
    return text;

  std::vector<utf8proc_int32_t> points;
  points.reserve(text.size());
  for (size_t pos = 0; pos < text.size();) {
    utf8::Scan s = utf8::scan(text, pos);
    constexpr int kLongest = 4; // code points of a canonical decomposition
    utf8proc_int32_t parts[kLongest];
    auto count = utf8proc_decompose_char(s.codePoint, parts, kLongest, UTF8PROC_DECOMPOSE, nullptr);
    if (count > 0 && count <= kLongest)
      points.insert(points.end(), parts, parts + count);
    else
      points.push_back(s.codePoint);
    pos += s.length;
  }
  sortMarks(points);
  auto options = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  auto length = utf8proc_normalize_utf32(points.data(), points.size(), options);

  storage.clear();
  for (utf8proc_ssize_t i = 0; i < length; ++i)
    utf8::append(storage, points[i]);
  return storage;
}

} // namespace cadenza
