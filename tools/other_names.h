// Options as other tools call them.
#pragma once

#include "tools/tool.h"

#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace cadenza {

/// What another tool calls an option, and what to type here.
using OtherName = std::pair<std::string_view, std::string_view>;

/// runTool, which after a mistake in the command line names what is meant by options of other tools.
inline int runTool(std::span<const OtherName> others, const char *name, const char *description, int argc, char **argv,
                   const std::function<void(CLI::App &)> &declare, const std::function<Status()> &work) noexcept {
  bool isRead = false; // the command line, without a mistake
  const int code = runTool(name, description, argc, argv, declare, [&] {
    isRead = true;
    return work();
  });
  for (int i = 1; i < argc && !isRead && code != 0; ++i) {
    const std::string_view given = argv[i], argument = given.substr(0, given.find('='));
    for (const auto &[other, here] : others)
      if (other == argument)
        std::fprintf(stderr, "%s: %.*s of other tools is here: %.*s\n", name, static_cast<int>(other.size()),
                     other.data(), static_cast<int>(here.size()), here.data());
  }
  return code;
}

} // namespace cadenza
