// What jinja2 made of templates, recorded by make_cases.py: the engine makes the same, character for character.
#include "runtime/chat/jinja/template.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <fstream>

namespace cadenza::jinja {
namespace {

using nlohmann::ordered_json;

std::string readFile(const std::string &name) {
  std::ifstream stream(CADENZA_SOURCE_DIR "/test/runtime/chat/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST(ChatTemplateCases, AsJinja2) {
  setenv("TZ", "UTC", 1);
  tzset();
  const ordered_json document = ordered_json::parse(readFile("cases.json"));
  size_t texts = 0, errors = 0, unsupported = 0;
  for (const ordered_json &wanted : document["cases"]) {
    std::string source;
    ordered_json context;
    if (wanted.contains("file")) {
      source = readFile("templates/" + wanted["file"].get<std::string>() + ".jinja");
      context = {{"messages", document["talks"][wanted["talk"].get<std::string>()]},
                 {"bos_token", "<s>"},
                 {"eos_token", "</s>"}};
      context.update(wanted["options"]);
    } else {
      source = wanted["template"];
      context = wanted["context"];
    }
    const std::string name = wanted.contains("file")
                                 ? wanted["file"].get<std::string>() + ", " + wanted["talk"].get<std::string>() + ", " +
                                       wanted["options"].dump()
                                 : source + "\nwith " + context.dump();
    const auto parsed = Template::parse(source);
    const auto text = parsed.isOk() ? parsed->render(context, {.now = document["now"].get<std::time_t>()})
                                    : StatusOr<std::string>(parsed.status());
    if (text.status().code() == StatusCode::Unsupported && !wanted.contains("file")) {
      ++unsupported;
    } else if (wanted.contains("text")) {
      ASSERT_TRUE(text.isOk()) << name << "\n" << text.status().message();
      ASSERT_EQ(*text, wanted["text"].get<std::string>()) << name;
      ++texts;
    } else {
      ASSERT_FALSE(text.isOk()) << name << "\n" << *text << "\nexpected: " << wanted["error"];
      ++errors;
    }
  }
  EXPECT_GT(texts, 600u);
  EXPECT_GT(errors, 50u);
  EXPECT_LT(unsupported, 10u);
}

} // namespace
} // namespace cadenza::jinja
