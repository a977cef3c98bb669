// quantization_config of GPTQ: what holds for all modules, and what `dynamic` says of some.
#pragma once

#include "compiler/import/hf/config_reader.h"
#include "compiler/import/hf/quantized/name_pattern.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

/// How the matrix of a module is stored.
struct GptqScheme {
  int bits = 4;                  // 4 or 8
  int64_t group = 128;           // columns; 0: a row
  bool ordersByAct = false;      // desc_act: columns were quantised in another order, which g_idx knows
  std::optional<bool> symmetric; // nothing: not said
};

/// A rule of `dynamic` (GPTQModel, dynamic_get): the first whose pattern matches a module counts.
struct GptqRule {
  std::string key; // with "+:" or "-:"
  NamePattern pattern;
  bool excludes = false;
  GptqScheme scheme; // unless it excludes
};

struct GptqConfig {
  GptqScheme scheme;
  bool storesZeros = false; // checkpoint_format gptq_v2: zero points; else, in v1, what they are less 1
  std::vector<GptqRule> rules;
  std::vector<std::string> notConverted;
};

/// Nothing for what is not supported or malformed, which is then a finding.
GptqConfig readGptqConfig(ConfigReader &quantization);
/// Gives the rules the order that they have in config.json, `text`.
void restoreOrder(std::vector<GptqRule> &rules, std::string_view text);

} // namespace cadenza
