#include "runtime/bench/table.h"

#include <algorithm>
#include <cstdio>

namespace cadenza::bench {

std::string formatTable(const std::vector<std::vector<std::string>> &rows, ReportStyle style, size_t leftColumns) {
  std::vector<size_t> widths(rows[0].size(), 3);
  for (const auto &row : rows)
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  bool markdown = style == ReportStyle::Markdown;
  std::string text;
  auto line = [&](const std::vector<std::string> &row) {
    text += markdown ? "|" : "";
    for (size_t i = 0; i < row.size(); ++i) {
      std::string padding(widths[i] - row[i].size(), ' ');
      text += (markdown ? " "
               : i      ? "  "
                        : "") +
              (i < leftColumns ? row[i] + padding : padding + row[i]) + (markdown ? " |" : "");
    }
    text += "\n";
  };
  line(rows[0]);
  text += markdown ? "|" : "";
  for (size_t i = 0; i < widths.size(); ++i)
    text += markdown
                ? (i < leftColumns ? " :" : " ") + std::string(widths[i] - 1, '-') + (i < leftColumns ? " |" : ": |")
                : (i ? "  " : "") + std::string(widths[i], '-');
  text += "\n";
  for (size_t i = 1; i < rows.size(); ++i)
    line(rows[i]);
  return text;
}

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

} // namespace cadenza::bench
