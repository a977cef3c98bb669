// A file in the ONNX format (https://onnx.ai/onnx/repo-docs/IR.html) to a checked graph. What later stages can do with
// its operators is another question (support.h).
#pragma once

#include "compiler/import/findings.h"
#include "compiler/import/onnx/graph.h"

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace cadenza::onnx {

/// Whether `path` names an ONNX model: by its ending, ".onnx".
bool isModelFile(const std::string &path);

struct ReadOptions {
  /// What dimensions are, by name: with them more conditions of If nodes are known (shapes/analysis.h).
  std::map<std::string, std::string> dims = {};
};

/// Reads the model at `path`; values of tensors stay in the file, which is mapped as long as the model refers to it.
/// Everything that is wrong goes to `findings`, each with file, node, operator and attribute. Nothing is returned only
/// if there was no graph to read; with findings, what there is of the graph serves further checks and nothing else.
std::optional<Model> readModel(const std::string &path, Findings &findings, const ReadOptions &options = {});

/// The same of a file's bytes, which `owner` keeps. External data is looked for in `directory`; "": there is none.
std::optional<Model> readModel(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                               const std::string &file, const std::string &directory, Findings &findings,
                               const ReadOptions &options = {});

} // namespace cadenza::onnx
