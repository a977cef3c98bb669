// Step by step: logits, and tokens chosen by the caller.
#include "runtime/library/sampling.h"
#include "runtime/library/session.h"

#include <algorithm>

namespace cadenza::library {
namespace {

/// The stepper of a session that keeps logits; else InvalidArgument.
StatusOr<Stepper *> stepperOf(cadenza_session &session) {
  CADENZA_RETURN_IF_ERROR(decoderOf(session).status());
  if (!session.stepper)
    return Status(StatusCode::InvalidArgument, "logits are not kept: open the plan with cadenza_open_options.logits");
  return &*session.stepper;
}

} // namespace
} // namespace cadenza::library

using namespace cadenza;
using namespace cadenza::library;

cadenza_status cadenza_step(cadenza_session *session, const int32_t *tokens, size_t count, const float **logits,
                            size_t *vocabulary) {
  return exclusively(session, [&]() -> Status {
    CADENZA_REQUIRE_IF(count > 0, tokens);
    CADENZA_ASSIGN_OR_RETURN(Stepper *const stepper, stepperOf(*session));
    CADENZA_ASSIGN_OR_RETURN(const std::span<const float> values, stepper->step(std::span(tokens, count)));
    if (logits)
      *logits = values.data();
    if (vocabulary)
      *vocabulary = values.size();
    return Status::ok();
  });
}

cadenza_status cadenza_sample(cadenza_session *session, const cadenza_sampling *sampling, int32_t *token) {
  return exclusively(session, [&]() -> Status {
    CADENZA_REQUIRE(token);
    CADENZA_ASSIGN_OR_RETURN(Stepper *const stepper, stepperOf(*session));
    CADENZA_ASSIGN_OR_RETURN(const SamplingOptions options, samplingOf(sampling));
    CADENZA_ASSIGN_OR_RETURN(*token, stepper->choose(options));
    return Status::ok();
  });
}

cadenza_status cadenza_reset(cadenza_session *session) {
  return exclusively(session, [&]() -> Status {
    CADENZA_RETURN_IF_ERROR(decoderOf(*session).status());
    if (session->stepper) // without one there were no steps
      session->stepper->reset();
    return Status::ok();
  });
}

cadenza_status cadenza_logits(cadenza_session *session, const int32_t *tokens, size_t count, float *logits,
                              size_t capacity) {
  return exclusively(session, [&]() -> Status {
    CADENZA_REQUIRE_IF(count > 0, tokens);
    CADENZA_REQUIRE_IF(capacity > 0, logits);
    CADENZA_RETURN_IF_ERROR(stepperOf(*session).status());
    const auto vocabulary = static_cast<size_t>(session->decoder->vocabulary());
    if (capacity / vocabulary < count)
      return {StatusCode::InvalidArgument, "logits of " + std::to_string(count) + " tokens are " +
                                               std::to_string(vocabulary) + " floats each: there is room for " +
                                               std::to_string(capacity)};
    return session->decoder->forEachLogits(std::span(tokens, count), [&](int64_t position, std::span<const float> row) {
      std::ranges::copy(row, logits + position * vocabulary);
      return Status::ok();
    });
  });
}
