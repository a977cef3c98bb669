// Ctrl-C while a session works.
#pragma once

#include "runtime/cadenza.h"
#include "runtime/support/interrupt.h"

#include <optional>

namespace cadenza {

/// While it lives, the first signal ends what the session does, with what there is by then; a second one the program.
class CancelOnSignal {
public:
  explicit CancelOnSignal(Session &interrupted) {
    session = &interrupted;
    signal_.emplace([] { session->requestCancel(); });
  }

private:
  static inline Session *session = nullptr;
  std::optional<OnSignal> signal_;
};

} // namespace cadenza
