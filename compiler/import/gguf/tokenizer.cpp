#include "compiler/import/gguf/tokenizer.h"
#include "compiler/import/gguf/pre_tokenizers.h"
#include "compiler/import/text.h"
#include "runtime/tokenizer/utf8.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace cadenza::gguf {
namespace {

using nlohmann::json;

constexpr size_t maxTokens = size_t{1} << 22; // and merges
constexpr size_t maxPieceBytes = 256;         // finding the merges of a piece is quadratic in that

/// tokenizer.ggml.token_type.
enum TokenType { normal = 1, unknown = 2, control = 3, userDefined = 4, unused = 5, byte = 6 };

class TokenizerMaker {
public:
  TokenizerMaker(const File &file, const std::string &pretokenizer, Findings &findings)
      : file_(file), pretokenizer_(pretokenizer), findings_(findings) {}

  std::string make() {
    const std::string model = text("model");
    if (model.empty() && !file_.find("tokenizer.ggml.model")) {
      findings_.notice(file_.name() + ": tokenizer.ggml.model is missing; the plan will take token ids only");
      return {};
    }
    if (model != "gpt2" && model != "llama") {
      findings_.notice(file_.name() + ": tokenizer.ggml.model " + quotedName(model) +
                       " is not supported (gpt2 and llama are); the plan will take token ids only");
      return {};
    }
    if (!readTokens())
      return {};
    const std::optional<json> document = model == "gpt2" ? byteLevel() : sentencePiece();
    return document ? document->dump() : std::string();
  }

private:
  std::string where(const std::string &name) const { return file_.name() + ": tokenizer.ggml." + name; }

  std::string text(const std::string &name) const {
    const Value *value = file_.find("tokenizer.ggml." + name);
    const auto *found = value ? std::get_if<std::string_view>(value) : nullptr;
    return found ? std::string(*found) : std::string();
  }

  bool flag(const std::string &name, bool otherwise) const {
    const Value *value = file_.find("tokenizer.ggml." + name);
    const auto *found = value ? std::get_if<bool>(value) : nullptr;
    return found ? *found : otherwise;
  }

  const Array *array(const std::string &name) const {
    const Value *value = file_.find("tokenizer.ggml." + name);
    return value ? std::get_if<Array>(value) : nullptr;
  }

  /// A token's text by the key of its id, "bos"; nothing if there is none. An id outside of the tokens is a notice.
  std::optional<size_t> special(const std::string &name) {
    const Value *value = file_.find("tokenizer.ggml." + name + "_token_id");
    const auto *id = value ? std::get_if<int64_t>(value) : nullptr;
    if (!id)
      return std::nullopt;
    if (*id >= 0 && static_cast<size_t>(*id) < tokens_.size())
      return static_cast<size_t>(*id);
    findings_.notice(where(name + "_token_id") + " " + std::to_string(*id) + " is none of the " +
                     std::to_string(tokens_.size()) + " tokens and was ignored");
    return std::nullopt;
  }

  /// Tokens, their types, and their ids by text; false and a finding if something is wrong.
  bool readTokens() {
    const Array *tokens = array("tokens");
    if (!tokens || tokens->type != ValueType::string || tokens->count == 0 || tokens->count > maxTokens)
      return fail(where("tokens") + " must be a list of strings, " + std::to_string(maxTokens) + " at most");
    tokens_ = tokens->strings();
    types_.assign(tokens_.size(), normal);
    if (const Array *types = array("token_type")) {
      if (types->count != tokens_.size() || types->numbers().empty())
        return failLength("token_type", types->count);
      const std::vector<double> numbers = types->numbers();
      for (size_t i = 0; i < numbers.size(); ++i)
        types_[i] = numbers[i] >= 1 && numbers[i] <= 6 ? static_cast<int>(numbers[i]) : int{normal};
    }
    for (size_t i = 0; i < tokens_.size(); ++i) {
      if (!utf8::isValid(tokens_[i]))
        return fail(where("tokens") + ": token " + std::to_string(i) + " is not valid UTF-8");
      if (!ids_.emplace(tokens_[i], i).second && types_[i] != unused)
        return fail(where("tokens") + ": token " + std::to_string(i) + " has the text of token " +
                    std::to_string(ids_[tokens_[i]]));
    }
    return true;
  }

  bool fail(std::string message) {
    findings_.invalid(std::move(message));
    return false;
  }

  bool failLength(const std::string &name, uint64_t count) {
    return fail(where(name) + " must have an entry a token, " + std::to_string(tokens_.size()) + ", not " +
                std::to_string(count));
  }

  json vocabulary() const {
    json vocabulary = json::object();
    for (size_t i = 0; i < tokens_.size(); ++i)
      if (types_[i] != unused || !isPadding(tokens_[i]))
        vocabulary.emplace(std::string(tokens_[i]), i);
    return vocabulary;
  }

  /// What converters write for ids that have no token: "[PAD31]".
  static bool isPadding(std::string_view token) { return token.starts_with("[PAD") && token.ends_with("]"); }

  json addedTokens() const {
    json added = json::array();
    for (size_t i = 0; i < tokens_.size(); ++i) {
      if (types_[i] != control && types_[i] != userDefined && types_[i] != unknown)
        continue;
      if (tokens_[i].empty())
        continue;
      added.push_back({{"id", i},
                       {"content", std::string(tokens_[i])},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", takesSpace(i)},
                       {"normalized", false},
                       {"special", types_[i] != userDefined}});
    }
    return added;
  }

  /// Markers of Phi-3 take the white space after them; the file does not say so (llama-vocab.cpp).
  bool takesSpace(size_t token) const {
    const Value *architecture = file_.find("general.architecture");
    const auto *name = architecture ? std::get_if<std::string_view>(architecture) : nullptr;
    if (!name || *name != "phi3")
      return false;
    const std::string_view text = tokens_[token];
    if (text == "</s>")
      return true;
    return types_[token] == control && text != "<unk>" && text != "<s>" && text != "<|endoftext|>";
  }

  /// Tokens before and after every text.
  json postProcessor(const std::vector<size_t> &before, const std::vector<size_t> &after) const {
    if (before.empty() && after.empty())
      return nullptr;
    json single = json::array(), specials = json::object();
    const auto put = [&](size_t token) {
      const std::string text(tokens_[token]);
      single.push_back({{"SpecialToken", {{"id", text}, {"type_id", 0}}}});
      specials[text] = {{"id", text}, {"ids", {token}}, {"tokens", {text}}};
    };
    for (size_t token : before)
      put(token);
    single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
    for (size_t token : after)
      put(token);
    json pair = single;
    pair.push_back({{"Sequence", {{"id", "B"}, {"type_id", 1}}}});
    return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", specials}};
  }

  json postProcessor(const std::vector<std::string_view> &prefix, bool addBos) {
    std::vector<size_t> before, after;
    for (std::string_view token : prefix)
      if (const auto found = ids_.find(token); found != ids_.end())
        before.push_back(found->second);
    if (const auto bos = special("bos"); bos && before.empty() && flag("add_bos_token", addBos))
      before.push_back(*bos);
    if (const auto eos = special("eos"); eos && flag("add_eos_token", false))
      after.push_back(*eos);
    return postProcessor(before, after);
  }

  json document(json model, json normalizer, json preTokenizer, json postProcessor, json decoder) const {
    return {{"version", "1.0"},
            {"truncation", nullptr},
            {"padding", nullptr},
            {"added_tokens", addedTokens()},
            {"normalizer", std::move(normalizer)},
            {"pre_tokenizer", std::move(preTokenizer)},
            {"post_processor", std::move(postProcessor)},
            {"decoder", std::move(decoder)},
            {"model", std::move(model)}};
  }

  std::optional<json> byteLevel() {
    const std::string name = pretokenizer_.empty() ? text("pre") : pretokenizer_;
    const PreTokenizer *pre = findPreTokenizer(name);
    if (!pre) {
      findings_.unsupported(
          where("pre") + " " + (name.empty() ? "is missing" : quotedName(name) + " is not supported") + " (" +
          preTokenizerNames() + " are); if the words are cut as by one of these, say so: --pre-tokenizer=NAME");
      return std::nullopt;
    }
    const Array *list = array("merges");
    if (!list || list->type != ValueType::string || list->count > maxTokens) {
      fail(where("merges") + " must be a list of strings, " + std::to_string(maxTokens) + " at most");
      return std::nullopt;
    }
    json merges = json::array();
    for (std::string_view merge : list->strings()) {
      if (!utf8::isValid(merge)) {
        fail(where("merges") + ": merge " + std::to_string(merges.size()) + " is not valid UTF-8");
        return std::nullopt;
      }
      merges.push_back(std::string(merge));
    }
    json model = {{"type", "BPE"},
                  {"dropout", nullptr},
                  {"unk_token", nullptr},
                  {"continuing_subword_prefix", nullptr},
                  {"end_of_word_suffix", nullptr},
                  {"fuse_unk", false},
                  {"byte_fallback", false},
                  {"ignore_merges", pre->ignoreMerges},
                  {"vocab", vocabulary()},
                  {"merges", std::move(merges)}};
    const json bytes = {
        {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
    return document(std::move(model), pre->nfc ? json{{"type", "NFC"}} : json(), json::parse(pre->json),
                    postProcessor(pre->prefix, pre->addBos), bytes);
  }

  /// Merges of the pieces: all the ways to make each of two others, best score first.
  json scoredMerges(const std::vector<double> &scores) const {
    struct Merge {
      std::string_view left, right;
      double score;
      size_t leftCharacters, rightCharacters;
    };
    std::vector<Merge> merges;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      const std::string_view piece = tokens_[i];
      std::vector<std::tuple<size_t, size_t, Merge>> ways;
      const size_t characters = countCharacters(piece);
      size_t left = 0;
      for (size_t at = 0; at < piece.size(); at += utf8::scan(piece, at).length, ++left) {
        if (at == 0)
          continue;
        const auto first = ids_.find(piece.substr(0, at)), second = ids_.find(piece.substr(at));
        if (first != ids_.end() && second != ids_.end())
          ways.emplace_back(first->second, second->second,
                            Merge{piece.substr(0, at), piece.substr(at), scores[i], left, characters - left});
      }
      std::sort(ways.begin(), ways.end(), [](const auto &a, const auto &b) {
        return std::tie(std::get<0>(a), std::get<1>(a)) < std::tie(std::get<0>(b), std::get<1>(b));
      });
      for (const auto &[first, second, merge] : ways)
        merges.push_back(merge);
    }
    std::stable_sort(merges.begin(), merges.end(), [](const Merge &a, const Merge &b) {
      return std::tie(a.score, a.leftCharacters, a.rightCharacters) >
             std::tie(b.score, b.leftCharacters, b.rightCharacters);
    });
    json list = json::array();
    for (const Merge &merge : merges)
      list.push_back({std::string(merge.left), std::string(merge.right)});
    return list;
  }

  static size_t countCharacters(std::string_view text) {
    return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; });
  }

  std::optional<json> sentencePiece() {
    const Array *list = array("scores");
    const bool fits = list && list->count == tokens_.size();
    const std::vector<double> scores = fits ? list->numbers() : std::vector<double>();
    if (scores.size() != tokens_.size()) {
      failLength("scores", list ? list->count : 0);
      return std::nullopt;
    }
    for (size_t i = 0; i < tokens_.size(); ++i)
      if (tokens_[i].size() > maxPieceBytes) {
        fail(where("tokens") + ": token " + std::to_string(i) + " has " + std::to_string(tokens_[i].size()) +
             " bytes, more than " + std::to_string(maxPieceBytes));
        return std::nullopt;
      }
    if (std::any_of(scores.begin(), scores.end(), [](double score) { return score != score; })) {
      fail(where("scores") + " has a NaN");
      return std::nullopt;
    }
    const bool hasBytes = std::find(types_.begin(), types_.end(), int{byte}) != types_.end();
    const auto unknownToken = std::find(types_.begin(), types_.end(), int{unknown});
    json unk;
    if (const auto id = special("unknown"))
      unk = std::string(tokens_[*id]);
    else if (unknownToken != types_.end())
      unk = std::string(tokens_[unknownToken - types_.begin()]);
    json model = {{"type", "BPE"},
                  {"dropout", nullptr},
                  {"unk_token", unk},
                  {"continuing_subword_prefix", nullptr},
                  {"end_of_word_suffix", nullptr},
                  {"fuse_unk", true},
                  {"byte_fallback", hasBytes},
                  {"ignore_merges", false},
                  {"vocab", vocabulary()},
                  {"merges", scoredMerges(scores)}};
    const bool hasPrefix = flag("add_space_prefix", true);
    const std::string mark = "\u2581";
    json normalizer = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", mark}};
    json decoders = {{{"type", "Replace"}, {"pattern", {{"String", mark}}}, {"content", " "}},
                     {{"type", "ByteFallback"}},
                     {{"type", "Fuse"}}};
    if (hasPrefix) {
      normalizer = {{"type", "Sequence"}, {"normalizers", {{{"type", "Prepend"}, {"prepend", mark}}, normalizer}}};
      decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
    }
    return document(std::move(model), std::move(normalizer), nullptr, postProcessor({}, true),
                    {{"type", "Sequence"}, {"decoders", decoders}});
  }

  const File &file_;
  const std::string &pretokenizer_;
  Findings &findings_;
  std::vector<std::string_view> tokens_;
  std::vector<int> types_;
  std::unordered_map<std::string_view, size_t> ids_;
};

/// A key of another type than its name has would count as missing: a text that never ends, say.
void checkTypes(const File &file, Findings &findings) {
  const auto expect = [&](const std::string &key, bool holds, const char *what) {
    if (!holds)
      findings.invalid(file.name() + ": " + escaped(key, 80) + " must be " + what);
  };
  const std::string_view own = "tokenizer.ggml.", chat = "tokenizer.chat_template";
  for (const auto &[key, value] : file.metadata()) {
    if (key == chat || key.starts_with(std::string(chat) + "."))
      expect(key, std::holds_alternative<std::string_view>(value), "a string");
    else if (key == std::string(own) + "model" || key == std::string(own) + "pre")
      expect(key, std::holds_alternative<std::string_view>(value), "a string");
    else if (key.starts_with(own) && key.ends_with("_token_id"))
      expect(key, std::holds_alternative<int64_t>(value), "the id of a token");
    else if (key.starts_with(std::string(own) + "add_"))
      expect(key, std::holds_alternative<bool>(value), "true or false");
  }
}

} // namespace

std::string makeTokenizer(const File &file, const std::string &pretokenizer, Findings &findings) {
  checkTypes(file, findings);
  return TokenizerMaker(file, pretokenizer, findings).make();
}

} // namespace cadenza::gguf
