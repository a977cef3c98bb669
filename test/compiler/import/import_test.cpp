#include "compiler/import/hf/import_hugging_face.h"
#include "compiler/import/hf/published.h"
#include "test/compiler/import/model_files.h"

#include "mlir/IR/AsmState.h"

#include <gtest/gtest.h>

namespace cadenza {
namespace {

using nlohmann::json;

/// A directory with a whole model; tests break it.
class Import : public testing::Test {
protected:
  void writeModel(const std::string &family, const json &config, const std::vector<test::Tensor> &tensors) {
    directory.write("config.json", config.dump());
    directory.write("model.safetensors", test::safetensors(tensors));
  }
  void writeModel(const std::string &family = "llama") {
    writeModel(family, test::smallConfig(family), test::smallTensors(family));
  }
  StatusOr<ImportedModel> import(ImportOptions options = {}) {
    if (options.publishedName.empty())
      options.directory = directory.path().string();
    return importHuggingFace(context, options, findings);
  }
  bool found(Finding::Kind kind, const std::string &text) const {
    for (const Finding &finding : findings.all())
      if (finding.kind == kind && finding.message.find(text) != std::string::npos)
        return true;
    return false;
  }

  test::TemporaryFolder directory;
  mlir::MLIRContext context;
  Findings findings;
};

std::vector<std::string> linesOf(mlir::ModuleOp module, bool locations) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  mlir::OpPrintingFlags flags;
  flags.enableDebugInfo(locations).useLocalScope();
  module.print(stream, flags);
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    lines.push_back(line.substr(std::min(line.size(), line.find_first_not_of(' '))));
  return lines;
}

/// Expects `wanted` among the lines, in this order.
void expectLines(const std::vector<std::string> &lines, const std::vector<std::string> &wanted) {
  size_t at = 0;
  for (const std::string &line : wanted) {
    while (at < lines.size() && lines[at].find(line) == std::string::npos)
      ++at;
    if (at == lines.size()) {
      std::string all;
      for (const std::string &printed : lines)
        all += printed + "\n";
      FAIL() << "missing, or out of order: " << line << "\n" << all;
    }
  }
}

TEST_F(Import, Llama) {
  writeModel();
  auto model = import();
  ASSERT_TRUE(model.isOk()) << model.status().message();
  expectLines(
      linesOf(*model->module, false),
      {R"(nn.weight @embedding.weight : tensor<10x8xbf16> from "model.embed_tokens.weight")",
       R"(nn.weight @layers.0.attention_norm.weight : tensor<8xbf16> from "model.layers.0.input_layernorm.weight")",
       R"(nn.weight @layers.0.attention.query.weight : tensor<16x8xbf16> from "model.layers.0.self_attn.q_proj.weight")",
       "nn.weight @rope.inverse_frequencies : tensor<2xf32> = dense<[1.000000e+00, 0.00999999977]> : tensor<2xf32>",
       "nn.cache @layers.0.cache heads 2 head_dim 4 : bf16",
       R"(nn.weight @layers.0.mlp.down.weight : tensor<8x12xbf16> from "model.layers.0.mlp.down_proj.weight")",
       R"(nn.weight @final_norm.weight : tensor<8xbf16> from "model.norm.weight")",
       R"(nn.weight @head.weight : tensor<10x8xbf16> from "lm_head.weight")",
       "func.func @decode(%arg0: tensor<1xi32> {nn.port = #nn.port<token>}, %arg1: tensor<1xi32> {nn.port = "
       "#nn.port<position>}) -> (tensor<1xi32> {nn.port = #nn.port<next>})",
       "%0 = nn.embedding %arg0, @embedding.weight : tensor<1x8xf32>",
       "%1 = nn.rms_norm %0, @layers.0.attention_norm.weight eps 1.000000e-05 : tensor<1x8xf32>",
       "%2 = nn.linear %1, @layers.0.attention.query.weight : (tensor<1x8xf32>) -> tensor<1x16xf32>",
       "%3 = nn.linear %1, @layers.0.attention.key.weight",
       "%4 = nn.linear %1, @layers.0.attention.value.weight",
       "%5 = nn.rope %2, %arg1, @rope.inverse_frequencies head_dim 4 : tensor<1x16xf32>",
       "%6 = nn.rope %3, %arg1, @rope.inverse_frequencies head_dim 4 : tensor<1x8xf32>",
       "nn.kv_append %6, %4, %arg1, @layers.0.cache : tensor<1x8xf32>",
       "%7 = nn.attention %5, %arg1, @layers.0.cache heads 4 scale 5.000000e-01 : tensor<1x16xf32>",
       "%8 = nn.linear %7, @layers.0.attention.output.weight",
       "%9 = nn.add %0, %8",
       "%10 = nn.rms_norm %9, @layers.0.mlp_norm.weight",
       "%11 = nn.linear %10, @layers.0.mlp.gate.weight",
       "%12 = nn.linear %10, @layers.0.mlp.up.weight",
       "%13 = nn.silu %11",
       "%14 = nn.mul %13, %12",
       "%15 = nn.linear %14, @layers.0.mlp.down.weight",
       "%16 = nn.add %9, %15",
       "%17 = nn.rms_norm %16, @final_norm.weight",
       "%18 = nn.linear %17, @head.weight : (tensor<1x8xf32>) -> tensor<1x10xf32>",
       "%19 = nn.argmax %18 : tensor<1x10xf32>",
       "return %19"});
  EXPECT_EQ(model->decoder->family, "llama");
  EXPECT_EQ(model->decoder->vocabulary, 10);
  EXPECT_EQ(model->decoder->maxContext, 512);
  EXPECT_EQ(model->info.weights, "checkpoint");
  EXPECT_EQ(model->info.name, directory.path().filename().string());
  EXPECT_EQ(model->sourceHash.size(), 64u);
  EXPECT_EQ(model->weightSpecs.size(), 12u);
  EXPECT_TRUE(found(Finding::Kind::Notice, "tokenizer.json: there is none"));
}

TEST_F(Import, Qwen3NormalisesHeadsBeforeRope) {
  writeModel("qwen3");
  auto model = import();
  ASSERT_TRUE(model.isOk()) << model.status().message();
  expectLines(
      linesOf(*model->module, false),
      {R"(nn.weight @layers.0.attention.query_norm.weight : tensor<4xbf16> from "model.layers.0.self_attn.q_norm.weight")",
       "%5 = nn.rms_norm %2, @layers.0.attention.query_norm.weight eps 1.000000e-05 group_size 4 : tensor<1x16xf32>",
       "%6 = nn.rms_norm %3, @layers.0.attention.key_norm.weight eps 1.000000e-05 group_size 4 : tensor<1x8xf32>",
       "%7 = nn.rope %5", "%8 = nn.rope %6"});
  EXPECT_EQ(model->decoder->family, "qwen3");
}

TEST_F(Import, LocationsNameHuggingFaceModules) {
  writeModel("qwen3");
  auto model = import();
  ASSERT_TRUE(model.isOk()) << model.status().message();
  expectLines(linesOf(*model->module, true), {R"(loc("model.embed_tokens"))",
                                              R"(loc("model.layers.0.input_layernorm"))",
                                              R"(loc("model.layers.0.self_attn.q_proj"))",
                                              R"(loc("model.layers.0.self_attn.k_proj"))",
                                              R"(loc("model.layers.0.self_attn.v_proj"))",
                                              R"(loc("model.layers.0.self_attn.q_norm"))",
                                              R"(loc("model.layers.0.self_attn.k_norm"))",
                                              R"(loc("model.layers.0.self_attn.rotary_emb.query"))",
                                              R"(loc("model.layers.0.self_attn.rotary_emb.key"))",
                                              R"(loc("model.layers.0.self_attn.attention"))",
                                              R"(loc("model.layers.0.self_attn.o_proj"))",
                                              R"(loc("model.layers.0.post_attention_residual"))",
                                              R"(loc("model.layers.0.post_attention_layernorm"))",
                                              R"(loc("model.layers.0.mlp.gate_proj"))",
                                              R"(loc("model.layers.0.mlp.up_proj"))",
                                              R"(loc("model.layers.0.mlp.act_fn"))",
                                              R"(loc("model.layers.0.mlp.down_proj"))",
                                              R"(loc("model.layers.0"))",
                                              R"(loc("model.norm"))",
                                              R"(loc("lm_head"))"});
}

TEST_F(Import, TiedHeadUsesTheEmbedding) {
  json config = test::smallConfig();
  config["tie_word_embeddings"] = true;
  writeModel("llama", config, test::smallTensors()); // with an lm_head.weight nevertheless
  auto model = import();
  ASSERT_TRUE(model.isOk()) << model.status().message();
  expectLines(linesOf(*model->module, false), {"%18 = nn.linear %17, @embedding.weight"});
  EXPECT_EQ(model->weightSpecs.size(), 11u);
  EXPECT_TRUE(found(Finding::Kind::Notice, "tensor 'lm_head.weight' is not used"));
}

TEST_F(Import, Biases) {
  json config = test::smallConfig();
  config["attention_bias"] = config["mlp_bias"] = true;
  std::vector<test::Tensor> tensors = test::smallTensors();
  for (auto [name, size] : std::vector<std::pair<const char *, int64_t>>{{"self_attn.q_proj", 16},
                                                                         {"self_attn.k_proj", 8},
                                                                         {"self_attn.v_proj", 8},
                                                                         {"self_attn.o_proj", 8},
                                                                         {"mlp.gate_proj", 12},
                                                                         {"mlp.up_proj", 12},
                                                                         {"mlp.down_proj", 8}})
    tensors.push_back(test::ones(std::string("model.layers.0.") + name + ".bias", {size}));
  writeModel("llama", config, tensors);
  auto model = import();
  ASSERT_TRUE(model.isOk()) << model.status().message();
  expectLines(
      linesOf(*model->module, false),
      {R"(nn.weight @layers.0.attention.query.bias : tensor<16xbf16> from "model.layers.0.self_attn.q_proj.bias")",
       "@layers.0.attention.query.weight bias @layers.0.attention.query.bias",
       "@layers.0.mlp.down.weight bias @layers.0.mlp.down.bias"});
}

TEST_F(Import, CountsTensorsThatNothingUses) {
  std::vector<test::Tensor> tensors = test::smallTensors();
  tensors.push_back({"model.layers.0.self_attn.masked_bias", "I64", {1}, std::string(8, '\0')});
  tensors.push_back({"audio_tower.patch", "F32", {0, 4}, ""});
  // What no text decoder uses is no mistake, however strict one is.
  tensors.push_back(test::ones("model.layers.0.self_attn.rotary_emb.inv_freq", {2})); // of old files
  tensors.push_back({"vision_tower.patch", "F32", {0, 4}, ""});
  tensors.push_back({"model.multi_modal_projector.bias", "F32", {0, 4}, ""});
  writeModel("llama", test::smallConfig(), tensors);
  const std::string message = "checkpoint: 2 tensors are no part of this architecture as transformers builds it and "
                              "left out; the first is 'audio_tower.patch' in model.safetensors";
  ASSERT_TRUE(import().isOk());
  EXPECT_TRUE(found(Finding::Kind::Notice, message));
  EXPECT_TRUE(found(Finding::Kind::Notice,
                    "checkpoint: 3 tensors are not used by a text decoder (vision tower, rotary buffers, masks) and "
                    "passed over; the first is 'model.layers.0.self_attn.rotary_emb.inv_freq'"));
  findings = {};
  EXPECT_EQ(import({.strict = true}).status().message(), message);
}

/// Of a model that also reads images, whose file does not say whether the head is tied: the checkpoint does.
TEST_F(Import, TiedUnlessTheCheckpointHasAHead) {
  json text = test::smallConfig("mistral");
  text.erase("tie_word_embeddings");
  text["sliding_window"] = nullptr;
  const json config = {
      {"architectures", {"Mistral3ForConditionalGeneration"}}, {"model_type", "mistral3"}, {"text_config", text}};
  const std::string notice =
      "config.json: tie_word_embeddings is missing; the checkpoint has a head, so it is not tied";
  std::vector<test::Tensor> tensors = test::smallTensors();
  for (test::Tensor &tensor : tensors)
    tensor.name = "language_model." + tensor.name;
  writeModel("mistral3", config, tensors);
  auto model = import();
  ASSERT_TRUE(model.isOk()) << model.status().message();
  EXPECT_EQ(model->weightSpecs.back().tensor, "lm_head.weight");
  EXPECT_TRUE(found(Finding::Kind::Notice, notice));
  findings = {};
  tensors.pop_back();
  writeModel("mistral3", config, tensors);
  model = import();
  ASSERT_TRUE(model.isOk()) << model.status().message();
  EXPECT_EQ(model->weightSpecs.back().tensor, "model.norm.weight");
  EXPECT_FALSE(found(Finding::Kind::Notice, notice));
}

TEST_F(Import, OneLineForAKindOfProblem) {
  json config = test::smallConfig();
  config["num_hidden_layers"] = 2;
  std::vector<test::Tensor> tensors = test::smallTensors();
  tensors[2].dtype = tensors[3].dtype = "I16";
  writeModel("llama", config, tensors);
  EXPECT_EQ(import().status().message(),
            "model.safetensors: tensor 'model.layers.1.input_layernorm.weight' is missing; and 8 more of 21\n"
            "model.safetensors: tensor 'model.layers.0.self_attn.q_proj.weight' has dtype I16, which is not supported "
            "(BF16, F16 and F32 are); and 1 more");
  findings = {};
  config["num_hidden_layers"] = 1;
  config["intermediate_size"] = 16;
  writeModel("llama", config, test::smallTensors());
  EXPECT_EQ(import().status().message(),
            "model.safetensors: tensor 'model.layers.0.mlp.gate_proj.weight' is [12, 8], but config.json asks for [16, "
            "8]\n"
            "model.safetensors: tensor 'model.layers.0.mlp.up_proj.weight' is [12, 8], but config.json asks for [16, "
            "8]\n"
            "model.safetensors: tensor 'model.layers.0.mlp.down_proj.weight' is [8, 12], but config.json asks for [8, "
            "16]");
}

TEST_F(Import, RecognisesNamesWithOtherPrefixes) {
  const auto replaced = [](const std::string &name, const std::string &from, const std::string &to) {
    return name.starts_with(from) ? to + name.substr(from.size()) : name;
  };
  struct {
    const char *from, *to; // of names that begin with `from`
    const char *notice;
  } const cases[] = {
      {"model.", "", "11 tensors have no 'model.' before the name, which makes no difference; the first is 'embed_"},
      {"", "_orig_mod.", "12 tensors have '_orig_mod.' before the name, which makes no difference; the first is '_or"},
      {"", "module.", "12 tensors have 'module.' before the name"},
      {"", "language_model.", "12 tensors have 'language_model.' before the name"},
      {"model.", "model.language_model.", "11 tensors have 'model.language_model.' before the name"},
  };
  for (const auto &[from, to, notice] : cases) {
    SCOPED_TRACE(to);
    findings = {};
    std::vector<test::Tensor> tensors = test::smallTensors();
    for (test::Tensor &tensor : tensors)
      tensor.name = replaced(tensor.name, from, to);
    writeModel("llama", test::smallConfig(), tensors);
    auto model = import();
    ASSERT_TRUE(model.isOk()) << model.status().message();
    EXPECT_TRUE(found(Finding::Kind::Notice, std::string("checkpoint: ") + notice));
    EXPECT_TRUE(model->weights->readFloats(model->weightSpecs[3]).isOk());
  }
}

TEST_F(Import, EachMatrixKeepsItsType) {
  std::vector<test::Tensor> tensors = test::smallTensors();
  for (test::Tensor &tensor : tensors)
    if (tensor.name == "model.embed_tokens.weight")
      tensor.dtype = "F16";
  writeModel("llama", test::smallConfig(), tensors);
  auto model = import();
  ASSERT_TRUE(model.isOk()) << model.status().message();
  EXPECT_EQ(model->decoder->weightDtype, DType::bf16); // most bytes
  expectLines(linesOf(*model->module, false),
              {"@embedding.weight : tensor<10x8xf16>", "@layers.0.attention.query.weight : tensor<16x8xbf16>",
               "nn.cache @layers.0.cache heads 2 head_dim 4 : bf16"});
}

TEST_F(Import, FullPrecisionBecomesBf16WithNotice) {
  std::vector<test::Tensor> tensors = test::smallTensors();
  for (test::Tensor &tensor : tensors) {
    tensor.dtype = "F32";
    tensor.bytes = tensor.bytes + tensor.bytes;
  }
  writeModel("llama", test::smallConfig(), tensors);
  auto model = import();
  ASSERT_TRUE(model.isOk()) << model.status().message();
  EXPECT_EQ(model->decoder->weightDtype, DType::bf16);
  EXPECT_TRUE(found(Finding::Kind::Notice, "checkpoint: 9 of 12 tensors are rounded to bf16"));
  expectLines(linesOf(*model->module, false),
              {"@embedding.weight : tensor<10x8xbf16>", "@final_norm.weight : tensor<8xf32>"});
}

TEST_F(Import, HalfPrecisionStays) {
  std::vector<test::Tensor> tensors = test::smallTensors();
  for (test::Tensor &tensor : tensors)
    tensor.dtype = "F16";
  writeModel("llama", test::smallConfig(), tensors);
  auto model = import();
  ASSERT_TRUE(model.isOk()) << model.status().message();
  EXPECT_EQ(model->decoder->weightDtype, DType::f16);
  expectLines(linesOf(*model->module, false),
              {"@embedding.weight : tensor<10x8xf16>", "nn.cache @layers.0.cache heads 2 head_dim 4 : f16"});
}

TEST_F(Import, RefusesVocabularyThatIsNotTheEmbeddings) {
  json config = test::smallConfig();
  config["vocab_size"] = 11;
  writeModel("llama", config, test::smallTensors());
  EXPECT_EQ(import().status().message(),
            "model.safetensors: tensor 'model.embed_tokens.weight' is [10, 8], but config.json asks for [11, 8] "
            "(vocab_size, hidden_size)\n"
            "model.safetensors: tensor 'lm_head.weight' is [10, 8], but config.json asks for [11, 8]");
}

TEST_F(Import, ListsEverythingAtOnce) {
  json config = test::smallConfig();
  config["hidden_act"] = "relu2";
  config["rope_scaling"] = {{"rope_type", "ntk"}};
  config["num_hidden_layers"] = 2;
  std::vector<test::Tensor> tensors = test::smallTensors();
  tensors[1].dtype = "I16";
  writeModel("llama", config, tensors);
  directory.write("tokenizer.json", "version https://git-lfs.github.com/spec/v1\n");
  auto model = import();
  ASSERT_FALSE(model.isOk());
  EXPECT_TRUE(found(Finding::Kind::Unsupported, "hidden_act 'relu2'"));
  EXPECT_TRUE(found(Finding::Kind::Unsupported, "rope_type 'ntk'"));
  EXPECT_TRUE(found(Finding::Kind::Unsupported,
                    "'model.layers.0.input_layernorm.weight' has dtype I16, which is not supported"));
  EXPECT_TRUE(found(Finding::Kind::Invalid,
                    "model.safetensors: tensor 'model.layers.1.input_layernorm.weight' is missing; and 8 more"));
  EXPECT_TRUE(found(Finding::Kind::Invalid, "tokenizer.json: is a Git LFS pointer"));
  EXPECT_EQ(model.status().code(), StatusCode::InvalidInput);
}

TEST_F(Import, RefusesUnknownArchitecture) {
  json config = test::smallConfig();
  config["architectures"] = {"GemmaForCausalLM"};
  writeModel("llama", config, test::smallTensors());
  Status status = import().status();
  EXPECT_EQ(status.code(), StatusCode::Unsupported);
  const std::string message = status.message();
  EXPECT_TRUE(message.starts_with("config.json: architectures 'GemmaForCausalLM' is not supported (")) << message;
  EXPECT_TRUE(message.ends_with(" are): docs/add-a-family.md")) << message;
  for (const char *architecture : {"LlamaForCausalLM", "Qwen3ForCausalLM"})
    EXPECT_NE(message.find(architecture), std::string::npos) << message;
}

TEST_F(Import, RefusesBrokenConfigFiles) {
  struct {
    std::string text;
    std::string message;
  } const cases[] = {{"", "config.json: "},
                     {"[]", "config.json: the document is no object"},
                     {R"({"rope_theta":NaN})", "config.json: "},
                     {R"({"rope_theta":1e400})", "config.json: "},
                     {R"({"a":1,"a":2})", "config.json: key 'a' occurs twice"},
                     {std::string(100'000, '['), "config.json: nested deeper"}};
  for (const auto &[text, message] : cases) {
    SCOPED_TRACE(text.substr(0, 60));
    findings = {};
    writeModel();
    directory.write("config.json", text);
    Status status = import().status();
    EXPECT_EQ(status.code(), StatusCode::InvalidInput);
    EXPECT_EQ(status.message().rfind(message, 0), 0u) << status.message();
  }
}

TEST_F(Import, ReportsMissingFiles) {
  EXPECT_NE(import().status().message().find(": there is no config.json"), std::string::npos);
  EXPECT_TRUE(found(Finding::Kind::Invalid, ": there is no config.json")); // --check prints findings only
  findings = {};
  ImportOptions options;
  options.directory = (directory.path() / "nowhere").string();
  EXPECT_EQ(importHuggingFace(context, options, findings).status().code(), StatusCode::InvalidArgument);
  findings = {};
  std::filesystem::create_symlink("/nowhere/config.json", directory.path() / "config.json");
  EXPECT_EQ(import({.randomSeed = 1}).status().message(), // and no error of JSON besides
            "'config.json' is a symbolic link to a file that is not there: /nowhere/config.json");
}

TEST_F(Import, HashTellsModelsApart) {
  writeModel();
  std::string first = import()->sourceHash;
  EXPECT_EQ(import()->sourceHash, first);
  std::vector<test::Tensor> tensors = test::smallTensors();
  tensors[4].bytes[1] = 0x40;
  writeModel("llama", test::smallConfig(), tensors);
  EXPECT_NE(import()->sourceHash, first);
}

TEST_F(Import, RandomWeightsNeedNoCheckpoint) {
  directory.write("config.json", test::smallConfig("qwen3").dump());
  auto model = import({.randomSeed = 5});
  ASSERT_TRUE(model.isOk()) << model.status().message();
  EXPECT_EQ(model->info.weights, "random:5");
  int weights = 0;
  for (auto weight : model->module->getOps<nn::WeightOp>()) {
    if (!weight.getSource())
      continue;
    WeightSpec spec = weightSpec(weight);
    EXPECT_EQ(spec.shape, model->weightSpecs[weights].shape);
    EXPECT_EQ(spec.dtype, model->weightSpecs[weights].dtype);
    EXPECT_EQ(spec.role, model->weightSpecs[weights++].role);
    EXPECT_TRUE(model->weights->readFloats(spec).isOk());
  }
  EXPECT_EQ(weights, 14);
}

TEST_F(Import, PublishedModelsByName) {
  const std::pair<const char *, int64_t> parameters[] = {
      {"Qwen3-0.6B", 596'049'920},       {"Qwen3-1.7B", 1'720'574'976},   {"Qwen3-8B", 8'190'735'360},
      {"Qwen2.5-0.5B", 494'032'768},     {"Qwen2.5-1.5B", 1'543'714'304}, {"Qwen2.5-7B", 7'615'616'512},
      {"Llama-3.2-1B", 1'235'814'400},   {"Llama-3.1-8B", 8'030'261'248}, {"Mistral-7B-v0.3", 7'248'023'552},
      {"SmolLM2-135M", 134'515'008},     {"SmolLM2-1.7B", 1'711'376'384}, {"SmolLM3-3B", 3'075'098'624},
      {"Granite-3.3-2B", 2'533'539'840}, {"GPT-2", 124'439'808},          {"Pythia-160M", 162'322'944},
      {"Gemma-2-2B", 2'614'341'888},     {"Gemma-3-1B", 999'885'952},     {"Gemma-3-4B", 3'880'263'168},
      {"OLMo-2-1B", 1'484'916'736},      {"Phi-4-mini", 3'836'021'760},   {"GLM-4-9B", 9'399'951'360},
      {"Ministral-3-3B", 3'429'006'336}};
  EXPECT_EQ(publishedModels().size(), std::size(parameters));
  for (const auto &[name, count] : parameters) {
    SCOPED_TRACE(name);
    auto model = import({.publishedName = name, .randomSeed = 1});
    ASSERT_TRUE(model.isOk()) << model.status().message();
    int64_t total = 0;
    for (const WeightSpec &spec : model->weightSpecs)
      total += spec.rows() * spec.columns();
    EXPECT_EQ(total, count);
    EXPECT_EQ(model->info.name, name);
    EXPECT_FALSE(model->decoder->eosTokens.empty());
  }
  // Files that are older than what their classes have since, or leave out what these have.
  std::string classes;
  for (const Finding &finding : findings.all()) {
    const std::string start = "config.json: what is not given there is the default of ";
    EXPECT_EQ(finding.message.rfind(start, 0), 0u) << finding.message;
    classes += finding.message.substr(start.size(), finding.message.find(':', start.size()) - start.size()) + " ";
  }
  EXPECT_EQ(classes,
            "GPT2Config GPTNeoXConfig Gemma2Config Gemma3TextConfig Gemma3TextConfig GlmConfig Ministral3Config ");
}

TEST_F(Import, PublishedModelsAreConfigurationsOnly) {
  Status status = import({.publishedName = "Qwen3-0.6B"}).status();
  EXPECT_EQ(status.code(), StatusCode::InvalidArgument);
  EXPECT_NE(status.message().find("--weights=random:SEED"), std::string::npos);
  status = import({.publishedName = "GPT-5", .randomSeed = 1}).status();
  EXPECT_NE(status.message().find("Qwen3-0.6B"), std::string::npos);
}

} // namespace
} // namespace cadenza
