// Whatever the template and the values are, rendering ends with a text or an error.
#include "test/runtime/chat/fuzz_target.h"

#include "runtime/chat/jinja/template.h"

namespace cadenza::testing {

void fuzzChatTemplate(std::string_view input) {
  const size_t end = std::min(input.find('\0'), input.size());
  const auto parsed = jinja::Template::parse(input.substr(0, end));
  if (!parsed.isOk())
    return;
  const std::string_view values = input.substr(std::min(end + 1, input.size()));
  auto context = nlohmann::ordered_json::parse(values.begin(), values.end(), nullptr, /*allow_exceptions=*/false);
  if (!context.is_object())
    context = {{"messages", {{{"role", "user"}, {"content", "Hello"}}}}, {"add_generation_prompt", true}};
  (void)parsed->render(context, {.steps = 100000, .outputBytes = 1 << 20});
}

} // namespace cadenza::testing
