// The bytes of a plan file (docs/plan-format.md): the header page that both reader and writer know.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

namespace cadenza::format {

static_assert(std::endian::native == std::endian::little, "plans are little-endian and are read in place");

/// Like PNG's: a byte above 127, and line ends that a transfer as text would change.
constexpr std::array<char, 8> magic = {'\x89', 'C', 'D', 'Z', '\r', '\n', '\x1a', '\n'};
constexpr uint32_t version = 7;
/// Bits of FileHeader::requiredFeatures that this build understands. A bit is added when an older reader would misread
/// some plans; the version changes when it would misread every plan.
constexpr uint64_t prefillFeature = 1; // there are entries that take a tile of tokens
constexpr uint64_t chatFeature = 2;    // there is a section chat or generation
constexpr uint64_t knownFeatures = prefillFeature | chatFeature;

constexpr uint64_t pageBytes = 4096; // the header page, and the alignment of sections
constexpr uint32_t maximumSections = 64;
constexpr uint64_t imageAlignment = 64; // of the code image in its section

/// Sections appear in this order. All but code occur at most once; metadata, program, sources and weights always.
enum class SectionKind : uint32_t {
  Metadata = 1,
  Program = 2,
  Decoder = 3, // of a program that is one
  Code = 4,
  Sources = 5,
  Tokenizer = 6,
  Ir = 7,
  Weights = 8,
  Chat = 9,
  Generation = 10,
};
constexpr std::string_view sectionNames[] = {"?",         "metadata", "program", "decoder", "code",      "sources",
                                             "tokenizer", "ir",       "weights", "chat",    "generation"};
constexpr bool isRequired(SectionKind kind) {
  return kind == SectionKind::Metadata || kind == SectionKind::Program || kind == SectionKind::Sources ||
         kind == SectionKind::Weights;
}

struct FileHeader {
  std::array<char, 8> magic;
  uint32_t version;
  uint32_t sectionCount;
  uint64_t requiredFeatures;
  uint64_t fileBytes;
  std::array<uint32_t, 7> reserved; // zero
  uint32_t headerCrc;               // CRC-32C of the header page with this field zero
};
static_assert(sizeof(FileHeader) == 64);

struct SectionEntry {
  uint32_t kind;
  uint32_t crc; // CRC-32C of the section without its padding
  uint64_t offset;
  uint64_t bytes;
  uint64_t reserved; // zero
};
static_assert(sizeof(SectionEntry) == 32);

/// The first page of the file.
struct HeaderPage {
  FileHeader header;
  std::array<SectionEntry, maximumSections> sections; // those from sectionCount on are zero
  std::array<std::byte, pageBytes - sizeof(FileHeader) - maximumSections * sizeof(SectionEntry)> reserved; // zero
};
static_assert(sizeof(HeaderPage) == pageBytes);

} // namespace cadenza::format
