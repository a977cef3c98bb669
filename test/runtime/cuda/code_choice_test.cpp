#include "runtime/cuda/code_choice.h"

#include <gtest/gtest.h>

namespace cadenza::cuda {
namespace {

CodeSection section(std::string target) {
  ImageKind kind = target == "host" ? ImageKind::Host : target.starts_with("sm") ? ImageKind::Cubin : ImageKind::Ptx;
  return {.target = std::move(target), .kind = kind, .resources = {}, .image = {}};
}

/// The target chosen for compute capability major.minor, or the error's code.
std::string choose(std::vector<std::string> targets, int major, int minor, bool emulated = false) {
  std::vector<CodeSection> code;
  for (std::string &target : targets)
    code.push_back(section(target));
  DeviceProperties device;
  device.name = "GPU";
  device.major = major;
  device.minor = minor;
  device.emulated = emulated;
  auto chosen = chooseCode(code, device, "a.plan");
  return chosen.isOk() ? (*chosen)->target : std::string(statusCodeName(chosen.status().code()));
}

const std::string none(statusCodeName(StatusCode::IncompatiblePlan));

TEST(ChooseCode, PrefersTheExactCubin) {
  std::vector<std::string> all = {"compute_80", "compute_90", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"};
  EXPECT_EQ(choose(all, 8, 0), "sm_80");
  EXPECT_EQ(choose(all, 8, 6), "sm_86");
  EXPECT_EQ(choose(all, 9, 0), "sm_90");
  EXPECT_EQ(choose(all, 10, 0), "sm_100");
  EXPECT_EQ(choose(all, 12, 0), "sm_120");
  EXPECT_EQ(choose({"sm_90", "sm_90a"}, 9, 0), "sm_90a");
}

TEST(ChooseCode, ThenALowerMinorThenPtx) {
  std::vector<std::string> some = {"sm_80", "sm_86", "sm_90", "compute_80", "compute_90"};
  EXPECT_EQ(choose(some, 8, 9), "sm_86");
  EXPECT_EQ(choose(some, 8, 7), "sm_86");
  EXPECT_EQ(choose(some, 10, 3), "compute_90");
  EXPECT_EQ(choose(some, 12, 1), "compute_90");
  EXPECT_EQ(choose({"sm_89", "compute_80"}, 8, 6), "compute_80");
  EXPECT_EQ(choose({"sm_100", "compute_90"}, 10, 3), "sm_100");
}

TEST(ChooseCode, NothingThatDoesNotRun) {
  EXPECT_EQ(choose({"sm_90", "compute_90"}, 8, 9), none);
  EXPECT_EQ(choose({"sm_90a"}, 9, 1), none); // for one GPU only
  EXPECT_EQ(choose({"sm_100f"}, 10, 3), "sm_100f");
  EXPECT_EQ(choose({"compute_90a"}, 10, 0), none);
  EXPECT_EQ(choose({"sm_", "sm_9", "sm_9x0", "compute_", "tpu"}, 9, 0), none);
  EXPECT_EQ(choose({"host"}, 9, 0), none);
  EXPECT_EQ(choose({"sm_90", "compute_80"}, 9, 0, true), none);
  EXPECT_EQ(choose({"sm_90", "host"}, 9, 0, true), "host");
}

TEST(ChooseCode, TheErrorSaysHowToRebuild) {
  std::vector<CodeSection> code = {section("sm_90"), section("host")};
  DeviceProperties device;
  device.name = "NVIDIA A100";
  device.major = 8;
  Status status = chooseCode(code, device, "dir/q.plan").status();
  EXPECT_EQ(status.message(),
            "dir/q.plan: the GPU NVIDIA A100 needs code for sm_80, the plan has sm_90, host; rebuild it: "
            "cadenza-compile MODEL -o dir/q.plan --target=sm_80");
}

TEST(DependencyWaits, FromSm90On) {
  for (const char *target : {"sm_90", "sm_90a", "sm_120", "compute_90", "host"})
    EXPECT_TRUE(hasDependencyWaits(section(target))) << target;
  for (const char *target : {"sm_80", "sm_89", "compute_80", "tpu"}) // on whatever GPU
    EXPECT_FALSE(hasDependencyWaits(section(target))) << target;
}

} // namespace
} // namespace cadenza::cuda
