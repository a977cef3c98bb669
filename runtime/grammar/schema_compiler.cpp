#include "runtime/grammar/schema_compiler.h"

#include "runtime/grammar/formats.h"
#include "runtime/grammar/regex.h"
#include "runtime/grammar/schema_merge.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace cadenza::grammar {
namespace {

using Json = nlohmann::ordered_json;

constexpr int deepestSchema = 48;
constexpr size_t mostAlternatives = 256;

struct Keyword {
  std::string_view name;
  std::string_view type; // of values that it is about; empty: any
};
constexpr std::array<Keyword, 24> keywords = {{
    {"type", ""},
    {"nullable", ""},
    {"enum", ""},
    {"const", ""},
    {"$ref", ""},
    {"allOf", ""},
    {"anyOf", ""},
    {"oneOf", ""},
    {"properties", "object"},
    {"required", "object"},
    {"additionalProperties", "object"},
    {"items", "array"},
    {"prefixItems", "array"},
    {"minItems", "array"},
    {"maxItems", "array"},
    {"uniqueItems", "array"},
    {"minLength", "string"},
    {"maxLength", "string"},
    {"pattern", "string"},
    {"format", "string"},
    {"minimum", "number"},
    {"maximum", "number"},
    {"exclusiveMinimum", "number"},
    {"exclusiveMaximum", "number"},
}};

const Keyword *findKeyword(std::string_view name) {
  const auto *found =
      std::find_if(keywords.begin(), keywords.end(), [&](const Keyword &keyword) { return keyword.name == name; });
  return found == keywords.end() ? nullptr : found;
}

constexpr std::array<std::string_view, 7> typeNames = {"object",  "array",   "string", "number",
                                                       "integer", "boolean", "null"};

bool hasType(const Json &value, const std::string &type) {
  if (type == "integer")
    return value.is_number_integer() || (value.is_number_float() && std::floor(value.get<double>()) == value);
  return type == "object"    ? value.is_object()
         : type == "array"   ? value.is_array()
         : type == "string"  ? value.is_string()
         : type == "number"  ? value.is_number()
         : type == "boolean" ? value.is_boolean()
                             : value.is_null();
}

/// One part of a JSON pointer within a URI, as it was before it was escaped.
std::string unescaped(std::string_view part) {
  std::string plain;
  for (size_t i = 0; i < part.size(); ++i) {
    if (part[i] == '%' && i + 2 < part.size() && std::isxdigit(part[i + 1]) && std::isxdigit(part[i + 2])) {
      plain += static_cast<char>(std::stoi(std::string(part.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else if (part[i] == '~' && i + 1 < part.size()) {
      plain += part[++i] == '1' ? '/' : '~';
    } else {
      plain += part[i];
    }
  }
  return plain;
}

/// That a part of a pointer says; a very large one if it says none.
size_t indexOf(const std::string &part) {
  const bool isIndex = !part.empty() && part.size() < 9 &&
                       std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
  return isIndex ? std::stoul(part) : std::string::npos;
}

std::string below(const std::string &pointer, std::string_view part) {
  std::string result = pointer + "/";
  for (char c : part)
    result += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return result;
}

bool saysMore(const Json &schema, std::string_view but) {
  return std::any_of(schema.items().begin(), schema.items().end(),
                     [&](const auto &item) { return item.key() != but && !isAnnotation(item.key()); });
}

} // namespace

Fragment SchemaCompiler::fail(StatusCode code, const std::string &pointer, const std::string &what) {
  if (status_.isOk())
    status_ = Status(code, "schema at " + pointer + ": " + what);
  return builder_.nothing();
}

StatusOr<Fragment> SchemaCompiler::compile() {
  const Fragment result = value(document_, "#");
  while (!toDefine_.empty() && !isDone()) { // here, not where they are met: definitions may refer to each other
    const std::string target = toDefine_.back();
    toDefine_.pop_back();
    builder_.define(rules_[target], value(resolve(target, target), target));
  }
  if (!status_.isOk())
    return status_;
  return result;
}

void SchemaCompiler::checkKeywords(const Json &schema, const std::string &pointer) {
  if (schema.is_boolean())
    return;
  if (!schema.is_object()) {
    fail(StatusCode::InvalidInput, pointer, "expected a schema: an object, true or false");
    return;
  }
  for (const auto &[name, content] : schema.items())
    if (!isAnnotation(name) && !findKeyword(name))
      fail(StatusCode::Unsupported, pointer, "'" + name + "' is not supported");
  if (schema.value("uniqueItems", Json(false)) != Json(false))
    fail(StatusCode::Unsupported, pointer, "'uniqueItems' is not supported");
}

const Json &SchemaCompiler::resolve(const std::string &target, const std::string &pointer) {
  static const Json none = false;
  if (!target.starts_with('#') || (target.size() > 1 && target[1] != '/')) {
    fail(StatusCode::Unsupported, pointer,
         "'$ref' to '" + target + "' is not supported: only places of this schema are, such as #/$defs/NAME");
    return none;
  }
  const Json *at = &document_;
  for (size_t begin = 1; begin < target.size();) {
    const size_t end = std::min(target.find('/', begin + 1), target.size());
    const std::string part = unescaped(std::string_view(target).substr(begin + 1, end - begin - 1));
    begin = end;
    if (at->is_object() && at->contains(part)) {
      at = &(*at)[part];
    } else if (at->is_array() && indexOf(part) < at->size()) {
      at = &(*at)[indexOf(part)];
    } else {
      fail(StatusCode::InvalidInput, pointer, "'$ref': there is no " + target);
      return none;
    }
  }
  return *at;
}

Fragment SchemaCompiler::reference(const std::string &target, const std::string &pointer) {
  const auto [rule, isNew] = rules_.try_emplace(target, 0);
  if (isNew) {
    rule->second = builder_.rule();
    resolve(target, pointer); // an error names who refers to it
    toDefine_.push_back(target);
  }
  return builder_.call(rule->second);
}

const Json &SchemaCompiler::arrayAt(const Json &schema, const char *keyword, const std::string &pointer) {
  static const Json none = Json::array();
  const auto found = schema.find(keyword);
  if (found == schema.end())
    return none;
  if (found->is_array())
    return *found;
  fail(StatusCode::InvalidInput, pointer, std::string("'") + keyword + "': expected an array");
  return none;
}

int64_t SchemaCompiler::countAt(const Json &schema, const char *keyword, int64_t otherwise,
                                const std::string &pointer) {
  const auto found = schema.find(keyword);
  if (found == schema.end())
    return otherwise;
  const double count = found->is_number() ? found->get<double>() : -1;
  if (count < 0 || std::floor(count) != count) {
    fail(StatusCode::InvalidInput, pointer, std::string("'") + keyword + "': expected a count");
    return otherwise;
  }
  return static_cast<int64_t>(std::min(count, 1e9));
}

Fragment SchemaCompiler::value(const Json &schema, const std::string &pointer) {
  checkKeywords(schema, pointer);
  if (isDone())
    return builder_.nothing();
  if (schema.is_boolean())
    return schema.get<bool>() ? text_.anyValue() : builder_.nothing();
  if (depth_ >= deepestSchema)
    return fail(StatusCode::Unsupported, pointer, "schemas nest deeper than " + std::to_string(deepestSchema));
  ++depth_;
  Fragment result = builder_.nothing();
  std::vector<Fragment> parts;
  // What stands alone keeps its rules, so that it may be recursive.
  if (const auto target = schema.find("$ref"); target != schema.end() && !saysMore(schema, "$ref")) {
    result = target->is_string() ? reference(target->get<std::string>(), pointer)
                                 : fail(StatusCode::InvalidInput, pointer, "'$ref': expected a string");
    --depth_;
    return result;
  }
  const char *alone = schema.contains("anyOf") ? "anyOf" : schema.contains("oneOf") ? "oneOf" : nullptr;
  if (alone && !saysMore(schema, alone)) {
    const Json &list = arrayAt(schema, alone, pointer);
    for (size_t i = 0; i < list.size() && !isDone(); ++i)
      parts.push_back(value(list[i], below(below(pointer, alone), std::to_string(i))));
  } else {
    for (const Json &part : alternatives(schema, pointer, 0))
      if (!isDone())
        parts.push_back(plain(part, pointer));
  }
  --depth_;
  return parts.empty() ? builder_.nothing() : builder_.choice(parts);
}

std::vector<Json> SchemaCompiler::alternatives(const Json &schema, const std::string &pointer, int depth) {
  checkKeywords(schema, pointer);
  if (depth > deepestSchema)
    fail(StatusCode::InvalidInput, pointer, "a definition refers to itself before anything of it is written");
  if (isDone())
    return {};
  if (schema.is_boolean())
    return {schema};
  Json rest = Json::object();
  for (const auto &[name, content] : schema.items())
    if (!isAnnotation(name) && name != "$ref" && name != "allOf" && name != "anyOf" && name != "oneOf")
      rest[name] = content;
  std::vector<Json> result = {std::move(rest)};
  const auto restrict = [&](const std::vector<Json> &others) {
    std::vector<Json> merged;
    std::string conflict;
    for (const Json &a : result)
      for (const Json &b : others)
        if (merged.size() <= mostAlternatives)
          merged.push_back(mergeSchemas(a, b, conflict));
    if (!conflict.empty())
      fail(StatusCode::Unsupported, pointer, "two of '" + conflict + "' that must hold together are not supported");
    if (merged.size() > mostAlternatives)
      fail(StatusCode::Unsupported, pointer, "more than " + std::to_string(mostAlternatives) + " combinations");
    result = std::move(merged);
  };
  if (const auto target = schema.find("$ref"); target != schema.end()) {
    const std::string name = target->is_string() ? target->get<std::string>() : "";
    restrict(alternatives(resolve(name, pointer), name, depth + 1));
  }
  const Json &all = arrayAt(schema, "allOf", pointer);
  for (size_t i = 0; i < all.size() && !isDone(); ++i)
    restrict(alternatives(all[i], below(below(pointer, "allOf"), std::to_string(i)), depth + 1));
  for (const char *keyword : {"anyOf", "oneOf"}) {
    if (!schema.contains(keyword))
      continue;
    std::vector<Json> any;
    const Json &list = arrayAt(schema, keyword, pointer);
    for (size_t i = 0; i < list.size() && !isDone(); ++i)
      for (Json &part : alternatives(list[i], below(below(pointer, keyword), std::to_string(i)), depth + 1))
        any.push_back(std::move(part));
    restrict(any);
  }
  return result;
}

std::vector<std::string> SchemaCompiler::typesOf(const Json &schema, const std::string &pointer) {
  std::vector<std::string> result;
  const auto add = [&](std::string_view type) {
    if (std::find(result.begin(), result.end(), type) == result.end())
      result.emplace_back(type);
  };
  if (const auto types = schema.find("type"); types != schema.end()) {
    if (types->is_array() && types->empty())
      fail(StatusCode::InvalidInput, pointer, "'type': an empty list");
    for (const Json &type : types->is_array() ? *types : Json::array({*types})) {
      const std::string name = type.is_string() ? type.get<std::string>() : "";
      if (std::find(typeNames.begin(), typeNames.end(), name) == typeNames.end())
        fail(StatusCode::InvalidInput, pointer, "'type': " + type.dump() + " is no type");
      add(name);
    }
  } else { // keywords about values of a type ask for that type
    for (const auto &[name, content] : schema.items())
      if (const Keyword *keyword = findKeyword(name); keyword && !keyword->type.empty())
        add(keyword->type);
  }
  if (!result.empty() && schema.value("nullable", Json(false)) == Json(true))
    add("null");
  return result;
}

Fragment SchemaCompiler::plain(const Json &schema, const std::string &pointer) {
  if (schema.is_boolean())
    return schema.get<bool>() ? text_.anyValue() : builder_.nothing();
  const std::vector<std::string> types = typesOf(schema, pointer);
  if (schema.contains("const") || schema.contains("enum")) {
    std::vector<Json> values;
    for (const Json &item : arrayAt(schema, "enum", pointer))
      if (!schema.contains("const") || sameValue(item, schema["const"]))
        values.push_back(item);
    if (!schema.contains("enum"))
      values.push_back(schema["const"]);
    return listed(values, types, schema, pointer);
  }
  if (types.empty())
    return text_.anyValue();
  std::vector<Fragment> parts;
  for (const std::string &type : types) {
    const bool isCovered = type == "integer" && std::find(types.begin(), types.end(), "number") != types.end();
    if (!isCovered && !isDone())
      parts.push_back(ofType(type, schema, pointer));
  }
  return parts.empty() ? builder_.nothing() : builder_.choice(parts);
}

Fragment SchemaCompiler::listed(const std::vector<Json> &values, const std::vector<std::string> &types,
                                const Json &schema, const std::string &pointer) {
  for (const auto &[name, content] : schema.items())
    if (const Keyword *keyword = findKeyword(name); keyword && !keyword->type.empty())
      return fail(StatusCode::Unsupported, pointer, "'" + name + "' beside 'enum' or 'const' is not supported");
  std::vector<std::string> scalars;
  std::vector<Fragment> parts;
  for (const Json &item : values) {
    const auto fits = [&](const std::string &type) { return hasType(item, type); };
    if (isDone() || (!types.empty() && std::none_of(types.begin(), types.end(), fits)))
      continue;
    if (item.is_structured())
      parts.push_back(text_.value(item));
    else
      scalars.push_back(item.is_string() ? '"' + spellJson(item.get<std::string>()) + '"' : item.dump());
  }
  parts.push_back(builder_.oneOf(scalars));
  return builder_.choice(parts);
}

Fragment SchemaCompiler::ofType(const std::string &type, const Json &schema, const std::string &pointer) {
  if (type == "object")
    return object(schema, pointer);
  if (type == "array")
    return array(schema, pointer);
  if (type == "string")
    return string(schema, pointer);
  if (type == "integer")
    return integer(schema, pointer);
  if (type == "boolean")
    return builder_.choice({builder_.text("true"), builder_.text("false")});
  if (type == "null")
    return builder_.text("null");
  return number(schema, pointer);
}

Fragment SchemaCompiler::string(const Json &schema, const std::string &pointer) {
  const int64_t minimum = countAt(schema, "minLength", 0, pointer), maximum = countAt(schema, "maxLength", -1, pointer);
  if (maximum >= 0 && minimum > maximum)
    return builder_.nothing();
  const auto textAt = [&](const char *keyword) {
    const auto found = schema.find(keyword);
    if (found != schema.end() && !found->is_string())
      fail(StatusCode::InvalidInput, pointer, std::string("'") + keyword + "': expected a string");
    return found != schema.end() && found->is_string() ? found->get<std::string>() : "";
  };
  const bool hasPattern = schema.contains("pattern");
  const bool hasFormat = schema.contains("format") && !isFormatOfAnyText(textAt("format"));
  if (hasPattern && hasFormat)
    return fail(StatusCode::Unsupported, pointer, "'pattern' and 'format' together are not supported");
  if (!hasPattern && !hasFormat)
    return text_.string(minimum, maximum);
  const std::string pattern = hasPattern ? textAt("pattern") : formatPattern(textAt("format"));
  if (hasFormat && pattern.empty())
    return fail(StatusCode::Unsupported, pointer,
                "'format': '" + textAt("format") + "' is not supported (" + formatNames() + " are)");
  if (isDone())
    return builder_.nothing();
  const auto content = regex(builder_, pattern, {Spelling::JsonString, hasFormat, minimum, maximum});
  if (!content.isOk())
    return fail(content.status().code(), pointer, "'pattern': " + content.status().message());
  return text_.quoted(*content);
}

Fragment SchemaCompiler::integer(const Json &schema, const std::string &pointer) {
  std::optional<int64_t> least, most;
  for (const char *name : {"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"}) {
    const auto found = schema.find(name);
    if (found == schema.end())
      continue;
    const std::string keyword = name;
    const bool isExclusive = keyword.starts_with("exclusive"), isLeast = keyword.ends_with("inimum");
    if (!found->is_number())
      return fail(StatusCode::InvalidInput, pointer, "'" + keyword + "': expected a number");
    const double number = found->get<double>();
    if (!(std::abs(number) < 0x1p62))
      return fail(StatusCode::Unsupported, pointer, "'" + keyword + "': a bound that large is not supported");
    const double whole = isLeast ? std::ceil(number) : std::floor(number);
    int64_t bound = found->is_number_integer() ? found->get<int64_t>() : static_cast<int64_t>(whole);
    if (isExclusive && whole == number)
      bound += isLeast ? 1 : -1;
    if (isLeast)
      least = least ? std::max(*least, bound) : bound;
    else
      most = most ? std::min(*most, bound) : bound;
  }
  return text_.integer(least, most);
}

Fragment SchemaCompiler::number(const Json &schema, const std::string &pointer) {
  std::optional<Bound> least, most;
  for (const char *name : {"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"}) {
    const auto found = schema.find(name);
    if (found == schema.end())
      continue;
    const std::string keyword = name;
    if (!found->is_number())
      return fail(StatusCode::InvalidInput, pointer, "'" + keyword + "': expected a number");
    const double number = found->get<double>();
    if (!(std::abs(number) <= 0x1p53) || std::floor(number) != number)
      return fail(StatusCode::Unsupported, pointer,
                  "'" + keyword + "': " + found->dump() + " is not supported: bounds are whole numbers up to 2^53");
    const Bound bound{static_cast<int64_t>(number), keyword.starts_with("exclusive")};
    std::optional<Bound> &side = keyword.ends_with("inimum") ? least : most;
    const bool isTighter = side && (&side == &least ? bound.value > side->value : bound.value < side->value);
    if (!side || isTighter || (bound.value == side->value && bound.isExclusive))
      side = bound;
  }
  return least || most ? text_.number(least, most) : text_.number();
}

Fragment SchemaCompiler::object(const Json &schema, const std::string &pointer) {
  static const Json none = Json::object();
  const auto found = schema.find("properties");
  const Json &properties = found == schema.end() ? none : *found;
  if (!properties.is_object())
    return fail(StatusCode::InvalidInput, pointer, "'properties': expected an object");
  std::vector<std::string> required;
  for (const Json &name : arrayAt(schema, "required", pointer)) {
    if (!name.is_string())
      return fail(StatusCode::InvalidInput, pointer, "'required': expected names");
    required.push_back(name.get<std::string>());
  }
  std::vector<JsonText::Member> members;
  for (const auto &[name, member] : properties.items()) {
    if (isDone())
      break;
    const bool isRequired = std::find(required.begin(), required.end(), name) != required.end();
    members.push_back({name, value(member, below(below(pointer, "properties"), name)), isRequired});
  }
  // What a schema leaves open is any value where it is asked for, and is not there otherwise.
  const auto others = schema.find("additionalProperties");
  const auto other = [&] {
    return others == schema.end() ? text_.anyValue() : value(*others, below(pointer, "additionalProperties"));
  };
  for (const std::string &name : required) {
    const auto isIt = [&](const JsonText::Member &member) { return member.name == name; };
    if (std::none_of(members.begin(), members.end(), isIt) && !isDone())
      members.push_back({name, other(), true});
  }
  const bool isOpen = others == schema.end() ? found == schema.end() : *others != Json(false);
  return text_.object(members, isOpen ? std::optional(other()) : std::nullopt);
}

Fragment SchemaCompiler::array(const Json &schema, const std::string &pointer) {
  const Json &prefix = arrayAt(schema, "prefixItems", pointer);
  std::vector<Fragment> first;
  for (size_t i = 0; i < prefix.size() && !isDone(); ++i)
    first.push_back(value(prefix[i], below(below(pointer, "prefixItems"), std::to_string(i))));
  const int64_t minimum = countAt(schema, "minItems", 0, pointer), maximum = countAt(schema, "maxItems", -1, pointer);
  const auto items = schema.find("items");
  if (items != schema.end() && items->is_array())
    return fail(StatusCode::Unsupported, pointer, "'items' as an array is not supported: it is 'prefixItems' today");
  if (isDone() || (items != schema.end() && *items == Json(false)))
    return text_.array(first, {}, minimum, maximum);
  // One rule, so that many elements are as many calls.
  std::optional<Rule> element;
  if (items != schema.end()) {
    element = builder_.rule();
    builder_.define(*element, value(*items, below(pointer, "items")));
  }
  const auto make = [&] { return element ? builder_.call(*element) : text_.anyValue(); };
  if (items == schema.end() && !first.empty()) { // open: only what is asked for
    const int64_t asked = std::max(minimum, std::ssize(first));
    return text_.array(first, make, minimum, maximum < 0 ? asked : std::min(maximum, asked));
  }
  return text_.array(first, make, minimum, maximum);
}

} // namespace cadenza::grammar
