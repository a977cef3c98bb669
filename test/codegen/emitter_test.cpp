// What is generated for a phase: kernels, their arguments, and what is shared.
#include "codegen/config_writer.h"
#include "test/codegen/step_programs.h"

using namespace cadenza;
using cadenza::test::generate;

namespace {

std::vector<ArgumentKind> kinds(const PhaseLaunch &launch) {
  std::vector<ArgumentKind> kinds;
  for (const PhaseArgument &argument : launch.arguments)
    kinds.push_back(argument.kind);
  return kinds;
}

TEST(Emitter, ArgumentsOfAFusedLayer) {
  const test::Generated generated = generate(test::fusedProgram);
  EXPECT_EQ(generated.errors, "");
  ASSERT_EQ(generated.launches.size(), 7u);
  using enum ArgumentKind;
  EXPECT_EQ(kinds(generated.launches[0]), (std::vector{Weight, Edge, State, Tokens}));
  EXPECT_EQ(kinds(generated.launches[1]),
            (std::vector{Edge, Weight, Weight,                                 // input, matrix, norm
                         Weight, Weight, Weight, State, Weight, State,         // q and k norm, q and k rope
                         CacheKey, CacheValue, State, CachePositions, Edge})); // append, output
  EXPECT_EQ(kinds(generated.launches[2]),
            (std::vector{Edge, Edge, CacheKey, CacheValue, State, CachePositions, Scratch}));
  EXPECT_EQ(kinds(generated.launches[3]), (std::vector{Edge, Weight, Edge, Edge}));
  EXPECT_EQ(kinds(generated.launches[6]), (std::vector{Edge, Weight, Weight, State, Tokens, Logits, Scratch}));
  EXPECT_TRUE(generated.launches[1].arguments[1].matrix);
  EXPECT_EQ(generated.launches[6].arguments[6].scratchBytes, 16 + 8 * generated.source.kernels[6].blocks);
}

TEST(Emitter, KernelsSayWhatTheyAre) {
  const test::Generated generated = generate(test::fusedProgram);
  ASSERT_EQ(generated.errors, "");
  const Kernel &qkv = generated.source.kernels[1];
  EXPECT_EQ(qkv.name, "phase_1");
  EXPECT_EQ(qkv.phaseKind, "project");
  EXPECT_EQ(qkv.fusedOps, (std::vector<std::string>{"rms_norm", "linear", "linear", "linear", "rms_norm", "rms_norm",
                                                    "rope", "rope", "kv_append"}));
  EXPECT_EQ(qkv.passes, (std::vector<std::string>{"merge-projections", "fuse-norm-project"}));
  EXPECT_EQ(qkv.blocks, 512u / 64);    // whole heads
  EXPECT_EQ(qkv.threads, 4u * 2 * 32); // 4 tiles x 2 k-ways
  // A row of the RoPE table is 32 pairs. Query and key share it and, here, the norm: what is read twice counts once.
  EXPECT_EQ(qkv.weightBytes, 2u * 512 * 192 + 4 * (192 + 64) + 8 * 32);
  EXPECT_NE(generated.source.model().text.find("Chain<Silu<silu>, Mul<mul>, Store<0, bf16>>"), std::string::npos);
}

TEST(Emitter, KernelsAreNotNamedLikeTheirMembers) {
  const auto name = [](llvm::StringRef phase) { return generate(test::unfusedProgram, phase).source.kernels[3].name; };
  EXPECT_EQ(name("layer.append"), "layer_append_4");
  EXPECT_EQ(name("kv_append"), "kv_append_phase"); // the kernel whose configuration has a kv_append
  EXPECT_EQ(generate(test::unfusedProgram, "rms_norm").source.kernels[0].name, "rms_norm_phase");
}

TEST(Emitter, EqualStructuresShareAKernel) {
  const test::Generated generated = generate(test::unfusedProgram);
  EXPECT_EQ(generated.errors, "");
  ASSERT_EQ(generated.launches.size(), 11u);
  EXPECT_EQ(generated.launches[7].kernel, generated.launches[8].kernel); // the two adds, of different edges
  EXPECT_EQ(generated.source.kernels.size(), 10u);
}

TEST(Emitter, NamesOfTheModelDoNotReachTheSource) {
  const test::Generated generated = generate(R"(
    nn.weight @"*/ #include </etc/passwd> evil" : tensor<32x32xbf16> from "w"
    func.func @step(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
      %y = step.project %x matrices [@"*/ #include </etc/passwd> evil"] : (tensor<1x32xf32>) -> tensor<1x32xf32>
      return %y : tensor<1x32xf32>
    })");
  EXPECT_EQ(generated.errors, "");
  EXPECT_EQ(generated.source.kernels.size(), 1u);
  EXPECT_EQ(generated.source.model().text.find("evil"), std::string::npos);
}

TEST(Emitter, ErrorsNameWhatIsWrong) {
  const auto errors = [](llvm::StringRef matrices, llvm::StringRef phase) {
    return generate(
               (matrices + "\nfunc.func @step(%x: tensor<1x96xf32>, %p: tensor<1xi32>) {" + phase + " return }").str())
        .errors;
  };
  EXPECT_NE(errors("nn.weight @w : tensor<32x96xf32> from \"w\"",
                   "%y = step.project %x matrices [@w] : (tensor<1x96xf32>) -> tensor<1x32xf32>")
                .find("matrices of 'f32'"),
            std::string::npos);
  EXPECT_NE(errors("nn.weight @w : tensor<24x96xbf16> from \"w\"",
                   "%y, %z = step.project %x matrices [@w, @w] : "
                   "(tensor<1x96xf32>) -> (tensor<1x24xf32>, tensor<1x24xf32>)")
                .find("segments that do not begin at a multiple of the 16 rows"),
            std::string::npos);
  EXPECT_NE(errors("nn.cache @c heads 4 head_dim 12 : bf16",
                   "%y = step.attend %x at %p, @c heads 8 scale 1.0 : tensor<1x96xf32> -> tensor<1x96xf32>")
                .find("head_dim of 12"),
            std::string::npos);
}

TEST(Emitter, AVectorThatABlockCannotHold) {
  const auto errors = [](int elements) {
    const std::string n = std::to_string(elements), type = "tensor<1x" + n + "xf32>";
    return generate("nn.weight @w : tensor<" + n + "xf32> from \"w\"\nfunc.func @step(%x: " + type +
                    ") {\n %y = step.map %x epilogues [#step.layer_norm<segment = 0, weight = @w, eps = 0.5 : f32, " +
                    "group_size = " + n + ">] : (" + type + ") -> " + type + "\n return }")
        .errors;
  };
  EXPECT_EQ(errors(16384), "");
  EXPECT_NE(errors(32768).find("bytes of shared memory in a block, more than 101376"), std::string::npos)
      << errors(32768);
}

TEST(Emitter, AWindowIsAnArgument) {
  const auto attend = [](llvm::StringRef window) {
    return generate(
        ("nn.scalar @w = 512\nnn.cache @c heads 2 head_dim 16 : bf16\nfunc.func @step(%x: tensor<1x64xf32>, "
         "%p: tensor<1xi32>) {\n %y = step.attend %x at %p, @c heads 4 scale 1.0 " +
         window + " {splits = 2 : i64} : tensor<1x64xf32> -> tensor<1x64xf32>\n return }")
            .str());
  };
  using enum ArgumentKind;
  const test::Generated windowed = attend("window @w"), whole = attend("");
  ASSERT_EQ(windowed.errors, "");
  EXPECT_EQ(kinds(windowed.launches[0]), (std::vector{Edge, Edge, CacheKey, CacheValue, State, CachePositions,
                                                      ArgumentKind::Scalar, ArgumentKind::Scratch}));
  EXPECT_EQ(kinds(whole.launches[0]),
            (std::vector{Edge, Edge, CacheKey, CacheValue, State, CachePositions, ArgumentKind::Scratch}));
  EXPECT_NE(windowed.source.model().text.find("windowed = true"), std::string::npos);
  EXPECT_EQ(whole.source.model().text.find("windowed"), std::string::npos);
}

TEST(KernelSymbol, IsAlwaysAnIdentifier) {
  EXPECT_EQ(kernelSymbol("layer.qkv"), "layer_qkv");
  EXPECT_EQ(kernelSymbol("exp"), "exp_phase");
  EXPECT_EQ(kernelSymbol("3 */ evil\n"), "phase_3_evil");
  EXPECT_EQ(kernelSymbol(""), "phase_");
}

TEST(FloatLiteral, ReadsBackExactly) {
  EXPECT_EQ(floatLiteral(1.0f), "1.0f");
  EXPECT_EQ(floatLiteral(1e-6f), "1e-06f");
  EXPECT_EQ(floatLiteral(0.088388346f), "0.088388346f");
}

} // namespace
