#pragma once

#include "runtime/support/status.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

namespace cadenza {

/// The whole of a file; "-" is standard input.
inline StatusOr<std::string> readFile(const std::string &path) {
  std::unique_ptr<std::FILE, int (*)(std::FILE *)> file(path == "-" ? stdin : std::fopen(path.c_str(), "rb"),
                                                        std::fclose);
  std::string text;
  char buffer[1 << 14];
  for (size_t count = sizeof(buffer); file && count == sizeof(buffer);) {
    count = std::fread(buffer, 1, sizeof(buffer), file.get()); // less: the end, or an error
    text.append(buffer, count);
  }
  if (!file || std::ferror(file.get()))
    return Status(StatusCode::Io, path + ": " + std::strerror(errno));
  return text;
}

} // namespace cadenza
