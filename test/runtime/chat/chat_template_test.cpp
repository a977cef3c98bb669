// Talks as JSON, the choice of a template, thoughts in a stream.
#include "runtime/chat/chat_template.h"
#include "runtime/chat/thinking.h"

#include <gtest/gtest.h>

namespace cadenza {
namespace {

using nlohmann::ordered_json;

TEST(Talk, ListOrObject) {
  const auto list = parseTalk(R"([{"role": "user", "content": "Hi"}])");
  ASSERT_TRUE(list.isOk()) << list.status().message();
  EXPECT_EQ(list->messages[0]["content"], "Hi");
  EXPECT_TRUE(list->tools.is_null());
  const auto object = parseTalk(
      R"({"messages": [{"role": "assistant", "content": null, "tool_calls": []}], "tools": [{"z": 1, "a": 2}]})");
  ASSERT_TRUE(object.isOk()) << object.status().message();
  EXPECT_EQ(object->tools.dump(), R"([{"z":1,"a":2}])"); // in the order of the file
  EXPECT_TRUE(parseTalk(R"({"messages": [], "tools": []})")->tools.is_null());
}

TEST(Talk, WrongOnesNameTheField) {
  const std::pair<const char *, const char *> cases[] = {
      {"[", "offset"},
      {"3", "messages: expected a list"},
      {"{}", "messages: is missing"},
      {R"({"messages": 1})", "messages: expected a list"},
      {R"({"messages": [], "tols": 1})", "tols: is unknown"},
      {R"({"messages": [], "tools": {}})", "tools: expected a list"},
      {R"({"messages": [], "tools": [1]})", "tools[0]: expected an object"},
      {R"([1])", "messages[0]: expected an object"},
      {R"([{"content": "x"}])", "messages[0].role"},
      {R"([{"role": "", "content": "x"}])", "messages[0].role"},
      {R"([{"role": "user"}])", "messages[0].content: is missing"},
      {R"([{"role": "user", "content": "a"}, {"role": "user", "content": 1}])", "messages[1].content"},
      {"[{\"role\": \"user\", \"content\": \"\xff\"}]", "offset"},
      {R"([{"role": "user", "role": "user", "content": ""}])", "twice"},
  };
  for (const auto &[json, message] : cases) {
    const Status status = parseTalk(json).status();
    EXPECT_EQ(status.code(), StatusCode::InvalidInput) << json;
    EXPECT_NE(status.message().find(message), std::string::npos) << json << ": " << status.message();
  }
  EXPECT_EQ(parseTalk(std::string(100000, '[')).status().code(), StatusCode::InvalidInput);
}

TEST(ChatTemplates, ChoosesByTools) {
  const auto templates = ChatTemplates::parse(
      R"({"templates": [{"name": "default", "text": "d{{ bos_token }}{{ add_generation_prompt }}{{ x }}{{ tools is none }}"},
                        {"name": "tool_use", "text": "t{{ tools | length }}"}], "special_tokens": {"bos_token": "<s>"}})");
  ASSERT_TRUE(templates.isOk()) << templates.status().message();
  EXPECT_EQ(templates->names(), (std::vector<std::string>{"default", "tool_use"}));
  EXPECT_EQ(templates->specialToken("bos_token"), "<s>");
  EXPECT_EQ(templates->specialToken("eos_token"), "");
  ChatRequest request;
  request.variables = {{"x", 7}};
  EXPECT_EQ(*templates->render(request), "d<s>True7True");
  request.tools = ordered_json::array({ordered_json::object()});
  EXPECT_EQ(*templates->render(request), "t1");
}

TEST(ChatTemplates, Errors) {
  EXPECT_TRUE(ChatTemplates::parse("")->empty());
  EXPECT_EQ(ChatTemplates().render({}).status().code(), StatusCode::InvalidArgument);
  const auto rag = ChatTemplates::parse(R"({"templates": [{"name": "rag", "text": ""}], "special_tokens": {}})");
  EXPECT_NE(rag->render({}).status().message().find("it has: rag"), std::string::npos);
  for (const char *json : {"[]", "{}", R"({"templates": 1, "special_tokens": {}})",
                           R"({"templates": [{"name": 1}], "special_tokens": {}})", R"({"templates": []})"})
    EXPECT_EQ(ChatTemplates::parse(json).status().code(), StatusCode::InvalidInput) << json;
  ChatTemplates broken;
  broken.replace("\n{% if");
  EXPECT_EQ(broken.render({}).status().message().rfind("chat template: line 2: ", 0), 0u)
      << broken.render({}).status().message();
}

/// The stream cut into pieces of `size` bytes, with thoughts in brackets.
std::string marked(std::string_view text, size_t size, bool thinks = false) {
  std::string result;
  bool inside = false;
  ThinkingFilter filter(
      [&](std::string_view piece, bool isThought) {
        result += isThought && !inside ? "[" : !isThought && inside ? "]" : "";
        inside = isThought;
        result += piece;
      },
      thinks);
  for (size_t at = 0; at < text.size(); at += size)
    filter.push(text.substr(at, size));
  filter.finish();
  return result;
}

TEST(Thinking, IsFoundHoweverTheTextArrives) {
  for (size_t size : {1u, 2u, 3u, 7u, 100u}) {
    EXPECT_EQ(marked("a<think>b</think>c", size), "a[<think>b</think>]c");
    EXPECT_EQ(marked("b</think>c<thin", size, true), "[b</think>]c<thin");
    EXPECT_EQ(marked("a<b<think>", size), "a<b[<think>");
    EXPECT_EQ(marked("", size), "");
  }
  EXPECT_TRUE(endsInThought("<|im_start|>assistant\n<think>\n"));
  EXPECT_FALSE(endsInThought("<think>\n\n</think>\n\n"));
}

} // namespace
} // namespace cadenza
