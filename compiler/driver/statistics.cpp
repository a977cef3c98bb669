#include "compiler/driver/statistics.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace cadenza;

/// Whether a module is a layer's, or in one: "model.layers.*.mlp", "transformer.h.3".
static bool isOfLayer(llvm::StringRef module) {
  llvm::SmallVector<llvm::StringRef> parts;
  module.split(parts, '.');
  return llvm::any_of(
      parts, [](llvm::StringRef part) { return part == "*" || (!part.empty() && llvm::all_of(part, llvm::isDigit)); });
}

void Statistics::countBefore(ModuleOp module) {
  for (func::FuncOp function : nn::entriesOf(module))
    for (Operation &op : function.getBody().front().without_terminator())
      ++nnOps[op.getName().stripDialect().str()];
}

void Statistics::countAfter(const Program &program) {
  layers = program.decoder ? program.decoder->layers : 0;
  kernels = static_cast<int64_t>(program.kernels.size());
  memory = memoryNeeds(program);
  int64_t layerLaunches = 0;
  for (const Entry &entry : program.entries) {
    for (const cadenza::Block &block : entry.blocks) {
      for (const Phase &phase : block.phases) {
        const int64_t launches = block.count * phaseTokens(program, phase);
        ++phases;
        launchesPerToken += launches;
        if (phase.kind == PhaseKind::Map && phase.epilogues.empty())
          copies += launches;
        if (isOfLayer(phase.outputNames[0]))
          layerLaunches += launches;
      }
    }
  }
  if (layers != 0)
    phasesPerLayer = layerLaunches / layers;
}

std::string Statistics::toText() const {
  int64_t total = 0;
  std::string kinds;
  for (auto &[name, count] : nnOps) {
    total += count;
    kinds += llvm::formatv("  {0,-12} {1,6}\n", name, count);
  }
  // Before code generation nobody knows which phases share a kernel.
  std::string kernelLine = kernels == 0 ? "" : llvm::formatv("kernels            {0,6}\n", kernels).str();
  return llvm::formatv("nn ops a token     {0,6}\n{1}step phases        {2,6}\nphases a layer     {3,6}\n{4}"
                       "launches a token   {5,6}\ncasts, views, copies{6,5}\ncache a position   {7,6} bytes\n"
                       "caches of windows  {8,6} bytes\n",
                       total, kinds, phases, phasesPerLayer, kernelLine, launchesPerToken, copies,
                       memory.cachePerPosition, memory.cacheOfWindows);
}

nlohmann::ordered_json Statistics::toJson() const {
  return {{"nn_ops", nnOps},
          {"phases", phases},
          {"phases_per_layer", phasesPerLayer},
          {"kernels", kernels},
          {"launches_per_token", launchesPerToken},
          {"copies", copies},
          {"cache_per_position", memory.cachePerPosition},
          {"cache_of_windows", memory.cacheOfWindows}};
}
