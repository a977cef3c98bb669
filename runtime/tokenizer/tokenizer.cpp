#include "runtime/tokenizer/tokenizer.h"

#include "runtime/tokenizer/bpe.h"
#include "runtime/tokenizer/json.h"
#include "runtime/tokenizer/normalizer.h"
#include "runtime/tokenizer/post_processor.h"
#include "runtime/tokenizer/pre_tokenizer.h"
#include "runtime/tokenizer/unigram.h"
#include "runtime/tokenizer/word_piece.h"

#include <algorithm>
#include <deque>
#include <new>
#include <variant>

namespace cadenza {

using namespace tokenizer_json;

struct Tokenizer::Model {
  std::variant<Bpe, WordPiece, Unigram> kind;
  Normalizer normalizer;
  PreTokenizer preTokenizer;
  AddedTokens added;
  PostProcessor postProcessor;
  std::vector<std::string> notices;
  TokenDecoder decoder; // to be cloned

  static StatusOr<Model> parse(const json &document);
  Status parseKind(const json &model);
  const Vocabulary &vocabulary() const {
    return std::visit([](const auto &k) -> const Vocabulary & { return k.vocabulary(); }, kind);
  }
  bool contains(int32_t id) const { return added.find(id) || vocabulary().contains(id); }
  template <typename Kind> void encode(const Kind &pieceModel, std::string_view text, std::vector<int32_t> &ids) const;
};

Status Tokenizer::Model::parseKind(const json &model) {
  bool isByteLevel = preTokenizer.isByteLevel();
  std::string type = "BPE"; // absent in old files: BPE is then recognised by its fields
  if (const json *value = tokenizer_json::find(model, "type")) {
    if (!value->is_string())
      return unsupported("model.type", "this value is not supported (BPE, WordPiece and Unigram are)");
    type = *value;
  }
  if (type == "BPE") {
    auto spelling = isByteLevel ? Vocabulary::Spelling::ByteAlphabet : Vocabulary::Spelling::Text;
    CADENZA_ASSIGN_OR_RETURN(kind, Bpe::parse(model, spelling));
    return Status::ok();
  }
  if (type != "WordPiece" && type != "Unigram")
    return unsupported("model.type", quote(type) + " is not supported (BPE, WordPiece and Unigram are)");
  if (isByteLevel)
    return unsupported("pre_tokenizer", "ByteLevel with a " + type + " model is not supported (with BPE it is)");
  if (type == "WordPiece") {
    CADENZA_ASSIGN_OR_RETURN(kind, WordPiece::parse(model));
  } else {
    CADENZA_ASSIGN_OR_RETURN(kind, Unigram::parse(model));
  }
  return Status::ok();
}

StatusOr<Tokenizer::Model> Tokenizer::Model::parse(const json &document) {
  if (!document.is_object())
    return Status(StatusCode::InvalidInput, "expected an object");
  if (const json *version = tokenizer_json::find(document, "version"); version && *version != "1.0")
    return unsupported("version", "only \"1.0\" is supported");
  const json *model = tokenizer_json::find(document, "model");
  if (!model || !model->is_object())
    return invalid("model", "expected an object");

  Model result;
  auto field = [&](const char *name) { return tokenizer_json::find(document, name); };
  CADENZA_ASSIGN_OR_RETURN(result.normalizer, Normalizer::parse(field("normalizer")));
  CADENZA_ASSIGN_OR_RETURN(result.preTokenizer, PreTokenizer::parse(field("pre_tokenizer")));
  CADENZA_RETURN_IF_ERROR(result.parseKind(*model));
  CADENZA_ASSIGN_OR_RETURN(
      result.added, AddedTokens::parse(field("added_tokens"), result.vocabulary(), result.normalizer, result.notices));
  CADENZA_ASSIGN_OR_RETURN(result.postProcessor, PostProcessor::parse(field("post_processor"),
                                                                      [&](int32_t id) { return result.contains(id); }));
  CADENZA_ASSIGN_OR_RETURN(result.decoder, TokenDecoder::parse(field("decoder")));
  return result;
}

StatusOr<Tokenizer> Tokenizer::parse(std::string_view text) {
  try { // nlohmann/json, PCRE2 and the tables report a failed allocation in their own ways; it ends here
    auto document = tokenizer_json::parse(text);
    if (!document.isOk())
      return document.status().withPrefix("tokenizer.json");
    auto model = Model::parse(*document);
    if (!model.isOk())
      return model.status().withPrefix("tokenizer.json");
    for (std::string &notice : model->notices)
      notice.insert(0, "tokenizer.json: ");
    return Tokenizer(std::make_shared<const Model>(std::move(*model)));
  } catch (const std::bad_alloc &) {
    return Status(StatusCode::OutOfMemory, "tokenizer.json: out of memory");
  }
}

/// Appends the ids of valid UTF-8, without those that the post-processor adds.
template <typename Kind>
void Tokenizer::Model::encode(const Kind &pieceModel, std::string_view text, std::vector<int32_t> &ids) const {
  std::vector<AddedTokens::Segment> rawSegments, segments;
  std::vector<std::string_view> pieces;
  std::deque<std::string> storage;
  std::string normalized;
  typename Kind::Scratch scratch;
  added.split(text, AddedTokens::Raw, rawSegments);
  for (const AddedTokens::Segment &raw : rawSegments) {
    if (raw.id >= 0) {
      ids.push_back(raw.id);
      continue;
    }
    segments.clear();
    bool isStart = raw.text.data() == text.data();
    added.split(normalizer.apply(raw.text, normalized), AddedTokens::Normalized, segments);
    for (const AddedTokens::Segment &segment : segments) {
      if (segment.id >= 0) {
        ids.push_back(segment.id);
        continue;
      }
      pieces.clear();
      storage.clear();
      preTokenizer.split(segment.text, isStart && &segment == &segments.front(), pieces, storage);
      for (std::string_view piece : pieces)
        pieceModel.encode(piece, ids, scratch);
    }
  }
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool addSpecialTokens) const {
  const PostProcessor &around = model_->postProcessor;
  std::vector<int32_t> ids;
  if (addSpecialTokens)
    ids = around.prefix;

  std::string repaired;
  if (!utf8::isValid(text)) {
    repaired = utf8::repair(text);
    text = repaired;
  }
  std::visit([&](const auto &kind) { model_->encode(kind, text, ids); }, model_->kind);
  if (addSpecialTokens)
    ids.insert(ids.end(), around.suffix.begin(), around.suffix.end());
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skipSpecial) const {
  StreamDecoder decoder(*this, skipSpecial);
  std::string text;
  for (int32_t id : ids)
    text += decoder.push(id);
  return text + decoder.finish();
}

std::optional<std::string> Tokenizer::bytes(int32_t id) const {
  auto token = idToToken(id);
  if (!token || isSpecial(id))
    return std::nullopt;
  return model_->decoder.bytes(std::move(*token));
}

std::optional<int32_t> Tokenizer::tokenToId(std::string_view token) const {
  if (const AddedToken *added = model_->added.find(token))
    return added->id;
  return model_->vocabulary().idOfToken(token);
}

std::optional<std::string> Tokenizer::idToToken(int32_t id) const {
  if (const AddedToken *added = model_->added.find(id))
    return added->searched;
  const Vocabulary &vocabulary = model_->vocabulary();
  return vocabulary.contains(id) ? std::optional(vocabulary.token(id)) : std::nullopt;
}

const AddedToken *Tokenizer::addedToken(std::string_view content) const { return model_->added.find(content); }

bool Tokenizer::isSpecial(int32_t id) const {
  const AddedToken *added = model_->added.find(id);
  return added && added->special;
}

int32_t Tokenizer::vocabSize() const {
  const Vocabulary &vocabulary = model_->vocabulary();
  const auto &added = model_->added.all();
  auto isNew = [&](const AddedToken &token) { return !vocabulary.contains(token.id); };
  return vocabulary.size() + static_cast<int32_t>(std::count_if(added.begin(), added.end(), isNew));
}

int32_t Tokenizer::idLimit() const {
  int32_t limit = model_->vocabulary().idLimit();
  for (const AddedToken &token : model_->added.all())
    limit = std::max(limit, token.id + 1);
  return limit;
}

const std::vector<std::string> &Tokenizer::notices() const { return model_->notices; }

StreamDecoder::StreamDecoder(Tokenizer tokenizer, bool skipSpecial)
    : tokenizer_(std::move(tokenizer)), decoder_(tokenizer_.model_->decoder.clone()), skipSpecial_(skipSpecial) {}

std::string StreamDecoder::push(int32_t id) {
  auto token = tokenizer_.idToToken(id);
  if (!token || (skipSpecial_ && tokenizer_.isSpecial(id)))
    return {};
  return decoder_.push(std::move(*token));
}

std::string StreamDecoder::finish() {
  std::string text = decoder_.finish();
  decoder_ = tokenizer_.model_->decoder.clone();
  return text;
}

} // namespace cadenza
