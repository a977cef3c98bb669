#include "runtime/library/sampling.h"

#include "runtime/library/options.h"

namespace cadenza::library {

StatusOr<SamplingOptions> samplingOf(const cadenza_sampling *given) {
  CADENZA_ASSIGN_OR_RETURN(const cadenza_sampling sampling, read(given, library::samplingDefaults, "cadenza_sampling"));
  SamplingOptions options{.temperature = sampling.temperature,
                          .topK = sampling.top_k,
                          .topP = sampling.top_p,
                          .minP = sampling.min_p,
                          .repetitionPenalty = sampling.repetition_penalty,
                          .presencePenalty = sampling.presence_penalty,
                          .frequencyPenalty = sampling.frequency_penalty};
  CADENZA_REQUIRE_IF(sampling.logit_bias_count > 0, sampling.logit_biases);
  for (size_t i = 0; i < sampling.logit_bias_count; ++i)
    options.logitBias[sampling.logit_biases[i].token] = sampling.logit_biases[i].bias;
  if (sampling.has_seed != 0)
    options.seed = sampling.seed;
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
