// Makes parts of a grammar of JSON schemas, which may be parts of a larger one.
#pragma once

#include "runtime/grammar/json_text.h"

#include <nlohmann/json.hpp>

#include <map>
#include <string>
#include <vector>

namespace cadenza::grammar {

/// Of one schema document. Errors are kept: the first one counts, and ends the work.
class SchemaCompiler {
public:
  using Json = nlohmann::ordered_json;

  /// `document` must outlive the compiler.
  SchemaCompiler(GrammarBuilder &builder, JsonText &text, const Json &document)
      : builder_(builder), text_(text), document_(document) {}

  /// The values of the whole document.
  StatusOr<Fragment> compile();

private:
  Fragment value(const Json &schema, const std::string &pointer);
  Fragment reference(const std::string &target, const std::string &pointer);
  /// A schema without $ref, allOf, anyOf and oneOf.
  Fragment plain(const Json &schema, const std::string &pointer);
  Fragment ofType(const std::string &type, const Json &schema, const std::string &pointer);
  Fragment listed(const std::vector<Json> &values, const std::vector<std::string> &types, const Json &schema,
                  const std::string &pointer);
  Fragment string(const Json &schema, const std::string &pointer);
  Fragment integer(const Json &schema, const std::string &pointer);
  Fragment number(const Json &schema, const std::string &pointer);
  Fragment object(const Json &schema, const std::string &pointer);
  Fragment array(const Json &schema, const std::string &pointer);

  void checkKeywords(const Json &schema, const std::string &pointer);
  std::vector<std::string> typesOf(const Json &schema, const std::string &pointer);
  /// Schemas without those keywords, which together have the values of this one.
  std::vector<Json> alternatives(const Json &schema, const std::string &pointer, int depth);
  const Json &resolve(const std::string &target, const std::string &pointer);

  const Json &arrayAt(const Json &schema, const char *keyword, const std::string &pointer);
  int64_t countAt(const Json &schema, const char *keyword, int64_t otherwise, const std::string &pointer);

  Fragment fail(StatusCode code, const std::string &pointer, const std::string &what);
  bool isDone() const { return !status_.isOk() || builder_.isFull(); }

  GrammarBuilder &builder_;
  JsonText &text_;
  const Json &document_;
  std::map<std::string, Rule> rules_; // by what a $ref says
  std::vector<std::string> toDefine_;
  int depth_ = 0;
  Status status_;
};

} // namespace cadenza::grammar
