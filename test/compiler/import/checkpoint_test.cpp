#include "compiler/import/hf/checkpoint.h"
#include "test/compiler/import/model_files.h"

#include <gtest/gtest.h>

#include <sys/stat.h>

namespace cadenza {
namespace {

using test::ones;
using test::safetensors;
using test::TemporaryFolder;

struct Opened {
  Checkpoint checkpoint;
  Findings findings;
  std::string errors() const { return findings.toStatus().message(); }
};

Opened open(const TemporaryFolder &directory) {
  Opened opened;
  auto model = ModelDirectory::open(directory.path().string());
  EXPECT_TRUE(model.isOk()) << model.status().message();
  opened.checkpoint = Checkpoint::open(*model, opened.findings);
  return opened;
}

std::string indexOf(const nlohmann::json &weightMap) { return nlohmann::json{{"weight_map", weightMap}}.dump(); }

/// a in one shard, b in the other.
void writeShards(const TemporaryFolder &directory) {
  directory.write("one.safetensors", safetensors({ones("a", {2})}));
  directory.write("two.safetensors", safetensors({ones("b", {3, 2})}));
  directory.write("model.safetensors.index.json", indexOf({{"a", "one.safetensors"}, {"b", "two.safetensors"}}));
}

TEST(Checkpoint, ReadsSingleFile) {
  TemporaryFolder directory;
  directory.write("model.safetensors", safetensors({ones("a", {2})}));
  Opened opened = open(directory);
  EXPECT_EQ(opened.errors(), "");
  ASSERT_NE(opened.checkpoint.find("a"), nullptr);
  EXPECT_EQ(opened.checkpoint.find("a")->data.size(), 4u);
  EXPECT_EQ(opened.checkpoint.find("a")->data[1], std::byte{0x3f});
  EXPECT_EQ(opened.checkpoint.find("b"), nullptr);
}

TEST(Checkpoint, ReadsShards) {
  TemporaryFolder directory;
  writeShards(directory);
  Opened opened = open(directory);
  EXPECT_EQ(opened.errors(), "");
  EXPECT_TRUE(opened.checkpoint.complete());
  ASSERT_NE(opened.checkpoint.find("b"), nullptr);
  EXPECT_EQ(opened.checkpoint.find("b")->shape, (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(opened.checkpoint.files().size(), 2u);
}

TEST(Checkpoint, FollowsLinksIntoTheHubCache) {
  TemporaryFolder directory;
  directory.write("models--o--m/blobs/0123", safetensors({ones("a", {2})}));
  directory.write("models--o--m/snapshots/rev/config.json", "{}");
  auto snapshot = directory.path() / "models--o--m/snapshots/rev";
  std::filesystem::create_symlink("../../blobs/0123", snapshot / "model.safetensors");
  Findings findings;
  auto model = ModelDirectory::open(snapshot.string());
  ASSERT_TRUE(model.isOk());
  Checkpoint checkpoint = Checkpoint::open(*model, findings);
  EXPECT_EQ(findings.toStatus().message(), "");
  EXPECT_NE(checkpoint.find("a"), nullptr);
}

TEST(Checkpoint, FollowsTheUsersLinks) {
  TemporaryFolder outside, directory;
  outside.write("weights", safetensors({ones("a", {2})}));
  std::filesystem::create_symlink(outside.path() / "weights", directory.path() / "model.safetensors");
  auto model = ModelDirectory::open(directory.path().string());
  Findings findings;
  EXPECT_NE(Checkpoint::open(*model, findings).find("a"), nullptr);
  model->noteLinks(findings);
  ASSERT_EQ(findings.all().size(), 1u);
  EXPECT_EQ(findings.all()[0].message, "'model.safetensors' to " +
                                           std::filesystem::canonical(outside.path() / "weights").string() +
                                           " is a symbolic link out of the model's directory, and was followed");
  std::filesystem::remove(outside.path() / "weights");
  EXPECT_EQ(open(directory).errors(), "'model.safetensors' is a symbolic link to a file that is not there: " +
                                          (outside.path() / "weights").string());
}

TEST(Checkpoint, NamesWhatIsThereInstead) {
  TemporaryFolder directory;
  directory.write("pytorch_model.bin", "");
  EXPECT_NE(open(directory).errors().find("found only pytorch_model.bin: PyTorch's pickles are not read: convert them"),
            std::string::npos);
}

TEST(Checkpoint, RefusesLfsPointer) {
  TemporaryFolder directory;
  directory.write("model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n");
  EXPECT_NE(open(directory).errors().find("model.safetensors: is a Git LFS pointer"), std::string::npos);
}

TEST(Checkpoint, DoesNotWaitForFifo) {
  TemporaryFolder directory;
  ASSERT_EQ(mkfifo((directory.path() / "model.safetensors").c_str(), 0600), 0);
  EXPECT_EQ(open(directory).errors(), "model.safetensors: not a regular file");
}

TEST(Checkpoint, RefusesShardNamesThatLeaveTheDirectory) {
  using namespace std::string_literals;
  for (const std::string &name : {"../a.safetensors"s, "/etc/passwd"s, ".."s, "."s, ""s, "sub/one.safetensors"s,
                                  "one.safetensors\0.txt"s, std::string(300, 'x')}) {
    SCOPED_TRACE(name);
    TemporaryFolder directory;
    directory.write("model.safetensors.index.json", indexOf({{"a", name}}));
    Opened opened = open(directory);
    EXPECT_EQ(opened.findings.toStatus().code(), StatusCode::InvalidInput);
    EXPECT_NE(opened.errors().find("model.safetensors.index.json: weight_map: '"), std::string::npos)
        << opened.errors();
    EXPECT_NE(opened.errors().find("is no plain file name"), std::string::npos) << opened.errors();
  }
}

TEST(Checkpoint, RefusesShardThatIsFifoOrDirectory) {
  TemporaryFolder directory;
  writeShards(directory);
  std::filesystem::remove(directory.path() / "one.safetensors");
  ASSERT_EQ(mkfifo((directory.path() / "one.safetensors").c_str(), 0600), 0);
  EXPECT_NE(open(directory).errors().find("one.safetensors: not a regular file"), std::string::npos);
  std::filesystem::remove(directory.path() / "one.safetensors");
  std::filesystem::create_directory(directory.path() / "one.safetensors");
  EXPECT_NE(open(directory).errors().find("one.safetensors: not a regular file"), std::string::npos);
}

TEST(Checkpoint, ListsEveryBadShardAtOnce) {
  TemporaryFolder directory;
  writeShards(directory);
  std::filesystem::remove(directory.path() / "one.safetensors");
  std::filesystem::resize_file(directory.path() / "two.safetensors", 90);
  Opened opened = open(directory);
  EXPECT_NE(opened.errors().find("one.safetensors: No such file"), std::string::npos) << opened.errors();
  EXPECT_NE(opened.errors().find("two.safetensors: header length"), std::string::npos) << opened.errors();
  EXPECT_FALSE(opened.checkpoint.complete());
}

TEST(Checkpoint, TheIndexDecidesWhereATensorIs) {
  TemporaryFolder directory;
  writeShards(directory);
  // a in both: the one that the index names, with "./" before its name, counts, whichever is read first.
  directory.write("two.safetensors", safetensors({ones("a", {7}), ones("b", {3, 2})}));
  for (const auto &[shard, elements] : std::vector<std::pair<std::string, int64_t>>{{"one", 2}, {"two", 7}}) {
    directory.write("model.safetensors.index.json",
                    indexOf({{"a", "./" + shard + ".safetensors"}, {"b", "two.safetensors"}}));
    if (shard == "two") { // or nobody would read one
      directory.write("one.safetensors", safetensors({ones("a", {2}), ones("c", {1})}));
      directory.write("model.safetensors.index.json",
                      indexOf({{"a", "././two.safetensors"}, {"b", "two.safetensors"}, {"c", "one.safetensors"}}));
    }
    Opened opened = open(directory);
    EXPECT_EQ(opened.errors(), "");
    ASSERT_NE(opened.checkpoint.find("a"), nullptr);
    EXPECT_EQ(opened.checkpoint.find("a")->shape, std::vector<int64_t>{elements});
  }
  directory.write("model.safetensors.index.json", indexOf({{"c", "one.safetensors"}, {"b", "two.safetensors"}}));
  EXPECT_NE(open(directory).errors().find(
                "two.safetensors: tensor 'a' is also in one.safetensors, and the index names it in neither"),
            std::string::npos);
}

TEST(Checkpoint, NotesWhatIsNotWhereTheIndexSays) {
  TemporaryFolder directory;
  writeShards(directory);
  directory.write("model.safetensors.index.json",
                  indexOf({{"a", "one.safetensors"}, {"b", "one.safetensors"}, {"x", "two.safetensors"}}));
  Opened opened = open(directory);
  EXPECT_EQ(opened.errors(), "");
  ASSERT_EQ(opened.findings.all().size(), 1u);
  EXPECT_EQ(opened.findings.all()[0].message,
            "model.safetensors.index.json: weight_map: 2 tensors are not where it says; the first is 'b' in "
            "'one.safetensors'");
  EXPECT_EQ(opened.checkpoint.find("x"), nullptr);
  EXPECT_EQ(opened.checkpoint.find("b"), nullptr); // what asks for it finds it missing
  directory.write("model.safetensors.index.json",
                  R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors","a":"one.safetensors"}})");
  opened = open(directory);
  EXPECT_EQ(opened.errors(), "");
  EXPECT_EQ(opened.findings.all().size(), 1u);
}

TEST(Checkpoint, RefusesMalformedIndex) {
  struct {
    std::string text;
    std::string message;
  } const cases[] = {
      {"", "model.safetensors.index.json: "},
      {"[]", "weight_map is missing"},
      {"{}", "weight_map is missing"},
      {R"({"weight_map":[]})", "weight_map is missing or no object"},
      {R"({"weight_map":{"a":1}})", "the shard of 'a' is no string"},
      {R"({"weight_map":{"a":"x","a":"y"}})", "occurs twice"},
      {R"({"weight_map":{"a":1e400}})", "model.safetensors.index.json: "},
      {"{\"weight_map\":" + std::string(100'000, '['), "nested deeper"},
  };
  for (const auto &[text, message] : cases) {
    SCOPED_TRACE(text.substr(0, 60));
    TemporaryFolder directory;
    directory.write("model.safetensors.index.json", text);
    Opened opened = open(directory);
    EXPECT_NE(opened.errors().find(message), std::string::npos) << opened.errors();
  }
}

} // namespace
} // namespace cadenza
