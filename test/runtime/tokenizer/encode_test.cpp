// What each component does, on documents small enough to work out by hand. The expected ids were checked against
// Hugging Face tokenizers 0.23.
#include "test/runtime/tokenizer/test_documents.h"

namespace cadenza::test {
namespace {

TEST(Bpe, MergesByRankNotByPosition) {
  Tokenizer tokenizer = make(document());
  EXPECT_EQ(tokenizer.encode("abc"), (Ids{0, 6}));       // a, bc: "b c" was learned before "a b"
  EXPECT_EQ(tokenizer.encode("ab abc"), (Ids{7, 8, 6})); // ab, Ġa, bc
  EXPECT_EQ(tokenizer.encode(""), Ids{});
}

TEST(Bpe, IgnoreMergesTakesWholePieces) {
  json d = document();
  d["model"]["ignore_merges"] = true;
  EXPECT_EQ(make(d).encode("abc"), (Ids{9}));
}

TEST(Bpe, MergesAsPairs) {
  json d = document();
  d["model"]["merges"] = json::parse(R"([["b", "c"], ["a", "b"], ["Ġ", "a"], ["ab", "c"]])");
  EXPECT_EQ(make(d).encode("ab abc"), (Ids{7, 8, 6}));
}

TEST(Bpe, BytesWithoutATokenAreLeftOut) { EXPECT_EQ(make(document()).encode("bxc"), (Ids{6})); }

TEST(Bpe, UnknownTokenIsHarmlessWhereNothingIsUnknown) {
  json d = document();
  d["model"]["vocab"] = json::object();
  for (int byte = 0; byte < 256; ++byte) {
    // The alphabet as GPT-2 defines it.
    bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    static int shifted = 256;
    std::string token;
    utf8::append(token, printable ? byte : shifted++);
    d["model"]["vocab"][token] = byte;
  }
  d["model"]["merges"] = json::array();
  d["model"]["unk_token"] = "<unk>";
  Tokenizer tokenizer = make(d);
  EXPECT_EQ(tokenizer.encode("\xC3\xA9\n\x7F"), (Ids{0xC3, 0xA9, 10, 0x7F}));
}

TEST(Bpe, UnknownCharacters) {
  auto encode = [](json unknown, bool fuse, bool fallback) {
    json d = textDocument();
    d["model"]["unk_token"] = unknown;
    d["model"]["fuse_unk"] = fuse;
    d["model"]["byte_fallback"] = fallback;
    Tokenizer tokenizer = make(d);
    std::vector<Ids> ids;
    for (const char *text : {"xab", "xxa", "Aa", "xA", "\u00E9", "x\u00E9ab", "xy\u00E9"})
      ids.push_back(tokenizer.encode(text));
    return ids;
  };
  using All = std::vector<Ids>;
  EXPECT_EQ(encode(nullptr, false, false), (All{{8}, {1}, {1}, {}, {}, {8}, {}}));
  EXPECT_EQ(encode("<unk>", false, false), (All{{0, 8}, {0, 0, 1}, {0, 1}, {0, 0}, {0}, {0, 0, 8}, {0, 0, 0}}));
  EXPECT_EQ(encode("<unk>", true, false), (All{{0, 8}, {0, 1}, {0, 1}, {0}, {0}, {0, 8}, {0}}));
  // Byte tokens overtake an unknown token that waits for its neighbours.
  EXPECT_EQ(encode("<unk>", false, true), (All{{0, 8}, {0, 0, 1}, {4, 1}, {4, 0}, {6, 7}, {6, 7, 0, 8}, {0, 6, 7, 0}}));
  EXPECT_EQ(encode("<unk>", true, true), (All{{0, 8}, {0, 1}, {4, 1}, {4, 0}, {6, 7}, {6, 7, 0, 8}, {6, 7, 0}}));
}

TEST(Bpe, UnknownBytes) {
  json d = document();
  d["model"]["unk_token"] = "'";
  EXPECT_EQ(make(d).encode("bxc"), (Ids{1, 12, 2}));
  EXPECT_EQ(make(d).encode("xxyb"), (Ids{12, 12, 12, 1}));
  d["model"]["fuse_unk"] = true;
  EXPECT_EQ(make(d).encode("xxyb"), (Ids{12, 1}));
  EXPECT_EQ(make(d).encode("b\n\nc"), (Ids{1, 12, 12, 2})); // pieces: \n, \n
}

TEST(PreTokenizer, Metaspace) {
  json d = textDocument();
  d["model"]["merges"] = {"b ▁", "▁ a", "a b"};
  d["added_tokens"] = {addedToken(10, "<s>")};
  auto encode = [&](const char *scheme, bool split) {
    d["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", scheme}, {"split", split}};
    Tokenizer tokenizer = make(d);
    std::vector<Ids> ids;
    for (const char *text : {"a", "b a", " a", "a<s>a", "<s>a", ""})
      ids.push_back(tokenizer.encode(text));
    return ids;
  };
  using All = std::vector<Ids>;
  EXPECT_EQ(encode("always", true), (All{{5}, {3, 2, 5}, {5}, {5, 10, 5}, {10, 5}, {}}));
  EXPECT_EQ(encode("always", false), (All{{5}, {3, 9, 1}, {5}, {5, 10, 5}, {10, 5}, {}}));
  EXPECT_EQ(encode("first", true), (All{{5}, {3, 2, 5}, {5}, {5, 10, 1}, {10, 1}, {}}));
  EXPECT_EQ(encode("first", false), (All{{5}, {3, 9, 1}, {5}, {5, 10, 1}, {10, 1}, {}}));
  EXPECT_EQ(encode("never", true), (All{{1}, {2, 5}, {5}, {1, 10, 1}, {10, 1}, {}}));
  EXPECT_EQ(encode("never", false), (All{{1}, {9, 1}, {5}, {1, 10, 1}, {10, 1}, {}}));
}

/// "first" is the piece that the input begins with, not the first that is left.
TEST(PreTokenizer, MetaspaceBehindASplit) {
  json d = textDocument();
  json split = {{"type", "Split"}, {"pattern", {{"String", "b"}}}, {"behavior", "Removed"}, {"invert", false}};
  json metaspace = {{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "first"}};
  d["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {split, metaspace}}};
  EXPECT_EQ(make(d).encode("aba"), (Ids{5, 1}));
  EXPECT_EQ(make(d).encode("baa"), (Ids{1, 1}));
}

TEST(PreTokenizer, PrefixSpace) {
  json d = document();
  d["pre_tokenizer"]["add_prefix_space"] = true;
  EXPECT_EQ(make(d).encode("a"), (Ids{8}));
  EXPECT_EQ(make(d).encode(" a"), (Ids{8}));
  EXPECT_EQ(make(d).encode(""), Ids{});
}

TEST(PreTokenizer, WithoutRegexMergesAcrossWords) {
  json d = document();
  d["model"]["vocab"]["aĠ"] = 13;
  d["model"]["merges"] = {"a Ġ"};
  EXPECT_EQ(make(d).encode("a a"), (Ids{0, 3, 0}));
  d["pre_tokenizer"]["use_regex"] = false;
  EXPECT_EQ(make(d).encode("a a"), (Ids{13, 0}));
}

/// Pieces show in ids: nothing merges here, and every piece gets a space in front.
std::string pieces(json split, std::string_view text) {
  json d = document();
  d["model"]["merges"] = json::array();
  json last = d["pre_tokenizer"];
  last["use_regex"] = false;
  last["add_prefix_space"] = true;
  d["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {split, last}}};
  Tokenizer tokenizer = make(d);
  return tokenizer.decode(tokenizer.encode(text));
}

TEST(PreTokenizer, SplitBehaviors) {
  auto split = [](const char *behavior, bool invert = false) {
    return json{{"type", "Split"}, {"pattern", {{"String", "b"}}}, {"behavior", behavior}, {"invert", invert}};
  };
  EXPECT_EQ(pieces(split("Removed"), "abbabc"), " a a c");
  EXPECT_EQ(pieces(split("Isolated"), "abbabc"), " a b b a b c");
  EXPECT_EQ(pieces(split("MergedWithPrevious"), "abbabc"), " ab b ab c");
  EXPECT_EQ(pieces(split("MergedWithNext"), "abbabc"), " a b ba bc");
  EXPECT_EQ(pieces(split("Contiguous"), "abbabc"), " a bb a b c");
  EXPECT_EQ(pieces(split("Removed", true), "abbabc"), " b b b");
}

TEST(PreTokenizer, RegexSplits) {
  auto split = [](const char *pattern) {
    return json{{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
  };
  EXPECT_EQ(pieces(split("[ab]+"), "abcab"), " ab c ab");
  EXPECT_EQ(pieces(split("(?=(b|c))"), "abca"), " a b ca"); // empty matches split too
  EXPECT_EQ(pieces(split("\\p{N}{1,3}"), "a10101"), " a 101 01");
  EXPECT_EQ(pieces(split("a*?"), "aa"), " a a");
}

TEST(PreTokenizer, Digits) {
  EXPECT_EQ(pieces({{"type", "Digits"}, {"individual_digits", true}}, "a101b"), " a 1 0 1 b");
  EXPECT_EQ(pieces({{"type", "Digits"}, {"individual_digits", false}}, "a101b"), " a 101 b");
}

TEST(Normalizer, Nfc) {
  json d = document();
  d["model"]["vocab"]["Ã©"] = 13;
  d["model"]["merges"] = {"Ã ©"};
  EXPECT_EQ(make(d).encode("e\u0301"), (Ids{})); // e, and the bytes of the accent, have no token here
  for (json normalizer :
       {json{{"type", "NFC"}}, json{{"type", "Sequence"}, {"normalizers", {{{"type", "NFC"}}, {{"type", "NFC"}}}}}}) {
    d["normalizer"] = normalizer;
    EXPECT_EQ(make(d).encode("e\u0301"), (Ids{13}));
    EXPECT_EQ(make(d).encode("\u00E9a"), (Ids{13, 0}));
  }
}

TEST(Normalizer, PrependAndReplace) {
  json d = textDocument();
  json space = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}};
  d["normalizer"] = {{"type", "Sequence"}, {"normalizers", {{{"type", "Prepend"}, {"prepend", "▁"}}, space}}};
  EXPECT_EQ(make(d).encode("a b"), (Ids{5, 3, 2}));
  EXPECT_EQ(make(d).encode(""), Ids{});
  EXPECT_EQ(make(d).encode("  a"), (Ids{3, 3, 5}));
  d["normalizer"] = {{"type", "Replace"}, {"pattern", {{"Regex", "x+"}}}, {"content", "b"}};
  EXPECT_EQ(make(d).encode("axxa"), (Ids{8, 1}));
  EXPECT_EQ(make(d).encode("xax"), (Ids{2, 8}));
}

TEST(Normalizer, Strip) {
  json d = textDocument();
  d["normalizer"] = {{"type", "Strip"}, {"strip_left", true}, {"strip_right", false}};
  EXPECT_EQ(make(d).encode(" \u3000a▁ "), (Ids{1, 3}));
  d["model"]["vocab"][" "] = 10;
  EXPECT_EQ(make(d).encode(" a "), (Ids{1, 10}));
  d["normalizer"]["strip_right"] = true;
  EXPECT_EQ(make(d).encode(" a \n"), (Ids{1}));
  d["normalizer"]["strip_left"] = false;
  EXPECT_EQ(make(d).encode(" a \n"), (Ids{10, 1}));
  EXPECT_EQ(make(d).encode(" \n"), Ids{});
}

TEST(AddedTokens, IdsFollowFromTheVocabulary) {
  json d = document();
  d["added_tokens"] = {addedToken(99, "<x>"), addedToken(3, "a"), addedToken(14, "<y>"), addedToken(14, "<y>", false)};
  Tokenizer tokenizer = make(d);
  EXPECT_EQ(tokenizer.encode("<x>a<y>"), (Ids{13, 0, 14}));
  EXPECT_TRUE(tokenizer.isSpecial(14)); // once special, always
  ASSERT_EQ(tokenizer.notices().size(), 2u);
  EXPECT_EQ(tokenizer.notices()[0], "tokenizer.json: added_tokens[0].id: '<x>' has the id 13, which follows from the "
                                    "vocabulary, and not 99 (as in Hugging Face tokenizers)");
}

TEST(AddedTokens, AreFoundBeforeAnythingElse) {
  json d = document();
  d["added_tokens"] = {addedToken(13, "<x>"), addedToken(14, "<x><x>", false), addedToken(15, "bc|")};
  Tokenizer tokenizer = make(d);
  EXPECT_EQ(tokenizer.encode("a<x>b"), (Ids{0, 13, 1}));
  EXPECT_EQ(tokenizer.encode("<x><x><x>"), (Ids{14, 13})); // the longest, then on behind it
  EXPECT_EQ(tokenizer.encode("abc|"), (Ids{0, 15}));
  EXPECT_EQ(tokenizer.decode(Ids{0, 13, 14, 1}), "a<x><x>b");
  EXPECT_EQ(tokenizer.decode(Ids{0, 13, 14, 1}, false), "a<x><x><x>b");
  EXPECT_TRUE(tokenizer.isSpecial(13));
  EXPECT_FALSE(tokenizer.isSpecial(14));
  EXPECT_FALSE(tokenizer.isSpecial(0));
  EXPECT_EQ(tokenizer.vocabSize(), 16);
}

TEST(AddedTokens, StripWhiteSpace) {
  json d = document();
  json token = addedToken(13, "<x>");
  token["lstrip"] = true;
  d["added_tokens"] = {token};
  EXPECT_EQ(make(d).encode("a \u3000 <x> b"), (Ids{0, 13, 3, 1}));
  EXPECT_EQ(make(d).encode("  <x>"), (Ids{13}));
  token["rstrip"] = true;
  d["added_tokens"] = {token, addedToken(14, " <y>")};
  EXPECT_EQ(make(d).encode("a <x> \n\u2003b"), (Ids{0, 13, 1}));
  EXPECT_EQ(make(d).encode("<x>  <x> "), (Ids{13, 13}));
  EXPECT_EQ(make(d).encode("<x> <y>a"), (Ids{13, 14, 0})); // the space belongs to both
  json space = addedToken(14, " ");
  d["added_tokens"] = {token, space};
  EXPECT_EQ(make(d).encode("<x> a b"), (Ids{13, 14, 0, 14, 1}));
  space["lstrip"] = true;
  d["added_tokens"] = {token, space};
  EXPECT_EQ(make(d).encode("<x> a b"), (Ids{13, 0, 14, 1})); // with lstrip, nothing is left of it
}

TEST(AddedTokens, SingleWord) {
  json d = document();
  json token = addedToken(13, "bc");
  token["id"] = 6; // a token of the vocabulary keeps its id
  token["single_word"] = true;
  d["added_tokens"] = {token};
  d["model"]["merges"] = json::array();
  Tokenizer tokenizer = make(d);
  EXPECT_EQ(tokenizer.encode("bc"), (Ids{6}));
  EXPECT_EQ(tokenizer.encode("a bc"), (Ids{0, 3, 6}));
  EXPECT_EQ(tokenizer.encode("abc"), (Ids{0, 1, 2}));
  EXPECT_EQ(tokenizer.encode("bca"), (Ids{1, 2, 0}));
  EXPECT_EQ(tokenizer.encode("bc'"), (Ids{6, 12}));
  EXPECT_EQ(tokenizer.encode("\u00E9bc"), (Ids{10, 11, 1, 2}));
}

TEST(AddedTokens, NormalizedOnesAreSearchedInNormalizedText) {
  json d = document();
  d["normalizer"] = {{"type", "NFC"}};
  json token = addedToken(13, "\u00E9");
  d["added_tokens"] = {token};
  EXPECT_EQ(make(d).encode("e\u0301"), (Ids{10, 11})); // as raw text it is another string
  token["normalized"] = true;
  token["content"] = "e\u0301";
  d["added_tokens"] = {token};
  Tokenizer tokenizer = make(d);
  EXPECT_EQ(tokenizer.encode("\u00E9"), (Ids{13}));
  EXPECT_EQ(tokenizer.encode("e\u0301"), (Ids{13}));
  EXPECT_EQ(tokenizer.tokenToId("e\u0301"), 13);
  EXPECT_EQ(tokenizer.idToToken(13), "\u00E9"); // the normalised form
}

TEST(PostProcessor, TemplatesNest) {
  json d = document();
  d["added_tokens"] = {addedToken(13, "<s>"), addedToken(14, "</s>")};
  auto piece = [](const char *kind, const char *id) { return json{{kind, {{"id", id}, {"type_id", 0}}}}; };
  auto special = [](const char *name, int id) { return json{{"id", name}, {"ids", {id}}, {"tokens", {name}}}; };
  json bos = {{"type", "TemplateProcessing"},
              {"single", {piece("SpecialToken", "<s>"), piece("Sequence", "A")}},
              {"pair", json::array()},
              {"special_tokens", {{"<s>", special("<s>", 13)}}}};
  json eos = {{"type", "TemplateProcessing"},
              {"single", {piece("Sequence", "A"), piece("SpecialToken", "</s>")}},
              {"pair", json::array()},
              {"special_tokens", {{"</s>", special("</s>", 14)}}}};
  d["post_processor"] = {{"type", "Sequence"}, {"processors", {{{"type", "ByteLevel"}}, bos, eos}}};
  Tokenizer tokenizer = make(d);
  EXPECT_EQ(tokenizer.encode("a"), (Ids{13, 0, 14}));
  EXPECT_EQ(tokenizer.encode("a", false), (Ids{0}));
  EXPECT_EQ(tokenizer.encode(""), (Ids{13, 14}));
}

TEST(Encode, InvalidUtf8CountsAsReplacementCharacters) {
  json d = document();
  d["model"]["vocab"]["ï"] = 13;
  d["model"]["vocab"]["¿"] = 14;
  d["model"]["vocab"]["½"] = 15;
  Tokenizer tokenizer = make(d);
  Ids replacement{13, 14, 15};
  for (std::string_view text : {"\xFF", "\xC3", "\xE2\x82", "\xF0\x9F\x98"})
    EXPECT_EQ(tokenizer.encode(text), replacement);
  EXPECT_EQ(tokenizer.encode(std::string_view("\xC0\x80", 2)), (Ids{13, 14, 15, 13, 14, 15})); // overlong
  EXPECT_EQ(tokenizer.encode(std::string_view("a\0b", 3)), (Ids{0, 1}));                       // NUL is a character
}

} // namespace
} // namespace cadenza::test
