#include "runtime/tokenizer/normalizer.h"

#include "runtime/tokenizer/json.h"
#include "runtime/tokenizer/unicode.h"
#include "runtime/tokenizer/utf8.h"

#include <algorithm>
#include <iterator>

namespace cadenza {

using namespace tokenizer_json;

static constexpr size_t kMaxSteps = 32;

static constexpr std::pair<std::string_view, NormalForm> kForms[] = {
    {"NFC", NormalForm::C}, {"NFD", NormalForm::D}, {"NFKC", NormalForm::KC}, {"NFKD", NormalForm::KD}};

static void appendLowercase(uint32_t codePoint, std::string &out) { unicode::appendLowercase(out, codePoint); }

static void appendWithoutAccents(uint32_t codePoint, std::string &out) {
  if (!unicode::isAccent(codePoint))
    utf8::append(out, codePoint);
}

static void appendWithoutBertAccents(uint32_t codePoint, std::string &out) {
  if (!unicode::isBertAccent(codePoint))
    utf8::append(out, codePoint);
}

/// BERT's clean_text: no control characters, and every white space is a space.
static void appendClean(uint32_t codePoint, std::string &out) {
  if (!unicode::isBertControl(codePoint))
    utf8::append(out, unicode::isWhiteSpace(codePoint) ? ' ' : codePoint);
}

static void appendSpacedIdeograph(uint32_t codePoint, std::string &out) {
  bool isIdeograph = unicode::isIdeograph(codePoint);
  out.append(isIdeograph, ' ');
  utf8::append(out, codePoint);
  out.append(isIdeograph, ' ');
}

StatusOr<Normalizer> Normalizer::parse(const json *config) {
  Normalizer normalizer;
  if (config)
    CADENZA_RETURN_IF_ERROR(parseInto(*config, "normalizer", normalizer.steps_));
  return normalizer;
}

Status Normalizer::parseInto(const json &config, const std::string &path, std::vector<Step> &steps) {
  auto read = readType(config, path);
  if (!read.isOk())
    return read.status();
  const std::string &type = *read;
  if (type == "Sequence") {
    CADENZA_ASSIGN_OR_RETURN(const json *parts, readArray(config, path, "normalizers"));
    for (size_t i = 0; i < parts->size(); ++i)
      CADENZA_RETURN_IF_ERROR(parseInto((*parts)[i], path + ".normalizers[" + std::to_string(i) + "]", steps));
    return Status::ok();
  }
  if (steps.size() == kMaxSteps)
    return unsupported("normalizer", "more than " + std::to_string(kMaxSteps) + " steps are not supported");
  auto form = std::find_if(std::begin(kForms), std::end(kForms), [&](auto &f) { return f.first == type; });
  if (form != std::end(kForms)) {
    steps.push_back(form->second);
  } else if (type == "Lowercase") {
    steps.push_back(CharacterMap{appendLowercase});
  } else if (type == "StripAccents") {
    steps.push_back(CharacterMap{appendWithoutAccents});
  } else if (type == "BertNormalizer") {
    return parseBert(config, path, steps);
  } else if (type == "Precompiled") {
    CADENZA_ASSIGN_OR_RETURN(Charsmap charsmap, Charsmap::parse(config, path));
    steps.push_back(std::move(charsmap));
  } else if (type == "Replace") {
    CADENZA_ASSIGN_OR_RETURN(Step step, parseReplace(config, path));
    steps.push_back(std::move(step));
  } else if (type == "Prepend") {
    CADENZA_ASSIGN_OR_RETURN(std::string text, readString(config, path, "prepend"));
    steps.push_back(Prepend{std::move(text)});
  } else if (type == "Strip") {
    CADENZA_ASSIGN_OR_RETURN(bool left, readBool(config, path, "strip_left"));
    CADENZA_ASSIGN_OR_RETURN(bool right, readBool(config, path, "strip_right"));
    steps.push_back(Strip{left, right});
  } else {
    return unsupported(path + ".type",
                       quote(type) + " is not supported (NFC, NFD, NFKC, NFKD, Replace, Prepend, Strip, Lowercase, "
                                     "StripAccents, BertNormalizer, Precompiled and Sequence of them are)");
  }
  return Status::ok();
}

/// In this order: clean text, spaces around ideographs, no accents, lower case.
Status Normalizer::parseBert(const json &config, const std::string &path, std::vector<Step> &steps) {
  CADENZA_ASSIGN_OR_RETURN(bool cleans, readBool(config, path, "clean_text"));
  CADENZA_ASSIGN_OR_RETURN(bool spaces, readBool(config, path, "handle_chinese_chars"));
  CADENZA_ASSIGN_OR_RETURN(bool lowers, readBool(config, path, "lowercase"));
  CADENZA_ASSIGN_OR_RETURN(bool strips, readBool(config, path, "strip_accents", lowers));
  if (cleans)
    steps.push_back(CharacterMap{appendClean});
  if (spaces)
    steps.push_back(CharacterMap{appendSpacedIdeograph});
  if (strips) {
    steps.push_back(NormalForm::D);
    steps.push_back(CharacterMap{appendWithoutBertAccents});
  }
  if (lowers)
    steps.push_back(CharacterMap{appendLowercase});
  return Status::ok();
}

StatusOr<Normalizer::Step> Normalizer::parseReplace(const json &config, const std::string &path) {
  CADENZA_ASSIGN_OR_RETURN(Regex pattern, Regex::parsePattern(config, path));
  CADENZA_ASSIGN_OR_RETURN(std::string content, readString(config, path, "content"));
  if (content.find('$') != std::string::npos && config["pattern"].contains("Regex"))
    return unsupported(path + ".content", "a reference to a group of the expression is not supported");
  return Step(Replace{std::move(pattern), std::move(content)});
}

std::string_view Normalizer::run(NormalForm form, std::string_view text, std::string &storage) {
  return normalize(text, form, storage);
}

std::string_view Normalizer::run(const CharacterMap &step, std::string_view text, std::string &storage) {
  storage.clear();
  for (size_t pos = 0; pos < text.size();) {
    utf8::Scan s = utf8::scan(text, pos);
    step.append(s.codePoint, storage);
    pos += s.length;
  }
  return storage;
}

std::string_view Normalizer::run(const Charsmap &step, std::string_view text, std::string &storage) {
  storage = step.apply(text);
  return storage;
}

std::string_view Normalizer::run(const Replace &step, std::string_view text, std::string &storage) {
  storage = step.pattern.replace(text, step.content);
  return storage;
}

std::string_view Normalizer::run(const Prepend &step, std::string_view text, std::string &storage) {
  if (text.empty())
    return text;
  storage.assign(step.text).append(text);
  return storage;
}

std::string_view Normalizer::run(const Strip &step, std::string_view text, std::string &) {
  while (step.left && !text.empty()) {
    utf8::Scan s = utf8::scan(text, 0);
    if (!unicode::isWhiteSpace(s.codePoint))
      break;
    text.remove_prefix(s.length);
  }
  while (step.right && !text.empty()) {
    size_t last = utf8::previous(text, text.size());
    if (!unicode::isWhiteSpace(utf8::scan(text, last).codePoint))
      break;
    text = text.substr(0, last);
  }
  return text;
}

std::string_view Normalizer::apply(std::string_view text, std::string &storage) const {
  std::string other; // a step reads one string and writes the other
  for (const Step &step : steps_) {
    std::string_view result = std::visit([&](const auto &s) { return run(s, text, other); }, step);
    bool isNew = result.data() == other.data();
    if (isNew)
      storage.swap(other);
    text = isNew ? std::string_view(storage).substr(0, result.size()) : result;
  }
  return text;
}

} // namespace cadenza
