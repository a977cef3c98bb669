#include "runtime/support/json.h"

#include <gtest/gtest.h>

namespace cadenza {
namespace {

std::string parseError(std::string_view text, const JsonLimits &limits = {}) {
  return parseJson(text, limits).status().message();
}

TEST(Json, Parses) {
  const std::string_view text = R"({"a": [1, -2, 3.5, true, null, "x"], "b": {"c": {}}})";
  const auto json = parseJson(text);
  ASSERT_TRUE(json.isOk());
  EXPECT_EQ(*json, nlohmann::json::parse(text));
  EXPECT_EQ(*parseJson("7"), 7);
}

TEST(Json, Malformed) {
  EXPECT_EQ(parseError("{\"a\": 1, \"b\": 2, \"a\": 3}"), "key 'a' occurs twice in one object");
  for (std::string_view text : {"", "{", "[1,", "1 2", "{\"a\" 1}", "\"\xff\"", "1e400", "\"a", "nan"})
    EXPECT_TRUE(parseError(text).starts_with("offset ")) << text << ": " << parseError(text);
}

TEST(Json, RepeatedKeysWithOneValueMayBeAllowed) {
  std::vector<std::string> repeated;
  const auto json = parseJson(R"({"a": {"x": [1, 2]}, "b": 2, "a": {"x": [1, 2.0]}, "c": [{"d": 1, "d": 1, "d": 1}]})",
                              {}, &repeated);
  ASSERT_TRUE(json.isOk()) << json.status().message();
  EXPECT_EQ(*json, nlohmann::json::parse(R"({"a": {"x": [1, 2]}, "b": 2, "c": [{"d": 1}]})"));
  EXPECT_EQ(repeated, (std::vector<std::string>{"a", "d", "d"}));
  for (std::string_view text : {R"({"a": 1, "a": 2})", R"({"a": {"b": 1}, "a": {"b": 1, "c": 2}})",
                                R"({"a": 1, "a": 1, "a": "1"})", R"([{"a": [], "a": {}}])"})
    EXPECT_EQ(parseJson(text, {}, &repeated).status().message(),
              "key 'a' occurs twice in one object, with different values")
        << text;
  EXPECT_EQ(parseJson("[1,{\"a\":2,\"a\":2}]", {.values = 4}, &repeated).status().message(), "more than 4 values");
}

TEST(Json, Limits) {
  EXPECT_EQ(parseError(std::string(100000, '[')), "nested deeper than 32");
  EXPECT_EQ(parseError(std::string(32, '[') + std::string(32, ']')), "");
  EXPECT_EQ(parseError("[1,2,3]", {.values = 3}), "more than 3 values");
  EXPECT_EQ(parseError("[1,2,3]", {.bytes = 6}), "7 bytes of JSON; at most 6");
}

TEST(JsonReader, FirstErrorNamesTheField) {
  const nlohmann::json json = {{"size", -1}, {"list", {1, "x"}}, {"name", "n"}, {"big", ~0ull}};
  const auto error = [&](auto read) {
    FieldErrors errors(StatusCode::InvalidInput);
    read(JsonReader(json, "config", errors));
    return errors.status().message();
  };
  EXPECT_EQ(error([](JsonReader r) { r["size"].integer(-1, 5); }), "");
  EXPECT_EQ(error([](JsonReader r) { r["size"].integer(0, 5); }), "config.size: -1; expected an integer in [0, 5]");
  EXPECT_EQ(error([](JsonReader r) { r["size"].unsignedInteger(5); }),
            "config.size: -1; expected an integer in [0, 5]");
  EXPECT_EQ(error([](JsonReader r) { r["big"].integer(0, INT64_MAX); }),
            "config.big: 18446744073709551615; expected an integer in [0, 9223372036854775807]");
  EXPECT_EQ(error([](JsonReader r) { EXPECT_EQ(r["big"].unsignedInteger(), ~0ull); }), "");
  EXPECT_EQ(error([](JsonReader r) {
              for (const JsonReader &element : r["list"].elements())
                element.number();
            }),
            "config.list[1]: \"x\"; expected a finite number");
  EXPECT_EQ(error([](JsonReader r) { r["none"].string(); }), "config.none: is missing");
  EXPECT_EQ(error([](JsonReader r) { r["name"]["x"].string(); }), "config.name: \"n\"; expected an object");
  EXPECT_EQ(error([](JsonReader r) { r.onlyFields({"size", "list", "name"}); }), "config: unknown field \"big\"");
}

} // namespace
} // namespace cadenza
