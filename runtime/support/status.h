// One error type for everything that does not live inside MLIR: the plan reader, the executors, the tokenizer, the
// checkpoint readers. An error is a code (which decides the exit code of a tool, docs/exit-codes.md) and one message
// that says what is wrong and where: file, section or field, offset.
#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace cadenza {

/// What kind of failure it is. The numeric value is the exit code of the command-line tools, see docs/exit-codes.md.
enum class StatusCode : int {
  Ok = 0,
  Internal = 1,         // a bug in Cadenza: an invariant that the code itself promised does not hold
  InvalidArgument = 2,  // the command line or an API argument
  InvalidInput = 3,     // a malformed checkpoint, configuration, tokenizer or IR file
  Unsupported = 4,      // well-formed, but not something that this version can compile or run
  InvalidPlan = 5,      // a malformed or corrupted .plan
  IncompatiblePlan = 6, // a sound plan of another format version, feature set or GPU
  NoDevice = 7,         // no GPU, no driver, or a driver that is too old
  OutOfMemory = 8,      // host or device memory
  CacheFull = 9,        // the context is full; the state is intact
  DeviceLost = 10,      // the first asynchronous GPU fault; every later call fails at once
  Io = 11,              // reading or writing a file failed
  NoCompiler = 12,      // NVRTC (or, for the host target, g++) is missing or failed
  Cancelled = 13,       // interrupted by the user
  NumericMismatch = 14, // --compare or --verify-numerics found a difference beyond tolerance
};

/// The name that messages and docs use for `code`, e.g. "invalid plan".
std::string_view statusCodeName(StatusCode code);

/// A success or an error with a message. Cheap when it is a success.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status ok() { return {}; }
  bool isOk() const { return code_ == StatusCode::Ok; }
  explicit operator bool() const = delete; // `if (status)` reads both ways; say isOk()
  StatusCode code() const { return code_; }
  const std::string &message() const { return message_; }

  /// The same error with "prefix: " before the message; used to add the file or section while unwinding.
  Status withPrefix(std::string_view prefix) const {
    return isOk() ? Status() : Status(code_, std::string(prefix) + ": " + message_);
  }

private:
  StatusCode code_ = StatusCode::Ok;
  std::string message_;
};

/// A value or the error that kept it from being made.
template <typename T> class [[nodiscard]] StatusOr {
public:
  StatusOr(T value) : value_(std::move(value)) {}
  StatusOr(Status status) : status_(std::move(status)) { assert(!status_.isOk()); }

  bool isOk() const { return status_.isOk(); }
  const Status &status() const { return status_; }
  T &value() {
    assert(isOk());
    return *value_;
  }
  const T &value() const {
    assert(isOk());
    return *value_;
  }
  T &operator*() { return value(); }
  const T &operator*() const { return value(); }
  T *operator->() { return &value(); }
  const T *operator->() const { return &value(); }

private:
  std::optional<T> value_;
  Status status_;
};

#define CADENZA_CONCAT_INNER(a, b) a##b
#define CADENZA_CONCAT(a, b) CADENZA_CONCAT_INNER(a, b)

/// Returns the error of a Status expression from the enclosing function.
#define CADENZA_RETURN_IF_ERROR(expression)                                                                            \
  do {                                                                                                                 \
    if (::cadenza::Status cadenzaStatus = (expression); !cadenzaStatus.isOk())                                         \
      return cadenzaStatus;                                                                                            \
  } while (false)

/// `CADENZA_ASSIGN_OR_RETURN(auto x, f());` declares x from a StatusOr or returns its error.
#define CADENZA_ASSIGN_OR_RETURN(declaration, expression)                                                              \
  CADENZA_ASSIGN_OR_RETURN_IMPL(CADENZA_CONCAT(cadenzaResult, __LINE__), declaration, expression)
#define CADENZA_ASSIGN_OR_RETURN_IMPL(result, declaration, expression)                                                 \
  auto result = (expression);                                                                                          \
  if (!result.isOk())                                                                                                  \
    return result.status();                                                                                            \
  declaration = std::move(*result)

} // namespace cadenza
