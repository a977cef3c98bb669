// What an importer finds wrong with a model. An importer does not stop at the first problem: it collects everything
// that it can see, so that `--check` and a failing compile both list all of it at once.
#pragma once

#include "runtime/support/status.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

/// One sentence about the model; names file and field, "config.json: hidden_act 'relu2' is not supported (silu is)".
struct Finding {
  enum class Kind {
    Invalid,     // malformed or self-contradictory input
    Unsupported, // sound, but not something that this version can compile
    Warning,     // compiled all the same; an error under --strict
    Notice,      // what a careful user may want to know, e.g. that f32 weights become bf16
  };
  Kind kind;
  std::string message;
};

class Findings {
public:
  void invalid(std::string message) { put(Finding::Kind::Invalid, std::move(message)); }
  void unsupported(std::string message) { put(Finding::Kind::Unsupported, std::move(message)); }
  void warning(std::string message) { put(orError(Finding::Kind::Warning), std::move(message)); }
  void notice(std::string message) { put(Finding::Kind::Notice, std::move(message)); }
  /// A notice that is an error under --strict.
  void noticeOrError(std::string message) { put(orError(Finding::Kind::Notice), std::move(message)); }
  /// Files the error of a Status; does nothing when it is ok. Codes other than Unsupported count as invalid input.
  void add(const Status &status);
  /// From now on warnings, and notices that can be errors, are errors (--strict).
  void beStrict() { strict_ = true; }

  /// In the order they were found; of a kind that a broken model has in thousands, the first hundred.
  const std::vector<Finding> &all() const { return all_; }
  /// How many there were, kept or not.
  size_t count(Finding::Kind kind) const { return counts_[static_cast<size_t>(kind)]; }
  bool hasInvalid() const { return count(Finding::Kind::Invalid) != 0; }
  /// Whether the model cannot be compiled: anything invalid or unsupported.
  bool hasErrors() const { return errors() != 0; }
  size_t errors() const { return count(Finding::Kind::Invalid) + count(Finding::Kind::Unsupported); }

  /// Ok, or all errors, one a line. The code is InvalidInput if anything is invalid, else Unsupported; if the only
  /// invalid thing is a Status with another code (Io, say), that code.
  Status toStatus() const;

private:
  Finding::Kind orError(Finding::Kind kind) const { return strict_ ? Finding::Kind::Invalid : kind; }
  void put(Finding::Kind kind, std::string message);

  bool strict_ = false;
  std::vector<Finding> all_;
  size_t counts_[4] = {};
  std::optional<StatusCode> otherCode_; // of the first added Status that is neither InvalidInput nor Unsupported
};

/// "invalid", "unsupported", "warning" or "notice".
std::string_view findingKindName(Finding::Kind kind);

} // namespace cadenza
