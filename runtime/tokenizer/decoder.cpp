#include "runtime/tokenizer/decoder.h"

#include "runtime/tokenizer/json.h"
#include "runtime/tokenizer/metaspace.h"

namespace cadenza {

using namespace tokenizer_json;

static constexpr size_t kMaxSteps = 32;

namespace {

class Parser {
public:
  Status parse(const json &config, const std::string &path) {
    auto read = readType(config, path);
    if (!read.isOk())
      return read.status();
    const std::string &type = *read;
    if (type == "Sequence") {
      CADENZA_ASSIGN_OR_RETURN(const json *parts, readArray(config, path, "decoders"));
      for (size_t i = 0; i < parts->size(); ++i)
        CADENZA_RETURN_IF_ERROR(parse((*parts)[i], path + ".decoders[" + std::to_string(i) + "]"));
      return Status::ok();
    }
    if (steps.size() == kMaxSteps)
      return unsupported("decoder", "more than " + std::to_string(kMaxSteps) + " steps are not supported");
    if (type == "Fuse") {
      isFused_ = true;
      return Status::ok();
    }
    if (type == "Strip")
      return parseStrip(config, path);
    // Tokens arrive in parts where they have become one, and only Strip can work with parts.
    if (isFused_)
      return unsupported(path + ".type", quote(type) + " behind a step that joins tokens is not supported");
    if (type == "ByteLevel") {
      steps.push_back(makeByteLevelStep());
      isFused_ = true;
      return Status::ok();
    }
    if (type == "ByteFallback") {
      steps.push_back(makeByteFallbackStep());
      return Status::ok();
    }
    if (type == "Replace")
      return parseReplace(config, path);
    if (type == "Metaspace") {
      CADENZA_ASSIGN_OR_RETURN(Metaspace metaspace, Metaspace::parse(config, path));
      steps.push_back(makeMetaspaceStep(metaspace.replacement, metaspace.prepend != PrependScheme::Never));
      return Status::ok();
    }
    if (type == "WordPiece") {
      CADENZA_ASSIGN_OR_RETURN(std::string prefix, readString(config, path, "prefix"));
      CADENZA_ASSIGN_OR_RETURN(bool cleansUp, readBool(config, path, "cleanup"));
      steps.push_back(makeWordPieceStep(std::move(prefix), cleansUp));
      return Status::ok();
    }
    if (type == "BPEDecoder") {
      CADENZA_ASSIGN_OR_RETURN(std::string suffix, readString(config, path, "suffix"));
      if (suffix.empty())
        return unsupported(path + ".suffix", "an empty suffix is not supported");
      steps.push_back(makeWordEndStep(std::move(suffix)));
      return Status::ok();
    }
    return unsupported(path + ".type", quote(type) + " is not supported (ByteLevel, Metaspace, WordPiece, BPEDecoder, "
                                                     "Replace, ByteFallback, Fuse, Strip and Sequence of them are)");
  }

  std::vector<std::unique_ptr<DecodeStep>> steps;

private:
  bool isFused_ = false; // the tokens have become one

  Status parseReplace(const json &config, const std::string &path) {
    CADENZA_ASSIGN_OR_RETURN(Regex pattern, Regex::parsePattern(config, path));
    if (config["pattern"].contains("Regex"))
      return unsupported(path + ".pattern", "a regular expression is not supported in a decoder (a string is)");
    CADENZA_ASSIGN_OR_RETURN(std::string content, readString(config, path, "content"));
    steps.push_back(makeReplaceStep(std::move(pattern), std::move(content)));
    return Status::ok();
  }

  Status parseStrip(const json &config, const std::string &path) {
    CADENZA_ASSIGN_OR_RETURN(std::string content, readString(config, path, "content"));
    if (content.empty() || utf8::scan(content, 0).length != content.size())
      return invalid(path + ".content", "expected one character");
    size_t counts[2];
    for (int end = 0; end < 2; ++end) {
      const char *key = end ? "stop" : "start";
      const json *value = find(config, key);
      if (!value || !value->is_number_unsigned())
        return invalid(path + "." + key, "expected a count");
      counts[end] = value->get<size_t>();
    }
    steps.push_back(makeStripStep(std::move(content), counts[0], counts[1], isFused_));
    return Status::ok();
  }
};

} // namespace

StatusOr<TokenDecoder> TokenDecoder::parse(const json *config) {
  TokenDecoder decoder;
  if (!config) {
    decoder.steps_.push_back(makeJoinStep());
    return decoder;
  }
  Parser parser;
  CADENZA_RETURN_IF_ERROR(parser.parse(*config, "decoder"));
  decoder.steps_ = std::move(parser.steps);
  return decoder;
}

TokenDecoder TokenDecoder::clone() const {
  TokenDecoder copy;
  for (const auto &step : steps_)
    copy.steps_.push_back(step->clone());
  return copy;
}

/// Sends tokens through the steps from `firstStep` on; the text of what comes out.
std::string TokenDecoder::run(size_t firstStep, std::vector<std::string> tokens) {
  std::vector<std::string> next;
  for (size_t step = firstStep; step < steps_.size(); ++step) {
    next.clear();
    for (std::string &token : tokens)
      steps_[step]->push(std::move(token), next);
    tokens.swap(next);
  }
  std::string text;
  for (const std::string &token : tokens)
    text += token;
  return text;
}

std::string TokenDecoder::push(std::string token) {
  std::vector<std::string> tokens;
  tokens.push_back(std::move(token));
  return run(0, std::move(tokens));
}

std::string TokenDecoder::bytes(std::string token) const {
  for (const auto &step : steps_)
    token = step->bytes(std::move(token));
  return token;
}

std::string TokenDecoder::finish() {
  std::string text;
  for (size_t step = 0; step < steps_.size(); ++step) {
    std::vector<std::string> kept;
    steps_[step]->finish(kept);
    text += run(step + 1, std::move(kept));
  }
  return text;
}

} // namespace cadenza
