// Problems of one kind, which are one line of what an importer says, however many they are.
#pragma once

#include <cstddef>
#include <string>

namespace cadenza {

/// The first one, and how many there are.
struct Problem {
  std::string first;
  size_t count = 0;

  void add(const std::string &text) {
    if (count++ == 0)
      first = text;
  }
  /// "; and 6 more".
  std::string others() const { return count > 1 ? "; and " + std::to_string(count - 1) + " more" : ""; }
};

} // namespace cadenza
