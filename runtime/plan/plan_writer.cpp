#include "runtime/plan/format.h"
#include "runtime/plan/plan.h"
#include "runtime/plan/sections.h"
#include "runtime/plan/weight_stream.h"
#include "runtime/support/atomic_file.h"
#include "runtime/support/checked.h"
#include "runtime/support/crc32c.h"
#include "runtime/support/json.h"

#include <algorithm>
#include <set>

namespace cadenza {
namespace {

using format::SectionKind;

struct Section {
  SectionKind kind;
  std::string bytes; // of all but the weights
  uint64_t length;
};

/// What the reader would say of it, as the compiler's mistake.
Status refused(const Status &status, const std::string &section) {
  return status.isOk() ? status : Status(StatusCode::Internal, "the plan is not valid: " + section + status.message());
}

Status checkObject(const std::string &text, const std::string &section) {
  const auto json = parseJson(text);
  if (json.isOk() && !json->is_object())
    return Status(StatusCode::Internal, "the plan is not valid: " + section + ": not a JSON object");
  return refused(json.status(), section + ": ");
}

/// All sections, that of the weights without its bytes, checked as the reader will check them.
StatusOr<std::vector<Section>> encodeSections(const PlanContents &contents) {
  std::vector<Section> sections;
  const auto add = [&](SectionKind kind, std::string bytes) {
    const uint64_t length = bytes.size();
    sections.push_back({kind, std::move(bytes), length});
  };
  if (!contents.program || !contents.metadata.is_object())
    return Status(StatusCode::Internal, "a plan needs a program and metadata (a JSON object)");
  add(SectionKind::Metadata, contents.metadata.dump(1));
  const std::string decoder = contents.program->decoder ? toJson(*contents.program->decoder).dump() : "";
  add(SectionKind::Program, toJson(*contents.program).dump());
  CADENZA_RETURN_IF_ERROR(refused(parseProgram(sections.back().bytes, decoder).status(), ""));
  if (!decoder.empty())
    add(SectionKind::Decoder, decoder);

  std::set<std::string> targets;
  for (const CodeSection &code : contents.code) {
    add(SectionKind::Code, encodeCode(code));
    const auto bytes = std::as_bytes(std::span(sections.back().bytes));
    CADENZA_RETURN_IF_ERROR(refused(decodeCode(bytes, *contents.program).status(), "code " + code.target + ": "));
    if (!targets.insert(code.target).second)
      return Status(StatusCode::Internal, "the plan is not valid: two code sections for " + code.target);
  }
  CADENZA_ASSIGN_OR_RETURN(std::string sources, encodeSources(contents.sources));
  CADENZA_RETURN_IF_ERROR(refused(decodeSources(std::as_bytes(std::span(sources))).status(), "sources: "));
  add(SectionKind::Sources, std::move(sources));
  if (!contents.tokenizerJson.empty())
    add(SectionKind::Tokenizer, contents.tokenizerJson);
  if (!contents.ir.empty())
    add(SectionKind::Ir, contents.ir);
  const auto &weights = contents.program->weights;
  if (!weights.empty() && !contents.packer)
    return Status(StatusCode::Internal, "a plan with weights needs a packer");
  sections.push_back({SectionKind::Weights, {}, weights.empty() ? 0 : weights.back().offset + weights.back().bytes});
  for (const auto &[kind, text] : {std::pair(SectionKind::Chat, &contents.chatJson),
                                   std::pair(SectionKind::Generation, &contents.generationJson)}) {
    if (text->empty())
      continue;
    CADENZA_RETURN_IF_ERROR(checkObject(*text, std::string(format::sectionNames[static_cast<size_t>(kind)])));
    add(kind, *text);
  }
  if (sections.size() > format::maximumSections)
    return Status(StatusCode::Internal, "a plan has at most " + std::to_string(format::maximumSections) + " sections");
  return sections;
}

uint64_t requiredFeatures(const PlanContents &contents) {
  return (prefillEntries(*contents.program).empty() ? 0 : format::prefillFeature) |
         (contents.chatJson.empty() && contents.generationJson.empty() ? 0 : format::chatFeature);
}

/// The header with the places of sections, without checksums.
format::HeaderPage layOut(const std::vector<Section> &sections, const PlanContents &contents) {
  format::HeaderPage page{};
  page.header.magic = format::magic;
  page.header.version = format::version;
  page.header.sectionCount = static_cast<uint32_t>(sections.size());
  page.header.requiredFeatures = requiredFeatures(contents);
  uint64_t end = format::pageBytes;
  for (size_t i = 0; i < sections.size(); ++i) {
    page.sections[i].kind = static_cast<uint32_t>(sections[i].kind);
    page.sections[i].offset = end;
    page.sections[i].bytes = sections[i].length;
    end = checked::alignUp(end + sections[i].length, format::pageBytes).value(); // lengths are far below 2^63
  }
  page.header.fileBytes = end;
  return page;
}

Status write(const std::string &path, const PlanContents &contents) {
  CADENZA_ASSIGN_OR_RETURN(std::vector<Section> sections, encodeSections(contents));
  format::HeaderPage page = layOut(sections, contents);
  CADENZA_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path, page.header.fileBytes));
  for (size_t i = 0; i < sections.size(); ++i) {
    if (sections[i].kind == SectionKind::Weights) {
      CADENZA_ASSIGN_OR_RETURN(page.sections[i].crc, writeWeights(file, page.sections[i].offset, contents));
      continue;
    }
    const auto bytes = std::as_bytes(std::span(sections[i].bytes));
    page.sections[i].crc = crc32c(bytes);
    CADENZA_RETURN_IF_ERROR(file.writeAt(page.sections[i].offset, bytes));
  }
  page.header.headerCrc = crc32c(std::as_bytes(std::span(&page, 1)));
  CADENZA_RETURN_IF_ERROR(file.writeAt(0, std::as_bytes(std::span(&page, 1))));
  if (contents.beforeCommit)
    CADENZA_RETURN_IF_ERROR(contents.beforeCommit());
  return file.commit();
}

} // namespace

StatusOr<uint64_t> planBytes(const PlanContents &contents) {
  CADENZA_ASSIGN_OR_RETURN(const std::vector<Section> sections, encodeSections(contents));
  return layOut(sections, contents).header.fileBytes;
}

Status writePlan(const std::string &path, const PlanContents &contents) {
  try {
    return write(path, contents);
  } catch (const std::bad_alloc &) {
    return Status(StatusCode::OutOfMemory, path + ": not enough memory to write the plan");
  } catch (const std::exception &exception) { // a string that is not UTF-8, a thread that cannot start
    return Status(StatusCode::Internal, path + ": " + exception.what());
  }
}

} // namespace cadenza
