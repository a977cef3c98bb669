// Schemas and patterns, damaged at random: the fuzz target on inputs of its own, without libFuzzer.
#include "test/runtime/grammar/fuzz_target.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace cadenza::testing {
namespace {

TEST(GrammarFuzz, DamagedSchemas) {
  const std::vector<std::string> corpus = {
      R"({"type":"object","properties":{"a":{"type":"integer","minimum":-5,"maximum":120},"b":{"$ref":"#/$defs/x"}},)"
      R"("required":["a"],"additionalProperties":{"type":"string","maxLength":4},"$defs":{"x":{"anyOf":[{"type":"null"},)"
      R"({"type":"array","items":{"$ref":"#/$defs/x"},"minItems":1,"maxItems":3}]}}})",
      R"({"allOf":[{"type":["string","null"],"minLength":2},{"pattern":"^[a-z]+(x|y{2,3})?$"}]})",
      R"({"enum":["a","ab",1,2.5,null,{"k":[1,true]}],"description":"x"})",
      R"({"type":"string","format":"date-time"})",
      R"({"type":"array","prefixItems":[{"const":1},true],"items":false})",
      R"(/^(?:a|b[^\d\n]{2,}|\u00e9+)*(c?d)+?$)",
      R"(/[\w.-]+@\S+|\x41\cJ.)",
  };
  std::mt19937 random(1);
  const auto below = [&](size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random); };
  for (int round = 0; round < 600; ++round) {
    std::string text = corpus[below(corpus.size())];
    for (size_t edits = 1 + below(3); edits > 0; --edits) {
      const size_t at = below(text.size()), length = 1 + below(12);
      const std::string &other = corpus[below(corpus.size())];
      switch (below(4)) {
      case 0:
        text[at] = static_cast<char>(below(128));
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, other.substr(below(other.size()), length));
        break;
      default:
        text.insert(at, text.substr(below(text.size()), length));
      }
      if (text.empty())
        text = "{";
    }
    fuzzGrammar(text);
  }
}

} // namespace
} // namespace cadenza::testing
