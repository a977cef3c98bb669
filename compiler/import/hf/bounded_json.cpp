#include "compiler/import/hf/bounded_json.h"

namespace cadenza {
namespace {

using nlohmann::json;

constexpr size_t maxText = size_t{16} << 20;
constexpr size_t maxValues = size_t{1} << 20;

/// Builds the tree. `open_` holds the containers that are being filled, outermost first; they stay in place while they
/// are open, because a container only grows when everything inside it is closed.
class TreeHandler : public BoundedJsonHandler {
public:
  explicit TreeHandler(json &root) : root_(root) {}

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(int64_t value) override { return put(value); }
  bool number_unsigned(uint64_t value) override { return put(value); }
  bool number_float(double value, const std::string &) override { return put(value); }
  bool string(std::string &value) override { return put(std::move(value)); }

  bool start_object(size_t) override { return enter() && put(json::object(), /*open=*/true); }
  bool start_array(size_t) override { return enter() && put(json::array(), /*open=*/true); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string &value) override {
    if (open_.back()->contains(value))
      return fail("key " + quoted(value) + " occurs twice");
    key_ = std::move(value);
    return true;
  }

private:
  bool put(json value, bool open = false) {
    if (++values_ > maxValues)
      return fail("more than " + std::to_string(maxValues) + " values");
    json *place = &root_;
    if (open_.empty()) {
      if (!value.is_object())
        return fail("the document is not an object");
      root_ = std::move(value);
    } else if (open_.back()->is_object()) {
      place = &((*open_.back())[key_] = std::move(value));
    } else {
      open_.back()->push_back(std::move(value));
      place = &open_.back()->back();
    }
    if (open)
      open_.push_back(place);
    return true;
  }
  bool close() {
    open_.pop_back();
    return leave();
  }

  json &root_;
  std::vector<json *> open_;
  std::string key_;
  size_t values_ = 0;
};

} // namespace

bool BoundedJsonHandler::enter() {
  if (++depth_ > maxJsonDepth)
    return fail("nested deeper than " + std::to_string(maxJsonDepth) + " levels");
  return true;
}

bool BoundedJsonHandler::parse_error(size_t position, const std::string &token, const json::exception &exception) {
  // what() is "[json.exception.parse_error.101] parse error at line 1, column 3: syntax error ..."; the bracket says
  // nothing to a user.
  std::string_view what = exception.what();
  if (size_t bracket = what.find("] "); bracket != std::string_view::npos)
    what.remove_prefix(bracket + 2);
  return fail("byte " + std::to_string(position) + ": " + escaped(what, 200));
}

Status parseJson(std::string_view text, BoundedJsonHandler &handler) {
  if (json::sax_parse(text.begin(), text.end(), &handler))
    return Status::ok();
  return {StatusCode::InvalidInput, handler.error().empty() ? "malformed JSON" : handler.error()};
}

StatusOr<json> parseJsonObject(std::string_view text) {
  if (text.size() > maxText)
    return Status(StatusCode::InvalidInput,
                  "is " + std::to_string(text.size()) + " bytes, more than " + std::to_string(maxText));
  json root;
  TreeHandler handler(root);
  CADENZA_RETURN_IF_ERROR(parseJson(text, handler));
  return root;
}

std::string escaped(std::string_view text, size_t shown) {
  constexpr char digits[] = "0123456789abcdef";
  std::string result;
  for (char c : text.substr(0, shown)) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      result += c;
    } else {
      result += "\\x";
      result += digits[byte >> 4];
      result += digits[byte & 15];
    }
  }
  return text.size() > shown ? result + "..." : result;
}

std::string quoted(std::string_view text) { return "'" + escaped(text, 80) + "'"; }

} // namespace cadenza
