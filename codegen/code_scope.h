// Generated statements in nested blocks: each goes as far out as the variables that it uses are known.
#pragma once

#include "codegen/index_expression.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"

#include <set>

namespace cadenza {

/// A block of statements. Which values it has computed is known by the text of a key.
struct CodeScope {
  enum class Kind {
    Block,      // what stands here could stand outside, too
    Pack,       // the loop over the elements of a pack, by `packVariable`: neighbours may be loaded together before it
    Conditional // what stands here may not be computed outside
  };
  CodeScope *parent = nullptr;
  Kind kind = Kind::Block;
  std::string packVariable;
  int64_t pack = 1;
  std::set<std::string, std::less<>> variables; // that begin to exist here
  llvm::StringMap<std::string> known;           // key -> name or expression
  std::vector<std::string> lines;               // without the margin of the block
};

class ScopedCode {
public:
  ScopedCode() : current_(&outermost_) {}

  CodeScope &current() { return *current_; }
  /// The scope that a statement belongs to which uses these indices.
  CodeScope &scopeOf(llvm::ArrayRef<IndexExpression> indices);
  /// Of the name that was kept for `key` in this scope or around it; empty: none.
  std::string find(llvm::StringRef key) const;

  void line(std::string text) { current_->lines.push_back(std::move(text)); }
  /// `base`, or with a number behind it if there is one of that name.
  std::string newName(llvm::StringRef base);

  /// Makes `scope` the current one for as long as the object lives.
  class At {
  public:
    At(ScopedCode &code, CodeScope &scope) : code_(code), before_(code.current_) { code.current_ = &scope; }
    ~At() { code_.current_ = before_; }
    At(const At &) = delete;
    At &operator=(const At &) = delete;

  private:
    ScopedCode &code_;
    CodeScope *before_;
  };

  /// A block inside the current one, written when the object goes: `head`, the statements with a margin, `tail` if
  /// there is one.
  class Nested {
  public:
    Nested(ScopedCode &code, std::string head, CodeScope::Kind kind = CodeScope::Kind::Block, std::string tail = "}");
    ~Nested();
    Nested(const Nested &) = delete;
    Nested &operator=(const Nested &) = delete;
    CodeScope &scope() { return scope_; }
    /// Before the head.
    void setPragma(std::string pragma) { pragma_ = std::move(pragma); }

  private:
    ScopedCode &code_;
    CodeScope scope_;
    std::string pragma_, head_, tail_;
  };

  /// All statements, with that margin.
  std::string text(unsigned margin) const;

private:
  CodeScope outermost_;
  CodeScope *current_;
  llvm::StringMap<unsigned> names_;
};

} // namespace cadenza
