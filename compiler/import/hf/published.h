// The configurations of published models, embedded, so that a model can be compiled and measured with random weights
// and no download.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

struct PublishedModel {
  std::string_view name;             // "Qwen3-0.6B"
  std::string_view config;           // the text of config.json
  std::string_view generationConfig; // of generation_config.json
};

const std::vector<PublishedModel> &publishedModels();
/// The model of that name, or null.
const PublishedModel *findPublishedModel(std::string_view name);
/// "Llama-3.1-8B, Llama-3.2-1B, ...", for messages.
std::string publishedNames();
/// "; did you mean 'NAME'?" for one that is mistyped, or empty.
std::string likelyPublishedName(std::string_view name);

} // namespace cadenza
