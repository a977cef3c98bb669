// Attention over the cache, for every grouping, head size and number of splits that is instantiated.
#include "test/emulation_kernels/kernel_test.h"

namespace cadenza::emulation {
namespace {

class AttendTest : public KernelTest {
protected:
  static constexpr int context = 130;

  template <class Config>
  std::vector<float> attend(const std::string &name, int position, const std::vector<float> &q,
                            const std::vector<float> &keys, const std::vector<float> &values, uint64_t window = 0,
                            uint64_t positions = context) {
    using Instance = Attend<Config>;
    auto *out = allocate<typename Config::output_type>(q.size());
    Words words = {word(upload(q)),
                   word(out),
                   word(upload(bits<bf16>(keys))),
                   word(upload(bits<bf16>(values))),
                   word(uploadState(at(position))),
                   positions};
    if (Instance::windowed)
      words.push_back(window);
    uint32_t *scratch = nullptr;
    if (Instance::splits > 1) {
      scratch = upload(std::vector<uint32_t>(Instance::scratch_bytes / 4));
      words.push_back(word(scratch));
    }
    run<Instance>(name, words);
    if (scratch) {
      for (uint32_t counter : download(scratch, static_cast<size_t>(Config::kv_heads * SubgroupsOf<Config>::value)))
        EXPECT_EQ(counter, 0u) << "the counter is reset for the next launch";
    }
    std::vector<float> result;
    for (auto x : download(out, q.size()))
      result.push_back(arch::to_float(x));
    return result;
  }

  template <class Config> void check(const std::string &name, double tolerance, int window = 0) {
    constexpr size_t dim = Config::head_dim, heads = Config::heads, group = Config::heads / Config::kv_heads;
    const std::vector<float> q = random(static_cast<int>(heads * dim), 2.0f);
    std::vector<float> keys = rounded<bf16>(random(static_cast<int>(Config::kv_heads * context * dim)));
    const std::vector<float> values = rounded<bf16>(random(static_cast<int>(Config::kv_heads * context * dim)));
    for (int position : {0, 1, 15, 16, 31, 48, 67, 129}) {
      SCOPED_TRACE(name + " at position " + std::to_string(position));
      // What lies before the window must not be read: it would make everything a NaN.
      const int begin = window > 0 ? std::max(0, position + 1 - window) : 0;
      std::vector<float> poisonedKeys = keys, poisonedValues = values;
      for (size_t head = 0; head < Config::kv_heads; ++head)
        for (size_t i = head * context * dim; i < (head * context + static_cast<size_t>(begin)) * dim; ++i)
          poisonedKeys[i] = poisonedValues[i] = NAN;
      const std::vector<float> actual =
          attend<Config>(name, position, q, poisonedKeys, poisonedValues, static_cast<uint64_t>(window));
      std::vector<double> expected(heads * dim);
      for (size_t head = 0; head < heads; ++head) {
        const size_t first = head / group * context * dim;
        std::vector<double> scores(static_cast<size_t>(position) + 1, -INFINITY);
        for (size_t p = static_cast<size_t>(begin); p < scores.size(); ++p) {
          scores[p] = 0;
          for (size_t i = 0; i < dim; ++i)
            scores[p] += static_cast<double>(q[head * dim + i]) * keys[first + p * dim + i];
          scores[p] *= Config::scale;
          if constexpr (requires { Config::cap; })
            scores[p] = Config::cap * std::tanh(scores[p] / Config::cap);
        }
        const double maximum = *std::max_element(scores.begin(), scores.end());
        double sum = 0;
        for (double &score : scores)
          sum += score = std::exp(score - maximum);
        for (size_t p = 0; p < scores.size(); ++p)
          for (size_t i = 0; i < dim; ++i)
            expected[head * dim + i] += scores[p] / sum * values[first + p * dim + i];
      }
      expectNear(actual, expected, tolerance);
    }
    const auto at67 = [&] { return attend<Config>(name, 67, q, keys, values, static_cast<uint64_t>(window)); };
    const std::vector<float> before = at67();
    for (int seed = 2; seed < 4; ++seed) {
      restartWithSeed(seed);
      EXPECT_EQ(before, at67()) << name << ": bits depend on scheduling";
    }
  }
};

TEST_F(AttendTest, HeadDim16) { check<phase::attend_16>("attend_16", 1e-5); }
TEST_F(AttendTest, HeadDim64) { check<phase::attend_64>("attend_64", 1e-5); }
TEST_F(AttendTest, HeadDim128OneSplit) { check<phase::attend_128>("attend_128", 1e-5); }
TEST_F(AttendTest, SixteenHeadsOnAKvHead) { check<phase::attend_group_16>("attend_group_16", 1e-5); }
TEST_F(AttendTest, SubgroupsOfTheHeadsOnAKvHead) { check<phase::attend_subgroups>("attend_subgroups", 1e-5); }
TEST_F(AttendTest, FiveHeadsOfDim80) { check<phase::attend_80>("attend_80", 1e-5); }
TEST_F(AttendTest, Window) {
  for (int window : {0, 1, 7, 16, 50, 129, 130, 4096}) {
    SCOPED_TRACE("window of " + std::to_string(window));
    check<phase::attend_window>("attend_window", 1e-5, window);
    check<phase::attend_window_one_split>("attend_window_one_split", 1e-5, window);
  }
}

/// A window that is not there changes no bit.
TEST_F(AttendTest, WindowOfNothingIsNone) {
  const std::vector<float> q = random(4 * 64), keys = random(2 * context * 64), values = random(2 * context * 64);
  EXPECT_EQ(attend<phase::attend_64>("attend_64", 100, q, keys, values),
            attend<phase::attend_window>("attend_window", 100, q, keys, values, 0));
  EXPECT_EQ(attend<phase::attend_64>("attend_64", 100, q, keys, values),
            attend<phase::attend_window>("attend_window", 100, q, keys, values, 101));
  EXPECT_NE(attend<phase::attend_64>("attend_64", 100, q, keys, values),
            attend<phase::attend_window>("attend_window", 100, q, keys, values, 100));
}

/// Positions of a ring, in their places: the same bits as those of a cache that keeps all of them. What the cache has
/// room for beyond the window holds older positions, or the newest ones of another sequence.
TEST_F(AttendTest, Ring) {
  const std::vector<float> q = random(4 * 64), keys = random(2 * context * 64), values = random(2 * context * 64);
  for (int window : {1, 7, 16, 50}) {
    for (int kept : {window, window + 3}) {
      const auto ring = [&](const std::vector<float> &whole, int position) {
        std::vector<float> placed(static_cast<size_t>(2 * kept * 64), 1000.0f);
        for (int head = 0; head < 2; ++head)
          for (int p = std::max(0, position + 1 - kept); p <= position; ++p)
            std::copy_n(whole.begin() + (head * context + p) * 64, 64, placed.begin() + (head * kept + p % kept) * 64);
        return placed;
      };
      for (int position : {0, window - 1, window, window + 1, 2 * window, 2 * window + 5, 3 * window - 1, 129}) {
        if (position >= context)
          continue;
        SCOPED_TRACE("window of " + std::to_string(window) + " in " + std::to_string(kept) + ", position " +
                     std::to_string(position));
        const auto w = static_cast<uint64_t>(window);
        EXPECT_EQ(attend<phase::attend_ring>("attend_ring", position, q, ring(keys, position), ring(values, position),
                                             w, static_cast<uint64_t>(kept)),
                  attend<phase::attend_window>("attend_window", position, q, keys, values, w));
      }
    }
  }
  // A layer of the same body that has no window.
  EXPECT_EQ(attend<phase::attend_ring>("attend_ring", 100, q, keys, values, 0),
            attend<phase::attend_64>("attend_64", 100, q, keys, values));
}

TEST_F(AttendTest, CappedScores) { check<phase::attend_capped>("attend_capped", 1e-5); }
TEST_F(AttendTest, SlicesOfAHead) {
  check<phase::attend_slices_256>("attend_slices_256", 1e-5);
  check<phase::attend_slices_160>("attend_slices_160", 1e-5);
  check<phase::attend_slices_136>("attend_slices_136", 1e-5);
  check<phase::attend_slices_248>("attend_slices_248", 1e-5);
}
TEST_F(AttendTest, HeadDim256StoredAsBf16) { check<phase::attend_256>("attend_256", 0.004); }

} // namespace
} // namespace cadenza::emulation
