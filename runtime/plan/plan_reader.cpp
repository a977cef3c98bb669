#include "runtime/plan/format.h"
#include "runtime/plan/plan.h"
#include "runtime/plan/sections.h"
#include "runtime/support/checked.h"
#include "runtime/support/crc32c.h"
#include "runtime/support/json.h"
#include "runtime/support/mapped_file.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <set>

namespace cadenza {
namespace {

using format::SectionKind;

bool isZero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte(0); });
}

std::string hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

class MappedPlan final : public Plan {
public:
  MappedPlan(MappedFile file, std::span<const std::byte> bytes, std::string path)
      : file_(std::move(file)), bytes_(bytes), path_(std::move(path)) {}

  /// Everything that Plan::open promises.
  Status read();

  const std::string &path() const override { return path_; }
  uint64_t fileBytes() const override { return bytes_.size(); }
  std::span<const SectionInfo> sections() const override { return sections_; }
  const Program &program() const override { return program_; }
  const nlohmann::json &metadata() const override { return metadata_; }
  std::span<const CodeSection> code() const override { return code_; }
  std::span<const SourceFile> sources() const override { return sources_; }
  std::string_view tokenizerJson() const override { return tokenizer_; }
  std::string_view ir() const override { return ir_; }
  std::string_view chatJson() const override { return chat_; }
  std::string_view generationJson() const override { return generation_; }
  std::span<const std::byte> weights() const override { return weights_; }
  Status verifyWeights(int threads) const override;

private:
  Status invalid(const std::string &place, const std::string &what) const {
    return Status(StatusCode::InvalidPlan, path_ + ": " + place + ": " + what);
  }
  Status incompatible(const std::string &place, const std::string &what, bool newer) const {
    return Status(StatusCode::IncompatiblePlan,
                  path_ + ": " + place + ": " + what +
                      (newer ? "; a newer Cadenza made it: update this one, or rebuild it: " : "; rebuild it: ") +
                      "cadenza-compile MODEL -o " + path_);
  }
  Status readHeader(format::HeaderPage &page) const;
  Status readTable(const format::HeaderPage &page);
  Status readSections();
  /// Those of the first section of that kind; empty if there is none.
  std::span<const std::byte> sectionBytes(SectionKind kind) const;
  Status readSection(SectionKind kind, std::span<const std::byte> bytes, const std::string &name);
  Status checkCodeTargets() const;

  MappedFile file_;
  std::span<const std::byte> bytes_;
  std::string path_;
  std::vector<SectionInfo> sections_;
  std::vector<SectionKind> kinds_; // of sections_
  uint32_t weightsCrc_ = 0;
  Program program_;
  nlohmann::json metadata_;
  std::vector<CodeSection> code_;
  std::vector<SourceFile> sources_;
  std::string_view tokenizer_, ir_, chat_, generation_;
  std::span<const std::byte> weights_;
};

Status MappedPlan::read() {
  format::HeaderPage page;
  CADENZA_RETURN_IF_ERROR(readHeader(page));
  CADENZA_RETURN_IF_ERROR(readTable(page));
  return readSections();
}

Status MappedPlan::readHeader(format::HeaderPage &page) const {
  const size_t magicBytes = std::min(bytes_.size(), format::magic.size());
  const bool isGguf = bytes_.size() >= 4 && std::memcmp(bytes_.data(), "GGUF", 4) == 0;
  if (bytes_.empty() || std::memcmp(bytes_.data(), format::magic.data(), magicBytes) != 0)
    return invalid("header.magic", std::string("not a Cadenza plan") + (isGguf ? ", but a GGUF file" : "") +
                                       "; cadenza-compile MODEL -o NAME.plan makes one of a model");
  if (bytes_.size() < sizeof page)
    return invalid("header", "the file ends after " + std::to_string(bytes_.size()) + " bytes");
  std::memcpy(&page, bytes_.data(), sizeof page);
  // The version comes first: the rest of the header is what it says.
  if (page.header.version != format::version)
    return incompatible("header.version",
                        std::to_string(page.header.version) + "; this build reads " + std::to_string(format::version),
                        page.header.version > format::version);
  format::HeaderPage unsignedPage = page;
  unsignedPage.header.headerCrc = 0;
  if (const uint32_t crc = crc32c(std::as_bytes(std::span(&unsignedPage, 1))); crc != page.header.headerCrc)
    return invalid("header.crc", hex(page.header.headerCrc) + "; the header's is " + hex(crc));
  if (const uint64_t unknown = page.header.requiredFeatures & ~format::knownFeatures)
    return incompatible("header.required_features", "bits " + hex(unknown) + " are unknown to this build",
                        /*newer=*/true);
  if (page.header.fileBytes != bytes_.size())
    return invalid("header.file_bytes",
                   std::to_string(page.header.fileBytes) + "; the file has " + std::to_string(bytes_.size()));
  if (page.header.sectionCount > format::maximumSections)
    return invalid("header.section_count",
                   std::to_string(page.header.sectionCount) + "; at most " + std::to_string(format::maximumSections));
  const auto unusedEntries = std::span(page.sections).subspan(page.header.sectionCount);
  if (!isZero(std::as_bytes(std::span(page.header.reserved))) || !isZero(std::as_bytes(unusedEntries)) ||
      !isZero(page.reserved))
    return invalid("header.reserved", "is not zero");
  return Status::ok();
}

Status MappedPlan::readTable(const format::HeaderPage &page) {
  uint64_t end = format::pageBytes; // where the next section starts
  uint32_t previous = 0, codes = 0;
  std::set<SectionKind> present;
  for (uint32_t i = 0; i < page.header.sectionCount; ++i) {
    const format::SectionEntry &entry = page.sections[i];
    const std::string place = "sections[" + std::to_string(i) + "]";
    const auto kind = static_cast<SectionKind>(entry.kind);
    if (entry.kind == 0 || entry.kind >= std::size(format::sectionNames))
      return invalid(place + ".kind", std::to_string(entry.kind) + " is unknown");
    if (entry.kind < previous || (entry.kind == previous && kind != SectionKind::Code))
      return invalid(place + ".kind", std::string(format::sectionNames[entry.kind]) + " is repeated or out of order");
    if (entry.reserved != 0)
      return invalid(place + ".reserved", "is not zero");
    if (entry.offset != end)
      return invalid(place + ".offset", std::to_string(entry.offset) + "; expected " + std::to_string(end));
    if (!checked::inBounds(entry.offset, entry.bytes, bytes_.size()))
      return invalid(place + ".bytes", std::to_string(entry.bytes) + " at offset " + std::to_string(entry.offset) +
                                           " reach beyond the file of " + std::to_string(bytes_.size()));
    if (entry.bytes == 0 && kind != SectionKind::Weights)
      return invalid(place + ".bytes", "the section is empty");
    previous = entry.kind;
    present.insert(kind);
    std::string name(format::sectionNames[entry.kind]);
    if (kind == SectionKind::Code)
      name += "[" + std::to_string(codes++) + "]";
    const uint64_t dataEnd = entry.offset + entry.bytes;
    end = checked::alignUp(dataEnd, format::pageBytes).value(); // dataEnd is at most the file's size
    if (end > bytes_.size())
      return invalid(place, "the file ends inside the padding of section " + name);
    if (!isZero(bytes_.subspan(dataEnd, end - dataEnd)))
      return invalid(name, "the padding after it is not zero");
    sections_.push_back({std::move(name), entry.offset, entry.bytes, entry.crc});
    kinds_.push_back(kind);
  }
  if (end != bytes_.size())
    return invalid("sections", std::to_string(bytes_.size() - end) + " bytes follow the last one");
  for (uint32_t kind = 1; kind < std::size(format::sectionNames); ++kind) {
    if (format::isRequired(static_cast<SectionKind>(kind)) && !present.contains(static_cast<SectionKind>(kind)))
      return invalid("sections", "no " + std::string(format::sectionNames[kind]));
  }
  return Status::ok();
}

Status MappedPlan::readSections() {
  // All checksums before any contents: what is parsed below is what was written.
  for (size_t i = 0; i < sections_.size(); ++i) {
    const auto bytes = bytes_.subspan(sections_[i].offset, sections_[i].bytes);
    if (kinds_[i] == SectionKind::Weights)
      continue;
    if (const uint32_t crc = crc32c(bytes); crc != sections_[i].crc)
      return invalid(sections_[i].name, "checksum " + hex(crc) + "; expected " + hex(sections_[i].crc));
  }
  for (size_t i = 0; i < sections_.size(); ++i) {
    const auto bytes = bytes_.subspan(sections_[i].offset, sections_[i].bytes);
    CADENZA_RETURN_IF_ERROR(readSection(kinds_[i], bytes, sections_[i].name));
    if (kinds_[i] == SectionKind::Weights)
      weightsCrc_ = sections_[i].crc;
  }
  const uint64_t needed = program_.weights.empty() ? 0 : program_.weights.back().offset + program_.weights.back().bytes;
  if (weights_.size() != needed)
    return invalid("weights",
                   std::to_string(weights_.size()) + " bytes; the program's weights take " + std::to_string(needed));
  return checkCodeTargets();
}

std::span<const std::byte> MappedPlan::sectionBytes(SectionKind kind) const {
  for (size_t i = 0; i < kinds_.size(); ++i)
    if (kinds_[i] == kind)
      return bytes_.subspan(sections_[i].offset, sections_[i].bytes);
  return {};
}

Status MappedPlan::readSection(SectionKind kind, std::span<const std::byte> bytes, const std::string &name) {
  Status status;
  const auto take = [&](auto result, auto &target) {
    status = result.status();
    if (result.isOk())
      target = std::move(*result);
  };
  switch (kind) {
  case SectionKind::Metadata:
    take(parseJson(asText(bytes)), metadata_);
    if (status.isOk() && !metadata_.is_object())
      return invalid(name, "not a JSON object");
    break;
  case SectionKind::Program:
    take(parseProgram(asText(bytes), asText(sectionBytes(SectionKind::Decoder))), program_);
    return status.withPrefix(path_); // its errors start with "program" or "decoder" already
  case SectionKind::Decoder:
    break; // read with the program, which it belongs to
  case SectionKind::Code:
    code_.emplace_back();
    take(decodeCode(bytes, program_), code_.back());
    break;
  case SectionKind::Sources:
    take(decodeSources(bytes), sources_);
    break;
  case SectionKind::Tokenizer:
    tokenizer_ = asText(bytes);
    break;
  case SectionKind::Ir:
    ir_ = asText(bytes);
    break;
  case SectionKind::Weights:
    weights_ = bytes;
    break;
  case SectionKind::Chat:
  case SectionKind::Generation: {
    const auto json = parseJson(asText(bytes));
    status = json.status();
    if (status.isOk() && !json->is_object())
      return invalid(name, "not a JSON object");
    (kind == SectionKind::Chat ? chat_ : generation_) = asText(bytes);
    break;
  }
  }
  return status.isOk() ? status : invalid(name, status.message());
}

Status MappedPlan::checkCodeTargets() const {
  std::set<std::string_view> targets;
  for (size_t i = 0; i < code_.size(); ++i) {
    if (!targets.insert(code_[i].target).second)
      return invalid("code[" + std::to_string(i) + "].target", "'" + code_[i].target + "' occurs twice");
  }
  return Status::ok();
}

Status MappedPlan::verifyWeights(int threads) const {
  if (const uint32_t crc = crc32cParallel(weights_, threads); crc != weightsCrc_)
    return invalid("weights", "checksum " + hex(crc) + "; expected " + hex(weightsCrc_));
  for (size_t i = 1; i < program_.weights.size(); ++i) {
    const Weight &before = program_.weights[i - 1];
    const uint64_t end = before.offset + before.bytes;
    if (!isZero(weights_.subspan(end, program_.weights[i].offset - end)))
      return invalid("weights", "the padding after weight " + std::to_string(i - 1) + " is not zero");
  }
  return Status::ok();
}

StatusOr<std::shared_ptr<const Plan>> readPlan(MappedFile file, std::span<const std::byte> bytes, std::string path) {
  auto plan = std::make_shared<MappedPlan>(std::move(file), bytes, std::move(path));
  CADENZA_RETURN_IF_ERROR(plan->read());
  return std::shared_ptr<const Plan>(std::move(plan));
}

} // namespace

StatusOr<std::shared_ptr<const Plan>> Plan::open(const std::string &path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return Status(StatusCode::Io, path +
                                      ": is a directory, not a plan; cadenza-compile MODEL -o NAME.plan makes one of a "
                                      "model");
  CADENZA_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  const auto bytes = file.bytes();
  return readPlan(std::move(file), bytes, path);
}

StatusOr<std::shared_ptr<const Plan>> Plan::fromBytes(std::span<const std::byte> bytes, std::string name) {
  return readPlan(MappedFile(), bytes, std::move(name));
}

} // namespace cadenza
