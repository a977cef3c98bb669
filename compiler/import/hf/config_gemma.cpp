// What Gemma 2 and 3 have in common (transformers, modeling_gemma2.py and modeling_gemma3.py).
#include "compiler/import/hf/config_parts.h"

#include <cmath>

namespace cadenza {

std::optional<double> readSoftcap(ConfigReader &reader, std::string_view name, std::optional<double> otherwise) {
  if (reader.has(name))
    return reader.number(name, 0, 1e6);
  if (reader.contains(name) || !otherwise)
    return std::nullopt;
  return reader.numberOr(name, 0, 1e6, *otherwise);
}

DecoderConfig readGemmaConfig(ConfigReader &reader, const DecoderDefaults &defaults) {
  // Scores are scaled by this, not by head_dim, which the two are the same of in most models.
  const double scalar = reader.numberOr("query_pre_attn_scalar", 0, 1e9, 256).value_or(1);
  DecoderConfig config = readDecoderConfig(reader, defaults);
  config.attentionScale = 1 / std::sqrt(scalar);
  config.embeddingScale = std::sqrt(static_cast<double>(config.hiddenSize));
  config.roundsEmbeddingScale = true;
  config.normPlus = 1;
  if (reader.boolean("use_bidirectional_attention").value_or(false))
    refuseValue(reader, "use_bidirectional_attention", "true", "(false is): a token would attend to later ones");
  const nlohmann::json activation =
      reader.has("hidden_activation") ? reader.raw("hidden_activation") : nlohmann::json(defaults.hiddenAct);
  if (reader.has("hidden_act") && reader.raw("hidden_act") != activation)
    reader.findings().notice(reader.where("hidden_act") + " was ignored: the class reads hidden_activation");
  reader.ignore({"hidden_act", "cache_implementation"});
  return config;
}

} // namespace cadenza
