#include "runtime/tokenizer/normalizer.h"

#include "runtime/tokenizer/json.h"
#include "runtime/tokenizer/nfc.h"
#include "runtime/tokenizer/unicode.h"
#include "runtime/tokenizer/utf8.h"

namespace cadenza {

using namespace tokenizer_json;

static constexpr size_t kMaxSteps = 32;

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
  if (type == "NFC") {
    steps.push_back(Nfc{});
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
                       quote(type) + " is not supported (NFC, Replace, Prepend, Strip and Sequence of them are)");
  }
  return Status::ok();
}

StatusOr<Normalizer::Step> Normalizer::parseReplace(const json &config, const std::string &path) {
  CADENZA_ASSIGN_OR_RETURN(Regex pattern, Regex::parsePattern(config, path));
  CADENZA_ASSIGN_OR_RETURN(std::string content, readString(config, path, "content"));
  if (content.find('$') != std::string::npos && config["pattern"].contains("Regex"))
    return unsupported(path + ".content", "a reference to a group of the expression is not supported");
  return Step(Replace{std::move(pattern), std::move(content)});
}

std::string_view Normalizer::run(const Nfc &, std::string_view text, std::string &storage) {
  return toNfc(text, storage);
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
