// The kernels of graphs and of tiles of tokens compiled by NVRTC for a target of each kind: all registers, no local
// memory.
#include "codegen/nvrtc.h"

#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <set>

namespace cadenza {
namespace {

/// A file of this folder, as one of the kernels' folder.
SourceFile file(const std::string &name, const std::string &as) {
  std::ifstream stream(CADENZA_SOURCE_DIR "/test/emulation_kernels/" + name);
  return {as, {std::istreambuf_iterator<char>(stream), {}}};
}

/// Compiles the kernels of a file, of which there are so many at least; none but the `spilling` has local memory. With
/// `wgmma`, for sm_90a alone.
void expectNoSpills(const Nvrtc &nvrtc, const std::string &templates, const std::vector<const char *> &configurations,
                    size_t kernels, const std::set<std::string> &spilling, bool wgmma = false) {
  GeneratedSource source;
  source.files.push_back({"model.cu", std::string(wgmma ? "#include \"kernels/project_tokens_wgmma.cuh\"\n" : "") +
                                          "#include \"kernels/" + templates + ".cuh\"\n"});
  source.files.insert(source.files.end(), deviceCode().begin(), deviceCode().end());
  source.files.push_back(file(templates + ".cu", "kernels/" + templates + ".cuh"));
  for (const char *name : configurations)
    source.files.push_back(file(name, std::string("kernels/") + name));
  StatusOr<std::vector<CompiledCode>> code =
      nvrtc.compile(source, *parseTargets(wgmma ? "sm_90" : "sm_80,sm_90,sm_120"));
  ASSERT_TRUE(code.isOk()) << code.status().message();
  for (const CompiledCode &target : *code) {
    EXPECT_GE(target.resources.size(), kernels) << target.target;
    for (const KernelResources &kernel : target.resources) {
      EXPECT_TRUE(kernel.localBytes == 0 || spilling.contains(kernel.kernel))
          << target.target << ": " << kernel.kernel << " has " << kernel.localBytes << " bytes of local memory";
    }
  }
}

TEST(GraphKernels, CompileWithoutSpills) {
  StatusOr<Nvrtc> nvrtc = Nvrtc::load();
  if (!nvrtc.isOk())
    GTEST_SKIP() << nvrtc.status().message();
  // 128 registers for the sums of a head of 256 elements leave too few for the two parts of each fp32 operand.
  expectNoSpills(*nvrtc, "graph_templates", {"matmul_configs.cuh", "attend_sequence_configs.cuh"}, 40,
                 {"attend_floats_long"});
}

TEST(TokenKernels, CompileWithoutSpills) {
  StatusOr<Nvrtc> nvrtc = Nvrtc::load();
  if (!nvrtc.isOk())
    GTEST_SKIP() << nvrtc.status().message();
  // 128 sums and two parts of 512 rows, or 32 rows a warp of heads of 128 elements, which no choice has, leave too few
  // on sm_80; so do 48 rows a warp whose factors and minima are of 16 columns.
  expectNoSpills(*nvrtc, "token_templates", {"tokens_configs.cuh", "attend_tokens_configs.cuh"}, 48,
                 {"project_gate_up_passes", "tokens_128_wide", "project_q6_k_minima_wide"});
}

TEST(WgmmaKernels, CompileWithoutSpills) {
  StatusOr<Nvrtc> nvrtc = Nvrtc::load();
  if (!nvrtc.isOk())
    GTEST_SKIP() << nvrtc.status().message();
  expectNoSpills(*nvrtc, "wgmma_templates", {"wgmma_configs.cuh", "tokens_configs.cuh", "attend_tokens_configs.cuh"},
                 26, {},
                 /*wgmma=*/true);
}

} // namespace
} // namespace cadenza
