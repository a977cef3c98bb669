#include "test/compiler/import/fuzz_targets.h"
#include "compiler/import/gguf/config.h"
#include "compiler/import/gguf/tokenizer.h"
#include "compiler/import/hf/family.h"
#include "compiler/import/hf/safetensors.h"
#include "runtime/support/json.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

namespace cadenza::test {
namespace {

void require(bool condition) {
  if (!condition)
    abort();
}

} // namespace

void fuzzSafetensors(std::string_view file) {
  auto header = parseSafetensorsHeader(file);
  if (!header.isOk()) {
    require(!header.status().message().empty());
    return;
  }
  uint64_t end = header->headerBytes;
  for (const SafetensorsEntry &entry : header->entries) {
    require(entry.offset == end && entry.bytes <= file.size() - entry.offset);
    for (int64_t extent : entry.shape)
      require(extent >= 0);
    end += entry.bytes;
  }
  require(end == file.size());
}

void fuzzConfig(std::string_view text) {
  std::vector<std::string> repeated;
  auto json = parseJson(text, {}, &repeated);
  if (!json.isOk() || !json->is_object())
    return;
  Findings findings;
  ConfigReader reader(*json, "config.json", findings);
  readFamily(reader);
  DecoderConfig config = readDecoderConfig(reader, {.configClass = "TestConfig", .window = Window::Switched});
  reader.noteUnread();
  readGenerationConfig(reader, config);
  require(findings.hasErrors() != findings.toStatus().isOk());
  if (findings.hasErrors())
    return;
  require(config.heads > 0 && config.kvHeads > 0 && config.heads % config.kvHeads == 0);
  require(config.headDim > 0 && config.headDim % 2 == 0 && config.layers > 0 && config.vocabSize > 0);
  for (double frequency : ropeInverseFrequencies(config.rope, config.headDim))
    require(std::isfinite(frequency));
}

void fuzzGguf(std::string_view bytes) {
  auto file = gguf::File::parse(std::as_bytes(std::span(bytes)));
  if (!file.isOk()) {
    require(!file.status().message().empty());
    return;
  }
  std::vector<std::span<const std::byte>> parts;
  for (const auto &[name, tensor] : file->tensors()) {
    require(tensor.data.data() >= file->header().data() + file->header().size());
    require(tensor.data.data() + tensor.data.size() <= file->bytes().data() + file->bytes().size());
    parts.push_back(tensor.data);
  }
  std::sort(parts.begin(), parts.end(), [](const auto &a, const auto &b) { return a.data() < b.data(); });
  for (size_t i = 1; i < parts.size(); ++i)
    require(parts[i - 1].data() + parts[i - 1].size() <= parts[i].data());

  Findings findings;
  for (const char *name : {"llama", "gemma3", "phi3", "olmo2", "mistral3", "gpt2", "gptneox"}) {
    const gguf::Architecture *architecture = gguf::findArchitecture(name);
    const gguf::Config made = gguf::makeConfig(*file, *architecture, findings);
    ConfigReader reader(made.json, "model.gguf", findings);
    reader.setPlaces(made.places);
    DecoderConfig config = findFamily(architecture->huggingFace)->readConfig(reader);
    gguf::applyTensors(*file, *architecture, config, findings);
  }
  gguf::makeTokenizer(*file, "", findings);
  require(findings.hasErrors() != findings.toStatus().isOk());
}

} // namespace cadenza::test
