// The formats of strings that a grammar can have.
#pragma once

#include <string>
#include <string_view>

namespace cadenza::grammar {

/// A regular expression for the whole string; empty for a format that is not known. Dates are days that there are.
std::string formatPattern(std::string_view format);
/// Formats that say what a string is for, and restrict nothing: "password", "binary", ...
bool isFormatOfAnyText(std::string_view format);
/// The formats there are, for messages.
std::string formatNames();

} // namespace cadenza::grammar
