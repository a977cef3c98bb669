// Attention over sequences against a reference in double precision.
#include "test/emulation_kernels/attend_sequence_configs.cuh"
#include "test/emulation_kernels/tensor_test.h"

namespace cadenza::emulation {
namespace {

class AttendSequenceTest : public TensorTest {
protected:
  /// An attention as its configuration says, and its operands.
  struct Attention {
    std::string name;
    Geometry geometry;
    int batches, heads, kvHeads, queries, keys, headDim, causalOffset;
    bool hasMask, causal, zeroesMaskedRows;
    Tensor q, k, v, output;
    std::vector<float> mask; // [batches][queries][keys]

    template <class Config> static Attention of(const std::string &name) {
      using Heads = Extents<Config::batches, Config::heads>;
      using KvHeads = Extents<Config::batches, Config::kv_heads>;
      return {name,
              Geometry::of<AttendSequence<Config>>(),
              Config::batches,
              Config::heads,
              Config::kv_heads,
              Config::queries,
              Config::keys,
              Config::head_dim,
              CausalOffsetOf<Config>::value,
              Config::scores::words > 0,
              IsCausal<Config>::value,
              ZeroesMaskedRows<Config>::value,
              Tensor::of<Heads, typename Config::q>(Config::queries, Config::head_dim),
              Tensor::of<KvHeads, typename Config::k>(Config::keys, Config::head_dim),
              Tensor::of<KvHeads, typename Config::v>(Config::keys, Config::head_dim),
              Tensor::of<Heads, typename Config::output>(Config::queries, Config::head_dim),
              {}};
    }
    int kvHead(int batch, int head) const { return batch * kvHeads + head / (heads / kvHeads); }
    /// The scores of a query from `first` to `end` get this mask.
    void setMask(int query, int first, int end, float value) {
      std::fill(mask.begin() + query * keys + first, mask.begin() + query * keys + end, value);
    }
  };

  /// Random operands.
  template <class Config> Attention problem(const std::string &name) {
    Attention p = Attention::of<Config>(name);
    prepare(p);
    return p;
  }
  void prepare(Attention &p) {
    fill(p.q);
    fill(p.k);
    fill(p.v);
    mark(p.output);
    p.mask = random(p.batches * p.queries * p.keys, 3.0f);
    for (size_t i = 0; i < p.mask.size(); i += 5)
      p.mask[i] = -INFINITY;
  }

  void execute(Attention &p) {
    const uint64_t output = uploadTensor(p.output);
    Words words{uploadTensor(p.q), uploadTensor(p.k), uploadTensor(p.v), output};
    if (p.hasMask)
      words.push_back(word(upload(p.mask)));
    run(p.name, p.geometry, words, "graph_templates");
    downloadTensor(p.output, output);
    EXPECT_TRUE(isMarkedElsewhere(p.output)) << p.name << ": wrote beside the result";
  }

  /// softmax of a row's scores, as a graph computes it: NaN if all are -inf, unless it says 0.
  static std::vector<double> weights(Attention &p, int batch, int head, int query) {
    std::vector<double> scores(static_cast<size_t>(p.keys));
    double maximum = -INFINITY, sum = 0;
    for (int key = 0; key < p.keys; ++key) {
      double &score = scores[static_cast<size_t>(key)];
      for (int i = 0; i < p.headDim; ++i)
        score += static_cast<double>(p.q.at(batch * p.heads + head, query, i)) * p.k.at(p.kvHead(batch, head), key, i);
      score *= graph::score_scale;
      if (p.hasMask)
        score += p.mask[static_cast<size_t>(batch * p.queries + query) * scores.size() + static_cast<size_t>(key)];
      if (p.causal && key > query + p.causalOffset)
        score = -INFINITY;
      maximum = std::max(maximum, score);
    }
    for (double &score : scores)
      sum += score = std::exp(score - maximum);
    for (double &score : scores)
      score = p.zeroesMaskedRows && maximum == -INFINITY ? 0 : score / sum;
    return scores;
  }

  /// The largest error of an element, in units of what rounding may do.
  static double worst(Attention &p) {
    double worst = 0;
    for (int batch = 0; batch < p.batches; ++batch)
      for (int head = 0; head < p.heads; ++head)
        for (int query = 0; query < p.queries; ++query) {
          const std::vector<double> weight = weights(p, batch, head, query);
          for (int i = 0; i < p.headDim; ++i) {
            double expected = 0, magnitude = 0;
            for (int key = 0; key < p.keys; ++key) {
              const double term = weight[static_cast<size_t>(key)] * p.v.at(p.kvHead(batch, head), key, i);
              expected += term;
              magnitude += std::fabs(term);
            }
            const double actual = p.output.at(batch * p.heads + head, query, i);
            if (std::isnan(expected) && std::isnan(actual))
              continue;
            const double bound = (1.1 * rounding(p.v.type) + 0x1p-20) * magnitude +
                                 1.01 * rounding(p.output.type) * std::fabs(expected) + 1e-7;
            const double error = std::fabs(actual - expected) / bound;
            worst = std::max(worst, std::isnan(error) ? INFINITY : error);
          }
        }
    return worst;
  }

#define CADENZA_ATTENTION(name) Attention::of<graph::name>(#name),
  const std::vector<Attention> all_{CADENZA_ATTENTIONS(CADENZA_ATTENTION)};
};

TEST_F(AttendSequenceTest, EqualsTheReference) {
  for (int seed = 1; seed <= 3; ++seed) {
    restartWithSeed(seed);
    for (Attention p : all_) {
      prepare(p);
      execute(p);
      EXPECT_LE(worst(p), 1.0) << p.name << ", seed " << seed;
    }
  }
}

TEST_F(AttendSequenceTest, SameBitsUnderEverySeed) {
  for (Attention p : all_) {
    prepare(p);
    Attention first = p;
    execute(first);
    for (int seed = 2; seed <= 5; ++seed) {
      restartWithSeed(seed);
      Attention other = p;
      execute(other);
      EXPECT_EQ(0, std::memcmp(first.output.values.data(), other.output.values.data(), 4 * p.output.values.size()))
          << p.name << ", seed " << seed;
    }
  }
}

/// Rows of which nothing is left, of which the first tiles are masked, and of which all keys are as far from it as a
/// finite mask can say.
TEST_F(AttendSequenceTest, MaskedRows) {
  Attention p = problem<graph::attend_many_keys>("attend_many_keys");
  p.setMask(0, 0, p.keys, -INFINITY);
  p.setMask(1, 0, 690, -INFINITY);
  p.setMask(1, 690, 700, 0.5f);
  p.setMask(2, 0, p.keys, -3.4028234663852886e38f);
  p.setMask(3, 10, p.keys, -INFINITY);
  execute(p);
  EXPECT_LE(worst(p), 1.0);
  EXPECT_TRUE(std::isnan(p.output.at(0, 0, 0)));
  EXPECT_FALSE(std::isnan(p.output.at(0, 2, 0)));
}

TEST_F(AttendSequenceTest, MaskedRowsThatAreZero) {
  Attention p = problem<graph::attend_zeroed_warps>("attend_zeroed_warps");
  p.setMask(3, 0, p.keys, -INFINITY);
  execute(p);
  EXPECT_LE(worst(p), 1.0);
  EXPECT_EQ(p.output.at(0, 3, 5), 0.0f);
}

/// A NaN among the scores makes its row NaN, and no other.
TEST_F(AttendSequenceTest, NanStaysInItsRow) {
  Attention p = problem<graph::attend_floats>("attend_floats");
  p.q.at(0, 7, 3) = NAN;
  execute(p);
  for (int query = 0; query < p.queries; ++query)
    EXPECT_EQ(std::isnan(p.output.at(0, query, 0)), query == 7) << query;
}

/// Scores whose exponentials alone no float could hold.
TEST_F(AttendSequenceTest, LargeScores) {
  Attention p = problem<graph::attend_ring>("attend_ring");
  p.q.each([&](int64_t i) {
    float &x = p.q.values[static_cast<size_t>(i)];
    x = stored(Element::f16, 60.0f * x);
  });
  execute(p);
  EXPECT_LE(worst(p), 1.5);
}

} // namespace
} // namespace cadenza::emulation
