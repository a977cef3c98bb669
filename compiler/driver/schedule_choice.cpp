#include "compiler/driver/schedule_choice.h"

#include "compiler/ir/sched/Sched.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <map>

using namespace mlir;

namespace cadenza {
namespace {

/// Whether divisions of a target are made if nobody asks for them: the emulation has as many multiprocessors as
/// somebody says, and a persistent kernel is slow there.
bool isDivided(const CompileOptions &options, const DeviceTarget &target) {
  return target.kind != ImageKind::Host || options.schedules == Schedules::Persistent || options.multiprocessors > 0 ||
         options.subgroups > 0 || options.shareContextFrom > 0 || options.traced || !options.clusters;
}

std::vector<std::string> divisionsFor(ArrayRef<sched::GridOp> grids, std::string_view target) {
  std::vector<std::string> names;
  for (sched::GridOp grid : grids)
    if (llvm::any_of(grid.getTargets().getAsRange<StringAttr>(),
                     [&](StringAttr name) { return name.getValue() == StringRef(target); }))
      names.push_back(grid.getDivisionName().str());
  return names;
}

} // namespace

Status checkScheduleOptions(const CompileOptions &options) {
  if (options.schedules == Schedules::All || options.schedules == Schedules::Persistent)
    return Status::ok();
  const auto alone = [](const std::string &option, const std::string &why) {
    return Status(StatusCode::InvalidArgument, option + ": only the persistent schedule " + why +
                                                   "; add --schedule=persistent, or leave --schedule out");
  };
  if (!options.clusters)
    return alone("--no-clusters", "has groups");
  if (options.traced)
    return alone("--traced", "can be instrumented");
  if (options.multiprocessors > 0)
    return alone("--sms", "divides the work over multiprocessors");
  if (options.subgroups > 0)
    return alone("--subgroups", "divides query heads over groups of blocks");
  if (options.shareContextFrom > 0)
    return alone("--share-context-from", "has groups that share a context");
  return Status::ok();
}

StatusOr<std::vector<PersistentDevice>> chooseDivisions(const CompileOptions &options,
                                                        const std::vector<const DeviceTarget *> &targets) {
  std::vector<PersistentDevice> devices;
  if (options.schedules == Schedules::Launch || options.schedules == Schedules::Graph)
    return devices;
  for (const DeviceTarget *target : targets) {
    if (!isDivided(options, *target))
      continue;
    std::vector<int> groups(target->persistentGroups.begin(), target->persistentGroups.end());
    if (options.multiprocessors > 0) {
      groups = {options.multiprocessors / target->persistentRanks};
      if (groups[0] == 0)
        return Status(StatusCode::InvalidArgument, "--sms=" + std::to_string(options.multiprocessors) +
                                                       ": a group has " + std::to_string(target->persistentRanks) +
                                                       " multiprocessors, and one is needed at least");
    }
    for (int count : groups)
      if (count > 0)
        devices.push_back(
            {count,
             target->persistentRanks,
             target->persistentWarps,
             target->sharedPerBlock,
             options.clusters && target->clusters,
             options.traced,
             {std::string(target->name)},
             options.subgroups,
             options.shareContextFrom,
             count == groups.front() && options.multiprocessors == 0 ? target->groupsWithoutClusters : 0});
  }
  return devices;
}

std::vector<std::string> scheduleNotes(ModuleOp module, const CompileOptions &options,
                                       const std::vector<const DeviceTarget *> &targets,
                                       const std::vector<DivisionLeftOut> &leftOut) {
  func::FuncOp decode = nn::decodeEntryOf(module);
  if (!decode)
    return {"schedules: launch"}; // a graph of tensors
  const SmallVector<sched::GridOp> grids = sched::gridsOf(decode);
  std::vector<std::string> divisions;
  for (const DeviceTarget *target : targets)
    if (const std::vector<std::string> names = divisionsFor(grids, target->name); !names.empty())
      divisions.push_back((targets.size() > 1 ? std::string(target->name) + ": " : "") + llvm::join(names, ", "));
  std::vector<std::string> notes = {"schedules: launch, graph" +
                                    (divisions.empty() ? "" : ", persistent (" + llvm::join(divisions, "; ") + ")")};
  for (sched::GridOp grid : grids)
    if (sched::GridOp continuation = sched::continuationOf(grid))
      notes.push_back("a second kernel of division " + grid.getDivisionName().str() + ": from " +
                      std::to_string(*continuation.getSharingCompute().getFrom()) +
                      " positions on, groups with the same KV head share them");
  std::map<std::string, std::vector<std::string>> byReason;
  for (const DivisionLeftOut &division : leftOut)
    byReason[division.reason].push_back(division.name + (targets.size() > 1 ? " of " + division.target : ""));
  for (const auto &[reason, names] : byReason) {
    const bool all = grids.empty() && byReason.size() == 1;
    notes.push_back("no persistent schedule" + (all ? "" : " (" + llvm::join(names, ", ") + ")") + ": " + reason);
  }
  if (options.schedules == Schedules::All)
    for (const DeviceTarget *target : targets)
      if (!isDivided(options, *target))
        notes.push_back("no persistent schedule for " + std::string(target->name) +
                        ": it is made if asked for (--schedule=persistent, --sms)");
  return notes;
}

} // namespace cadenza
