#include "test/compiler/import/fuzz_targets.h"
#include "compiler/import/hf/family.h"
#include "compiler/import/hf/safetensors.h"
#include "runtime/support/json.h"

#include <cmath>
#include <cstdlib>

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

} // namespace cadenza::test
