// JSON from files that nobody vouches for: a parser with bounds, and readers that check type and range of each field
// and name it in their error.
#pragma once

#include "runtime/support/status.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

struct JsonLimits {
  size_t bytes = size_t(16) << 20;
  size_t values = 1000000; // all values, nested ones too: what the tree costs in memory
  size_t depth = 32;
};

/// Parses `text`. InvalidInput, with the offset, for malformed text, invalid UTF-8, a number that does not fit, a key
/// that occurs twice in one object, and whatever exceeds `limits`.
/// With `repeated`, a key that occurs twice with the same value is no error: it is listed there.
StatusOr<nlohmann::json> parseJson(std::string_view text, const JsonLimits &limits = {},
                                   std::vector<std::string> *repeated = nullptr);

/// The first error of a series of checks, so that a caller checks everything and asks once.
class FieldErrors {
public:
  explicit FieldErrors(StatusCode code) : code_(code) {}
  void add(const std::string &path, const std::string &what) {
    if (status_.isOk())
      status_ = Status(code_, path + ": " + what);
  }
  bool none() const { return status_.isOk(); }
  const Status &status() const { return status_; }

private:
  StatusCode code_;
  Status status_;
};

/// One value of a parsed tree together with its path. After the first error (in the FieldErrors that all readers of a
/// tree share) lists are empty and values are defaults.
class JsonReader {
public:
  JsonReader(const nlohmann::json &value, std::string path, FieldErrors &errors)
      : value_(&value), path_(std::move(path)), errors_(&errors) {}

  const std::string &path() const { return path_; }
  const nlohmann::json &value() const { return *value_; }
  bool isNull() const { return value_->is_null(); }
  void error(const std::string &what) const { errors_->add(path_, what); }

  int64_t integer(int64_t minimum, int64_t maximum) const;
  uint64_t unsignedInteger(uint64_t maximum = std::numeric_limits<uint64_t>::max()) const;
  uint32_t index() const { return static_cast<uint32_t>(unsignedInteger(std::numeric_limits<uint32_t>::max())); }
  double number() const; // finite
  bool boolean() const;
  /// At most 4096 bytes, without control characters: fit to be printed on a terminal.
  std::string string() const;
  /// One of `names`, as its index; the error lists them.
  size_t oneOf(std::span<const std::string_view> names) const;
  /// The elements of an array.
  std::vector<JsonReader> elements() const;
  template <typename T> std::vector<T> list(const std::function<T(const JsonReader &)> &read) const {
    std::vector<T> result;
    for (const JsonReader &element : elements())
      result.push_back(read(element));
    return result;
  }

  /// The field `name` of an object; an error, and null, if it is missing.
  JsonReader operator[](std::string_view name) const;
  /// An error unless this is an object with no fields but these.
  void onlyFields(std::initializer_list<std::string_view> names) const;

private:
  const nlohmann::json *value_;
  std::string path_;
  FieldErrors *errors_;
};

} // namespace cadenza
