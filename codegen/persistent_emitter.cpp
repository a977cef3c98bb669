// The persistent kernel: the configurations of the phases' kernels, put together to that of a whole step as the ops of
// its schedule say.
#include "codegen/config_writer.h"
#include "codegen/emitter.h"
#include "compiler/schedule/layer.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace cadenza {
namespace {

/// Lines of a struct, indented.
class Text {
public:
  void line(const Twine &text) { text_ += std::string(indent_, ' ') + text.str() + "\n"; }
  void open(const Twine &text) {
    line(text + " {");
    indent_ += 2;
  }
  void close() {
    indent_ -= 2;
    line("};");
  }
  void constants(ArrayRef<std::pair<StringRef, uint64_t>> list) {
    line("static constexpr int " +
         llvm::join(llvm::map_range(
                        list, [](auto constant) { return (constant.first + " = " + Twine(constant.second)).str(); }),
                    ", ") +
         ";");
  }
  const std::string &text() const { return text_; }

private:
  std::string text_;
  unsigned indent_ = 0;
};

/// The names that functions of a phase have in the configuration of its own kernel, in order.
class FunctionNames {
public:
  std::string next(step::FunctionAttrInterface function) {
    const std::string base = function.getFunctionName().str();
    const int n = ++seen[base];
    return base + (n > 1 ? "_" + std::to_string(n) : "");
  }

private:
  llvm::StringMap<int> seen;
};

std::string chainOf(ArrayRef<std::string> functors) { return "Chain<" + llvm::join(functors, ", ") + ">"; }

/// The device functors that a project keeps, under the names of their configurations in its own kernel's.
std::string keptChain(step::ProjectOp project) {
  FunctionNames names;
  SmallVector<std::string> chain;
  for (auto function : project.getEpilogues().getAsRange<step::FunctionAttrInterface>())
    if (const std::string name = names.next(function); isKept(function))
      chain.push_back(camelCase(function.getFunctionName()) + "<" + name + ">");
  return chainOf(chain);
}

/// Writes the configuration of a grid.
class GridWriter {
public:
  GridWriter(sched::GridOp grid, StringRef kernel, func::FuncOp function,
             llvm::function_ref<StringRef(Operation *)> kernelOf)
      : grid(grid), kernel(kernel), kernelOf(kernelOf) {
    function.walk([&](step::PhaseOpInterface phase) { phases[sched::phaseName(phase)] = phase; });
  }

  std::string write() {
    sched::LayersOp layers = grid.getLayers();
    sched::ComputeOp head = *grid.getBody().getOps<sched::ComputeOp>().begin();
    sched::StreamOp headStream = *grid.getBody().getOps<sched::StreamOp>().begin();
    text.open("struct " + kernel);
    text.constants({{"groups", grid.getGroups()}, {"ranks", grid.getRanks()}, {"warps", grid.getWarps()}});
    text.constants({{"layers", layers.getCount()}, {"hidden", *head.getColumns()}, {"shared_bytes", grid.getShared()}});
    text.constants({{"head_in_flight", headStream.getInFlight()},
                    {"kv_group_ahead", grid.getAhead()[0]},
                    {"others_ahead", grid.getAhead()[1]}});
    const auto word = [](bool value) { return value ? "true" : "false"; };
    text.line(std::string("static constexpr bool memory_bound = ") + word(grid.getMemoryBound()) +
              ", clusters = " + word(grid.getClusters()) + ", traced = " + word(grid.getTraced()) + ";");
    text.line("using embed = " + kernelNamed(grid.getEmbed().getPhase()) + ";");
    std::vector<std::string> parts;
    for (sched::PartOp part : layers.getBody().getOps<sched::PartOp>()) {
      const std::string name = "part_" + std::to_string(parts.size());
      parts.push_back((part.attends() ? "AttentionPart<" : "ActivationPart<") + name + ">");
      writePart(part, name);
    }
    text.line("using parts = Parts<" + llvm::join(parts, ", ") + ">;");
    writeProduct("head", head);
    text.close();
    return text.text();
  }

private:
  StringRef kernelNamed(StringRef phase) { return kernelOf(phases.lookup(phase)); }

  void writePart(sched::PartOp part, StringRef name) {
    SmallVector<sched::ComputeOp> computations = part.getComputations();
    sched::StreamOp stream = part.streamOf(computations.front().getPhase());
    SmallVector<std::pair<StringRef, uint64_t>> constants = {
        {"groups", part.getGroups()}, {"collected", collectedAfter(part)}, {"in_flight", stream.getInFlight()}};
    if (stream.getOthers())
      constants.push_back({"others_in_flight", *stream.getOthers()});
    for (sched::ComputeOp compute : computations)
      if (compute.getSplit() == sched::Split::context)
        constants.push_back({"context_in_flight", *part.streamOf(compute.getPhase()).getLongContext()});
    for (sched::ComputeOp compute : computations)
      if (compute.getFrom())
        constants.push_back({"share_from", *compute.getFrom()});
    text.open("struct " + name);
    text.constants(constants);
    for (sched::ComputeOp compute : computations) {
      if (compute.getSplit() == sched::Split::context)
        writeAttention(compute, *computations.front().getOf());
      else
        writeProduct(compute.getSplit() == sched::Split::columns ? "column_product" : "row_product", compute);
    }
    if (part.attends())
      writeRowMaps(part);
    for (Operation *user : part.getSums().getUsers())
      if (auto collect = cast<sched::CollectOp>(user); collect.getNorm())
        writeNorm(*collect.getNorm());
    text.close();
  }

  /// The maps between the product of query, key and value and attention. The sums of squares of norms of all heads
  /// together lie one behind the other.
  void writeRowMaps(sched::PartOp part) {
    SmallVector<sched::ComputeOp> computations = part.getComputations();
    auto attend = cast<step::AttendOp>(phases.lookup(computations[1].getPhase()));
    nn::CacheOp cache = step::SymbolLookup(attend, symbols).cache(attend.getCacheAttr());
    const auto headDim = static_cast<int64_t>(cache.getHeadDim());
    int64_t sums = 0;
    std::vector<std::string> names;
    for (const RowMap &map : rowMapsOf(cast<step::ProjectOp>(phases.lookup(computations[0].getPhase())), headDim)) {
      names.push_back("map_" + std::to_string(names.size()));
      text.open("struct " + names.back());
      text.line("using Launch = " + kernelOf(map.map) + ";");
      FunctionNames functionNames;
      SmallVector<std::string> chain;
      for (const auto &[function, allRows] : map.functions) {
        const std::string name = functionNames.next(function);
        if (!isKept(function))
          continue;
        // On the slot of the product, which may be another one than the map's.
        text.open("struct " + Twine(name) + " : Launch::" + name);
        text.constants({{function.getSlotNames().front(), static_cast<uint64_t>(function.getSlots().front())}});
        text.close();
        chain.push_back(allRows > 0 ? "AllHeadsNorm<" + name + ", " + std::to_string(sums) + ">"
                                    : camelCase(function.getFunctionName()) + "<" + name + ">");
        if (allRows > 0)
          sums += allRows / headNormChunk(headDim);
      }
      text.line("using functions = " + chainOf(chain) + ";");
      text.close();
    }
    text.line("using row_maps = RowMaps<" + llvm::join(names, ", ") + ">;");
    text.constants({{"head_sums", static_cast<uint64_t>(sums)}});
  }

  /// Collections between a part and the next one.
  static uint64_t collectedAfter(sched::PartOp part) {
    uint64_t count = 0;
    for (Operation *op = part->getNextNode(); isa_and_nonnull<sched::CollectOp>(op); op = op->getNextNode())
      ++count;
    return count;
  }

  void writeNorm(StringRef phase) {
    step::FunctionAttrInterface function = cast<step::MapOp>(phases.lookup(phase)).getFunctions().front();
    const StringRef launch = kernelNamed(phase), name = function.getFunctionName();
    text.open("struct norm");
    text.line("using Launch = " + launch + ";");
    text.line("using function = " + camelCase(name) + "<" + launch + "::" + name + ">;");
    text.close();
  }

  /// With more query groups than KV heads, the heads of a KV head are divided as the grid says, not as the phase's own
  /// kernel does.
  void writeAttention(sched::ComputeOp compute, uint64_t queryGroups) {
    auto attend = cast<step::AttendOp>(phases.lookup(compute.getPhase()));
    nn::CacheOp cache = step::SymbolLookup(attend, symbols).cache(attend.getCacheAttr());
    const StringRef launch = kernelNamed(compute.getPhase());
    if (queryGroups == cache.getKvHeads())
      return text.line("using attention = " + launch + ";");
    text.open("struct attention : " + launch);
    text.constants({{"subgroups", queryGroups / cache.getKvHeads()}, {"threads", 32 * grid.getWarps()}});
    text.close();
  }

  void writeProduct(StringRef role, sched::ComputeOp compute) {
    auto project = cast<step::ProjectOp>(phases.lookup(compute.getPhase()));
    const StringRef launch = kernelNamed(compute.getPhase());
    text.open("struct " + role + " : " + launch);
    text.line("using Launch = " + launch + ";");
    text.line("using Team = Consumers<" + Twine(grid.getWarps()) + ">;");
    if (step::FunctionAttrInterface prologue = project.getPrologueAttr())
      text.line("using prologue = " + camelCase(prologue.getFunctionName()) + "Prologue<" + role + ", prologue_" +
                prologue.getFunctionName() + ">;");
    else
      text.line("using prologue = PlainPrologue<" + role + ">;");
    text.line("using epilogue = " + keptChain(project) + ";");
    text.close();
  }

  sched::GridOp grid;
  StringRef kernel;
  llvm::function_ref<StringRef(Operation *)> kernelOf;
  llvm::StringMap<Operation *> phases;
  SymbolTableCollection symbols;
  Text text;
};

} // namespace

/// From how many positions on a grid's groups share a context.
static uint64_t sharesFrom(sched::GridOp grid) { return *grid.getSharingCompute().getFrom(); }

std::string Emitter::addGrid(sched::GridOp grid, func::FuncOp function, StringRef wanted,
                             llvm::function_ref<StringRef(Operation *)> kernelOf) {
  const std::string kernel = newName(wanted, /*config=*/"");
  std::string text = "// ==== " + kernel + " ";
  text += std::string(text.size() < 120 ? 120 - text.size() : 0, '=') + "\n";
  text += "// computes: whole decode steps, as many as the host asks for; the persistent schedule, division " +
          grid.getDivisionName().str() +
          (grid.getContinues() ? ", from " + std::to_string(sharesFrom(grid)) + " positions on" : "") + "\n";
  text += "// made of:  the configurations of the kernels above, which compute the same bits\n";
  text += "namespace phase {\n" + GridWriter(grid, kernel, function, kernelOf).write() + "} // namespace phase\n";
  const std::string instance = "Persistent<phase::" + kernel + ">";
  const uint64_t threads = 32 * (grid.getWarps() + 1);
  text += "static_assert(" + instance + "::blocks == " + std::to_string(grid.getBlocks()) + ");\n";
  text += "static_assert(" + instance + "::packet_bytes == " + std::to_string(grid.getPackets()) + ");\n";
  text += "static_assert(" + instance + "::stages == " + std::to_string(grid.getStages()) + ");\n";
  text += "CADENZA_KERNEL(" + kernel + ", PersistentArgs, " + std::to_string(threads) + ", 1) {\n  " + instance +
          "::run(args);\n}\n";
  text += "CADENZA_DRAWING_KERNEL(" + kernel + ", " + std::to_string(threads) + ")\n";

  Kernel record;
  record.name = kernel;
  record.phaseKind = persistentKind;
  record.blocks = static_cast<uint32_t>(grid.getBlocks());
  record.threads = static_cast<uint32_t>(threads);
  record.sharedBytes = static_cast<uint32_t>(grid.getShared());
  function.walk<WalkOrder::PreOrder>([&](step::PhaseOpInterface phase) {
    const Kernel &own = kernels_[byName_.lookup(kernelOf(phase))].record;
    const bool inLayer = phase->getParentOfType<step::LayersOp>() != nullptr;
    record.weightBytes += own.weightBytes * (inLayer ? grid.getLayers().getCount() : 1);
    record.fusedOps.insert(record.fusedOps.end(), own.fusedOps.begin(), own.fusedOps.end());
  });
  record.passes = {"lower-to-persistent"};
  record.targets = targetsOf(grid);
  kernels_.push_back({record, text});
  return kernel;
}

Division Emitter::addPersistent(sched::GridOp grid, func::FuncOp function,
                                llvm::function_ref<StringRef(Operation *)> kernelOf) {
  const std::string name =
      persistent_ ? kernelSymbol(("decode_steps." + grid.getDivisionName()).str()) : "decode_steps";
  persistent_ = true;
  Division division{.name = grid.getDivisionName().str(),
                    .targets = targetsOf(grid),
                    .kernel = addGrid(grid, function, name, kernelOf),
                    .groups = static_cast<uint32_t>(grid.getGroups()),
                    .ranks = static_cast<uint32_t>(grid.getRanks()),
                    .packetBytes = grid.getPackets(),
                    .clusters = grid.getClusters(),
                    .traced = grid.getTraced(),
                    .longContext = {},
                    .orders = {}};
  if (sched::GridOp continuation = sched::continuationOf(grid)) {
    // The first position with so many up to it. With fewer in a launch's first steps the kernel would be right, too.
    division.longContext = {addGrid(continuation, function, name + "_long", kernelOf),
                            static_cast<int64_t>(sharesFrom(continuation)) - 1};
    division.packetBytes = continuation.getPackets();
  }
  return division;
}

} // namespace cadenza
