// Builds the `nn` module of a decoder-only transformer: the ops with their weights, canonical roles and Hugging Face
// names (DecoderBuilder), and on top of them the blocks that families share (DecoderLayer). A family that differs in a
// block calls the ops itself.
#pragma once

#include "compiler/import/hf/config.h"
#include "compiler/import/weight_source.h"
#include "compiler/ir/nn/NN.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OwningOpRef.h"

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace cadenza {

/// One module of the model under its two names: the canonical role, the same for every importer
/// ("layers.3.attention.query"), and the Hugging Face module ("model.layers.3.self_attn.q_proj"), which names both the
/// checkpoint's tensors and, as a location, the output of the op.
struct ModuleName {
  std::string role;
  std::string huggingFace;
  /// Where the checkpoint's tensors are not as the weights are: their module, and which of their rows are this
  /// module's.
  struct Part {
    std::string module; // "transformer.h.3.attn.c_attn"
    WeightView rows;
  };
  std::optional<Part> part = std::nullopt;
};

/// What RoPE is applied to: only queries may grow with the position.
enum class Rotated { Query, Key };

class DecoderBuilder {
public:
  /// The type to declare for a weight, given the checkpoint tensor's name and the weight's rank.
  using WeightTypes = std::function<DType(std::string_view tensor, size_t rank)>;

  DecoderBuilder(mlir::MLIRContext &context, const DecoderConfig &config, DType cacheType, WeightTypes weightTypes);

  const DecoderConfig &config() const { return config_; }
  /// With `positions`, learned ones: config().maxPositions rows.
  mlir::Value embedding(const ModuleName &name, const std::optional<ModuleName> &positions = std::nullopt);
  /// Over the whole vector, or over each group of `group` elements.
  mlir::Value rmsNorm(mlir::Value input, const ModuleName &name, std::optional<int64_t> group = std::nullopt);
  /// With a bias, over the whole vector.
  mlir::Value layerNorm(mlir::Value input, const ModuleName &name);
  mlir::Value linear(mlir::Value input, const ModuleName &name, int64_t outputs, bool bias);
  /// Of every head as much as the configuration says, as layer `layer` does. One without RoPE rotates by angles of
  /// zero, which changes nothing: layers differ in a table, so that all of them are one body of a loop.
  mlir::Value rope(mlir::Value input, const std::string &huggingFace, int64_t layer, Rotated rotated);
  /// Appends key and value to the cache of `name` and attends, with the window of layer `layer`.
  mlir::Value attention(mlir::Value query, mlir::Value key, mlir::Value value, const ModuleName &name, int64_t layer);
  /// The configuration's.
  mlir::Value activation(mlir::Value input, const std::string &huggingFace);
  mlir::Value mul(mlir::Value lhs, mlir::Value rhs, const std::string &huggingFace);
  /// The input itself if the factor is 1.
  mlir::Value scale(mlir::Value input, double factor, const std::string &huggingFace);
  mlir::Value add(mlir::Value residual, mlir::Value update, const std::string &huggingFace);

  /// "model.embed_tokens" of the current token.
  mlir::Value tokenEmbedding() { return embedding({"embedding", "model.embed_tokens"}); }
  /// Final norm, head and greedy selection; ends the function.
  void finish(mlir::Value hidden) { finishNormed(rmsNorm(hidden, {"final_norm", "model.norm"}), "lm_head"); }
  /// The same after the final norm; the head is the embedding again if it is tied.
  void finishNormed(mlir::Value normed, const std::string &head);

  /// Every weight that was used, in the order of first use.
  const std::vector<WeightSpec> &weights() const { return weights_; }
  mlir::OwningOpRef<mlir::ModuleOp> takeModule() { return std::move(module_); }

private:
  bool isSliding(int64_t layer) const { return !config_.slidingLayers.empty() && config_.slidingLayers[layer]; }
  mlir::Location location(const std::string &name);
  mlir::RankedTensorType vectorType(int64_t elements); // [1 token][elements]
  /// Declares @ROLE.KIND from MODULE.KIND (and `plus`), unless that has been done, and refers to it.
  mlir::FlatSymbolRefAttr weight(const ModuleName &name, const std::string &kind, std::vector<int64_t> shape,
                                 double plus = 0);
  /// Declares @rope.NAME, the table of `rope` or, if that is null, one of zeros, unless that has been done, and refers
  /// to it. One of queries that grow is @rope.query_NAME.
  mlir::FlatSymbolRefAttr inverseFrequencies(const std::string &name, const RopeParameters *rope, Rotated rotated);

  DecoderConfig config_;
  DType cacheType_;
  WeightTypes weightTypes_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
  mlir::OpBuilder symbols_; // before the function
  mlir::OpBuilder ops_;     // inside it
  mlir::Value token_;
  mlir::Value position_;
  std::vector<WeightSpec> weights_;
  std::set<std::string> declared_; // symbols
};

/// RMSNorm of queries and keys before RoPE: of each head, or of all heads together.
enum class QueryKeyNorm { None, Heads, Whole };

/// The blocks of layer `index` in Llama's naming, which most families follow.
class DecoderLayer {
public:
  DecoderLayer(DecoderBuilder &builder, int64_t index);

  struct Options {
    QueryKeyNorm queryKeyNorm = QueryKeyNorm::None;
    bool fusedQueryKeyValue = false; // one tensor for the three projections, qkv_proj: their rows in this order
    bool fusedGateUp = false;        // one tensor for both projections, gate_up_proj: their rows in this order
    /// Names of the norms of what goes into the two blocks and of what comes out of them; null: there is none.
    const char *attentionNorm = "input_layernorm", *attentionPostNorm = nullptr;
    const char *mlpNorm = "post_attention_layernorm", *mlpPostNorm = nullptr;
  };
  /// x + o_proj(attention(norm(x))): norm, projections, RoPE, cache, attention, residual.
  mlir::Value attention(mlir::Value x, const Options &options);
  /// x + down_proj(activation(gate_proj(norm(x))) * up_proj(norm(x))): the layer's output.
  mlir::Value gatedMlp(mlir::Value x, const Options &options);

private:
  /// The norm of `x`, or `x` if `name` is null.
  mlir::Value norm(mlir::Value x, const char *role, const char *name);
  /// The module of a projection to `rows` rows, which are rows `first` on of the `all` rows of `fused`, if that is
  /// given.
  ModuleName projection(const char *role, const char *huggingFace, const char *fused, int64_t all, int64_t first,
                        int64_t rows) const;
  ModuleName name(const char *role, const char *huggingFace) const {
    return {role_ + role, huggingFace_ + huggingFace};
  }

  DecoderBuilder &builder_;
  int64_t index_;
  std::string role_;        // "layers.3."
  std::string huggingFace_; // "model.layers.3."
};

/// A whole decoder of Llama's layers: embedding, the two blocks above in every layer, final norm, head, selection.
void buildLlamaLayers(DecoderBuilder &builder, const DecoderLayer::Options &options = {});

} // namespace cadenza
