#include "runtime/tokenizer/nfc.h"

#include "runtime/tokenizer/unicode.h"
#include "runtime/tokenizer/utf8.h"

#include <utf8proc.h>

#include <algorithm>
#include <vector>

namespace cadenza {

using Points = std::vector<utf8proc_int32_t>;

static void appendDecomposition(uint32_t codePoint, Points &points) {
  constexpr int kLongest = 4; // code points of a canonical decomposition
  utf8proc_int32_t parts[kLongest];
  auto count = utf8proc_decompose_char(codePoint, parts, kLongest, UTF8PROC_DECOMPOSE, nullptr);
  if (count > 0 && count <= kLongest)
    points.insert(points.end(), parts, parts + count);
  else
    points.push_back(codePoint);
}

/// Sorts each run of combining marks by combining class, keeping the order of equals. (utf8proc's own decomposition
/// does this by exchanging neighbours, which takes minutes on a megabyte of alternating marks.)
static void sortMarks(Points &points) {
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

/// Appends the normal form of the decomposed `points`, and empties them.
static void flush(Points &points, std::string &out) {
  sortMarks(points);
  auto options = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  auto length = utf8proc_normalize_utf32(points.data(), points.size(), options);
  for (utf8proc_ssize_t i = 0; i < length; ++i)
    utf8::append(out, points[i]);
  points.clear();
}

std::string_view toNfc(std::string_view text, std::string &storage) {
  // No character below U+0300 (lead byte 0xCC) decomposes for good, reorders or combines with its predecessor.
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0xCC; }))
    return text;
  storage.clear();
  Points points;
  points.reserve(text.size());
  for (size_t pos = 0; pos < text.size();) {
    utf8::Scan s = utf8::scan(text, pos);
    if (unicode::isInertInNormalization(s.codePoint)) { // nothing acts across it
      flush(points, storage);
      storage += text.substr(pos, s.length);
    } else {
      appendDecomposition(s.codePoint, points);
    }
    pos += s.length;
  }
  flush(points, storage);
  return storage;
}

} // namespace cadenza
