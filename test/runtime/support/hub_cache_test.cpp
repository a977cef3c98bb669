#include "runtime/support/hub_cache.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <unistd.h>

using namespace cadenza;
namespace fs = std::filesystem;

namespace {

TEST(HubCache, KnowsNames) {
  EXPECT_TRUE(isHubName("Qwen/Qwen3-0.6B"));
  EXPECT_TRUE(isHubName("gpt2"));
  for (const char *name : {"", "/", "a/", "/a", "a/b/c", "../a", "a/..", "./a", "a b/c", "-a", "a/-b"})
    EXPECT_FALSE(isHubName(name)) << name;
}

TEST(HubCache, FindsTheRevisionOfMain) {
  const fs::path hub = fs::path(testing::TempDir()) / ("hub_cache_" + std::to_string(getpid()));
  const fs::path model = hub / "models--Qwen--Qwen3-0.6B";
  setenv("HF_HUB_CACHE", hub.c_str(), 1);
  const auto message = [] { return findInHubCache("Qwen/Qwen3-0.6B").status().message(); };
  EXPECT_NE(message().find("hf download Qwen/Qwen3-0.6B"), std::string::npos) << message();
  EXPECT_NE(message().find(model.string()), std::string::npos) << message();

  fs::create_directories(model / "snapshots" / "abc");
  ASSERT_TRUE(findInHubCache("Qwen/Qwen3-0.6B").isOk()); // the only one
  fs::create_directories(model / "snapshots" / "def");
  EXPECT_FALSE(findInHubCache("Qwen/Qwen3-0.6B").isOk());
  fs::create_directories(model / "refs");
  std::ofstream(model / "refs" / "main") << "def\n";
  EXPECT_EQ(*findInHubCache("Qwen/Qwen3-0.6B"), (model / "snapshots" / "def").string());
  std::ofstream(model / "refs" / "main") << "../../elsewhere";
  EXPECT_FALSE(findInHubCache("Qwen/Qwen3-0.6B").isOk());
  unsetenv("HF_HUB_CACHE");
  fs::remove_all(hub);
}

TEST(HubCache, LiesWhereTheHubsToolsPutIt) {
  for (const char *name : {"HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"})
    unsetenv(name);
  setenv("HOME", "/home/u", 1);
  EXPECT_EQ(hubCacheFolder(), "/home/u/.cache/huggingface/hub");
  setenv("XDG_CACHE_HOME", "/x", 1);
  EXPECT_EQ(hubCacheFolder(), "/x/huggingface/hub");
  setenv("HF_HOME", "/hf", 1);
  EXPECT_EQ(hubCacheFolder(), "/hf/hub");
  setenv("HF_HUB_CACHE", "/hub", 1);
  EXPECT_EQ(hubCacheFolder(), "/hub");
  for (const char *name : {"HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"})
    unsetenv(name);
}

} // namespace
