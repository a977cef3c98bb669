#include "compiler/import/findings.h"

namespace cadenza {

void Findings::put(Finding::Kind kind, std::string message) {
  constexpr size_t kept = 100;
  if (++counts_[static_cast<size_t>(kind)] <= kept)
    all_.push_back({kind, std::move(message)});
}

void Findings::add(const Status &status) {
  if (status.isOk())
    return;
  if (status.code() == StatusCode::Unsupported)
    return unsupported(status.message());
  if (status.code() != StatusCode::InvalidInput && !otherCode_)
    otherCode_ = status.code();
  invalid(status.message());
}

Status Findings::toStatus() const {
  if (!hasErrors())
    return Status::ok();
  std::string message;
  size_t shown = 0;
  for (const Finding &finding : all_) {
    if (finding.kind == Finding::Kind::Invalid || finding.kind == Finding::Kind::Unsupported)
      message += (shown++ == 0 ? "" : "\n") + finding.message;
  }
  if (shown < errors())
    message += "\nand " + std::to_string(errors() - shown) + " more";
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
