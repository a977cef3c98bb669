#include "compiler/schedule/describe.h"

#include "compiler/schedule/work.h"

#include "llvm/Support/FormatVariadic.h"

#include <algorithm>

using namespace mlir;

namespace cadenza {
namespace {

std::string cell(const BlockWork &work) {
  if (work.tiles * work.steps == 0)
    return "-";
  return llvm::formatv("{0}+{1} x {2}+{3}", work.firstTile, work.tiles, work.firstStep, work.steps);
}

/// "layer_gate_up" is "gate_up" in a heading.
StringRef heading(sched::ComputeOp compute) {
  StringRef name = compute.getPhase();
  name.consume_front("layer_");
  return name;
}

std::string pad(const std::string &text, size_t width) {
  return text + std::string(text.size() < width ? width - text.size() : 0, ' ') + " ";
}

size_t widthOf(sched::ComputeOp compute) { return compute.getSplit() == sched::Split::context ? 7 : 18; }

std::string pacing(sched::GridOp grid) {
  std::string text;
  grid.walk([&](sched::StreamOp stream) {
    text += llvm::formatv("  {0,-32} {1}", stream.getPhase(), stream.getInFlight() / 1024);
    if (stream.getOthers())
      text += llvm::formatv(", {0} in groups that do not attend", *stream.getOthers() / 1024);
    if (stream.getLongContext())
      text += llvm::formatv(", {0} of a long context", *stream.getLongContext() / 1024);
    text += "\n";
  });
  return text;
}

/// Norms of all heads together, each with an exchange of its own; `exchanges` counts them. Those of one part are
/// made at the same time.
std::string headNorms(sched::GridOp grid, int64_t &exchanges) {
  std::string text;
  grid.walk([&](sched::FinishOp finish) {
    if (finish.getNorms().empty())
      return;
    ++exchanges;
    text += llvm::formatv("before attention, groups exchange sums of squares of all {0}, {1} elements each\n",
                          finish.getNorms().size() == 2 ? "queries and of all keys"
                          : finish.getNorms()[0] == 0   ? "queries"
                                                        : "keys",
                          *finish.getChunk());
  });
  return text;
}

/// Who shares a context, with two exchanges more in such a layer.
std::string sharedContexts(sched::GridOp grid) {
  sched::ComputeOp compute = grid.getSharingCompute();
  return !compute ? ""
                  : llvm::formatv("in a layer that attends to {0} positions or more, {1} groups share those of a KV "
                                  "head, with two exchanges more\n",
                                  *compute.getFrom(), *compute.getSharing())
                        .str();
}

/// How the matrices of a grid's phases are stored, by the names of the phases.
llvm::StringMap<EncodingFormat> formatsOf(sched::GridOp grid) {
  llvm::StringMap<EncodingFormat> formats;
  grid->getParentOfType<ModuleOp>().walk([&](step::ProjectOp project) {
    SymbolTableCollection symbols;
    formats[sched::phaseName(project)] =
        step::SymbolLookup(project, symbols).encoding(project.getMatrixSymbols()[0]).getFormat();
  });
  return formats;
}

} // namespace

std::string describe(sched::GridOp grid) {
  const auto groups = static_cast<int64_t>(grid.getGroups()), ranks = static_cast<int64_t>(grid.getRanks()),
             layers = static_cast<int64_t>(grid.getLayers().getCount());
  SmallVector<sched::ComputeOp> inLayer;
  grid.getLayers().walk([&](sched::ComputeOp compute) { inLayer.push_back(compute); });
  sched::ComputeOp head = *grid.getBody().getOps<sched::ComputeOp>().begin();
  const auto parts = std::distance(grid.getLayers().getBody().op_begin<sched::PartOp>(),
                                   grid.getLayers().getBody().op_end<sched::PartOp>());
  int64_t exchanges = parts;
  const std::string norms = headNorms(grid, exchanges);
  std::string text = llvm::formatv(
      "persistent schedule{13}: {0} groups of {1} blocks, {2} consumer warps and a producer a block\n"
      "KiB in flight, {3} ahead of a layer ({4} in groups that do not attend), in stages of {5} KiB:\n{6}"
      "{7}\npackets: {8} bytes, {9} exchanges a layer, {10} sets of slots in turn\n"
      "{12}within a group, values go through {11}\n",
      groups, ranks, grid.getWarps(), grid.getAhead()[0] / 1024, grid.getAhead()[1] / 1024, grid.getStage() / 1024,
      pacing(grid),
      grid.getMemoryBound() ? "the memory bounds a layer" : "the chain of exchanges and products bounds a layer",
      grid.getPackets(), exchanges, 2 * parts,
      grid.getClusters() ? "the shared memory of its cluster" : "packets, too: no clusters",
      norms + sharedContexts(grid), grid.getContinues() ? " of long contexts" : "");
  text += "\nwork of a block: first tile+tiles (16 rows) x first step+steps (32 columns), in the order of the ring; "
          "rows that\n"
          "query groups or units divide count from the group's first\n";
  const llvm::StringMap<EncodingFormat> formats = formatsOf(grid);
  std::string titles = "group rank  ";
  for (sched::ComputeOp compute : inLayer)
    titles += pad(heading(compute).str(), widthOf(compute));
  text += titles + llvm::formatv("{0,10}  {1}\n", "bytes", head.getPhase()).str();
  int64_t most = 0, all = 0;
  for (int64_t group = 0; group < groups; ++group)
    for (int64_t rank = 0; rank < ranks; ++rank) {
      int64_t bytes = 0;
      for (int64_t layer = 0; layer < layers; ++layer)
        for (sched::ComputeOp compute : inLayer)
          bytes += workOf(compute, group, rank, layer).bytes(formats.lookup(compute.getPhase()));
      bytes /= layers;
      most = std::max(most, bytes);
      all += bytes;
      text += llvm::formatv("{0,5} {1,4}  ", group, rank);
      for (sched::ComputeOp compute : inLayer) {
        auto part = cast<sched::PartOp>(compute->getParentOp());
        const bool attends = group < static_cast<int64_t>(part.getGroups());
        const std::string share = llvm::formatv("{0}/{1}", rank, ranks);
        text += pad(compute.getSplit() != sched::Split::context ? cell(workOf(compute, group, rank, 0))
                    : attends                                   ? share
                                                                : "-",
                    widthOf(compute));
      }
      text += llvm::formatv("{0,10}  {1}\n", bytes, cell(workOf(head, group, rank, 0)));
    }
  text += llvm::formatv(
      "\nweights of a block a layer, averaged over layers: at most {0:F1} % above the mean\n",
      100.0 * (static_cast<double>(most) * static_cast<double>(grid.getBlocks()) / static_cast<double>(all) - 1.0));
  return text;
}

} // namespace cadenza
