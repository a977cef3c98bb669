#include "compiler/import/onnx/decoder/companions.h"
#include "compiler/import/hf/chat.h"
#include "compiler/import/hf/config.h"
#include "compiler/import/hf/config_parts.h"
#include "compiler/import/hf/config_reader.h"
#include "compiler/import/hf/model_texts.h"
#include "compiler/import/onnx/read_model.h"
#include "compiler/import/text.h"

#include <algorithm>
#include <filesystem>

namespace cadenza::onnx {
namespace {

constexpr const char *genaiConfig = "genai_config.json", *config = "config.json",
                     *generationConfig = "generation_config.json";
constexpr int64_t maxExtent = int64_t{1} << 31;

/// Tokens that end a text, and the one that begins it.
void readTexts(ConfigReader &reader, Companions &result) {
  const int64_t vocabulary = result.hints.vocabulary.value_or(0);
  if (auto tokens = readTokens(reader, "eos_token_id", vocabulary); !tokens.empty())
    result.eosTokens = std::move(tokens);
  if (auto tokens = readTokens(reader, "bos_token_id", vocabulary); !tokens.empty() && result.bosToken < 0)
    result.bosToken = tokens.front();
}

/// Of attention only where it says which layers have it: else it is how a prompt is cut.
void readWindow(ConfigReader window, DecoderHints &hints) {
  if (!window.has("layers"))
    return;
  hints.window = window.integer("window_size", 1, maxExtent);
  hints.windowed = window.integers("layers", 0, maxConfigLayers);
}

void readGenai(ConfigReader &reader, Companions &result) {
  ConfigReader model = reader.object("model"), decoder = model.object("decoder");
  DecoderHints &hints = result.hints;
  hints.file = genaiConfig;
  hints.layers = decoder.integer("num_hidden_layers", 1, maxConfigLayers);
  hints.heads = decoder.integer("num_attention_heads", 1, maxExtent);
  hints.kvHeads = decoder.integer("num_key_value_heads", 1, maxExtent);
  hints.headDim = decoder.integer("head_size", 1, maxExtent);
  hints.hiddenSize = decoder.integer("hidden_size", 1, maxExtent);
  hints.vocabulary = model.integer("vocab_size", 1, maxExtent);
  hints.tokens = decoder.object("inputs").string("input_ids").value_or("");
  if (decoder.has("sliding_window"))
    readWindow(decoder.object("sliding_window"), hints);
  result.context = model.integer("context_length", 1, maxTextPositions);
  result.family = model.string("type").value_or(result.family);
  readTexts(model, result);
}

/// The first of the fields that is there.
std::optional<int64_t> firstOf(ConfigReader &reader, std::initializer_list<std::string_view> names, int64_t maximum) {
  for (std::string_view name : names)
    if (reader.has(name))
      return reader.integer(name, 1, maximum);
  return std::nullopt;
}

void readConfig(ConfigReader &reader, Companions &result) {
  result.family = reader.string("model_type").value_or(result.family);
  ConfigReader text = reader.has("text_config") ? reader.object("text_config") : reader;
  DecoderHints &hints = result.hints;
  hints.file = config;
  hints.layers = firstOf(text, {"num_hidden_layers", "n_layer"}, maxConfigLayers);
  hints.heads = firstOf(text, {"num_attention_heads", "n_head"}, maxExtent);
  hints.kvHeads = text.integer("num_key_value_heads", 1, maxExtent);
  hints.headDim = text.integer("head_dim", 1, maxExtent);
  hints.hiddenSize = firstOf(text, {"hidden_size", "n_embd"}, maxExtent);
  hints.vocabulary = text.integer("vocab_size", 1, maxExtent);
  result.context = firstOf(text, {"max_position_embeddings", "n_positions"}, maxTextPositions);
  readTexts(reader, result);
}

} // namespace

Companions readCompanions(ModelDirectory &directory, Findings &findings) {
  Companions result;
  const auto read = [&](const char *name, void (*take)(ConfigReader &, Companions &)) {
    const std::string text = readOptional(directory, name, findings);
    if (text.empty())
      return false;
    result.configs.push_back(text);
    if (const auto json = parseObject(text, name, findings)) {
      ConfigReader reader(*json, name, findings);
      take(reader, result);
    }
    return true;
  };
  if (!read(genaiConfig, readGenai)) {
    read(config, readConfig);
    read(generationConfig, [](ConfigReader &reader, Companions &companions) { readTexts(reader, companions); });
  }
  result.tokenizer = readOptional(directory, "tokenizer.json", findings);
  result.tokenizerConfig = readOptional(directory, "tokenizer_config.json", findings);
  result.chat = importChat(directory, result.tokenizerConfig, findings);
  result.generation = importGenerationDefaults(readOptional(directory, generationConfig, findings));
  return result;
}

StatusOr<std::optional<std::string>> modelFileIn(const std::string &path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(path, error))
    return std::optional<std::string>();
  CADENZA_ASSIGN_OR_RETURN(ModelDirectory directory, ModelDirectory::open(path));
  if (directory.has(genaiConfig)) {
    Findings findings;
    const auto json = parseObject(readOptional(directory, genaiConfig, findings), genaiConfig, findings);
    std::string name;
    if (json) {
      ConfigReader reader(*json, genaiConfig, findings);
      name = reader.object("model").object("decoder").string("filename").value_or("");
    }
    CADENZA_RETURN_IF_ERROR(findings.toStatus());
    if (name.empty() || name.find('/') != std::string::npos || !isModelFile(name))
      return Status(StatusCode::Unsupported,
                    std::string(genaiConfig) + ": model.decoder.filename " +
                        (name.empty() ? "is missing" : quotedName(name) + " is no .onnx file of its directory"));
    return std::optional((fs::path(path) / name).string());
  }
  std::vector<std::string> models;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.ends_with(".safetensors"))
      return std::optional<std::string>();
    if (isModelFile(name))
      models.push_back(name);
  }
  if (models.empty())
    return std::optional<std::string>();
  std::ranges::sort(models);
  if (models.size() > 1)
    return Status(StatusCode::InvalidInput, quotedName(path) + " has several ONNX models, " + quotedName(models[0]) +
                                                " and " + quotedName(models[1]) +
                                                (models.size() > 2 ? " among others" : "") + ": give one of them");
  return std::optional((fs::path(path) / models[0]).string());
}

} // namespace cadenza::onnx
