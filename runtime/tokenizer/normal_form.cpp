#include "runtime/tokenizer/normal_form.h"

#include "runtime/tokenizer/unicode.h"
#include "runtime/tokenizer/utf8.h"

#include <utf8proc.h>

#include <algorithm>
#include <vector>

namespace cadenza {

using Points = std::vector<utf8proc_int32_t>;

static bool isCompatibility(NormalForm form) { return form == NormalForm::KC || form == NormalForm::KD; }
static bool isComposed(NormalForm form) { return form == NormalForm::C || form == NormalForm::KC; }

static void appendDecomposition(uint32_t codePoint, NormalForm form, Points &points) {
  constexpr int kLongest = 18; // code points of a decomposition
  utf8proc_int32_t parts[kLongest];
  bool isOlder = isCompatibility(form) && !unicode::isInertInCompatibility(codePoint);
  // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): the library's enumerators are flags
  auto options = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | (isOlder ? UTF8PROC_COMPAT : 0));
  auto count = utf8proc_decompose_char(codePoint, parts, kLongest, options, nullptr);
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
static void flush(Points &points, NormalForm form, std::string &out) {
  sortMarks(points);
  auto length = static_cast<utf8proc_ssize_t>(points.size());
  if (isComposed(form)) {
    // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): the library's enumerators are flags
    auto options = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    length = utf8proc_normalize_utf32(points.data(), length, options);
  }
  for (utf8proc_ssize_t i = 0; i < length; ++i)
    utf8::append(out, points[i]);
  points.clear();
}

/// The first lead byte of characters that the form may change: all below U+0300, U+00C0 and U+0080 stay.
static uint8_t firstAffected(NormalForm form) {
  return form == NormalForm::C ? 0xCC : form == NormalForm::D ? 0xC3 : 0xC2;
}

std::string_view normalize(std::string_view text, NormalForm form, std::string &storage) {
  if (std::all_of(text.begin(), text.end(), [&](char c) { return static_cast<uint8_t>(c) < firstAffected(form); }))
    return text;
  storage.clear();
  Points points;
  points.reserve(text.size());
  for (size_t pos = 0; pos < text.size();) {
    utf8::Scan s = utf8::scan(text, pos);
    if (unicode::isInertInNormalization(s.codePoint)) { // nothing acts across it
      flush(points, form, storage);
      storage += text.substr(pos, s.length);
    } else {
      appendDecomposition(s.codePoint, form, points);
    }
    pos += s.length;
  }
  flush(points, form, storage);
  return storage;
}

} // namespace cadenza
