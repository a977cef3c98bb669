#include "runtime/cuda/elf_extents.h"

#include "runtime/support/checked.h"

#include <elf.h>

#include <cstring>
#include <string>

namespace cadenza::cuda {
namespace {

Status bad(const std::string &what) { return Status(StatusCode::InvalidPlan, "ELF image: " + what); }

/// Unaligned read; the caller has checked the bounds.
template <typename T> T readAt(std::span<const std::byte> image, uint64_t offset) {
  T value;
  std::memcpy(&value, image.data() + offset, sizeof value);
  return value;
}

/// Checks that `count` entries of `entrySize` bytes at `offset` lie inside the image; an empty table may be anywhere.
Status checkTable(const char *name, uint64_t offset, uint64_t count, uint64_t entrySize, uint64_t expectedSize,
                  uint64_t size) {
  if (count == 0)
    return Status::ok();
  if (entrySize != expectedSize)
    return bad(std::string(name) + " table: entries of " + std::to_string(entrySize) + " bytes, expected " +
               std::to_string(expectedSize));
  auto bytes = checked::multiply(count, entrySize);
  if (!bytes || !checked::inBounds(offset, *bytes, size))
    return bad(std::string(name) + " table: " + std::to_string(count) + " entries at offset " + std::to_string(offset) +
               " of " + std::to_string(size) + " bytes");
  return Status::ok();
}

Status checkExtent(const char *name, uint64_t index, uint64_t offset, uint64_t bytes, uint64_t size) {
  if (checked::inBounds(offset, bytes, size))
    return Status::ok();
  return bad(std::string(name) + "[" + std::to_string(index) + "]: " + std::to_string(bytes) + " bytes at offset " +
             std::to_string(offset) + " of " + std::to_string(size));
}

} // namespace

Status checkElfExtents(std::span<const std::byte> image) {
  uint64_t size = image.size();
  if (size < sizeof(Elf64_Ehdr))
    return bad(std::to_string(size) + " bytes are too few for a header");
  auto header = readAt<Elf64_Ehdr>(image, 0);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    return bad("wrong magic number");
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB)
    return bad("not a little-endian 64-bit file");
  if (header.e_phnum == 0 && header.e_shnum == 0)
    return bad("it has neither sections nor segments");
  CADENZA_RETURN_IF_ERROR(
      checkTable("segment", header.e_phoff, header.e_phnum, header.e_phentsize, sizeof(Elf64_Phdr), size));
  CADENZA_RETURN_IF_ERROR(
      checkTable("section", header.e_shoff, header.e_shnum, header.e_shentsize, sizeof(Elf64_Shdr), size));
  for (uint64_t i = 0; i < header.e_phnum; ++i) {
    auto segment = readAt<Elf64_Phdr>(image, header.e_phoff + i * sizeof(Elf64_Phdr));
    CADENZA_RETURN_IF_ERROR(checkExtent("segment", i, segment.p_offset, segment.p_filesz, size));
  }
  for (uint64_t i = 0; i < header.e_shnum; ++i) {
    auto section = readAt<Elf64_Shdr>(image, header.e_shoff + i * sizeof(Elf64_Shdr));
    if (section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL)
      CADENZA_RETURN_IF_ERROR(checkExtent("section", i, section.sh_offset, section.sh_size, size));
  }
  return Status::ok();
}

} // namespace cadenza::cuda
