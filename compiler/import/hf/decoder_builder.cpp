#include "compiler/import/hf/decoder_builder.h"
#include "compiler/import/convert.h"

#include "mlir/IR/BuiltinAttributes.h"

#include <cmath>

namespace cadenza {
namespace {

mlir::Type elementType(mlir::Builder &builder, DType dtype) {
  switch (dtype) {
  case DType::f32:
    return builder.getF32Type();
  case DType::bf16:
    return builder.getBF16Type();
  case DType::f16:
    return builder.getF16Type();
  default:
    break;
  }
  return builder.getI32Type();
}

} // namespace

DecoderBuilder::DecoderBuilder(mlir::MLIRContext &context, const DecoderConfig &config, DType cacheType,
                               WeightTypes weightTypes)
    : config_(config), cacheType_(cacheType), weightTypes_(std::move(weightTypes)),
      module_(mlir::ModuleOp::create(mlir::UnknownLoc::get(&context))), symbols_(&context), ops_(&context) {
  context.loadDialect<nn::NNDialect, mlir::func::FuncDialect>();
  auto index = mlir::RankedTensorType::get({1}, ops_.getI32Type());
  ops_.setInsertionPointToEnd(module_->getBody());
  auto function =
      mlir::func::FuncOp::create(ops_, location("decode"), "decode", ops_.getFunctionType({index, index}, {index}));
  const auto port = [&](PortKind kind) { return nn::PortAttr::get(&context, kind, "", {}); };
  function.setArgAttr(0, nn::portAttribute, port(PortKind::Token));
  function.setArgAttr(1, nn::portAttribute, port(PortKind::Position));
  function.setResultAttr(0, nn::portAttribute, port(PortKind::Next));
  symbols_.setInsertionPoint(function);
  mlir::Block *body = function.addEntryBlock();
  token_ = body->getArgument(0);
  position_ = body->getArgument(1);
  token_.setLoc(location("token"));
  position_.setLoc(location("position"));
  ops_.setInsertionPointToEnd(body);
}

mlir::Location DecoderBuilder::location(const std::string &name) {
  return mlir::NameLoc::get(ops_.getStringAttr(name));
}

mlir::RankedTensorType DecoderBuilder::vectorType(int64_t elements) {
  return mlir::RankedTensorType::get({1, elements}, ops_.getF32Type());
}

mlir::FlatSymbolRefAttr DecoderBuilder::weight(const ModuleName &name, const std::string &kind,
                                               std::vector<int64_t> shape, double plus) {
  WeightSpec spec{name.role + "." + kind, (name.part ? name.part->module : name.huggingFace) + "." + kind,
                  std::move(shape), DType::bf16};
  spec.plus = static_cast<float>(plus);
  auto reference = mlir::FlatSymbolRefAttr::get(ops_.getContext(), spec.role);
  if (!declared_.insert(spec.role).second)
    return reference;
  spec.dtype = weightTypes_(spec.tensor, spec.shape.size());
  auto op = nn::WeightOp::create(symbols_, location(spec.tensor), spec.role,
                                 mlir::RankedTensorType::get(spec.shape, elementType(symbols_, spec.dtype)),
                                 symbols_.getStringAttr(spec.tensor), /*value=*/mlir::ElementsAttr());
  if (plus != 0)
    op.setPlusAttr(symbols_.getF64FloatAttr(plus));
  if (name.part) {
    WeightView rows = name.part->rows;
    rows.transposed &= spec.shape.size() == 2;
    const int64_t run = rows.run == spec.rows() ? 0 : rows.run; // 0: one run
    op.setViewAttr(nn::ViewAttr::get(ops_.getContext(), rows.rows, rows.transposed, rows.first, run, rows.stride));
    spec.view = rows;
  }
  weights_.push_back(std::move(spec));
  return reference;
}

mlir::FlatSymbolRefAttr DecoderBuilder::inverseFrequencies(const std::string &name, const RopeParameters *rope,
                                                           Rotated rotated) {
  const bool grows = rope && rope->queryGrowth != 0 && rotated == Rotated::Query;
  const std::string symbol = (grows ? "rope.query_" : "rope.") + name;
  const auto reference = mlir::FlatSymbolRefAttr::get(ops_.getContext(), symbol);
  if (!declared_.insert(symbol).second)
    return reference;
  auto type = mlir::RankedTensorType::get({config_.rotaryDim / 2}, symbols_.getF32Type());
  const auto constant = [&](bool isLong) {
    const std::vector<double> exact =
        rope ? ropeInverseFrequencies(*rope, config_.rotaryDim, isLong) : std::vector<double>(config_.rotaryDim / 2);
    const std::vector<float> rounded(exact.begin(), exact.end());
    return mlir::DenseElementsAttr::get(type, llvm::ArrayRef<float>(rounded));
  };
  auto op = nn::WeightOp::create(symbols_, location("model.rotary_emb"), symbol, type, /*source=*/mlir::StringAttr(),
                                 constant(/*isLong=*/false));
  if (grows)
    op.setGrowthAttr(nn::GrowthAttr::get(ops_.getContext(), symbols_.getF64FloatAttr(rope->queryGrowth),
                                         rope->originalMaxPositions));
  if (rope && rope->attentionFactor != 1)
    op.setFactorAttr(symbols_.getF64FloatAttr(rope->attentionFactor));
  if (rope && rope->type == RopeParameters::Type::LongRope && config_.maxPositions > rope->originalMaxPositions)
    op.setLongTableAttr(nn::LongAttr::get(ops_.getContext(), constant(/*isLong=*/true), rope->originalMaxPositions));
  return reference;
}

mlir::Value DecoderBuilder::embedding(const ModuleName &name, const std::optional<ModuleName> &positions) {
  auto matrix = weight(name, "weight", {config_.vocabSize, config_.hiddenSize});
  auto learned =
      positions ? weight(*positions, "weight", {config_.maxPositions, config_.hiddenSize}) : mlir::FlatSymbolRefAttr();
  double factor = config_.embeddingScale;
  if (config_.roundsEmbeddingScale) {
    auto rounded = static_cast<float>(factor);
    roundTo(weightTypes_(name.huggingFace + ".weight", 2), {&rounded, 1});
    factor = rounded;
  }
  auto scale = factor == 1 ? mlir::FloatAttr() : ops_.getF64FloatAttr(factor);
  return nn::EmbeddingOp::create(ops_, location(name.huggingFace), vectorType(config_.hiddenSize), token_,
                                 positions ? position_ : mlir::Value(), matrix, learned, scale);
}

mlir::Value DecoderBuilder::rmsNorm(mlir::Value input, const ModuleName &name, std::optional<int64_t> group) {
  auto gamma = weight(name, "weight", {group.value_or(nn::rowElements(input))}, config_.normPlus);
  auto groupSize = group ? ops_.getI64IntegerAttr(*group) : mlir::IntegerAttr();
  return nn::RMSNormOp::create(ops_, location(name.huggingFace), input.getType(), input, gamma,
                               ops_.getF64FloatAttr(config_.normEps), groupSize);
}

mlir::Value DecoderBuilder::layerNorm(mlir::Value input, const ModuleName &name) {
  const int64_t elements = nn::rowElements(input);
  return nn::LayerNormOp::create(ops_, location(name.huggingFace), input.getType(), input,
                                 weight(name, "weight", {elements}), weight(name, "bias", {elements}),
                                 ops_.getF64FloatAttr(config_.normEps), /*group_size=*/mlir::IntegerAttr());
}

mlir::Value DecoderBuilder::linear(mlir::Value input, const ModuleName &name, int64_t outputs, bool bias) {
  auto matrix = weight(name, "weight", {outputs, nn::rowElements(input)});
  auto addend = bias ? weight(name, "bias", {outputs}) : mlir::FlatSymbolRefAttr();
  return nn::LinearOp::create(ops_, location(name.huggingFace), vectorType(outputs), input, matrix, addend);
}

mlir::Value DecoderBuilder::rope(mlir::Value input, const std::string &huggingFace, int64_t layer, Rotated rotated) {
  mlir::FlatSymbolRefAttr table;
  if (!config_.ropeLayers.empty() && !config_.ropeLayers[layer])
    table = inverseFrequencies("zeros", nullptr, rotated);
  else if (config_.slidingRope && isSliding(layer))
    table = inverseFrequencies("sliding_inverse_frequencies", &*config_.slidingRope, rotated);
  else
    table = inverseFrequencies("inverse_frequencies", &config_.rope, rotated);
  auto rotaryDim =
      config_.rotaryDim == config_.headDim ? mlir::IntegerAttr() : ops_.getI64IntegerAttr(config_.rotaryDim);
  return nn::RopeOp::create(ops_, location(huggingFace), input.getType(), input, position_, table,
                            ops_.getI64IntegerAttr(config_.headDim), rotaryDim,
                            config_.ropeInterleaved ? ops_.getUnitAttr() : mlir::UnitAttr());
}

mlir::Value DecoderBuilder::attention(mlir::Value query, mlir::Value key, mlir::Value value, const ModuleName &name,
                                      int64_t layer) {
  nn::CacheOp::create(symbols_, location(name.huggingFace), name.role, config_.kvHeads, config_.headDim,
                      elementType(symbols_, cacheType_));
  auto cache = mlir::FlatSymbolRefAttr::get(ops_.getContext(), name.role);
  nn::KVAppendOp::create(ops_, location(name.huggingFace + ".kv_append"), key, value, position_, cache);
  double scale = config_.attentionScale.value_or(1 / std::sqrt(static_cast<double>(config_.headDim)));
  mlir::FlatSymbolRefAttr window;
  if (config_.window != 0) {
    const std::string symbol = "layers." + std::to_string(layer) + ".attention.window";
    nn::ScalarOp::create(symbols_, location(name.huggingFace), symbol, isSliding(layer) ? config_.window : 0);
    window = mlir::FlatSymbolRefAttr::get(ops_.getContext(), symbol);
  }
  auto cap = config_.attentionCap ? ops_.getF64FloatAttr(*config_.attentionCap) : mlir::FloatAttr();
  return nn::AttentionOp::create(ops_, location(name.huggingFace + ".attention"), query.getType(), query, position_,
                                 cache, ops_.getI64IntegerAttr(config_.heads), ops_.getF64FloatAttr(scale), window,
                                 cap);
}

mlir::Value DecoderBuilder::activation(mlir::Value input, const std::string &huggingFace) {
  switch (config_.activation) {
  case Activation::Silu:
    break;
  case Activation::Gelu:
    return nn::GeluOp::create(ops_, location(huggingFace), input.getType(), input);
  case Activation::GeluTanh:
    return nn::GeluTanhOp::create(ops_, location(huggingFace), input.getType(), input);
  }
  return nn::SiluOp::create(ops_, location(huggingFace), input.getType(), input);
}

mlir::Value DecoderBuilder::mul(mlir::Value lhs, mlir::Value rhs, const std::string &huggingFace) {
  return nn::MulOp::create(ops_, location(huggingFace), lhs.getType(), lhs, rhs);
}

mlir::Value DecoderBuilder::scale(mlir::Value input, double factor, const std::string &huggingFace) {
  if (factor == 1)
    return input;
  return nn::ScaleOp::create(ops_, location(huggingFace), input.getType(), input, ops_.getF64FloatAttr(factor));
}

mlir::Value DecoderBuilder::add(mlir::Value residual, mlir::Value update, const std::string &huggingFace) {
  return nn::AddOp::create(ops_, location(huggingFace), residual.getType(), residual, update);
}

void DecoderBuilder::finishNormed(mlir::Value normed, const std::string &head) {
  mlir::Value logits;
  if (config_.tieWordEmbeddings)
    logits = nn::LinearOp::create(ops_, location(head), vectorType(config_.vocabSize), normed,
                                  mlir::FlatSymbolRefAttr::get(ops_.getContext(), "embedding.weight"),
                                  /*bias=*/mlir::FlatSymbolRefAttr());
  else
    logits = linear(normed, {"head", head}, config_.vocabSize, /*bias=*/false);
  logits = scale(logits, config_.logitsScale, "logits_scale");
  if (config_.logitsCap)
    logits = nn::SoftcapOp::create(ops_, location("logits_cap"), logits.getType(), logits,
                                   ops_.getF64FloatAttr(*config_.logitsCap));
  mlir::Value next = nn::ArgmaxOp::create(ops_, location("next_token"), token_.getType(), logits);
  mlir::func::ReturnOp::create(ops_, location("decode"), next);
}

DecoderLayer::DecoderLayer(DecoderBuilder &builder, int64_t index)
    : builder_(builder), index_(index), role_("layers." + std::to_string(index) + "."),
      huggingFace_("model.layers." + std::to_string(index) + ".") {}

ModuleName DecoderLayer::projection(const char *role, const char *huggingFace, const char *fused, int64_t all,
                                    int64_t first, int64_t rows) const {
  ModuleName module = name(role, huggingFace);
  if (fused)
    module.part = {huggingFace_ + fused, {.rows = all, .first = first, .run = rows}};
  return module;
}

mlir::Value DecoderLayer::norm(mlir::Value x, const char *role, const char *norm) {
  return norm ? builder_.rmsNorm(x, name(role, norm)) : x;
}

mlir::Value DecoderLayer::attention(mlir::Value x, const Options &options) {
  const DecoderConfig &config = builder_.config();
  const int64_t querySize = config.heads * config.headDim, kvSize = config.kvHeads * config.headDim;
  const char *fused = options.fusedQueryKeyValue ? "self_attn.qkv_proj" : nullptr;
  const auto project = [&](mlir::Value input, const char *role, const char *huggingFace, int64_t first, int64_t rows) {
    return builder_.linear(input, projection(role, huggingFace, fused, querySize + 2 * kvSize, first, rows), rows,
                           config.queryKeyValueBias);
  };
  mlir::Value h = norm(x, "attention_norm", options.attentionNorm);
  mlir::Value query = project(h, "attention.query", "self_attn.q_proj", 0, querySize);
  mlir::Value key = project(h, "attention.key", "self_attn.k_proj", querySize, kvSize);
  mlir::Value value = project(h, "attention.value", "self_attn.v_proj", querySize + kvSize, kvSize);
  if (options.queryKeyNorm != QueryKeyNorm::None) {
    std::optional<int64_t> group; // nothing: all elements
    if (options.queryKeyNorm == QueryKeyNorm::Heads)
      group = config.headDim;
    query = builder_.rmsNorm(query, name("attention.query_norm", "self_attn.q_norm"), group);
    key = builder_.rmsNorm(key, name("attention.key_norm", "self_attn.k_norm"), group);
  }
  query = builder_.rope(query, huggingFace_ + "self_attn.rotary_emb.query", index_, Rotated::Query);
  key = builder_.rope(key, huggingFace_ + "self_attn.rotary_emb.key", index_, Rotated::Key);
  mlir::Value attended = builder_.attention(query, key, value, name("cache", "self_attn"), index_);
  mlir::Value output =
      builder_.linear(attended, name("attention.output", "self_attn.o_proj"), config.hiddenSize, config.outputBias);
  output = norm(output, "attention_post_norm", options.attentionPostNorm);
  output = builder_.scale(output, config.residualScale, huggingFace_ + "self_attn.scale");
  return builder_.add(x, output, huggingFace_ + "post_attention_residual");
}

mlir::Value DecoderLayer::gatedMlp(mlir::Value x, const Options &options) {
  const DecoderConfig &config = builder_.config();
  const int64_t size = config.intermediateSize;
  const char *fused = options.fusedGateUp ? "mlp.gate_up_proj" : nullptr;
  mlir::Value h = norm(x, "mlp_norm", options.mlpNorm);
  mlir::Value gate =
      builder_.linear(h, projection("mlp.gate", "mlp.gate_proj", fused, 2 * size, 0, size), size, config.mlpBias);
  mlir::Value up =
      builder_.linear(h, projection("mlp.up", "mlp.up_proj", fused, 2 * size, size, size), size, config.mlpBias);
  mlir::Value activated = builder_.activation(gate, huggingFace_ + "mlp.act_fn");
  mlir::Value product = builder_.mul(activated, up, huggingFace_ + "mlp.product");
  mlir::Value down = builder_.linear(product, name("mlp.down", "mlp.down_proj"), config.hiddenSize, config.mlpBias);
  down = norm(down, "mlp_post_norm", options.mlpPostNorm);
  down = builder_.scale(down, config.residualScale, huggingFace_ + "mlp.scale");
  return builder_.add(x, down, huggingFace_.substr(0, huggingFace_.size() - 1));
}

void buildLlamaLayers(DecoderBuilder &builder, const DecoderLayer::Options &options) {
  mlir::Value x = builder.tokenEmbedding();
  for (int64_t i = 0; i < builder.config().layers; ++i) {
    DecoderLayer layer(builder, i);
    x = layer.attention(x, options);
    x = layer.gatedMlp(x, options);
  }
  builder.finish(x);
}

} // namespace cadenza
