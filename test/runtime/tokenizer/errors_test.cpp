// Bad tokenizer.json: one typed error that names the file and the field, never a crash.
#include "test/runtime/tokenizer/test_documents.h"

#include <functional>

namespace cadenza::test {
namespace {

struct Case {
  std::function<void(json &)> change;
  StatusCode code;
  std::string message; // how the error begins
};

void check(const std::vector<Case> &cases) {
  for (const Case &c : cases) {
    json d = document();
    c.change(d);
    std::string message = errorOf(d.dump(), c.code);
    EXPECT_TRUE(message.starts_with("tokenizer.json: " + c.message)) << message << "\nexpected: " << c.message;
  }
}

constexpr StatusCode kInvalid = StatusCode::InvalidInput;
constexpr StatusCode kUnsupported = StatusCode::Unsupported;

TEST(Errors, MalformedJson) {
  std::string sound = document().dump();
  for (size_t length = 0; length < sound.size(); length += 7) // every prefix is rejected
    EXPECT_TRUE(errorOf(sound.substr(0, length), kInvalid).starts_with("tokenizer.json: "));
  for (const char *text : {"", "{", "nonsense", "{\"version\":\"1.0\"} x", "{\"a\":\"\xFF\"}", "{\"a\":1e400}", "[1,]"})
    EXPECT_TRUE(errorOf(text, kInvalid).starts_with("tokenizer.json: ")) << text;
  for (const char *text : {"null", "[]", "7", "\"x\""})
    EXPECT_EQ(errorOf(text, kInvalid), "tokenizer.json: expected an object");
  EXPECT_NE(errorOf("{\"a\":1,\"a\":2}", kInvalid).find("'a'"), std::string::npos);
}

TEST(Errors, Bounds) {
  EXPECT_NE(errorOf(std::string(100000, '['), kInvalid).find("nested deeper"), std::string::npos);
  std::string objects;
  for (int i = 0; i < 100000; ++i)
    objects += "{\"a\":";
  EXPECT_NE(errorOf(objects, kInvalid).find("nested deeper"), std::string::npos);
  std::string values = "[";
  for (int i = 0; i < 2'600'000; ++i)
    values += "0,";
  EXPECT_NE(errorOf(values + "0]", kInvalid).find("values"), std::string::npos);
  // The message does not repeat the file.
  EXPECT_LT(errorOf("{\"" + std::string(1 << 20, 'x') + "\":}", kInvalid).size(), 400u);
  json d = document();
  d["pre_tokenizer"]["type"] = std::string(1 << 20, 'x') + "\x1b[31m";
  EXPECT_LT(errorOf(d.dump(), kUnsupported).size(), 400u);
}

TEST(Errors, TopLevel) {
  check({
      {[](json &d) { d["version"] = "2.0"; }, kUnsupported, "version: only \"1.0\""},
      {[](json &d) { d.erase("model"); }, kInvalid, "model: expected an object"},
      {[](json &d) { d["model"] = 3; }, kInvalid, "model: expected an object"},
      {[](json &d) { d["normalizer"] = "NFC"; }, kInvalid, "normalizer: expected an object"},
      {[](json &d) { d["normalizer"] = {{"type", "Nmt"}}; }, kUnsupported,
       "normalizer.type 'Nmt' is not supported (NFC, NFD, NFKC, NFKD, Replace, Prepend, Strip, Lowercase, "
       "StripAccents, "
       "BertNormalizer, Precompiled and Sequence of them are)"},
      {[](json &d) { d["normalizer"] = {{"type", "Sequence"}, {"normalizers", {{{"type", "Nmt"}}}}}; }, kUnsupported,
       "normalizer.normalizers[0].type 'Nmt' is not supported"},
      {[](json &d) { d["decoder"] = {{"type", "CTC"}}; }, kUnsupported, "decoder.type 'CTC'"},
      {[](json &d) { d["decoder"] = {{"type", "Sequence"}, {"decoders", 5}}; }, kInvalid,
       "decoder.decoders: expected an array"},
      {[](json &d) { d["decoder"] = json::object(); }, kInvalid, "decoder.type: expected a string"},
  });
}

TEST(Errors, Steps) {
  auto set = [](const char *field, json value) { return [=](json &d) { d[field] = value; }; };
  auto decoders = [](std::vector<json> steps) {
    return [=](json &d) { d["decoder"] = {{"type", "Sequence"}, {"decoders", steps}}; };
  };
  json fuse = {{"type", "Fuse"}}, replace = {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "b"}};
  json regex = {{"type", "Replace"}, {"pattern", {{"Regex", "a"}}}, {"content", "$1"}};
  json noContent = {{"type", "Replace"}, {"pattern", {{"String", "a"}}}};
  auto strip = [](json content, json start) {
    return json{{"type", "Strip"}, {"content", content}, {"start", start}, {"stop", 0}};
  };
  auto metaspace = [](const char *field, json value) {
    json step = {{"type", "Metaspace"}, {"replacement", "_"}};
    step[field] = value;
    return step;
  };
  check({
      {set("normalizer", {{"type", "Prepend"}}), kInvalid, "normalizer.prepend: expected a string"},
      {set("normalizer", {{"type", "Strip"}}), kInvalid, "normalizer.strip_left: expected true or false"},
      {set("normalizer", noContent), kInvalid, "normalizer.content: expected a string"},
      {set("normalizer", {{"type", "Replace"}}), kInvalid, "normalizer.pattern: expected {\"Regex\""},
      {set("normalizer", regex), kUnsupported, "normalizer.content: a reference to a group"},
      {set("normalizer", {{"type", "Sequence"}, {"normalizers", std::vector<json>(40, replace)}}), kUnsupported,
       "normalizer: more than 32 steps"},
      {set("pre_tokenizer", {{"type", "Metaspace"}}), kInvalid, "pre_tokenizer.replacement: expected a string"},
      {set("pre_tokenizer", metaspace("replacement", "ab")), kInvalid, "pre_tokenizer.replacement: expected one"},
      {set("pre_tokenizer", metaspace("replacement", "")), kInvalid, "pre_tokenizer.replacement: expected one"},
      {set("pre_tokenizer", metaspace("prepend_scheme", "x")), kUnsupported, "pre_tokenizer.prepend_scheme 'x'"},
      {set("pre_tokenizer", metaspace("split", 1)), kInvalid, "pre_tokenizer.split: expected true or false"},
      {set("pre_tokenizer", metaspace("add_prefix_space", false)), kInvalid,
       "pre_tokenizer.add_prefix_space: false contradicts prepend_scheme"},
      {decoders({fuse, replace}), kUnsupported, "decoder.decoders[1].type 'Replace' behind a step that joins tokens"},
      {decoders({{{"type", "ByteLevel"}}, {{"type", "ByteFallback"}}}), kUnsupported, "decoder.decoders[1].type"},
      {decoders({regex}), kUnsupported, "decoder.decoders[0].pattern: a regular expression is not supported"},
      {decoders({noContent}), kInvalid, "decoder.decoders[0].content: expected a string"},
      {decoders({strip("ab", 1)}), kInvalid, "decoder.decoders[0].content: expected one character"},
      {decoders({strip("", 1)}), kInvalid, "decoder.decoders[0].content: expected one character"},
      {decoders({strip("a", -1)}), kInvalid, "decoder.decoders[0].start: expected a count"},
      {decoders({strip("a", "1")}), kInvalid, "decoder.decoders[0].start: expected a count"},
      {decoders(std::vector<json>(40, replace)), kUnsupported, "decoder: more than 32 steps"},
  });
}

TEST(Errors, PreTokenizer) {
  auto split = [](json pattern, const char *behavior = "Isolated") {
    return [=](json &d) {
      json step = {{"type", "Split"}, {"pattern", pattern}, {"behavior", behavior}, {"invert", false}};
      d["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {step, d["pre_tokenizer"]}}};
    };
  };
  const std::string step = "pre_tokenizer.pretokenizers[0]";
  check({
      {[](json &d) { d["pre_tokenizer"] = {{"type", "UnicodeScripts"}}; }, kUnsupported,
       "pre_tokenizer.type 'UnicodeScripts' is not supported (Split, Digits, Metaspace, ByteLevel"},
      {[](json &d) {
         d["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {d["pre_tokenizer"], {{"type", "Digits"}}}}};
       },
       kUnsupported, "pre_tokenizer: a step after ByteLevel"},
      {[](json &d) { d["pre_tokenizer"].erase("add_prefix_space"); }, kInvalid,
       "pre_tokenizer.add_prefix_space: expected true or false"},
      {[](json &d) { d["pre_tokenizer"]["use_regex"] = 1; }, kInvalid, "pre_tokenizer.use_regex: expected"},
      {[](json &d) { d["pre_tokenizer"] = {{"type", "Sequence"}}; }, kInvalid,
       "pre_tokenizer.pretokenizers: expected an array"},
      {[](json &d) {
         json steps = json::array();
         for (int i = 0; i < 40; ++i)
           steps.push_back({{"type", "Digits"}});
         d["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", steps}};
       },
       kUnsupported, "pre_tokenizer: more than 32 steps"},
      {split("x"), kInvalid, step + ".pattern: expected {\"Regex\""},
      {split({{"Regex", 7}}), kInvalid, step + ".pattern.Regex: expected a string"},
      {split({{"String", ""}}), kInvalid, step + ".pattern.String: the pattern is empty"},
      {split({{"Regex", "a"}}, "Sideways"), kUnsupported, step + ".behavior 'Sideways'"},
      {split({{"Regex", "(a"}}), kInvalid, step + ".pattern.Regex: the regular expression '(a' does not compile"},
      {split({{"Regex", "a**"}}), kInvalid, step + ".pattern.Regex: the regular expression"},
  });
}

/// What Oniguruma and PCRE2 read differently is refused, not guessed.
TEST(Errors, RegexDialect) {
  for (const char *pattern : {"\\w+",  "\\h",       "\\Ka",  "[a[bc]]",  "[a&&b]", "a{1,2}+", "(?m:a)", "(?<name>a)",
                              "(?i)a", "(*COMMIT)", "a\\",   "\\u0041",  "\\1",    "[]a]",    "[\\S]",  "\\b",
                              "\\G",   "[^]]",      "(?#x)", "\\p{Han}", "\\pL",   "\\p{^L}", "\\p"}) {
    json d = document();
    json step = {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
    d["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {step, d["pre_tokenizer"]}}};
    std::string message = errorOf(d.dump(), kUnsupported);
    EXPECT_TRUE(message.starts_with("tokenizer.json: pre_tokenizer.pretokenizers[0].pattern.Regex: ")) << message;
  }
}

TEST(Errors, Model) {
  auto set = [](const char *field, json value) { return [=](json &d) { d["model"][field] = value; }; };
  check({
      {set("type", "WordLevel"), kUnsupported,
       "model.type 'WordLevel' is not supported (BPE, WordPiece and Unigram are)"},
      {set("type", 7), kUnsupported, "model.type: this value is not supported"},
      {set("type", "WordPiece"), kUnsupported, "pre_tokenizer: ByteLevel with a WordPiece model is not supported"},
      {set("type", 5), kUnsupported, "model.type: this value is not supported"},
      {set("dropout", 0.1), kUnsupported, "model.dropout: only null"},
      {set("unk_token", "<unk>"), kInvalid, "model.unk_token: the token '<unk>' is not in model.vocab"},
      {set("unk_token", 5), kInvalid, "model.unk_token: expected a string"},
      {set("continuing_subword_prefix", "##"), kUnsupported, "model.continuing_subword_prefix: only null"},
      {set("end_of_word_suffix", "</w>"), kUnsupported, "model.end_of_word_suffix: only null"},
      {set("byte_fallback", "yes"), kInvalid, "model.byte_fallback: expected true or false"},
      {set("ignore_merges", 1), kInvalid, "model.ignore_merges: expected true or false"},
      {set("new_option", true), kUnsupported, "model: the field 'new_option' is not supported"},
      {set("vocab", json::array()), kInvalid, "model.vocab: expected an object"},
      {set("vocab", nullptr), kInvalid, "model.vocab: expected an object"},
      {set("vocab", {{"a", -1}}), kInvalid, "model.vocab['a']: expected a token id"},
      {set("vocab", {{"a", 1.5}}), kInvalid, "model.vocab['a']: expected a token id"},
      {set("vocab", {{"a", "0"}}), kInvalid, "model.vocab['a']: expected a token id"},
      {set("vocab", {{"a", 1u << 22}}), kInvalid, "model.vocab['a']: expected a token id from 0 to 4194303"},
      {set("vocab", {{"a", ~uint64_t{0}}}), kInvalid, "model.vocab['a']: expected a token id"},
      {set("vocab", {{"a", 0}, {"b", 0}}), kInvalid, "model.vocab['b']: the id 0 is used twice"},
      {set("merges", nullptr), kInvalid, "model.merges: expected an array"},
      {set("merges", {"b c", "ab"}), kInvalid, "model.merges[1]: expected \"left right\""},
      {set("merges", {"a b c"}), kInvalid, "model.merges[0]: expected \"left right\""},
      {set("merges", json::array({json::array({"a"})})), kInvalid, "model.merges[0]: expected"},
      {set("merges", json::array({json::array({"a", 1})})), kInvalid, "model.merges[0]: expected"},
      {set("merges", {7}), kInvalid, "model.merges[0]: expected"},
      {set("merges", {"a z"}), kInvalid, "model.merges[0]: the token 'z' is not in model.vocab"},
      {set("merges", {"c a"}), kInvalid, "model.merges[0]: the token 'ca' is not in model.vocab"},
  });
}

TEST(Errors, AddedTokens) {
  auto list = [](std::vector<json> tokens) { return [=](json &d) { d["added_tokens"] = tokens; }; };
  auto with = [](const char *field, json value) {
    json token = addedToken(13, "<x>");
    token[field] = value;
    return token;
  };
  json noId = addedToken(13, "<x>");
  noId.erase("id");
  check({
      {[](json &d) { d["added_tokens"] = 5; }, kInvalid, "added_tokens: expected an array"},
      {list({5}), kInvalid, "added_tokens[0]: expected an object"},
      {list({noId}), kInvalid, "added_tokens[0].id: expected a token id"},
      {list({with("id", -3)}), kInvalid, "added_tokens[0].id: expected a token id"},
      {list({with("content", "")}), kInvalid, "added_tokens[0].content: the token is empty"},
      {list({with("content", 8)}), kInvalid, "added_tokens[0].content: expected a string"},
      {list({with("content", std::string(2000, 'x'))}), kUnsupported, "added_tokens[0].content: a token of more"},
      {list({with("lstrip", nullptr)}), kInvalid, "added_tokens[0].lstrip: expected true or false"},
      {[=](json &d) {
         d["normalizer"] = {{"type", "NFC"}};
         json normalized = addedToken(14, "e\u0301");
         normalized["normalized"] = true;
         d["added_tokens"] = {addedToken(13, "\u00E9"), normalized};
       },
       kUnsupported, "added_tokens[1].content 'e\u0301' is, normalised, the same text"},
      {[=](json &d) { // the next free id is one of the vocabulary's, which has a hole
         d["model"]["vocab"]["z"] = 14;
         d["added_tokens"] = {addedToken(14, "<x>"), addedToken(14, "z")};
       },
       kInvalid, "added_tokens[1].id: 14 is already"},
  });
}

TEST(Errors, PostProcessor) {
  auto piece = [](const char *kind, const char *id) { return json{{kind, {{"id", id}, {"type_id", 0}}}}; };
  auto processor = [](json single, json ids = {0}) {
    return [=](json &d) {
      d["post_processor"] = {{"type", "TemplateProcessing"},
                             {"single", single},
                             {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", ids}}}}}};
    };
  };
  json text = piece("Sequence", "A"), bos = piece("SpecialToken", "<s>");
  check({
      {[](json &d) { d["post_processor"] = {{"type", "Other"}}; }, kUnsupported,
       "post_processor.type 'Other' is not supported"},
      {[](json &d) { d["post_processor"] = {{"type", "Sequence"}, {"processors", {{{"type", "Roberta"}}}}}; },
       kUnsupported, "post_processor.processors[0].type 'Roberta'"},
      {processor(nullptr), kInvalid, "post_processor.single: expected an array"},
      {processor({bos}), kUnsupported, "post_processor.single: a template without the sequence A"},
      {processor({text, text}), kUnsupported, "post_processor.single[1]: a template of more than"},
      {processor({piece("Sequence", "B")}), kUnsupported, "post_processor.single[0]: a template of more than"},
      {processor({5}), kInvalid, "post_processor.single[0]: expected a SpecialToken or a Sequence"},
      {processor({piece("SpecialToken", "<z>"), text}), kInvalid,
       "post_processor.single[0].SpecialToken.id '<z>' is not in special_tokens"},
      {processor({bos, text}, {99}), kInvalid, "post_processor.special_tokens['<s>'].ids: there is no token 99"},
      {processor({bos, text}, {-1}), kInvalid, "post_processor.special_tokens['<s>'].ids: expected a token id"},
      {processor({bos, text}, 5), kInvalid, "post_processor.special_tokens['<s>'].ids: expected an array"},
  });
}

/// A pattern that explodes reaches the engine's limit; encoding still ends and loses nothing.
TEST(Errors, ExplodingPatternEnds) {
  json d = document();
  json step = {{"type", "Split"}, {"pattern", {{"Regex", "(a+)+0"}}}, {"behavior", "Isolated"}, {"invert", false}};
  d["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {step, d["pre_tokenizer"]}}};
  Tokenizer tokenizer = make(d);
  std::string text(200, 'a');
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text + "b")), text + "b");
}

TEST(Errors, WordPiece) {
  auto set = [](const char *field, json value) {
    return [=](json &d) {
      d["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
      d["model"] = {{"type", "WordPiece"},
                    {"unk_token", "[UNK]"},
                    {"continuing_subword_prefix", "##"},
                    {"max_input_chars_per_word", 100},
                    {"vocab", {{"[UNK]", 0}, {"a", 1}}}};
      d["model"][field] = value;
    };
  };
  check({
      {set("vocab", nullptr), kInvalid, "model.vocab: expected an object"},
      {set("vocab", {{"a", 0}}), kInvalid, "model.unk_token: the token '[UNK]' is not in model.vocab"},
      {set("unk_token", nullptr), kInvalid, "model.unk_token: expected a string"},
      {set("continuing_subword_prefix", 1), kInvalid, "model.continuing_subword_prefix: expected a string"},
      {set("max_input_chars_per_word", -1), kInvalid, "model.max_input_chars_per_word: expected a count"},
      {set("merges", json::array()), kUnsupported, "model: the field 'merges' is not supported"},
  });
}

TEST(Errors, Unigram) {
  auto set = [](const char *field, json value) {
    return [=](json &d) {
      d["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", "\u2581"}};
      d["model"] = {{"type", "Unigram"}, {"unk_id", 0}, {"byte_fallback", false}};
      d["model"]["vocab"] = json::parse(R"([["<unk>", 0], ["a", -1.5]])");
      d["model"][field] = value;
    };
  };
  check({
      {set("vocab", nullptr), kInvalid, "model.vocab: expected an array"},
      {set("vocab", json::array({"a"})), kInvalid, "model.vocab[0]: expected [\"token\", score]"},
      {set("vocab", json::parse(R"([["a", "b"]])")), kInvalid, "model.vocab[0]: expected [\"token\", score]"},
      {set("vocab", json::parse(R"([["a", 0], ["a", 1]])")), kUnsupported,
       "model.vocab[1]: the token 'a' is there twice"},
      {set("vocab", json::array()), kInvalid, "model.unk_id: there is no token 0"},
      {set("unk_id", nullptr), kUnsupported, "model.unk_id: a model without an unknown token"},
      {set("unk_id", 2), kInvalid, "model.unk_id: there is no token 2"},
      {set("byte_fallback", 1), kInvalid, "model.byte_fallback: expected true or false"},
      {set("merges", 1), kUnsupported, "model: the field 'merges' is not supported"},
  });
}

TEST(Errors, StepsOfEncoders) {
  auto set = [](const char *field, json value) { return [=](json &d) { d[field] = value; }; };
  auto charsmap = [&](const char *base64) {
    return set("normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", base64}});
  };
  auto cls = [&](json token) {
    return set("post_processor", {{"type", "BertProcessing"}, {"cls", token}, {"sep", json::array({"b", 1})}});
  };
  check({
      {set("normalizer", {{"type", "BertNormalizer"}}), kInvalid, "normalizer.clean_text: expected true or false"},
      {set("normalizer", {{"type", "Precompiled"}}), kInvalid, "normalizer.precompiled_charsmap: expected a string"},
      {charsmap("A"), kInvalid, "normalizer.precompiled_charsmap: expected base64"},
      {charsmap(""), kInvalid, "normalizer.precompiled_charsmap: expected the size of a trie"},
      {charsmap("CAAAAAAAAAA="), kInvalid, "normalizer.precompiled_charsmap: a trie of 8 bytes does not fit"},
      {charsmap("BAAAAAAAAAD/"), kInvalid, "normalizer.precompiled_charsmap: the replacements are not valid UTF-8"},
      {set("pre_tokenizer", {{"type", "Punctuation"}, {"behavior", "x"}}), kUnsupported, "pre_tokenizer.behavior 'x'"},
      {set("pre_tokenizer", {{"type", "CharDelimiterSplit"}, {"delimiter", "ab"}}), kInvalid,
       "pre_tokenizer.delimiter: expected one character"},
      {cls(7), kInvalid, "post_processor.cls: expected [\"token\", id]"},
      {cls(json::array({"a", 99})), kInvalid, "post_processor.cls: there is no token 99"},
      {cls(json::array({"a", -1})), kInvalid, "post_processor.cls[1]: expected a token id"},
      {set("decoder", {{"type", "WordPiece"}}), kInvalid, "decoder.prefix: expected a string"},
      {set("decoder", {{"type", "BPEDecoder"}, {"suffix", ""}}), kUnsupported, "decoder.suffix: an empty suffix"},
  });
}

} // namespace
} // namespace cadenza::test
