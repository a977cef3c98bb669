// config.json as an importer reads it, for tests.
#pragma once

#include "compiler/import/hf/family.h"
#include "test/compiler/import/model_files.h"

#include <gtest/gtest.h>

#include <span>

namespace cadenza::test {

struct Read {
  DecoderConfig config;
  Findings findings;
};

inline Read read(const nlohmann::json &object, const DecoderDefaults &defaults = {.configClass = "TestConfig"}) {
  Read result;
  ConfigReader reader(object, "config.json", result.findings);
  EXPECT_TRUE(readArchitecture(reader));
  result.config = readDecoderConfig(reader, defaults);
  reader.noteUnread();
  return result;
}

/// As the family that the file names reads it.
inline Read readAs(const nlohmann::json &object) {
  Read result;
  ConfigReader reader(object, "config.json", result.findings);
  const Family *family = readFamily(reader);
  EXPECT_TRUE(family);
  if (family)
    result.config = family->readConfig(reader);
  reader.noteUnread();
  return result;
}

/// The notices of a file in which nothing is wrong, a line each.
inline std::string noticesOf(const Read &result) {
  EXPECT_EQ(result.findings.toStatus().message(), "");
  std::string text;
  for (const Finding &finding : result.findings.all())
    text += finding.message + "\n";
  return text;
}

/// The notices of a configuration without errors that readDecoderConfig reads, a line each.
inline std::string notices(const nlohmann::json &object,
                           const DecoderDefaults &defaults = {.configClass = "TestConfig"}) {
  return noticesOf(read(object, defaults));
}

/// Something wrong with a configuration, and how what is said of it begins.
struct Broken {
  const char *patch;
  const char *message; // after "config.json: "
  StatusCode code = StatusCode::InvalidInput;
};

/// Of each configuration that `readPatched` reads with a patch of `table`, one thing is said, and that is what is
/// wrong.
template <typename ReadPatched> void expectRefused(std::span<const Broken> table, const ReadPatched &readPatched) {
  for (const Broken &broken : table) {
    SCOPED_TRACE(broken.patch);
    const Status status = readPatched(broken.patch).findings.toStatus();
    EXPECT_EQ(status.code(), broken.code);
    EXPECT_EQ(status.message().rfind("config.json: " + std::string(broken.message), 0), 0u) << status.message();
    EXPECT_EQ(status.message().find('\n'), std::string::npos) << "one mistake, one finding: " << status.message();
  }
}

/// smallConfig(family) with other fields, null among them (which merge_patch would remove).
inline nlohmann::json patched(const std::string &family, const char *patch, int layers = 1) {
  nlohmann::json object = smallConfig(family);
  object["num_hidden_layers"] = layers;
  const nlohmann::json fields = nlohmann::json::parse(patch);
  for (const auto &[name, value] : fields.items())
    object[name] = value;
  return object;
}

} // namespace cadenza::test
