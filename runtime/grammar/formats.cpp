#include "runtime/grammar/formats.h"

#include <algorithm>
#include <array>
#include <utility>

namespace cadenza::grammar {
namespace {

#define DATE                                                                                                           \
  "(?:(?:[1-9]\\d{3}|0[1-9]\\d{2}|00[1-9]\\d|000[1-9])-"                                                               \
  "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))"      \
  "|(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)-02-29)"
#define TIME "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)"
#define ATOM "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}"
#define LABEL "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#define BYTE "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"

#define URI_PART "(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*"

constexpr std::array<std::pair<std::string_view, std::string_view>, 9> formats = {{
    {"date-time", DATE "T" TIME},
    {"date", DATE},
    {"time", TIME},
    {"uuid", "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"},
    {"email", ATOM "(?:\\." ATOM "){0,3}@(?:" LABEL "\\.){1,4}" LABEL},
    {"hostname", LABEL "(?:\\." LABEL "){0,4}"},
    {"ipv4", BYTE "(?:\\." BYTE "){3}"},
    {"ipv6", "[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){7}"},
    {"uri", "[A-Za-z][A-Za-z0-9+.-]{0,15}://" LABEL "(?:\\." LABEL "){0,4}(?::[1-9]\\d{0,3})?(?:/" URI_PART
            ")?(?:\\?" URI_PART ")?(?:#" URI_PART ")?"},
}};

} // namespace

std::string formatPattern(std::string_view format) {
  for (const auto &[name, pattern] : formats)
    if (name == format)
      return std::string(pattern);
  return {};
}

bool isFormatOfAnyText(std::string_view format) {
  constexpr std::array<std::string_view, 6> names = {"password", "binary",    "byte",
                                                     "path",     "file-path", "directory-path"};
  return std::find(names.begin(), names.end(), format) != names.end();
}

std::string formatNames() {
  std::string result;
  for (const auto &[name, pattern] : formats)
    result += (result.empty() ? "" : ", ") + std::string(name);
  return result;
}

} // namespace cadenza::grammar
