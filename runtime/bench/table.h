// Tables of a report, as text or Markdown.
#pragma once

#include <string>
#include <vector>

namespace cadenza::bench {

enum class ReportStyle { Text, Markdown };

/// The first row is the header. The first `leftColumns` columns are left-aligned, the others right-aligned.
std::string formatTable(const std::vector<std::vector<std::string>> &rows, ReportStyle style, size_t leftColumns = 1);

/// `value` with so many digits after the point.
std::string fixed(double value, int digits);

} // namespace cadenza::bench
