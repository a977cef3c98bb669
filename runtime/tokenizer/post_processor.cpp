#include "runtime/tokenizer/post_processor.h"

#include "runtime/tokenizer/json.h"

namespace cadenza {

using namespace tokenizer_json;

using IsToken = std::function<bool(int32_t)>;

/// Appends the ids that a {"SpecialToken": {"id": name}} of a template stands for.
static Status readSpecialToken(const json &config, const json &special, const std::string &path,
                               const std::string &piecePath, const IsToken &isToken, std::vector<int32_t> &ids) {
  CADENZA_ASSIGN_OR_RETURN(std::string name, readString(special, piecePath + ".SpecialToken", "id"));
  const json *table = find(config, "special_tokens");
  const json *entry = table ? find(*table, name.c_str()) : nullptr;
  if (!entry)
    return invalid(piecePath + ".SpecialToken.id", quote(name) + " is not in special_tokens");
  std::string entryPath = path + ".special_tokens[" + quote(name) + "]";
  CADENZA_ASSIGN_OR_RETURN(const json *list, readArray(*entry, entryPath, "ids"));
  for (const json &value : *list) {
    CADENZA_ASSIGN_OR_RETURN(int32_t id, readId(value, entryPath + ".ids"));
    if (!isToken(id))
      return invalid(entryPath + ".ids", "there is no token " + std::to_string(id));
    ids.push_back(id);
  }
  return Status::ok();
}

static StatusOr<PostProcessor> parseTemplate(const json &config, const std::string &path, const IsToken &isToken) {
  CADENZA_ASSIGN_OR_RETURN(const json *single, readArray(config, path, "single"));
  PostProcessor result;
  bool seenText = false;
  for (size_t i = 0; i < single->size(); ++i) {
    const json &piece = (*single)[i];
    std::string piecePath = path + ".single[" + std::to_string(i) + "]";
    if (const json *special = find(piece, "SpecialToken")) {
      CADENZA_RETURN_IF_ERROR(
          readSpecialToken(config, *special, path, piecePath, isToken, seenText ? result.suffix : result.prefix));
      continue;
    }
    const json *sequence = find(piece, "Sequence");
    if (!sequence)
      return invalid(piecePath, "expected a SpecialToken or a Sequence");
    CADENZA_ASSIGN_OR_RETURN(std::string name, readString(*sequence, piecePath + ".Sequence", "id"));
    if (name != "A" || seenText)
      return unsupported(piecePath, "a template of more than the one sequence A is not supported");
    seenText = true;
  }
  if (!seenText)
    return unsupported(path + ".single", "a template without the sequence A is not supported");
  return result;
}

/// BertProcessing and RobertaProcessing: "cls" and "sep" are ["token", id].
static StatusOr<PostProcessor> parseClsSep(const json &config, const std::string &path, const IsToken &isToken) {
  PostProcessor result;
  for (const char *key : {"cls", "sep"}) {
    const json *pair = find(config, key);
    std::string pairPath = path + "." + key;
    if (!pair || !pair->is_array() || pair->size() != 2 || !(*pair)[0].is_string())
      return invalid(pairPath, "expected [\"token\", id]");
    CADENZA_ASSIGN_OR_RETURN(int32_t id, readId((*pair)[1], pairPath + "[1]"));
    if (!isToken(id))
      return invalid(pairPath, "there is no token " + std::to_string(id));
    (*key == 'c' ? result.prefix : result.suffix).push_back(id);
  }
  return result;
}

static Status parseInto(const json &config, const std::string &path, const IsToken &isToken, PostProcessor &result) {
  CADENZA_ASSIGN_OR_RETURN(std::string type, readType(config, path));
  if (type == "ByteLevel")
    return Status::ok();
  if (type == "Sequence") {
    CADENZA_ASSIGN_OR_RETURN(const json *parts, readArray(config, path, "processors"));
    for (size_t i = 0; i < parts->size(); ++i)
      CADENZA_RETURN_IF_ERROR(parseInto((*parts)[i], path + ".processors[" + std::to_string(i) + "]", isToken, result));
    return Status::ok();
  }
  bool isClsSep = type == "BertProcessing" || type == "RobertaProcessing";
  if (!isClsSep && type != "TemplateProcessing")
    return unsupported(path + ".type", quote(type) + " is not supported (ByteLevel, TemplateProcessing, "
                                                     "BertProcessing, RobertaProcessing and Sequence of them are)");
  CADENZA_ASSIGN_OR_RETURN(PostProcessor outer,
                           isClsSep ? parseClsSep(config, path, isToken) : parseTemplate(config, path, isToken));
  result.prefix.insert(result.prefix.begin(), outer.prefix.begin(), outer.prefix.end());
  result.suffix.insert(result.suffix.end(), outer.suffix.begin(), outer.suffix.end());
  return Status::ok();
}

StatusOr<PostProcessor> PostProcessor::parse(const json *config, const IsToken &isToken) {
  PostProcessor result;
  if (config)
    CADENZA_RETURN_IF_ERROR(parseInto(*config, "post_processor", isToken, result));
  return result;
}

} // namespace cadenza
