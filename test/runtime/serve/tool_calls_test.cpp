// Calls of tools: which texts have some, what is left of the text, and how answers show them.
#include "runtime/serve/api_response.h"
#include "runtime/serve/tool_calls.h"

#include <gtest/gtest.h>

namespace cadenza::serve {
namespace {

using nlohmann::ordered_json;

/// Text and calls in the order in which they came: text|name{arguments}|
std::string filtered(std::string_view text, size_t pieceSize, const std::set<std::string> &names = {"f", "g"}) {
  std::string result;
  ToolCallFilter filter(
      names, [&](std::string_view part) { result += part; },
      [&](const ToolCall &call) { result += "|" + call.name + call.arguments + "|"; });
  for (size_t at = 0; at < text.size(); at += pieceSize)
    filter.push(text.substr(at, pieceSize));
  filter.finish();
  return result;
}

struct Case {
  std::string text, expected;
};

void expectInAnyPieces(const Case &one) {
  for (const size_t pieceSize : {1, 2, 3, 7, 1000})
    EXPECT_EQ(filtered(one.text, pieceSize), one.expected) << "pieces of " << pieceSize;
}

const std::string f = R"({"name": "f", "arguments": {"b": 1, "a": [2]}})", fCall = R"(|f{"b":1,"a":[2]}|)";

TEST(ToolCalls, BetweenMarks) {
  expectInAnyPieces({"<tool_call>\n" + f + "\n</tool_call>", fCall});
  expectInAnyPieces({"\n\nLet me see.\n\n<tool_call>\n" + f + "\n</tool_call>\n", "\n\nLet me see." + fCall});
  expectInAnyPieces(
      {"<tool_call>" + f + "</tool_call>\n<tool_call>" + R"({"name": "g"})" + "</tool_call>", fCall + "|g{}|"});
  expectInAnyPieces({"<tool_call>" + f + "</tool_call> and more ", fCall + " and more"});
  expectInAnyPieces({"<tool_call>" + f, fCall}); // some models end there
}

TEST(ToolCalls, AWholeAnswer) {
  expectInAnyPieces({R"({"name": "f", "parameters": {"b": 1, "a": [2]}})", fCall});
  expectInAnyPieces({" [" + f + R"(, {"name": "g", "arguments": {}}])" + "\n", fCall + "|g{}|"});
}

TEST(ToolCalls, TextStaysText) {
  for (const std::string text :
       {"", " ", "Hello, world \n", "a < b, <tool", "<tool_call", "a <tool_box> b", "</tool_call>",
        "x <tool_call>no JSON</tool_call> y", "<tool_call>{\"name\": \"f\", \"arg",
        "<tool_call>{\"name\": \"h\", \"arguments\": {}}</tool_call>", // there is no h
        "<tool_call>{\"name\": \"f\", \"arguments\": 5}</tool_call>", "<tool_call>[]</tool_call>", "[]", "{}",
        "{\"name\": 5}", "{\"name\": \"f\"} is a call", "[{\"name\": \"f\"}, 5]", "[1] says so",
        "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"\xff\"}}</tool_call>"})
    expectInAnyPieces({text, text});
}

TEST(ToolCalls, NestedTooDeeplyIsText) {
  const std::string deep = "<tool_call>" + std::string(100000, '[') + std::string(100000, ']') + "</tool_call>";
  EXPECT_EQ(filtered(deep, deep.size()), deep);
}

TEST(ToolCalls, TextIsNotHeldBackForLong) {
  std::string seen;
  ToolCallFilter filter({"f"}, [&](std::string_view part) { seen += part; }, [](const ToolCall &) {});
  filter.push("Let us <");
  EXPECT_EQ(seen, "Let us");
  filter.push("go");
  EXPECT_EQ(seen, "Let us <go");
}

TEST(ToolCalls, WithoutToolsTextPassesAsItComes) {
  const std::string text = "<tool_call>" + f + "</tool_call> ";
  EXPECT_EQ(filtered(text, 3, {}), text);
}

TEST(ToolCalls, Names) {
  EXPECT_EQ(toolNames(ordered_json::parse(R"([{"type": "function", "function": {"name": "f"}}, {"function": 5}, 7,
                                              {"function": {"name": 5}}, {"function": {"name": "g"}}])")),
            (std::set<std::string>{"f", "g"}));
  EXPECT_TRUE(toolNames(nullptr).empty());
  EXPECT_TRUE(toolNames("f").empty());
}

// The shapes of https://platform.openai.com/docs/api-reference/chat.
TEST(ToolCalls, InAnAnswer) {
  const AnswerFacts facts{.isChat = true, .id = "chatcmpl-0123456789abcdef", .model = "m"};
  AnswerPiece piece;
  piece.calls = {{"f", R"({"a":1})"}};
  const auto texts = [](int32_t) { return TokenText(); };
  Generation generation;
  generation.reason = FinishReason::StopToken;
  const ordered_json whole = ordered_json::parse(answerJson(facts, piece, generation, false, texts))["choices"][0];
  EXPECT_EQ(whole["message"].dump(), R"({"role":"assistant","content":null,"tool_calls":[{"id":"9abcdef00","type":)"
                                     R"("function","function":{"name":"f","arguments":"{\"a\":1}"}}]})");
  EXPECT_EQ(whole["finish_reason"], "tool_calls");

  piece.firstCall = 3;
  const std::string sent = pieceEvent(facts, piece, texts);
  const ordered_json delta = ordered_json::parse(sent.substr(6))["choices"][0]["delta"];
  EXPECT_EQ(delta.dump(), R"({"tool_calls":[{"index":3,"id":"9abcdef03","type":"function","function":)"
                          R"({"name":"f","arguments":"{\"a\":1}"}}]})");
  EXPECT_NE(lastEvents(facts, generation, true, false).find(R"("finish_reason":"tool_calls")"), std::string::npos);
  EXPECT_EQ(finishReason(FinishReason::Length, true), "length") << "an answer that was cut is not whole";
  EXPECT_EQ(finishReason(FinishReason::StopToken, false), "stop");
}

} // namespace
} // namespace cadenza::serve
