#include "runtime/grammar/schema_merge.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace cadenza::grammar {

using Json = nlohmann::ordered_json;

bool isAnnotation(const std::string &keyword) {
  constexpr std::array<std::string_view, 16> names = {
      "title",        "description", "default",    "examples",        "example",
      "$schema",      "$id",         "$comment",   "$defs",           "definitions",
      "readOnly",     "writeOnly",   "deprecated", "contentEncoding", "contentMediaType",
      "discriminator"};
  return keyword.starts_with("x-") || std::find(names.begin(), names.end(), keyword) != names.end();
}

bool sameValue(const Json &a, const Json &b) {
  if (a.is_object() && b.is_object()) { // in any order
    return a.size() == b.size() && std::all_of(a.items().begin(), a.items().end(), [&](const auto &item) {
             return b.contains(item.key()) && sameValue(item.value(), b[item.key()]);
           });
  }
  if (a.is_array() && b.is_array())
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), sameValue);
  return a == b;
}

namespace {

Json both(const Json &a, const Json &b) {
  if (a == b)
    return a;
  return Json{{"allOf", Json::array({a, b})}};
}

Json commonTypes(const Json &a, const Json &b) {
  const auto list = [](const Json &types) { return types.is_array() ? types : Json::array({types}); };
  Json result = Json::array();
  const auto has = [](const Json &types, const Json &type) {
    return std::find(types.begin(), types.end(), type) != types.end();
  };
  for (const Json &type : list(a)) {
    if (has(list(b), type) || (type == "integer" && has(list(b), "number")))
      result.push_back(type);
    else if (type == "number" && has(list(b), "integer"))
      result.push_back("integer");
  }
  return result;
}

/// The schema that `schema` has for the member `name`; nullptr: any value.
const Json *memberOf(const Json &schema, const std::string &name) {
  if (const auto properties = schema.find("properties"); properties != schema.end() && properties->is_object())
    if (const auto member = properties->find(name); member != properties->end())
      return &*member;
  const auto others = schema.find("additionalProperties");
  return others != schema.end() ? &*others : nullptr;
}

Json mergeProperties(const Json &a, const Json &b) {
  Json result = Json::object();
  for (const Json *schema : {&a, &b}) {
    const auto properties = schema->find("properties");
    if (properties == schema->end() || !properties->is_object())
      continue;
    for (const auto &[name, member] : properties->items()) {
      if (result.contains(name))
        continue;
      const Json *other = memberOf(schema == &a ? b : a, name);
      result[name] = other ? both(member, *other) : member;
    }
  }
  return result;
}

bool isMinimum(const std::string &keyword) {
  return keyword == "minimum" || keyword == "exclusiveMinimum" || keyword == "minLength" || keyword == "minItems";
}
bool isMaximum(const std::string &keyword) {
  return keyword == "maximum" || keyword == "exclusiveMaximum" || keyword == "maxLength" || keyword == "maxItems";
}

/// Of a keyword that both have, with different values.
Json mergeKeyword(const std::string &keyword, const Json &a, const Json &b, std::string &conflict) {
  if (isMinimum(keyword) && a.is_number() && b.is_number())
    return std::max(a, b);
  if (isMaximum(keyword) && a.is_number() && b.is_number())
    return std::min(a, b);
  if (keyword == "type")
    return commonTypes(a, b);
  if (keyword == "additionalProperties" || keyword == "items")
    return both(a, b);
  Json result = Json::array();
  if (keyword == "required" && a.is_array() && b.is_array()) {
    result = a;
    for (const Json &name : b)
      if (std::find(a.begin(), a.end(), name) == a.end())
        result.push_back(name);
    return result;
  }
  if (keyword == "enum" && a.is_array() && b.is_array()) {
    for (const Json &value : a)
      if (std::any_of(b.begin(), b.end(), [&](const Json &other) { return sameValue(value, other); }))
        result.push_back(value);
    return result;
  }
  conflict = keyword;
  return a;
}

} // namespace

Json mergeSchemas(const Json &a, const Json &b, std::string &conflict) {
  if (a.is_boolean() || b.is_boolean()) {
    const Json &other = a.is_boolean() ? b : a, &known = a.is_boolean() ? a : b;
    return known.get<bool>() ? other : known;
  }
  Json result = Json::object();
  for (const Json *schema : {&a, &b})
    for (const auto &[keyword, value] : schema->items()) {
      const Json &other = schema == &a ? b : a;
      if (isAnnotation(keyword) || result.contains(keyword))
        continue;
      if (!other.contains(keyword) || other[keyword] == value)
        result[keyword] = value;
      else if (keyword != "properties")
        result[keyword] = mergeKeyword(keyword, a[keyword], b[keyword], conflict);
      if (keyword == "properties")
        result[keyword] = mergeProperties(a, b);
    }
  if (const auto type = result.find("type"); type != result.end() && type->is_array() && type->empty())
    return false;
  return result;
}

} // namespace cadenza::grammar
