#include "compiler/import/hf/directory_hints.h"
#include "compiler/import/text.h"

#include <algorithm>
#include <filesystem>
#include <vector>

namespace cadenza {
namespace {

namespace fs = std::filesystem;

constexpr const char *fromGguf = "give the GGUF file itself, and not its directory";
constexpr const char *fromPickle = "PyTorch's pickles are not read: convert them with transformers, "
                                   "AutoModelForCausalLM.from_pretrained(DIR).save_pretrained(NEW)";

/// The sorted names in a folder, a few hundred at most.
std::vector<std::string> namesIn(const fs::path &folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end && names.size() < 500;
       entry.increment(error))
    names.push_back(entry->path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

bool isPickle(std::string_view name) {
  return name.ends_with(".bin") || name.ends_with(".pt") || name.ends_with(".pth") || name.ends_with(".ckpt");
}

} // namespace

Status noDirectory(const std::string &path) {
  std::error_code error;
  const std::string quoted = quotedName(path);
  std::string advice;
  if (!fs::exists(path, error))
    return {StatusCode::InvalidArgument, quoted + " is no directory"};
  if (path.ends_with(".plan")) {
    advice = ", but a plan, which cadenza-run runs";
  } else if (path.ends_with(".safetensors") || path.ends_with(".json") || isPickle(path)) {
    advice = ", but a file of a model; give the directory that it is in";
  } else {
    advice = ", but a file; give a model's directory (config.json, *.safetensors) or a graph, an .mlir file";
  }
  return {StatusCode::InvalidArgument, quoted + " is no directory" + advice};
}

Status noConfig(const std::string &path) {
  const std::string shown = escaped(path, 300);
  const fs::path folder(path);
  const std::vector<std::string> names = namesIn(folder);
  const auto any = [&](auto &&is) { return std::any_of(names.begin(), names.end(), is); };
  std::error_code error;
  std::string advice;
  if (fs::is_directory(folder / "snapshots", error)) {
    advice = "; it is the hub cache's folder of a model, which lies in ";
    const std::vector<std::string> snapshots = namesIn(folder / "snapshots");
    advice += snapshots.empty() ? "snapshots/, where there is none: download it again"
                                : escaped((folder / "snapshots" / snapshots.back()).string(), 300);
  } else if (any([](const std::string &name) { return name.ends_with(".gguf"); })) {
    advice = std::string("; ") + fromGguf;
  } else if (any([](const std::string &name) { return name == "params.json" || name.starts_with("consolidated."); })) {
    advice = "; these are weights in their author's own format: take the model's Hugging Face format (config.json, "
             "*.safetensors)";
  } else if (any(isPickle)) {
    advice = std::string(" and there are no safetensors; ") + fromPickle;
  } else if (any([](const std::string &name) { return name.ends_with(".safetensors"); })) {
    advice = "; it belongs to the weights, download it, too";
  } else {
    for (const std::string &name : names)
      if (advice.empty() && fs::exists(folder / name / "config.json", error))
        advice = "; there is one in " + escaped((folder / name).string(), 300);
  }
  return {StatusCode::InvalidInput, shown + ": there is no config.json" + advice};
}

std::string otherWeights(const std::string &path) {
  for (const std::string &name : namesIn(path)) {
    const bool gguf = name.ends_with(".gguf");
    if (gguf || isPickle(name) || name.ends_with(".bin.index.json"))
      return "; found only " + escaped(name, 80) + ": " + (gguf ? fromGguf : fromPickle);
    if (name.ends_with(".safetensors") || name == "tf_model.h5" || name == "flax_model.msgpack")
      return "; found only " + escaped(name, 80);
  }
  return "";
}

} // namespace cadenza
