#include "runtime/library/sampling.h"

#include "runtime/library/options.h"

namespace cadenza::library {

StatusOr<SamplingOptions> samplingOf(const cadenza_sampling *given) {
  CADENZA_ASSIGN_OR_RETURN(const cadenza_sampling asked, read(given, library::samplingDefaults, "cadenza_sampling"));
  SamplingOptions options{.temperature = asked.temperature,
                          .topK = asked.top_k,
                          .topP = asked.top_p,
                          .minP = asked.min_p,
                          .repetitionPenalty = asked.repetition_penalty,
                          .presencePenalty = asked.presence_penalty,
                          .frequencyPenalty = asked.frequency_penalty};
  CADENZA_REQUIRE_IF(asked.logit_bias_count > 0, asked.logit_biases);
  for (size_t i = 0; i < asked.logit_bias_count; ++i)
    options.logitBias[asked.logit_biases[i].token] = asked.logit_biases[i].bias;
  if (asked.has_seed != 0)
    options.seed = asked.seed;
  return options;
}

} // namespace cadenza::library

using namespace cadenza;
using namespace cadenza::library;

cadenza_status cadenza_sampling_defaults(const cadenza_session *session, cadenza_sampling *sampling) {
  return guarded([&]() -> Status {
    CADENZA_REQUIRE(session);
    CADENZA_REQUIRE(sampling);
    CADENZA_ASSIGN_OR_RETURN(const Session *decoder, decoderOf(*session));
    CADENZA_ASSIGN_OR_RETURN(const SamplingOptions options, decoder->samplingDefaults());
    cadenza_sampling result = library::samplingDefaults;
    result.temperature = options.temperature;
    result.top_k = options.topK;
    result.top_p = options.topP;
    result.min_p = options.minP;
    result.repetition_penalty = options.repetitionPenalty;
    return fill(sampling, sampling->size, result, "cadenza_sampling");
  });
}
