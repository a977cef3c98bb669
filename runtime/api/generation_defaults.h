// What a model's directory recommends for sampling.
#pragma once

#include "runtime/sampling_options.h"
#include "runtime/support/status.h"

#include <string_view>

namespace cadenza {

/// Of the text of a generation_config.json (Plan::generationJson; empty: no file), as transformers reads it: tokens are
/// drawn if do_sample is true; then temperature (1 if missing), top_k, top_p and min_p count; repetition_penalty always
/// does. What is missing, null or does not limit (top_k of 0 or less) is off. InvalidInput, which names the field, for
/// a value of another type; ranges are setUpSampling's matter.
StatusOr<SamplingOptions> samplingDefaults(std::string_view generationJson);

} // namespace cadenza
