// The post_processor of tokenizer.json: which special tokens stand before and after a text.
#pragma once

#include "runtime/support/status.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <functional>
#include <vector>

namespace cadenza {

struct PostProcessor {
  std::vector<int32_t> prefix;
  std::vector<int32_t> suffix;

  /// From the value of the "post_processor" field: null, ByteLevel (which only moves offsets), TemplateProcessing (its
  /// "single" form), BertProcessing, RobertaProcessing, or a Sequence of them. `isToken` says whether an id exists.
  static StatusOr<PostProcessor> parse(const nlohmann::json *config, const std::function<bool(int32_t)> &isToken);
};

} // namespace cadenza
