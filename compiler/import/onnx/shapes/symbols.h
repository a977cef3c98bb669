// The symbols of polynomials: extents that the model names ("batch"), what is not known at all, and what is known but
// is no polynomial (a minimum, a quotient). The same thing is the same symbol wherever it comes up.
#pragma once

#include "compiler/import/onnx/shapes/polynomial.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace cadenza::onnx {

/// Both ends belong to it; INT64_MIN and INT64_MAX stand for "no bound".
struct Bounds {
  int64_t low, high;
};

class Symbols {
public:
  enum class Kind : uint8_t {
    Named,       // an extent that the model names: 0 or more
    Unknown,     // an extent that nothing is known of: 0 or more
    Minimum,     // min(a, b)
    Maximum,     // max(a, b)
    FloorDivide, // a / b, rounded down; b > 0
    Broadcast,   // extents a and b of operands that are broadcast: b where a is 1, else a
  };
  struct Symbol {
    Kind kind;
    std::string name;   // as texts show it; of an unknown one "?3"
    std::string origin; // of an unknown one: where it comes from, "axis 1 of 'y'"
    Polynomial a, b;
    Bounds bounds;
  };

  /// `replacements` gives names another meaning wherever they are read from now on: a number, or an expression over
  /// other names, which stay as they are. The upper end of a name's range, if it is known, is in `limits`.
  explicit Symbols(std::map<std::string, std::string> replacements = {}, std::map<std::string, int64_t> limits = {});

  const Symbol &operator[](SymbolId id) const { return all[id]; }
  size_t size() const { return all.size(); }

  /// What the text of a dimension means: "batch", "past + seq", "2*(n + 1)", "n // 2", "Max(n, 1)", as exporters write
  /// it. A text that is no such expression is a name as it stands.
  Polynomial read(std::string_view text);
  /// Of an expression only; nothing if it is none.
  std::optional<Polynomial> parse(std::string_view text);
  Polynomial named(const std::string &name);
  Polynomial unknown(std::string origin);

  Polynomial minimum(const Polynomial &a, const Polynomial &b);
  Polynomial maximum(const Polynomial &a, const Polynomial &b);
  /// Rounded down. Unknown unless b is surely positive.
  Polynomial floorDivide(const Polynomial &a, const Polynomial &b);
  Polynomial broadcast(const Polynomial &a, const Polynomial &b);

  Bounds bounds(const Polynomial &polynomial) const;
  bool isAtLeast(const Polynomial &polynomial, int64_t low) const { return bounds(polynomial).low >= low; }
  bool isAtMost(const Polynomial &polynomial, int64_t high) const { return bounds(polynomial).high <= high; }
  /// Whether a and b are different whatever the symbols are.
  bool differ(const Polynomial &a, const Polynomial &b) const;

  /// The value where named and unknown symbols have those that `value` says; nothing if it says nothing of one, or if
  /// it leaves 64 bits.
  std::optional<int64_t> evaluate(const Polynomial &polynomial,
                                  const std::function<std::optional<int64_t>(SymbolId)> &value) const;
  /// The named and unknown symbols in it, also those inside of minima and quotients, without repetition.
  std::vector<SymbolId> leaves(const Polynomial &polynomial) const;

  /// Notes that the model only makes sense if extents a and b are equal. Where that decides what a name is, `demands`
  /// has it.
  void demandEqual(const Polynomial &a, const Polynomial &b);
  /// Extents by name, as the model's text has it.
  const std::map<std::string, int64_t> &demands() const { return demanded; }

  /// "past + 1", "64*min(past, 128)", "?3 + 1"; "?" for what is unknown as a whole.
  std::string text(const Polynomial &polynomial) const;
  std::string text(const std::vector<Polynomial> &shape) const; // "[1, past + 1]"

private:
  Polynomial composite(Kind kind, const Polynomial &a, const Polynomial &b, Bounds bounds);
  std::optional<int64_t> evaluate(SymbolId symbol, const std::function<std::optional<int64_t>(SymbolId)> &value) const;
  void addLeaves(const Polynomial &polynomial, std::vector<SymbolId> &leaves) const;

  std::vector<Symbol> all;
  std::map<std::string, SymbolId> names;
  std::map<std::string, SymbolId> composites; // by name, which has every operand in canonical form
  std::map<std::string, std::string> replacements;
  std::map<std::string, int64_t> limits;
  std::map<std::string, int64_t> demanded;
  size_t unknowns = 0;
};

} // namespace cadenza::onnx
