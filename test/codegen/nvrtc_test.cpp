// Every kernel template compiled for every target, with nothing on the include path.
#include "codegen/host_compiler.h"
#include "codegen/nvrtc.h"
#include "test/codegen/step_programs.h"

#include <cstdlib>
#include <filesystem>

using namespace cadenza;
using cadenza::test::generate;

namespace {

#define LOAD_NVRTC_OR_SKIP(name)                                                                                       \
  StatusOr<Nvrtc> name##OrError = Nvrtc::load();                                                                       \
  if (!name##OrError.isOk())                                                                                           \
    GTEST_SKIP() << name##OrError.status().message();                                                                  \
  const Nvrtc &name = *name##OrError

struct Program {
  const char *name;
  llvm::StringLiteral text;
};

class CompileForAllTargets : public testing::TestWithParam<Program> {};

TEST_P(CompileForAllTargets, WithoutSpills) {
  LOAD_NVRTC_OR_SKIP(nvrtc);
  const test::Generated generated = generate(GetParam().text);
  ASSERT_EQ(generated.errors, "");
  StatusOr<std::vector<const DeviceTarget *>> targets = parseTargets("all");
  ASSERT_TRUE(targets.isOk());
  StatusOr<std::vector<CompiledCode>> code = nvrtc.compile(generated.source, *targets);
  ASSERT_TRUE(code.isOk()) << code.status().message();
  ASSERT_EQ(code->size(), targets->size());
  for (const CompiledCode &target : *code) {
    EXPECT_FALSE(target.image.empty());
    if (target.kind != ImageKind::Cubin)
      continue;
    EXPECT_EQ(target.resources.size(), generated.source.kernels.size()) << target.target;
    for (const KernelResources &kernel : target.resources) {
      EXPECT_GT(kernel.registers, 0u);
      EXPECT_EQ(kernel.localBytes, 0u) << target.target << ": " << kernel.kernel;
    }
  }
}

TEST_P(CompileForAllTargets, AndTheHost) {
  const test::Generated generated = generate(GetParam().text);
  StatusOr<CompiledCode> code = compileForHost(generated.source);
  ASSERT_TRUE(code.isOk()) << code.status().message();
  EXPECT_EQ(static_cast<char>(code->image[1]), 'E');
}

/// Runs `compile` with another current directory.
template <typename Compile> StatusOr<CompiledCode> compileIn(const std::filesystem::path &folder, Compile compile) {
  const std::filesystem::path here = std::filesystem::current_path();
  std::filesystem::current_path(folder);
  StatusOr<CompiledCode> code = compile();
  std::filesystem::current_path(here);
  return code;
}

TEST_P(CompileForAllTargets, SameBytesFromEveryDirectory) {
  LOAD_NVRTC_OR_SKIP(nvrtc);
  const test::Generated generated = generate(GetParam().text);
  const auto host = [&] { return compileForHost(generated.source); };
  for (std::string_view name : {"sm_90", "compute_90"}) {
    const std::vector<const DeviceTarget *> targets = {*findTarget(name)};
    const auto device = [&]() -> StatusOr<CompiledCode> {
      CADENZA_ASSIGN_OR_RETURN(std::vector<CompiledCode> code, nvrtc.compile(generated.source, targets));
      return std::move(code[0]);
    };
    StatusOr<CompiledCode> here = compileIn("/", device), there = compileIn(testing::TempDir(), device);
    ASSERT_TRUE(here.isOk() && there.isOk());
    EXPECT_TRUE(here->image == there->image) << name << ": the code depends on the current directory";
  }
  StatusOr<CompiledCode> here = compileIn("/", host), there = compileIn(testing::TempDir(), host);
  ASSERT_TRUE(here.isOk() && there.isOk());
  EXPECT_TRUE(here->image == there->image) << "the host's code depends on the current directory";
}

INSTANTIATE_TEST_SUITE_P(Programs, CompileForAllTargets,
                         testing::Values(Program{"fused", test::fusedProgram}, Program{"unfused", test::unfusedProgram},
                                         Program{"otherFunctions", test::otherFunctions}),
                         [](const auto &info) { return std::string(info.param.name); });

TEST(Nvrtc, ErrorsNameTargetAndKernel) {
  LOAD_NVRTC_OR_SKIP(nvrtc);
  test::Generated generated = generate(test::fusedProgram);
  std::string &text = generated.source.files[0].text;
  const size_t kernel = text.find("// ==== phase_3");
  text.replace(text.find("k_ways = 8", kernel), 10, "k_ways = 7");
  StatusOr<std::vector<const DeviceTarget *>> targets = parseTargets("sm_90");
  StatusOr<std::vector<CompiledCode>> code = nvrtc.compile(generated.source, *targets);
  ASSERT_FALSE(code.isOk());
  EXPECT_EQ(code.status().code(), StatusCode::NoCompiler);
  EXPECT_NE(code.status().message().find("target sm_90: kernel 'phase_3': NVRTC"), std::string::npos)
      << code.status().message();
  EXPECT_NE(code.status().message().find("k_ways is a power of two up to 32"), std::string::npos);
}

TEST(HostCompiler, ErrorsNameTheKernel) {
  test::Generated generated = generate(test::fusedProgram);
  std::string &text = generated.source.files[0].text;
  text.replace(text.find("k_ways = 8", text.find("// ==== phase_3")), 10, "k_ways = 7");
  StatusOr<CompiledCode> code = compileForHost(generated.source);
  ASSERT_FALSE(code.isOk());
  EXPECT_NE(code.status().message().find("k_ways is a power of two up to 32"), std::string::npos);
}

TEST(HostCompiler, MissingCompiler) {
  setenv("CXX", "/nonexistent/g++", 1);
  StatusOr<CompiledCode> code = compileForHost(generate(test::unfusedProgram).source);
  unsetenv("CXX");
  ASSERT_FALSE(code.isOk());
  EXPECT_EQ(code.status().code(), StatusCode::NoCompiler);
  EXPECT_NE(code.status().message().find("install g++ or set CXX"), std::string::npos);
}

TEST(ResourcesFromLog, PtxasOutput) {
  const std::vector<KernelResources> resources =
      resourcesFromLog("ptxas info    : 0 bytes gmem\n"
                       "ptxas info    : Compiling entry function 'head' for 'sm_90'\n"
                       "ptxas info    : Function properties for head\n"
                       "    24 bytes stack frame, 20 bytes spill stores, 20 bytes spill loads\n"
                       "ptxas info    : Used 64 registers, used 1 barriers\n");
  ASSERT_EQ(resources.size(), 1u);
  EXPECT_EQ(resources[0].kernel, "head");
  EXPECT_EQ(resources[0].registers, 64u);
  EXPECT_EQ(resources[0].localBytes, 24u);
}

TEST(DeviceTable, NamesAndErrors) {
  EXPECT_TRUE(findTarget("sm_90").isOk());
  EXPECT_NE(findTarget("sm_91").status().message().find("sm_80, sm_86, sm_89, sm_90"), std::string::npos);
  EXPECT_NE(findTarget("sm_90a").status().message().find("write 'sm_90'"), std::string::npos);
  EXPECT_EQ(parseTargets("all").value().size(), 8u);
  EXPECT_EQ(parseTargets("sm_90,sm_80,sm_90").value().size(), 2u);
  EXPECT_FALSE(parseTargets("").isOk());
  EXPECT_EQ(targetForCapability(90).value()->name, "sm_90");
  EXPECT_EQ(targetForCapability(103).value()->name, "compute_90");
  EXPECT_EQ(targetForCapability(87).value()->name, "compute_80");
  EXPECT_FALSE(targetForCapability(75).isOk());
}

} // namespace
