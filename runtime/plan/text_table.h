// Columns of text, as wide as their widest cell.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace cadenza {

class TextTable {
public:
  /// One letter a column: 'l' or 'r', its alignment.
  explicit TextTable(std::string alignment) : alignment_(std::move(alignment)), widths_(alignment_.size()) {}

  void row(std::vector<std::string> cells) {
    for (size_t i = 0; i < cells.size(); ++i)
      widths_[i] = std::max(widths_[i], cells[i].size());
    rows_.push_back(std::move(cells));
  }

  /// All rows, each after `indent`.
  std::string text(const std::string &indent) const {
    std::string result;
    for (const std::vector<std::string> &cells : rows_) {
      std::string line = indent;
      for (size_t i = 0; i < cells.size(); ++i) {
        const std::string padding(widths_[i] - cells[i].size(), ' ');
        line += (i ? "  " : "") + (alignment_[i] == 'r' ? padding + cells[i] : cells[i] + padding);
      }
      line.erase(line.find_last_not_of(' ') + 1);
      result += line + '\n';
    }
    return result;
  }

private:
  std::string alignment_;
  std::vector<size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
};

} // namespace cadenza
