#include "codegen/source.h"

namespace cadenza {

std::string targetMacro(std::string_view target) { return std::string(targetMacro()) + "_" + std::string(target); }

std::string_view kernelAtLine(const SourceFile &model, size_t line) {
  constexpr std::string_view heading = "// ==== ";
  std::string_view kernel, rest = model.text;
  for (size_t number = 1; number <= line && !rest.empty(); ++number) {
    const size_t end = rest.find('\n');
    std::string_view text = rest.substr(0, end);
    if (text.starts_with(heading)) {
      text.remove_prefix(heading.size());
      kernel = text.substr(0, text.find(' '));
    }
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return kernel;
}

} // namespace cadenza
