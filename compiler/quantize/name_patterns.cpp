#include "compiler/quantize/name_patterns.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

namespace cadenza {
namespace {

/// Whole names: '*' and '?', by going back to the last '*'.
bool matchesWhole(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

/// Where parts of a name begin: after its dots, and at its beginning.
std::vector<size_t> partsOf(std::string_view name) {
  std::vector<size_t> begins{0};
  for (size_t i = 0; i < name.size(); ++i)
    if (name[i] == '.')
      begins.push_back(i + 1);
  return begins;
}

/// Whether `holds` for a run of parts of a name.
template <typename Predicate> bool anyRun(std::string_view name, const Predicate &holds) {
  const std::vector<size_t> begins = partsOf(name);
  for (size_t first = 0; first < begins.size(); ++first)
    for (size_t last = first; last < begins.size(); ++last) {
      const size_t end = last + 1 < begins.size() ? begins[last + 1] - 1 : name.size();
      if (holds(name.substr(begins[first], end - begins[first])))
        return true;
    }
  return false;
}

/// Characters to insert, take away and replace.
size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j)
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])}));
  }
  return row[b.size()];
}

} // namespace

bool matchesName(std::string_view pattern, std::string_view name) {
  return anyRun(name, [&](std::string_view run) { return matchesWhole(pattern, run); });
}

std::vector<std::string> similarNames(std::string_view pattern, const std::vector<std::string> &names) {
  std::string plain(pattern);
  std::erase(plain, '*');
  std::set<std::pair<size_t, std::string>> byDistance;
  for (const std::string &name : names) {
    size_t least = plain.size(); // as far as nothing is
    anyRun(name, [&](std::string_view run) {
      least = std::min(least, editDistance(plain, run));
      return false;
    });
    if (least < (plain.size() + 1) / 2)
      byDistance.emplace(least, name);
  }
  std::vector<std::string> similar;
  for (const auto &[distance, name] : byDistance)
    if (similar.size() < 3)
      similar.push_back(name);
  return similar;
}

} // namespace cadenza
