// Generated source and what compilers make of it: the types between the emitter, the compilers and the plan. No MLIR.
#pragma once

#include "runtime/plan/plan.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

/// Everything that is needed to compile a model's kernels. files[0] is "model.cu"; the others are the device code that
/// it includes, "kernels/project.cuh", "shared/state.h" and so on, embedded in this library when it was built.
struct GeneratedSource {
  std::vector<SourceFile> files;
  std::vector<Kernel> kernels;

  const SourceFile &model() const { return files.front(); }
};

/// The device code of codegen/kernels and what it includes of runtime/shared, as they were when the library was built;
/// paths begin with "kernels/" or "shared/".
const std::vector<SourceFile> &deviceCode();

/// Code for one target. `section()` is valid as long as this object is where it is.
struct CompiledCode {
  std::string target;
  ImageKind kind = ImageKind::Cubin;
  std::vector<KernelResources> resources; // cubins only
  std::vector<std::byte> image;           // PTX ends with a zero byte

  CodeSection section() const { return {target, kind, resources, image}; }
};

/// What the source is compiled with for a target: both macros are defined. Kernels that are not for all targets look.
constexpr std::string_view targetMacro() { return "CADENZA_TARGET"; }
std::string targetMacro(std::string_view target); // "CADENZA_TARGET_sm_90"

/// The kernel whose part of model.cu (everything from its heading on) holds line `line`, or "".
std::string_view kernelAtLine(const SourceFile &model, size_t line);

} // namespace cadenza
