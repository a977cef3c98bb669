#include "runtime/support/hub_cache.h"

#include "runtime/support/printable.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

namespace fs = std::filesystem;

namespace cadenza {
namespace {

std::string environment(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

/// A part of a name: letters, digits and "-_.", and no path of its own.
bool isPart(std::string_view part) {
  return !part.empty() && part.size() <= 96 && part[0] != '.' && part[0] != '-' &&
         std::ranges::all_of(part, [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '.'; });
}

/// "0123abcd..." of refs/main. Empty if there is none, or if it is no name of a folder.
std::string mainRevision(const fs::path &model) {
  std::ifstream file(model / "refs" / "main");
  std::string revision;
  file >> revision;
  return isPart(revision) ? revision : "";
}

std::string onlyRevision(const fs::path &model) {
  std::vector<std::string> revisions;
  std::error_code error;
  for (fs::directory_iterator entry(model / "snapshots", error), end; !error && entry != end; entry.increment(error))
    revisions.push_back(entry->path().filename().string());
  return revisions.size() == 1 ? revisions.front() : "";
}

} // namespace

bool isHubName(std::string_view name) {
  const size_t slash = name.find('/');
  if (slash == std::string_view::npos)
    return isPart(name);
  return isPart(name.substr(0, slash)) && isPart(name.substr(slash + 1));
}

std::string hubCacheFolder() {
  if (const std::string hub = environment("HF_HUB_CACHE"); !hub.empty())
    return hub;
  if (const std::string home = environment("HF_HOME"); !home.empty())
    return home + "/hub";
  const std::string cache = environment("XDG_CACHE_HOME");
  return (cache.empty() ? environment("HOME") + "/.cache" : cache) + "/huggingface/hub";
}

StatusOr<std::string> findInHubCache(const std::string &name) {
  std::string folder = "models--" + name;
  if (const size_t slash = folder.find('/'); slash != std::string::npos)
    folder.replace(slash, 1, "--");
  const fs::path model = fs::path(hubCacheFolder()) / folder;
  std::string revision = mainRevision(model);
  if (revision.empty())
    revision = onlyRevision(model);
  std::error_code error;
  const fs::path snapshot = model / "snapshots" / revision;
  if (!revision.empty() && fs::is_directory(snapshot, error))
    return snapshot.string();
  return Status(StatusCode::InvalidArgument, "'" + printable(name) +
                                                 "' is neither a file nor a directory, and not in " +
                                                 "the cache of the Hugging Face hub (" + printable(model.string()) +
                                                 (revision.empty() ? "" : ", revision " + revision) +
                                                 "); download it first: hf download " + printable(name));
}

} // namespace cadenza
