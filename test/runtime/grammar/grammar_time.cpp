// How long masks take: grammar_time [TOKENIZER.json]. Without one, the vocabulary is made up: 151,936 tokens of words,
// spaces, digits, punctuation, and characters of several bytes.
#include "runtime/grammar/json_schema.h"
#include "runtime/tokenizer/tokenizer.h"
#include "test/runtime/grammar/walk.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <set>

using namespace cadenza;

namespace {

using Clock = std::chrono::steady_clock;
using Tokens = std::vector<std::optional<std::string>>;

double microseconds(Clock::time_point from) {
  return std::chrono::duration<double, std::micro>(Clock::now() - from).count();
}

Tokens madeUp() {
  std::set<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte)
    tokens.insert(std::string(1, static_cast<char>(byte)));
  std::mt19937 random(1);
  const auto below = [&](uint32_t count) { return random() % count; };
  while (tokens.size() < 151936) {
    std::string token = below(2) ? " " : "";
    const uint32_t kind = below(10), length = 1 + below(8);
    for (uint32_t i = 0; i < length; ++i)
      if (kind < 6) // words; a Zipf of letters
        token += static_cast<char>('a' + std::min(below(26), below(26)));
      else if (kind < 7)
        token += "{}[]\":,.;=()<>/\\_-\n\t 0123456789"[below(32)];
      else if (kind < 9 && i < 4) { // three bytes each
        const uint32_t code = 0x4e00 + below(0x2000);
        token += {static_cast<char>(0xe0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 63)),
                  static_cast<char>(0x80 | (code & 63))};
      } else if (i < 6) {
        const uint32_t code = 0x400 + below(0x200);
        token += {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
      }
    tokens.insert(token);
  }
  return {tokens.begin(), tokens.end()};
}

void measure(const char *name, const StatusOr<grammar::Grammar> &grammar,
             const std::shared_ptr<const grammar::TokenTrie> &tokens) {
  if (!grammar.isOk()) {
    std::printf("%s: %s\n", name, grammar.status().message().c_str());
    return;
  }
  std::vector<double> fresh, again;
  std::mt19937 random(7);
  grammar::GrammarConstraint constraint(*grammar, tokens);
  std::set<const uint32_t *> seen; // masks stay where they are
  for (int round = 0; round < 20; ++round) {
    constraint.reset();
    for (int step = 0; step < 60; ++step) {
      auto start = Clock::now();
      const auto mask = constraint.allowed();
      const double first = microseconds(start);
      if (!mask.isOk())
        break;
      if (seen.insert(mask->data()).second)
        fresh.push_back(first);
      start = Clock::now();
      (void)constraint.allowed();
      again.push_back(microseconds(start));
      std::vector<int32_t> allowed;
      for (int32_t id = 0; id < static_cast<int32_t>(tokens->size()); ++id)
        if ((*mask)[static_cast<size_t>(id) / 32] >> id % 32 & 1)
          allowed.push_back(id);
      if (allowed.empty() || !constraint.accept(allowed[random() % allowed.size()]).isOk())
        break;
    }
  }
  const auto at = [](std::vector<double> &values, double share) {
    std::sort(values.begin(), values.end());
    return values[static_cast<size_t>(share * static_cast<double>(values.size() - 1))];
  };
  std::printf("%-28s %5zu states: median %8.1f us, 90 %% %8.1f us, most %8.1f us; known: %.2f us\n", name, fresh.size(),
              at(fresh, 0.5), at(fresh, 0.9), at(fresh, 1), at(again, 0.5));
}

} // namespace

int main(int argc, char **argv) {
  Tokens tokens;
  if (argc > 1) {
    std::ifstream file(argv[1], std::ios::binary);
    const auto tokenizer = Tokenizer::parse(std::string(std::istreambuf_iterator<char>(file), {}));
    if (!tokenizer.isOk())
      return std::puts(tokenizer.status().message().c_str()), 1;
    for (int32_t id = 0; id < tokenizer->idLimit(); ++id)
      tokens.push_back(tokenizer->bytes(id));
  } else {
    tokens = madeUp();
  }
  const auto start = Clock::now();
  const auto trie = std::make_shared<const grammar::TokenTrie>(std::move(tokens));
  std::printf("%zu tokens, %zu nodes, made in %.1f ms\n", trie->size(), trie->nodes().size(),
              microseconds(start) / 1e3);
  measure("object", grammar::jsonObject(), trie);
  measure("schema, strings",
          grammar::parseJsonSchema(R"({"properties":{"name":{"type":"string"},"tags":{"items":{"type":"string"}},
      "n":{"type":"integer"},"x":{"type":"number"}},"required":["name","tags","n","x"]})"),
          trie);
  measure("maxLength 100", grammar::parseJsonSchema(R"({"type":"string","maxLength":100})"), trie);
  measure("pattern", grammar::parseJsonSchema(R"({"type":"string","pattern":"^[A-Z][a-z]+( [A-Z][a-z]*){1,3}$"})"),
          trie);
  measure("pattern, anywhere", grammar::parseJsonSchema(R"({"type":"string","pattern":"[0-9]{3}-[0-9]{4}"})"), trie);
  measure("date-time", grammar::parseJsonSchema(R"({"type":"string","format":"date-time"})"), trie);
  std::string values;
  for (int i = 0; i < 10000; ++i)
    values += (i ? ",\"v" : "\"v") + std::to_string(i * 7919 % 100003) + '"';
  measure("10,000 values", grammar::parseJsonSchema("{\"enum\":[" + values + "]}"), trie);
}
