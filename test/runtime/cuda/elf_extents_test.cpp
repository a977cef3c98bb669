#include "runtime/cuda/elf_extents.h"
#include "test/runtime/cuda/toy_plan.h"

#include <gtest/gtest.h>

#include <elf.h>

namespace cadenza::cuda {
namespace {

TEST(ElfExtents, AcceptsASharedObjectAndNoPrefixOfIt) {
  std::vector<std::byte> image = test::readImage(CADENZA_TOY_KERNELS);
  ASSERT_GT(image.size(), 1000u);
  EXPECT_TRUE(checkElfExtents(image).isOk()) << checkElfExtents(image).message();
  for (size_t size = 0; size < image.size(); size += size < 256 ? 1 : 97)
    EXPECT_EQ(checkElfExtents(std::span(image).first(size)).code(), StatusCode::InvalidPlan) << size;
}

TEST(ElfExtents, ChecksEveryField) {
  std::vector<std::byte> sound = test::readImage(CADENZA_TOY_KERNELS);
  Elf64_Ehdr header;
  std::memcpy(&header, sound.data(), sizeof header);
  auto refused = [&](auto change, const char *message) {
    std::vector<std::byte> image = sound;
    Elf64_Ehdr changed = header;
    change(image, changed);
    std::memcpy(image.data(), &changed, sizeof changed);
    Status status = checkElfExtents(image);
    EXPECT_EQ(status.code(), StatusCode::InvalidPlan);
    EXPECT_NE(status.message().find(message), std::string::npos) << status.message();
  };
  using Image = std::vector<std::byte>;
  refused([](Image &, Elf64_Ehdr &h) { h.e_ident[0] = 0; }, "magic");
  refused([](Image &, Elf64_Ehdr &h) { h.e_ident[EI_CLASS] = ELFCLASS32; }, "64-bit");
  refused([](Image &, Elf64_Ehdr &h) { h.e_shoff = ~uint64_t{0}; }, "section table");
  refused([](Image &, Elf64_Ehdr &h) { h.e_shentsize = 1; }, "section table");
  refused([](Image &, Elf64_Ehdr &h) { h.e_shnum = 0xffff; }, "section table");
  refused([](Image &, Elf64_Ehdr &h) { h.e_phoff = ~uint64_t{0} - 8; }, "segment table");
  refused([](Image &, Elf64_Ehdr &h) { h.e_phnum = h.e_shnum = 0; }, "neither");
  refused(
      [](Image &image, Elf64_Ehdr &h) {
        uint64_t huge = ~uint64_t{0};
        std::memcpy(image.data() + h.e_shoff + sizeof(Elf64_Shdr) + offsetof(Elf64_Shdr, sh_size), &huge, 8);
      },
      "section[1]");
  refused(
      [](Image &image, Elf64_Ehdr &h) {
        uint64_t huge = ~uint64_t{0} - 100;
        std::memcpy(image.data() + h.e_phoff + offsetof(Elf64_Phdr, p_filesz), &huge, 8);
      },
      "segment[0]");
}

} // namespace
} // namespace cadenza::cuda
