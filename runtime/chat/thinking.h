// Where a model thinks in its answer: between <think> and </think>.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace cadenza {

/// Cuts a text that arrives in pieces at these marks, which belong to the thoughts.
class ThinkingFilter {
public:
  using Write = std::function<void(std::string_view text, bool isThought)>;
  /// `thinks`: the prompt ended with <think> already.
  ThinkingFilter(Write write, bool thinks) : write_(std::move(write)), thinks_(thinks) {}

  void push(std::string_view text);
  /// The end of the text: what could have become a mark is none.
  void finish();

private:
  void write(std::string_view text) {
    if (!text.empty())
      write_(text, thinks_);
  }

  Write write_;
  bool thinks_;
  std::string held_; // the beginning of a mark, maybe
};

/// Whether an answer to this prompt begins in the middle of thoughts.
bool endsInThought(std::string_view prompt);

} // namespace cadenza
