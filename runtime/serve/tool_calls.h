// Calls of tools in an answer: the JSON that the model writes, taken out of its text.
#pragma once

#include <nlohmann/json.hpp>

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza::serve {

struct ToolCall {
  std::string name;
  std::string arguments; // a JSON object, as text
};

/// The names in "tools" of a request; none for what is no list of functions.
std::set<std::string> toolNames(const nlohmann::ordered_json &tools);

/// Takes calls out of a text that arrives in pieces. A call is {"name": NAME, "arguments": {...}}, or "parameters", of
/// a tool that there is: between <tool_call> and </tool_call>, as Qwen and Hermes write it, or, as Llama and Mistral
/// do, the whole answer, which may also be a list of calls. An answer that begins with { or [ is therefore held back
/// until its end. What looks like a call and is none stays text. White space around calls between marks is dropped.
class ToolCallFilter {
public:
  using WriteText = std::function<void(std::string_view text)>;
  using WriteCall = std::function<void(ToolCall call)>;
  /// `names`: of the tools that there are; without any, text passes as it comes.
  ToolCallFilter(std::set<std::string> names, WriteText text, WriteCall call)
      : names_(std::move(names)), text_(std::move(text)), call_(std::move(call)) {}

  void push(std::string_view text);
  /// The end of the answer: settles what was held back.
  void finish();

private:
  enum class Where { Start, Text, Call, WholeAnswer };

  bool advance();
  void settleCall(size_t end, size_t markSize);
  bool writeCalls(std::string_view json);
  void write(std::string_view text);

  const std::set<std::string> names_;
  const WriteText text_;
  const WriteCall call_;
  Where where_ = Where::Start;
  std::string held_;  // not settled; after a mark, what stands behind it
  std::string blank_; // white space before that mark
  bool hasCalls_ = false;
};

} // namespace cadenza::serve
