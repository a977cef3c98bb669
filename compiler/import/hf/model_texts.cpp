#include "compiler/import/hf/model_texts.h"
#include "compiler/import/text.h"
#include "runtime/support/json.h"

#include <filesystem>

namespace cadenza {
namespace {

constexpr size_t maxText = size_t{64} << 20;

} // namespace

std::string modelName(const std::string &directory) {
  std::error_code error;
  std::filesystem::path path = std::filesystem::canonical(directory, error);
  std::string name = path.filename().string();
  if (path.parent_path().filename() == "snapshots") {
    name = path.parent_path().parent_path().filename().string();
    if (size_t separator = name.rfind("--"); separator != std::string::npos)
      name.erase(0, separator + 2);
  }
  return escaped(name, 128);
}

std::string readOptional(ModelDirectory &directory, std::string_view name, Findings &findings) {
  if (!directory.has(name))
    return {};
  auto file = directory.file(name);
  if (!file.isOk()) {
    findings.add(file.status());
    return {};
  }
  if (file->bytes().size() > maxText) {
    findings.invalid(std::string(name) + ": is " + std::to_string(file->bytes().size()) + " bytes, more than " +
                     std::to_string(maxText));
    return {};
  }
  if (textOf(*file).starts_with("version https://git-lfs.github.com/spec/")) {
    findings.invalid(std::string(name) + ": is a Git LFS pointer, not the file itself; run 'git lfs pull'");
    return {};
  }
  return std::string(textOf(*file));
}

std::optional<nlohmann::json> parseObject(const std::string &text, const char *file, Findings &findings) {
  std::vector<std::string> repeated;
  auto json = parseJson(text, {}, &repeated);
  if (!json.isOk()) {
    findings.invalid(std::string(file) + ": " + escaped(json.status().message(), 300));
    return std::nullopt;
  }
  for (const std::string &key : repeated)
    findings.notice(std::string(file) + ": " + escaped(key, 80) + " is given twice, with the same value");
  if (!json->is_object()) {
    findings.invalid(std::string(file) + ": the document is no object");
    return std::nullopt;
  }
  return std::move(*json);
}

} // namespace cadenza
