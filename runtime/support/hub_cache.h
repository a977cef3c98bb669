// Where the Hugging Face hub's own tools keep what they downloaded: HUB/models--OWNER--NAME/snapshots/REVISION. Nothing
// is ever downloaded here.
#pragma once

#include "runtime/support/status.h"

#include <string>
#include <string_view>

namespace cadenza {

/// "Qwen/Qwen3-0.6B", or "gpt2": a model as the hub names it.
bool isHubName(std::string_view name);

/// The folder of that cache: $HF_HUB_CACHE, or $HF_HOME/hub, or huggingface/hub in $XDG_CACHE_HOME or ~/.cache; the
/// first that is set, as for the hub's own tools.
std::string hubCacheFolder();

/// The folder of the revision "main" of a model in the cache; without refs/main, of its only revision. InvalidArgument
/// if there is none: says where it was looked for, and how to download it.
StatusOr<std::string> findInHubCache(const std::string &name);

} // namespace cadenza
