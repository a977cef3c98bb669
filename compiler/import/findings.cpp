#include "compiler/import/findings.h"

#include <algorithm>

namespace cadenza {

void Findings::add(const Status &status) {
  if (status.isOk())
    return;
  if (status.code() == StatusCode::Unsupported)
    return unsupported(status.message());
  if (status.code() != StatusCode::InvalidInput && !otherCode_)
    otherCode_ = status.code();
  invalid(status.message());
}

void Findings::promoteWarnings() {
  for (Finding &finding : all_) {
    if (finding.kind == Finding::Kind::Warning)
      finding.kind = Finding::Kind::Invalid;
  }
}

size_t Findings::count(Finding::Kind kind) const {
  return std::count_if(all_.begin(), all_.end(), [&](const Finding &finding) { return finding.kind == kind; });
}

Status Findings::toStatus() const {
  std::string message;
  for (const Finding &finding : all_) {
    if (finding.kind != Finding::Kind::Invalid && finding.kind != Finding::Kind::Unsupported)
      continue;
    if (!message.empty())
      message += '\n';
    message += finding.message;
  }
  if (message.empty())
    return Status::ok();
  StatusCode code = hasInvalid() ? StatusCode::InvalidInput : StatusCode::Unsupported;
  if (otherCode_ && count(Finding::Kind::Invalid) == 1)
    code = *otherCode_;
  return {code, std::move(message)};
}

std::string_view findingKindName(Finding::Kind kind) {
  switch (kind) {
  case Finding::Kind::Invalid:
    return "invalid";
  case Finding::Kind::Unsupported:
    return "unsupported";
  case Finding::Kind::Warning:
    return "warning";
  case Finding::Kind::Notice:
    return "notice";
  }
  return "unknown";
}

} // namespace cadenza
