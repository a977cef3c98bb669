#include "runtime/plan/code_image.h"

#include "runtime/plan/sections.h"
#include "runtime/support/checked.h"

#include <algorithm>
#include <cstring>
#include <elf.h>

namespace cadenza {
namespace {

constexpr uint16_t cudaMachine = 190; // EM_CUDA

Status invalid(const std::string &message) { return Status(StatusCode::InvalidPlan, message); }

template <typename T> T load(std::span<const std::byte> image, uint64_t offset) {
  T value;
  std::memcpy(&value, image.data() + offset, sizeof value);
  return value;
}

/// Whether `count` entries of type T at `offset` lie inside the image.
template <typename T>
Status checkTable(std::span<const std::byte> image, uint64_t offset, uint64_t count, uint64_t entryBytes,
                  const std::string &name) {
  if (count == 0)
    return Status::ok();
  if (entryBytes != sizeof(T))
    return invalid("ELF " + name + " table: entries of " + std::to_string(entryBytes) + " bytes; expected " +
                   std::to_string(sizeof(T)));
  if (!checked::inBounds(offset, count * entryBytes, image.size())) // both are 16-bit
    return invalid("ELF " + name + " table: " + std::to_string(count) + " entries at offset " + std::to_string(offset) +
                   " reach beyond the image of " + std::to_string(image.size()) + " bytes");
  return Status::ok();
}

Status checkExtent(std::span<const std::byte> image, uint64_t offset, uint64_t bytes, const std::string &name) {
  if (checked::inBounds(offset, bytes, image.size()))
    return Status::ok();
  return invalid("ELF " + name + ": " + std::to_string(bytes) + " bytes at offset " + std::to_string(offset) +
                 " reach beyond the image of " + std::to_string(image.size()) + " bytes");
}

Status checkSections(std::span<const std::byte> image, const Elf64_Ehdr &header) {
  if (header.e_shnum == 0 || header.e_shstrndx >= header.e_shnum)
    return invalid("ELF header: " + std::to_string(header.e_shnum) + " sections, names in section " +
                   std::to_string(header.e_shstrndx));
  const auto section = [&](uint64_t i) { return load<Elf64_Shdr>(image, header.e_shoff + i * sizeof(Elf64_Shdr)); };
  for (uint64_t i = 0; i < header.e_shnum; ++i) {
    const Elf64_Shdr entry = section(i);
    const std::string name = "section " + std::to_string(i);
    if (entry.sh_type == SHT_NULL || entry.sh_type == SHT_NOBITS)
      continue;
    CADENZA_RETURN_IF_ERROR(checkExtent(image, entry.sh_offset, entry.sh_size, name));
    if (entry.sh_link >= header.e_shnum)
      return invalid("ELF " + name + ": linked to section " + std::to_string(entry.sh_link) + " of " +
                     std::to_string(header.e_shnum));
    const bool text = entry.sh_type == SHT_STRTAB;
    if (text && (entry.sh_size == 0 || load<char>(image, entry.sh_offset + entry.sh_size - 1) != '\0'))
      return invalid("ELF " + name + ": a string table without a final NUL");
  }
  const Elf64_Shdr names = section(header.e_shstrndx);
  if (names.sh_type != SHT_STRTAB)
    return invalid("ELF header: section " + std::to_string(header.e_shstrndx) + " is not a string table");
  for (uint64_t i = 0; i < header.e_shnum; ++i) {
    if (section(i).sh_name >= names.sh_size)
      return invalid("ELF section " + std::to_string(i) + ": its name lies beyond the string table");
  }
  return Status::ok();
}

Status checkElf(std::span<const std::byte> image, std::initializer_list<uint16_t> machines) {
  if (image.size() < sizeof(Elf64_Ehdr))
    return invalid("ELF header: the image has only " + std::to_string(image.size()) + " bytes");
  const auto header = load<Elf64_Ehdr>(image, 0);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB)
    return invalid("ELF header: not a 64-bit little-endian ELF");
  if (std::find(machines.begin(), machines.end(), header.e_machine) == machines.end())
    return invalid("ELF header: machine " + std::to_string(header.e_machine) + " is not the one of this kind of code");
  if (header.e_ehsize != sizeof(Elf64_Ehdr))
    return invalid("ELF header: says that it has " + std::to_string(header.e_ehsize) + " bytes");
  CADENZA_RETURN_IF_ERROR(checkTable<Elf64_Shdr>(image, header.e_shoff, header.e_shnum, header.e_shentsize, "section"));
  CADENZA_RETURN_IF_ERROR(checkTable<Elf64_Phdr>(image, header.e_phoff, header.e_phnum, header.e_phentsize, "segment"));
  CADENZA_RETURN_IF_ERROR(checkSections(image, header));
  for (uint64_t i = 0; i < header.e_phnum; ++i) {
    const auto segment = load<Elf64_Phdr>(image, header.e_phoff + i * sizeof(Elf64_Phdr));
    if (segment.p_type != PT_NULL)
      CADENZA_RETURN_IF_ERROR(checkExtent(image, segment.p_offset, segment.p_filesz, "segment " + std::to_string(i)));
  }
  return Status::ok();
}

Status checkPtx(std::string_view text) {
  const size_t end = text.find('\0');
  if (end == std::string_view::npos || end + 1 != text.size())
    return invalid(end == std::string_view::npos ? "PTX without a final NUL"
                                                 : "PTX with a NUL at offset " + std::to_string(end));
  for (size_t i = 0; i < end; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
      return invalid("PTX with a control character at offset " + std::to_string(i));
  }
  if (text.find(".version") == std::string_view::npos)
    return invalid("PTX without a .version directive");
  return Status::ok();
}

} // namespace

Status checkCodeImage(ImageKind kind, std::span<const std::byte> image) {
  switch (kind) {
  case ImageKind::Cubin:
    return checkElf(image, {cudaMachine});
  case ImageKind::Host:
    return checkElf(image, {EM_X86_64, EM_AARCH64});
  case ImageKind::Ptx:
    return checkPtx(asText(image));
  }
  return invalid("unknown kind");
}

} // namespace cadenza
