// Which entry runs which inputs, and how they become as long as it.
#include "runtime/decode/entry_choice.h"

#include <gtest/gtest.h>

#include <numeric>

using namespace cadenza;

namespace {

Tensor numbered(nn::Shape shape) {
  std::vector<int64_t> values(static_cast<size_t>(nn::TensorSpec{ElementType::i64, shape}.elements()));
  std::iota(values.begin(), values.end(), int64_t{1});
  return nn::tensorOf(ElementType::i64, std::move(shape), values);
}

/// Entries of batch 2 with ids and mask [2, sequence], ids transposed [sequence, 2], hidden [2, sequence, 16] and a sum
/// [2, 16].
Program encoder(const std::vector<int64_t> &sequences, const std::string &mask = "attention_mask") {
  Program program;
  program.edges.push_back({.name = "edge", .dtype = ElementType::i64, .elements = 1});
  for (int64_t sequence : sequences) {
    Entry entry{"run_" + std::to_string(sequence), {}, {}, {}};
    entry.inputs = {{PortKind::Tensor, "ids", {2, sequence}, 0},
                    {PortKind::Tensor, "turned", {sequence, 2}, 0},
                    {PortKind::Tensor, mask, {2, sequence}, 0}};
    entry.outputs = {{PortKind::Tensor, "hidden", {2, sequence, 16}, 0}, {PortKind::Tensor, "sum", {2, 16}, 0}};
    program.entries.push_back(std::move(entry));
  }
  return program;
}

Tensors inputsOf(int64_t sequence, const std::string &mask = "attention_mask", int64_t batch = 2) {
  return {{"ids", numbered({batch, sequence})},
          {"turned", numbered({sequence, batch})},
          {mask, numbered({batch, sequence})}};
}

TEST(EntryChoice, AnEntryOfExactlyTheShapesComesFirst) {
  const Program program = encoder({8, 16, 32});
  const StatusOr<EntryChoice> choice = chooseEntry(program, "", inputsOf(16), "plan");
  ASSERT_TRUE(choice.isOk());
  EXPECT_EQ(choice->entry, 1u);
  EXPECT_FALSE(choice->pads());
}

TEST(EntryChoice, ElseTheSmallestThatFits) {
  const Program program = encoder({32, 16, 8}); // in any order
  for (const auto &[length, entry] : {std::pair<int64_t, uint32_t>{1, 2}, {7, 2}, {9, 1}, {17, 0}}) {
    const StatusOr<EntryChoice> choice = chooseEntry(program, "", inputsOf(length), "plan");
    ASSERT_TRUE(choice.isOk()) << choice.status().message();
    EXPECT_EQ(choice->entry, entry) << length;
    EXPECT_EQ(choice->inputAxes, (std::vector<std::set<size_t>>{{1}, {0}, {1}}));
    EXPECT_EQ(choice->outputShape(program.entries[entry], 0), (nn::Shape{2, length, 16}));
    EXPECT_EQ(choice->outputShape(program.entries[entry], 1), (nn::Shape{2, 16}));
  }
}

TEST(EntryChoice, AnAxisOfTheSameExtentInOneEntryIsNoSequence) {
  // 16 is the width, too: of the second entry alone.
  const Program program = encoder({8, 16});
  const StatusOr<EntryChoice> choice = chooseEntry(program, "", inputsOf(12), "plan");
  ASSERT_TRUE(choice.isOk());
  EXPECT_EQ(choice->outputShape(program.entries[1], 0), (nn::Shape{2, 12, 16}));
}

TEST(EntryChoice, NoneIsAnErrorThatSaysWhatThereIs) {
  const auto expectNone = [](const Program &program, const Tensors &inputs) {
    const StatusOr<EntryChoice> choice = chooseEntry(program, "", inputs, "plan");
    ASSERT_FALSE(choice.isOk());
    EXPECT_EQ(choice.status().code(), StatusCode::InvalidArgument);
    EXPECT_NE(choice.status().message().find("run_16"), std::string::npos) << choice.status().message();
    EXPECT_NE(choice.status().message().find("\"ids\" ["), std::string::npos) << choice.status().message();
  };
  expectNone(encoder({8, 16}), inputsOf(17));
  expectNone(encoder({8, 16}), inputsOf(4, "attention_mask", 3));        // another batch
  expectNone(encoder({8, 16}, "other_mask"), inputsOf(4, "other_mask")); // nothing says what is there
  expectNone(encoder({16, 16}), inputsOf(4));                            // which axes are the sequence's, nobody knows
  Tensors uneven = inputsOf(7);
  uneven.at("ids") = numbered({2, 6});
  expectNone(encoder({8, 16}), uneven);
  Tensors empty = inputsOf(7);
  empty.at("attention_mask") = numbered({});
  expectNone(encoder({8, 16}), empty);
}

TEST(EntryChoice, AnEntryByItsNameIsTakenAsItIs) {
  const Program program = encoder({8, 16});
  const StatusOr<EntryChoice> choice = chooseEntry(program, "run_16", inputsOf(7), "plan");
  ASSERT_TRUE(choice.isOk());
  EXPECT_EQ(choice->entry, 1u);
  EXPECT_FALSE(choice->pads());
  EXPECT_FALSE(chooseEntry(program, "run_9", inputsOf(7), "plan").isOk());
}

TEST(EntryChoice, PaddingAndCutting) {
  const Tensor tensor = numbered({2, 2, 2});
  const Tensor zero = padded(tensor, {1}, {2, 3, 2}, /*repeat=*/false);
  EXPECT_EQ(nn::integers(zero), (std::vector<int64_t>{1, 2, 3, 4, 0, 0, 5, 6, 7, 8, 0, 0}));
  EXPECT_EQ(cut(zero, {2, 2, 2}).bytes, tensor.bytes);
  const Tensor again = padded(tensor, {1}, {2, 3, 2}, /*repeat=*/true);
  EXPECT_EQ(nn::integers(again), (std::vector<int64_t>{1, 2, 3, 4, 1, 2, 5, 6, 7, 8, 5, 6}));
  const Tensor both = padded(tensor, {1, 2}, {2, 3, 3}, /*repeat=*/true);
  EXPECT_EQ(nn::integers(both), (std::vector<int64_t>{1, 2, 1, 3, 4, 3, 1, 2, 1, 5, 6, 5, 7, 8, 7, 5, 6, 5}));
  EXPECT_EQ(cut(both, {2, 2, 2}).bytes, tensor.bytes);
  EXPECT_EQ(nn::integers(padded(numbered({2}), {0}, {4}, false)), (std::vector<int64_t>{1, 2, 0, 0}));
}

} // namespace
