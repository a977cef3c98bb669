// Embedded code is checked before a driver sees it, even if its checksum is right.
#include "runtime/plan/code_image.h"
#include "runtime/plan/sections.h"
#include "test/runtime/plan/small_plan.h"

#include <cstring>
#include <elf.h>
#include <functional>
#include <gtest/gtest.h>

namespace cadenza::testing {
namespace {

constexpr uint16_t cuda = 190;

std::string cubinError(std::span<const std::byte> image) { return checkCodeImage(ImageKind::Cubin, image).message(); }

TEST(CodeImage, SoundElf) {
  EXPECT_EQ(cubinError(smallElf(cuda)), "");
  EXPECT_TRUE(checkCodeImage(ImageKind::Host, smallElf(EM_X86_64)).isOk());
  EXPECT_EQ(cubinError(smallElf(EM_X86_64)), "ELF header: machine 62 is not the one of this kind of code");
}

TEST(CodeImage, EveryTruncationIsRejected) {
  const auto image = smallElf(cuda);
  for (size_t length = 0; length < image.size(); ++length)
    EXPECT_NE(cubinError(std::span(image).first(length)), "") << length;
}

TEST(CodeImage, ElfFields) {
  const auto error = [](const std::function<void(Elf64_Ehdr &, Elf64_Phdr &, Elf64_Shdr *)> &edit) {
    auto image = smallElf(cuda);
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    Elf64_Shdr sections[3];
    std::memcpy(&header, image.data(), sizeof header);
    const uint64_t phoff = header.e_phoff, shoff = header.e_shoff;
    std::memcpy(&segment, image.data() + phoff, sizeof segment);
    std::memcpy(sections, image.data() + shoff, sizeof sections);
    edit(header, segment, sections);
    std::memcpy(image.data(), &header, sizeof header);
    std::memcpy(image.data() + phoff, &segment, sizeof segment);
    std::memcpy(image.data() + shoff, sections, sizeof sections);
    return cubinError(image);
  };
  EXPECT_EQ(error([](auto &, auto &, auto) {}), "");
  EXPECT_NE(error([](auto &h, auto &, auto) { h.e_shoff = ~uint64_t(0); }).find("section table"), std::string::npos);
  EXPECT_NE(error([](auto &h, auto &, auto) { h.e_phoff = ~uint64_t(7); }).find("segment table"), std::string::npos);
  EXPECT_NE(error([](auto &h, auto &, auto) { h.e_shnum = 4; }).find("reach beyond"), std::string::npos);
  EXPECT_NE(error([](auto &h, auto &, auto) { h.e_shnum = 0; }).find("0 sections"), std::string::npos);
  EXPECT_NE(error([](auto &h, auto &, auto) { h.e_shentsize = 1; }).find("entries of 1 bytes"), std::string::npos);
  EXPECT_NE(error([](auto &h, auto &, auto) { h.e_shstrndx = 3; }).find("names in section 3"), std::string::npos);
  EXPECT_NE(error([](auto &h, auto &, auto) { h.e_shstrndx = 1; }).find("not a string table"), std::string::npos);
  EXPECT_NE(error([](auto &, auto &p, auto) { p.p_filesz = 1 << 20; }).find("ELF segment 0: "), std::string::npos);
  EXPECT_NE(error([](auto &, auto &, auto s) { s[1].sh_size = ~uint64_t(0); }).find("ELF section 1: "),
            std::string::npos);
  EXPECT_NE(error([](auto &, auto &, auto s) { s[1].sh_name = 17; }).find("its name lies beyond"), std::string::npos);
  EXPECT_NE(error([](auto &, auto &, auto s) { s[1].sh_link = 3; }).find("linked to section 3 of 3"),
            std::string::npos);
  EXPECT_NE(error([](auto &, auto &, auto s) { s[2].sh_size -= 1; }).find("without a final NUL"), std::string::npos);
}

TEST(CodeImage, Ptx) {
  const auto error = [](std::string_view text) {
    return checkCodeImage(ImageKind::Ptx, std::as_bytes(std::span(text))).message();
  };
  using namespace std::string_view_literals;
  EXPECT_EQ(error(".version 8.0\n\0"sv), "");
  EXPECT_EQ(error(".version 8.0\n"sv), "PTX without a final NUL");
  EXPECT_EQ(error(".version\0 8.0\0"sv), "PTX with a NUL at offset 8");
  EXPECT_EQ(error(".version \x1b[2J\0"sv), "PTX with a control character at offset 9");
  EXPECT_EQ(error("\0"sv), "PTX without a .version directive");
  EXPECT_EQ(error(""sv), "PTX without a final NUL");
}

TEST(CodeSectionHeader, IsChecked) {
  const Program program = smallProgram();
  const auto elf = smallElf(cuda);
  const auto error = [&](const std::string &json) {
    std::string bytes(8, '\0');
    const uint64_t length = json.size();
    std::memcpy(bytes.data(), &length, 8);
    bytes += json;
    bytes.resize((bytes.size() + 63) / 64 * 64);
    bytes.append(reinterpret_cast<const char *>(elf.data()), elf.size());
    return decodeCode(std::as_bytes(std::span(bytes)), program).status().message();
  };
  EXPECT_EQ(error(R"({"target": "sm_90a", "kind": "cubin", "resources": []})"), "");
  EXPECT_EQ(error(R"({"target": "sm_90", "kind": "cubin"})"), "header.resources: is missing");
  EXPECT_EQ(error(R"({"target": "sm_90", "kind": "rom", "resources": []})"),
            "header.kind: \"rom\"; expected one of 'cubin', 'ptx', 'host'");
  EXPECT_EQ(error(R"({"target": "../sm_90", "kind": "cubin", "resources": []})"),
            "header.target: '../sm_90' is not a target of cubin code");
  EXPECT_EQ(error(R"({"target": "sm_90", "kind": "cubin", "resources": [{"kernel": "nobody", "registers": 1,
                      "local_bytes": 0}]})"),
            "header.resources[0].kernel: 'nobody' is not in program.kernels, or occurs twice");
  EXPECT_EQ(error(R"({"target": "sm_90", "kind": "cubin", "resources": [], "x": 1})"), "header: unknown field \"x\"");

  std::string bytes(8, '\xff');
  EXPECT_EQ(decodeCode(std::as_bytes(std::span(bytes)), program).status().message(),
            "header: 18446744073709551615 bytes do not fit the section");
}

} // namespace
} // namespace cadenza::testing
