// What jinja2 does not say: lines of errors, limits, what is refused by name.
#include "runtime/chat/jinja/template.h"

#include <gtest/gtest.h>

#include <chrono>

namespace cadenza::jinja {
namespace {

using nlohmann::ordered_json;

StatusOr<std::string> render(std::string_view source, const ordered_json &context = ordered_json::object(),
                             const RenderOptions &options = {}) {
  const auto parsed = Template::parse(source);
  return parsed.isOk() ? parsed->render(context, options) : StatusOr<std::string>(parsed.status());
}

void expectError(std::string_view source, StatusCode code, const std::string &message,
                 const ordered_json &context = ordered_json::object()) {
  const auto result = render(source, context);
  ASSERT_FALSE(result.isOk()) << source << "\n" << *result;
  EXPECT_EQ(result.status().code(), code) << source << ": " << result.status().message();
  EXPECT_NE(result.status().message().find(message), std::string::npos)
      << source << ": " << result.status().message() << "\nexpected: " << message;
}

TEST(ChatTemplate, ErrorsNameTheLine) {
  expectError("a\n\n{{ b.c }}", StatusCode::InvalidInput, "line 3: 'b' is undefined");
  expectError("\n{% if x %}", StatusCode::InvalidInput,
              "line 2: unexpected the end of the template, expected {% endif %}");
  expectError("{{ 'a' + 1 }}", StatusCode::InvalidInput, "line 1: unsupported operand types for +: 'str' and 'int'");
  expectError("\n{{ 1 | nothing }}", StatusCode::InvalidInput, "line 2: there is no filter 'nothing'");
  expectError("{{ 1 is nothing }}", StatusCode::InvalidInput, "line 1: there is no test 'nothing'");
  expectError("{% macro f() %}\n\n{{ a.b }}{% endmacro %}{{ f() }}", StatusCode::InvalidInput,
              "line 3: 'a' is undefined");
  expectError("\n\n{{ 'abc", StatusCode::InvalidInput, "line 3: the text that begins here has no closing quote");
  expectError("{# abc", StatusCode::InvalidInput, "line 1: the comment that begins here has no end");
  expectError("{% raw %}", StatusCode::InvalidInput, "line 1: the raw block that begins here has no endraw");
  expectError("{{ (1 }}", StatusCode::InvalidInput, "line 1: unexpected '}', expected ')'");
  expectError("{{ 1 $ 2 }}", StatusCode::InvalidInput, "line 1: unexpected character $");
  expectError("{% frob %}", StatusCode::InvalidInput, "line 1: unknown tag 'frob'");
  expectError("{% break %}", StatusCode::InvalidInput, "line 1: {% break %} outside of a loop");
  expectError("{{ [].append(1) }}", StatusCode::InvalidInput,
              "access to attribute 'append' of 'list' object is unsafe");
  expectError("{{ ''.__class__.x }}", StatusCode::InvalidInput, "is unsafe");
  expectError(std::string("\xff"), StatusCode::InvalidInput, "not UTF-8");
}

TEST(ChatTemplate, TheTemplateRefuses) {
  expectError("\n{{ raise_exception('roles ' ~ 1) }}", StatusCode::InvalidArgument,
              "line 2: the chat template refuses this: roles 1");
}

TEST(ChatTemplate, RefusedByName) {
  for (const char *source :
       {"{% include 'x' %}", "{% extends 'x' %}", "{% import 'x' as y %}", "{% block x %}{% endblock %}",
        "{% for a in b recursive %}{% endfor %}", "{{ x | pprint }}", "{{ 'a'.encode() }}", "{{ lipsum() }}",
        "{{ range(3) }}", "{{ 9223372036854775807 + 1 }}", "{{ '\\N{BULLET}' }}", "{{ self }}", "{{ self.title() }}",
        "{% macro m() %}{% endmacro %}{{ m.name }}", "{% macro m(a) %}{% endmacro %}{{ m['arguments'] }}",
        "{{ range.name }}"})
    expectError(source, StatusCode::Unsupported, "line 1: ");
}

TEST(ChatTemplate, EndsWhateverItLoopsOver) {
  const auto start = std::chrono::steady_clock::now();
  const std::string forever = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
  expectError(forever, StatusCode::InvalidInput, "steps");
  expectError("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", StatusCode::InvalidInput, "nested more than 800 deep");
  expectError("{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
              StatusCode::InvalidInput, "steps");
  expectError("{{ 'x' * 10000000000 }}", StatusCode::InvalidInput, "steps");
  expectError("{{ [1] * 10000000000 }}", StatusCode::InvalidInput, "steps");
  expectError("{{ '%99999999d' % 1 }}", StatusCode::InvalidInput, "a width or precision of a format");
  expectError("{{ range(100001) | list }}", StatusCode::InvalidInput, "range too big");
  expectError("{% set ns = namespace(a=[]) %}{% for i in range(9999) %}{% set ns.a = [ns.a] %}{% endfor %}{{ ns.a }}",
              StatusCode::InvalidInput, "nested too deeply");
  expectError("{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}", StatusCode::InvalidInput, "nested too deeply");
  // Two lists of 2^60 elements each, in the memory of 60.
  expectError("{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}"
              "{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
              StatusCode::InvalidInput, "too large to be compared");
  expectError("{{ 'ab' | replace('', 'x' * 1000000) | replace('', 'y' * 10000) }}", StatusCode::InvalidInput, "steps");
  expectError("{{ " + std::string(100000, '[') + std::string(100000, ']') + " }}", StatusCode::InvalidInput, "deep");
  expectError("{{ " + std::string(100000, '-') + "1 }}", StatusCode::InvalidInput, "deep");
  std::string sum = "1";
  for (int i = 0; i < 100000; ++i)
    sum += "+1";
  expectError("{{ " + sum + " }}", StatusCode::InvalidInput, "levels");
  std::string ifs;
  for (int i = 0; i < 100000; ++i)
    ifs += "{% if 1 %}";
  expectError(ifs, StatusCode::InvalidInput, "deep");
  const auto limited = render("{% for i in range(100) %}xxxxxxxxxx{% endfor %}", {}, {.outputBytes = 500});
  EXPECT_EQ(limited.status().code(), StatusCode::InvalidInput);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

TEST(ChatTemplate, WhatCallsTheTemplateItselfMayBeSet) {
  EXPECT_EQ(*render("{% set self = 1 %}{{ self }}{{ other is defined }}"), "1False");
}

/// Texts whose search goes far wrong at every place, and questions that the first character answers.
TEST(ChatTemplate, LongTextsTakeNoLongTime) {
  const auto start = std::chrono::steady_clock::now();
  const std::string many(1000000, 'a');
  const ordered_json context = {{"a", many}, {"b", many.substr(500000) + "b"}, {"c", "b" + many.substr(500000)}};
  EXPECT_EQ(*render("{{ a.find(b) }} {{ a.rfind(c) }} {{ a.count(b) }} {{ b in a }} {{ a.partition(b)[1] }}", context),
            "-1 -1 0 False ");
  EXPECT_EQ(*render("{{ a.split(b) | length }} {{ a.rsplit(c, 1) | length }} {{ a.replace(b, '') | length }}", context),
            "1 1 1000000");
  EXPECT_EQ(*render("{{ a.strip(b) }}{{ c.rsplit('b') }}"
                    "{% for i in range(5000) %}{% if a.isdigit() or a.startswith('b') %}x{% endif %}{% endfor %}",
                    {{"a", many}, {"b", many}, {"c", "1b2b"}}),
            "['1', '2', '']");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

TEST(ChatTemplate, LongTalksFit) {
  ordered_json messages = ordered_json::array();
  for (int i = 0; i < 2000; ++i)
    messages.push_back({{"role", i % 2 ? "assistant" : "user"}, {"content", std::string(2000, 'x')}});
  const auto text = render("{% for m in messages %}{{ '<' + m.role + '>' + m.content | trim }}{% endfor %}",
                           {{"messages", messages}});
  ASSERT_TRUE(text.isOk()) << text.status().message();
  EXPECT_GT(text->size(), 4000000u);
}

TEST(ChatTemplate, ATemplateCanBeRenderedAgain) {
  const auto parsed = Template::parse("{% set ns = namespace(n=1) %}{% set ns.n = ns.n + x %}{{ ns.n }}{{ 'a' 'b' }}");
  ASSERT_TRUE(parsed.isOk());
  for (int x : {1, 2, 1})
    EXPECT_EQ(*parsed->render({{"x", x}}), std::to_string(x + 1) + "ab");
}

} // namespace
} // namespace cadenza::jinja
