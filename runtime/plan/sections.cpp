#include "runtime/plan/sections.h"

#include "runtime/plan/code_image.h"
#include "runtime/plan/format.h"
#include "runtime/support/checked.h"
#include "runtime/support/json.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <limits>
#include <set>

namespace cadenza {
namespace {

constexpr std::string_view codeKindNames[] = {"cubin", "ptx", "host"};

Status invalid(const std::string &message) { return Status(StatusCode::InvalidPlan, message); }

/// Reads little-endian words and text one after the other; every read says whether it fitted.
class Cursor {
public:
  explicit Cursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

  size_t offset() const { return offset_; }
  bool atEnd() const { return offset_ == bytes_.size(); }
  template <typename Word> bool read(Word &word) {
    if (!checked::inBounds(offset_, sizeof word, bytes_.size()))
      return false;
    std::memcpy(&word, bytes_.data() + offset_, sizeof word);
    offset_ += sizeof word;
    return true;
  }
  bool read(uint64_t length, std::span<const std::byte> &part) {
    if (!checked::inBounds(offset_, length, bytes_.size()))
      return false;
    part = bytes_.subspan(offset_, length);
    offset_ += length;
    return true;
  }

private:
  std::span<const std::byte> bytes_;
  size_t offset_ = 0;
};

/// "sm_90", "sm_90a"; "compute_80"; "host".
bool isTarget(std::string_view target, ImageKind kind) {
  if (kind == ImageKind::Host)
    return target == "host";
  const std::string_view prefix = kind == ImageKind::Cubin ? "sm_" : "compute_";
  if (!target.starts_with(prefix))
    return false;
  target.remove_prefix(prefix.size());
  if (target.ends_with('a') || target.ends_with('f'))
    target.remove_suffix(1);
  return target.size() >= 2 && target.size() <= 3 &&
         std::all_of(target.begin(), target.end(), [](unsigned char c) { return std::isdigit(c); });
}

/// A path that stays inside the folder that it is extracted to, whatever the file system.
bool isRelativePath(std::string_view path) {
  if (path.empty() || path.size() > 1024)
    return false;
  const auto plain = [](unsigned char c) { return c < 0x80 && (std::isalnum(c) || std::strchr("_-+./", c)); };
  if (!std::all_of(path.begin(), path.end(), [&](char c) { return c != '\0' && plain(c); }))
    return false;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..")
      return false;
    begin = end + 1;
  }
  return true;
}

template <typename Word> void append(std::string &bytes, Word word) {
  bytes.append(reinterpret_cast<const char *>(&word), sizeof word);
}

} // namespace

std::string_view codeKindName(ImageKind kind) { return codeKindNames[static_cast<size_t>(kind)]; }

std::string encodeCode(const CodeSection &code) {
  nlohmann::ordered_json json = {{"target", code.target}, {"kind", codeKindName(code.kind)}};
  json["resources"] = nlohmann::ordered_json::array();
  for (const KernelResources &kernel : code.resources)
    json["resources"].push_back(
        {{"kernel", kernel.kernel}, {"registers", kernel.registers}, {"local_bytes", kernel.localBytes}});
  const std::string header = json.dump();
  std::string bytes;
  append(bytes, static_cast<uint64_t>(header.size()));
  bytes += header;
  bytes.resize(checked::alignUp(bytes.size(), format::imageAlignment).value(), '\0');
  bytes += asText(code.image);
  if (code.kind == ImageKind::Ptx && !bytes.ends_with('\0'))
    bytes += '\0';
  return bytes;
}

StatusOr<CodeSection> decodeCode(std::span<const std::byte> bytes, const Program &program) {
  Cursor cursor(bytes);
  uint64_t headerBytes = 0;
  std::span<const std::byte> header, padding;
  if (!cursor.read(headerBytes) || !cursor.read(headerBytes, header))
    return invalid("header: " + std::to_string(headerBytes) + " bytes do not fit the section");
  if (!cursor.read(checked::alignUp(cursor.offset(), format::imageAlignment).value() - cursor.offset(), padding))
    return invalid("image: is missing");
  if (std::any_of(padding.begin(), padding.end(), [](std::byte b) { return b != std::byte(0); }))
    return invalid("padding: is not zero");

  const auto json = parseJson(asText(header));
  if (!json.isOk())
    return invalid("header: " + json.status().message());
  FieldErrors errors(StatusCode::InvalidPlan);
  const JsonReader reader(*json, "header", errors);
  reader.onlyFields({"target", "kind", "resources"});
  CodeSection code;
  code.kind = static_cast<ImageKind>(reader["kind"].oneOf(codeKindNames));
  code.target = reader["target"].string();
  if (!isTarget(code.target, code.kind))
    reader["target"].error("'" + code.target + "' is not a target of " + std::string(codeKindName(code.kind)) +
                           " code");
  std::set<std::string_view> kernels;
  std::set<std::string> drawing; // what draws tokens beside a persistent kernel (codegen/kernels/persistent.cuh)
  for (const Kernel &kernel : program.kernels) {
    kernels.insert(kernel.name);
    drawing.insert(kernel.name + "_draw");
  }
  for (const JsonReader &element : reader["resources"].elements()) {
    element.onlyFields({"kernel", "registers", "local_bytes"});
    code.resources.push_back(
        {element["kernel"].string(), element["registers"].index(), element["local_bytes"].index()});
    if (kernels.erase(code.resources.back().kernel) == 0 && drawing.erase(code.resources.back().kernel) == 0)
      element["kernel"].error("'" + code.resources.back().kernel + "' is not in program.kernels, or occurs twice");
  }
  if (!errors.none())
    return errors.status();

  code.image = bytes.subspan(cursor.offset());
  const Status image = checkCodeImage(code.kind, code.image);
  if (!image.isOk())
    return invalid("image: " + image.message());
  return code;
}

StatusOr<std::string> encodeSources(const std::vector<SourceFile> &sources) {
  constexpr size_t limit = std::numeric_limits<uint32_t>::max();
  std::string bytes;
  append(bytes, static_cast<uint32_t>(sources.size()));
  for (const SourceFile &source : sources) {
    if (source.path.size() > limit || source.text.size() > limit)
      return invalid("'" + source.path + "' is longer than 4 GiB");
    append(bytes, static_cast<uint32_t>(source.path.size()));
    append(bytes, static_cast<uint32_t>(source.text.size()));
    bytes += source.path;
    bytes += source.text;
  }
  return bytes;
}

StatusOr<std::vector<SourceFile>> decodeSources(std::span<const std::byte> bytes) {
  Cursor cursor(bytes);
  uint32_t count = 0;
  if (!cursor.read(count))
    return invalid("count: is missing");
  std::vector<SourceFile> sources;
  std::set<std::string> paths;
  for (uint32_t i = 0; i < count; ++i) {
    const std::string name = "files[" + std::to_string(i) + "]";
    uint32_t pathBytes = 0, textBytes = 0;
    std::span<const std::byte> path, text;
    if (!cursor.read(pathBytes) || !cursor.read(textBytes) || !cursor.read(pathBytes, path) ||
        !cursor.read(textBytes, text))
      return invalid(name + ": does not fit the section, at offset " + std::to_string(cursor.offset()));
    if (!isRelativePath(asText(path)))
      return invalid(name + ".path: is not a plain relative path");
    if (!paths.emplace(asText(path)).second)
      return invalid(name + ".path: '" + std::string(asText(path)) + "' occurs twice");
    sources.push_back({std::string(asText(path)), std::string(asText(text))});
  }
  if (!cursor.atEnd())
    return invalid("bytes follow the last file, at offset " + std::to_string(cursor.offset()));
  return sources;
}

} // namespace cadenza
