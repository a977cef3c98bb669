// How the tokens of a generation are chosen; a part of the API of runtime/cadenza.h. docs/sampling.md says what each
// number does.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace cadenza {

/// As it is: always the most likely token (greedy decoding). The penalties and biases come first and change a greedy
/// choice, too; the others say which of the tokens are drawn from.
struct SamplingOptions {
  double temperature = 0; // 0, or less than 1e-6: the most likely token; 1: drawn from the model's own distribution
  int64_t topK = 0;       // from that many most likely tokens; 0: from all
  double topP = 1;        // from the fewest most likely tokens that have this probability together; in (0, 1], 1: all
  double minP = 0;        // from tokens that are at least this times as likely as the most likely one; in [0, 1]
  double repetitionPenalty = 1;             // positive; above 1: less of what is in the prompt or was generated
  double presencePenalty = 0;               // less of what was generated
  double frequencyPenalty = 0;              // the same, for each time that it was
  std::map<int32_t, double> logitBias = {}; // added to logits; -infinity: never that token
  std::optional<uint64_t> seed = {};        // of the noise; none: a random one, which Generation::seed says

  bool draws() const { return temperature >= 1e-6; }
  bool adjusts() const {
    return repetitionPenalty != 1 || presencePenalty != 0 || frequencyPenalty != 0 || !logitBias.empty();
  }
};

} // namespace cadenza
