#include "compiler/driver/statistics.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <set>
#include <string_view>

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

/// Kernels that nothing but prefills launch.
static int64_t kernelsOfTiles(const Program &program) {
  std::set<std::string_view> ofTiles, others;
  for (const Entry &entry : program.entries)
    for (const cadenza::Block &block : entry.blocks)
      for (const Phase &phase : block.phases) {
        (tileOf(entry) > 1 ? ofTiles : others).insert(phase.launch.kernel);
        if (phase.prepare)
          ofTiles.insert(phase.prepare->kernel);
      }
  return llvm::count_if(ofTiles, [&](std::string_view name) { return !name.empty() && !others.contains(name); });
}

void Statistics::countAfter(const Program &program) {
  layers = program.decoder ? program.decoder->layers : 0;
  tileKernels = kernelsOfTiles(program);
  kernels = static_cast<int64_t>(program.kernels.size()) - tileKernels;
  memory = memoryNeeds(program);
  int64_t layerLaunches = 0;
  for (uint32_t prefill : prefillEntries(program))
    launchesPerTile[tileOf(program.entries[prefill])] =
        static_cast<int64_t>(launchesPerRun(program, program.entries[prefill]));
  for (const Entry &entry : program.entries) {
    if (tileOf(entry) > 1)
      continue;
    for (const cadenza::Block &block : entry.blocks) {
      for (const Phase &phase : block.phases) {
        const int64_t launches = block.count * launchesOf(program, entry, phase);
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
  std::string tiles;
  if (tileKernels != 0)
    tiles += llvm::formatv("kernels of tiles   {0,6}\n", tileKernels);
  for (auto [tokens, launches] : launchesPerTile)
    tiles += llvm::formatv("launches a tile    {0,6} ({1} tokens)\n", launches, tokens);
  // Before code generation nobody knows which phases share a kernel.
  std::string kernelLine = kernels == 0 ? "" : llvm::formatv("kernels            {0,6}\n", kernels).str();
  return llvm::formatv("nn ops a token     {0,6}\n{1}step phases        {2,6}\nphases a layer     {3,6}\n{4}"
                       "launches a token   {5,6}\ncasts, views, copies{6,5}\ncache a position   {7,6} bytes\n"
                       "caches of windows  {8,6} bytes\n{9}",
                       total, kinds, phases, phasesPerLayer, kernelLine, launchesPerToken, copies,
                       memory.cachePerPosition, memory.cacheOfWindows, tiles);
}

nlohmann::ordered_json Statistics::toJson() const {
  nlohmann::ordered_json prefill = nlohmann::ordered_json::array();
  for (auto [tokens, launches] : launchesPerTile)
    prefill.push_back({{"tokens", tokens}, {"launches", launches}});
  return {{"nn_ops", nnOps},
          {"phases", phases},
          {"phases_per_layer", phasesPerLayer},
          {"kernels", kernels},
          {"launches_per_token", launchesPerToken},
          {"copies", copies},
          {"cache_per_position", memory.cachePerPosition},
          {"cache_of_windows", memory.cacheOfWindows},
          {"tile_kernels", tileKernels},
          {"prefill", prefill}};
}
