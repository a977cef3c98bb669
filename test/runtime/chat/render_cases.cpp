// chat_render: reads a JSON list of {"template", "context"} and writes one of {"text"} or {"error", "kind"}, for
// compare_with_jinja2.py.
#include "runtime/chat/jinja/template.h"

#include <iostream>
#include <iterator>

int main() {
  using nlohmann::ordered_json;
  const std::string input(std::istreambuf_iterator<char>(std::cin), {});
  ordered_json results = ordered_json::array();
  for (const ordered_json &given : ordered_json::parse(input)) {
    cadenza::StatusOr<std::string> text = cadenza::Status(cadenza::StatusCode::Internal, "");
    const auto parsed = cadenza::jinja::Template::parse(given["template"].get<std::string>());
    text =
        parsed.isOk() ? parsed->render(given["context"], {.now = given.value("now", std::time_t{0})}) : parsed.status();
    if (text.isOk())
      results.push_back({{"text", *text}});
    else
      results.push_back({{"error", text.status().message()}, {"kind", statusCodeName(text.status().code())}});
  }
  std::cout << results.dump() << "\n";
}
