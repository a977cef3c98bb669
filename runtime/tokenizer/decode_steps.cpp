#include "runtime/tokenizer/decode_steps.h"

#include "runtime/tokenizer/byte_alphabet.h"

#include <charconv>
#include <optional>
#include <utility>

namespace cadenza {
namespace {

/// clone() by copying.
template <typename Self> class CopyableStep : public DecodeStep {
  friend Self;
  CopyableStep() = default;
  std::unique_ptr<DecodeStep> clone() const final { return std::make_unique<Self>(static_cast<const Self &>(*this)); }
};

class JoinStep final : public CopyableStep<JoinStep> {
  void push(std::string token, std::vector<std::string> &out) override {
    if (!std::exchange(isFirst_, false))
      out.emplace_back(" ");
    out.push_back(std::move(token));
  }
  std::string bytes(std::string token) const override { return " " + token; }
  bool isFirst_ = true;
};

class ByteLevelStep final : public CopyableStep<ByteLevelStep> {
  void push(std::string token, std::vector<std::string> &out) override {
    out.push_back(repair_.push(bytesOfToken(token).value_or(token)));
  }
  void finish(std::vector<std::string> &out) override { out.push_back(repair_.finish()); }
  std::string bytes(std::string token) const override { return bytesOfToken(token).value_or(token); }

  utf8::StreamRepair repair_;
};

class ByteFallbackStep final : public CopyableStep<ByteFallbackStep> {
  static std::optional<char> byteOf(std::string_view token) {
    uint8_t byte = 0;
    if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>' ||
        std::from_chars(token.data() + 3, token.data() + 5, byte, 16).ptr != token.data() + 5)
      return std::nullopt;
    return static_cast<char>(byte);
  }

  void push(std::string token, std::vector<std::string> &out) override {
    if (auto byte = byteOf(token)) {
      bytes_ += *byte;
      return;
    }
    finish(out);
    out.push_back(std::move(token));
  }

  void finish(std::vector<std::string> &out) override {
    if (bytes_.empty())
      return;
    if (utf8::isValid(bytes_))
      out.push_back(bytes_);
    else
      out.insert(out.end(), bytes_.size(), "\uFFFD");
    bytes_.clear();
  }

  std::string bytes(std::string token) const override {
    const auto byte = byteOf(token);
    return byte ? std::string(1, *byte) : token;
  }

  std::string bytes_; // of the tokens before
};

class ReplaceStep final : public CopyableStep<ReplaceStep> {
public:
  ReplaceStep(Regex pattern, std::string content) : pattern_(std::move(pattern)), content_(std::move(content)) {}

private:
  void push(std::string token, std::vector<std::string> &out) override {
    out.push_back(pattern_.replace(token, content_));
  }
  std::string bytes(std::string token) const override { return pattern_.replace(token, content_); }

  Regex pattern_;
  std::string content_;
};

/// `text` with `to` in place of each `from`, which is not empty.
std::string replaceAll(std::string_view text, std::string_view from, std::string_view to) {
  std::string result;
  for (size_t pos = 0; pos < text.size();) {
    size_t match = std::min(text.find(from, pos), text.size());
    result.append(text.substr(pos, match - pos));
    if (match < text.size())
      result.append(to);
    pos = match + from.size();
  }
  return result;
}

class WordPieceStep final : public CopyableStep<WordPieceStep> {
public:
  WordPieceStep(std::string prefix, bool cleansUp) : prefix_(std::move(prefix)), cleansUp_(cleansUp) {}

private:
  void push(std::string token, std::vector<std::string> &out) override {
    out.push_back(std::exchange(isFirst_, false) ? cleanedUp(std::move(token)) : bytes(std::move(token)));
  }
  std::string bytes(std::string token) const override {
    return cleanedUp(token.starts_with(prefix_) ? token.substr(prefix_.size()) : " " + token);
  }

  std::string cleanedUp(std::string text) const {
    static constexpr std::pair<std::string_view, std::string_view> kRules[] = {
        {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
        {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    if (cleansUp_)
      for (const auto &[from, to] : kRules) // one after the other, as in Hugging Face
        text = replaceAll(text, from, to);
    return text;
  }

  std::string prefix_;
  bool cleansUp_;
  bool isFirst_ = true;
};

class WordEndStep final : public CopyableStep<WordEndStep> {
public:
  explicit WordEndStep(std::string suffix) : suffix_(std::move(suffix)) {}

private:
  void push(std::string token, std::vector<std::string> &out) override {
    if (last_)
      out.push_back(bytes(std::move(*last_)));
    last_ = std::move(token);
  }
  void finish(std::vector<std::string> &out) override {
    if (last_)
      out.push_back(replaceAll(*last_, suffix_, ""));
  }
  std::string bytes(std::string token) const override { return replaceAll(token, suffix_, " "); }

  std::string suffix_;
  std::optional<std::string> last_; // the token before, which may be the last
};

class MetaspaceStep final : public CopyableStep<MetaspaceStep> {
public:
  MetaspaceStep(std::string replacement, bool dropsFirst) : replacement_(std::move(replacement)), drops_(dropsFirst) {}

private:
  void push(std::string token, std::vector<std::string> &out) override {
    out.push_back(spaced(token, std::exchange(drops_, false)));
  }
  std::string bytes(std::string token) const override { return spaced(token, /*drops=*/false); }

  std::string spaced(const std::string &token, bool drops) const {
    std::string text;
    for (size_t pos = 0; pos < token.size();) {
      size_t match = std::min(token.find(replacement_, pos), token.size());
      text.append(token, pos, match - pos);
      if (match < token.size() && !drops)
        text += ' ';
      pos = match + replacement_.size();
    }
    return text;
  }

  std::string replacement_;
  bool drops_; // in the token that comes next
};

class StripStep final : public CopyableStep<StripStep> {
public:
  StripStep(std::string content, size_t start, size_t stop, bool isWhole)
      : content_(std::move(content)), start_(start), stop_(stop), isWhole_(isWhole) {}

private:
  void push(std::string token, std::vector<std::string> &out) override {
    if (!isWhole_) { // every token is a text of its own
      left_ = start_;
      kept_.clear();
    }
    std::string_view text = token;
    for (; left_ > 0 && text.starts_with(content_); --left_)
      text.remove_prefix(content_.size());
    if (!text.empty())
      left_ = 0; // the text has begun
    std::string whole = kept_.append(text);
    text = whole;
    for (size_t i = 0; i < stop_ && text.ends_with(content_); ++i)
      text.remove_suffix(content_.size());
    kept_ = whole.substr(text.size());
    out.emplace_back(text);
  }

  std::string bytes(std::string token) const override {
    if (isWhole_) // only the ends of the text
      return token;
    std::string_view text = token;
    for (size_t i = 0; i < start_ && text.starts_with(content_); ++i)
      text.remove_prefix(content_.size());
    for (size_t i = 0; i < stop_ && text.ends_with(content_); ++i)
      text.remove_suffix(content_.size());
    return std::string(text);
  }

  std::string content_;
  size_t start_, stop_;
  bool isWhole_;
  size_t left_ = start_; // to be taken from what comes next
  std::string kept_;     // what would be taken if the text ended here
};

} // namespace

std::unique_ptr<DecodeStep> makeJoinStep() { return std::make_unique<JoinStep>(); }
std::unique_ptr<DecodeStep> makeByteLevelStep() { return std::make_unique<ByteLevelStep>(); }
std::unique_ptr<DecodeStep> makeByteFallbackStep() { return std::make_unique<ByteFallbackStep>(); }
std::unique_ptr<DecodeStep> makeReplaceStep(Regex pattern, std::string content) {
  return std::make_unique<ReplaceStep>(std::move(pattern), std::move(content));
}
std::unique_ptr<DecodeStep> makeWordPieceStep(std::string prefix, bool cleansUp) {
  return std::make_unique<WordPieceStep>(std::move(prefix), cleansUp);
}
std::unique_ptr<DecodeStep> makeWordEndStep(std::string suffix) {
  return std::make_unique<WordEndStep>(std::move(suffix));
}
std::unique_ptr<DecodeStep> makeMetaspaceStep(std::string replacement, bool dropsFirst) {
  return std::make_unique<MetaspaceStep>(std::move(replacement), dropsFirst);
}
std::unique_ptr<DecodeStep> makeStripStep(std::string content, size_t start, size_t stop, bool isWhole) {
  return std::make_unique<StripStep>(std::move(content), start, stop, isWhole);
}

} // namespace cadenza
