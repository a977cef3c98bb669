#include "runtime/api/named_files.h"

namespace cadenza {

StatusOr<std::map<std::string, std::string>> parsePairs(const std::vector<std::string> &pairs,
                                                        const std::string &option, const std::string &form) {
  std::map<std::string, std::string> values;
  const auto invalid = [&](const std::string &pair, const std::string &what) {
    return Status(StatusCode::InvalidArgument, option + " '" + pair + "': " + what);
  };
  for (const std::string &pair : pairs) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size())
      return invalid(pair, "expected " + form);
    if (!values.emplace(pair.substr(0, equals), pair.substr(equals + 1)).second)
      return invalid(pair, "'" + pair.substr(0, equals) + "' is given twice");
  }
  return values;
}

} // namespace cadenza
