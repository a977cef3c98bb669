// What the C API's handles are.
#pragma once

#include "runtime/api/stepper.h"
#include "runtime/cadenza.h"
#include "runtime/chat/chat_template.h"
#include "runtime/library/errors.h"
#include "runtime/plan/plan.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

struct cadenza_session {
  std::shared_ptr<const cadenza::Plan> plan;
  std::string info;                        // cadenza_info
  std::optional<cadenza::Session> decoder; // none: the plan is no decoder
  std::optional<cadenza::Stepper> stepper; // of `decoder`; none: it keeps no logits
  std::optional<cadenza::ChatTemplates> templates;
  cadenza::Status templatesError;               // why there are none
  std::optional<cadenza::TensorSession> graphs; // of a decoder that has some: made when the first runs
  cadenza::TensorSessionOptions graphOptions;
  std::string grammar; // json_schema or regex of the last generation that had one, and what was made of it
  std::shared_ptr<cadenza::TokenConstraint> constraint;
  std::atomic<bool> busy{false};
};

namespace cadenza::library {

/// A session for one call: `work` runs with it unless another call does.
template <typename Work> cadenza_status exclusively(cadenza_session *session, const Work &work) noexcept {
  if (!session)
    return report(isNull("session"));
  if (session->busy.exchange(true, std::memory_order_acquire))
    return report(CADENZA_BUSY, "another call is using this session: of another thread, or the one whose callback this "
                                "is. Wait for it, or open a session for each thread");
  if (session->decoder) // cadenza_cancel ends a call that runs; what came before this one is of an earlier one
    session->decoder->forgetCancel();
  const cadenza_status status = guarded(work);
  session->busy.store(false, std::memory_order_release);
  return status;
}

/// The session of a decoder; else InvalidArgument.
StatusOr<Session *> decoderOf(cadenza_session &session);
StatusOr<const Session *> decoderOf(const cadenza_session &session);

/// The prompt of a talk.
StatusOr<std::string> renderTalk(const cadenza_session &session, const char *talk, const cadenza_chat_options *options);

/// A line for cadenza_set_log's callback.
void log(cadenza_log_level level, const std::string &message);

} // namespace cadenza::library
