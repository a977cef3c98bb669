// JSON schemas as grammars; compare_with_jsonschema.py holds them against a validator.
#include "runtime/grammar/json_schema.h"
#include "test/runtime/grammar/walk.h"

#include <gtest/gtest.h>

#include <chrono>

namespace cadenza::testing {
namespace {

using Texts = std::vector<std::string>;

void expect(const std::string &schema, const Texts &good, const Texts &bad) {
  const auto grammar = grammar::parseJsonSchema(schema);
  ASSERT_TRUE(grammar.isOk()) << schema << ": " << grammar.status().message();
  for (const std::string &text : good)
    EXPECT_TRUE(accepts(*grammar, text)) << schema << " and " << text;
  for (const std::string &text : bad)
    EXPECT_FALSE(accepts(*grammar, text)) << schema << " and " << text;
}
Status failure(const std::string &schema) {
  const auto grammar = grammar::parseJsonSchema(schema);
  return grammar.isOk() ? Status::ok() : grammar.status();
}

TEST(JsonSchema, Values) {
  expect("{}", {"1", "\"x\"", "null", "[]", "{}", R"({"a":[1,{"b":null}]})"}, {"", "[1,]", "nul", "01", "1 ", " 1"});
  expect(R"({"type":"number"})", {"0", "-1", "2.50", "1e5", "1E+20", "-0.1e-7"},
         {"01", ".5", "1.", "+1", "1e", "1e999"});
  expect(R"({"type":["integer","null"],"nullable":true})", {"0", "-12", "null"}, {"1.0", "1e2", "-0", "007", "\"1\""});
  expect(R"({"type":"string"})", {R"("")", R"("é\"\\\n\u0001😀")"},
         {"\"\n\"", R"("\u00e9")", R"("\/")", R"("\u000A")", "\"\xff\"", "\"\xed\xa0\x80\""});
  expect(R"({"type":"string","minLength":1,"maxLength":2})", {R"("a")", R"("é😀")", R"("\n\n")"},
         {R"("")", R"("abc")"});
  expect(R"({"type":"string","nullable":true})", {R"("a")", "null"}, {"1"});
  expect(R"({"const":{"a":[1,"x"]}})", {R"({"a":[1,"x"]})", R"({ "a": [1, "x"] })"}, {R"({"a":[1]})", "{}"});
  expect(R"({"enum":["a","ab",1,null,2.5]})", {R"("a")", R"("ab")", "1", "null", "2.5"}, {R"("b")", "2", R"("abb")"});
  expect(R"({"type":"string","enum":["a",1]})", {R"("a")"}, {"1"});
}

TEST(JsonSchema, RangesOfIntegers) {
  for (const auto &[least, most] : std::vector<std::pair<int, int>>{
           {0, 0}, {-3, 12}, {9, 10}, {95, 1005}, {-120, -7}, {-1, 1}, {100, 199}, {-1000, 5}, {7, 7777}}) {
    const auto grammar = grammar::parseJsonSchema("{\"type\":\"integer\",\"minimum\":" + std::to_string(least) +
                                                  ",\"exclusiveMaximum\":" + std::to_string(most + 1) + "}");
    ASSERT_TRUE(grammar.isOk());
    grammar::Matcher matcher(*grammar);
    for (int number = -1300; number < 8000; ++number)
      EXPECT_EQ(!rejectedAt(matcher, std::to_string(number)), least <= number && number <= most)
          << number << " of " << least << ", " << most;
    EXPECT_TRUE(rejectedAt(matcher, "-0") && rejectedAt(matcher, "00") && rejectedAt(matcher, "1.0"));
  }
  expect(R"({"type":"integer","minimum":0.5,"maximum":3.5})", {"1", "3"}, {"0", "4"});
  expect(R"({"type":"integer","exclusiveMinimum":1})", {"2", "10", "99999999999999999999"},
         {"1", "0", "-5", "100000000000000000000"});
  expect(R"({"type":"integer","maximum":-10})", {"-10", "-9999"}, {"-9", "0", "5"});
  EXPECT_EQ(failure(R"({"type":"integer","minimum":3,"maximum":2})").code(), StatusCode::InvalidInput);
  EXPECT_EQ(failure(R"({"type":"integer","minimum":1e300})").code(), StatusCode::Unsupported);
}

TEST(JsonSchema, Objects) {
  const char *schema =
      R"({"type":"object","properties":{"b":{"type":"integer"},"a":{"type":"null"},"c":true},"required":["a"]})";
  expect(schema,
         {R"({"a":null})", R"({"b":1,"a":null})", R"({"b":1,"a":null,"c":[]})", "{\n  \"a\": null,\n  \"c\": 1\n}"},
         {"{}", R"({"b":1})", R"({"a":null,"b":1})", R"({"a":null,"a":null})", R"({"a":null,"d":1})", R"({"a":null,})",
          R"({,"a":null})", R"({"a" :null})", "{\"a\":\nnull}", "{\n\n\"a\":null}", R"({  "a":null})"});
  // Names that are spelled with escapes; other members, which come last and have none of the names.
  expect(R"({"properties":{"q\"\n":{"const":1},"qx":{"const":2}},"additionalProperties":{"type":"boolean"}})",
         {R"({"q\"\n":1,"qx":2,"q":true,"":false})", R"({"qxy":true})", R"({"q\"":true})", R"({"é":true})", "{}"},
         {R"({"qx":true})", R"({"q\"\n":true})", R"({"q":true,"qx":2})", R"({"x":1})"});
  expect(R"({"type":"object"})", {"{}", R"({"x":[1],"y":{}})"}, {"[]"});
  expect(R"({"type":"object","properties":{},"additionalProperties":false})", {"{}"}, {R"({"a":1})"});
  expect(R"({"required":["x","y"],"properties":{"y":{"const":1}}})", {R"({"y":1,"x":[null]})"}, {R"({"y":1})"});
  expect(R"({"properties":{"a":false,"b":{"const":1}}})", {"{}", R"({"b":1})"}, {R"({"a":1})"});
  EXPECT_EQ(failure(R"({"properties":{"a":false},"required":["a"]})").message(), "schema: no text fits");
}

TEST(JsonSchema, Arrays) {
  expect(R"({"type":"array"})", {"[]", "[1]", "[1, \"a\",[]]"}, {"[,]", "[1 ,2]", "[ ]"});
  expect(R"({"items":{"type":"integer"},"minItems":2,"maxItems":3})", {"[1,2]", "[1,2,3]", "[\n  1,\n  2\n]"},
         {"[]", "[1]", "[1,2,3,4]", "[1,null]"});
  expect(R"({"items":{"type":"null"},"minItems":2})", {"[null,null]", "[null,null,null,null]"}, {"[null]"});
  expect(R"({"items":{"const":1},"maxItems":0})", {"[]"}, {"[1]"});
  expect(R"({"prefixItems":[{"const":1},{"const":2}],"items":{"const":3}})", {"[]", "[1]", "[1,2]", "[1,2,3,3]"},
         {"[2]", "[1,3]", "[1,2,2]"});
  expect(R"({"prefixItems":[{"const":1}],"items":false,"minItems":1})", {"[1]"}, {"[]", "[1,1]"});
  expect(R"({"prefixItems":[{"const":1}],"minItems":2})", {"[1,\"any\"]"},
         {"[1]", "[1,1,1]"}); // as open as it asks for
  EXPECT_EQ(failure(R"({"items":{},"minItems":3,"maxItems":2})").code(), StatusCode::InvalidInput);
}

TEST(JsonSchema, Combinations) {
  expect(R"({"anyOf":[{"type":"integer"},{"type":"string","maxLength":1},false]})", {"1", R"("a")"},
         {R"("ab")", "null"});
  expect(R"({"oneOf":[{"const":1},{"const":2}],"description":"x"})", {"1", "2"}, {"3"});
  expect(R"({"type":["integer","string"],"anyOf":[{"minimum":3},{"type":"string"}]})", {"3", R"("x")"}, {"2", "null"});
  expect(
      R"({"allOf":[{"type":"object","properties":{"a":{"minimum":1,"type":"integer"}}},{"properties":{"a":{"maximum":3},"b":{"const":1}},"required":["b"]}]})",
      {R"({"a":2,"b":1})", R"({"b":1})"}, {R"({"a":4,"b":1})", R"({"a":0,"b":1})", R"({"a":1})"});
  expect(R"({"allOf":[{"enum":[1,2,3]},{"enum":[3,2,5]},{"type":"integer"}]})", {"2", "3"}, {"1", "5"});
  expect(R"({"$ref":"#/$defs/s","maxLength":2,"$defs":{"s":{"type":"string","minLength":2,"maxLength":9}}})",
         {R"("ab")"}, {R"("a")", R"("abc")"});
  expect(
      R"({"type":"object","properties":{"t":{"enum":["a","b"]}},"required":["t"],"anyOf":[{"properties":{"t":{"const":"a"}}},{"properties":{"t":{"const":"b"},"x":{"const":1}},"required":["x"]}]})",
      {R"({"t":"a"})", R"({"t":"b","x":1})"}, {R"({"t":"b"})", R"({"t":"a","x":1})"});
  EXPECT_EQ(failure(R"({"allOf":[{"type":"string"},{"type":"integer"}]})").code(), StatusCode::InvalidInput);
  EXPECT_EQ(failure(R"({"allOf":[{"pattern":"a"},{"pattern":"b"}]})").message(),
            "schema at #: two of 'pattern' that must hold together are not supported");
}

TEST(JsonSchema, References) {
  expect(
      R"({"$ref":"#/$defs/tree","$defs":{"tree":{"type":"object","properties":{"v":{"type":"integer"},"kids":{"type":"array","items":{"$ref":"#/$defs/tree"}}},"required":["v"]}}})",
      {R"({"v":1})", R"({"v":1,"kids":[{"v":2},{"v":3,"kids":[{"v":4}]}]})"},
      {R"({"kids":[]})", R"({"v":1,"kids":[1]})"});
  expect(R"({"anyOf":[{"type":"null"},{"type":"array","items":{"$ref":"#"}}]})", {"null", "[[null],[]]"}, {"1", "[1]"});
  expect(R"({"$ref":"#/definitions/a~1b%20c","definitions":{"a/b c":{"const":1}}})", {"1"}, {"2"});
  expect(R"({"properties":{"x":{"const":5},"y":{"$ref":"#/properties/x"}}})", {R"({"x":5,"y":5})"}, {R"({"y":4})"});
  const auto deep = grammar::parseJsonSchema(R"({"type":"array","items":{"$ref":"#"}})");
  EXPECT_TRUE(accepts(*deep, std::string(20, '[') + std::string(20, ']')));
  EXPECT_FALSE(accepts(*deep, std::string(200, '[') + std::string(200, ']'))); // bounded
}

/// Numbers of 2 digits behind the point, as a double reads them.
TEST(JsonSchema, RangesOfNumbers) {
  const std::pair<const char *, std::function<bool(double)>> cases[] = {
      {R"("minimum":0,"maximum":1)", [](double x) { return x >= 0 && x <= 1; }},
      {R"("exclusiveMinimum":0)", [](double x) { return x > 0; }},
      {R"("exclusiveMinimum":2,"exclusiveMaximum":3)", [](double x) { return x > 2 && x < 3; }},
      {R"("minimum":-3,"exclusiveMaximum":12.0)", [](double x) { return x >= -3 && x < 12; }},
      {R"("exclusiveMinimum":-12,"maximum":-2)", [](double x) { return x > -12 && x <= -2; }},
      {R"("maximum":-1,"exclusiveMaximum":-1)", [](double x) { return x < -1; }},
      {R"("minimum":-1,"exclusiveMinimum":-5,"maximum":0)", [](double x) { return x >= -1 && x <= 0; }},
      {R"("exclusiveMaximum":0)", [](double x) { return x < 0; }},
  };
  for (const auto &[bounds, fits] : cases) {
    const auto grammar = grammar::parseJsonSchema(std::string(R"({"type":"number",)") + bounds + "}");
    ASSERT_TRUE(grammar.isOk()) << bounds << ": " << grammar.status().message();
    grammar::Matcher matcher(*grammar);
    for (int hundredths = -1500; hundredths <= 1500; ++hundredths) {
      const int whole = std::abs(hundredths) / 100, rest = std::abs(hundredths) % 100;
      const std::string sign = hundredths < 0 ? "-" : "", digits = (rest < 10 ? "0" : "") + std::to_string(rest);
      const std::string text = sign + std::to_string(whole) + (rest == 0 ? "" : "." + digits);
      EXPECT_EQ(!rejectedAt(matcher, text), fits(hundredths / 100.0)) << text << " of " << bounds;
    }
    for (const char *text : {"-0", "00", "1.", ".5", "1e0", "01.5", "-00.5"})
      EXPECT_TRUE(rejectedAt(matcher, text)) << text << " of " << bounds;
  }
  // What a double rounds to a bound.
  expect(R"({"type":"number","exclusiveMaximum":1})", {"0.999999999999"}, {"0.9999999999999"});
  expect(R"({"type":"number","exclusiveMaximum":1000000})", {"999998.999999999999"}, {"999999.5"});
  EXPECT_EQ(failure(R"({"type":"number","minimum":3,"maximum":2})").code(), StatusCode::InvalidInput);
  EXPECT_EQ(failure(R"({"type":"number","exclusiveMinimum":3,"maximum":3})").code(), StatusCode::InvalidInput);
  EXPECT_EQ(failure(R"({"type":"number","minimum":0.5})").message(),
            "schema at #: 'minimum': 0.5 is not supported: bounds are whole numbers up to 2^53");
}

TEST(JsonSchema, Formats) {
  const auto format = [](const char *name, const Texts &good, const Texts &bad) {
    expect(std::string(R"({"type":"string","format":")") + name + "\"}", good, bad);
  };
  format(
      "date", {R"("2024-02-29")", R"("1999-12-31")", R"("2000-02-29")"},
      {R"("2023-02-29")", R"("1900-02-29")", R"("2024-13-01")", R"("2024-04-31")", R"("0000-01-01")", R"("24-01-01")"});
  format("time", {R"("23:59:59Z")", R"("00:00:00.123+05:30")"}, {R"("24:00:00Z")", R"("12:60:00Z")", R"("12:00:00")"});
  format("date-time", {R"("2024-02-29T10:00:00Z")"}, {R"("2024-02-29 10:00:00Z")", R"("2024-02-29")"});
  format("uuid", {R"("123e4567-e89b-12d3-a456-426614174000")"}, {R"("123e4567e89b12d3a456426614174000")"});
  format("email", {R"("a.b+c@x-y.org")"}, {R"("a@b")", R"("a..b@c.de")", R"("@c.de")"});
  format("hostname", {R"("a.b-c.org")"}, {R"("-a.org")", R"("a..b")"});
  format("ipv4", {R"("255.0.10.199")"}, {R"("256.0.0.1")", R"("1.2.3")", R"("01.2.3.4")"});
  format("ipv6", {R"("2001:db8:0:0:0:0:0:1")"}, {R"("1:2:3")", R"("12345:0:0:0:0:0:0:0")"});
  format("uri", {R"("https://a-b.org")", R"("ftp://x.y:21/a/%20b?q=1&r#top")"},
         {R"("a.org")", R"("https://")", R"("https://a b")", R"("https://a/%2")", R"("http://a:port/")"});
  format("password", {R"("anything")", R"("")"}, {"1"});
  EXPECT_EQ(failure(R"({"format":"duration"})").code(), StatusCode::Unsupported);
  EXPECT_EQ(failure(R"({"format":"date","pattern":"2"})").code(), StatusCode::Unsupported);
}

TEST(JsonSchema, WhatIsRefusedByNameAndPlace) {
  EXPECT_EQ(failure("{\"type\":").message().find("the schema is no JSON: offset 9: "), 0);
  for (const char *keyword :
       {"not", "if", "then", "dependentRequired", "patternProperties", "propertyNames", "contains",
        "unevaluatedProperties", "minProperties", "multipleOf", "$dynamicRef", "$anchor", "requierd"}) {
    const Status status = failure(std::string(R"({"properties":{"a/b":{"items":{")") + keyword + "\":{}}}}}");
    EXPECT_EQ(status.code(), StatusCode::Unsupported);
    EXPECT_EQ(status.message(), std::string("schema at #/properties/a~1b/items: '") + keyword + "' is not supported");
  }
  for (const char *schema :
       {R"({"uniqueItems":true})", R"({"type":"number","minimum":1e300})", R"({"minimum":0.5})", R"({"items":[{}]})",
        R"({"$ref":"other.json"})", R"({"$ref":"#name"})", R"({"enum":["abc"],"minLength":2})",
        R"({"anyOf":[{"$ref":"#/$defs/x"}],"$defs":{"x":{"not":{}}}})"})
    EXPECT_EQ(failure(schema).code(), StatusCode::Unsupported) << schema;
  for (const char *schema : {"",
                             "{",
                             "[]",
                             "1",
                             R"({"type":"strin"})",
                             R"({"type":1})",
                             R"({"$ref":"#/nowhere"})",
                             R"({"$ref":1})",
                             R"({"minLength":-1})",
                             R"({"minLength":"1"})",
                             R"({"properties":[]})",
                             R"({"required":"a"})",
                             R"({"required":[1]})",
                             R"({"enum":1})",
                             R"({"anyOf":{}})",
                             R"({"anyOf":[]})",
                             R"({"enum":[]})",
                             "false",
                             R"({"type":[]})",
                             R"({"pattern":"("})",
                             R"({"pattern":1})",
                             R"({"properties":{"a":1}})",
                             R"({"type":"integer","minimum":"1"})"})
    EXPECT_FALSE(failure(schema).isOk()) << schema;
  expect(
      R"({"type":"null","title":"t","description":"d","default":1,"examples":[1],"$schema":"s","$id":"i","x-own":1,"uniqueItems":false})",
      {"null"}, {"1"});
}

TEST(JsonSchema, Adversaries) {
  const auto start = std::chrono::steady_clock::now();
  // References without a body, in every disguise.
  for (const char *schema :
       {R"({"$ref":"#"})", R"({"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"})",
        R"({"anyOf":[{"type":"null"},{"$ref":"#"}]})", R"({"allOf":[{"$ref":"#"}]})", R"({"$ref":"#","type":"string"})",
        R"({"anyOf":[{"allOf":[{"$ref":"#"}]}],"type":"null"})",
        R"({"properties":{"a":{"$ref":"#"}},"required":["a"]})", R"({"items":{"$ref":"#"},"minItems":1})"})
    EXPECT_EQ(failure(schema).code(), StatusCode::InvalidInput) << schema << ": " << failure(schema).message();
  // Deep, long, and many.
  std::string deep, close;
  for (int i = 0; i < 30000; ++i)
    deep += R"({"items":)", close += "}";
  EXPECT_EQ(failure(deep + "{}" + close).code(), StatusCode::Unsupported);
  EXPECT_EQ(failure(R"({"const":)" + std::string(200000, '[') + std::string(200000, ']') + "}").code(),
            StatusCode::Unsupported);
  EXPECT_EQ(failure(std::string(2 << 20, ' ')).code(), StatusCode::InvalidInput);
  EXPECT_EQ(failure(R"({"type":"string","maxLength":1000000000})").code(), StatusCode::Unsupported);
  EXPECT_EQ(failure(R"({"items":{},"minItems":1000000000})").code(), StatusCode::Unsupported);
  EXPECT_EQ(failure(R"({"pattern":"((a{100}){100}){100}"})").code(), StatusCode::Unsupported);
  // Combinations that multiply.
  std::string any = R"({"anyOf":[{"minLength":1},{"minLength":2},{"minLength":3}]})", all;
  for (int i = 0; i < 20; ++i)
    all += (i ? "," : "") + any;
  EXPECT_EQ(failure("{\"allOf\":[" + all + "]}").code(), StatusCode::Unsupported);
  // Two recursive definitions that must hold together have no end.
  EXPECT_EQ(
      failure(
          R"({"allOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/b"}],"$defs":{"a":{"properties":{"x":{"$ref":"#/$defs/a"}}},"b":{"properties":{"x":{"$ref":"#/$defs/b"}}}}})")
          .code(),
      StatusCode::Unsupported);
  // Large, but sound.
  std::string values, properties;
  for (int i = 0; i < 10000; ++i)
    values += (i ? ",\"v" : "\"v") + std::to_string(i * 7919) + '"';
  expect("{\"enum\":[" + values + "]}", {R"("v0")", R"("v7919")"}, {R"("v1")"});
  for (int i = 0; i < 500; ++i)
    properties += (i ? ",\"p" : "\"p") + std::to_string(i) + R"(":{"type":"integer"})";
  expect("{\"properties\":{" + properties + R"(},"additionalProperties":{"type":"null"}})",
         {R"({"p3":1,"p499":2,"q":null})", "{}"}, {R"({"p4":1,"p3":1})", R"({"p3":null})"});
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST(JsonSchema, CompactWhiteSpaceAndObjects) {
  const auto compact = grammar::jsonObject({grammar::WhiteSpace::Compact});
  EXPECT_TRUE(accepts(*compact, R"({"a":[1,{"b c":null}]})"));
  EXPECT_FALSE(accepts(*compact, R"({"a": 1})"));
  EXPECT_FALSE(accepts(*compact, "[1]"));
  EXPECT_FALSE(accepts(*compact, "{}{}"));
  const auto flexible = grammar::jsonObject();
  EXPECT_TRUE(accepts(*flexible, "{\n  \"a\": [\n    1\n  ], \"b\":{ }\n}") == false); // an empty object has no space
  EXPECT_TRUE(accepts(*flexible, "{\n  \"a\": [\n    1\n  ], \"b\":{}\n}"));
}

} // namespace
} // namespace cadenza::testing
