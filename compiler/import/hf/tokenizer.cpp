#include "compiler/import/hf/tokenizer.h"

#include "compiler/import/text.h"
#include "runtime/support/json.h"
#include "runtime/tokenizer/json.h"
#include "runtime/tokenizer/tokenizer.h"

#include <charconv>
#include <map>
#include <set>
#include <vector>

namespace cadenza {
namespace {

using nlohmann::json;

constexpr const char *configFile = "tokenizer_config.json: ";
constexpr const char *flags[] = {"special", "lstrip", "rstrip", "normalized", "single_word"};

/// What an entry of added_tokens says beside its id; a flag that is absent is false, but `normalized`, which then is
/// what `special` is not (transformers' AddedToken).
json describe(const json &token) {
  json described = {{"content", token["content"]}};
  for (const char *flag : flags)
    described[flag] = token.value(flag, false);
  if (!token.contains("normalized"))
    described["normalized"] = !described["special"].get<bool>();
  return described;
}

/// Reads the tokens of tokenizer_config.json in the order in which transformers adds them.
class ConfigTokens {
public:
  explicit ConfigTokens(Findings &findings) : findings_(findings) {}

  std::vector<json> read(const json &config) {
    readDecoder(config);
    for (const char *name :
         {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"})
      if (config.contains(name))
        readSpecial(config[name], name);
    for (const char *name : {"additional_special_tokens", "extra_special_tokens"})
      if (config.contains(name) && config[name].is_array())
        for (const json &value : config[name])
          readSpecial(value, name);
    return std::move(tokens_);
  }

private:
  /// {"512": {"content": "<|im_start|>", "special": true, ...}, ...}, by id.
  void readDecoder(const json &config) {
    auto decoder = config.find("added_tokens_decoder");
    if (decoder == config.end() || decoder->is_null())
      return;
    if (!decoder->is_object())
      return findings_.invalid(std::string(configFile) + "added_tokens_decoder: expected an object");
    std::map<int64_t, json> byId;
    for (const auto &[key, token] : decoder->items()) {
      std::string path = configFile + ("added_tokens_decoder[" + quotedName(key)) + "]";
      int64_t id = 0;
      auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
      if (error != std::errc() || end != key.data() + key.size() || id < 0 || id >= tokenizer_json::kMaxId)
        findings_.invalid(path + ": the key is no token id");
      else if (isToken(token, path))
        byId.emplace(id, describe(token)).first->second["id"] = id;
    }
    for (auto &[id, token] : byId)
      add(std::move(token));
  }

  /// A special token by name: its text, or an object; null, and other things under these names, are none.
  void readSpecial(const json &value, const char *name) {
    if (value.is_string() && !value.get_ref<const std::string &>().empty())
      add({{"content", value},
           {"special", true},
           {"lstrip", false},
           {"rstrip", false},
           {"normalized", false},
           {"single_word", false}});
    if (!value.is_object() || !isToken(value, std::string(configFile) + name))
      return;
    json token = describe(value);
    token["special"] = true;
    add(std::move(token));
  }

  bool isToken(const json &token, const std::string &path) {
    bool sound = token.is_object() && token.contains("content") && token["content"].is_string() &&
                 !token["content"].get_ref<const std::string &>().empty();
    for (const char *flag : flags)
      sound = sound && (!token.contains(flag) || token[flag].is_boolean());
    if (!sound)
      findings_.invalid(path + ": expected an object with the text \"content\" and flags that are true or false");
    return sound;
  }

  void add(json token) {
    if (seen_.insert(token["content"].get<std::string>()).second)
      tokens_.push_back(std::move(token));
  }

  Findings &findings_;
  std::vector<json> tokens_;
  std::set<std::string> seen_;
};

/// Whether tokenizer.json has the token, with the same flags; named special tokens take those that it has there.
bool isKnown(const Tokenizer &tokenizer, const json &token) {
  const AddedToken *known = tokenizer.addedToken(token["content"].get_ref<const std::string &>());
  if (!known || !token.contains("id"))
    return known;
  return known->special == token["special"] && known->lstrip == token["lstrip"] && known->rstrip == token["rstrip"] &&
         known->normalized == token["normalized"] && known->singleWord == token["single_word"];
}

/// tokenizer.json with more added tokens. Their ids follow from the vocabulary, so the result is read once for them.
StatusOr<std::string> addTokens(std::string_view tokenizer, std::vector<json> tokens, Findings &findings) {
  CADENZA_ASSIGN_OR_RETURN(json document, tokenizer_json::parse(tokenizer));
  json &list = document["added_tokens"];
  if (list.is_null())
    list = json::array();
  size_t before = list.size();
  for (const json &token : tokens) {
    list.push_back(token);
    list.back()["id"] = 0;
  }
  CADENZA_ASSIGN_OR_RETURN(Tokenizer merged, Tokenizer::parse(document.dump()));
  for (size_t i = 0; i < tokens.size(); ++i) {
    const auto &content = tokens[i]["content"].get_ref<const std::string &>();
    auto id = merged.tokenToId(content);
    if (!id)
      return Status(StatusCode::Internal, "the token " + quotedName(content) + " was not added");
    list[before + i]["id"] = *id;
    if (tokens[i].contains("id") && tokens[i]["id"] != *id)
      findings.notice(std::string(configFile) + "added_tokens_decoder: " + quotedName(content) + " has the id " +
                      std::to_string(*id) + ", which follows from the vocabulary, and not " + tokens[i]["id"].dump());
  }
  findings.notice(std::string(configFile) + std::to_string(tokens.size()) +
                  (tokens.size() == 1 ? " token is" : " tokens are") + " not in tokenizer.json like this and " +
                  (tokens.size() == 1 ? "was" : "were") + " taken from here: the first is " +
                  quotedName(tokens[0]["content"].get_ref<const std::string &>()) + " (" + list[before]["id"].dump() +
                  ")");
  return document.dump();
}

/// Tokens that text can become but the model has no embedding for.
void reportBeyond(const Tokenizer &tokenizer, int64_t vocabulary, Findings &findings) {
  int64_t count = 0, first = 0;
  for (int64_t id = vocabulary; id < tokenizer.idLimit(); ++id)
    if (tokenizer.idToToken(static_cast<int32_t>(id)) && count++ == 0)
      first = id;
  if (count > 0)
    findings.notice("tokenizer.json: " + std::to_string(count) +
                    (count == 1 ? " token has an id" : " tokens have ids") + " beyond the model's vocabulary of " +
                    std::to_string(vocabulary) + " (the first is " +
                    quotedName(*tokenizer.idToToken(static_cast<int32_t>(first))) + ", " + std::to_string(first) +
                    "): a prompt that contains one is refused");
}

/// The parsed tokenizer, or nothing and a finding.
std::optional<Tokenizer> parse(std::string_view text, Findings &findings) {
  auto tokenizer = Tokenizer::parse(text);
  if (tokenizer.isOk())
    return std::move(*tokenizer);
  if (tokenizer.status().code() == StatusCode::Unsupported)
    findings.notice(escaped(tokenizer.status().message(), 400) + "; the plan will take token ids only");
  else
    findings.add(Status(tokenizer.status().code(), escaped(tokenizer.status().message(), 400)));
  return std::nullopt;
}

} // namespace

std::string importTokenizer(std::string_view tokenizer, std::string_view config, int64_t vocabulary,
                            Findings &findings) {
  auto parsed = parse(tokenizer, findings);
  if (!parsed)
    return {};
  for (const std::string &notice : parsed->notices())
    findings.notice(escaped(notice, 400));
  std::string result(tokenizer);
  if (!config.empty()) {
    auto document = parseJson(config);
    if (!document.isOk() || !document->is_object()) {
      findings.invalid(configFile +
                       (document.isOk() ? "the document is no object" : escaped(document.status().message(), 300)));
      return {};
    }
    std::vector<json> tokens = ConfigTokens(findings).read(*document);
    std::erase_if(tokens, [&](const json &token) { return isKnown(*parsed, token); });
    if (!tokens.empty()) {
      auto merged = addTokens(tokenizer, std::move(tokens), findings);
      if (!merged.isOk()) {
        findings.add(merged.status().withPrefix("tokenizer_config.json"));
        return {};
      }
      result = std::move(*merged);
      parsed = parse(result, findings);
      if (!parsed)
        return {};
    }
  }
  if (vocabulary > 0)
    reportBeyond(*parsed, vocabulary, findings);
  return result;
}

} // namespace cadenza
