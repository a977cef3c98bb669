// Stop texts, found on the host in text that arrives in pieces: whatever could be the beginning of a stop text is held
// back until the next pieces decide.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

class StopTextFilter {
public:
  /// Empty stop texts are ignored.
  explicit StopTextFilter(std::vector<std::string> stopTexts);

  /// Takes the next piece and returns the text that is final. After a stop text appeared (found(); of several the one
  /// that is complete first), everything from its first character on is dropped, then and later.
  std::string push(std::string_view piece);
  /// The end: what was held back.
  std::string finish();
  bool found() const { return found_; }

private:
  std::vector<std::string> stopTexts_;
  std::string held_;
  bool found_ = false;
};

} // namespace cadenza
