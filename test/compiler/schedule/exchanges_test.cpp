// The verifier accepts what the compiler plans, and rejects every kind of damage.
#include "compiler/schedule/exchanges.h"
#include "test/compiler/schedule/models.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace cadenza {
namespace {

Exchanges tinyExchanges(int64_t steps = 5, int64_t headless = 1, const Model &model = tiny) {
  Lowered s(model, tinyDevice);
  EXPECT_TRUE(s.grid) << s.errors;
  return s.grid ? exchangesOf(s.grid, model.layers, steps, headless, /*parts=*/tinyDevice.ranks, /*caches=*/true)
                : Exchanges();
}

bool isAbout(const Exchanges &exchanges, const ExchangeOp &op, std::string_view what) {
  return exchanges.buffers[op.buffer].name().find(what) != std::string::npos;
}

/// Removes the first operation of `kind` on a buffer whose name has `what`, in the list of `block`.
void remove(Exchanges &exchanges, size_t block, ExchangeOp::Kind kind, std::string_view what) {
  auto &ops = exchanges.blocks[block];
  auto op =
      std::ranges::find_if(ops, [&](const ExchangeOp &op) { return op.kind == kind && isAbout(exchanges, op, what); });
  ASSERT_NE(op, ops.end());
  ops.erase(op);
}

/// Makes the buffers of set 1 those of set 0: slots that are used again in the next layer.
Exchanges withOneSet(Exchanges exchanges) {
  std::vector<uint32_t> first(exchanges.buffers.size());
  for (uint32_t i = 0; i < first.size(); ++i) {
    std::string name = exchanges.buffers[i].name();
    if (size_t at = name.find("set 1"); at != std::string::npos)
      name.replace(at, 5, "set 0");
    first[i] = static_cast<uint32_t>(std::ranges::find(exchanges.buffers, name, &ExchangeBuffer::name) -
                                     exchanges.buffers.begin());
  }
  for (auto &ops : exchanges.blocks)
    for (ExchangeOp &op : ops)
      op.buffer = first[op.buffer];
  return exchanges;
}

TEST(Exchanges, ThoseOfTheScheduleAreSafe) {
  for (int64_t layers : {1, 2, 3})
    for (int64_t headless : {0, 1, 4}) {
      Model model = tiny;
      model.layers = layers;
      Status status = verify(tinyExchanges(4, headless, model));
      EXPECT_TRUE(status.isOk()) << layers << " layers, " << headless << " headless: " << status.message();
    }
  for (auto [sumsFirst, headNorms] : {std::pair(false, false), {true, false}, {false, true}}) {
    Model model = qwen3Small;
    model.sumsFirst = sumsFirst;
    model.headNorms = headNorms;
    Lowered s(model, h100);
    ASSERT_TRUE(s.grid) << s.errors;
    Status status = verifyExchanges(s.grid);
    EXPECT_TRUE(status.isOk()) << status.message();
  }
}

/// A group of eight ranks for each of two KV heads and one more, with just as much work as they need.
struct LeastWork : Lowered {
  static Model model() {
    Model model = tiny;
    model.shape.hidden = 128;
    model.shape.headDim = 32;
    model.shape.units = 192;
    return model;
  }
  static PersistentDevice device() {
    PersistentDevice device = tinyDevice;
    device.ranks = 8;
    return device;
  }
  LeastWork() : Lowered(model(), device()) {}
};

TEST(Exchanges, RanksThatSendNothingMayBeOvertaken) {
  LeastWork s;
  ASSERT_TRUE(s.grid) << s.errors;
  EXPECT_EQ(s.grid.getGroups(), 3u);
  Status status = verifyExchanges(s.grid);
  EXPECT_TRUE(status.isOk()) << status.message();
  using Damage = void (*)(Lowered &);
  const std::pair<const char *, Damage> damages[] = {
      {"rows of the residual stream",
       [](Lowered &s) {
         for (llvm::StringRef phase : {"layer_output", "layer_down"})
           s.compute(phase).setRows(112);
       }},
      {"rows of query, key and value", [](Lowered &s) { s.compute("layer_query_key_key").setRows(128); }},
      {"units", [](Lowered &s) { s.compute("layer_gate_gate").setStarts({{0, 1, 4}}); }}};
  for (const auto &[what, damage] : damages) {
    LeastWork damaged;
    damage(damaged);
    status = verifyExchanges(damaged.grid);
    EXPECT_EQ(status.code(), StatusCode::Internal) << what;
    EXPECT_NE(status.message().find("may overwrite"), std::string::npos) << what << ": " << status.message();
  }
}

TEST(Exchanges, OneSetOfSlotsIsNotEnough) {
  // Groups without a KV head publish nothing for attention: nobody knows that they have read.
  Status status = verify(withOneSet(tinyExchanges()));
  EXPECT_EQ(status.code(), StatusCode::Internal);
  EXPECT_NE(status.message().find("may overwrite partial sums"), std::string::npos) << status.message();
}

/// The key's sums of squares are published by one of the groups that have the same KV head, and read by all.
TEST(Exchanges, GroupsThatShareAKeyAgreeOnWhoPublishes) {
  Model model = tiny;
  model.shape.headDim = 32;
  model.headNorms = true;
  PersistentDevice device = tinyDevice;
  device.groups = 4;
  device.subgroups = 2;
  Lowered s(model, device);
  ASSERT_TRUE(s.grid) << s.errors;
  EXPECT_TRUE(verifyExchanges(s.grid).isOk()) << verifyExchanges(s.grid).message();
  std::vector<int64_t> writers;
  const Exchanges exchanges = exchangesOf(s.grid, model.layers, 1, 0, 2);
  for (const ExchangeBuffer &buffer : exchanges.buffers)
    if (buffer.what == "sums of squares of all keys (part 0)")
      writers.push_back(buffer.writer);
  EXPECT_EQ(writers, (std::vector<int64_t>{0, 4, 1, 5})); // ranks 0 and 1 of groups 0 and 2, as they are read
}

/// Four groups share the context of a KV head, in every `sharing`-th layer.
Exchanges sharedExchanges(int64_t sharing = 1) {
  Model model = tiny;
  model.shape.kvHeads = 1;
  model.shape.headDim = 32;
  PersistentDevice device = tinyDevice;
  device.groups = 4;
  device.subgroups = 4;
  Lowered s(model, device);
  EXPECT_TRUE(s.grid) << s.errors;
  if (!s.grid)
    return {};
  EXPECT_FALSE(s.compute("layer_attend").getSharing());
  sched::GridOp shared = sched::continuationOf(s.grid);
  EXPECT_TRUE(shared);
  if (!shared)
    return {};
  EXPECT_EQ(*shared.getSharingCompute().getSharing(), 4u);
  EXPECT_TRUE(verifyExchanges(shared).isOk()) << verifyExchanges(shared).message();
  return exchangesOf(shared, model.layers, 5, 1, device.ranks, /*caches=*/true, sharing);
}

TEST(Exchanges, GroupsThatShareAContextAgree) {
  EXPECT_TRUE(verify(sharedExchanges()).isOk());
  EXPECT_TRUE(verify(sharedExchanges(2)).isOk());
  for (std::string_view what : {"queries of a shared context", "heads over a shared context"}) {
    Exchanges missing = sharedExchanges();
    remove(missing, 1, ExchangeOp::Write, what);
    EXPECT_NE(verify(missing).message().find("waits for ever for "), std::string::npos) << what;
    Exchanges late = sharedExchanges();
    auto &ops = late.blocks[1];
    auto op = std::ranges::find_if(
        ops, [&](const ExchangeOp &op) { return op.kind == ExchangeOp::Finish && isAbout(late, op, what); });
    ASSERT_NE(op, ops.end()) << what;
    std::rotate(op, op + 1, ops.end()); // it still reads when the step is over
    EXPECT_NE(verify(late).message().find("may overwrite"), std::string::npos) << what;
  }
}

TEST(Exchanges, AMissingWriteIsAWaitForEver) {
  Model model = tiny;
  model.headNorms = true;
  for (std::string_view what : {"rows of query", "all queries", "all keys", "parts of the context", "residual stream",
                                "units", "(part 0, set", "(part 1, set", "candidates"}) {
    Exchanges exchanges = tinyExchanges(5, 1, model);
    remove(exchanges, 1, ExchangeOp::Write, what);
    Status status = verify(exchanges);
    EXPECT_EQ(status.code(), StatusCode::Internal) << what;
    EXPECT_NE(status.message().find("waits for ever for "), std::string::npos) << what << ": " << status.message();
  }
}

TEST(Exchanges, AReaderThatTakesItsTimeIsSeen) {
  for (std::string_view what :
       {"rows of query", "all queries", "all keys", "parts of the context", "sums of squares", "residual stream",
        "units", "(part 0, set", "(part 1, set", "candidates", "oldest position"}) {
    Model model = tiny;
    model.sumsFirst = what == "sums of squares";
    model.headNorms = what.starts_with("all ");
    Exchanges exchanges = tinyExchanges(5, 1, model);
    auto &ops = exchanges.blocks[1];
    auto op = std::ranges::find_if(ops, [&](const ExchangeOp &op) {
      return op.kind == ExchangeOp::Finish && isAbout(exchanges, op, what) && !isAbout(exchanges, op, "of block 1");
    });
    ASSERT_NE(op, ops.end()) << what;
    std::rotate(op, op + 1, ops.end()); // it still reads when the step is over
    EXPECT_NE(verify(exchanges).message().find("may overwrite"), std::string::npos) << what;
  }
}

TEST(Exchanges, WaitingForEachOtherIsSeen) {
  Exchanges exchanges;
  exchanges.buffers = {{"a", 0, 1}, {"b", 1, 0}};
  exchanges.blocks = {{{ExchangeOp::Read, 1}, {ExchangeOp::Write, 0}}, {{ExchangeOp::Read, 0}, {ExchangeOp::Write, 1}}};
  Status status = verify(exchanges);
  EXPECT_EQ(status.message(), "the schedule is wrong: block 0 waits for ever for b of block 1 for block 0");
}

} // namespace
} // namespace cadenza
