// The compiler from end to end, stage by stage: what cadenza-compile does after it read its arguments.
#pragma once

#include "compiler/driver/progress.h"
#include "compiler/import/hf/import_hugging_face.h"
#include "compiler/quantize/choose_encodings.h"
#include "passes/Passes.h"
#include "runtime/support/status.h"

#include <optional>
#include <string>
#include <vector>

namespace cadenza {

/// Where to stop. Every stage writes what it has.
enum class Stage {
  NNGeneric, // nn IR as it is imported: of an ONNX model in ops on tensors
  NN,        // nn IR
  Step,      // step IR after all passes
  Schedule,  // the launch schedule as text
  Cuda,      // generated source
  Ptx,       // PTX for the first target
  Cubin,     // machine code for the first target
  Plan,
};

/// Which schedules a plan has. All: those that fit the model and the targets.
enum class Schedules { All, Launch, Graph, Persistent };

struct CompileOptions {
  ImportOptions import;
  std::string output;  // file; "-" or empty is standard output for text stages. A plan needs a file.
  std::string targets; // "sm_90,compute_90", "all", "host", "cpu" (no code); empty: the GPU that is present
  Stage emit = Stage::Plan;
  PipelineOptions pipeline;
  QuantizeOptions quantize;
  std::string quantizeReport; // file
  Schedules schedules = Schedules::All;
  bool clusters = true; // where the GPU has them: groups of the persistent schedule are clusters
  /// Whether tiles of a prompt use the tensor unit of sm_90; unset: on a GPU, but not in the emulation, where that is
  /// slow.
  std::optional<bool> wgmma = {};
  bool traced = false;      // the persistent kernel records what its blocks do
  int multiprocessors = 0;  // that it uses; 0: several divisions, by target
  int subgroups = 0;        // into which it divides the query heads of a KV head; 0: it chooses
  int shareContextFrom = 0; // positions, from which on those with the same KV head share them; 0: it chooses
  std::vector<std::string> printIrAfter; // names of passes
  std::string crashReproducer;           // file
  std::string overrideSource; // folder as cadenza-inspect --extract wrote it; its .cu and .cuh files replace ours
  bool check = false;         // only list what is wrong or unsupported, to standard output
  bool stats = false;
  std::string statsJson; // file
  bool embedIr = false;  // put the step IR into the plan
  int threads = 0;       // 0: as many as there are cores
};

/// Compiles a model as `options` says. What a stage emits goes to the output file or to standard output, findings and
/// progress to `progress`.
Status compileModel(const CompileOptions &options, Progress &progress);

} // namespace cadenza
