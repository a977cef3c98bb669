// GGUF files that llama.cpp's converter made of Hugging Face directories (test/fixtures/gguf): the same weights, to the
// bit, and the same logits as the directories themselves, which reference_test.cpp compares with transformers. And what
// is refused, and what is said.
#include "compiler/import/gguf/import_gguf.h"
#include "compiler/import/gguf/weights.h"
#include "compiler/import/stored_matrix.h"
#include "test/compiler/gguf/gguf_bytes.h"
#include "test/fixture_models.h"
#include "test/temporary_folder.h"

#include <gtest/gtest.h>

#include <cmath>

namespace cadenza {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path fixtures = CADENZA_SOURCE_DIR "/test/fixtures/gguf";

class GgufImport : public testing::TestWithParam<std::string> {};

json caseOf(const std::string &name) {
  for (const json &entry : json::parse(test::contents(fixtures / "cases.json")))
    if (entry["name"] == name)
      return entry;
  return {};
}

std::vector<std::string> caseNames() {
  std::vector<std::string> names;
  for (const json &entry : json::parse(test::contents(fixtures / "cases.json")))
    names.push_back(entry["name"]);
  return names;
}

/// The directory that the file was made from: with a config.json of its own.
void copyModel(const std::string &name, const fs::path &to) {
  for (const auto &file : fs::directory_iterator(test::fixtureModels() / name))
    if (file.path().filename().string().find(".safetensors") != std::string::npos)
      fs::copy(file.path(), to / file.path().filename());
  json config = json::parse(test::contents(test::fixtureModels() / name / "config.json"));
  config.merge_patch(caseOf(name).value("config", json::object()));
  std::ofstream(to / "config.json") << config;
}

std::vector<float> logitsOf(const ImportedModel &model, const std::vector<int32_t> &tokens) {
  nn::EvaluationState state(*model.module, [&](mlir::Operation *op) {
    return *model.weights->readFloats(weightSpec(llvm::cast<nn::WeightOp>(op)));
  });
  auto decode = nn::decodeEntryOf(*model.module);
  std::vector<float> logits;
  state.length = static_cast<int64_t>(tokens.size());
  for (size_t position = 0; position < tokens.size(); ++position) {
    auto onValue = [&](mlir::Operation *op, llvm::ArrayRef<nn::Vector> values) {
      if (op->hasOneUse() && llvm::isa<nn::ArgmaxOp>(*op->user_begin()))
        logits.insert(logits.end(), values[0].begin(), values[0].end());
    };
    EXPECT_TRUE(mlir::succeeded(nn::evaluateFunction(
        decode, state, nn::decodeArguments(decode, tokens[position], static_cast<int64_t>(position)), onValue)));
  }
  return logits;
}

TEST_P(GgufImport, IsTheDirectoryThatItWasMadeFrom) {
  test::TemporaryFolder folder;
  copyModel(GetParam(), folder.path());
  mlir::MLIRContext context;
  Findings findings, ofFile;
  auto directory = importHuggingFace(context, {.directory = folder.path().string()}, findings);
  ASSERT_TRUE(directory.isOk()) << directory.status().message();
  auto file = importGguf(
      context, {.directory = (fixtures / "models" / (GetParam() + ".gguf")).string(), .strict = true}, ofFile);
  ASSERT_TRUE(file.isOk()) << file.status().message();

  ASSERT_EQ(file->weightSpecs.size(), directory->weightSpecs.size());
  for (size_t i = 0; i < file->weightSpecs.size(); ++i) {
    const WeightSpec &ours = file->weightSpecs[i], &theirs = directory->weightSpecs[i];
    ASSERT_EQ(ours.role, theirs.role);
    ASSERT_EQ(ours.shape, theirs.shape);
    if (ours.shape.size() == 2) {
      EXPECT_EQ(ours.dtype, theirs.dtype) << ours.role;
    }
    EXPECT_EQ(*file->weights->readFloats(ours), *directory->weights->readFloats(theirs)) << ours.role;
  }
  EXPECT_EQ(file->decoder->family, directory->decoder->family);
  EXPECT_EQ(file->decoder->maxContext, directory->decoder->maxContext);
  EXPECT_EQ(file->decoder->weightDtype, directory->decoder->weightDtype);

  const std::vector<int32_t> tokens = test::tokensOf(GetParam());
  const std::vector<float> ours = logitsOf(*file, tokens), theirs = logitsOf(*directory, tokens);
  ASSERT_EQ(ours.size(), theirs.size());
  for (size_t i = 0; i < ours.size(); ++i)
    ASSERT_NEAR(ours[i], theirs[i], test::exactLogits) << i;
  if (caseOf(GetParam()).contains("config") || !test::hasExactWeights(GetParam()))
    return; // of another configuration there are no logits by transformers
  const std::vector<float> exact = test::readNpy(test::fixtureModels() / GetParam() / "logits_f32.npy");
  for (size_t i = 0; i < ours.size(); ++i)
    ASSERT_NEAR(ours[i], exact[i], 2 * test::exactLogits) << i;
}

INSTANTIATE_TEST_SUITE_P(Models, GgufImport, testing::ValuesIn(caseNames()),
                         [](const auto &info) { return test::testName(info.param); });

class GgufModel : public testing::Test {
protected:
  StatusOr<ImportedModel> import(const test::GgufBytes &bytes) {
    const fs::path path = folder.path() / "small.gguf";
    std::ofstream(path, std::ios::binary) << bytes.make();
    options.directory = path.string();
    findings = {};
    return importGguf(context, options, findings);
  }
  void expectError(const test::GgufBytes &bytes, const std::string &message,
                   StatusCode code = StatusCode::InvalidInput) {
    const auto model = import(bytes);
    ASSERT_FALSE(model.isOk()) << message;
    EXPECT_EQ(model.status().code(), code) << model.status().message();
    EXPECT_NE(model.status().message().find(message), std::string::npos) << model.status().message();
  }
  bool said(const std::string &text) const {
    for (const Finding &finding : findings.all())
      if (finding.message.find(text) != std::string::npos)
        return true;
    return false;
  }
  static std::string *keyOf(test::GgufBytes &bytes, const std::string &name) {
    for (auto &[key, value] : bytes.keys)
      if (key == name)
        return &value;
    return nullptr;
  }
  /// Zeros of a type of blocks in place of a tensor's floats.
  static void quantize(test::GgufTensor &tensor, uint32_t type, uint64_t blockElements, uint64_t blockBytes) {
    tensor.type = type;
    tensor.bytes.assign(tensor.bytes.size() / 4 / blockElements * blockBytes, '\0');
  }

  test::TemporaryFolder folder;
  mlir::MLIRContext context;
  ImportOptions options;
  Findings findings;
};

using test::f32, test::smallGguf, test::text, test::u32;

TEST_F(GgufModel, OfF32IsRoundedWithANotice) {
  ASSERT_TRUE(import(smallGguf()).isOk());
  EXPECT_TRUE(said("small.gguf: 8 of 11 tensors are rounded to bf16"));
  EXPECT_TRUE(said("tokenizer.ggml.model is missing; the plan will take token ids only"));
  EXPECT_EQ(findings.all().size(), 2U);
}

TEST_F(GgufModel, QuantizedTensorsAreCounted) {
  test::GgufBytes bytes = smallGguf();
  quantize(bytes.tensors[0], 8, 32, 34); // Q8_0
  quantize(bytes.tensors[3], 2, 32, 18); // Q4_0
  quantize(bytes.tensors[4], 2, 32, 18);
  ASSERT_TRUE(import(bytes).isOk());
  EXPECT_TRUE(said("small.gguf: 3 of 11 tensors (2 Q4_0, 1 Q8_0) are stored as bf16, dequantised and rounded: "));
  options.dtype = "f16";
  auto model = import(bytes);
  ASSERT_TRUE(model.isOk());
  EXPECT_TRUE(said("(2 Q4_0, 1 Q8_0) are stored as f16"));
  EXPECT_EQ(model->decoder->weightDtype, DType::f16);
}

TEST_F(GgufModel, CodesAreInTheOrderOfTheFamily) {
  test::GgufBytes bytes = smallGguf();
  test::GgufTensor &query = bytes.tensors[3];
  quantize(query, 8, 32, 34);
  for (size_t i = 0; i < query.bytes.size(); ++i) // halves 1 + row / 1024, codes that are the row
    query.bytes[i] = static_cast<char>(i % 34 == 0 ? i / 34 : i % 34 == 1 ? 0x3C : i / 34);
  auto model = import(bytes);
  ASSERT_TRUE(model.isOk()) << model.status().message();
  auto file = gguf::File::open(options.directory);
  const gguf::Model described{.file = std::make_shared<const gguf::File>(std::move(*file)),
                              .architecture = gguf::findArchitecture("llama"),
                              .heads = {.headDim = 8, .heads = 4, .kvHeads = 2}};
  EXPECT_EQ(gguf::makeStoredMatrix(described, "model.layers.0.self_attn.k_proj.weight", 16), nullptr);
  const auto matrix = gguf::makeStoredMatrix(described, "model.layers.0.self_attn.q_proj.weight", 32);
  ASSERT_TRUE(matrix);
  StoredRows rows;
  ASSERT_TRUE(matrix->read(8, 16, rows).isOk()); // heads 1 and 2, whose rows are those of the file in pairs
  const std::vector<int> expected = {8, 10, 12, 14, 9, 11, 13, 15, 16, 18, 20, 22, 17, 19, 21, 23};
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(rows.codes[i * 32], expected[i]);
  std::vector<float> values(16 * 32);
  dequantize(matrix->format(), rows, 32, values.data());
  for (WeightSpec spec : model->weightSpecs)
    if (spec.role == "layers.0.attention.query.weight") {
      spec.dtype = DType::f32;
      const std::vector<float> all = *model->weights->readFloats(spec);
      EXPECT_EQ(values, std::vector<float>(all.begin() + 8 * 32, all.begin() + 24 * 32));
    }
}

TEST_F(GgufModel, AScaleThatIsNotFiniteIsAnErrorOfReading) {
  test::GgufBytes bytes = smallGguf();
  quantize(bytes.tensors[3], 8, 32, 34);
  bytes.tensors[3].bytes[5 * 34 + 1] = 0x7E; // row 5, whose place in the family is row 6 of the head, or 2
  auto model = import(bytes);
  ASSERT_TRUE(model.isOk()) << model.status().message();
  for (const WeightSpec &spec : model->weightSpecs) {
    const auto values = model->weights->readFloats(spec);
    EXPECT_EQ(values.isOk(), spec.role != "layers.0.attention.query.weight");
    if (!values.isOk()) {
      EXPECT_EQ(values.status().message(), "small.gguf: tensor 'blk.0.attn_q.weight': rows [5, 6) have a scale that is "
                                           "not finite");
    }
  }
}

TEST_F(GgufModel, WhatIsNotSupportedIsSaidAllAtOnce) {
  test::GgufBytes bytes = smallGguf();
  quantize(bytes.tensors[3], 24, 1, 1); // I8
  quantize(bytes.tensors[6], 24, 1, 1);
  quantize(bytes.tensors[9], 28, 1, 8); // F64
  quantize(bytes.tensors[2], 8, 32, 34);
  bytes.keys.push_back({"llama.expert_count", u32(8)});
  bytes.keys.push_back({"llama.rope.scaling.type", text("dynamic")});
  bytes.keys.push_back({"llama.own", u32(8)});
  expectError(bytes, "small.gguf: llama.rope.scaling.type 'dynamic' is not supported", StatusCode::Unsupported);
  EXPECT_TRUE(said("llama.expert_count 8 is not supported: it is a mixture of experts"));
  EXPECT_TRUE(said("tensor 'blk.0.attn_q.weight' is of type I8, which is not supported (F32, F16, Q4_0, "));
  EXPECT_TRUE(said("; and 1 more"));
  EXPECT_TRUE(said("tensor 'blk.0.ffn_up.weight' is of type F64, which is not supported"));
  EXPECT_TRUE(said("tensor 'blk.0.attn_norm.weight' is of type Q8_0 (of a vector), which is not supported"));
  EXPECT_TRUE(said("llama.own is not known and was ignored"));
}

TEST_F(GgufModel, RefusesArchitecturesByName) {
  test::GgufBytes bytes = smallGguf();
  bytes.keys[0].second = text("mamba");
  expectError(bytes, "general.architecture 'mamba' is not supported (gemma2, gemma3, ", StatusCode::Unsupported);
  bytes.keys[0].second = u32(1);
  expectError(bytes, "general.architecture is no string");
  bytes.keys.erase(bytes.keys.begin());
  expectError(bytes, "general.architecture is missing");
}

TEST_F(GgufModel, RefusesKeysThatAreWrong) {
  const std::vector<std::tuple<std::string, std::string, std::string>> wrong = {
      {"llama.block_count", u32(0), "llama.block_count is 0; expected an integer in [1, "},
      {"llama.block_count", text("many"), "llama.block_count is 'many'; expected an integer"},
      {"llama.attention.head_count", u32(5), "llama.attention.head_count 5 is no multiple of"},
      {"llama.attention.head_count", test::integers({4, 8}), "llama.attention.head_count is a list"},
      {"llama.embedding_length", u32(1U << 31), "llama.embedding_length is 2147483648; expected"},
      {"llama.attention.layer_norm_rms_epsilon", f32(NAN), "llama.attention.layer_norm_rms_epsilon is"},
      {"llama.embedding_length", u32(64), "ask for [10, 64]"},
  };
  for (const auto &[key, value, message] : wrong) {
    test::GgufBytes bytes = smallGguf();
    *keyOf(bytes, key) = value;
    const auto model = import(bytes);
    EXPECT_FALSE(model.isOk()) << message;
    EXPECT_TRUE(said(message)) << message << "\n" << model.status().message();
  }
  for (const char *key :
       {"llama.block_count", "llama.embedding_length", "llama.attention.head_count", "llama.feed_forward_length"}) {
    test::GgufBytes bytes = smallGguf();
    std::erase_if(bytes.keys, [&](const auto &entry) { return entry.first == key; });
    EXPECT_FALSE(import(bytes).isOk());
    EXPECT_TRUE(said(std::string(key) + " is missing")) << key;
  }
}

TEST_F(GgufModel, RefusesTensorsThatAreMissingOrOfAnotherShape) {
  test::GgufBytes bytes = smallGguf();
  bytes.tensors.erase(bytes.tensors.begin() + 3);
  expectError(bytes, "small.gguf: tensor 'blk.0.attn_q.weight' is missing of 11");
  bytes = smallGguf();
  bytes.tensors.erase(bytes.tensors.begin());
  expectError(bytes, "token_embd.weight is missing");
  bytes = smallGguf();
  bytes.tensors[3] = test::onesF32("blk.0.attn_q.weight", {32, 16});
  expectError(bytes, "tensor 'blk.0.attn_q.weight' is [16, 32], but the keys of llama ask for [32, 32]");
  bytes = smallGguf();
  bytes.tensors.push_back(test::onesF32("rope_freqs.weight", {3}));
  expectError(bytes, "tensor 'rope_freqs.weight' is F32 [3]; expected floats [4]");
  bytes.tensors.back() = test::onesF32("rope_freqs.weight", {4});
  EXPECT_TRUE(import(bytes).isOk());
  bytes.tensors.back().bytes.assign(16, '\0');
  expectError(bytes, "divides a frequency of RoPE by a number that is not positive and finite");
}

TEST_F(GgufModel, TensorsOfNoUseAreANoticeAndStrictlyAnError) {
  test::GgufBytes bytes = smallGguf();
  bytes.tensors.push_back(test::onesF32("blk.0.attn_sinks.weight", {4}));
  EXPECT_TRUE(import(bytes).isOk());
  EXPECT_TRUE(said("1 tensor is no part of this architecture as it is built here and left out; the first is "
                   "'blk.0.attn_sinks.weight'"));
  options.strict = true;
  EXPECT_FALSE(import(bytes).isOk());
}

TEST_F(GgufModel, QueriesKeysAndValuesMayBeOneTensor) {
  test::GgufBytes bytes = smallGguf();
  bytes.keys[0].second = text("qwen2");
  for (auto &[key, value] : bytes.keys)
    if (key.starts_with("llama."))
      key = "qwen2." + key.substr(6);
  std::string rows, bias;
  for (int i = 0; i < 64; ++i) {
    for (int column = 0; column < 32; ++column)
      rows += test::little(static_cast<float>(i));
    bias += test::little(static_cast<float>(i));
  }
  bytes.tensors.erase(bytes.tensors.begin() + 3, bytes.tensors.begin() + 6);
  bytes.tensors.push_back({"blk.0.attn_qkv.weight", {32, 64}, 0, rows});
  bytes.tensors.push_back({"blk.0.attn_qkv.bias", {64}, 0, bias});
  options.strict = true;
  auto model = import(bytes);
  ASSERT_TRUE(model.isOk()) << model.status().message();
  for (const WeightSpec &spec : model->weightSpecs) {
    const float first = spec.role.find("attention.key.") != std::string::npos     ? 32
                        : spec.role.find("attention.value.") != std::string::npos ? 48
                                                                                  : 0;
    if (first == 0)
      continue;
    EXPECT_EQ(model->weights->readFloats(spec)->front(), first) << spec.role;
  }
}

TEST_F(GgufModel, ChatTemplatesComeAlong) {
  EXPECT_TRUE(import(smallGguf())->chat.empty());
  test::GgufBytes bytes = smallGguf();
  bytes.keys.push_back({"tokenizer.chat_template", text("{{ bos_token }}{{ messages[0].content }}")});
  bytes.keys.push_back({"tokenizer.chat_template.tools", text("{% for %}")});
  bytes.keys.push_back({"tokenizer.chat_templates", test::strings({"tools"})});
  bytes.keys.push_back({"tokenizer.ggml.tokens", test::strings({"a", "<s>"})});
  bytes.keys.push_back({"tokenizer.ggml.bos_token_id", u32(1)});
  bytes.keys.push_back({"tokenizer.ggml.eos_token_id", u32(7)});
  const json chat = json::parse(import(bytes)->chat);
  EXPECT_EQ(chat["special_tokens"], (json{{"bos_token", "<s>"}}));
  EXPECT_EQ(chat["templates"][0], (json{{"name", "default"}, {"text", "{{ bos_token }}{{ messages[0].content }}"}}));
  EXPECT_EQ(chat["templates"][1]["name"], "tools");
  EXPECT_TRUE(said("small.gguf: tokenizer.chat_template.tools: "));
  bytes.keys.push_back({"tokenizer.chat_template.x", text("\xFF")});
  expectError(bytes, "tokenizer.chat_template.x is not valid UTF-8");
}

TEST_F(GgufModel, KeysOfAnotherTypeAreNoMissingKeys) {
  const std::tuple<const char *, std::string, const char *> cases[] = {
      {"tokenizer.ggml.eos_token_id", text("2"), "the id of a token"},
      {"tokenizer.ggml.add_bos_token", u32(1), "true or false"},
      {"tokenizer.ggml.pre", u32(1), "a string"},
      {"tokenizer.chat_template", u32(1), "a string"}};
  for (const auto &[key, value, expected] : cases) {
    test::GgufBytes bytes = smallGguf();
    bytes.keys.push_back({key, value});
    expectError(bytes, std::string("small.gguf: ") + key + " must be " + expected);
  }
}

TEST_F(GgufModel, EndsOfTurnsEndATextToo) {
  test::GgufBytes bytes = smallGguf();
  bytes.keys.push_back({"tokenizer.ggml.eos_token_id", u32(1)});
  bytes.keys.push_back({"tokenizer.ggml.tokens", test::strings({"a", "b", "<|im_end|>"})});
  EXPECT_EQ(import(bytes)->decoder->eosTokens, (std::vector<int32_t>{1, 2}));
  bytes.keys.push_back({"tokenizer.ggml.eot_token_id", u32(3)});
  EXPECT_EQ(import(bytes)->decoder->eosTokens, (std::vector<int32_t>{1, 3}));
  EXPECT_EQ(import(smallGguf())->decoder->bosToken, -1);
  EXPECT_TRUE(import(smallGguf())->decoder->eosTokens.empty());
}

} // namespace
} // namespace cadenza
