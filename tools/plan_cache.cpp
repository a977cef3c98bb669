#include "tools/plan_cache.h"

#include "runtime/cuda/driver_api.h"
#include "runtime/plan/describe.h"
#include "runtime/support/child_process.h"
#include "runtime/support/compiler_program.h"
#include "runtime/support/fnv1a.h"
#include "runtime/support/hub_cache.h"
#include "runtime/support/printable.h"
#include "runtime/support/version.h"
#include "tools/tool.h"

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace cadenza {
namespace {

constexpr uintmax_t hashedBytes = 1 << 20; // of a file; larger ones are weights, and go by size and time
constexpr size_t mostFiles = 10000;        // of a model's directory

/// Of fields that a zero ends.
class Key {
public:
  void add(std::string_view field) { hash_ = fnv1a(std::string_view("\0", 1), fnv1a(field, hash_)); }
  std::string text() const {
    char digits[17];
    std::snprintf(digits, sizeof(digits), "%016" PRIx64, hash_);
    return digits;
  }

private:
  uint64_t hash_ = fnv1a("");
};

StatusOr<fs::path> cacheFolder() {
  const auto variable = [](const char *name) {
    const char *value = std::getenv(name);
    return fs::path(value ? value : "");
  };
  if (const fs::path cache = variable("XDG_CACHE_HOME"); cache.is_absolute()) // others are to be ignored, says XDG
    return cache / "cadenza";
  if (const fs::path home = variable("HOME"); home.is_absolute())
    return home / ".cache" / "cadenza";
  return Status(StatusCode::Io, "there is no folder to keep plans in: neither $XDG_CACHE_HOME nor $HOME is set");
}

/// What the plan is to run on: the GPU that cadenza-compile compiles for, or "cpu" where there is none.
std::string targetDevice(const std::string &device) {
  using namespace cuda;
  StatusOr<const DriverApi *> api = DriverApi::load();
  CUdevice gpu = 0;
  if (device == "cpu" || !api.isOk() || (*api)->cuDeviceGet(&gpu, 0) != CUDA_SUCCESS)
    return "cpu";
  char name[256] = {};
  int major = 0, minor = 0, multiprocessors = 0;
  (*api)->cuDeviceGetName(name, sizeof(name), gpu);
  (*api)->cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, gpu);
  (*api)->cuDeviceGetAttribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, gpu);
  (*api)->cuDeviceGetAttribute(&multiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, gpu);
  return std::string(name) + " (sm_" + std::to_string(10 * major + minor) + ", " + std::to_string(multiprocessors) +
         " multiprocessors)";
}

Status addFile(const fs::path &path, const std::string &name, Key &key) {
  struct stat facts = {};
  if (stat(path.c_str(), &facts) != 0) // a link that leads nowhere: its name is a fact, too
    facts = {};
  key.add(name);
  key.add(std::to_string(facts.st_size));
  if (static_cast<uintmax_t>(facts.st_size) > hashedBytes || !S_ISREG(facts.st_mode)) {
    key.add(std::to_string(facts.st_mtim.tv_sec) + "." + std::to_string(facts.st_mtim.tv_nsec));
    return Status::ok();
  }
  std::ifstream file(path, std::ios::binary);
  std::string bytes(facts.st_size, '\0');
  if (!file.read(bytes.data(), std::ssize(bytes)))
    return {StatusCode::Io, printable(path.string()) + ": cannot be read"};
  key.add(bytes);
  return Status::ok();
}

/// All files of a folder and of its folders, but plans and what is hidden.
Status addFolder(const fs::path &folder, Key &key) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const bool isFolder = entry->is_directory(error);
    if (isFolder && (name.starts_with(".") || entry.depth() >= 1))
      entry.disable_recursion_pending();
    else if (!isFolder && !name.starts_with(".") && !name.ends_with(".plan"))
      files.push_back(entry->path());
    if (files.size() > mostFiles)
      return {StatusCode::InvalidArgument, printable(folder.string()) + ": more than " + std::to_string(mostFiles) +
                                               " files: this is no model's directory"};
  }
  if (error)
    return {StatusCode::Io, printable(folder.string()) + ": " + error.message()};
  std::ranges::sort(files);
  for (const fs::path &file : files)
    CADENZA_RETURN_IF_ERROR(addFile(file, file.lexically_relative(folder).string(), key));
  return Status::ok();
}

/// What a plan is found again by.
StatusOr<std::string> keyOf(const fs::path &model, const fs::path &compiler, const std::string &device,
                            const std::vector<std::string> &options) {
  Key key;
  key.add(versionText());
  CADENZA_RETURN_IF_ERROR(addFile(compiler, "cadenza-compile", key));
  key.add(device);
  for (const std::string &option : options)
    key.add(option);
  key.add(model.string());
  // An .onnx file names others in its folder, and a .gguf file may be one of several.
  const bool isFolder = fs::is_directory(model);
  CADENZA_RETURN_IF_ERROR(addFolder(isFolder ? model : model.parent_path(), key));
  return key.text();
}

/// Held while a plan is made. The file is removed at the end; whoever waited for it takes a new one.
class Lock {
public:
  static StatusOr<Lock> take(const char *tool, const fs::path &path) {
    for (bool isFirst = true;; isFirst = false) {
      const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
      if (file < 0)
        return Status(StatusCode::Io, path.string() + ": " + std::strerror(errno));
      if (flock(file, LOCK_EX | LOCK_NB) != 0) {
        if (isFirst)
          std::fprintf(stderr, "%s: another program compiles this model: waiting for it\n", tool);
        while (flock(file, LOCK_EX) != 0 && errno == EINTR)
          ;
      }
      struct stat held = {}, named = {};
      if (fstat(file, &held) == 0 && stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino)
        return Lock(file, path);
      close(file);
    }
  }
  Lock(Lock &&other) noexcept : file_(std::exchange(other.file_, -1)), path_(std::move(other.path_)) {}
  Lock &operator=(Lock &&other) = delete;
  ~Lock() {
    if (file_ < 0)
      return;
    unlink(path_.c_str());
    close(file_);
  }

private:
  Lock(int file, fs::path path) : file_(file), path_(std::move(path)) {}
  int file_;
  fs::path path_;
};

Status compileTo(const fs::path &plan, const fs::path &compiler, const fs::path &model, const std::string &device,
                 const std::vector<std::string> &options) {
  std::vector<std::string> command = {compiler.string(), model.string(), "-o", plan.string()};
  if (device == "cpu")
    command.emplace_back("--target=cpu");
  if (!isatty(STDERR_FILENO))
    command.emplace_back("-q");
  command.insert(command.end(), options.begin(), options.end());
  DeferSignals signals;
  const int code = runProgram(command, ".", "", signals);
  if (code == 0)
    return Status::ok();
  if (code < 0)
    return {StatusCode::NoCompiler, compiler.string() + ": " + std::strerror(-code)};
  const StatusCode kind = compilerError(code);
  return {kind, printable(model.string()) + ": cadenza-compile made no plan of this model (exit code " +
                    std::to_string(code) + ")" + (kind == StatusCode::Internal ? "" : ", for the reason above")};
}

bool endsAsModel(const std::string &name) {
  return name.ends_with(".gguf") || name.ends_with(".onnx") || name.ends_with(".mlir");
}

/// The path of the model that is meant, or nothing if it is no model.
StatusOr<fs::path> modelOf(const std::string &named) {
  std::error_code error;
  if (fs::exists(named, error))
    return fs::is_directory(named, error) || endsAsModel(named) ? fs::canonical(named, error) : fs::path();
  const fs::path owner = fs::path(named).parent_path();
  if (!isHubName(named) || named.ends_with(".plan") || (!owner.empty() && fs::exists(owner, error)))
    return fs::path();
  StatusOr<std::string> snapshot = findInHubCache(named);
  if (snapshot.isOk())
    return fs::path(*snapshot);
  return snapshot.status();
}

/// "Qwen3-0.6B" of "Qwen/Qwen3-0.6B", "dir/Qwen3-0.6B/" and "Qwen3-0.6B.gguf".
std::string shownName(const std::string &named, const fs::path &model) {
  const fs::path last = fs::path(named).filename();
  return (isHubName(named) && !last.empty() ? last : model.filename()).string();
}

} // namespace

void declareCompile(CLI::App &app, CompileArguments &compile) {
  auto *group = app.add_option_group("Models", "a model in place of a plan (docs/plan-cache.md)");
  addRepeatable(*group, "--compile-option", compile.options,
                "an option of cadenza-compile for it, such as --compile-option=--quantize=int4; may be repeated");
  group
      ->add_option("--cache", compile.cache,
                   "list or clear the plans that were made of models, and do nothing else; they are in "
                   "$XDG_CACHE_HOME/cadenza or ~/.cache/cadenza")
      ->check(CLI::IsMember({"list", "clear"}));
}

StatusOr<std::string> planOf(const char *tool, const std::string &named, const std::string &device,
                             const CompileArguments &compile) {
  CADENZA_ASSIGN_OR_RETURN(const fs::path model, modelOf(named));
  if (model.empty()) {
    if (!compile.options.empty())
      return Status(StatusCode::InvalidArgument,
                    "--compile-option is for a model, and " + printable(named) + " is none");
    return named;
  }
  const StatusOr<fs::path> found = findCompiler();
  if (!found.isOk())
    return Status(found.status().code(), found.status().message() + "; or give a .plan file");
  const fs::path &compiler = *found;
  CADENZA_ASSIGN_OR_RETURN(const fs::path folder, cacheFolder());
  const std::string target = targetDevice(device);
  CADENZA_ASSIGN_OR_RETURN(const std::string key, keyOf(model, compiler, target, compile.options));
  const fs::path plan = folder / (shownName(named, model) + "-" + key + ".plan");
  std::error_code error;
  if (fs::exists(plan, error)) {
    fs::last_write_time(plan, fs::file_time_type::clock::now(), error); // of its last use
    return plan.string();
  }
  fs::create_directories(folder, error);
  if (error)
    return Status(StatusCode::Io, "the plan of a model is kept in " + folder.string() + ", which cannot be made: " +
                                      error.message() + "; set $XDG_CACHE_HOME to a folder that can");
  CADENZA_ASSIGN_OR_RETURN(const Lock lock, Lock::take(tool, fs::path(plan.string() + ".lock")));
  if (fs::exists(plan, error)) // made by another one meanwhile
    return plan.string();
  std::fprintf(stderr, "%s: compiling %s for %s, once\n", tool, printable(named).c_str(),
               target == "cpu" ? "the CPU" : printable(target).c_str());
  const auto start = std::chrono::steady_clock::now();
  CADENZA_RETURN_IF_ERROR(compileTo(plan, compiler, model, target, compile.options));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::fprintf(stderr, "%s: compiled in %.1f s to %s (%s)\n", tool, seconds.count(), printable(plan.string()).c_str(),
               formatBytes(fs::file_size(plan, error)).c_str());
  return plan.string();
}

Status runCacheAction(const std::string &action) {
  CADENZA_ASSIGN_OR_RETURN(const fs::path folder, cacheFolder());
  std::vector<fs::path> plans;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".plan")
      plans.push_back(entry->path());
  std::ranges::sort(plans);
  uintmax_t total = 0;
  for (const fs::path &plan : plans) {
    struct stat facts = {};
    if (stat(plan.c_str(), &facts) != 0)
      continue; // removed meanwhile
    total += facts.st_size;
    char day[16] = {};
    std::tm when = {};
    if (localtime_r(&facts.st_mtim.tv_sec, &when))
      std::strftime(day, sizeof(day), "%Y-%m-%d", &when);
    if (action == "clear" && !fs::remove(plan, error) && error)
      return {StatusCode::Io, plan.string() + ": " + error.message()};
    std::printf("%12s  %s  %s\n", formatBytes(facts.st_size).c_str(), day, printable(plan.filename().string()).c_str());
  }
  std::printf("%12s  in %zu plan%s%s %s\n", formatBytes(total).c_str(), plans.size(), plans.size() == 1 ? "" : "s",
              action == "clear" ? " removed from" : " in", printable(folder.string()).c_str());
  return Status::ok();
}

} // namespace cadenza
