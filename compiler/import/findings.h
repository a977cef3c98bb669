// What an importer finds wrong with a model. An importer does not stop at the first problem: it collects everything that
// it can see, so that `--check` and a failing compile both list all of it at once.
#pragma once

#include "runtime/support/status.h"

#include <string>
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
  void invalid(std::string message) { all_.push_back({Finding::Kind::Invalid, std::move(message)}); }
  void unsupported(std::string message) { all_.push_back({Finding::Kind::Unsupported, std::move(message)}); }
  void warning(std::string message) { all_.push_back({Finding::Kind::Warning, std::move(message)}); }
  void notice(std::string message) { all_.push_back({Finding::Kind::Notice, std::move(message)}); }
  /// Files an error of a Status; does nothing when it is ok. Codes other than Unsupported count as invalid input.
  void add(const Status &status);
  /// Turns every warning into an error (--strict).
  void promoteWarnings();

  const std::vector<Finding> &all() const { return all_; }
  bool hasInvalid() const { return count(Finding::Kind::Invalid) != 0; }
  /// Whether the model cannot be compiled: anything invalid or unsupported.
  bool hasErrors() const { return hasInvalid() || count(Finding::Kind::Unsupported) != 0; }
  size_t count(Finding::Kind kind) const;

  /// Ok, or all errors, one a line. The code is InvalidInput if anything is invalid, else Unsupported; if all of them
  /// came from one Status with another code (Io, say), that code.
  Status toStatus() const;

private:
  std::vector<Finding> all_;
  std::optional<StatusCode> otherCode_; // of the first added Status that is neither InvalidInput nor Unsupported
};

/// "invalid", "unsupported", "warning" or "notice".
std::string_view findingKindName(Finding::Kind kind);

} // namespace cadenza
