// What the compiler knows of GPUs. A user writes "sm_90"; the table says what code is made for it and what a schedule
// may use. Facts of a device in particular (its number of multiprocessors) are asked of the driver at load, never
// assumed here.
#pragma once

#include "runtime/plan/plan.h"
#include "runtime/support/status.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

struct DeviceTarget {
  std::string_view name;         // what users write and plans carry: "sm_90", "compute_80", "host"
  ImageKind kind;                // Cubin for one architecture, Ptx for what has no cubin, Host for the emulation
  int computeCapability;         // 90: 9.0; 0 for the host
  std::string_view architecture; // what NVRTC is told; with a suffix only where plain code could not do it
  /// Whether it has the tensor unit of sm_90 (wgmma). Code that uses it is for that architecture alone, "sm_90a".
  constexpr bool wgmma() const { return name == "sm_90" || kind == ImageKind::Host; }
  bool clusters;        // thread block clusters, distributed shared memory, bulk copies (sm_90 and later)
  bool dependentLaunch; // programmatic dependent launch (sm_90 and later)
  int sharedPerBlock;   // bytes of shared memory that one block may have
  int sharedPerMultiprocessor;
  int threadsPerMultiprocessor;
  // The persistent schedule's divisions: numbers of groups of ranks (blocks, one a multiprocessor) that products run at
  // once, the largest first, 0 where there is none. A GPU takes the largest that it holds: the driver has the last
  // word. Warps that consume: half as many where shared memory is small, since a buffer of the ring has 4 KiB for each.
  std::array<int, 3> persistentGroups;
  // As many groups as the largest GPU of persistentGroups holds if they are no clusters: these need multiprocessors
  // that are neighbours, and leave some idle. 0: no more.
  int groupsWithoutClusters;
  int persistentRanks, persistentWarps;
  std::string_view examples; // products, for people
};

/// All targets, cubins first, in ascending order.
std::span<const DeviceTarget> deviceTargets();

/// The target of that name. Unknown: InvalidArgument, with the choices and, for "sm_90a", what to write instead.
StatusOr<const DeviceTarget *> findTarget(std::string_view name);

/// A comma-separated list of names, without duplicates, in the table's order; "all" is every target but the host.
StatusOr<std::vector<const DeviceTarget *>> parseTargets(std::string_view list);

/// The target to compile for when a GPU of this compute capability (90 for 9.0) is present: its cubin, or the newest
/// PTX that it can run. Older than all of them: Unsupported.
StatusOr<const DeviceTarget *> targetForCapability(int computeCapability);

} // namespace cadenza
