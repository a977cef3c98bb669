// The divisions of the persistent schedule.
#include "runtime/plan/program_check.h"
#include "runtime/shared/encoding.h"
#include "runtime/shared/shares.h"

#include <algorithm>
#include <map>

namespace cadenza {
namespace {

constexpr uint64_t maximumPacketBytes = uint64_t{1} << 30;
constexpr uint32_t maximumRanks = 8; // blocks of a cluster on any GPU that has them
constexpr size_t maximumDivisions = 64;

std::string text(uint64_t value) { return std::to_string(value); }

using Kernels = std::map<std::string_view, const Kernel *>;

class DivisionChecker {
public:
  DivisionChecker(const Program &program, const std::set<std::string_view> &names, const Kernels &kernels,
                  uint32_t index, FieldErrors &errors)
      : program_(program), names_(names), kernels_(kernels), index_(index), division_(program.divisions[index]),
        path_(at("program.divisions", index)), errors_(errors) {}

  void check() {
    if (division_.name.empty())
      fail("name", "is empty");
    checkTargets(division_.targets, path_ + ".targets", errors_);
    if (!errors_.none())
      return; // what follows compares all of them with all of a kernel
    for (uint32_t i = 0; i < index_; ++i)
      if (program_.divisions[i].name == division_.name)
        fail("name", "'" + division_.name + "' occurs twice");
    if (division_.ranks > maximumRanks)
      fail("ranks", text(division_.ranks) + "; at most " + text(maximumRanks));
    checkPackets();
    if (const Kernel *kernel = checkStepsKernel(division_.kernel, "kernel");
        kernel && uint64_t{division_.groups} * division_.ranks != kernel->blocks)
      fail("groups", text(division_.groups) + " of " + text(division_.ranks) + " ranks; the kernel has " +
                         text(kernel->blocks) + " blocks");
    if (division_.longContext)
      checkLongContext(*division_.longContext);
    if (index_ == 0 && !division_.orders.empty())
      fail("orders", "not empty; phases carry the order of the first division");
    checkOrders();
  }

private:
  void fail(const std::string &field, const std::string &what) { errors_.add(path_ + "." + field, what); }

  /// A kernel of whole steps, which only this division has, and it only once.
  const Kernel *checkStepsKernel(const std::string &name, const std::string &field) {
    for (uint32_t i = 0; i <= index_; ++i) {
      const Division &other = program_.divisions[i];
      const bool isOther = i < index_ || field != "kernel";
      if ((isOther && other.kernel == name) || (i < index_ && other.longContext && other.longContext->kernel == name))
        fail(field, "'" + name + "' is the kernel of division '" + other.name + "'");
    }
    const Kernel *kernel = checkKernel(name, field);
    if (kernel && kernel->phaseKind != persistentKind)
      fail(field,
           "'" + name + "' is of kind '" + kernel->phaseKind + "'; expected '" + std::string(persistentKind) + "'");
    return kernel;
  }

  void checkLongContext(const LongContext &longContext) {
    const std::string field = "long_context.kernel";
    const Kernel *kernel = checkStepsKernel(longContext.kernel, field);
    const auto found = kernels_.find(division_.kernel);
    const Kernel *own = found == kernels_.end() ? nullptr : found->second;
    if (kernel && own && (kernel->blocks != own->blocks || kernel->threads != own->threads))
      fail(field, "'" + kernel->name + "' has " + text(kernel->blocks) + " blocks of " + text(kernel->threads) +
                      " threads; '" + own->name + "' has " + text(own->blocks) + " of " + text(own->threads));
    if (longContext.fromPosition >= program_.decoder->maxContext)
      fail("long_context.from_position", std::to_string(longContext.fromPosition) +
                                             "; a sequence has positions up to " +
                                             std::to_string(program_.decoder->maxContext - 1));
  }

  /// The reader does not know a kernel's layout of packets (codegen/kernels/persistent_block.cuh), but what each has:
  /// twice, as blocks may be one exchange apart, those of a block's rows of the residual stream for each part of a
  /// layer, and one for a candidate. Hops without clusters come on top, and sums for norms.
  void checkPackets() {
    constexpr uint64_t packetSize = 16, wordSize = 4, exchanges = 2;
    const uint64_t tiles = static_cast<uint64_t>(tiles_of(residualElements())),
                   rankTiles = (tiles + division_.ranks - 1) / division_.ranks,
                   rankPackets = rankTiles * (tile_rows / stripe_rows) * stripe_packets,
                   least = packetSize * exchanges * (parts() * rankPackets + 1), // of a block
        blocks = uint64_t{division_.groups} * division_.ranks, unit = division_.clusters ? packetSize : wordSize;
    if (division_.packetBytes > maximumPacketBytes)
      fail("packet_bytes", text(division_.packetBytes) + "; at most " + text(maximumPacketBytes));
    if (division_.packetBytes / blocks < least)
      fail("packet_bytes",
           text(division_.packetBytes) + " for " + text(blocks) + " blocks; each needs " + text(least) + " at least");
    if (division_.packetBytes % unit != 0)
      fail("packet_bytes", text(division_.packetBytes) + " is not a multiple of " + text(unit));
  }

  /// Of a layer: two products each. One more is the head.
  uint64_t parts() const {
    uint64_t products = 0;
    for (const Block &block : decodeEntry(program_).blocks)
      for (const Phase &phase : block.phases)
        products += phase.kind == PhaseKind::Project ? 1 : 0;
    return products / 2;
  }

  /// Of the residual stream: what the step's one embed phase gives.
  int64_t residualElements() const {
    for (const Block &block : decodeEntry(program_).blocks)
      for (const Phase &phase : block.phases)
        if (phase.kind == PhaseKind::Embed)
          return program_.edges[phase.outputs[0]].elements;
    return 0; // checkDecoder has found one
  }

  /// A kernel that the division runs: there, and in the code of all its targets.
  const Kernel *checkKernel(const std::string &name, const std::string &field) {
    const auto found = kernels_.find(name);
    if (found == kernels_.end()) {
      fail(field, "'" + name + "' is not in program.kernels");
      return nullptr;
    }
    const Kernel *kernel = found->second;
    const std::string missing = "'" + name + "' is not in the code for ";
    for (const std::string &target : division_.targets)
      if (!kernel->targets.empty() &&
          std::find(kernel->targets.begin(), kernel->targets.end(), target) == kernel->targets.end())
        fail(field, missing + target);
    return kernel;
  }

  void checkOrders() {
    const std::vector<Block> &blocks = decodeEntry(program_).blocks;
    std::set<std::pair<uint32_t, uint32_t>> seen;
    for (size_t i = 0; i < division_.orders.size(); ++i) {
      const PhaseOrder &order = division_.orders[i];
      const std::string place = at(path_ + ".orders", i);
      if (!checkIndex(order.block, blocks.size(), "block", place + ".block", errors_) ||
          !checkIndex(order.phase, blocks[order.block].phases.size(), "phase", place + ".phase", errors_))
        continue;
      const Phase &phase = blocks[order.block].phases[order.phase];
      if (phase.kind == PhaseKind::Embed || phase.kind == PhaseKind::Select)
        errors_.add(place + ".phase", "'" + phase.name + "' sums nothing: it has no order of sums");
      if (!seen.insert({order.block, order.phase}).second)
        errors_.add(place + ".phase", "'" + phase.name + "' occurs twice");
      const std::string field = "orders[" + text(i) + "].launch.kernel";
      if (const Kernel *kernel = checkKernel(order.launch.kernel, field); kernel && kernel->phaseKind == persistentKind)
        fail(field, "'" + kernel->name + "' is not for phases: it is of kind '" + kernel->phaseKind + "'");
      if (order.launch.blocks != 0)
        errors_.add(place + ".launch.blocks", "only a prefill has it");
      if (phase.kind != PhaseKind::Attend && (order.splits != 1 || order.warps != 1))
        errors_.add(place + (order.splits != 1 ? ".splits" : ".warps"), "only an attend phase has more than one");
      if (errors_.none())
        checkPhase(program_, names_, inOrder(phase, order), blocks[order.block].count, place, errors_);
    }
  }

  const Program &program_;
  const std::set<std::string_view> &names_;
  const Kernels &kernels_;
  const uint32_t index_;
  const Division &division_;
  const std::string path_;
  FieldErrors &errors_;
};

} // namespace

void checkDivisions(const Program &program, const std::set<std::string_view> &names, FieldErrors &errors) {
  if (program.divisions.size() > maximumDivisions) {
    errors.add("program.divisions", text(program.divisions.size()) + "; at most " + text(maximumDivisions));
    return;
  }
  Kernels kernels;
  for (const Kernel &kernel : program.kernels)
    kernels.emplace(kernel.name, &kernel);
  for (uint32_t i = 0; i < program.divisions.size(); ++i)
    DivisionChecker(program, names, kernels, i, errors).check();
  // A phase launches its kernel on every GPU that the plan has code for.
  const auto checkLaunched = [&](const Phase &phase, const Kernel &kernel) {
    const std::string launched = "'" + kernel.name + "', which phase '" + phase.name + "' launches, is ";
    if (!kernel.targets.empty())
      errors.add("program.kernels", launched + "not in the code for all targets");
    if (kernel.phaseKind == persistentKind)
      errors.add("program.kernels", launched + "not for phases: it is of kind '" + kernel.phaseKind + "'");
  };
  const auto checkLaunch = [&](const Phase &phase, const Launch &launch) {
    if (const auto found = kernels.find(launch.kernel); found != kernels.end())
      checkLaunched(phase, *found->second);
  };
  for (const Entry &entry : program.entries)
    for (const Block &block : entry.blocks)
      for (const Phase &phase : block.phases) {
        checkLaunch(phase, phase.launch);
        if (phase.prepare)
          checkLaunch(phase, *phase.prepare);
      }
}

} // namespace cadenza
