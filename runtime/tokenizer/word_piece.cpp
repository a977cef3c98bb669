#include "runtime/tokenizer/word_piece.h"

#include "runtime/tokenizer/json.h"
#include "runtime/tokenizer/utf8.h"

#include <algorithm>

namespace cadenza {

using namespace tokenizer_json;

StatusOr<WordPiece> WordPiece::parse(const json &model) {
  CADENZA_RETURN_IF_ERROR(checkFields(
      model, "model", {"type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"}));
  const json *vocab = find(model, "vocab");
  if (!vocab)
    return invalid("model.vocab", "expected an object");
  WordPiece result;
  CADENZA_ASSIGN_OR_RETURN(result.vocabulary_, Vocabulary::parse(*vocab, Vocabulary::Spelling::Text));
  CADENZA_ASSIGN_OR_RETURN(result.continuingPrefix_, readString(model, "model", "continuing_subword_prefix"));
  const json *limit = find(model, "max_input_chars_per_word");
  if (!limit || !limit->is_number_unsigned())
    return invalid("model.max_input_chars_per_word", "expected a count");
  result.maxCharacters_ = limit->get<size_t>();
  CADENZA_ASSIGN_OR_RETURN(std::string unknown, readString(model, "model", "unk_token"));
  auto id = result.vocabulary_.idOfToken(unknown);
  if (!id)
    return invalid("model.unk_token", "the token " + quote(unknown) + " is not in model.vocab");
  result.unknown_ = *id;
  for (const auto &[token, value] : vocab->items())
    result.maxToken_ = std::max(result.maxToken_, token.size());
  return result;
}

static bool isContinuation(char byte) { return (static_cast<uint8_t>(byte) & 0xC0) == 0x80; }

void WordPiece::encode(std::string_view word, std::vector<int32_t> &ids, Scratch &scratch) const {
  auto characters = std::count_if(word.begin(), word.end(), [](char byte) { return !isContinuation(byte); });
  size_t kept = ids.size();
  if (static_cast<size_t>(characters) <= maxCharacters_ && encodeKnown(word, ids, scratch))
    return;
  ids.resize(kept);
  ids.push_back(unknown_);
}

bool WordPiece::encodeKnown(std::string_view word, std::vector<int32_t> &ids, Scratch &scratch) const {
  for (size_t begin = 0; begin < word.size();) {
    std::string &piece = scratch.continuing;
    piece.assign(begin > 0 ? continuingPrefix_ : "");
    const size_t prefix = piece.size();
    piece += word.substr(begin, maxToken_); // may end within a character, where no token ends
    auto id = vocabulary_.idOfPiece(piece);
    while (!id) {
      piece.pop_back();
      if (piece.size() <= prefix)
        return false;
      id = vocabulary_.idOfPiece(piece);
    }
    ids.push_back(*id);
    begin += piece.size() - prefix;
  }
  return true;
}

} // namespace cadenza
