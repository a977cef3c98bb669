// From a model to a program: blocks, names, tables, weights, for the passes that shape it.
#include "compiler/plan/program_builder.h"

#include "compiler/import/hf/import_hugging_face.h"
#include "passes/Passes.h"
#include "runtime/bench/step_bytes.h"
#include "runtime/plan/describe.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <set>

namespace cadenza {
namespace {

/// A model, by its folder below the repository, compiled up to its program.
class Model {
public:
  Model(const std::string &name, const PipelineOptions &options = {}, bool withCode = false) {
    Findings findings;
    ImportOptions import;
    import.directory = std::string(CADENZA_SOURCE_DIR "/") + name;
    import.randomSeed = 1;
    StatusOr<ImportedModel> imported = importHuggingFace(context, import, findings);
    EXPECT_TRUE(imported.isOk()) << imported.status().message();
    if (!imported.isOk())
      return;
    context.loadDialect<step::StepDialect>();
    mlir::PassManager manager(&context);
    llvm::cantFail(buildPipeline(manager, options));
    buildSchedules(manager, options);
    EXPECT_TRUE(mlir::succeeded(manager.run(*imported->module)));
    mlir::FailureOr<GeneratedCode> code = mlir::failure();
    if (withCode) {
      code = generateCode(*imported->module);
      EXPECT_TRUE(mlir::succeeded(code));
    }
    mlir::FailureOr<BuiltProgram> result =
        buildProgram(*imported->module, imported->info, imported->decoder, withCode ? &*code : nullptr);
    EXPECT_TRUE(mlir::succeeded(result));
    if (mlir::succeeded(result))
      built = std::move(*result);
  }

  std::vector<std::string> phaseNames(size_t block) const {
    std::vector<std::string> names;
    for (const Phase &phase : decodeEntry(built.program).blocks.at(block).phases)
      names.push_back(phase.name);
    return names;
  }

  mlir::MLIRContext context;
  BuiltProgram built;
};

using Names = std::vector<std::string>;

bool touchesCache(const Phase &phase) {
  return !phase.caches.empty() ||
         llvm::any_of(phase.epilogues, [](const Function &function) { return !function.caches.empty(); });
}

TEST(ProgramBuilder, FusedQwen3) {
  Model model("test/fixtures/models/qwen3-gqa4-3layers");
  const Program &program = model.built.program;
  ASSERT_EQ(decodeEntry(program).blocks.size(), 3u);
  EXPECT_EQ(decodeEntry(program).blocks[0].name, "start");
  EXPECT_EQ(decodeEntry(program).blocks[1].name, "layers");
  EXPECT_EQ(decodeEntry(program).blocks[2].name, "head");
  EXPECT_EQ(decodeEntry(program).blocks[1].count, 3);
  EXPECT_EQ(program.decoder->headBlock, 2u);
  EXPECT_EQ(model.phaseNames(0), Names{"embed"});
  EXPECT_EQ(model.phaseNames(1),
            (Names{"layer_query_key_value", "layer_attend", "layer_output", "layer_gate_up", "layer_down"}));
  EXPECT_EQ(model.phaseNames(2), Names{"head"});

  // One table entry a layer, each the weight of its own layer.
  const Phase &down = decodeEntry(program).blocks[1].phases[4];
  ASSERT_TRUE(down.matrix.perLayer);
  const Table &table = program.weightTables[down.matrix.index];
  ASSERT_EQ(table.size(), 3u);
  for (size_t layer = 0; layer < 3; ++layer) {
    EXPECT_EQ(program.weights[table[layer]].name, "layers." + std::to_string(layer) + ".mlp.down.weight");
    ASSERT_EQ(model.built.recipes[table[layer]].parts.size(), 1u);
    EXPECT_EQ(model.built.recipes[table[layer]].parts[0].tensor,
              "model.layers." + std::to_string(layer) + ".mlp.down_proj.weight");
  }
  EXPECT_EQ(program.caches.size(), 3u);

  // What is merged: rows one after the other, or in turns.
  const Phase &qkv = decodeEntry(program).blocks[1].phases[0];
  EXPECT_FALSE(qkv.interleaved);
  EXPECT_EQ(qkv.segmentRows, (std::vector<int64_t>{256, 64, 64}));
  const Weight &merged = program.weights[program.weightTables[qkv.matrix.index][1]];
  EXPECT_EQ(merged.name,
            "layers.1.attention.query.weight+layers.1.attention.key.weight+layers.1.attention.value.weight");
  EXPECT_EQ(merged.rows, 384);
  const Phase &gateUp = decodeEntry(program).blocks[1].phases[3];
  EXPECT_TRUE(gateUp.interleaved);
  EXPECT_TRUE(model.built.recipes[program.weightTables[gateUp.matrix.index][2]].interleaved);

  // Hugging Face's names of what comes out.
  EXPECT_EQ(decodeEntry(program).blocks[0].phases[0].outputNames, Names{"model.embed_tokens"});
  EXPECT_EQ(down.outputNames, Names{"model.layers.*"});
}

/// Tiles of both sizes run the kernels that have no size, and the head is the step's.
TEST(ProgramBuilder, PrefillIsTheStepOnTiles) {
  PipelineOptions options;
  options.tiles = {16, 64};
  Model model("test/fixtures/models/qwen3-gqa2-tied", options, /*withCode=*/true);
  const Program &program = model.built.program;
  EXPECT_EQ(validateProgram(program).message(), "");
  ASSERT_EQ(prefillEntries(program), (std::vector<uint32_t>{1, 2}));
  const auto phase = [&](uint32_t entry, size_t block, size_t index) -> const Phase & {
    return program.entries[entry].blocks.at(block).phases.at(index);
  };
  for (uint32_t entry : {1u, 2u}) {
    EXPECT_EQ(program.entries[entry].name, entry == 1 ? "prefill_16" : "prefill_64");
    ASSERT_EQ(program.entries[entry].blocks.size(), 4u);
    EXPECT_EQ(headBlock(program, entry), 3u);
    EXPECT_EQ(phase(entry, 0, 0).launch.kernel, "embed_tokens");
    EXPECT_EQ(phase(entry, 0, 0).launch.blocks, entry == 1 ? 16u : 64u);
    EXPECT_TRUE(phase(entry, 1, 0).prepare.has_value());  // a norm
    EXPECT_FALSE(phase(entry, 1, 2).prepare.has_value()); // of what attention gives, as it lies
    EXPECT_EQ(phase(entry, 2, 0).kind, PhaseKind::Last);
    EXPECT_EQ(phase(entry, 3, 0).launch.kernel, decodeEntry(program).blocks[2].phases[0].launch.kernel);
    EXPECT_EQ(phase(entry, 3, 0).launch.blocks, 0u);
  }
  EXPECT_EQ(phase(1, 1, 0).prepare->kernel, phase(2, 1, 0).prepare->kernel);
  // The largest tile says how large the operand is, of 64 columns, the hidden size.
  const auto scratch =
      llvm::find_if(program.scratch, [](const Scratch &each) { return each.name == "prefill.activation"; });
  ASSERT_NE(scratch, program.scratch.end());
  EXPECT_EQ(scratch->bytes, 2u * 64 * 64);
}

TEST(ProgramBuilder, TiedEmbeddingIsStoredOnce) {
  Model model("test/fixtures/models/qwen3-gqa2-tied");
  const Program &program = model.built.program;
  const Ref embedding = decodeEntry(program).blocks[0].phases[0].matrix,
            head = decodeEntry(program).blocks[2].phases[0].matrix;
  EXPECT_FALSE(embedding.perLayer);
  EXPECT_EQ(embedding.index, head.index);
  Model untied("test/fixtures/models/qwen3-mha-d128-untied");
  EXPECT_NE(decodeEntry(untied.built.program).blocks[0].phases[0].matrix.index,
            decodeEntry(untied.built.program).blocks[2].phases[0].matrix.index);
}

TEST(ProgramBuilder, LearnedPositionsAreAMatrixOfTheEmbedding) {
  Model model("test/fixtures/models/gpt2-inner96", {}, /*withCode=*/true);
  const Program &program = model.built.program;
  const Phase &embed = decodeEntry(program).blocks[0].phases[0];
  ASSERT_TRUE(embed.positions);
  EXPECT_FALSE(embed.positions->perLayer);
  const Weight &positions = program.weights[embed.positions->index];
  EXPECT_EQ(positions.name, "positions.weight");
  EXPECT_EQ(positions.encoding, Encoding::tiles16);
  EXPECT_EQ(positions.rows, 64);
  EXPECT_EQ(positions.columns, 128);
  const std::vector<Argument> &arguments = embed.launch.arguments;
  ASSERT_EQ(arguments.size(), 5u);
  EXPECT_EQ(arguments[0].ref.index, embed.matrix.index);
  EXPECT_EQ(arguments[4].kind, ArgumentKind::Weight);
  EXPECT_EQ(arguments[4].ref.index, embed.positions->index);
  // The three parts of one tensor, transposed, are packed one after the other.
  const Phase &qkv = decodeEntry(program).blocks[1].phases[0];
  EXPECT_EQ(qkv.segmentRows, (std::vector<int64_t>{128, 128, 128}));
  const auto &parts = model.built.recipes[program.weightTables[qkv.matrix.index][1]].parts;
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[2].tensor, "transformer.h.1.attn.c_attn.weight");
  ASSERT_TRUE(parts[2].view);
  EXPECT_TRUE(parts[2].view->transposed);
  EXPECT_EQ(parts[2].view->first, 256);
}

TEST(ProgramBuilder, WeightsLieOneAfterTheOther) {
  Model model("test/fixtures/models/llama-hidden80-d128");
  uint64_t end = 0;
  ASSERT_EQ(model.built.recipes.size(), model.built.program.weights.size());
  for (const Weight &weight : model.built.program.weights) {
    EXPECT_EQ(weight.offset, (end + 255) / 256 * 256) << weight.name;
    EXPECT_EQ(weight.bytes, storedBytes(weight)) << weight.name;
    end = weight.offset + weight.bytes;
  }
}

TEST(ProgramBuilder, KernelsReadTheBytesOfAStep) {
  // A published model, so that no matrix is padded; its embedding is no head, so that a row of it counts.
  Model model("compiler/import/hf/published/Qwen3-8B", {}, /*withCode=*/true);
  const Program &program = model.built.program;
  uint64_t ropeRow = 0;
  for (const Weight &weight : program.weights)
    ropeRow += weight.encoding == Encoding::rope_table ? positionBytes(weight) : 0;
  EXPECT_EQ(ropeRow, 64u * 8);
  // Every layer reads the row of the RoPE table; a step as such, what the memory floor is computed from, needs it once.
  EXPECT_EQ(weightBytesPerRun(program, decodeEntry(program)), bench::weightBytesPerStep(program) + 35 * ropeRow);
}

TEST(ProgramBuilder, UnrolledLayersAreOneBlockAndTheHeadIsAnother) {
  for (PipelineOptions options :
       {PipelineOptions{.none = false, .disabled = {"roll-layers"}}, PipelineOptions{.none = true, .disabled = {}}}) {
    Model model("test/fixtures/models/qwen3-gqa4-3layers", options);
    const Program &program = model.built.program;
    ASSERT_EQ(decodeEntry(program).blocks.size(), 2u);
    EXPECT_EQ(program.decoder->headBlock, 1u);
    EXPECT_EQ(decodeEntry(program).blocks[0].name, "start");
    EXPECT_EQ(decodeEntry(program).blocks[1].name, "head");
    EXPECT_TRUE(program.weightTables.empty());
    // A step without its head must have written all of the cache; nothing else may be left to the head.
    EXPECT_TRUE(llvm::none_of(decodeEntry(program).blocks[1].phases, touchesCache));
    EXPECT_TRUE(touchesCache(decodeEntry(program).blocks[0].phases.back()));
    EXPECT_EQ(llvm::count_if(decodeEntry(program).blocks[0].phases,
                             [](const Phase &phase) { return phase.kind == PhaseKind::Attend; }),
              3);
  }
}

TEST(ProgramBuilder, NamesAreUniqueIdentifiersWhateverThePasses) {
  std::vector<PipelineOptions> variants(2);
  variants[1].none = true;
  for (const PipelinePass &pass : pipelinePasses()) {
    if (pass.optional)
      variants.push_back({.none = false, .disabled = {pass.name.str()}});
  }
  for (const PipelineOptions &options : variants) {
    SCOPED_TRACE(options.disabled.empty() ? "" : options.disabled[0]);
    Model model("test/fixtures/models/llama-gqa4-rope-llama3", options, /*withCode=*/true);
    EXPECT_TRUE(validateProgram(model.built.program).isOk()) << validateProgram(model.built.program).message();
    std::set<std::string> taken;
    for (const Block &block : decodeEntry(model.built.program).blocks) {
      for (const Phase &phase : block.phases) {
        EXPECT_TRUE(taken.insert(phase.name).second) << phase.name;
        EXPECT_EQ(phase.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), std::string::npos)
            << phase.name;
        EXPECT_FALSE(phase.name.empty());
        EXPECT_EQ(phase.outputNames.size(), std::max<size_t>(phase.outputs.size(), 1)) << phase.name;
      }
    }
  }
}

TEST(ProgramBuilder, AnEpilogueMayEqualThePrologue) {
  mlir::MLIRContext context;
  context.loadDialect<mlir::func::FuncDialect, nn::NNDialect, step::StepDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(R"(
    nn.weight @embedding.weight : tensor<144x64xbf16> from "e"
    nn.weight @square : tensor<64x64xbf16> from "s"
    nn.weight @norm : tensor<64xf32> from "n"
    func.func @decode(%token: tensor<1xi32> {nn.port = #nn.port<token>},
                           %position: tensor<1xi32> {nn.port = #nn.port<position>})
        -> (tensor<1xi32> {nn.port = #nn.port<next>})
        attributes {arena_bytes = 1024 : i64} {
      %x = step.embed %token, @embedding.weight {offsets = array<i64: 0>} : tensor<1x64xf32>
      %y = step.project %x matrices [@square]
             prologue #step.rms_norm<segment = 0, weight = @norm, eps = 1.0e-5, group_size = 64>
             epilogues [#step.silu<segment = 0>,
                        #step.rms_norm<segment = 0, weight = @norm, eps = 1.0e-5, group_size = 64>]
             {offsets = array<i64: 256>} : (tensor<1x64xf32>) -> tensor<1x64xf32>
      %next = step.select %y : tensor<1x64xf32>
      return %next : tensor<1xi32>
    })",
                                                        &context);
  ASSERT_TRUE(module);
  mlir::FailureOr<BuiltProgram> built = buildProgram(*module, {}, Decoder{}, nullptr);
  ASSERT_TRUE(mlir::succeeded(built));
  const Phase &phase = decodeEntry(built->program).blocks.at(0).phases.at(1);
  ASSERT_EQ(phase.prologue.size(), 1u);
  EXPECT_EQ(phase.prologue[0].name, "rms_norm");
  ASSERT_EQ(phase.epilogues.size(), 2u);
  EXPECT_EQ(phase.epilogues[0].name, "silu");
  EXPECT_EQ(phase.epilogues[1].name, "rms_norm");
}

TEST(ProgramBuilder, PublishedModelsDoNotGrowWithDepth) {
  Model model("compiler/import/hf/published/Qwen3-8B");
  const Program &program = model.built.program;
  EXPECT_EQ(decodeEntry(program).blocks.size(), 3u);
  EXPECT_EQ(decodeEntry(program).blocks[1].count, 36);
  EXPECT_EQ(decodeEntry(program).blocks[1].phases.size(), 5u);
}

TEST(ProgramBuilder, LaunchesOfOneKernelShareItsScratch) {
  PipelineOptions options{.none = false, .disabled = {"roll-layers"}};
  Model model("compiler/import/hf/published/Llama-3.2-1B", options, /*withCode=*/true);
  const Program &program = model.built.program;
  EXPECT_TRUE(validateProgram(program).isOk()) << validateProgram(program).message();
  std::set<std::string> kernels;
  for (const Block &block : decodeEntry(program).blocks)
    for (const Phase &phase : block.phases)
      kernels.insert(phase.launch.kernel);
  EXPECT_EQ(kernels.size(), 7u);
  EXPECT_EQ(program.kernels.size(), 7u);
  std::set<std::string> owners;
  for (const Scratch &scratch : program.scratch)
    EXPECT_TRUE(owners.insert(scratch.name).second && kernels.contains(scratch.name)) << scratch.name;
  EXPECT_FALSE(owners.empty());
}

TEST(ProgramBuilder, AGraphIsFusionsBetweenTensors) {
  mlir::MLIRContext context;
  context.loadDialect<mlir::func::FuncDialect, nn::NNDialect, step::StepDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(R"(
    nn.weight @table : tensor<5x2x3xi8> from "t"
    func.func @run(%x: tensor<2x4xi64> {nn.port = #nn.port<"x">}, %c: tensor<i1> {nn.port = #nn.port<"c">})
        -> (tensor<4x3xi8> {nn.port = #nn.port<"y">}) {
      %i = nn.slice %x starts [1, 0] sizes [1, 4] steps [-1, 1] : (tensor<2x4xi64>) -> tensor<1x4xi64>
      %t = nn.get_weight @table : tensor<5x2x3xi8>
      %g = nn.gather %t, %i axis 0 : (tensor<5x2x3xi8>, tensor<1x4xi64>) -> tensor<1x4x2x3xi8>
      %z = nn.constant dense<[[[[1], [2]]]]> : tensor<1x1x2x1xi8>
      %w = nn.where %c, %g, %z : (tensor<i1>, tensor<1x4x2x3xi8>, tensor<1x1x2x1xi8>) -> tensor<1x4x2x3xi8>
      %s = nn.reduce sum %w axes [0, 2] : (tensor<1x4x2x3xi8>) -> tensor<4x3xi8>
      return %s : tensor<4x3xi8>
    })",
                                                        &context);
  ASSERT_TRUE(module);
  mlir::PassManager manager(&context);
  llvm::cantFail(buildPipeline(manager, {.none = true, .disabled = {}}));
  ASSERT_TRUE(mlir::succeeded(manager.run(*module)));
  mlir::FailureOr<BuiltProgram> built = buildProgram(*module, {}, std::nullopt, nullptr);
  ASSERT_TRUE(mlir::succeeded(built));
  const Program &program = built->program;
  EXPECT_TRUE(validateProgram(program).isOk()) << validateProgram(program).message();

  ASSERT_EQ(program.weights.size(), 1u);
  const Weight &weight = program.weights[0];
  EXPECT_EQ(weight.encoding, Encoding::tensor);
  EXPECT_EQ(weight.dtype, DType::i8);
  EXPECT_EQ(weight.shape, (nn::Shape{5, 2, 3}));
  EXPECT_EQ(weight.bytes, 30u);

  ASSERT_EQ(program.entries.size(), 1u);
  const Entry &entry = program.entries[0];
  ASSERT_EQ(entry.blocks.size(), 1u);
  const std::vector<Phase> &phases = entry.blocks[0].phases;
  ASSERT_EQ(phases.size(), 4u);
  const Edge &c = program.edges[entry.inputs[1].edge.value()];
  EXPECT_EQ(c.dtype, DType::boolean);
  EXPECT_EQ(c.shape, nn::Shape());
  EXPECT_EQ(entry.outputs[0].shape, (std::vector<int64_t>{4, 3}));
  EXPECT_EQ(entry.outputs[0].edge, phases[3].outputs[0]);

  EXPECT_EQ(phases[0].body[0].name, "slice");
  EXPECT_EQ(phases[0].body[0].attributes.dump(), R"({"static_sizes":[1,4],"static_starts":[1,0],"steps":[-1,1]})");
  EXPECT_EQ(phases[1].kind, PhaseKind::Fusion);
  ASSERT_EQ(phases[1].body.size(), 2u);
  EXPECT_EQ(phases[1].body[0].name, "get_weight");
  EXPECT_EQ(phases[1].body[0].weight, 0u);
  EXPECT_EQ(phases[1].body[1].operands, (std::vector<uint32_t>{1, 0})); // the weight, then the input
  EXPECT_EQ(phases[1].body[1].attributes.dump(), R"({"axis":0})");
  EXPECT_EQ(phases[1].results, (std::vector<uint32_t>{2}));
  EXPECT_EQ(phases[2].body[0].value, (std::vector<std::byte>{std::byte{1}, std::byte{2}}));
  EXPECT_EQ(phases[3].body[0].attributes.dump(), R"({"axes":[0,2],"function":"sum"})");
}

} // namespace
} // namespace cadenza
