// Texts as Python has them: sequences of code points, stored as UTF-8, which all functions here take to be valid.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza::jinja {

/// The code points, each as the bytes of the text that it takes.
std::vector<std::string_view> characters(std::string_view text);
int64_t characterCount(std::string_view text);
/// The bytes that the first `count` characters take, or all if there are not so many.
size_t bytesOfCharacters(std::string_view text, int64_t count);
char32_t codePoint(std::string_view character);
void appendCodePoint(std::string &text, char32_t point);

/// str.isspace() of a code point.
bool isSpace(char32_t point);
/// Whether repr() writes it as it is.
bool isPrintable(char32_t point);
/// Whether it may stand in a name, or at its beginning.
bool isNameCharacter(char32_t point, bool isFirst);

/// text.find(part) and text.rfind(part), in time that grows with the sum of both lengths, not with their product.
size_t findText(std::string_view text, std::string_view part);
size_t findLastText(std::string_view text, std::string_view part);

/// str.strip(chars), lstrip and rstrip; without `chars`, white space.
std::string_view strip(std::string_view text, std::optional<std::string_view> chars, bool left, bool right);

std::string toUpper(std::string_view text);
std::string toLower(std::string_view text);
/// str.capitalize()
std::string toCapitalized(std::string_view text);
/// str.title()
std::string toTitle(std::string_view text);
/// str.isupper(), str.islower()
bool isUpper(std::string_view text);
bool isLower(std::string_view text);

/// str.split(separator, maximum), or rsplit; without separator, at runs of white space. `maximum` < 0: any number.
std::vector<std::string_view> split(std::string_view text, std::optional<std::string_view> separator, int64_t maximum,
                                    bool fromRight = false);
/// str.splitlines(keepEnds)
std::vector<std::string_view> splitLines(std::string_view text, bool keepEnds);

/// str.replace(old, with, maximum); `maximum` < 0: any number.
std::string replaced(std::string_view text, std::string_view old, std::string_view with, int64_t maximum);
/// str.count(part)
int64_t countOf(std::string_view text, std::string_view part);

/// markupsafe.escape
std::string escapedForHtml(std::string_view text);

} // namespace cadenza::jinja
