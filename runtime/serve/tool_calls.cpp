#include "runtime/serve/tool_calls.h"

#include "runtime/support/json.h"

#include <algorithm>

namespace cadenza::serve {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view openMark = "<tool_call>", closeMark = "</tool_call>", whiteSpace = " \t\r\n";

/// How many letters of `text` are left without the white space at its end.
size_t trimmedSize(std::string_view text) { return text.find_last_not_of(whiteSpace) + 1; }

/// How many letters at the end of `text` may become the mark.
size_t partialMark(std::string_view text) {
  size_t partial = std::min(text.size(), openMark.size() - 1);
  while (!text.ends_with(openMark.substr(0, partial)))
    --partial;
  return partial;
}

bool readCall(const ordered_json &json, const std::set<std::string> &names, std::vector<ToolCall> &calls) {
  if (!json.is_object() || !json.contains("name") || !json["name"].is_string() ||
      !names.contains(json["name"].get_ref<const std::string &>()))
    return false;
  ordered_json arguments = ordered_json::object(); // a tool without any may be called without
  for (const char *field : {"arguments", "parameters"})
    if (json.contains(field))
      arguments = json[field];
  if (!arguments.is_object())
    return false;
  calls.push_back({json["name"], arguments.dump()});
  return true;
}

/// Empty unless `text` is a call, or a list of nothing else.
std::vector<ToolCall> parseCalls(std::string_view text, const std::set<std::string> &names) {
  if (!parseJson(text).isOk())
    return {};
  const ordered_json json = ordered_json::parse(text); // keeps the order of arguments
  std::vector<ToolCall> calls;
  if (!json.is_array())
    return readCall(json, names, calls) ? calls : std::vector<ToolCall>();
  for (const ordered_json &item : json)
    if (!readCall(item, names, calls))
      return {};
  return calls;
}

} // namespace

std::set<std::string> toolNames(const ordered_json &tools) {
  std::set<std::string> names;
  if (!tools.is_array())
    return names;
  for (const ordered_json &tool : tools)
    if (tool.is_object() && tool.contains("function") && tool["function"].is_object() &&
        tool["function"].contains("name") && tool["function"]["name"].is_string())
      names.insert(tool["function"]["name"]);
  return names;
}

void ToolCallFilter::write(std::string_view text) {
  if (!text.empty())
    text_(text);
}

bool ToolCallFilter::writeCalls(std::string_view json) {
  std::vector<ToolCall> calls = parseCalls(json, names_);
  for (ToolCall &call : calls)
    call_(std::move(call));
  hasCalls_ |= !calls.empty();
  return !calls.empty();
}

/// What is held up to `end` stood between marks; the one at `end` has `markSize` letters.
void ToolCallFilter::settleCall(size_t end, size_t markSize) {
  if (!writeCalls(std::string_view(held_).substr(0, end)))
    write(blank_ + std::string(openMark) + held_.substr(0, end + markSize));
  blank_.clear();
  held_.erase(0, end + markSize);
  where_ = Where::Text;
}

/// Settles what it can; whether there may be more to settle.
bool ToolCallFilter::advance() {
  const std::string_view held = held_;
  if (where_ == Where::Start) {
    const size_t first = held.find_first_not_of(whiteSpace);
    if (first == std::string_view::npos)
      return false;
    where_ = held[first] == '{' || held[first] == '[' ? Where::WholeAnswer : Where::Text;
    return true;
  }
  if (where_ == Where::Text) {
    const size_t mark = held.find(openMark);
    const bool isMark = mark != std::string_view::npos;
    const size_t end = isMark ? mark : held.size() - partialMark(held);
    const size_t settled = trimmedSize(held.substr(0, end));
    write(held.substr(0, settled));
    if (isMark) {
      blank_ = held.substr(settled, end - settled);
      where_ = Where::Call;
    }
    held_.erase(0, isMark ? mark + openMark.size() : settled);
    return isMark;
  }
  const size_t end = where_ == Where::Call ? held.find(closeMark) : std::string_view::npos;
  if (end == std::string_view::npos)
    return false;
  settleCall(end, closeMark.size());
  return true;
}

void ToolCallFilter::push(std::string_view text) {
  if (names_.empty())
    return write(text);
  held_ += text;
  while (advance()) {
  }
}

void ToolCallFilter::finish() {
  if (where_ == Where::Call) // some models end without the mark
    settleCall(held_.size(), 0);
  if (where_ == Where::WholeAnswer && writeCalls(held_))
    held_.clear();
  write(std::string_view(held_).substr(0, hasCalls_ ? trimmedSize(held_) : held_.size()));
  held_.clear();
}

} // namespace cadenza::serve
