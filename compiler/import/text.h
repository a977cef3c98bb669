// Names and values from untrusted files, made fit for a message.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

/// The first `shown` bytes of `text`, control characters and what is not ASCII as \xNN: a hostile file can neither
/// garble a terminal nor flood it.
std::string escaped(std::string_view text, size_t shown);
/// A name for an error message: escaped, 80 characters at most, in single quotes.
std::string quotedName(std::string_view text);
/// "[1024, 2048]".
std::string shapeText(const std::vector<int64_t> &shape);

} // namespace cadenza
