#include "codegen/nvrtc.h"
#include "runtime/support/workers.h"

#include <dlfcn.h>

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <mutex>

namespace fs = std::filesystem;

namespace cadenza {
namespace {

using NvrtcProgram = struct _nvrtcProgram *; // nvrtcProgram
constexpr int success = 0;
constexpr int invalidOption = 5; // NVRTC_ERROR_INVALID_OPTION

/// The files in `folder` that look like the library, the plain name first.
void addCandidates(const fs::path &folder, std::vector<std::string> &candidates) {
  std::error_code error;
  for (const char *name : {"libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12"})
    if (fs::exists(folder / name, error))
      candidates.push_back((folder / name).string());
}

/// pip wheels below a virtual environment: nvidia/cu13/lib (CUDA 13) and nvidia/cuda_nvrtc/lib (CUDA 12).
void addWheels(const fs::path &environment, std::vector<std::string> &candidates) {
  std::error_code error;
  for (const fs::directory_entry &python : fs::directory_iterator(environment / "lib", error))
    for (const char *package : {"nvidia/cu13/lib", "nvidia/cuda_nvrtc/lib"})
      addCandidates(python.path() / "site-packages" / package, candidates);
}

std::string environment(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

/// Libraries to try, best first; `places` lists every place in words, found or not.
std::vector<std::string> candidateLibraries(std::string &places) {
  std::vector<std::string> candidates;
  std::error_code error;
  const auto folder = [&](const std::string &what, const fs::path &path) {
    places += "\n  " + what + ": " + (path.empty() ? "not set" : path.string());
    if (!path.empty())
      for (const char *library : {"lib64", "lib", "targets/x86_64-linux/lib"})
        addCandidates(path / library, candidates);
  };
  const std::string own = environment("CADENZA_NVRTC");
  places += "\n  $CADENZA_NVRTC: " + (own.empty() ? "not set" : own);
  if (!own.empty()) {
    if (fs::is_directory(own, error))
      addCandidates(own, candidates);
    else
      candidates.push_back(own);
    return candidates; // who names one wants no other
  }
  folder("$CUDA_HOME", environment("CUDA_HOME"));
  folder("the usual place", "/usr/local/cuda");
  if (const std::string active = environment("VIRTUAL_ENV"); !active.empty()) {
    places += "\n  a pip wheel in $VIRTUAL_ENV: " + active;
    addWheels(active, candidates);
  }
  places += "\n  a pip wheel (nvidia-cuda-nvrtc) in .venv of this folder or one above";
  for (fs::path path = fs::current_path(error); !error && !path.empty(); path = path.parent_path()) {
    if (fs::is_directory(path / ".venv", error))
      addWheels(path / ".venv", candidates);
    error.clear();
    if (path == path.root_path())
      break;
  }
  places += "\n  libnvrtc.so.13, libnvrtc.so.12, libnvrtc.so wherever the loader looks";
  for (const char *name : {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"})
    candidates.push_back(name);
  return candidates;
}

constexpr std::string_view sourceRoot = "/cadenza/";

/// The text of `file` with every #include "name" turned into the absolute path below sourceRoot that it stands for: a
/// file beside the including one or, "folder/name", a path from the root. Lines stay where they are.
std::string withAbsoluteIncludes(const SourceFile &file) {
  constexpr std::string_view directive = "#include \"";
  const std::string folder = std::string(sourceRoot) + file.path.substr(0, file.path.rfind('/') + 1);
  std::string text;
  for (size_t begin = 0; begin < file.text.size();) {
    const size_t end = std::min(file.text.find('\n', begin), file.text.size() - 1) + 1;
    const std::string_view line = std::string_view(file.text).substr(begin, end - begin);
    const std::string_view name = line.starts_with(directive) ? line.substr(directive.size()) : "";
    if (!name.empty() && !name.starts_with('/'))
      text.append(directive).append(name.find('/') == name.npos ? folder : sourceRoot).append(name);
    else
      text += line;
    begin = end;
  }
  return text;
}

/// "model.cu(12)" or "line 12 of /cadenza/model.cu" in a log: the line, or 0.
size_t firstModelLine(std::string_view log) {
  const auto number = [&](size_t position) {
    size_t line = 0;
    std::from_chars(log.data() + position, log.data() + log.size(), line);
    return line;
  };
  if (const size_t found = log.find("model.cu("); found != std::string_view::npos)
    return number(found + 9);
  if (const size_t found = log.find(" of /cadenza/model.cu"); found != std::string_view::npos)
    if (const size_t line = log.rfind("line ", found); line != std::string_view::npos)
      return number(line + 5);
  return 0;
}

} // namespace

struct Nvrtc::Library {
  void *handle = nullptr;
  std::string path;
  int major = 0, minor = 0;
  int (*version)(int *, int *) = nullptr;
  const char *(*errorString)(int) = nullptr;
  int (*createProgram)(NvrtcProgram *, const char *, const char *, int, const char *const *,
                       const char *const *) = nullptr;
  int (*destroyProgram)(NvrtcProgram *) = nullptr;
  int (*compileProgram)(NvrtcProgram, int, const char *const *) = nullptr;
  int (*logSize)(NvrtcProgram, size_t *) = nullptr;
  int (*log)(NvrtcProgram, char *) = nullptr;
  int (*cubinSize)(NvrtcProgram, size_t *) = nullptr;
  int (*cubin)(NvrtcProgram, char *) = nullptr;
  int (*ptxSize)(NvrtcProgram, size_t *) = nullptr;
  int (*ptx)(NvrtcProgram, char *) = nullptr;

  ~Library() {
    if (handle)
      dlclose(handle);
  }

  /// Empty if it can be used, otherwise why not.
  std::string open(const std::string &file) {
    // NODELETE: what NVRTC keeps for the life of the process (the memory for its exceptions) would leak when unloaded.
    handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!handle)
      return dlerror();
    std::string missing;
    const auto resolve = [&](auto &function, const char *name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(handle, name));
      if (!function)
        missing += (missing.empty() ? "has no " : ", ") + std::string(name);
    };
    resolve(version, "nvrtcVersion");
    resolve(errorString, "nvrtcGetErrorString");
    resolve(createProgram, "nvrtcCreateProgram");
    resolve(destroyProgram, "nvrtcDestroyProgram");
    resolve(compileProgram, "nvrtcCompileProgram");
    resolve(logSize, "nvrtcGetProgramLogSize");
    resolve(log, "nvrtcGetProgramLog");
    resolve(cubinSize, "nvrtcGetCUBINSize");
    resolve(cubin, "nvrtcGetCUBIN");
    resolve(ptxSize, "nvrtcGetPTXSize");
    resolve(ptx, "nvrtcGetPTX");
    if (!missing.empty())
      return missing;
    if (version(&major, &minor) != success)
      return "does not tell its version";
    if (major < 12 || (major == 12 && minor < 8))
      return "is version " + std::to_string(major) + "." + std::to_string(minor) + ", but 12.8 is needed";
    Dl_info info;
    path = dladdr(reinterpret_cast<void *>(version), &info) && info.dli_fname ? info.dli_fname : file;
    return "";
  }
};

StatusOr<Nvrtc> Nvrtc::load() {
  std::string places, refused;
  for (const std::string &candidate : candidateLibraries(places)) {
    auto library = std::make_shared<Library>();
    const std::string why = library->open(candidate);
    if (why.empty())
      return Nvrtc(std::move(library));
    if (candidate.find('/') != std::string::npos) // a file that is there but of no use
      refused.append("\n  ").append(candidate).append(": ").append(why);
  }
  return Status(StatusCode::NoCompiler,
                "no NVRTC (CUDA 12.8 or newer), which compiles kernels; looked for it in" + places +
                    (refused.empty() ? "" : "\nfound, but cannot use" + refused) +
                    "\ninstall the CUDA toolkit or 'pip install nvidia-cuda-nvrtc' into .venv, or set CADENZA_NVRTC");
}

const std::string &Nvrtc::path() const { return library_->path; }
std::string Nvrtc::version() const { return std::to_string(library_->major) + "." + std::to_string(library_->minor); }

StatusOr<CompiledCode> Nvrtc::compileOne(const GeneratedSource &source, const DeviceTarget &target) const {
  const Library &nvrtc = *library_;
  // NVRTC writes the path of each file into the code's line table, and the current directory before a relative one. So
  // that the same input gives the same bytes wherever the compiler runs, all files lie under one made-up root.
  std::vector<std::string> paths, texts;
  for (const SourceFile &file : source.files) {
    paths.push_back(std::string(sourceRoot) + file.path);
    texts.push_back(withAbsoluteIncludes(file));
  }
  std::vector<const char *> headerNames, headers;
  for (size_t i = 1; i < source.files.size(); ++i) {
    headerNames.push_back(paths[i].c_str());
    headers.push_back(texts[i].c_str());
  }
  const std::string prefix = "target " + std::string(target.name) + ": ";
  NvrtcProgram program = nullptr;
  const SourceFile &model = source.model();
  if (int error = nvrtc.createProgram(&program, texts[0].c_str(), paths[0].c_str(), static_cast<int>(headers.size()),
                                      headers.data(), headerNames.data());
      error != success)
    return Status(StatusCode::NoCompiler, prefix + "NVRTC: " + nvrtc.errorString(error));
  struct Destroy {
    const Library &nvrtc;
    NvrtcProgram program;
    ~Destroy() { nvrtc.destroyProgram(&program); }
  } destroy{nvrtc, program};

  const bool wgmma = target.wgmma() && texts[0].find("kernels/project_tokens_wgmma.cuh") != std::string::npos;
  const std::string architecture = "--gpu-architecture=" + std::string(target.architecture) + (wgmma ? "a" : "");
  const std::string any = "-D" + std::string(targetMacro()), own = "-D" + targetMacro(target.name);
  std::vector<const char *> options = {architecture.c_str(), "--std=c++20", "--generate-line-info", any.c_str(),
                                       own.c_str()};
  if (target.kind == ImageKind::Cubin)
    options.push_back("--ptxas-options=-v");
  // Code from a cache comes without ptxas' report of registers. NVRTC before the option has no cache.
  options.push_back("--no-cache");
  int error = nvrtc.compileProgram(program, static_cast<int>(options.size()), options.data());
  if (error == invalidOption) {
    options.pop_back();
    error = nvrtc.compileProgram(program, static_cast<int>(options.size()), options.data());
  }
  size_t size = 0;
  std::string log;
  if (nvrtc.logSize(program, &size) == success && size > 1) {
    log.resize(size);
    nvrtc.log(program, log.data());
    log.resize(size - 1);
  }
  if (error != success) {
    const std::string_view kernel = kernelAtLine(model, firstModelLine(log));
    const std::string where = prefix + (kernel.empty() ? "" : "kernel '" + std::string(kernel) + "': ");
    return Status(StatusCode::NoCompiler, where + "NVRTC: " + nvrtc.errorString(error) + "\n" + log);
  }

  CompiledCode code{std::string(target.name), target.kind, {}, {}};
  const bool ptx = target.kind == ImageKind::Ptx;
  if ((ptx ? nvrtc.ptxSize : nvrtc.cubinSize)(program, &size) != success || size == 0)
    return Status(StatusCode::NoCompiler, prefix + "NVRTC made no code");
  code.image.resize(size);
  if ((ptx ? nvrtc.ptx : nvrtc.cubin)(program, reinterpret_cast<char *>(code.image.data())) != success)
    return Status(StatusCode::NoCompiler, prefix + "NVRTC gave no code");
  if (!ptx)
    code.resources = resourcesFromLog(log);
  return code;
}

StatusOr<std::vector<CompiledCode>> Nvrtc::compile(const GeneratedSource &source,
                                                   std::span<const DeviceTarget *const> targets, int threads,
                                                   const std::function<void(const DeviceTarget &)> &onDone) const {
  std::vector<CompiledCode> results(targets.size());
  std::vector<Status> failures(targets.size());
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  const auto work = [&] {
    for (size_t i; (i = next++) < targets.size();) {
      StatusOr<CompiledCode> code = compileOne(source, *targets[i]);
      if (code.isOk())
        results[i] = std::move(*code);
      else
        failures[i] = code.status();
      const std::lock_guard lock(mutex);
      if (onDone)
        onDone(*targets[i]);
    }
  };
  runWorkers(std::min(threadCount(threads), targets.size()), work);
  for (const Status &failure : failures)
    CADENZA_RETURN_IF_ERROR(failure);
  return results;
}

std::vector<KernelResources> resourcesFromLog(std::string_view log) {
  std::vector<KernelResources> all;
  const auto numberBefore = [](std::string_view line, std::string_view what) -> uint32_t {
    const size_t end = line.find(what);
    if (end == std::string_view::npos || end == 0)
      return 0;
    size_t begin = end;
    while (begin > 0 && line[begin - 1] >= '0' && line[begin - 1] <= '9')
      --begin;
    uint32_t value = 0;
    std::from_chars(line.data() + begin, line.data() + end, value);
    return value;
  };
  while (!log.empty()) {
    const size_t end = log.find('\n');
    const std::string_view line = log.substr(0, end);
    if (const size_t found = line.find("Compiling entry function '"); found != std::string_view::npos) {
      const std::string_view name = line.substr(found + 26);
      all.push_back({std::string(name.substr(0, name.find('\''))), 0, 0});
    } else if (!all.empty()) {
      if (line.find("bytes stack frame") != std::string_view::npos)
        all.back().localBytes = numberBefore(line, " bytes stack frame");
      if (line.find(" registers") != std::string_view::npos)
        all.back().registers = numberBefore(line, " registers");
    }
    log.remove_prefix(end == std::string_view::npos ? log.size() : end + 1);
  }
  return all;
}

} // namespace cadenza
