#include "compiler/import/hf/quantized/name_pattern.h"
#include "compiler/import/text.h"

#include <algorithm>
#include <cctype>

namespace cadenza {
namespace {

constexpr size_t maxPattern = 1000;

Status unsupported(std::string_view pattern, const std::string &why) {
  return {StatusCode::Unsupported, "the pattern " + quotedName(pattern) + " " + why};
}

/// Whether an escape means the same in both languages: \A and \Z are anchors in Python, and letters in ECMAScript.
bool hasForeignEscape(std::string_view pattern) {
  for (size_t i = 0; i + 1 < pattern.size(); ++i) {
    if (pattern[i] != '\\')
      continue;
    const char escaped = pattern[++i];
    if (std::isalnum(static_cast<unsigned char>(escaped)) &&
        std::string_view("dDwWsSbBtnrfv").find(escaped) == std::string_view::npos)
      return true;
  }
  return false;
}

bool endsAtDot(std::string_view name, std::string_view end) {
  return name.size() > end.size() && name.ends_with(end) && name[name.size() - end.size() - 1] == '.';
}

} // namespace

StatusOr<NamePattern> NamePattern::compile(std::string_view pattern) {
  if (pattern.size() > maxPattern)
    return unsupported(pattern, "is longer than " + std::to_string(maxPattern) + " bytes");
  if (hasForeignEscape(pattern))
    return unsupported(pattern, "has an escape that is not supported");
  auto flags = std::regex::ECMAScript | std::regex::optimize;
#ifdef __GLIBCXX__
  flags |= std::regex_constants::__polynomial; // backtracking takes exponential time on hostile patterns
#endif
  try {
    return NamePattern(std::regex(pattern.begin(), pattern.end(), flags));
  } catch (const std::regex_error &) {
    return unsupported(pattern, "is no regular expression that is supported");
  }
}

bool NamePattern::matchesStart(const std::string &name) const {
  return std::regex_search(name, regex_, std::regex_constants::match_continuous);
}

bool NamePattern::matches(const std::string &name) const { return std::regex_match(name, regex_); }

bool namesModule(const std::vector<std::string> &list, const std::string &module) {
  return std::any_of(list.begin(), list.end(), [&](const std::string &key) {
    if (key.empty())
      return false;
    if (module == key || module.starts_with(key + ".") || endsAtDot(module, key))
      return true;
    if (key.find_first_of("*?+[(|^$\\") == std::string::npos)
      return false;
    const auto pattern = NamePattern::compile("(?:" + key + ")(?:\\..*)?");
    return pattern.isOk() && pattern->matches(module);
  });
}

} // namespace cadenza
