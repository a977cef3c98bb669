// Typed, range-checked access to the fields of a JSON object that decide what is compiled. A wrong field is a finding
// and not the end, so that one run lists all of them; fields that nobody asked for are reported too, because an unknown
// field may change what a model computes.
#pragma once

#include "compiler/import/findings.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

class ConfigReader {
public:
  /// `object` is an object and outlives the reader; `path` is the file's name and stands before every message.
  ConfigReader(const nlohmann::json &object, std::string file, Findings &findings)
      : ConfigReader(object, std::move(file), "", findings) {}

  Findings &findings() { return findings_; }
  /// "config.json: rope_scaling.factor", as messages begin.
  std::string where(std::string_view name) const { return file_ + ": " + pathOf(name); }
  std::string pathOf(std::string_view name) const; // "rope_scaling.factor"
  /// Of an object that was made of several: where each field really is, "rope_theta", if not in this object's parent.
  void setPlaces(std::map<std::string, std::string, std::less<>> places) { places_ = std::move(places); }

  /// Whether the field is there and is not null.
  bool has(std::string_view name);
  /// Whether the field is there, be it null.
  bool contains(std::string_view name);
  /// The field, or null; for what fits none of the typed readers.
  const nlohmann::json &raw(std::string_view name);

  /// Nothing, without a finding, if the field is missing or null; nothing and a finding if it is not what is asked for.
  std::optional<int64_t> integer(std::string_view name, int64_t minimum, int64_t maximum);
  std::optional<double> number(std::string_view name, double above, double maximum); // in (above, maximum]
  /// The same, but 0 is as if there were no such field, as in Python's `value or otherwise`.
  std::optional<double> numberUnlessZero(std::string_view name, double maximum);
  std::optional<bool> boolean(std::string_view name);
  std::optional<std::string> string(std::string_view name);
  /// An integer or a list of them.
  std::vector<int64_t> integers(std::string_view name, int64_t minimum, int64_t maximum);
  /// A list of `count` numbers in (above, maximum]; empty and a finding if it is none.
  std::vector<double> numbers(std::string_view name, size_t count, double above, double maximum);

  /// As above, but a missing field, or null, is a finding.
  std::optional<int64_t> requiredInteger(std::string_view name, int64_t minimum, int64_t maximum);
  std::optional<double> requiredNumber(std::string_view name, double above, double maximum);

  /// As above, but a field that is not there has the value that the model's configuration class gives it, which
  /// noteDefaults tells the user. Null is a finding: it is not the same as no field, and the classes do not take it.
  std::optional<int64_t> integerOr(std::string_view name, int64_t minimum, int64_t maximum, int64_t otherwise);
  std::optional<double> numberOr(std::string_view name, double above, double maximum, double otherwise);
  std::optional<bool> booleanOr(std::string_view name, bool otherwise);
  std::optional<std::string> stringOr(std::string_view name, std::string_view otherwise);
  /// Names a default that the functions above cannot read: "eos_token_id 2".
  void addDefault(std::string_view name, const std::string &value);
  /// One notice that names every default that was taken, "LlamaConfig's".
  void noteDefaults(std::string_view configClass);

  /// The fields of a nested object; a finding, and no fields, if it is none.
  ConfigReader object(std::string_view name);
  /// The fields of an object that was made from the one called `name`; `value` outlives the reader.
  ConfigReader nested(std::string_view name, const nlohmann::json &value) const {
    return {value, file_, pathOf(name) + ".", findings_};
  }

  /// Fields that do not change what a token step computes.
  void ignore(std::initializer_list<std::string_view> names) { read_.insert(names.begin(), names.end()); }
  /// A notice for every field that was neither read nor ignored.
  void noteUnread();

private:
  ConfigReader(const nlohmann::json &object, std::string file, std::string parent, Findings &findings)
      : object_(&object), file_(std::move(file)), parent_(std::move(parent)), findings_(findings) {}
  void wrong(std::string_view name, const nlohmann::json &value, const std::string &expected);
  std::optional<double> asNumber(std::string_view name, const nlohmann::json &value, double above, double maximum);
  std::optional<int64_t> asInteger(std::string_view name, const nlohmann::json &value, int64_t minimum,
                                   int64_t maximum);
  bool require(std::string_view name);

  const nlohmann::json *object_;
  std::string file_;
  std::string parent_; // "rope_scaling." for a nested reader
  std::map<std::string, std::string, std::less<>> places_;
  Findings &findings_;
  std::set<std::string, std::less<>> read_;
  std::string defaults_; // "rope_theta 10000, rms_norm_eps 1e-06"
};

} // namespace cadenza
