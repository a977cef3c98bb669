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
     {"AfmoeForCausalLM",         "BailingMoeForCausalLM",       "Cohere2MoeForCausalLM",   "DbrxForCausalLM",
      "DeepseekV2ForCausalLM",    "DeepseekV32ForCausalLM",      "DeepseekV3ForCausalLM",   "Dots1ForCausalLM",
      "Ernie4_5_MoeForCausalLM",  "ExaoneMoeForCausalLM",        "FlexOlmoForCausalLM",     "Glm4MoeForCausalLM",
      "Glm4MoeLiteForCausalLM",   "GlmMoeDsaForCausalLM",        "GptOssForCausalLM",       "GraniteMoeForCausalLM",
      "GraniteMoeSWAForCausalLM", "GraniteMoeSharedForCausalLM", "HunYuanMoEV1ForCausalLM", "JetMoeForCausalLM",
      "Llama4ForCausalLM",        "LongcatFlashForCausalLM",     "MiMoV2FlashForCausalLM",  "MiniMaxForCausalLM",
      "MiniMaxM2ForCausalLM",     "MixtralForCausalLM",          "OlmoeForCausalLM",        "PhimoeForCausalLM",
      "Qwen2MoeForCausalLM",      "Qwen3MoeForCausalLM",         "SolarOpenForCausalLM"}},
    {"a hybrid with recurrent layers; it needs their ops, and a state a layer beside the KV cache",
     {"BailingHybridForCausalLM",
      "BambaForCausalLM",
      "FalconH1ForCausalLM",
      "FalconMambaForCausalLM",
      "GraniteMoeHybridForCausalLM",
      "JambaForCausalLM",
      "KimiLinearForCausalLM",
      "Lfm2ForCausalLM",
      "Lfm2MoeForCausalLM",
      "Mamba2ForCausalLM",
      "MambaForCausalLM",
      "NemotronHForCausalLM",
      "OlmoHybridForCausalLM",
      "Qwen3NextForCausalLM",
      "Qwen3_5ForCausalLM",
      "Qwen3_5ForConditionalGeneration",
      "Qwen3_5MoeForCausalLM",
      "Qwen3_5MoeForConditionalGeneration",
      "RecurrentGemmaForCausalLM",
      "RwkvForCausalLM",
      "Zamba2ForCausalLM",
      "ZambaForCausalLM",
      "xLSTMForCausalLM"}},
    {"a decoder whose layers share KV caches; it needs these, and embeddings of a token in every layer",
     {"Gemma3nForCausalLM", "Gemma3nForConditionalGeneration", "Gemma4ForCausalLM", "Gemma4ForConditionalGeneration"}},
    {"an encoder and a decoder; it needs an encoder, and attention to what the encoder made",
     {"BartForConditionalGeneration",
      "BigBirdPegasusForConditionalGeneration",
      "BlenderbotForConditionalGeneration",
      "EncoderDecoderModel",
      "FSMTForConditionalGeneration",
      "LEDForConditionalGeneration",
      "LongT5ForConditionalGeneration",
      "M2M100ForConditionalGeneration",
      "MBartForConditionalGeneration",
      "MT5ForConditionalGeneration",
      "MarianMTModel",
      "MoonshineForConditionalGeneration",
      "NllbMoeForConditionalGeneration",
      "PegasusForConditionalGeneration",
      "PegasusXForConditionalGeneration",
      "ProphetNetForConditionalGeneration",
      "SwitchTransformersForConditionalGeneration",
      "T5ForConditionalGeneration",
      "T5Gemma2ForConditionalGeneration",
      "T5GemmaForConditionalGeneration",
      "UMT5ForConditionalGeneration",
      "VisionEncoderDecoderModel",
      "WhisperForConditionalGeneration"}},
    {"an encoder, which generates no text",
     {"AlbertForMaskedLM", "BertForMaskedLM", "BertModel", "BigBirdForMaskedLM", "CamembertForMaskedLM",
      "DebertaForMaskedLM", "DebertaV2ForMaskedLM", "DistilBertForMaskedLM", "ElectraForMaskedLM",
      "EuroBertForMaskedLM", "MPNetForMaskedLM", "MobileBertForMaskedLM", "ModernBertForMaskedLM",
      "NomicBertForMaskedLM", "RobertaForMaskedLM", "RobertaModel", "XLMRobertaForMaskedLM", "XLMRobertaModel"}},
    {"a model of texts and images or sounds; it needs the parts that read these",
     {"AriaForConditionalGeneration",
      "AyaVisionForConditionalGeneration",
      "Cohere2VisionForConditionalGeneration",
      "DeepseekVLForConditionalGeneration",
      "Glm46VForConditionalGeneration",
      "Glm4vForConditionalGeneration",
      "Glm4vMoeForConditionalGeneration",
      "Idefics2ForConditionalGeneration",
      "Idefics3ForConditionalGeneration",
      "InternVLChatModel",
      "InternVLForConditionalGeneration",
      "Kimi_K25ForConditionalGeneration",
      "Lfm2VlForConditionalGeneration",
      "LightOnOcrForConditionalGeneration",
      "Llama4ForConditionalGeneration",
      "LlavaForConditionalGeneration",
      "LlavaNextForConditionalGeneration",
      "LlavaOnevisionForConditionalGeneration",
      "MllamaForConditionalGeneration",
      "Molmo2ForConditionalGeneration",
      "Ovis2ForConditionalGeneration",
      "PaddleOCRVLForConditionalGeneration",
      "PaliGemmaForConditionalGeneration",
      "Phi4MMForCausalLM",
      "Phi4MultimodalForCausalLM",
      "Qwen2AudioForConditionalGeneration",
      "Qwen2VLForConditionalGeneration",
      "Qwen2_5OmniForConditionalGeneration",
      "Qwen2_5_VLForConditionalGeneration",
      "Qwen3OmniMoeForConditionalGeneration",
      "Qwen3VLForConditionalGeneration",
      "Qwen3VLMoeForConditionalGeneration",
      "SmolVLMForConditionalGeneration",
      "VoxtralForConditionalGeneration"}},
};

} // namespace

std::string_view unsupportedArchitecture(std::string_view architecture) {
  for (const Kind &kind : kinds) {
    if (std::find(kind.architectures.begin(), kind.architectures.end(), architecture) != kind.architectures.end())
      return kind.needs;
  }
  for (std::string_view task : {"ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering"})
    if (architecture.ends_with(task))
      return "a classifier, which generates no text";
  return "";
}

} // namespace cadenza
