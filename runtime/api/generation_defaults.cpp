#include "runtime/api/generation_defaults.h"

#include "runtime/support/json.h"

#include <algorithm>

namespace cadenza {

StatusOr<SamplingOptions> samplingDefaults(std::string_view generationJson) {
  SamplingOptions options;
  if (generationJson.empty())
    return options;
  CADENZA_ASSIGN_OR_RETURN(const nlohmann::json config, parseJson(generationJson));
  FieldErrors errors(StatusCode::InvalidInput);
  const JsonReader reader(config, "generation_config.json", errors);
  const auto isThere = [&](const char *name) { return config.contains(name) && !config[name].is_null(); };
  const auto number = [&](const char *name, double missing) { return isThere(name) ? reader[name].number() : missing; };
  options.repetitionPenalty = number("repetition_penalty", 1);
  if (isThere("do_sample") && reader["do_sample"].boolean()) {
    options.temperature = number("temperature", 1);
    options.topP = number("top_p", 1);
    options.minP = number("min_p", 0);
    if (isThere("top_k"))
      options.topK = std::max<int64_t>(
          reader["top_k"].integer(std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()), 0);
  }
  if (!errors.none())
    return errors.status();
  return options;
}

} // namespace cadenza
