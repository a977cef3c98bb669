// What is written is read back, always in the same bytes; damage and every kind of wrong file are told apart.
#include "test/runtime/plan/mutate.h"
#include "test/runtime/plan/small_plan.h"

#include <gtest/gtest.h>

namespace cadenza::testing {
namespace {

using format::SectionKind;

Status openBytes(std::span<const std::byte> bytes) {
  const auto plan = Plan::fromBytes(bytes, "q.plan");
  return plan.isOk() ? (*plan)->verifyWeights(1) : plan.status();
}

const SectionInfo &weightsSection(const Plan &plan) {
  return *std::find_if(plan.sections().begin(), plan.sections().end(),
                       [](const SectionInfo &section) { return section.name == "weights"; });
}

void expectError(const Status &status, StatusCode code, const std::string &part) {
  EXPECT_EQ(status.code(), code) << status.message();
  EXPECT_NE(status.message().find(part), std::string::npos) << status.message() << "\nexpected: " << part;
}

TEST(Plan, RoundTrip) {
  const TemporaryFolder folder;
  const SmallPlan small;
  ASSERT_TRUE(writePlan(folder.path("a.plan"), small.contents).isOk());
  EXPECT_EQ(folder.entries(), std::vector<std::string>{"a.plan"});
  const auto opened = Plan::open(folder.path("a.plan"));
  ASSERT_TRUE(opened.isOk()) << opened.status().message();
  const Plan &plan = **opened;
  EXPECT_TRUE(plan.verifyWeights(3).isOk());
  EXPECT_EQ(plan.path(), folder.path("a.plan"));
  EXPECT_EQ(plan.fileBytes(), readFile(folder.path("a.plan")).size());
  EXPECT_EQ(toJson(plan.program()), toJson(small.program));
  EXPECT_EQ(plan.metadata(), nlohmann::json(small.contents.metadata));
  ASSERT_EQ(plan.code().size(), 2u);
  EXPECT_EQ(plan.code()[0].target, "sm_90");
  EXPECT_EQ(plan.code()[0].kind, ImageKind::Cubin);
  EXPECT_EQ(plan.code()[0].resources[1].localBytes, 16u);
  EXPECT_TRUE(std::ranges::equal(plan.code()[0].image, small.cubin));
  EXPECT_EQ(plan.code()[1].image.size(), small.ptx.size() + 1); // NUL-terminated for the driver
  ASSERT_EQ(plan.sources().size(), 2u);
  EXPECT_EQ(plan.sources()[1].path, "kernels/project.cuh");
  EXPECT_EQ(plan.sources()[1].text, "// project\n");
  EXPECT_EQ(plan.tokenizerJson(), small.contents.tokenizerJson);
  EXPECT_EQ(plan.ir(), small.contents.ir);
  EXPECT_EQ(plan.chatJson(), small.contents.chatJson);
  EXPECT_EQ(plan.generationJson(), small.contents.generationJson);
  for (uint32_t i = 0; i < plan.program().weights.size(); ++i) {
    const Weight &weight = plan.program().weights[i];
    std::vector<std::byte> expected(weight.bytes);
    ASSERT_TRUE(CountingPacker().pack(i, expected).isOk());
    EXPECT_TRUE(std::ranges::equal(plan.weights().subspan(weight.offset, weight.bytes), expected)) << weight.name;
  }
}

TEST(Plan, WithoutOptionalSections) {
  const TemporaryFolder folder;
  SmallPlan small;
  small.contents.code.clear();
  small.contents.tokenizerJson.clear();
  small.contents.ir.clear();
  small.contents.chatJson.clear();
  small.contents.generationJson.clear();
  ASSERT_TRUE(writePlan(folder.path("a.plan"), small.contents).isOk());
  const auto plan = Plan::open(folder.path("a.plan"));
  ASSERT_TRUE(plan.isOk()) << plan.status().message();
  EXPECT_TRUE((*plan)->code().empty() && (*plan)->tokenizerJson().empty() && (*plan)->ir().empty());
}

TEST(Plan, SameBytesWhateverTheThreads) {
  const TemporaryFolder folder;
  SmallPlan small;
  for (int threads : {1, 2, 7}) {
    small.contents.threads = threads;
    ASSERT_TRUE(writePlan(folder.path("a.plan"), small.contents).isOk());
    EXPECT_EQ(readFile(folder.path("a.plan")), smallPlanBytes()) << threads;
  }
}

TEST(Plan, EveryTruncationIsRejected) {
  const auto &bytes = smallPlanBytes();
  for (size_t length = 0; length < bytes.size(); ++length) {
    const Status status = openBytes(std::span(bytes).first(length));
    ASSERT_EQ(status.code(), StatusCode::InvalidPlan) << length;
  }
  std::vector<std::byte> longer = bytes;
  longer.push_back(std::byte(0));
  expectError(openBytes(longer), StatusCode::InvalidPlan, "q.plan: header.file_bytes: ");
}

TEST(Plan, EveryBitFlipIsRejected) {
  std::vector<std::byte> bytes = smallPlanBytes();
  const auto weights = Plan::fromBytes(bytes, "q.plan"); // a view: it sees the flips
  ASSERT_TRUE(weights.isOk());
  const SectionInfo &section = weightsSection(**weights);
  const size_t begin = section.offset, end = begin + section.bytes;
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      bytes[i] ^= std::byte(1 << bit);
      const Status status = i >= begin && i < end ? (*weights)->verifyWeights(1) : openBytes(bytes);
      ASSERT_TRUE(status.code() == StatusCode::InvalidPlan || status.code() == StatusCode::IncompatiblePlan)
          << "byte " << i << " bit " << bit << ": " << status.message();
      bytes[i] ^= std::byte(1 << bit);
    }
  }
}

TEST(Plan, OtherFiles) {
  const TemporaryFolder folder;
  expectError(Plan::open(folder.path("none")).status(), StatusCode::Io, folder.path("none") + ": No such file");
  expectError(Plan::open(folder.path("")).status(), StatusCode::Io,
              "is a directory, not a plan; cadenza-compile MODEL -o NAME.plan makes one of a model");
  writeFile(folder.path("empty"), {});
  expectError(Plan::open(folder.path("empty")).status(), StatusCode::InvalidPlan, "header.magic: not a Cadenza plan");
  writeFile(folder.path("text"), std::as_bytes(std::span("version https://git-lfs.github.com/spec/v1")));
  expectError(Plan::open(folder.path("text")).status(), StatusCode::InvalidPlan, "not a Cadenza plan");
  writeFile(folder.path("gguf"), std::as_bytes(std::span("GGUF\3")));
  expectError(Plan::open(folder.path("gguf")).status(), StatusCode::InvalidPlan,
              "not a Cadenza plan, but a GGUF file; cadenza-compile MODEL -o NAME.plan makes one of a model");
}

TEST(Plan, IncompatibleSaysHowToRebuild) {
  const std::string rebuild = "; rebuild it: cadenza-compile MODEL -o q.plan",
                    update =
                        "; a newer Cadenza made it: update this one, or rebuild it: cadenza-compile MODEL -o q.plan";
  const auto future = withHeader(smallPlanBytes(), [](auto &page) { page.header.version = 8; });
  expectError(openBytes(future), StatusCode::IncompatiblePlan,
              "q.plan: header.version: 8; this build reads 7" + update);
  for (uint32_t older : {1u, 5u}) {
    const auto plan = withHeader(smallPlanBytes(), [&](auto &page) { page.header.version = older; });
    expectError(openBytes(plan), StatusCode::IncompatiblePlan,
                "q.plan: header.version: " + std::to_string(older) + "; this build reads 7" + rebuild);
  }
  const auto feature = withHeader(smallPlanBytes(), [](auto &page) { page.header.requiredFeatures = 13; });
  expectError(openBytes(feature), StatusCode::IncompatiblePlan,
              "q.plan: header.required_features: bits 0xc are unknown to this build" + update);
}

/// One change to the header page and the error that it must give, with all checksums right.
struct HeaderCase {
  const char *name;
  void (*edit)(format::HeaderPage &);
  const char *error;
};
class PlanHeader : public ::testing::TestWithParam<HeaderCase> {};

TEST_P(PlanHeader, MutationIsRejected) {
  expectError(openBytes(withHeader(smallPlanBytes(), GetParam().edit)), StatusCode::InvalidPlan, GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    , PlanHeader,
    ::testing::Values(
        HeaderCase{"file_bytes", [](auto &p) { p.header.fileBytes += 4096; }, "header.file_bytes: "},
        HeaderCase{"no_sections", [](auto &p) { p.header.sectionCount = 0; }, "header.reserved: is not zero"},
        HeaderCase{"too_many", [](auto &p) { p.header.sectionCount = 65; }, "header.section_count: 65; at most 64"},
        HeaderCase{"empty_entries", [](auto &p) { p.header.sectionCount = 64; }, "sections[11].kind: 0 is unknown"},
        HeaderCase{"reserved", [](auto &p) { p.header.reserved[6] = 1; }, "header.reserved: is not zero"},
        HeaderCase{"page_end", [](auto &p) { p.reserved.back() = std::byte(1); }, "header.reserved: is not zero"},
        HeaderCase{"entry_reserved", [](auto &p) { p.sections[1].reserved = 1; }, "sections[1].reserved: is not zero"},
        HeaderCase{"unknown_kind", [](auto &p) { p.sections[10].kind = 11; }, "sections[10].kind: 11 is unknown"},
        HeaderCase{"order", [](auto &p) { std::swap(p.sections[0].kind, p.sections[1].kind); },
                   "sections[1].kind: metadata is repeated or out of order"},
        HeaderCase{"twice", [](auto &p) { p.sections[6].kind = 5; }, "sources is repeated or out of order"},
        HeaderCase{"missing", [](auto &p) { p.sections[5].kind = 4; }, "sections: no sources"},
        HeaderCase{"misaligned", [](auto &p) { p.sections[2].offset += 8; }, "sections[2].offset: "},
        HeaderCase{"aliased", [](auto &p) { p.sections[3].offset = p.sections[2].offset; }, "sections[3].offset: "},
        HeaderCase{"hole", [](auto &p) { p.sections[3].offset += 4096; }, "sections[3].offset: "},
        HeaderCase{"longer", [](auto &p) { p.sections[1].bytes += 1 << 20; }, "sections[1].bytes: "},
        HeaderCase{"wraps", [](auto &p) { p.sections[8].bytes = ~uint64_t(0) - 100; }, "reach beyond the file"},
        HeaderCase{"shorter", [](auto &p) { p.sections[0].bytes -= 1; }, "metadata: the padding after it is not zero"},
        HeaderCase{"zero", [](auto &p) { p.sections[7].bytes = 0; }, "sections[7].bytes: the section is empty"},
        HeaderCase{"weights_short", [](auto &p) { p.sections[8].bytes -= 1; }, "weights: the padding after it"}),
    [](const auto &info) { return info.param.name; });

TEST(Plan, SectionContentsAreChecked) {
  const auto &bytes = smallPlanBytes();
  const auto openWith = [&](SectionKind kind, std::string_view contents) {
    return openBytes(withSection(bytes, sectionIndex(bytes, kind), contents));
  };
  expectError(openWith(SectionKind::Metadata, "[1]"), StatusCode::InvalidPlan, "q.plan: metadata: not a JSON object");
  expectError(openWith(SectionKind::Metadata, "{\"a\": 1, \"a\": 2}"), StatusCode::InvalidPlan,
              "q.plan: metadata: key 'a' occurs twice");
  expectError(openWith(SectionKind::Metadata, std::string(100000, '[')), StatusCode::InvalidPlan, "nested deeper");
  expectError(openWith(SectionKind::Program, "{}"), StatusCode::InvalidPlan, "q.plan: program.model: is missing");
  expectError(openWith(SectionKind::Decoder, "{}"), StatusCode::InvalidPlan, "q.plan: decoder.entry: is missing");
  expectError(openWith(SectionKind::Decoder, "["), StatusCode::InvalidPlan, "q.plan: decoder: ");
  expectError(openWith(SectionKind::Chat, "[1]"), StatusCode::InvalidPlan, "q.plan: chat: not a JSON object");
  expectError(openWith(SectionKind::Generation, "{"), StatusCode::InvalidPlan, "q.plan: generation: ");
  expectError(openWith(SectionKind::Weights, "short"), StatusCode::InvalidPlan,
              "q.plan: weights: 5 bytes; the program's weights take ");

  using namespace std::string_literals;
  expectError(openWith(SectionKind::Sources, "\1\0"s), StatusCode::InvalidPlan, "q.plan: sources: count: is missing");
  expectError(openWith(SectionKind::Sources, "\1\0\0\0\5\0\0\0\xff\xff\xff\xff"s
                                             "a.cu"),
              StatusCode::InvalidPlan, "q.plan: sources: files[0]: does not fit");
  expectError(openWith(SectionKind::Sources, "\xff\xff\xff\xff"), StatusCode::InvalidPlan, "files[0]: does not fit");
  expectError(openWith(SectionKind::Sources, "\0\0\0\0x"s), StatusCode::InvalidPlan, "bytes follow the last file");
  for (const std::string path : {"../x.cu", "/x.cu", "a/../b", "a//b", "a/", ".", "a\\b", "a\nb", "C:x", ""}) {
    std::string section = "\1\0\0\0"s;
    section += static_cast<char>(path.size());
    section += "\0\0\0"s
               "\0\0\0\0"s +
               path;
    expectError(openWith(SectionKind::Sources, section), StatusCode::InvalidPlan,
                "q.plan: sources: files[0].path: is not a plain relative path");
  }
}

TEST(Plan, PaddingBetweenWeightsIsChecked) {
  std::vector<std::byte> bytes = smallPlanBytes();
  const auto plan = Plan::fromBytes(bytes, "q.plan");
  const Weight &rope = (*plan)->program().weights[1]; // 32 bytes, then padding
  bytes[weightsSection(**plan).offset + rope.offset + rope.bytes] = std::byte(1);
  repairChecksums(bytes);
  expectError(openBytes(bytes), StatusCode::InvalidPlan, "q.plan: weights: the padding after weight 1 is not zero");
}

} // namespace
} // namespace cadenza::testing
