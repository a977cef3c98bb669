#include "compiler/import/hf/unsupported_architectures.h"

#include <algorithm>
#include <initializer_list>

namespace cadenza {
namespace {

struct Kind {
  std::string_view needs;
  std::initializer_list<std::string_view> architectures; // transformers, models/auto/modeling_auto.py
};

const Kind kinds[] = {
    {"a mixture of experts; it needs a router, and products with the experts that it chooses for a token",
     {"DbrxForCausalLM", "DeepseekV2ForCausalLM", "DeepseekV3ForCausalLM", "Ernie4_5_MoeForCausalLM",
      "Glm4MoeForCausalLM", "GptOssForCausalLM", "GraniteMoeForCausalLM", "GraniteMoeSharedForCausalLM",
      "HunYuanMoEV1ForCausalLM", "Llama4ForCausalLM", "MiniMaxForCausalLM", "MixtralForCausalLM", "OlmoeForCausalLM",
      "PhimoeForCausalLM", "Qwen2MoeForCausalLM", "Qwen3MoeForCausalLM"}},
    {"a hybrid with recurrent layers; it needs their ops, and a state a layer beside the KV cache",
     {"BambaForCausalLM", "FalconH1ForCausalLM", "FalconMambaForCausalLM", "GraniteMoeHybridForCausalLM",
      "JambaForCausalLM", "Lfm2ForCausalLM", "Mamba2ForCausalLM", "MambaForCausalLM", "NemotronHForCausalLM",
      "Qwen3NextForCausalLM", "Qwen3_5ForCausalLM", "RecurrentGemmaForCausalLM", "RwkvForCausalLM", "Zamba2ForCausalLM",
      "ZambaForCausalLM"}},
    {"a decoder whose layers share KV caches; it needs these, and embeddings of a token in every layer",
     {"Gemma3nForCausalLM", "Gemma3nForConditionalGeneration"}},
    {"an encoder and a decoder; it needs an encoder, and attention to what the encoder made",
     {"BartForConditionalGeneration", "BlenderbotForConditionalGeneration", "LEDForConditionalGeneration",
      "M2M100ForConditionalGeneration", "MBartForConditionalGeneration", "MT5ForConditionalGeneration", "MarianMTModel",
      "PegasusForConditionalGeneration", "T5ForConditionalGeneration", "T5GemmaForConditionalGeneration",
      "UMT5ForConditionalGeneration", "WhisperForConditionalGeneration"}},
    {"an encoder, which generates no text",
     {"AlbertForMaskedLM", "BertForMaskedLM", "BertModel", "DebertaV2ForMaskedLM", "DistilBertForMaskedLM",
      "ElectraForMaskedLM", "MPNetForMaskedLM", "ModernBertForMaskedLM", "RobertaForMaskedLM", "RobertaModel",
      "XLMRobertaForMaskedLM", "XLMRobertaModel"}},
    {"a model of texts and images or sounds; it needs the parts that read these",
     {"AyaVisionForConditionalGeneration", "Idefics3ForConditionalGeneration", "InternVLForConditionalGeneration",
      "Llama4ForConditionalGeneration", "LlavaForConditionalGeneration", "LlavaNextForConditionalGeneration",
      "MllamaForConditionalGeneration", "PaliGemmaForConditionalGeneration", "Qwen2AudioForConditionalGeneration",
      "Qwen2VLForConditionalGeneration", "Qwen2_5_VLForConditionalGeneration", "Qwen3VLForConditionalGeneration",
      "SmolVLMForConditionalGeneration", "VoxtralForConditionalGeneration"}},
};

} // namespace

std::string_view unsupportedArchitecture(std::string_view architecture) {
  for (const Kind &kind : kinds) {
    if (std::find(kind.architectures.begin(), kind.architectures.end(), architecture) != kind.architectures.end())
      return kind.needs;
  }
  return "";
}

} // namespace cadenza
