// The writer leaves a whole plan or nothing: failing packers, full disks, bad contents, two writers at once.
#include "test/runtime/plan/small_plan.h"

#include <atomic>
#include <csignal>
#include <filesystem>
#include <gtest/gtest.h>
#include <mutex>
#include <stdexcept>
#include <sys/resource.h>
#include <thread>

namespace cadenza::testing {
namespace {

/// Writes `contents` over an old file, expects `code` and the old file, alone and unchanged.
void expectFailure(const PlanContents &contents, StatusCode code, const std::string &part) {
  const TemporaryFolder folder;
  writeFile(folder.path("a.plan"), std::as_bytes(std::span("old")));
  const auto old = readFile(folder.path("a.plan"));
  const Status status = writePlan(folder.path("a.plan"), contents);
  EXPECT_EQ(status.code(), code) << status.message();
  EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
  EXPECT_EQ(folder.entries(), std::vector<std::string>{"a.plan"});
  EXPECT_EQ(readFile(folder.path("a.plan")), old);
}

class FailingPacker : public CountingPacker {
public:
  Status pack(uint32_t index, std::span<std::byte> out) override {
    if (index != 5)
      return CountingPacker::pack(index, out);
    if (throwing)
      throw std::runtime_error("thrown");
    return Status(StatusCode::InvalidInput, "the shard is truncated");
  }
  bool throwing = false;
};

TEST(Writer, FailingPackerLeavesNothing) {
  SmallPlan small;
  FailingPacker packer;
  small.contents.packer = &packer;
  for (int threads : {1, 4}) {
    small.contents.threads = threads;
    packer.throwing = false;
    expectFailure(small.contents, StatusCode::InvalidInput, "weight 5 'layers.0.o.weight': the shard is truncated");
    packer.throwing = true;
    expectFailure(small.contents, StatusCode::Internal, "weight 5 'layers.0.o.weight': thrown");
  }
}

TEST(Writer, ContentsThatTheReaderWouldRefuse) {
  {
    SmallPlan small;
    small.program.entries[0].blocks[1].phases[0].inputs[0] = 17;
    expectFailure(small.contents, StatusCode::Internal,
                  "the plan is not valid: program.entries[0].blocks[1].phases[0].inputs[0]: edge 17 of 4");
  }
  {
    SmallPlan small;
    small.contents.code[0].image = std::span(small.cubin).first(100);
    expectFailure(small.contents, StatusCode::Internal, "the plan is not valid: code sm_90: image: ELF ");
  }
  {
    SmallPlan small;
    small.contents.code[1] = small.contents.code[0];
    expectFailure(small.contents, StatusCode::Internal, "two code sections for sm_90");
  }
  {
    SmallPlan small;
    small.contents.sources[0].path = "../model.cu";
    expectFailure(small.contents, StatusCode::Internal, "sources: files[0].path: is not a plain relative path");
  }
  {
    SmallPlan small;
    small.contents.metadata["name"] = "\xff";
    expectFailure(small.contents, StatusCode::Internal, "a.plan: ");
  }
  {
    SmallPlan small;
    small.contents.packer = nullptr;
    expectFailure(small.contents, StatusCode::Internal, "needs a packer");
  }
}

/// Lets files grow to `bytes` only, as a full disk would, for the life of the object.
class FileSizeLimit {
public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, handler_);
  }

private:
  rlimit old_;
  void (*handler_)(int);
};

TEST(Writer, FullDisk) {
  const SmallPlan small;
  for (rlim_t bytes : {rlim_t(100), rlim_t(5000), rlim_t(smallPlanBytes().size() - 1)}) {
    const FileSizeLimit limit(bytes);
    expectFailure(small.contents, StatusCode::Io, "a.plan: cannot reserve ");
  }
}

TEST(Writer, PlacesThatCannotBeWritten) {
  const TemporaryFolder folder;
  const SmallPlan small;
  EXPECT_EQ(writePlan(folder.path("none/a.plan"), small.contents).code(), StatusCode::Io);
  EXPECT_EQ(writePlan(folder.path(""), small.contents).code(), StatusCode::InvalidArgument);
  EXPECT_EQ(writePlan("", small.contents).code(), StatusCode::InvalidArgument);
  EXPECT_EQ(writePlan("/dev/null", small.contents).code(), StatusCode::InvalidArgument);
  EXPECT_TRUE(folder.entries().empty());
}

TEST(Writer, FollowsASymbolicLink) {
  const TemporaryFolder folder;
  writeFile(folder.path("old.plan"), {});
  std::filesystem::create_symlink("old.plan", folder.path("a.plan"));
  ASSERT_TRUE(writePlan(folder.path("a.plan"), SmallPlan().contents).isOk());
  EXPECT_TRUE(std::filesystem::is_symlink(folder.path("a.plan")));
  EXPECT_EQ(readFile(folder.path("old.plan")), smallPlanBytes());
}

TEST(Writer, TwoWritersOneWinner) {
  const TemporaryFolder folder;
  const auto write = [&](const std::string &ir) {
    for (int i = 0; i < 10; ++i) {
      SmallPlan small;
      small.contents.ir = ir;
      EXPECT_TRUE(writePlan(folder.path("a.plan"), small.contents).isOk());
    }
  };
  std::thread other(write, "one");
  write("other");
  other.join();
  const auto plan = Plan::open(folder.path("a.plan"));
  ASSERT_TRUE(plan.isOk()) << plan.status().message();
  EXPECT_TRUE((*plan)->ir() == "one" || (*plan)->ir() == "other");
  EXPECT_EQ(folder.entries(), std::vector<std::string>{"a.plan"});
}

/// Sees in which order weights are begun, and that their memory is zero.
class WatchingPacker : public CountingPacker {
public:
  Status pack(uint32_t index, std::span<std::byte> out) override {
    for (std::byte b : out)
      zeroed = zeroed && b == std::byte(0);
    std::lock_guard lock(mutex);
    calls.push_back(index);
    return CountingPacker::pack(index, out);
  }
  std::mutex mutex;
  std::vector<uint32_t> calls;
  std::atomic<bool> zeroed = true;
};

TEST(Writer, PacksInOrderAndReportsProgress) {
  const TemporaryFolder folder;
  SmallPlan small;
  WatchingPacker packer;
  std::vector<uint64_t> progress;
  small.contents.packer = &packer;
  small.contents.threads = 1;
  small.contents.onProgress = [&](uint64_t done, uint64_t all) {
    progress.push_back(done);
    EXPECT_LE(done, all);
    EXPECT_EQ(done == all, progress.size() == small.program.weights.size());
  };
  ASSERT_TRUE(writePlan(folder.path("a.plan"), small.contents).isOk());
  EXPECT_EQ(packer.calls.size(), small.program.weights.size());
  EXPECT_TRUE(std::is_sorted(packer.calls.begin(), packer.calls.end()));
  EXPECT_TRUE(packer.zeroed);
  EXPECT_EQ(progress.size(), small.program.weights.size());
  EXPECT_TRUE(std::is_sorted(progress.begin(), progress.end()));
}

} // namespace
} // namespace cadenza::testing
