#include "runtime/tokenizer/pre_tokenizer.h"

#include "runtime/tokenizer/json.h"
#include "runtime/tokenizer/utf8.h"

#include <algorithm>

namespace cadenza {

using namespace tokenizer_json;

// What ByteLevel with use_regex stands for: GPT-2's expression.
static constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

static constexpr size_t kMaxSteps = 32;

StatusOr<PreTokenizer> PreTokenizer::parse(const json *config) {
  PreTokenizer result;
  if (config)
    CADENZA_RETURN_IF_ERROR(parseInto(*config, "pre_tokenizer", result.steps_));
  for (size_t i = 0; i < result.steps_.size(); ++i)
    if (result.steps_[i].isByteLevel && i + 1 < result.steps_.size())
      return unsupported("pre_tokenizer", "a step after ByteLevel is not supported (ByteLevel comes last)");
  return result;
}

Status PreTokenizer::parseInto(const json &config, const std::string &path, std::vector<Step> &steps) {
  auto type = readType(config, path);
  if (!type.isOk())
    return type.status();
  if (*type == "Sequence") {
    CADENZA_ASSIGN_OR_RETURN(const json *parts, readArray(config, path, "pretokenizers"));
    for (size_t i = 0; i < parts->size(); ++i)
      CADENZA_RETURN_IF_ERROR(parseInto((*parts)[i], path + ".pretokenizers[" + std::to_string(i) + "]", steps));
    return Status::ok();
  }
  if (*type == "BertPreTokenizer") { // two steps
    CADENZA_RETURN_IF_ERROR(parseInto({{"type", "WhitespaceSplit"}}, path, steps));
    return parseInto({{"type", "Punctuation"}}, path, steps);
  }
  if (steps.size() == kMaxSteps)
    return unsupported("pre_tokenizer", "more than " + std::to_string(kMaxSteps) + " steps are not supported");
  static constexpr std::pair<std::string_view, StatusOr<Step> (*)(const json &, const std::string &)> kSteps[] = {
      {"Split", parseSplit},
      {"ByteLevel", parseByteLevel},
      {"Digits", parseDigits},
      {"Metaspace", parseMetaspace},
      {"Whitespace", parseWhitespace},
      {"WhitespaceSplit", parseWhitespaceSplit},
      {"Punctuation", parsePunctuation},
      {"CharDelimiterSplit", parseCharDelimiterSplit}};
  auto kind = std::find_if(std::begin(kSteps), std::end(kSteps), [&](auto &entry) { return entry.first == *type; });
  if (kind == std::end(kSteps))
    return unsupported(path + ".type",
                       quote(*type) +
                           " is not supported (Split, Digits, Metaspace, ByteLevel, BertPreTokenizer, Whitespace, "
                           "WhitespaceSplit, Punctuation, CharDelimiterSplit and Sequence of them are)");
  CADENZA_ASSIGN_OR_RETURN(Step step, kind->second(config, path));
  steps.push_back(std::move(step));
  return Status::ok();
}

StatusOr<PreTokenizer::Behavior> PreTokenizer::parseBehavior(const json &config, const std::string &path) {
  static constexpr std::pair<std::string_view, Behavior> kBehaviors[] = {
      {"Removed", Behavior::Removed},
      {"Isolated", Behavior::Isolated},
      {"MergedWithPrevious", Behavior::MergedWithPrevious},
      {"MergedWithNext", Behavior::MergedWithNext},
      {"Contiguous", Behavior::Contiguous},
  };
  CADENZA_ASSIGN_OR_RETURN(std::string name, readString(config, path, "behavior"));
  auto behavior = std::find_if(std::begin(kBehaviors), std::end(kBehaviors), [&](auto &b) { return b.first == name; });
  if (behavior == std::end(kBehaviors))
    return unsupported(path + ".behavior", quote(name) + " is not supported (Removed, Isolated, MergedWithPrevious, "
                                                         "MergedWithNext and Contiguous are)");
  return behavior->second;
}

StatusOr<PreTokenizer::Step> PreTokenizer::parseSplit(const json &config, const std::string &path) {
  Step step;
  CADENZA_ASSIGN_OR_RETURN(step.invert, readBool(config, path, "invert"));
  CADENZA_ASSIGN_OR_RETURN(step.behavior, parseBehavior(config, path));
  CADENZA_ASSIGN_OR_RETURN(step.regex, Regex::parsePattern(config, path));
  return step;
}

StatusOr<PreTokenizer::Step> PreTokenizer::parseByteLevel(const json &config, const std::string &path) {
  Step step;
  step.isByteLevel = true;
  step.prefix = " ";
  CADENZA_ASSIGN_OR_RETURN(bool addPrefixSpace, readBool(config, path, "add_prefix_space"));
  step.prepend = addPrefixSpace ? PrependScheme::Always : PrependScheme::Never;
  CADENZA_ASSIGN_OR_RETURN(bool useRegex, readBool(config, path, "use_regex", true));
  if (useRegex) {
    CADENZA_ASSIGN_OR_RETURN(step.regex, Regex::compile(kGpt2Pattern, path));
  }
  return step;
}

StatusOr<PreTokenizer::Step> PreTokenizer::parseDigits(const json &config, const std::string &path) {
  Step step;
  CADENZA_ASSIGN_OR_RETURN(bool individual, readBool(config, path, "individual_digits", false));
  step.behavior = individual ? Behavior::Isolated : Behavior::Contiguous;
  CADENZA_ASSIGN_OR_RETURN(step.regex, Regex::digits(path));
  return step;
}

StatusOr<PreTokenizer::Step> PreTokenizer::parseWhitespace(const json &, const std::string &path) {
  Step step;
  step.invert = true; // what matches is kept
  step.behavior = Behavior::Removed;
  CADENZA_ASSIGN_OR_RETURN(step.regex, Regex::wordsAndSymbols(path));
  return step;
}

StatusOr<PreTokenizer::Step> PreTokenizer::parseWhitespaceSplit(const json &, const std::string &path) {
  Step step;
  step.behavior = Behavior::Removed;
  CADENZA_ASSIGN_OR_RETURN(step.regex, Regex::oneOf(unicode::whiteSpace(), path));
  return step;
}

StatusOr<PreTokenizer::Step> PreTokenizer::parsePunctuation(const json &config, const std::string &path) {
  Step step;
  if (config.contains("behavior")) {
    CADENZA_ASSIGN_OR_RETURN(step.behavior, parseBehavior(config, path));
  }
  CADENZA_ASSIGN_OR_RETURN(step.regex, Regex::oneOf(unicode::punctuation(), path));
  return step;
}

StatusOr<PreTokenizer::Step> PreTokenizer::parseCharDelimiterSplit(const json &config, const std::string &path) {
  Step step;
  step.behavior = Behavior::Removed;
  CADENZA_ASSIGN_OR_RETURN(std::string delimiter, readString(config, path, "delimiter"));
  if (delimiter.empty() || utf8::scan(delimiter, 0).length != delimiter.size())
    return invalid(path + ".delimiter", "expected one character");
  CADENZA_ASSIGN_OR_RETURN(step.regex, Regex::literal(delimiter, path + ".delimiter"));
  return step;
}

StatusOr<PreTokenizer::Step> PreTokenizer::parseMetaspace(const json &config, const std::string &path) {
  CADENZA_ASSIGN_OR_RETURN(Metaspace metaspace, Metaspace::parse(config, path));
  CADENZA_ASSIGN_OR_RETURN(bool split, readBool(config, path, "split", true));
  Step step;
  step.space = step.prefix = metaspace.replacement;
  step.prepend = metaspace.prepend;
  step.behavior = Behavior::MergedWithNext;
  if (split) {
    CADENZA_ASSIGN_OR_RETURN(step.regex, Regex::literal(metaspace.replacement, path + ".replacement"));
  }
  return step;
}

/// Turns matches and gaps into the spans of the pieces, in place.
void PreTokenizer::group(std::vector<RegexSpan> &spans, Behavior behavior) {
  size_t kept = 0;
  bool previousIsMatch = false;
  for (size_t i = 0; i < spans.size(); ++i) {
    RegexSpan span = spans[i];
    bool joinsPrevious = false;
    if (kept > 0) {
      switch (behavior) {
      case Behavior::Removed:
      case Behavior::Isolated:
        break;
      case Behavior::MergedWithPrevious:
        joinsPrevious = span.isMatch && !previousIsMatch;
        break;
      case Behavior::MergedWithNext:
        joinsPrevious = !span.isMatch && previousIsMatch;
        break;
      case Behavior::Contiguous:
        joinsPrevious = span.isMatch == previousIsMatch;
        break;
      }
    }
    previousIsMatch = span.isMatch;
    if (behavior == Behavior::Removed && span.isMatch)
      continue;
    if (joinsPrevious)
      spans[kept - 1].end = span.end;
    else
      spans[kept++] = span;
  }
  spans.resize(kept);
}

std::string_view PreTokenizer::rewrite(const Step &step, std::string_view piece, bool isStart,
                                       std::deque<std::string> &storage) {
  if (!step.space.empty() && piece.find(' ') != std::string_view::npos) {
    std::string &rewritten = storage.emplace_back();
    for (char c : piece)
      c == ' ' ? rewritten += step.space : rewritten += c;
    piece = rewritten;
  }
  bool prepends = step.prepend == PrependScheme::Always || (step.prepend == PrependScheme::First && isStart);
  if (prepends && !piece.starts_with(step.prefix))
    piece = storage.emplace_back(step.prefix).append(piece);
  return piece;
}

void PreTokenizer::split(std::string_view text, bool isStart, std::vector<std::string_view> &pieces,
                         std::deque<std::string> &storage) const {
  if (text.empty())
    return;
  std::vector<std::string_view> current{text}, next;
  std::vector<RegexSpan> spans;
  for (const Step &step : steps_) {
    next.clear();
    bool staysStart = false; // the first piece still begins where the input does
    for (size_t i = 0; i < current.size(); ++i) {
      std::string_view piece = rewrite(step, current[i], isStart && i == 0, storage);
      if (!step.regex) {
        staysStart |= isStart && i == 0;
        next.push_back(piece);
        continue;
      }
      spans.clear();
      step.regex->split(piece, spans);
      if (step.invert)
        for (RegexSpan &span : spans)
          span.isMatch = !span.isMatch;
      group(spans, step.behavior);
      for (const RegexSpan &span : spans)
        if (span.begin < span.end) {
          staysStart |= isStart && i == 0 && span.begin == 0;
          next.push_back(piece.substr(span.begin, span.end - span.begin));
        }
    }
    isStart = staysStart;
    current.swap(next);
  }
  pieces.insert(pieces.end(), current.begin(), current.end());
}

} // namespace cadenza
