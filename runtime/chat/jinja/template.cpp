#include "runtime/chat/jinja/template.h"
#include "runtime/chat/jinja/interpreter.h"
#include "runtime/chat/jinja/parser.h"
#include "runtime/tokenizer/utf8.h"

#include <new>

namespace cadenza::jinja {
namespace {

constexpr size_t maxTemplateBytes = size_t{4} << 20; // the longest published ones have 30 KB

Status statusOf(const Error &error, int line) {
  const int at = error.line > 0 ? error.line : line;
  return {error.code, (at > 0 ? "line " + std::to_string(at) + ": " : "") + error.message +
                          (error.code == StatusCode::Unsupported ? " is not supported" : "")};
}

/// JSON as the values that Python's json.loads makes of it.
Value valueOf(Runtime &runtime, const nlohmann::ordered_json &json, int depth = 0) {
  if (depth > 100)
    fail("the messages are nested too deeply");
  switch (json.type()) {
  case nlohmann::json::value_t::boolean:
    return json.get<bool>();
  case nlohmann::json::value_t::number_integer:
    return json.get<int64_t>();
  case nlohmann::json::value_t::number_unsigned:
    if (json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
      unsupported("a whole number of more than 64 bits");
    return json.get<int64_t>();
  case nlohmann::json::value_t::number_float:
    return json.get<double>();
  case nlohmann::json::value_t::string:
    return runtime.text(json.get<std::string>());
  case nlohmann::json::value_t::array: {
    std::vector<Value> items;
    for (const auto &item : json)
      items.push_back(valueOf(runtime, item, depth + 1));
    return runtime.sequence(std::move(items));
  }
  case nlohmann::json::value_t::object: {
    const Value dict = runtime.dict();
    for (const auto &[key, value] : json.items())
      dict.dict().put(runtime.text(key), valueOf(runtime, value, depth + 1));
    return dict;
  }
  default:
    return Value();
  }
}

} // namespace

struct Template::Parsed {
  Heap literals; // of the tree, which goes before them
  Body body;
};

StatusOr<Template> Template::parse(std::string_view source) {
  if (source.size() > maxTemplateBytes)
    return Status(StatusCode::InvalidInput,
                  "the template has more than " + std::to_string(maxTemplateBytes) + " bytes");
  if (!utf8::isValid(source))
    return Status(StatusCode::InvalidInput, "the template is not UTF-8");
  try {
    auto parsed = std::make_shared<Parsed>();
    parsed->body = jinja::parse(source, parsed->literals);
    return Template(std::move(parsed));
  } catch (const Error &error) {
    return statusOf(error, 0);
  } catch (const std::bad_alloc &) {
    return Status(StatusCode::OutOfMemory, "no memory for the template");
  }
}

StatusOr<std::string> Template::render(const nlohmann::ordered_json &context, const RenderOptions &options) const {
  Runtime runtime(options);
  Interpreter interpreter(runtime);
  try {
    Scope &globals = *runtime.heap().make<Scope>(nullptr);
    addGlobals(runtime, globals);
    Scope &names = *runtime.heap().make<Scope>(&globals);
    for (const auto &[name, value] : context.items()) {
      const Value kept = runtime.text(name); // the scope keeps no copy of the name
      names.put(kept.text().bytes, valueOf(runtime, value));
    }
    return interpreter.run(parsed_->body, names);
  } catch (const Error &error) {
    return statusOf(error, interpreter.line());
  } catch (const std::bad_alloc &) {
    return Status(StatusCode::OutOfMemory, "no memory to render the template");
  }
}

} // namespace cadenza::jinja
