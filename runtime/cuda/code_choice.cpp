#include "runtime/cuda/code_choice.h"

#include <charconv>
#include <optional>

namespace cadenza::cuda {
namespace {

/// "sm_90a": major 9, minor 0, suffix 'a'. The last digit is the minor version.
struct Target {
  int major = 0;
  int minor = 0;
  char suffix = 0; // 'a': this GPU only; 'f': this family (the same major version)
};

std::optional<Target> parseTarget(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix))
    return std::nullopt;
  text.remove_prefix(prefix.size());
  Target target;
  if (text.ends_with('a') || text.ends_with('f')) {
    target.suffix = text.back();
    text.remove_suffix(1);
  }
  int number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 10)
    return std::nullopt;
  target.major = number / 10;
  target.minor = number % 10;
  return target;
}

/// How well a section suits the device: 0 not at all, otherwise the higher the better.
int suitability(const CodeSection &section, const DeviceProperties &device) {
  constexpr int exact = 30000, sameMajor = 20000, jit = 10000;
  switch (section.kind) {
  case ImageKind::Host:
    return device.emulated ? exact : 0;
  case ImageKind::Cubin: {
    auto target = parseTarget(section.target, "sm_");
    if (device.emulated || !target || target->major != device.major || target->minor > device.minor)
      return 0;
    if (target->minor == device.minor)
      return exact + (target->suffix != 0);
    return target->suffix == 'a' ? 0 : sameMajor + target->minor;
  }
  case ImageKind::Ptx: {
    auto target = parseTarget(section.target, "compute_");
    if (device.emulated || !target)
      return 0;
    int required = target->major * 10 + target->minor;
    int present = device.major * 10 + device.minor;
    bool suits = target->suffix == 'a'   ? required == present
                 : target->suffix == 'f' ? required <= present && target->major == device.major
                                         : required <= present;
    return suits ? jit + required : 0;
  }
  }
  return 0;
}

} // namespace

bool hasDependencyWaits(const CodeSection &code) {
  if (code.kind == ImageKind::Host)
    return true;
  constexpr int firstMajor = 9;
  const auto target = parseTarget(code.target, code.kind == ImageKind::Cubin ? "sm_" : "compute_");
  return target && target->major >= firstMajor;
}

StatusOr<const CodeSection *> chooseCode(std::span<const CodeSection> code, const DeviceProperties &device,
                                         std::string_view planPath) {
  const CodeSection *best = nullptr;
  int bestSuitability = 0;
  std::string targets;
  for (const CodeSection &section : code) {
    targets += (targets.empty() ? "" : ", ") + section.target;
    if (int value = suitability(section, device); value > bestSuitability) {
      best = &section;
      bestSuitability = value;
    }
  }
  if (best)
    return best;
  std::string sm = device.emulated ? "host" : "sm_" + std::to_string(device.major) + std::to_string(device.minor);
  return Status(StatusCode::IncompatiblePlan, std::string(planPath) + ": the GPU " + device.name + " needs code for " +
                                                  sm + ", the plan has " + (targets.empty() ? "none" : targets) +
                                                  "; rebuild it: cadenza-compile MODEL -o " + std::string(planPath) +
                                                  " --target=" + sm);
}

} // namespace cadenza::cuda
