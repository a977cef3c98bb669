// Schemas that must hold together, as one.
#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace cadenza::grammar {

/// A schema without $ref, allOf, anyOf and oneOf whose values are those of both, which have none of them either; false
/// if there is no such value. `conflict`: a keyword that cannot be merged, if there is one.
nlohmann::ordered_json mergeSchemas(const nlohmann::ordered_json &a, const nlohmann::ordered_json &b,
                                    std::string &conflict);

/// What says nothing of a value: title, description, default, ...
bool isAnnotation(const std::string &keyword);

/// As JSON Schema compares them: 1 equals 1.0.
bool sameValue(const nlohmann::ordered_json &a, const nlohmann::ordered_json &b);

} // namespace cadenza::grammar
