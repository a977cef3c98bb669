#include "runtime/chat/thinking.h"

#include <algorithm>

namespace cadenza {
namespace {

constexpr std::string_view openMark = "<think>", closeMark = "</think>";

} // namespace

void ThinkingFilter::push(std::string_view text) {
  held_ += text;
  std::string_view left = held_;
  while (true) {
    const std::string_view mark = thinks_ ? closeMark : openMark;
    const size_t found = left.find(mark);
    if (found == std::string_view::npos) {
      size_t partial = std::min(left.size(), mark.size() - 1);
      while (!left.ends_with(mark.substr(0, partial)))
        --partial;
      write(left.substr(0, left.size() - partial));
      held_ = std::string(left.substr(left.size() - partial));
      return;
    }
    if (thinks_) {
      write(left.substr(0, found + mark.size()));
      left.remove_prefix(found + mark.size());
      thinks_ = false;
      continue;
    }
    write(left.substr(0, found));
    left.remove_prefix(found);
    thinks_ = true;
  }
}

void ThinkingFilter::finish() {
  write(held_);
  held_.clear();
}

bool endsInThought(std::string_view prompt) {
  while (!prompt.empty() && (prompt.back() == '\n' || prompt.back() == ' '))
    prompt.remove_suffix(1);
  return prompt.ends_with(openMark);
}

} // namespace cadenza
