#include "runtime/tokenizer/byte_alphabet.h"
#include "test/runtime/tokenizer/test_documents.h"

#include <climits>

namespace cadenza::test {
namespace {

TEST(Decode, IdsWithoutATokenGiveNothing) {
  Tokenizer tokenizer = make(document());
  EXPECT_EQ(tokenizer.decode(Ids{0, -1, 1, 13, INT_MAX, INT_MIN, 2}), "abc");
  EXPECT_FALSE(tokenizer.idToToken(-1));
  EXPECT_FALSE(tokenizer.tokenToId("nothing"));
  EXPECT_FALSE(tokenizer.tokenToId("\xFF"));
}

TEST(Decode, TokensAreSpelledInTheByteAlphabet) {
  Tokenizer tokenizer = make(document());
  EXPECT_EQ(tokenizer.idToToken(8), "Ġa");
  EXPECT_EQ(tokenizer.tokenToId("Ġa"), 8);
  EXPECT_EQ(tokenizer.decode(Ids{8}), " a");
  EXPECT_FALSE(tokenizer.tokenToId(" a"));
}

TEST(Decode, TokenOutsideTheAlphabetStandsForItself) {
  json d = document();
  d["model"]["vocab"]["\u4E00 \u4E8C"] = 13;
  Tokenizer tokenizer = make(d);
  EXPECT_EQ(tokenizer.decode(Ids{13, 3}), "\u4E00 \u4E8C ");
  EXPECT_EQ(tokenizer.idToToken(13), "\u4E00 \u4E8C");
  EXPECT_EQ(tokenizer.tokenToId("\u4E00 \u4E8C"), 13);
}

TEST(Decode, HolesInTheIds) {
  json d = document();
  d["model"]["vocab"]["z"] = 1000;
  Tokenizer tokenizer = make(d);
  EXPECT_EQ(tokenizer.idLimit(), 1001);
  EXPECT_EQ(tokenizer.vocabSize(), 14);
  EXPECT_FALSE(tokenizer.idToToken(999));
  EXPECT_EQ(tokenizer.decode(Ids{999, 1000}), "z");
}

TEST(Decode, EmptyVocabulary) {
  json d = document();
  d["model"]["vocab"] = json::object();
  d["model"]["merges"] = json::array();
  Tokenizer tokenizer = make(d);
  EXPECT_EQ(tokenizer.encode("abc"), Ids{});
  EXPECT_EQ(tokenizer.vocabSize(), 0);
  EXPECT_EQ(tokenizer.decode(Ids{0}), "");
}

TEST(Decode, BytesWithinAText) {
  json d = document();
  d["model"]["vocab"]["é"] = 13;             // a byte: 0xE9
  d["model"]["vocab"]["\u4E00 \u4E8C"] = 14; // outside the alphabet
  Tokenizer tokenizer = make(d);
  EXPECT_EQ(tokenizer.bytes(8), " a");
  EXPECT_EQ(tokenizer.bytes(13), "\xE9");
  EXPECT_EQ(tokenizer.bytes(14), "\u4E00 \u4E8C");
  EXPECT_FALSE(tokenizer.bytes(-1));
  EXPECT_FALSE(tokenizer.bytes(1000));
  for (int32_t id = 0; id < tokenizer.idLimit(); ++id)
    EXPECT_FALSE(tokenizer.isSpecial(id) && tokenizer.bytes(id));

  d = textDocument();
  d["model"]["vocab"] = {{"▁a", 0}, {"▁", 1}, {"b", 2}, {"<0xC3>", 3}, {"a▁", 4}};
  d["model"]["merges"] = json::array();
  const json replace = {{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}};
  const json strip = {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}};
  d["decoder"] = {{"type", "Sequence"},
                  {"decoders", {replace, json{{"type", "ByteFallback"}}, json{{"type", "Fuse"}}, strip}}};
  tokenizer = make(d);
  const std::vector<std::string> expected = {" a", " ", "b", "\xC3", "a "}; // not of the first token of a text
  for (int32_t id = 0; id < 5; ++id)
    EXPECT_EQ(tokenizer.bytes(id), expected[static_cast<size_t>(id)]);
  d["decoder"] = {{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "always"}, {"split", true}};
  EXPECT_EQ(make(d).bytes(0), " a");
  d["decoder"] = {{"type", "Sequence"}, {"decoders", {replace, strip}}};
  EXPECT_EQ(make(d).bytes(0), "a"); // of each token
  d["decoder"] = nullptr;
  EXPECT_EQ(make(d).bytes(2), " b");
}

/// What a chain of decoder steps makes of each list of ids.
std::vector<std::string> decodeWith(json decoder, const std::vector<Ids> &lists) {
  json d = textDocument();
  d["model"]["vocab"] = {{"▁a", 0}, {"▁", 1}, {"b", 2}, {"<0xC3>", 3}, {"<0xA9>", 4}, {"<0x41>", 5}, {"a▁", 6}};
  d["model"]["merges"] = json::array();
  d["decoder"] = decoder.is_array() ? json{{"type", "Sequence"}, {"decoders", decoder}} : decoder;
  Tokenizer tokenizer = make(d);
  std::vector<std::string> texts;
  for (const Ids &ids : lists)
    texts.push_back(tokenizer.decode(ids));
  return texts;
}
using Texts = std::vector<std::string>;

const json kReplace = {{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}};
const json kFallback = {{"type", "ByteFallback"}};
const json kFuse = {{"type", "Fuse"}};
json strip(const char *content, int start, int stop) {
  return {{"type", "Strip"}, {"content", content}, {"start", start}, {"stop", stop}};
}

TEST(Decoder, Chains) {
  const std::vector<Ids> lists{{0, 0}, {1, 1, 0, 6}, {3, 4}, {3, 2, 4}, {3, 5, 2}, {6, 1, 6, 0}};
  EXPECT_EQ(decodeWith({kReplace, kFallback, kFuse, strip(" ", 1, 0)}, lists),
            (Texts{"a a", "  aa ", "\u00E9", "\uFFFDb\uFFFD", "\uFFFD\uFFFDb", "a  a  a"}));
  EXPECT_EQ(decodeWith({kReplace, kFallback, kFuse}, lists),
            (Texts{" a a", "   aa ", "\u00E9", "\uFFFDb\uFFFD", "\uFFFD\uFFFDb", "a  a  a"}));
  EXPECT_EQ(decodeWith({kReplace, kFuse, strip(" ", 2, 1)}, lists),
            (Texts{"a a", " aa", "<0xC3><0xA9>", "<0xC3>b<0xA9>", "<0xC3><0x41>b", "a  a  a"}));
  EXPECT_EQ(decodeWith({strip("a", 1, 0)}, {{6, 2, 6}}), (Texts{"▁b▁"})); // every token for itself
  EXPECT_EQ(decodeWith(nullptr, {{0, 2, 6}, {}}), (Texts{"▁a b a▁", ""}));
}

TEST(Decoder, Metaspace) {
  json metaspace = {{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "always"}};
  const std::vector<Ids> lists{{0, 0}, {1, 1, 0, 6}, {6, 0}};
  EXPECT_EQ(decodeWith(metaspace, lists), (Texts{"a a", "  aa ", "a a"}));
  metaspace["prepend_scheme"] = "never";
  EXPECT_EQ(decodeWith(metaspace, lists), (Texts{" a a", "   aa ", "a  a"}));
}

TEST(StreamDecoder, ByteTokensWaitForTheirEnd) {
  json d = textDocument();
  d["decoder"] = {{"type", "Sequence"}, {"decoders", {kReplace, kFallback, kFuse, strip(" ", 1, 1)}}};
  StreamDecoder stream(make(d));
  EXPECT_EQ(stream.push(3), "");
  EXPECT_EQ(stream.push(5), " a"); // one space was stripped
  EXPECT_EQ(stream.push(6), "");
  EXPECT_EQ(stream.push(7), ""); // another byte would make it all invalid
  EXPECT_EQ(stream.push(2), "\u00E9b");
  EXPECT_EQ(stream.push(3), ""); // stripped, should the text end here
  EXPECT_EQ(stream.push(6), "");
  EXPECT_EQ(stream.finish(), " \uFFFD");
  EXPECT_EQ(stream.push(5), "a"); // ready for another text
}

TEST(StreamDecoder, WaitsForWholeCharacters) {
  Tokenizer tokenizer = make(document());
  StreamDecoder stream(tokenizer);
  EXPECT_EQ(stream.push(0), "a");
  EXPECT_EQ(stream.push(10), ""); // the first byte of é
  EXPECT_EQ(stream.push(11), "\u00E9");
  EXPECT_EQ(stream.push(10), "");
  EXPECT_EQ(stream.push(0), "\uFFFD"
                            "a");       // it will never be finished
  EXPECT_EQ(stream.push(11), "\uFFFD"); // a continuation of nothing
  EXPECT_EQ(stream.push(10), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
  EXPECT_EQ(stream.finish(), "");
  EXPECT_EQ(stream.push(1), "b"); // ready for another text
}

TEST(StreamDecoder, SpecialTokens) {
  json d = document();
  d["added_tokens"] = {addedToken(13, "<x>")};
  StreamDecoder skipping(make(d)), keeping(make(d), false);
  EXPECT_EQ(skipping.push(13), "");
  EXPECT_EQ(keeping.push(13), "<x>");
  EXPECT_EQ(skipping.push(-5), "");
}

TEST(StreamRepair, EqualsRepairAtEveryCut) {
  std::string text =
      "a\u00E9\u20AC\U0001F600\xFF\xC3(\xE2\x82(\xF0\x9F\x98(\xED\xA0\x80\xF4\x90\x80\x80\xC0\xAF\xE0\x80z\xF0\x9F";
  for (size_t first = 0; first <= text.size(); ++first)
    for (size_t second = first; second <= text.size(); ++second) {
      utf8::StreamRepair stream;
      std::string all = stream.push(text.substr(0, first));
      all += stream.push(text.substr(first, second - first));
      all += stream.push(text.substr(second));
      all += stream.finish();
      ASSERT_EQ(all, utf8::repair(text)) << first << " " << second;
    }
}

TEST(Utf8, OneReplacementForEachMaximalIllFormedPart) {
  EXPECT_EQ(utf8::repair("\xF0\x9F\x98"), "\uFFFD");
  EXPECT_EQ(utf8::repair("\xF0\x9F\x98x"), "\uFFFDx");
  EXPECT_EQ(utf8::repair("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD"); // a surrogate
  EXPECT_EQ(utf8::repair("\xE0\x80\x80"), "\uFFFD\uFFFD\uFFFD"); // overlong
  EXPECT_EQ(utf8::repair("\xF4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD");
}

TEST(Utf8, EveryScalarValueSurvives) {
  for (uint32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF)
      continue;
    std::string text;
    utf8::append(text, c);
    utf8::Scan s = utf8::scan(text, 0);
    ASSERT_EQ(s.kind, utf8::Scan::Valid);
    ASSERT_EQ(s.codePoint, c);
    ASSERT_EQ(s.length, text.size());
  }
}

TEST(ByteAlphabet, EveryByteSurvives) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte)
    bytes += static_cast<char>(byte);
  EXPECT_EQ(bytesOfToken(tokenOfBytes(bytes)), bytes);
  EXPECT_EQ(tokenOfBytes(" \n"), "ĠĊ");
  EXPECT_EQ(tokenOfBytes("\xAD"), "Ń");
  EXPECT_FALSE(bytesOfToken(" "));
  EXPECT_FALSE(bytesOfToken("\u0144")); // the first character behind the alphabet
  EXPECT_FALSE(bytesOfToken("\xFF"));
}

} // namespace
} // namespace cadenza::test
