// The arch functions of persistent kernels compiled by NVRTC for every target; what a target lacks is an error that
// says so, and only where it is used.
#include "codegen/nvrtc.h"

#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

namespace cadenza {
namespace {

class ArchCompileTest : public testing::Test {
protected:
  void SetUp() override {
    StatusOr<Nvrtc> loaded = Nvrtc::load();
    if (!loaded.isOk())
      GTEST_SKIP() << loaded.status().message();
    nvrtc_ = std::make_unique<Nvrtc>(*loaded);
  }

  /// Compiles a text that includes what it needs of codegen/kernels and test/emulation/kernels.
  StatusOr<std::vector<CompiledCode>> compile(const std::string &text, const std::string &targets) {
    GeneratedSource source;
    std::string model = text; // headers are in a folder of their own
    for (size_t at = 0; (at = model.find("#include \"", at)) != std::string::npos; at += 10)
      model.insert(at + 10, "kernels/");
    // The test kernels' ring.cuh is not that of codegen/kernels.
    for (size_t at = 0; (at = model.find("kernels/ring.cuh", at)) != std::string::npos; at += 10)
      model.replace(at, 16, "kernels/test_ring.cuh");
    source.files.push_back({"model.cu", model});
    source.files.insert(source.files.end(), deviceCode().begin(), deviceCode().end());
    source.files.push_back({"kernels/test_ring.cuh", read("ring.cuh")});
    return nvrtc_->compile(source, *parseTargets(targets));
  }
  static std::string read(const std::string &file) {
    std::ifstream stream(CADENZA_SOURCE_DIR "/test/emulation/kernels/" + file);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  /// A kernel of one statement.
  static std::string statement(const std::string &text) {
    return "#include \"ring.cuh\"\nusing Vec = cadenza::Vec16;\nCADENZA_KERNEL(k, AsyncArgs, 32, 1) {\n"
           "  auto *b = reinterpret_cast<arch::Mbarrier *>(arch::shared_memory());\n"
           "  auto *v = reinterpret_cast<Vec *>(arch::shared_memory() + 16);\n  " +
           text + "\n  args.out[0] = static_cast<uint32_t>(b->state + v->x);\n}\n";
  }

  std::unique_ptr<Nvrtc> nvrtc_;
};

TEST_F(ArchCompileTest, EverythingButClustersForEveryTarget) {
  StatusOr<std::vector<CompiledCode>> code = compile(read("async.cu"), "all");
  ASSERT_TRUE(code.isOk()) << code.status().message();
  EXPECT_EQ(code->size(), parseTargets("all")->size());
}
TEST_F(ArchCompileTest, FragmentsForEveryTarget) {
  StatusOr<std::vector<CompiledCode>> code = compile(read("arch_mma.cu"), "all");
  ASSERT_TRUE(code.isOk()) << code.status().message();
}
TEST_F(ArchCompileTest, ClustersFromSm90On) {
  for (const char *file : {"cluster.cu", "async_faults.cu"}) {
    StatusOr<std::vector<CompiledCode>> code = compile(read(file), "sm_90,sm_100,sm_120,compute_90");
    ASSERT_TRUE(code.isOk()) << code.status().message();
  }
}
TEST_F(ArchCompileTest, UseBelowSm90NamesTheRequirement) {
  for (const char *text :
       {"args.out[1] = arch::cluster_rank();", "args.out[1] = arch::cluster_size();",
        "args.out[1] = arch::cluster_index();", "arch::cluster_barrier_arrive();", "arch::cluster_barrier_wait();",
        "arch::remote(v, 1);", "arch::mbarrier_arrive(arch::Remote<arch::Mbarrier>{0});",
        "arch::mbarrier_arrive_expect_tx(b, 16);", "arch::mbarrier_try_wait<arch::Scope::cluster>(b, 0);",
        "arch::store_async(arch::Remote<Vec>{0}, *v, arch::Remote<arch::Mbarrier>{0});",
        "arch::store_async(arch::Remote<uint64_t>{0}, uint64_t{1}, arch::Remote<arch::Mbarrier>{0});",
        "arch::store_async(arch::Remote<uint32_t>{0}, uint32_t{1}, arch::Remote<arch::Mbarrier>{0});"}) {
    for (const char *target : {"sm_80", "sm_89"}) {
      StatusOr<std::vector<CompiledCode>> code = compile(statement(text), target);
      ASSERT_FALSE(code.isOk()) << text;
      EXPECT_NE(code.status().message().find("needs sm_90 or later"), std::string::npos) << code.status().message();
    }
    EXPECT_TRUE(compile(statement(text), "sm_90").isOk()) << text;
    const std::string guarded = "if constexpr (arch::has_clusters) { " + std::string(text) + " }";
    if (std::string(text).find("Scope::cluster") == std::string::npos) {
      StatusOr<std::vector<CompiledCode>> code = compile(statement(guarded), "sm_80");
      EXPECT_TRUE(code.isOk()) << code.status().message();
    }
  }
}

} // namespace
} // namespace cadenza
