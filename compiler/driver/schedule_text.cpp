#include "compiler/driver/schedule_text.h"
#include "runtime/plan/describe.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace cadenza;

namespace {

std::string edgeList(const Program &program, const std::vector<uint32_t> &edges) {
  std::string text;
  for (uint32_t index : edges) {
    const Edge &edge = program.edges[index];
    text += llvm::formatv("{0}{1}[{2}{3}]@{4}", text.empty() ? "" : " ", dtypeName(edge.dtype),
                          edge.tokens == 1 ? "" : std::to_string(edge.tokens) + " x ", edge.elements, edge.offset);
  }
  return text.empty() ? "-" : text;
}

std::string sums(const Phase &phase) {
  if (phase.kind == PhaseKind::Project)
    return llvm::formatv("K in {0}{1}", describeSumOrder(phase), phase.interleaved ? ", interleaved" : "");
  if (phase.kind == PhaseKind::Attend)
    return llvm::formatv("context in {0}", phase.parameters["splits"].get<int64_t>());
  return "";
}

/// A line of a launch.
std::string launchLine(const Program &program, const std::string &name, const Launch &launch, const std::string &sums,
                       const std::string &edges) {
  const auto kernel = llvm::find_if(program.kernels, [&](const Kernel &k) { return k.name == launch.kernel; });
  return llvm::formatv("  {0,-32} {1,7} {2,8} {3,8} {4,12}  {5,-24} {6}\n", name,
                       launch.blocks == 0 ? kernel->blocks : launch.blocks, kernel->threads, kernel->sharedBytes,
                       kernel->weightBytes, sums, edges);
}

std::string describeEntry(const Program &program, const Entry &entry, bool decodes) {
  std::string text;
  if (!decodes)
    text += llvm::formatv("\nentry {0}\n", entry.name);
  int64_t launches = 0;
  for (const Block &block : entry.blocks) {
    text += llvm::formatv("\n{0}, {1} x\n", block.name, block.count);
    text += llvm::formatv("  {0,-32} {1,7} {2,8} {3,8} {4,12}  {5,-24} {6}\n", "phase", "blocks", "threads", "shared",
                          "weight bytes", "sums", "in -> out");
    for (const Phase &phase : block.phases) {
      if (phase.prepare)
        text += launchLine(program, phase.name + ", prepare", *phase.prepare, "", edgeList(program, phase.inputs));
      text += launchLine(program, phase.name, phase.launch, sums(phase),
                         edgeList(program, phase.inputs) + " -> " + edgeList(program, phase.outputs));
      launches += block.count * launchesOf(program, entry, phase);
    }
  }
  if (!decodes)
    return text + llvm::formatv("\n{0} launches a {1}\n", launches, tileOf(entry) > 1 ? "tile" : "run").str();
  return text + llvm::formatv("\n{0} launches a token; blocks from '{1}' on run only where a token is selected\n",
                              launches, entry.blocks[program.decoder->headBlock].name)
                    .str();
}

} // namespace

std::string cadenza::describeSchedule(const Program &program) {
  std::string text = llvm::formatv("launch schedule: {0} bytes of activations in the arena\n", program.arenaBytes);
  for (size_t e = 0; e < program.entries.size(); ++e)
    text += describeEntry(program, program.entries[e], program.decoder && program.decoder->entry == e);
  return text;
}
