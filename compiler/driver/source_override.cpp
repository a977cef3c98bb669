#include "compiler/driver/source_override.h"

#include <filesystem>
#include <fstream>
#include <sstream>

using namespace cadenza;

StatusOr<size_t> cadenza::overrideSource(const std::string &folder, GeneratedSource &source) {
  size_t found = 0, changed = 0;
  for (SourceFile &file : source.files) {
    std::filesystem::path path = std::filesystem::path(folder) / file.path;
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error))
      continue;
    std::ifstream stream(path, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    if (!stream)
      return Status(StatusCode::Io, path.string() + ": cannot be read");
    ++found;
    changed += text.view() != file.text;
    file.text = text.str();
  }
  if (found == 0)
    return Status(StatusCode::InvalidArgument,
                  folder + ": has no model.cu or kernels/*.cuh; cadenza-inspect PLAN --extract DIR writes them");
  return changed;
}
