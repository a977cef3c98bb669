// Text from files, made fit for a terminal.
#pragma once

#include <string>
#include <string_view>

namespace cadenza {

/// `text`, valid UTF-8, with what could garble a terminal or show a line in another order than it is written in as
/// \uXXXX: control characters but newlines and tabs, DEL, C1 controls, marks of bidirectional text and separators of
/// lines and paragraphs. What was JSON stays JSON of the same value.
std::string printable(std::string_view text);

} // namespace cadenza
