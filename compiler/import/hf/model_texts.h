// The text files of a model's directory, which importers share.
#pragma once

#include "compiler/import/findings.h"
#include "compiler/import/hf/model_directory.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace cadenza {

/// "Qwen3-0.6B" of .../Qwen3-0.6B/ and of .../models--Qwen--Qwen3-0.6B/snapshots/REVISION.
std::string modelName(const std::string &directory);

/// The text of a file; empty if there is none, or if it cannot be read, is too large or a Git LFS pointer, which is a
/// finding.
std::string readOptional(ModelDirectory &directory, std::string_view name, Findings &findings);

/// A JSON object of one file, or nothing and a finding.
std::optional<nlohmann::json> parseObject(const std::string &text, const char *file, Findings &findings);

} // namespace cadenza
