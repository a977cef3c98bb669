// The text part of Ministral 3, Mistral Small 3.1 and others that also read images (transformers,
// modeling_mistral3.py): text_config says of which of two families it is.
#include "compiler/import/hf/family.h"
#include "compiler/import/text.h"

namespace cadenza::families {

const Family &mistral();
const Family &ministral3();

namespace {

DecoderConfig readText(ConfigReader &reader) {
  const std::string type = reader.stringOr("model_type", "mistral").value_or("mistral");
  const bool saysTied = reader.has("tie_word_embeddings");
  if (type != mistral().name && type != ministral3().name)
    reader.findings().unsupported(reader.where("model_type") + " " + quotedName(type) +
                                  " is not supported (mistral and ministral3 are)");
  DecoderConfig config = (type == ministral3().name ? ministral3() : mistral()).readConfig(reader);
  // Of a file that says nothing, transformers 4 takes false and 5 takes true, but not against a head in the checkpoint.
  if (!saysTied)
    config.tieWordEmbeddings = config.tiesUnlessHead = true;
  return config;
}

DecoderConfig readConfig(ConfigReader &reader) {
  reader.ignore({"image_token_index", "image_token_id", "multimodal_projector_bias", "projector_hidden_act",
                 "spatial_merge_size", "vision_config", "vision_feature_layer"});
  if (reader.has("text_config"))
    return readTextConfig(reader, readText);
  reader.findings().invalid(reader.where("text_config") + " is missing");
  return {};
}

void build(DecoderBuilder &builder) { buildLlamaLayers(builder); }

} // namespace

const Family &mistral3() {
  static const Family family{"mistral3", {"Mistral3ForConditionalGeneration"}, readConfig, build};
  return family;
}

} // namespace cadenza::families
