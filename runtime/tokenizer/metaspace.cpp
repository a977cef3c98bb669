#include "runtime/tokenizer/metaspace.h"

#include "runtime/tokenizer/json.h"
#include "runtime/tokenizer/utf8.h"

#include <algorithm>
#include <iterator>

namespace cadenza {

using namespace tokenizer_json;

StatusOr<Metaspace> Metaspace::parse(const json &config, const std::string &path) {
  Metaspace result;
  CADENZA_ASSIGN_OR_RETURN(result.replacement, readString(config, path, "replacement"));
  if (result.replacement.empty() || utf8::scan(result.replacement, 0).length != result.replacement.size())
    return invalid(path + ".replacement", "expected one character");

  static constexpr std::pair<std::string_view, PrependScheme> kSchemes[] = {
      {"never", PrependScheme::Never}, {"first", PrependScheme::First}, {"always", PrependScheme::Always}};
  if (find(config, "prepend_scheme")) {
    CADENZA_ASSIGN_OR_RETURN(std::string name, readString(config, path, "prepend_scheme"));
    auto scheme = std::find_if(std::begin(kSchemes), std::end(kSchemes), [&](auto &s) { return s.first == name; });
    if (scheme == std::end(kSchemes))
      return unsupported(path + ".prepend_scheme", quote(name) + " is not supported (never, first and always are)");
    result.prepend = scheme->second;
  }
  // The older spelling, which may stand beside the newer one.
  CADENZA_ASSIGN_OR_RETURN(bool addPrefixSpace, readBool(config, path, "add_prefix_space", true));
  if (!addPrefixSpace && result.prepend != PrependScheme::Never)
    return invalid(path + ".add_prefix_space", "false contradicts prepend_scheme (always, where it is absent)");
  return result;
}

} // namespace cadenza
