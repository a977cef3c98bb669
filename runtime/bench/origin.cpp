#include "runtime/bench/origin.h"

#include "runtime/cuda/driver_api.h"
#include "runtime/support/version.h"

#include <algorithm>
#include <ctime>
#include <fstream>

namespace cadenza::bench {
namespace {

std::string today() {
  std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", &utc);
  return text;
}

std::string textAt(const nlohmann::json &metadata, const char *pointer, const std::string &otherwise) {
  nlohmann::json::json_pointer where(pointer);
  bool there = metadata.contains(where) && metadata[where].is_string();
  return there ? metadata[where].get<std::string>() : otherwise;
}

} // namespace

Origin originOf(const Plan &plan) {
  const nlohmann::json &metadata = plan.metadata();
  return {textAt(metadata, "/compiler/commit", std::string(versionCommit())), textAt(metadata, "/source_sha256", ""),
          metadata.is_object() && metadata.contains("passes") ? metadata["passes"] : nlohmann::json(), today()};
}

std::string driverText(int apiVersion) {
  std::string cuda = "CUDA " + cuda::formatDriverVersion(apiVersion);
  std::ifstream file("/proc/driver/nvidia/version");
  for (std::string word; file >> word;) // "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.82.07  Thu ..."
    if (std::count(word.begin(), word.end(), '.') >= 1 && word.find_first_not_of("0123456789.") == std::string::npos)
      return word.append(" (").append(cuda).append(")");
  return cuda;
}

} // namespace cadenza::bench
