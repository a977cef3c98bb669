#include "runtime/tokenizer/unicode.h"

#include <algorithm>
#include <iterator>

namespace cadenza::unicode {

namespace {

/// General categories: Cn is unassigned, Cs a surrogate.
enum Category : uint8_t {
  Lu,
  Ll,
  Lt,
  Lm,
  Lo,
  Mn,
  Mc,
  Me,
  Nd,
  Nl,
  No,
  Pc,
  Pd,
  Ps,
  Pe,
  Pi,
  Pf,
  Po,
  Sm,
  Sc,
  Sk,
  So,
  Zs,
  Zl,
  Zp,
  Cc,
  Cf,
  Cs,
  Co,
  Cn
};
constexpr std::string_view kCategoryNames[] = {"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl",
                                               "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc",
                                               "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn"};
static_assert(std::size(kCategoryNames) == Cn + 1);

/// From `first` to the next change the general category is `category`.
struct CategoryChange {
  uint32_t first;
  Category category;
};

#include "runtime/tokenizer/unicode_tables.inc"

constexpr uint32_t kEnd = 0x110000; // of the code points

Category categoryOf(uint32_t codePoint) {
  auto after = std::upper_bound(std::begin(kCategoryChanges), std::end(kCategoryChanges), codePoint,
                                [](uint32_t c, const CategoryChange &change) { return c < change.first; });
  return std::prev(after)->category; // the first change is at 0
}

} // namespace

bool isCategory(std::string_view name) {
  return !name.empty() && std::any_of(std::begin(kCategoryNames), std::end(kCategoryNames),
                                      [&](std::string_view known) { return known.starts_with(name); });
}

std::vector<CodePointRange> rangesOf(std::string_view name, bool complement) {
  std::vector<CodePointRange> ranges;
  for (auto change = std::begin(kCategoryChanges); change != std::end(kCategoryChanges); ++change) {
    auto next = std::next(change);
    uint32_t last = (next == std::end(kCategoryChanges) ? kEnd : next->first) - 1;
    if (change->category == Cs || kCategoryNames[change->category].starts_with(name) == complement)
      continue;
    if (!ranges.empty() && ranges.back().last + 1 == change->first)
      ranges.back().last = last;
    else
      ranges.push_back({change->first, last});
  }
  return ranges;
}

std::span<const CodePointRange> newerDigits() { return kNewerDigits; }

bool isWhiteSpace(uint32_t c) {
  return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool isWord(uint32_t c) {
  switch (categoryOf(c)) {
  case Lu:
  case Ll:
  case Lt:
  case Lm:
  case Lo:
  case Mn:
  case Mc:
  case Me:
  case Nd:
  case Nl:
  case Pc:
    return true;
  default:
    return c == 0x200C || c == 0x200D || (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
           (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
  }
}

bool isInertInNormalization(uint32_t c) {
  auto range = std::lower_bound(std::begin(kInertInNormalization), std::end(kInertInNormalization), c,
                                [](const CodePointRange &r, uint32_t point) { return r.last < point; });
  return range != std::end(kInertInNormalization) && range->first <= c;
}

} // namespace cadenza::unicode
