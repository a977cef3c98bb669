#include "compiler/import/hf/gpt_layers.h"

namespace cadenza {
namespace {

class GptLayer {
public:
  GptLayer(DecoderBuilder &builder, const GptModules &modules, int64_t index)
      : builder_(builder), config_(builder.config()), modules_(modules), index_(index),
        role_("layers." + std::to_string(index) + "."),
        huggingFace_(modules.layers + "." + std::to_string(index) + ".") {}

  /// The attention's part of the residual stream, of which `x` is the layer's input.
  mlir::Value attention(mlir::Value x) {
    mlir::Value h = builder_.layerNorm(x, name("attention_norm", modules_.attentionNorm));
    mlir::Value query = queryKeyValue(h, "query", 0), key = queryKeyValue(h, "key", 1),
                value = queryKeyValue(h, "value", 2);
    if (modules_.positions.empty()) {
      query = builder_.rope(query, huggingFace_ + modules_.attention + ".rotary_emb.query", index_, Rotated::Query);
      key = builder_.rope(key, huggingFace_ + modules_.attention + ".rotary_emb.key", index_, Rotated::Key);
    }
    mlir::Value attended = builder_.attention(query, key, value, name("cache", modules_.attention), index_);
    return linear(attended, "attention.output", modules_.attentionOutput, config_.hiddenSize, config_.outputBias);
  }

  mlir::Value mlp(mlir::Value x) {
    mlir::Value h = builder_.layerNorm(x, name("mlp_norm", modules_.mlpNorm));
    h = linear(h, "mlp.up", modules_.up, config_.intermediateSize, config_.mlpBias);
    h = builder_.activation(h, huggingFace_ + modules_.activation);
    return linear(h, "mlp.down", modules_.down, config_.hiddenSize, config_.mlpBias);
  }

  mlir::Value run(mlir::Value x) {
    mlir::Value attended = builder_.add(x, attention(x), huggingFace_ + "attention_residual");
    mlir::Value update = mlp(config_.parallelResidual ? x : attended);
    return builder_.add(attended, update, huggingFace_.substr(0, huggingFace_.size() - 1));
  }

private:
  ModuleName name(const std::string &role, const std::string &huggingFace) const {
    return {role_ + role, huggingFace_ + huggingFace};
  }

  mlir::Value linear(mlir::Value input, const std::string &role, const std::string &huggingFace, int64_t outputs,
                     bool bias) {
    ModuleName module = name(role, huggingFace);
    if (modules_.transposed)
      module.part = {module.huggingFace, {.rows = outputs, .transposed = true, .run = outputs}};
    return builder_.linear(input, module, outputs, bias);
  }

  /// The `third` of the three parts of queryKeyValue.
  mlir::Value queryKeyValue(mlir::Value input, const std::string &part, int64_t third) {
    const int64_t rows = config_.heads * config_.headDim, run = modules_.byHead ? config_.headDim : rows;
    ModuleName module = name("attention." + part, modules_.queryKeyValue + "." + part);
    module.part = {huggingFace_ + modules_.queryKeyValue,
                   {.rows = 3 * rows,
                    .transposed = modules_.transposed,
                    .first = third * run,
                    .run = run,
                    .stride = run == rows ? 0 : 3 * run}};
    return builder_.linear(input, module, rows, config_.queryKeyValueBias);
  }

  DecoderBuilder &builder_;
  const DecoderConfig &config_;
  const GptModules &modules_;
  int64_t index_;
  std::string role_;        // "layers.3."
  std::string huggingFace_; // "transformer.h.3."
};

} // namespace

void buildGptLayers(DecoderBuilder &builder, const GptModules &modules) {
  std::optional<ModuleName> positions;
  if (!modules.positions.empty())
    positions = ModuleName{"positions", modules.positions};
  mlir::Value x = builder.embedding({"embedding", modules.embedding}, positions);
  for (int64_t i = 0; i < builder.config().layers; ++i)
    x = GptLayer(builder, modules, i).run(x);
  builder.finishNormed(builder.layerNorm(x, {"final_norm", modules.finalNorm}), modules.head);
}

} // namespace cadenza
