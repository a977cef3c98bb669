#include "test/runtime/plan/mutate.h"

#include "runtime/support/checked.h"
#include "runtime/support/crc32c.h"

#include <cstring>
#include <string>

namespace cadenza::testing {
namespace {

format::HeaderPage pageOf(std::span<const std::byte> plan) {
  format::HeaderPage page;
  std::memcpy(&page, plan.data(), sizeof page);
  return page;
}

} // namespace

void repairChecksums(std::span<std::byte> plan) {
  if (plan.size() < sizeof(format::HeaderPage))
    return;
  format::HeaderPage page = pageOf(plan);
  for (uint32_t i = 0; i < page.header.sectionCount && i < format::maximumSections; ++i) {
    format::SectionEntry &entry = page.sections[i];
    if (checked::inBounds(entry.offset, entry.bytes, plan.size()))
      entry.crc = crc32c(plan.subspan(entry.offset, entry.bytes));
  }
  page.header.headerCrc = 0;
  page.header.headerCrc = crc32c(std::as_bytes(std::span(&page, 1)));
  std::memcpy(plan.data(), &page, sizeof page);
}

std::vector<std::byte> withHeader(std::span<const std::byte> plan,
                                  const std::function<void(format::HeaderPage &)> &edit) {
  std::vector<std::byte> copy(plan.begin(), plan.end());
  format::HeaderPage page = pageOf(plan);
  edit(page);
  std::memcpy(copy.data(), &page, sizeof page);
  repairChecksums(copy);
  return copy;
}

std::vector<std::byte> withSection(std::span<const std::byte> plan, size_t index, std::string_view contents) {
  format::HeaderPage page = pageOf(plan);
  std::vector<std::byte> result(sizeof page);
  for (uint32_t i = 0; i < page.header.sectionCount; ++i) {
    format::SectionEntry &entry = page.sections[i];
    const auto bytes = i == index ? std::as_bytes(std::span(contents)) : plan.subspan(entry.offset, entry.bytes);
    entry.offset = result.size();
    entry.bytes = bytes.size();
    result.insert(result.end(), bytes.begin(), bytes.end());
    result.resize(*checked::alignUp(result.size(), format::pageBytes));
  }
  page.header.fileBytes = result.size();
  std::memcpy(result.data(), &page, sizeof page);
  repairChecksums(result);
  return result;
}

size_t sectionIndex(std::span<const std::byte> plan, format::SectionKind kind) {
  const format::HeaderPage page = pageOf(plan);
  size_t i = 0;
  while (page.sections[i].kind != static_cast<uint32_t>(kind))
    ++i;
  return i;
}

std::string_view sectionText(std::span<const std::byte> plan, size_t index) {
  const format::SectionEntry entry = pageOf(plan).sections[index];
  return {reinterpret_cast<const char *>(plan.data()) + entry.offset, entry.bytes};
}

} // namespace cadenza::testing
