// Prints configuration structs: named constants and types, from which a kernel template is instantiated.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace cadenza {

/// A struct's members in the order of the calls. `struct name { ... };` on one line if it fits and has no structs
/// inside, else a line a member.
class ConfigWriter {
public:
  explicit ConfigWriter(llvm::StringRef name) : name_(name) {}

  void type(llvm::StringRef name, llvm::StringRef type); // using name = type;
  void integers(llvm::ArrayRef<std::pair<llvm::StringRef, int64_t>> constants);
  void boolean(llvm::StringRef name, bool value);
  void number(llvm::StringRef name, float value); // finite
  /// static constexpr TYPE NAME{.field = value, ...};
  void aggregate(llvm::StringRef type, llvm::StringRef name,
                 llvm::ArrayRef<std::pair<llvm::StringRef, int64_t>> fields);
  void nested(const ConfigWriter &config);
  void comment(llvm::StringRef text);

  std::string text(unsigned indent = 0) const;

private:
  std::string name_;
  std::vector<std::string> members_; // without indentation; nested structs may have several lines
  bool plain_ = true;                // no nested structs or comments
};

/// "rms_norm" -> "RmsNorm", the name of a function's device functor.
std::string camelCase(llvm::StringRef name);

/// A C++ literal that reads back as exactly `value`: "1e-06f", "1.0f".
std::string floatLiteral(float value);
std::string doubleLiteral(double value);

/// 8388608 -> "8,388,608".
std::string withSeparators(uint64_t value);

/// A name of a phase, made of whatever, as a C++ identifier that collides with nothing: lower-case letters, digits and
/// underscores, at least one of them inside, starting with a letter.
std::string kernelSymbol(llvm::StringRef phaseName);

} // namespace cadenza
