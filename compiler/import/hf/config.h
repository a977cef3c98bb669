// config.json of a decoder-only transformer, in both generations of the format: transformers 4 (rope_theta,
// rope_scaling, torch_dtype) and 5 (rope_parameters, dtype). A field that decides what the model computes is never
// guessed. What is not there has the default of the family's own configuration class in transformers (DecoderDefaults),
// and one notice names the defaults that were taken; a dimension of weights that is not there is an error.
#pragma once

#include "compiler/import/hf/config_reader.h"
#include "runtime/shared/dtype.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cadenza {

class QuantizedFormat; // quantized/quantized_format.h

/// Rotary embedding: theta is the base of the geometric series of wavelengths. In ropeInverseFrequencies is what the
/// types make of the rest.
struct RopeParameters {
  enum class Type { Default, Linear, Llama3, Yarn, LongRope };
  Type type = Type::Default;
  double theta = 0;
  double factor = 1;                     // of linear, llama3 and yarn
  double lowFrequencyFactor = 1;         // of llama3
  double highFrequencyFactor = 4;        // of llama3
  int64_t originalMaxPositions = 0;      // of llama3, yarn and longrope, and of a queryGrowth
  double betaFast = 32;                  // of yarn
  double betaSlow = 1;                   // of yarn
  bool truncate = true;                  // of yarn
  std::vector<double> shortFactors = {}; // of longrope, one a pair that is rotated
  std::vector<double> longFactors = {};  // of longrope: those for a sequence of more than originalMaxPositions
  double attentionFactor = 1;            // of yarn and longrope: what cosine and sine are multiplied by
  /// Of any type: queries are multiplied by 1 + queryGrowth * ln(1 + floor(position / originalMaxPositions)).
  double queryGrowth = 0;

  bool operator==(const RopeParameters &) const = default;
};

/// The function in the middle of an MLP.
enum class Activation { Silu, Gelu, GeluTanh };

/// What the decoder families have in common, in config.json's own words.
struct DecoderConfig {
  int64_t vocabSize = 0;
  int64_t hiddenSize = 0;
  int64_t intermediateSize = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kvHeads = 0;   // divides heads
  int64_t headDim = 0;   // even
  int64_t rotaryDim = 0; // even: so many elements of each head, the first ones, are rotated
  int64_t maxPositions = 0;
  double normEps = 0; // of all norms, whatever their kind
  bool tieWordEmbeddings = false;
  bool tiesUnlessHead = false;    // tied, but in a checkpoint that has a head: config.json does not say
  bool queryKeyValueBias = false; // on the query, key and value projections
  bool outputBias = false;        // on attention's output projection
  bool mlpBias = false;           // on the gate, up and down projections
  Activation activation = Activation::Silu;
  double normPlus = 0;             // added to the weights of all norms
  bool parallelResidual = false;   // the MLP reads the layer's input, and not the sum of that and attention's part
  std::vector<bool> ropeLayers;    // whether a layer rotates queries and keys; empty: all do
  bool ropeInterleaved = false;    // rotated together are elements 2i and 2i + 1, or i and i + rotaryDim / 2
  std::vector<bool> slidingLayers; // whether a layer is of type sliding_attention; empty: none is
  int64_t window = 0;              // positions that these layers attend to, 0: all
  /// Factors of the embedding, of scores (nothing: 1 / sqrt(head_dim)), of what blocks add to the residual stream, and
  /// of the logits.
  double embeddingScale = 1;
  std::optional<double> attentionScale;
  double residualScale = 1;
  double logitsScale = 1;
  bool roundsEmbeddingScale = false;  // to the type of the embedding
  std::optional<double> attentionCap; // softcaps of scores and of logits
  std::optional<double> logitsCap;
  RopeParameters rope;
  std::optional<RopeParameters> slidingRope; // of slidingLayers, if not `rope`
  /// How quantization_config says that matrices are stored; null if it is not there, or not supported.
  std::shared_ptr<QuantizedFormat> quantization;
  bool isQuantized = false;   // it is there
  std::optional<DType> dtype; // what config.json says; the tensors themselves have the last word
  int32_t bosToken = -1;
  std::vector<int32_t> eosTokens;
};

/// Which projections of attention have a bias.
enum class AttentionBias {
  Always,                  // all four: there is no field
  Configured,              // all four, if attention_bias says so (its default is false)
  Unless,                  // all four, unless attention_bias is false (its default is true)
  ConfiguredQueryKeyValue, // query, key and value, unless attention_bias is false (its default is true)
  None,                    // none: what config.json says of it is ignored, with a notice
  QueryKeyValue,           // always these three, never the output projection; the same
};

/// How a family attends to the last sliding_window positions only.
enum class Window {
  None,     // never: what config.json says of windows is ignored, with a notice
  Always,   // on every layer, unless it is null
  Switched, // if use_sliding_window says so (its default is false), from layer max_window_layers on
  NoRope,   // if use_sliding_window says so, on the layers without RoPE
  Interval, // on all layers but every fullInterval-th
};

/// What a family calls the fields that all families have, where it does not follow Llama.
struct FieldNames {
  std::string_view hiddenSize = "hidden_size";
  std::string_view intermediateSize = "intermediate_size";
  std::string_view layers = "num_hidden_layers";
  std::string_view heads = "num_attention_heads";
  std::string_view maxPositions = "max_position_embeddings";
  std::string_view normEps = "rms_norm_eps";
  std::string_view activation = "hidden_act";
  // Beside those of RoPE that transformers 4.57 and later write for every family:
  std::string_view ropeTheta = "rope_theta";
  std::string_view partialRotaryFactor = "partial_rotary_factor";
};

/// What a family's configuration class in transformers (configuration_*.py) gives to fields that config.json lacks.
struct DecoderDefaults {
  std::string_view configClass; // "LlamaConfig", for the notice
  FieldNames fields = {};
  /// Every head has keys and values of its own and hidden_size / num_attention_heads elements: there are no fields
  /// num_key_value_heads and head_dim.
  bool equalHeads = false;
  bool rotary = true;                                // positions are RoPE's; else the family reads its own fields
  bool wideMlp = false;                              // intermediate_size may be missing or null: 4 * hidden_size
  std::optional<int64_t> vocabSize = {}, heads = {}; // of classes whose files leave them out; nothing: an error
  std::optional<int64_t> kvHeads = {};               // nothing: num_attention_heads
  std::optional<int64_t> headDim = {};               // nothing: hidden_size / num_attention_heads
  int64_t maxPositions = 2048;
  double normEps = 1e-6;
  double ropeTheta = 10000;
  std::string_view ropeParameters = {};    // an object, of a file that says nothing of RoPE; empty: ropeTheta alone
  std::string_view slidingThetaField = {}; // "rope_local_base_freq"; empty: RoPE is the same on all layers
  double slidingRopeTheta = 10000;
  std::optional<double> partialRotaryFactor = {};   // nothing: heads are rotated as a whole, whatever config.json says
  std::optional<int64_t> originalMaxPositions = {}; // nothing: max_position_embeddings
  bool queryGrowth = false;                         // rope_parameters must have one, llama_4_scaling_beta
  bool onlyLongRope = false; // of the rope types that scale; by whatever of its former names, "su" and "yarn"
  std::string_view hiddenAct = "silu";
  bool tieWordEmbeddings = false;
  std::optional<int32_t> bosToken = {};
  std::optional<int32_t> eosToken = {};
  AttentionBias attentionBias = AttentionBias::Configured;
  Window window = Window::None;
  std::optional<int64_t> slidingWindow = 4096; // nothing: null
  int64_t fullLayers = 28;                     // max_window_layers
  int64_t fullInterval = 1;
  std::string_view fullIntervalField = {};    // "sliding_window_pattern"; empty: it is always the above
  std::optional<int64_t> noRopeInterval = {}; // no_rope_layer_interval; nothing: every layer has RoPE
};

/// Reads the fields above and refuses what would change the computation and is not supported (activations, rope types,
/// quantisation). mlpBias is left to the families that have it, as are fields that only one family has.
DecoderConfig readDecoderConfig(ConfigReader &reader, const DecoderDefaults &defaults);

/// readDecoderConfig and what Gemma 2 and 3 have in common beyond it: all but softcaps.
DecoderConfig readGemmaConfig(ConfigReader &reader, const DecoderDefaults &defaults);
/// A softcap: null is none, and a field that is not there has the class's.
std::optional<double> readSoftcap(ConfigReader &reader, std::string_view name, std::optional<double> otherwise);

/// The configuration of the decoder of a model that also reads images or sounds: text_config, read by `read` with what
/// such files say of the text outside of it; the whole file, if there is no such field.
DecoderConfig readTextConfig(ConfigReader &reader, DecoderConfig (*read)(ConfigReader &));

/// The ids of a field that is an integer or a list of them. Those outside the vocabulary (0: it is not known), where no
/// model can ever be, are left out with a notice.
std::vector<int32_t> readTokens(ConfigReader &reader, std::string_view name, int64_t vocabSize);
/// Takes the end-of-text ids from generation_config.json, which go before those of config.json.
void readGenerationConfig(ConfigReader &reader, DecoderConfig &config);

/// The only entry of `architectures`, "Qwen3ForCausalLM". Nothing if there is none; nothing and a finding if it is
/// something else.
std::optional<std::string> readArchitecture(ConfigReader &reader);

/// rotaryDim / 2 inverse frequencies (radians a position), computed in double. `isLong`: those of a sequence of more
/// than originalMaxPositions.
///   default: theta^(-2i / rotaryDim) (Su et al. 2021, arXiv:2104.09864)
///   linear:  all divided by `factor`, as if positions were (transformers, modeling_rope_utils.py,
///            _compute_linear_scaling_rope_parameters).
///   llama3:  wavelengths longer than originalMaxPositions / lowFrequencyFactor are divided by `factor`, those shorter
///   than
///            originalMaxPositions / highFrequencyFactor are kept, and in between the two are blended linearly in
///            originalMaxPositions / wavelength (meta-llama/llama-models, models/llama3/model.py, apply_scaling; the
///            same as transformers, modeling_rope_utils.py, _compute_llama3_parameters).
///   yarn:    those of the first pairs are kept, those of the last ones divided by `factor`, and in between the two are
///            blended linearly in i. It begins at the pair that turns betaFast times in originalMaxPositions, rounded
///            down, and ends at the one that turns betaSlow times, rounded up (if `truncate`; Peng et al. 2023,
///            arXiv:2309.00071; transformers, _compute_yarn_parameters).
///   longrope: frequency i is divided by shortFactors[i] or longFactors[i] (Ding et al. 2024, arXiv:2402.13753;
///            transformers, _compute_longrope_parameters).
std::vector<double> ropeInverseFrequencies(const RopeParameters &rope, int64_t rotaryDim, bool isLong = false);

} // namespace cadenza
