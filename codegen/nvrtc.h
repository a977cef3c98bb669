// NVRTC, NVIDIA's compiler as a library: found and loaded at run time, so that everything but GPU code works without
// it.
#pragma once

#include "codegen/source.h"
#include "compiler/support/device_table.h"

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace cadenza {

class Nvrtc {
public:
  /// Loads the first NVRTC found, of version 12.8 or newer: $CADENZA_NVRTC (a library or a folder) and no other if that
  /// is set, else $CUDA_HOME, /usr/local/cuda, a pip wheel in the virtual environment ($VIRTUAL_ENV, or .venv here or
  /// in a folder above), then wherever the loader looks. None: NoCompiler, with the places that were tried.
  static StatusOr<Nvrtc> load();

  const std::string &path() const; // of the library
  std::string version() const;     // "13.0"

  /// Compiles `source` for each target (none of them the host), several at once. The bytes do not depend on where or
  /// when: line tables name the files "/cadenza/model.cu", "/cadenza/kernels/project.cuh" and so on, which a profiler
  /// finds once /cadenza stands for the folder that `cadenza-inspect --extract` wrote. The result is in the order of
  /// `targets`. An error names target and kernel and holds the compiler's log. `onDone(target)` is called as each is
  /// finished, never twice at once.
  StatusOr<std::vector<CompiledCode>> compile(const GeneratedSource &source,
                                              std::span<const DeviceTarget *const> targets, int threads = 0,
                                              const std::function<void(const DeviceTarget &)> &onDone = {}) const;

private:
  struct Library;
  explicit Nvrtc(std::shared_ptr<const Library> library) : library_(std::move(library)) {}
  StatusOr<CompiledCode> compileOne(const GeneratedSource &source, const DeviceTarget &target) const;
  std::shared_ptr<const Library> library_;
};

/// Registers and spills of each kernel from what `ptxas -v` printed.
std::vector<KernelResources> resourcesFromLog(std::string_view log);

} // namespace cadenza
