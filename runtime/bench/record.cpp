#include "runtime/bench/report.h"
#include "runtime/support/output_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace cadenza::bench {
namespace {

/// Holds an exclusive lock on a folder while it lives, so that two processes that append lose no record.
class FolderLock {
public:
  explicit FolderLock(const std::filesystem::path &folder)
      : descriptor_(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (descriptor_ >= 0)
      while (flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {
      }
  }
  FolderLock(const FolderLock &) = delete;
  FolderLock &operator=(const FolderLock &) = delete;
  ~FolderLock() {
    if (descriptor_ >= 0)
      close(descriptor_);
  }

private:
  int descriptor_;
};

StatusOr<nlohmann::ordered_json> readArray(const std::string &path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    return nlohmann::ordered_json::array();
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file)
    return Status(StatusCode::Io, path + ": cannot be read: " + std::strerror(errno));
  auto json = nlohmann::ordered_json::parse(text.str(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_array())
    return Status(StatusCode::InvalidInput, path + ": not a JSON array of benchmark records; it is left as it is");
  return json;
}

} // namespace

Status appendRecords(const std::string &path, const nlohmann::ordered_json &records) {
  if (isStandardOutput(path)) // has no records yet
    return writeOutput(path, records.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  std::filesystem::path folder = std::filesystem::path(path).parent_path();
  FolderLock lock(folder.empty() ? "." : folder);
  CADENZA_ASSIGN_OR_RETURN(nlohmann::ordered_json all, readArray(path));
  for (const auto &record : records)
    all.push_back(record);
  return writeFileAtomically(path, all.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

} // namespace cadenza::bench
