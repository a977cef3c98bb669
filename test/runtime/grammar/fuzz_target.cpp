// Whatever the schema is, compiling ends with a grammar or an error, and what a grammar makes it accepts.
#include "test/runtime/grammar/fuzz_target.h"

#include "runtime/grammar/json_schema.h"
#include "test/runtime/grammar/walk.h"

#include <cstdlib>

namespace cadenza::testing {

void fuzzGrammar(std::string_view input) {
  const size_t end = std::min(input.find('\0'), input.size());
  const std::string_view schema = input.substr(0, end), text = input.substr(std::min(end + 1, input.size()));
  const auto grammar =
      schema.starts_with('/') ? grammar::regexGrammar(schema.substr(1)) : grammar::parseJsonSchema(schema);
  if (!grammar.isOk())
    return;
  grammar::Matcher matcher(*grammar);
  (void)rejectedAt(matcher, text);
  static const auto vocabulary = smallVocabulary();
  grammar::GrammarConstraint constraint(*grammar, vocabulary);
  std::mt19937 random(static_cast<uint32_t>(input.size()));
  bool isOk = true;
  const std::string made = walk(constraint, *vocabulary, random, 20, isOk);
  if (isOk && rejectedAt(matcher, made))
    std::abort();
}

} // namespace cadenza::testing
