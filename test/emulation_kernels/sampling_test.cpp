// Select, drawing tokens: against the definition of shared/sampling.h on all rows in order.
#include "test/emulation_kernels/kernel_test.h"

namespace cadenza::emulation {
namespace {

constexpr int vocabulary = 1001;

/// Filters that leave nothing out, noise that is drawn.
Sampling drawing(float temperature = 1.0f) {
  Sampling sampling{};
  sampling.draws = 1;
  sampling.seed = 0x123456789abcdef0;
  sampling.top_p = whole_share;
  sampling.min_distance = -INFINITY;
  sampling.scale = 1.4426950408889634f / temperature;
  sampling.repetition = 1.0f;
  return sampling;
}
Sampling filtering(uint32_t topK, double topP, double minP, float temperature = 1.0f) {
  Sampling sampling = drawing(temperature);
  sampling.filters = 1;
  sampling.top_k = topK;
  sampling.top_p = static_cast<uint64_t>(topP * 0x1p32);
  sampling.min_distance = static_cast<float>(std::log2(minP));
  return sampling;
}

/// The definition.
int drawn(const Sampling &sampling, std::vector<float> logits, const std::vector<RowHistory> &history,
          uint32_t position) {
  std::vector<uint32_t> order;
  for (uint32_t row = 0; row < logits.size(); ++row) {
    order.push_back(row);
    if (sampling.adjusts)
      logits[row] = sampling::adjusted_logit(sampling, history[row], logits[row]);
  }
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return sampling::order_key(logits[a]) > sampling::order_key(logits[b]);
  });
  const auto logit = [&](uint32_t place) { return logits[order[place]]; };
  auto kept = static_cast<uint32_t>(order.size());
  if (sampling.filters) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < (sampling.top_k ? std::min(sampling.top_k, kept) : kept); ++i)
      total += sampling::weight(sampling, logit(i), logit(0));
    kept = sampling::count_kept(sampling, total, kept, logit);
  }
  Candidate best{0, 0};
  for (uint32_t i = 0; i < kept; ++i) {
    const uint32_t row = order[i];
    best.take_larger(
        Candidate::of(sampling.draws ? sampling::drawn_value(sampling, logits[row], position, row) : logits[row], row));
  }
  return static_cast<int>(~best.complement);
}

class SamplingTest : public KernelTest {
protected:
  using Instance = Select<phase::select_token>;
  std::vector<RowHistory> history;
  uint32_t slowDraws = 0;

  SequenceState state(const Sampling &sampling, int position) {
    SequenceState state{};
    state.decode = at(position - 1);
    state.host = {.tokens = upload(std::vector<int32_t>(100)),
                  .published = upload(std::vector<uint32_t>{0}),
                  .stop_requested = 0,
                  .reserved = 0};
    state.sampling = sampling;
    if (sampling.adjusts)
      state.sampling.rows = upload(history);
    state.draw.logits = allocate<float>(vocabulary);
    state.draw.space = reinterpret_cast<unsigned char *>(allocate<uint64_t>(draw_space_bytes / 8));
    state.draw.vocabulary = vocabulary;
    return state;
  }

  /// The token that is selected at `position`; history as it is after that.
  int select(const Sampling &sampling, const std::vector<float> &logits, uint32_t position, bool stopped = false) {
    auto *tokens = upload(std::vector<int32_t>(100, -1));
    auto *scratch = upload(std::vector<uint32_t>(4 + 2 * Instance::blocks));
    SequenceState before = state(sampling, static_cast<int>(position));
    before.decode.stopped = stopped;
    auto *device = upload(std::vector<SequenceState>{before});
    run<Instance>("select_token", {word(upload(logits)), word(device), word(tokens), 0, word(scratch)});
    slowDraws = download(device, 1)[0].sampling.slow_draws;
    if (sampling.adjusts)
      history = download(before.sampling.rows, vocabulary);
    return download(tokens, 100)[position];
  }

  void check(const Sampling &sampling, const std::vector<float> &logits) {
    for (const uint32_t position : {3u, 50u}) {
      const int expected = drawn(sampling, logits, history, position);
      ASSERT_EQ(select(sampling, logits, position), expected)
          << "top-k " << sampling.top_k << ", top-p " << static_cast<double>(sampling.top_p) * 0x1p-32 << ", distance "
          << sampling.min_distance << ", scale " << sampling.scale << ", position " << position;
    }
  }
  /// Every filter, and several.
  void checkAll(const std::vector<float> &logits) {
    check(drawing(), logits);
    check(drawing(0.1f), logits);
    for (const uint32_t topK : {1u, 2u, 20u, 64u, 255u, 256u, 257u, 700u, 1001u})
      for (const double topP : {1.0, 0.9})
        check(filtering(topK, topP, 0), logits);
    for (const double topP : {1e-9, 0.1, 0.5, 0.95, 0.9999})
      for (const double minP : {0.0, 0.2})
        check(filtering(0, topP, minP), logits);
    for (const double minP : {1e-4, 0.3, 1.0})
      check(filtering(0, 1, minP), logits);
    check(filtering(50, 0.8, 0.1, 0.7f), logits);
    check(filtering(5, 0.999, 0.001, 3.0f), logits);
  }
};

TEST_F(SamplingTest, IsTheDefinition) {
  checkAll(random(vocabulary, 8.0f));
  checkAll(random(vocabulary, 0.5f)); // nearly flat
}

TEST_F(SamplingTest, SchedulingDoesNotMatter) {
  const std::vector<float> logits = random(vocabulary, 8.0f);
  for (int seed = 2; seed < 8; ++seed) {
    restartWithSeed(seed);
    check(drawing(), logits);
    check(filtering(20, 0.95, 0), logits);
    check(filtering(0, 0.95, 0), logits);
    check(filtering(400, 0.95, 0.01), logits);
  }
}

TEST_F(SamplingTest, EqualLogitsAreCutByIndex) {
  checkAll(std::vector<float>(vocabulary, 2.5f));
  std::vector<float> logits(vocabulary, -1.0f); // two levels
  for (size_t i = 0; i < logits.size(); i += 3)
    logits[i] = 1.0f;
  checkAll(logits);
  for (size_t i = 1; i < logits.size(); i += 3)
    logits[i] = -0.0f;
  for (size_t i = 2; i < logits.size(); i += 3)
    logits[i] = 0.0f;
  checkAll(logits);
}

TEST_F(SamplingTest, InfinitiesAndNaN) {
  std::vector<float> logits = random(vocabulary, 4.0f);
  for (size_t i = 0; i < logits.size(); i += 2)
    logits[i] = i % 4 == 0 ? -INFINITY : NAN;
  checkAll(logits);
  logits[77] = logits[700] = INFINITY;
  checkAll(logits);
  checkAll(std::vector<float>(vocabulary, -INFINITY));
  checkAll(std::vector<float>(vocabulary, NAN));
}

TEST_F(SamplingTest, SlowDrawsAreCounted) {
  std::vector<float> logits = random(vocabulary, 0.5f);
  select(filtering(0, 0.95, 0), logits, 3);
  EXPECT_EQ(slowDraws, 1u) << "a nucleus of nearly all rows";
  select(filtering(300, 1, 0), logits, 3);
  EXPECT_EQ(slowDraws, 1u) << "more rows than are listed";
  select(filtering(0, 1, 0.5), logits, 3);
  EXPECT_EQ(slowDraws, 0u) << "min-p alone needs no order";
  logits[5] = 20.0f;
  select(filtering(0, 0.95, 0), logits, 3);
  EXPECT_EQ(slowDraws, 0u);
  select(filtering(20, 0.95, 0), logits, 3);
  EXPECT_EQ(slowDraws, 0u);
}

TEST_F(SamplingTest, PenaltiesAndBiasesComeFirst) {
  const std::vector<float> logits = random(vocabulary, 3.0f);
  history.assign(vocabulary, {});
  for (size_t i = 0; i < history.size(); ++i)
    history[i] = {.bias = i % 7 == 0 ? 1.5f : 0.0f, .seen = static_cast<uint32_t>(i % 5 == 0 ? i % 8 : 0)};
  history[500].bias = -INFINITY;
  const std::vector<RowHistory> before = history;
  for (Sampling sampling : {drawing(), filtering(20, 0.95, 0), filtering(0, 0.99, 0.01), Sampling{}}) {
    sampling.adjusts = 1;
    sampling.repetition = 1.3f;
    sampling.presence = 0.4f;
    sampling.frequency = 0.2f;
    history = before;
    for (uint32_t position = 3; position < 9; ++position) { // each token is less likely after it was selected
      std::vector<RowHistory> after = history;
      const int expected = drawn(sampling, logits, history, position);
      after[static_cast<size_t>(expected)].count_generated();
      ASSERT_EQ(select(sampling, logits, position), expected) << position;
      for (size_t i = 0; i < history.size(); ++i)
        ASSERT_EQ(history[i].seen, after[i].seen) << "row " << i;
    }
  }
}

TEST_F(SamplingTest, AStepThatIsRepeatedSelectsNothing) {
  history.assign(vocabulary, {});
  Sampling sampling = drawing();
  sampling.adjusts = 1;
  EXPECT_EQ(select(sampling, random(vocabulary, 3.0f), 3, /*stopped=*/true), -1);
  for (const RowHistory &row : history)
    ASSERT_EQ(row.seen, 0u);
}

/// Each of a few likely rows is drawn as often as its probability says.
TEST_F(SamplingTest, FollowsTheDistribution) {
  std::vector<float> logits(vocabulary, -INFINITY);
  const std::vector<double> probabilities = {0.4, 0.25, 0.2, 0.1, 0.05};
  for (size_t i = 0; i < probabilities.size(); ++i)
    logits[i * 200] = static_cast<float>(std::log(probabilities[i]));
  Sampling sampling = drawing();
  std::vector<int> counts(probabilities.size());
  constexpr int draws = 400;
  for (int i = 0; i < draws; ++i) {
    sampling.seed = static_cast<uint64_t>(i);
    ++counts[static_cast<size_t>(select(sampling, logits, 7) / 200)];
  }
  double chiSquared = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const double expected = draws * probabilities[i];
    chiSquared += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  EXPECT_LT(chiSquared, 18.5) << "four degrees of freedom: exceeded once in a thousand seeds";
}

} // namespace
} // namespace cadenza::emulation
