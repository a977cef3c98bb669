#include "runtime/support/suggestion.h"

#include <algorithm>
#include <cctype>

namespace cadenza {
namespace {

constexpr size_t longest = 64; // of what is compared: no name here is longer

std::string folded(std::string_view name) {
  std::string text(name.substr(0, longest));
  for (char &c : text)
    c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// Insertions, deletions, replacements and swaps of neighbours that make b of a ("optimal string alignment").
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

} // namespace

std::string_view likelyMeant(std::string_view given, const std::vector<std::string> &names) {
  const std::string wanted = folded(given);
  if (wanted.size() < 2 || given.size() > longest)
    return {};
  const size_t limit = std::max<size_t>(1, wanted.size() / 3);
  std::string_view best;
  size_t least = limit + 1;
  bool isTied = false;
  for (const std::string &name : names) {
    const std::string candidate = folded(name);
    const bool begins = wanted.size() >= 3 && candidate.starts_with(wanted);
    const size_t edits = begins ? std::min<size_t>(1, candidate.size() - wanted.size()) : distance(wanted, candidate);
    if (edits > limit || edits >= candidate.size())
      continue;
    if (edits < least) {
      best = name;
      least = edits;
      isTied = false;
    } else if (edits == least) {
      isTied = true;
    }
  }
  return isTied ? std::string_view() : best;
}

std::string didYouMean(std::string_view given, const std::vector<std::string> &names) {
  const std::string_view meant = likelyMeant(given, names);
  return meant.empty() ? "" : "; did you mean '" + std::string(meant) + "'?";
}

} // namespace cadenza
