// The persistent kernel: one configuration made of those of the phases' kernels.
#include "codegen/config_writer.h"
#include "codegen/emitter.h"
#include "codegen/function_emitter.h"
#include "compiler/schedule/match.h"

#include "llvm/ADT/StringExtras.h"

#include <cstring>

using namespace mlir;

namespace cadenza {
namespace {

constexpr StringRef kernel = "decode_steps";

/// The device functors that a project keeps, under the names of their configurations in its own kernel's.
std::string keptChain(step::ProjectOp project) {
  SmallVector<step::FunctionAttrInterface> kept = keptFunctions(project);
  llvm::StringMap<int> seen;
  std::vector<std::string> chain;
  for (auto function : project.getEpilogues().getAsRange<step::FunctionAttrInterface>()) {
    const std::string base = function.getFunctionName().str();
    const int n = ++seen[base];
    if (llvm::is_contained(kept, function))
      chain.push_back(camelCase(base) + "<" + base + (n > 1 ? "_" + std::to_string(n) : "") + ">");
  }
  return "Chain<" + llvm::join(chain, ", ") + ">";
}

std::string phaseStruct(StringRef role, StringRef launch, int warps, step::ProjectOp project) {
  std::string text = "  struct " + role.str() + " : " + launch.str() + " {\n    using Launch = " + launch.str() +
                     ";\n    using Team = Consumers<" + std::to_string(warps) + ">;\n";
  if (step::FunctionAttrInterface prologue = project.getPrologueAttr())
    text += "    using prologue = " + camelCase(prologue.getFunctionName()) + "Prologue<" + role.str() + ", prologue_" +
            prologue.getFunctionName().str() + ">;\n";
  else
    text += "    using prologue = PlainPrologue<" + role.str() + ">;\n";
  return text + "    using epilogue = " + keptChain(project) + ";\n  };\n";
}

} // namespace

FailureOr<PersistentLaunch> Emitter::addPersistent(func::FuncOp function,
                                                   llvm::function_ref<StringRef(Operation *)> kernelOf) {
  FailureOr<PersistentPhases> phases = matchPersistent(function);
  if (failed(phases))
    return failure();
  const PersistentDevice device = *persistentDeviceOf(function);
  StatusOr<PersistentSchedule> planned = planPersistent(modelOf(*phases), device);
  if (!planned.isOk())
    return function.emitError() << planned.status().message();
  const PersistentSchedule &schedule = *planned;
  const PersistentModel &model = schedule.model;

  std::string text = "// ==== " + kernel.str() + " " + std::string(120 - 9 - kernel.size(), '=') + "\n";
  text += "// computes: whole decode steps, as many as the host asks for; the persistent schedule\n";
  text += "// made of:  the configurations of the kernels above, which compute the same bits\n";
  text += "namespace phase {\nstruct " + kernel.str() + " {\n";
  const auto constants = [&](std::initializer_list<std::pair<StringRef, int64_t>> list) {
    std::vector<std::string> parts;
    for (auto [name, value] : list)
      parts.push_back((name + " = " + Twine(value)).str());
    text += "  static constexpr int " + llvm::join(parts, ", ") + ";\n";
  };
  constants({{"groups", device.groups}, {"ranks", device.ranks}, {"warps", device.warps}});
  constants({{"layers", model.layers}, {"hidden", model.hidden}, {"shared_bytes", device.sharedBytes}});
  const InFlight &inFlight = schedule.inFlight;
  constants({{"attention_in_flight", inFlight.attention},
             {"kv_group_in_flight", inFlight.kvGroup},
             {"others_in_flight", inFlight.others},
             {"context_in_flight", inFlight.context},
             {"head_in_flight", inFlight.head},
             {"kv_group_ahead", inFlight.kvGroupAhead},
             {"others_ahead", inFlight.othersAhead}});
  const auto word = [](bool value) { return value ? "true" : "false"; };
  text += std::string("  static constexpr bool memory_bound = ") + word(schedule.memoryBound()) +
          ", clusters = " + word(device.clusters) + ", traced = " + word(device.traced) + ";\n";
  text += "  using embed = " + kernelOf(phases->embed).str() + ";\n";
  text += "  using attention = " + kernelOf(phases->attend).str() + ";\n";
  text += phaseStruct("query_key_value", kernelOf(phases->queryKeyValue), device.warps, phases->queryKeyValue);
  text += phaseStruct("output", kernelOf(phases->output), device.warps, phases->output);
  text += phaseStruct("gate_up", kernelOf(phases->gateUp), device.warps, phases->gateUp);
  text += phaseStruct("down", kernelOf(phases->down), device.warps, phases->down);
  text += phaseStruct("head", kernelOf(phases->head), device.warps, phases->head);
  text += "};\n} // namespace phase\n";
  const std::string instance = "Persistent<phase::" + kernel.str() + ">";
  const int threads = 32 * (device.warps + 1);
  text += "static_assert(" + instance + "::blocks == " + std::to_string(schedule.blocks()) + ");\n";
  text += "static_assert(" + instance + "::packet_bytes == " + std::to_string(schedule.packetBytes()) + ");\n";
  text += "CADENZA_KERNEL(" + kernel.str() + ", PersistentArgs, " + std::to_string(threads) + ", 1) {\n  " + instance +
          "::run(args);\n}\n";

  Kernel record;
  record.name = kernel;
  record.phaseKind = "persistent";
  record.blocks = static_cast<uint32_t>(schedule.blocks());
  record.threads = static_cast<uint32_t>(threads);
  record.sharedBytes = static_cast<uint32_t>(device.sharedBytes);
  for (const Emitted &emitted : kernels_) {
    const bool layer = llvm::any_of(std::initializer_list<Operation *>{phases->queryKeyValue, phases->attend,
                                                                       phases->output, phases->gateUp, phases->down},
                                    [&](Operation *op) { return kernelOf(op) == emitted.record.name; });
    record.weightBytes += emitted.record.weightBytes * (layer ? static_cast<uint64_t>(model.layers) : 1);
    record.fusedOps.insert(record.fusedOps.end(), emitted.record.fusedOps.begin(), emitted.record.fusedOps.end());
  }
  record.passes = {"schedule-persistent"};
  kernels_.push_back({record, text});
  persistent_ = true;
  return PersistentLaunch{record.name, static_cast<uint32_t>(device.ranks), schedule.packetBytes(), device.clusters,
                          device.traced};
}

} // namespace cadenza
