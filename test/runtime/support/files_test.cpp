#include "runtime/support/interrupt.h"
#include "runtime/support/mapped_file.h"
#include "runtime/support/output_file.h"
#include "test/temporary_folder.h"

#include <gtest/gtest.h>

#include <csignal>
#include <fcntl.h>
#include <iterator>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
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
  for (bool unnamed : {true, false}) {
    {
      auto file = unnamed ? AtomicFile::create(path("a")) : AtomicFile::createNamed(path("a"));
      ASSERT_TRUE(file.isOk());
      ASSERT_TRUE(file->writeAt(0, std::as_bytes(std::span("half"))).isOk());
      EXPECT_EQ(folder.entries().size(), unnamed ? 0u : 1u); // under another name
      EXPECT_FALSE(std::filesystem::exists(path("a")));
    }
    EXPECT_EQ(folder.entries().size(), 0u);
  }
}

TEST_F(Files, NamedOnesReplaceOlderOnes) {
  ASSERT_TRUE(writeFileAtomically(path("a"), "one").isOk());
  auto file = AtomicFile::createNamed(path("a"));
  ASSERT_TRUE(file.isOk());
  ASSERT_TRUE(file->writeAt(0, std::as_bytes(std::span("two", 3))).isOk());
  EXPECT_EQ(text("a"), "one");
  ASSERT_TRUE(file->commit().isOk());
  EXPECT_EQ(text("a"), "two");
  EXPECT_EQ(folder.entries().size(), 1u);
}

/// Runs `work` in a process of its own, which ends with a signal; its exit code, or minus the signal that killed it.
template <typename Work> int endedBy(int signal, const Work &work) {
  const pid_t child = fork();
  if (child == 0) {
    endOnSignals("test");
    work();
    raise(signal);
    _exit(99);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST_F(Files, SignalsLeaveNothing) {
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGXFSZ, SIGKILL}) {
    for (bool unnamed : {true, false}) {
      const int ended = endedBy(signal, [&] {
        auto file =
            new StatusOr<AtomicFile>(unnamed ? AtomicFile::create(path("a")) : AtomicFile::createNamed(path("a")));
        (void)(*file)->writeAt(0, std::as_bytes(std::span("half")));
      });
      EXPECT_EQ(ended, signal == SIGKILL ? -SIGKILL : 13);
      EXPECT_EQ(folder.entries().size(), signal == SIGKILL && !unnamed ? 1u : 0u) << signal << " " << unnamed;
    }
  }
}

TEST(Signals, IgnoredOnesStayIgnored) {
  EXPECT_EQ(endedBy(SIGHUP,
                    [] {
                      std::signal(SIGHUP, SIG_IGN);
                      endOnSignals("test");
                    }),
            99);
}

TEST(Signals, TheFirstIsTheCallbacks) {
  const auto callback = [] { _exit(7); };
  EXPECT_EQ(endedBy(SIGTERM, [&] { new OnSignal(callback); }), 7);
  EXPECT_EQ(endedBy(SIGTERM, [&] { OnSignal gone(callback); }), 13);
  EXPECT_EQ(endedBy(SIGTERM,
                    [] {
                      new OnSignal([] {});
                      raise(SIGINT);
                    }),
            13);
  EXPECT_EQ(endedBy(SIGXFSZ, [&] { new OnSignal(callback); }), 13);
}

TEST(Signals, DeferredOnesEndTheChildAndThenTheProgram) {
  EXPECT_EQ(endedBy(SIGTERM,
                    [] {
                      {
                        DeferSignals signals;
                        posix_spawnattr_t attributes;
                        posix_spawnattr_init(&attributes);
                        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
                        char name[] = "sleep", seconds[] = "20";
                        char *arguments[] = {name, seconds, nullptr};
                        pid_t child = 0;
                        if (posix_spawnp(&child, name, nullptr, &attributes, arguments, environ) != 0)
                          _exit(98);
                        signals.setChild(child);
                        raise(SIGTERM);
                        int status = 0;
                        waitpid(child, &status, 0);
                        if (!WIFSIGNALED(status))
                          _exit(97);
                        signals.setChild(0);
                      } // ends the program
                      _exit(96);
                    }),
            13);
}

TEST_F(Files, OutputsThatAreNoFilesAreWrittenThrough) {
  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  const int reader = ::open(path("fifo").c_str(), O_RDONLY | O_NONBLOCK);
  EXPECT_TRUE(checkOutput(path("fifo")).isOk());
  ASSERT_TRUE(writeOutput(path("fifo"), "through").isOk());
  char bytes[16] = {};
  EXPECT_EQ(::read(reader, bytes, sizeof bytes), 7);
  EXPECT_EQ(std::string(bytes), "through");
  ::close(reader);
  struct stat info{};
  ASSERT_EQ(stat(path("fifo").c_str(), &info), 0);
  EXPECT_TRUE(S_ISFIFO(info.st_mode));

  // A descriptor's name stands for what is open, at the place where it is.
  const int file = ::open(path("a").c_str(), O_RDWR | O_CREAT, 0600);
  ASSERT_EQ(::write(file, "one ", 4), 4);
  std::filesystem::create_symlink("/dev/fd/" + std::to_string(file), path("link"));
  ASSERT_TRUE(writeOutput("/proc/self/fd/" + std::to_string(file), "two ").isOk());
  ASSERT_TRUE(writeOutput(path("link"), "three").isOk());
  EXPECT_EQ(text("a"), "one two three");
  ::close(file);
  EXPECT_EQ(writeOutput("/dev/fd/" + std::to_string(file), "").code(), StatusCode::Io);
  EXPECT_EQ(checkOutput("/dev/fd/" + std::to_string(file)).code(), StatusCode::Io);
  EXPECT_EQ(writeOutput("/dev/full", "x").code(), StatusCode::Io);
  EXPECT_TRUE(isStandardOutput("-") && isStandardOutput("/dev/stdout") && !isStandardOutput("/dev/stderr"));
}

TEST_F(Files, OutputsAreCheckedWithoutATrace) {
  EXPECT_TRUE(checkOutput("").isOk());
  EXPECT_TRUE(checkOutput(path("a")).isOk());
  EXPECT_EQ(folder.entries().size(), 0u);
  EXPECT_EQ(checkOutput(path("none/a")).code(), StatusCode::Io);
  EXPECT_EQ(checkOutput(folder.path().string()).code(), StatusCode::InvalidArgument);
  ASSERT_TRUE(writeOutput(path("a"), "old").isOk());
  EXPECT_TRUE(checkOutput(path("a")).isOk());
  EXPECT_EQ(text("a"), "old");
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
