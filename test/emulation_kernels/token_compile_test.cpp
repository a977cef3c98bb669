// The kernels of tiles of tokens compiled by NVRTC for a target of each kind: all registers, no local memory.
#include "codegen/nvrtc.h"

#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

namespace cadenza {
namespace {

/// A file of this folder, as one of the kernels' folder.
SourceFile file(const std::string &name, const std::string &as) {
  std::ifstream stream(CADENZA_SOURCE_DIR "/test/emulation_kernels/" + name);
  return {as, {std::istreambuf_iterator<char>(stream), {}}};
}

TEST(TokenKernels, CompileWithoutSpills) {
  StatusOr<Nvrtc> nvrtc = Nvrtc::load();
  if (!nvrtc.isOk())
    GTEST_SKIP() << nvrtc.status().message();
  GeneratedSource source;
  source.files.push_back({"model.cu", "#include \"kernels/token_templates.cuh\"\n"});
  source.files.insert(source.files.end(), deviceCode().begin(), deviceCode().end());
  source.files.push_back(file("token_templates.cu", "kernels/token_templates.cuh"));
  source.files.push_back(file("tokens_configs.cuh", "kernels/tokens_configs.cuh"));
  StatusOr<std::vector<CompiledCode>> code = nvrtc->compile(source, *parseTargets("sm_80,sm_90,sm_120"));
  ASSERT_TRUE(code.isOk()) << code.status().message();
  for (const CompiledCode &target : *code) {
    EXPECT_GT(target.resources.size(), 30u) << target.target;
    for (const KernelResources &kernel : target.resources)
      EXPECT_EQ(kernel.localBytes, 0u) << target.target << ": " << kernel.kernel;
  }
}

} // namespace
} // namespace cadenza
