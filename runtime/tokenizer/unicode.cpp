#include "runtime/tokenizer/unicode.h"

#include "runtime/tokenizer/utf8.h"

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

/// Every step-th character from first to last has its lower case so far away.
struct LowercaseRange {
  uint32_t first, last, step;
  int32_t difference;
};

#include "runtime/tokenizer/unicode_tables.inc"

constexpr CodePointRange kWhiteSpace[] = {{0x9, 0xD},       {0x20, 0x20},     {0x85, 0x85},     {0xA0, 0xA0},
                                          {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F},
                                          {0x205F, 0x205F}, {0x3000, 0x3000}};

// Word characters besides those of kWordCategories: joiners and circled letters.
constexpr CodePointRange kOtherWords[] = {
    {0x200C, 0x200D}, {0x24B6, 0x24E9}, {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189}};
constexpr std::string_view kWordCategories[] = {"L", "M", "Nd", "Nl", "Pc"};

constexpr CodePointRange kIdeographs[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},  {0x20000, 0x2A6DF},
                                          {0x2A700, 0x2B81F}, {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F}};

bool contains(std::span<const CodePointRange> ranges, uint32_t codePoint) {
  auto range = std::lower_bound(ranges.begin(), ranges.end(), codePoint,
                                [](const CodePointRange &r, uint32_t point) { return r.last < point; });
  return range != ranges.end() && range->first <= codePoint;
}

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

std::span<const CodePointRange> punctuation() { return kPunctuation; }

std::span<const CodePointRange> whiteSpace() { return kWhiteSpace; }

bool isWhiteSpace(uint32_t c) { return contains(kWhiteSpace, c); }

bool isWord(uint32_t c) {
  std::string_view category = kCategoryNames[categoryOf(c)];
  return std::any_of(std::begin(kWordCategories), std::end(kWordCategories),
                     [&](std::string_view name) { return category.starts_with(name); }) ||
         contains(kOtherWords, c);
}

std::vector<CodePointRange> wordRanges() {
  std::vector<CodePointRange> ranges(std::begin(kOtherWords), std::end(kOtherWords));
  for (std::string_view name : kWordCategories) {
    std::vector<CodePointRange> category = rangesOf(name);
    ranges.insert(ranges.end(), category.begin(), category.end());
  }
  return ranges;
}

bool isBertControl(uint32_t c) { return contains(kBertControls, c); }
bool isBertAccent(uint32_t c) { return contains(kBertAccents, c); }
bool isAccent(uint32_t c) { return contains(kAccents, c); }
bool isIdeograph(uint32_t c) { return contains(kIdeographs, c); }
bool extendsCluster(uint32_t c) { return contains(kClusterExtenders, c); }
bool isInertInCompatibility(uint32_t c) { return contains(kInertInCompatibility, c); }
bool isInertInNormalization(uint32_t c) { return contains(kInertInNormalization, c); }

void appendLowercase(std::string &out, uint32_t c) {
  if (c == 0x130) { // dotted I: an i and a dot
    out += "i\u0307";
    return;
  }
  auto range = std::lower_bound(std::begin(kLowercase), std::end(kLowercase), c,
                                [](const LowercaseRange &r, uint32_t point) { return r.last < point; });
  bool isUpper = range != std::end(kLowercase) && range->first <= c && (c - range->first) % range->step == 0;
  utf8::append(out, isUpper ? c + range->difference : c);
}

} // namespace cadenza::unicode
