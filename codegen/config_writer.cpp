#include "codegen/config_writer.h"

#include "llvm/ADT/StringExtras.h"

#include <charconv>

namespace cadenza {

void ConfigWriter::type(llvm::StringRef name, llvm::StringRef type) {
  members_.push_back(("using " + name + " = " + type + ";").str());
}

void ConfigWriter::integers(llvm::ArrayRef<std::pair<llvm::StringRef, int64_t>> constants) {
  if (constants.empty())
    return;
  std::string text;
  for (const auto &[name, value] : constants)
    text += (text.empty() ? "static constexpr int " : ", ") + name.str() + " = " + std::to_string(value);
  members_.push_back(text + ";");
}

void ConfigWriter::boolean(llvm::StringRef name, bool value) {
  members_.push_back(("static constexpr bool " + name + " = " + (value ? "true" : "false") + ";").str());
}

void ConfigWriter::number(llvm::StringRef name, float value) {
  members_.push_back(("static constexpr float " + name + " = ").str() + floatLiteral(value) + ";");
}

void ConfigWriter::aggregate(llvm::StringRef type, llvm::StringRef name,
                             llvm::ArrayRef<std::pair<llvm::StringRef, int64_t>> fields) {
  std::string text;
  for (const auto &[field, value] : fields)
    text += (text.empty() ? "." : ", .") + field.str() + " = " + std::to_string(value);
  members_.push_back(("static constexpr " + type + " " + name + "{").str() + text + "};");
}

void ConfigWriter::nested(const ConfigWriter &config) {
  members_.push_back(config.text());
  plain_ = false;
}

void ConfigWriter::comment(llvm::StringRef text) {
  members_.push_back(("// " + text).str());
  plain_ = false;
}

std::string ConfigWriter::text(unsigned indent) const {
  constexpr size_t columns = 116; // so that a nested struct stays within 120
  const std::string one = "struct " + name_ + " { " + llvm::join(members_, " ") + (members_.empty() ? "};" : " };");
  const std::string margin(indent, ' ');
  if (plain_ && one.size() + indent <= columns)
    return margin + one;
  std::string text = margin + "struct " + name_ + " {\n";
  for (const std::string &member : members_) {
    llvm::SmallVector<llvm::StringRef> lines;
    llvm::StringRef(member).split(lines, '\n');
    for (llvm::StringRef line : lines)
      text += margin + "  " + line.str() + "\n";
  }
  return text + margin + "};";
}

std::string camelCase(llvm::StringRef name) {
  return llvm::convertToCamelFromSnakeCase(name, /*capitalizeFirst=*/true);
}

namespace {

template <typename Real> std::string literal(Real value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  std::string text(buffer, end);
  if (text.find_first_of(".e") == std::string::npos)
    text += ".0";
  return text;
}

} // namespace

std::string floatLiteral(float value) { return literal(value) + "f"; }
std::string doubleLiteral(double value) { return literal(value); }

std::string withSeparators(uint64_t value) {
  std::string text = std::to_string(value);
  for (size_t i = text.size(); i > 3;)
    text.insert(i -= 3, ",");
  return text;
}

std::string kernelSymbol(llvm::StringRef phaseName) {
  std::string symbol;
  for (char c : phaseName) {
    if (llvm::isAlnum(c))
      symbol += llvm::toLower(c);
    else if (!symbol.empty() && symbol.back() != '_')
      symbol += '_';
  }
  while (!symbol.empty() && symbol.back() == '_')
    symbol.pop_back();
  if (symbol.empty() || llvm::isDigit(symbol.front()))
    symbol = "phase_" + symbol;
  if (symbol.find('_') == std::string::npos) // keywords and functions of the C library have none
    symbol += "_phase";
  return symbol;
}

} // namespace cadenza
