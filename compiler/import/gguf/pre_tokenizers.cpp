#include "compiler/import/gguf/pre_tokenizers.h"

#include <algorithm>

namespace cadenza::gguf {
namespace {

#define CADENZA_SPLIT(pattern)                                                                                         \
  R"({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":")" pattern                                \
  R"("},"behavior":"Isolated","invert":false},)"                                                                       \
  R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]})"
#define CADENZA_CONTRACTION R"((?i:'s|'t|'re|'ve|'m|'ll|'d))"
#define CADENZA_REST R"(| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+)"
#define CADENZA_CASED(end)                                                                                             \
  R"([^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+)" end                   \
  R"(|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*)" end
#define CADENZA_CASED_REST R"(| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+)"

constexpr std::string_view gpt2 =
    R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true})";
constexpr std::string_view digits =
    R"({"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},)"
    R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}]})";
/// Words, up to three digits (cl100k).
constexpr std::string_view threeDigits =
    CADENZA_SPLIT(CADENZA_CONTRACTION R"(|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3})" CADENZA_REST);
constexpr std::string_view oneDigit =
    CADENZA_SPLIT(CADENZA_CONTRACTION R"(|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N})" CADENZA_REST);
/// Words that end where upper case begins (o200k), and the same without contractions, digits one by one.
constexpr std::string_view cased =
    CADENZA_SPLIT(CADENZA_CASED(R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?)") R"(|\\p{N}{1,3})" CADENZA_CASED_REST);
constexpr std::string_view tekken = CADENZA_SPLIT(CADENZA_CASED("") R"(|\\p{N})" CADENZA_CASED_REST);

const std::vector<PreTokenizer> &preTokenizers() {
  static const std::vector<PreTokenizer> all = {
      {.names = {"gpt-2", "phi-2"}, .json = gpt2},
      {.names = {"olmo", "mpt"}, .json = gpt2, .nfc = true}, // GPT-NeoX's
      {.names = {"smollm", "starcoder", "refact", "codeshell"}, .json = digits},
      {.names = {"llama-bpe", "llama3", "llama-v3", "falcon3"},
       .json = threeDigits,
       .ignoreMerges = true,
       .addBos = true},
      {.names = {"dbrx", "smaug-bpe"}, .json = threeDigits}, // OLMo 2's
      {.names = {"glm4", "chatglm-bpe"}, .json = threeDigits, .prefix = {"[gMASK]", "<sop>"}},
      {.names = {"qwen2", "deepseek-r1-qwen"}, .json = oneDigit, .nfc = true},
      {.names = {"tekken"}, .json = tekken, .ignoreMerges = true, .addBos = true},
      {.names = {"gpt-4o", "llama4"}, .json = cased},
  };
  return all;
}

} // namespace

const PreTokenizer *findPreTokenizer(std::string_view name) {
  for (const PreTokenizer &pre : preTokenizers())
    if (std::find(pre.names.begin(), pre.names.end(), name) != pre.names.end())
      return &pre;
  return nullptr;
}

std::string preTokenizerNames() {
  std::string list;
  for (const PreTokenizer &pre : preTokenizers())
    for (std::string_view name : pre.names)
      list += (list.empty() ? "" : ", ") + std::string(name);
  return list;
}

} // namespace cadenza::gguf
