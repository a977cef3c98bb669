// External data: where it may lie, and what of a file a tensor may take.
#include "test/compiler/onnx/model_maker.h"
#include "test/temporary_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace cadenza::onnx {
namespace {

using namespace test;
namespace fs = std::filesystem;

using Entries = std::vector<std::pair<std::string, std::string>>;

::onnx::TensorProto external(const Entries &entries, int64_t elements = 2, const std::string &name = "t") {
  ::onnx::TensorProto tensor;
  tensor.set_name(name);
  tensor.set_data_type(::onnx::TensorProto::FLOAT);
  tensor.add_dims(elements);
  tensor.set_data_location(::onnx::TensorProto::EXTERNAL);
  for (const auto &[key, value] : entries) {
    auto *entry = tensor.add_external_data();
    entry->set_key(key);
    entry->set_value(value);
  }
  return tensor;
}

class ExternalDataTest : public ::testing::Test {
protected:
  ExternalDataTest() {
    folder.write("model/data.bin", std::string("\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40", 12)); // 1, 2, 3
    folder.write("secret", std::string(8, 's'));
  }

  Read readTensor(const ::onnx::TensorProto &tensor, const std::string &directory = "model") {
    ::onnx::ModelProto model = reluModel();
    *model.mutable_graph()->add_initializer() = tensor;
    return read(model, directory.empty() ? "" : folder.path(directory));
  }
  std::string errorOf(const Entries &entries) {
    std::string text = readTensor(external(entries)).text();
    const std::string where = "invalid: m.onnx: initializer 't': external_data: ";
    EXPECT_TRUE(text.starts_with(where)) << text;
    return text.substr(std::min(text.size(), where.size()));
  }

  cadenza::test::TemporaryFolder folder;
};

TEST_F(ExternalDataTest, IsMappedAndNotAligned) {
  const Read read = readTensor(external({{"location", "data.bin"}, {"offset", "4"}, {"length", "8"}}));
  EXPECT_EQ(read.text(), "");
  EXPECT_EQ(reals(*read.value("t")->constant), (std::vector<double>{2, 3}));
  EXPECT_EQ(readTensor(external({{"location", "./data.bin"}, {"checksum", "abc"}})).text(), "")
      << "offset 0 by default";
}

TEST_F(ExternalDataTest, StaysInsideTheDirectory) {
  EXPECT_EQ(errorOf({{"location", "../secret"}}),
            "location '../secret' has '..' in it; it has to stay inside the model's directory\n");
  EXPECT_EQ(errorOf({{"location", folder.path("secret")}}).substr(0, 10), "location '");
  EXPECT_NE(errorOf({{"location", folder.path("secret")}}).find("is absolute"), std::string::npos);
  EXPECT_EQ(errorOf({{"location", ""}}), "location '' is no path\n");
  EXPECT_EQ(errorOf({{"location", std::string("data.bin\0x", 10)}}), "location 'data.bin\\x00x' is no path\n");
  EXPECT_NE(errorOf({{"location", "absent.bin"}}).find("is not there"), std::string::npos);
  EXPECT_EQ(errorOf({{"offset", "0"}}), "there is no location\n");
}

TEST_F(ExternalDataTest, SymbolicLinksThatLeaveAreRefused) {
  fs::create_symlink(folder.path("secret"), folder.path("model/link"));
  EXPECT_NE(errorOf({{"location", "link"}}).find("is a symbolic link that leaves the model's directory"),
            std::string::npos);
  fs::create_directory_symlink(folder.path(), folder.path("model/up"));
  EXPECT_NE(errorOf({{"location", "up/secret"}}).find("is a symbolic link that leaves"), std::string::npos);
  folder.write("model2/secret", "12345678"); // begins as the directory's name does
  fs::create_symlink(folder.path("model2/secret"), folder.path("model/sibling"));
  EXPECT_NE(errorOf({{"location", "sibling"}}).find("is a symbolic link that leaves"), std::string::npos);
  fs::create_symlink("data.bin", folder.path("model/inside"));
  EXPECT_EQ(readTensor(external({{"location", "inside"}})).text(), "");
}

TEST_F(ExternalDataTest, TheHubsCacheMayLinkToItsBlobs) {
  folder.write("models--a--b/blobs/123", std::string(8, '\0'));
  folder.write("models--a--b/other", std::string(8, '\0'));
  const std::string snapshot = folder.path("models--a--b/snapshots/rev/onnx");
  fs::create_directories(snapshot);
  fs::create_symlink("../../../blobs/123", snapshot + "/data.bin");
  fs::create_symlink("../../../other", snapshot + "/other.bin");
  const std::string directory = "models--a--b/snapshots/rev/onnx";
  EXPECT_EQ(readTensor(external({{"location", "data.bin"}}), directory).text(), "");
  EXPECT_NE(readTensor(external({{"location", "other.bin"}}), directory).text().find("leaves the model's directory"),
            std::string::npos);
}

TEST_F(ExternalDataTest, OnlyRegularFilesAreOpened) {
  ASSERT_EQ(mkfifo(folder.path("model/fifo").c_str(), 0600), 0);
  EXPECT_NE(readTensor(external({{"location", "fifo"}})).text().find("not a regular file"), std::string::npos);
  fs::create_directory(folder.path("model/sub"));
  EXPECT_NE(readTensor(external({{"location", "sub"}})).text().find("not a regular file"), std::string::npos);
}

TEST_F(ExternalDataTest, OffsetAndLengthAreChecked) {
  EXPECT_EQ(errorOf({{"location", "data.bin"}, {"offset", "8"}}),
            "'data.bin': 8 bytes from offset 8 on leave the file of 12 bytes; is it truncated?\n");
  EXPECT_NE(errorOf({{"location", "data.bin"}, {"offset", "18446744073709551612"}}).find("leave the file"),
            std::string::npos)
      << "offset + length wraps";
  EXPECT_EQ(errorOf({{"location", "data.bin"}, {"length", "4"}}),
            "'data.bin': length has 4 bytes, but [2] of f32 takes 8\n");
  for (const char *number : {"-4", "0x4", "4 ", "", "1e1", "18446744073709551616"})
    EXPECT_NE(errorOf({{"location", "data.bin"}, {"offset", number}}).find("is no whole number"), std::string::npos)
        << number;
}

TEST_F(ExternalDataTest, ValuesAreInOnePlace) {
  ::onnx::TensorProto tensor = external({{"location", "data.bin"}});
  tensor.set_raw_data("12345678");
  EXPECT_EQ(readTensor(tensor).text(),
            "invalid: m.onnx: initializer 't': data_location is EXTERNAL, but there is raw_data\n");
}

TEST_F(ExternalDataTest, AModelWithoutADirectoryHasNone) {
  EXPECT_NE(readTensor(external({{"location", "data.bin"}}), "").text().find("the model has no directory"),
            std::string::npos);
}

TEST_F(ExternalDataTest, MayBeLargerThanTwoGigabytes) {
  const uint64_t size = (uint64_t{3} << 30) + 8;
  fs::resize_file(folder.path("model/data.bin"), size); // sparse
  const Read read = readTensor(external({{"location", "data.bin"}, {"offset", std::to_string(size - 8)}}));
  EXPECT_EQ(read.text(), "");
  EXPECT_EQ(reals(*read.value("t")->constant), (std::vector<double>{0, 0}));
  const Read whole = readTensor(external({{"location", "data.bin"}}, static_cast<int64_t>(size / 4)));
  EXPECT_EQ(whole.text(), "") << "one tensor of 3 GiB";
}

} // namespace
} // namespace cadenza::onnx
