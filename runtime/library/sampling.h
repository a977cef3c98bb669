// cadenza_sampling and SamplingOptions.
#pragma once

#include "runtime/library/session.h"

namespace cadenza::library {

/// NULL: greedy. Ranges are checked by whoever draws.
StatusOr<SamplingOptions> samplingOf(const cadenza_sampling *given);

} // namespace cadenza::library
