#include "compiler/import/hf/config_reader.h"
#include "compiler/import/text.h"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace cadenza {
namespace {

using nlohmann::json;

const json nullValue; // also read as an object without members

std::string describe(const json &value) {
  if (value.is_string())
    return quotedName(value.get_ref<const std::string &>());
  if (value.is_object())
    return "an object";
  if (value.is_array())
    return "a list";
  return value.dump();
}

std::string numberText(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

} // namespace

std::string ConfigReader::pathOf(std::string_view name) const {
  const std::string_view element = name.substr(std::min(name.find('['), name.size())); // "[3]" of a list
  const auto place = places_.find(name.substr(0, name.size() - element.size()));
  return place == places_.end() ? parent_ + std::string(name) : place->second + std::string(element);
}

void ConfigReader::wrong(std::string_view name, const json &value, const std::string &expected) {
  findings_.invalid(where(name) + " is " + describe(value) + "; expected " + expected);
}

const json &ConfigReader::raw(std::string_view name) {
  read_.emplace(name);
  auto found = object_->find(std::string(name));
  return found == object_->end() ? nullValue : *found;
}

bool ConfigReader::has(std::string_view name) { return !raw(name).is_null(); }

bool ConfigReader::contains(std::string_view name) { return has(name) || object_->contains(name); }

bool ConfigReader::require(std::string_view name) {
  if (has(name))
    return true;
  findings_.invalid(where(name) + (contains(name) ? " is null" : " is missing"));
  return false;
}

std::optional<int64_t> ConfigReader::asInteger(std::string_view name, const json &value, int64_t minimum,
                                               int64_t maximum) {
  // Unsigned values above INT64_MAX would turn negative in get<int64_t>().
  bool fits = value.is_number_integer() &&
              (!value.is_number_unsigned() || value.get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX));
  if (fits && value.get<int64_t>() >= minimum && value.get<int64_t>() <= maximum)
    return value.get<int64_t>();
  wrong(name, value, "an integer in [" + std::to_string(minimum) + ", " + std::to_string(maximum) + "]");
  return std::nullopt;
}

std::optional<int64_t> ConfigReader::integer(std::string_view name, int64_t minimum, int64_t maximum) {
  const json &value = raw(name);
  return value.is_null() ? std::nullopt : asInteger(name, value, minimum, maximum);
}

std::optional<double> ConfigReader::asNumber(std::string_view name, const json &value, double above, double maximum) {
  if (value.is_number()) {
    double number = value.get<double>();
    if (number != 0 && static_cast<float>(number) == 0) {
      wrong(name, value, "a number that is not 0 as a 32-bit float");
      return std::nullopt;
    }
    if (std::isfinite(number) && number > above && number <= maximum)
      return number;
  }
  wrong(name, value, "a number above " + numberText(above) + " and at most " + numberText(maximum));
  return std::nullopt;
}

std::optional<double> ConfigReader::number(std::string_view name, double above, double maximum) {
  const json &value = raw(name);
  return value.is_null() ? std::nullopt : asNumber(name, value, above, maximum);
}

std::optional<double> ConfigReader::numberUnlessZero(std::string_view name, double maximum) {
  const json &value = raw(name);
  return value.is_number() && value.get<double>() == 0 ? std::nullopt : number(name, 0, maximum);
}

std::optional<bool> ConfigReader::boolean(std::string_view name) {
  const json &value = raw(name);
  if (value.is_boolean())
    return value.get<bool>();
  if (!value.is_null())
    wrong(name, value, "true or false");
  return std::nullopt;
}

std::optional<std::string> ConfigReader::string(std::string_view name) {
  const json &value = raw(name);
  if (value.is_string())
    return value.get<std::string>();
  if (!value.is_null())
    wrong(name, value, "a string");
  return std::nullopt;
}

std::vector<int64_t> ConfigReader::integers(std::string_view name, int64_t minimum, int64_t maximum) {
  const json &value = raw(name);
  std::vector<int64_t> result;
  auto put = [&](const json &element) {
    if (auto number = asInteger(name, element, minimum, maximum))
      result.push_back(*number);
  };
  if (value.is_array()) {
    for (const json &element : value)
      put(element);
  } else if (!value.is_null()) {
    put(value);
  }
  return result;
}

std::vector<double> ConfigReader::numbers(std::string_view name, size_t count, double above, double maximum) {
  if (!require(name))
    return {};
  const json &value = raw(name);
  if (!value.is_array() || value.size() != count) {
    findings_.invalid(where(name) + " must be a list of " + std::to_string(count) + " numbers" +
                      (value.is_array() ? ", not of " + std::to_string(value.size()) : ""));
    return {};
  }
  std::vector<double> result;
  for (size_t i = 0; i < count; ++i) {
    const auto number = asNumber(std::string(name) + "[" + std::to_string(i) + "]", value[i], above, maximum);
    if (!number)
      return {}; // the others are likely to be as wrong
    result.push_back(*number);
  }
  return result;
}

std::optional<int64_t> ConfigReader::requiredInteger(std::string_view name, int64_t minimum, int64_t maximum) {
  return require(name) ? integer(name, minimum, maximum) : std::nullopt;
}

std::optional<double> ConfigReader::requiredNumber(std::string_view name, double above, double maximum) {
  return require(name) ? number(name, above, maximum) : std::nullopt;
}

std::optional<int64_t> ConfigReader::integerOr(std::string_view name, int64_t minimum, int64_t maximum,
                                               int64_t otherwise) {
  if (contains(name))
    return requiredInteger(name, minimum, maximum);
  addDefault(name, std::to_string(otherwise));
  return otherwise;
}

std::optional<double> ConfigReader::numberOr(std::string_view name, double above, double maximum, double otherwise) {
  if (contains(name))
    return requiredNumber(name, above, maximum);
  addDefault(name, numberText(otherwise));
  return otherwise;
}

std::optional<bool> ConfigReader::booleanOr(std::string_view name, bool otherwise) {
  if (contains(name))
    return require(name) ? boolean(name) : std::nullopt;
  if (otherwise) // what is off is not there: nothing to tell
    addDefault(name, "true");
  return otherwise;
}

std::optional<std::string> ConfigReader::stringOr(std::string_view name, std::string_view otherwise) {
  if (contains(name))
    return require(name) ? string(name) : std::nullopt;
  addDefault(name, quotedName(otherwise));
  return std::string(otherwise);
}

void ConfigReader::addDefault(std::string_view name, const std::string &value) {
  const std::string entry = std::string(name) + " " + value;
  if ((", " + defaults_ + ", ").find(", " + entry + ", ") == std::string::npos) // layers may share a field
    defaults_ += (defaults_.empty() ? "" : ", ") + entry;
}

void ConfigReader::noteDefaults(std::string_view configClass) {
  if (!defaults_.empty())
    findings_.notice(file_ + ": what is not given there is the default of " + std::string(configClass) + ": " +
                     defaults_);
}

ConfigReader ConfigReader::object(std::string_view name) {
  const json &value = raw(name);
  if (!value.is_object() && !value.is_null())
    wrong(name, value, "an object");
  return nested(name, value.is_object() ? value : nullValue);
}

void ConfigReader::noteUnread() {
  for (const auto &[name, value] : object_->items()) {
    if (!read_.contains(name))
      findings_.notice(file_ + ": " + pathOf(escaped(name, 80)) + " is not known and was ignored");
  }
}

} // namespace cadenza
