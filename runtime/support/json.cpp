#include "runtime/support/json.h"

#include <algorithm>
#include <cmath>
#include <deque>

namespace cadenza {
namespace {

using nlohmann::json;

/// Builds the tree while counting values and depth; nlohmann's own builder keeps the last of two equal keys and has no
/// bounds.
class BoundedBuilder : public nlohmann::json_sax<json> {
public:
  BoundedBuilder(const JsonLimits &limits, std::vector<std::string> *repeated) : limits_(limits), repeated_(repeated) {}

  json result;
  std::string error;

  /// Once all is read: whether every key that occurs twice has one value.
  void compareRepeated() {
    for (const Repeated &again : again_) {
      if (again.value != *again.first)
        return void(fail("key '" + again.key + "' occurs twice in one object, with different values"));
      repeated_->push_back(again.key);
    }
  }

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t &) override { return put(value); }
  bool string(string_t &value) override { return put(std::move(value)); }
  bool binary(binary_t &) override { return fail("binary value"); }
  bool start_object(std::size_t) override { return open(json::object()); }
  bool start_array(std::size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t &name) override {
    auto [place, inserted] = stack_.back()->get_ref<json::object_t &>().emplace(std::move(name), nullptr);
    field_ = &place->second;
    if (inserted)
      return true;
    if (!repeated_)
      return fail("key '" + place->first + "' occurs twice in one object");
    again_.push_back({place->first, field_, nullptr});
    field_ = &again_.back().value;
    return true;
  }
  bool parse_error(std::size_t position, const std::string &, const nlohmann::detail::exception &exception) override {
    std::string what = exception.what(); // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
    if (const size_t end = what.find("] "); end != std::string::npos)
      what.erase(0, end + 2);
    return fail("offset " + std::to_string(position) + ": " + what);
  }

private:
  bool fail(std::string what) {
    if (error.empty())
      error = std::move(what);
    return false;
  }
  template <typename T> bool put(T &&value) { return place(json(std::forward<T>(value))) != nullptr; }
  json *place(json value) {
    if (++values_ > limits_.values) {
      fail("more than " + std::to_string(limits_.values) + " values");
      return nullptr;
    }
    if (stack_.empty()) {
      result = std::move(value);
      return &result;
    }
    if (!stack_.back()->is_array()) {
      *field_ = std::move(value);
      return field_;
    }
    auto &array = stack_.back()->get_ref<json::array_t &>();
    array.push_back(std::move(value));
    return &array.back();
  }
  bool open(json container) {
    if (stack_.size() == limits_.depth)
      return fail("nested deeper than " + std::to_string(limits_.depth));
    json *placed = place(std::move(container));
    if (!placed)
      return false;
    stack_.push_back(placed); // stays where it is: its parent does not grow before it is closed
    return true;
  }
  bool close() {
    stack_.pop_back();
    return true;
  }

  /// The second value of a key, read beside the tree.
  struct Repeated {
    std::string key;
    const json *first; // a member of an object, so it stays where it is
    json value;
  };

  const JsonLimits &limits_;
  std::vector<std::string> *repeated_; // null: a repeated key is an error
  std::deque<Repeated> again_;
  std::vector<json *> stack_;
  json *field_ = nullptr;
  size_t values_ = 0;
};

std::string describe(const json &value) {
  if (value.is_structured() || value.is_null())
    return value.type_name();
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

const json nullValue;

} // namespace

StatusOr<json> parseJson(std::string_view text, const JsonLimits &limits, std::vector<std::string> *repeated) {
  if (text.size() > limits.bytes)
    return Status(StatusCode::InvalidInput,
                  std::to_string(text.size()) + " bytes of JSON; at most " + std::to_string(limits.bytes));
  BoundedBuilder builder(limits, repeated);
  const bool parsed = json::sax_parse(text.begin(), text.end(), &builder);
  if (parsed)
    builder.compareRepeated();
  if (!parsed || !builder.error.empty())
    return Status(StatusCode::InvalidInput, builder.error.empty() ? "malformed JSON" : builder.error);
  return std::move(builder.result);
}

int64_t JsonReader::integer(int64_t minimum, int64_t maximum) const {
  const bool fits = value_->is_number_integer() &&
                    (!value_->is_number_unsigned() || value_->get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX));
  if (fits && value_->get<int64_t>() >= minimum && value_->get<int64_t>() <= maximum)
    return value_->get<int64_t>();
  error(describe(*value_) + "; expected an integer in [" + std::to_string(minimum) + ", " + std::to_string(maximum) +
        "]");
  return std::clamp<int64_t>(0, minimum, maximum);
}

uint64_t JsonReader::unsignedInteger(uint64_t maximum) const {
  // A value of a tree that was built, not parsed, may be signed and positive.
  const bool fits = value_->is_number_unsigned() || (value_->is_number_integer() && value_->get<int64_t>() >= 0);
  if (fits && value_->get<uint64_t>() <= maximum)
    return value_->get<uint64_t>();
  error(describe(*value_) + "; expected an integer in [0, " + std::to_string(maximum) + "]");
  return 0;
}

double JsonReader::number() const {
  if (value_->is_number() && std::isfinite(value_->get<double>()))
    return value_->get<double>();
  error(describe(*value_) + "; expected a finite number");
  return 0;
}

bool JsonReader::boolean() const {
  if (value_->is_boolean())
    return value_->get<bool>();
  error(describe(*value_) + "; expected true or false");
  return false;
}

std::string JsonReader::string() const {
  if (!value_->is_string()) {
    error(describe(*value_) + "; expected a string");
    return {};
  }
  const auto &text = value_->get_ref<const std::string &>();
  const bool printable = std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (printable && text.size() <= 4096)
    return text;
  error(printable ? "a string of more than 4096 bytes" : "a string with control characters");
  return {};
}

size_t JsonReader::oneOf(std::span<const std::string_view> names) const {
  if (value_->is_string()) {
    const auto found = std::find(names.begin(), names.end(), value_->get_ref<const std::string &>());
    if (found != names.end())
      return static_cast<size_t>(found - names.begin());
  }
  std::string list;
  for (std::string_view name : names)
    list += (list.empty() ? "'" : ", '") + std::string(name) + "'";
  error(describe(*value_) + "; expected one of " + list);
  return 0;
}

std::vector<JsonReader> JsonReader::elements() const {
  std::vector<JsonReader> result;
  if (!value_->is_array()) {
    error(describe(*value_) + "; expected an array");
    return result;
  }
  if (!errors_->none())
    return result;
  result.reserve(value_->size());
  for (size_t i = 0; i < value_->size(); ++i)
    result.emplace_back((*value_)[i], path_ + "[" + std::to_string(i) + "]", *errors_);
  return result;
}

JsonReader JsonReader::operator[](std::string_view name) const {
  JsonReader field(nullValue, path_ + "." + std::string(name), *errors_);
  if (!value_->is_object()) {
    error(describe(*value_) + "; expected an object");
    return field;
  }
  const auto found = value_->find(std::string(name));
  if (found == value_->end())
    field.error("is missing");
  else
    field.value_ = &*found;
  return field;
}

void JsonReader::onlyFields(std::initializer_list<std::string_view> names) const {
  if (!value_->is_object())
    return error(describe(*value_) + "; expected an object");
  for (const auto &[name, unused] : value_->items()) {
    if (std::find(names.begin(), names.end(), name) == names.end())
      return error("unknown field " + describe(json(name)));
  }
}

} // namespace cadenza
