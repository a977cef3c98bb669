#include "compiler/import/hf/published.h"
#include "runtime/support/suggestion.h"

namespace cadenza {

const std::vector<PublishedModel> &publishedModels() {
  // The build writes one {"NAME", R"json(CONFIG)json", R"json(GENERATION_CONFIG)json"} for each folder in published/.
  static const std::vector<PublishedModel> models = {
#include "compiler/import/hf/published.inc"
  };
  return models;
}

const PublishedModel *findPublishedModel(std::string_view name) {
  for (const PublishedModel &model : publishedModels()) {
    if (model.name == name)
      return &model;
  }
  return nullptr;
}

std::string publishedNames() {
  std::string names;
  for (const PublishedModel &model : publishedModels()) {
    names += names.empty() ? "" : ", ";
    names += model.name;
  }
  return names;
}

std::string likelyPublishedName(std::string_view name) {
  std::vector<std::string> names;
  for (const PublishedModel &model : publishedModels())
    names.emplace_back(model.name);
  return didYouMean(name, names);
}

} // namespace cadenza
