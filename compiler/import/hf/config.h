// config.json of a decoder-only transformer, in both generations of the format: transformers 4 (rope_theta,
// rope_scaling, torch_dtype) and 5 (rope_parameters, dtype). A field that decides what the model computes is never
// guessed: where it is missing and the family does not define its default, that is an error.
#pragma once

#include "compiler/import/hf/config_reader.h"
#include "runtime/shared/dtype.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cadenza {

/// Rotary embedding: theta is the base of the geometric series of wavelengths; the rest is used by llama3 scaling only.
struct RopeParameters {
  enum class Type { Default, Llama3 };
  Type type = Type::Default;
  double theta = 0;
  double factor = 1;
  double lowFrequencyFactor = 1;
  double highFrequencyFactor = 4;
  int64_t originalMaxPositions = 0;
};

/// What the decoder families have in common, in config.json's own words.
struct DecoderConfig {
  int64_t vocabSize = 0;
  int64_t hiddenSize = 0;
  int64_t intermediateSize = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kvHeads = 0; // divides heads
  int64_t headDim = 0; // even
  int64_t maxPositions = 0;
  double rmsNormEps = 0;
  bool tieWordEmbeddings = false;
  bool attentionBias = false; // on the query, key, value and output projections
  bool mlpBias = false;       // on the gate, up and down projections
  RopeParameters rope;
  std::optional<DType> dtype; // what config.json says; the tensors themselves have the last word
  int32_t bosToken = -1;
  std::vector<int32_t> eosTokens;
};

/// Where the families' defaults differ.
struct DecoderDefaults {
  bool headDimFromHidden = false; // a missing head_dim means hidden_size / num_attention_heads
};

/// Reads the fields above and refuses what would change the computation and is not supported (activations, rope types,
/// windows, quantisation). mlpBias is left to the families that have it.
DecoderConfig readDecoderConfig(ConfigReader &reader, const DecoderDefaults &defaults);

/// Takes the end-of-text ids from generation_config.json, which go before those of config.json.
void readGenerationConfig(ConfigReader &reader, DecoderConfig &config);

/// The only entry of `architectures`, "Qwen3ForCausalLM", or nothing and a finding.
std::optional<std::string> readArchitecture(ConfigReader &reader);

/// headDim / 2 inverse frequencies (radians a position), computed in double.
///   default: theta^(-2i / headDim) (Su et al. 2021, arXiv:2104.09864)
///   llama3:  wavelengths longer than originalMaxPositions / lowFrequencyFactor are divided by `factor`, those shorter
///   than
///            originalMaxPositions / highFrequencyFactor are kept, and in between the two are blended linearly in
///            originalMaxPositions / wavelength (meta-llama/llama-models, models/llama3/model.py, apply_scaling; the
///            same as transformers, modeling_rope_utils.py, _compute_llama3_parameters).
std::vector<double> ropeInverseFrequencies(const RopeParameters &rope, int64_t headDim);

} // namespace cadenza
