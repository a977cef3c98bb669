#include "runtime/support/profile_range.h"

#ifdef CADENZA_NVTX

#include <nvtx3/nvToolsExt.h>

#include <cstdio>

namespace cadenza {
namespace {

/// Null if no profiler is attached.
nvtxDomainHandle_t domain() {
  static const nvtxDomainHandle_t made = nvtxDomainCreateA("Cadenza");
  return made;
}

void push(const char *text) {
  nvtxEventAttributes_t attributes = {};
  attributes.version = NVTX_VERSION;
  attributes.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
  attributes.messageType = NVTX_MESSAGE_TYPE_ASCII;
  attributes.message.ascii = text;
  nvtxDomainRangePushEx(domain(), &attributes);
}

} // namespace

ProfileRange::ProfileRange(const char *name) noexcept {
  if (domain())
    push(name);
}

ProfileRange::ProfileRange(const char *name, int64_t number) noexcept {
  if (!domain())
    return;
  char text[96];
  std::snprintf(text, sizeof text, "%s %lld", name, static_cast<long long>(number));
  push(text);
}

ProfileRange::~ProfileRange() {
  if (domain())
    nvtxDomainRangePop(domain());
}

} // namespace cadenza

#else

namespace cadenza {

ProfileRange::ProfileRange(const char *) noexcept {}
ProfileRange::ProfileRange(const char *, int64_t) noexcept {}
ProfileRange::~ProfileRange() = default;

} // namespace cadenza

#endif
