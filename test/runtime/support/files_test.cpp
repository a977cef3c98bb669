#include "runtime/support/atomic_file.h"
#include "runtime/support/mapped_file.h"
#include "test/temporary_folder.h"

#include <gtest/gtest.h>
#include <iterator>
#include <sys/stat.h>
#include <vector>

namespace cadenza {
namespace {

class Files : public ::testing::Test {
protected:
  std::string path(const std::string &name) const { return folder.path(name); }
  std::string text(const std::string &name) const {
    std::ifstream stream(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  test::TemporaryFolder folder;
};

TEST_F(Files, WrittenAtomically) {
  ASSERT_TRUE(writeFileAtomically(path("a"), "one").isOk());
  EXPECT_EQ(text("a"), "one");
  ASSERT_TRUE(writeFileAtomically(path("a"), "").isOk());
  EXPECT_EQ(text("a"), "");
  EXPECT_EQ(folder.entries().size(), 1u);
}

TEST_F(Files, DroppedWithoutCommit) {
  {
    auto file = AtomicFile::create(path("a"));
    ASSERT_TRUE(file.isOk());
    ASSERT_TRUE(file->writeAt(0, std::as_bytes(std::span("half"))).isOk());
    EXPECT_EQ(folder.entries().size(), 1u); // under another name
    EXPECT_FALSE(std::filesystem::exists(path("a")));
  }
  EXPECT_EQ(folder.entries().size(), 0u);
}

TEST_F(Files, SeveralAreThereAtOnce) {
  std::filesystem::create_directory(path("folder"));
  std::vector<AtomicFile> files;
  for (const char *name : {"a", "folder/b"})
    files.push_back(std::move(*AtomicFile::create(path(name))));
  ASSERT_TRUE(files[0].writeAt(0, std::as_bytes(std::span("x", 1))).isOk());
  EXPECT_FALSE(std::filesystem::exists(path("a")));
  EXPECT_EQ(AtomicFile::commit(files).message(), "");
  EXPECT_EQ(text("a"), "x");
  EXPECT_EQ(text("folder/b"), "");
}

TEST_F(Files, WhatIsNotWrittenIsZero) {
  auto file = AtomicFile::create(path("a"), 8);
  ASSERT_TRUE(file.isOk());
  ASSERT_TRUE(file->writeAt(5, std::as_bytes(std::span("x", 1))).isOk());
  ASSERT_TRUE(file->commit().isOk());
  EXPECT_EQ(text("a"), std::string("\0\0\0\0\0x\0\0", 8));
}

TEST_F(Files, Mapped) {
  ASSERT_TRUE(writeFileAtomically(path("a"), "bytes").isOk());
  auto file = MappedFile::open(path("a"));
  ASSERT_TRUE(file.isOk());
  const MappedFile moved = std::move(*file);
  EXPECT_EQ(moved.bytes().size(), 5u);
  EXPECT_EQ(static_cast<char>(moved.bytes()[4]), 's');
  ASSERT_TRUE(writeFileAtomically(path("empty"), "").isOk());
  EXPECT_TRUE(MappedFile::open(path("empty"))->bytes().empty());
}

TEST_F(Files, OnlyRegularOnesAreMapped) {
  EXPECT_EQ(MappedFile::open(path("none")).status().message(), path("none") + ": No such file or directory");
  EXPECT_EQ(MappedFile::open(path("")).status().message(), path("") + ": not a regular file");
  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::open(path("fifo")).status().message(), path("fifo") + ": not a regular file");
}

} // namespace
} // namespace cadenza
