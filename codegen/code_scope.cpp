#include "codegen/code_scope.h"

#include "llvm/ADT/Twine.h"

namespace cadenza {

CodeScope &ScopedCode::scopeOf(llvm::ArrayRef<IndexExpression> indices) {
  CodeScope *scope = current_;
  const auto isDeclaredHere = [&](const IndexExpression &index) {
    return llvm::any_of(index.variables(), [&](llvm::StringRef name) {
      return scope->variables.find(std::string_view(name.data(), name.size())) != scope->variables.end();
    });
  };
  while (scope->parent && scope->kind != CodeScope::Kind::Conditional && llvm::none_of(indices, isDeclaredHere))
    scope = scope->parent;
  return *scope;
}

std::string ScopedCode::find(llvm::StringRef key) const {
  for (const CodeScope *scope = current_; scope; scope = scope->parent)
    if (auto found = scope->known.find(key); found != scope->known.end())
      return found->second;
  return "";
}

std::string ScopedCode::newName(llvm::StringRef base) {
  const unsigned number = ++names_[base];
  return number == 1 ? base.str() : (base + "_" + llvm::Twine(number)).str();
}

ScopedCode::Nested::Nested(ScopedCode &code, std::string head, CodeScope::Kind kind, std::string tail)
    : code_(code), head_(std::move(head)), tail_(std::move(tail)) {
  scope_.parent = code.current_;
  scope_.kind = kind;
  code.current_ = &scope_;
}

ScopedCode::Nested::~Nested() {
  code_.current_ = scope_.parent;
  if (!pragma_.empty())
    code_.line(pragma_);
  code_.line(head_);
  for (const std::string &line : scope_.lines)
    code_.line(line.empty() || line.front() == '#' ? line : "  " + line);
  if (!tail_.empty())
    code_.line(tail_);
}

std::string ScopedCode::text(unsigned margin) const {
  std::string text;
  for (const std::string &line : outermost_.lines)
    text += (line.empty() || line.front() == '#' ? "" : std::string(margin, ' ')) + line + "\n";
  return text;
}

} // namespace cadenza
