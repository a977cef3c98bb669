// Reads a JSON object a line: {"schema", "texts", "walks", "seed", "compact"}. Writes one a line: {"error"} with the
// name of its kind and the message, or which of the texts are accepted, and random texts of the schema.
#include "runtime/grammar/json_schema.h"
#include "test/runtime/grammar/walk.h"

#include <nlohmann/json.hpp>

#include <iostream>

using namespace cadenza;

namespace {

nlohmann::ordered_json check(const nlohmann::ordered_json &request) {
  const grammar::JsonOptions options = {request.value("compact", false) ? grammar::WhiteSpace::Compact
                                                                        : grammar::WhiteSpace::Flexible};
  const auto grammar = grammar::jsonSchema(request["schema"], options);
  if (!grammar.isOk())
    return {{"error", {statusCodeName(grammar.status().code()), grammar.status().message()}}};
  grammar::Matcher matcher(*grammar);
  auto accepted = nlohmann::ordered_json::array(), walks = accepted;
  for (const auto &text : request["texts"])
    accepted.push_back(!testing::rejectedAt(matcher, text.get<std::string>()));
  const auto vocabulary = testing::smallVocabulary();
  grammar::GrammarConstraint constraint(*grammar, vocabulary);
  std::mt19937 random(request.value("seed", 1u));
  for (int i = 0; i < request.value("walks", 0); ++i) {
    bool isOk = true;
    const std::string text = testing::walk(constraint, *vocabulary, random, 60, isOk);
    walks.push_back(isOk ? text : "failed: " + text);
  }
  return {{"accepted", accepted}, {"walks", walks}};
}

} // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);)
    std::cout
        << check(nlohmann::ordered_json::parse(line)).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace)
        << std::endl;
}
