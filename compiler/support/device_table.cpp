#include "compiler/support/device_table.h"

#include <algorithm>

namespace cadenza {
namespace {

constexpr int kib = 1024;

// name, kind, capability, architecture, clusters, dependent launch, shared a block, a multiprocessor, threads,
// persistent groups, without clusters, ranks, warps, examples
// clang-format off
constexpr DeviceTarget table[] = {
    {"sm_80", ImageKind::Cubin, 80, "sm_80", false, false, 163 * kib, 164 * kib, 2048,
     {13, 7}, 0, 8, 8, "A100, A30"},
    {"sm_86", ImageKind::Cubin, 86, "sm_86", false, false, 99 * kib, 100 * kib, 1536,
     {10, 9}, 0, 8, 4, "A10, A40, RTX 3090"},
    {"sm_89", ImageKind::Cubin, 89, "sm_89", false, false, 99 * kib, 100 * kib, 1536,
     {16, 7}, 0, 8, 4, "L4, L40S, RTX 4090"},
    {"sm_90", ImageKind::Cubin, 90, "sm_90", true, true, 227 * kib, 228 * kib, 2048,
     {15, 13, 8}, 16, 8, 8, "H100, H200, GH200"},
    {"sm_100", ImageKind::Cubin, 100, "sm_100", true, true, 227 * kib, 228 * kib, 2048,
     {16}, 0, 8, 8, "B200, GB200"},
    {"sm_120", ImageKind::Cubin, 120, "sm_120", true, true, 99 * kib, 100 * kib, 1536,
     {16, 8}, 0, 8, 4, "RTX 5090, RTX PRO 6000"},
    {"compute_80", ImageKind::Ptx, 80, "compute_80", false, false, 99 * kib, 100 * kib, 1536,
     {13, 7}, 0, 8, 4, "any GPU from A100 on"},
    {"compute_90", ImageKind::Ptx, 90, "compute_90", true, true, 99 * kib, 100 * kib, 1536,
     {15, 8}, 0, 8, 4, "any GPU from H100 on"},
    {"host", ImageKind::Host, 0, "", true, false, 99 * kib, 100 * kib, 1536,
     {3, 2, 1}, 0, 2, 4, "the emulation, compiled by g++"},
};
// clang-format on

std::string choices() {
  std::string list;
  for (const DeviceTarget &target : table)
    list += (list.empty() ? "" : ", ") + std::string(target.name);
  return list;
}

} // namespace

std::span<const DeviceTarget> deviceTargets() { return table; }

StatusOr<const DeviceTarget *> findTarget(std::string_view name) {
  for (const DeviceTarget &target : table)
    if (target.name == name)
      return &target;
  if (!name.empty() && (name.back() == 'a' || name.back() == 'f'))
    for (const DeviceTarget &target : table)
      if (target.name == name.substr(0, name.size() - 1))
        return Status(StatusCode::InvalidArgument, "target '" + std::string(name) + "': write '" +
                                                       std::string(target.name) +
                                                       "'; suffixes are chosen by the compiler");
  return Status(StatusCode::InvalidArgument,
                "unknown target '" + std::string(name) + "'; choose from " + choices() + ", or 'all'");
}

StatusOr<std::vector<const DeviceTarget *>> parseTargets(std::string_view list) {
  std::vector<const DeviceTarget *> targets;
  while (true) {
    const size_t comma = list.find(',');
    const std::string_view name = list.substr(0, comma);
    if (name == "all") {
      for (const DeviceTarget &target : table)
        if (target.kind != ImageKind::Host)
          targets.push_back(&target);
    } else {
      CADENZA_ASSIGN_OR_RETURN(const DeviceTarget *target, findTarget(name));
      targets.push_back(target);
    }
    if (comma == std::string_view::npos)
      break;
    list.remove_prefix(comma + 1);
  }
  std::sort(targets.begin(), targets.end());
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
  return targets;
}

StatusOr<const DeviceTarget *> targetForCapability(int computeCapability) {
  const DeviceTarget *best = nullptr;
  for (const DeviceTarget &target : table) {
    if (target.kind == ImageKind::Cubin && target.computeCapability == computeCapability)
      return &target;
    if (target.kind == ImageKind::Ptx && target.computeCapability <= computeCapability)
      best = &target;
  }
  if (best)
    return best;
  return Status(StatusCode::Unsupported, "a GPU of compute capability " + std::to_string(computeCapability / 10) + "." +
                                             std::to_string(computeCapability % 10) +
                                             " is too old; 8.0 is the oldest that is supported");
}

} // namespace cadenza
