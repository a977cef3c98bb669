// Attention of a tile of tokens over the cache: against a reference in double precision, against the attention of one
// token, and against itself in other tiles, bit for bit.
#include "test/emulation_kernels/attend_tokens_configs.cuh"
#include "test/emulation_kernels/kernel_test.h"

namespace cadenza::emulation {
namespace {

template <class Config>
constexpr bool onHopper = std::is_same_v<std::remove_cv_t<decltype(Config::tiles)>, AttendWgmmaTiles>;

class AttendTokensTest : public KernelTest {
protected:
  using Rows = std::vector<std::vector<float>>; // [tokens][heads * head_dim]

  /// A sequence: keys and values of its positions, and a query for each of them.
  struct Sequence {
    int heads, kvHeads, headDim, length;
    std::vector<float> q;            // [length][heads][head_dim]
    std::vector<float> keys, values; // [kv_heads][length][head_dim]

    size_t row() const { return static_cast<size_t>(heads * headDim); }
    const float *at(const std::vector<float> &cache, int kvHead, int position) const {
      return &cache[static_cast<size_t>((kvHead * length + position) * headDim)];
    }
  };
  /// What a cache has beside the sequence.
  struct Kept {
    int positions, begin, end; // of the cache; positions of the sequence that it holds
    bool ring = false;
  };

  template <class Config> Sequence sequence(int length, float scale = 2.0f) {
    using Cache = typename Config::cache_type;
    const int cached = Config::kv_heads * length * Config::head_dim;
    Sequence s{Config::heads, Config::kv_heads, Config::head_dim, length, {}, {}, {}};
    s.q = rounded<Cache>(random(Config::heads * length * Config::head_dim, scale));
    s.keys = rounded<Cache>(random(cached));
    s.values = rounded<Cache>(random(cached));
    return s;
  }

  /// All else in the cache is NaN.
  template <class T> static std::vector<uint16_t> cache(const Sequence &s, const std::vector<float> &of, Kept kept) {
    const auto dim = static_cast<size_t>(s.headDim);
    std::vector<uint16_t> placed(static_cast<size_t>(s.kvHeads * kept.positions) * dim, bits<T>(NAN));
    for (int head = 0; head < s.kvHeads; ++head)
      for (int p = kept.begin; p < kept.end; ++p) {
        const int place = kept.ring ? p % kept.positions : p;
        for (size_t i = 0; i < dim; ++i)
          placed[static_cast<size_t>(head * kept.positions + place) * dim + i] = bits<T>(s.at(of, head, p)[i]);
      }
    return placed;
  }
  template <class T> static std::vector<T> edge(const Sequence &s, int base, int live, int tokens) {
    const size_t stride = (s.row() * sizeof(T) + 255) / 256 * 256 / sizeof(T);
    std::vector<T> rows(stride * static_cast<size_t>(tokens), arch::from_float<T>(NAN));
    for (int token = 0; token < live; ++token)
      for (size_t i = 0; i < s.row(); ++i)
        rows[static_cast<size_t>(token) * stride + i] =
            arch::from_float<T>(s.q[static_cast<size_t>(base + token) * s.row() + i]);
    return rows;
  }

  /// The outputs of the tile of `tokens` tokens from position `base` on, of which `live` are; NaN elsewhere.
  template <class Config>
  Rows attend(const std::string &name, const Sequence &s, int base, int live, int tokens, Kept kept, int window = 0) {
    using Instance = std::conditional_t<onHopper<Config>, AttendTokensWgmma<Config>, AttendTokens<Config>>;
    using Output = typename Config::output_type;
    const std::vector<Output> marks = edge<Output>(s, 0, 0, tokens);
    Output *output = upload(marks);
    DecodeState state = at(base);
    state.forced_tokens = base + live;
    Words words{word(upload(edge<typename Config::query_type>(s, base, live, tokens))),
                word(output),
                word(upload(cache<typename Config::cache_type>(s, s.keys, kept))),
                word(upload(cache<typename Config::cache_type>(s, s.values, kept))),
                word(uploadState(state)),
                static_cast<uint64_t>(kept.positions)};
    if (Instance::windowed)
      words.push_back(static_cast<uint64_t>(window));
    const AttendTokenShape shape{tokens, Config::heads, Config::kv_heads, Config::head_dim};
    EXPECT_EQ(shape.rows() % Config::tiles.rows(), 0) << "the grid says how many tokens there are";
    AttendTokenLaunch launch;
    if constexpr (onHopper<Config>)
      launch = attend_wgmma_launch(Config::tiles, shape);
    else
      launch = attend_token_launch(Config::tiles, shape);
    EXPECT_EQ(launch.shared_bytes, Instance::shared_bytes);
    run(name, {launch.blocks, launch.threads, launch.shared_bytes, Instance::words}, words,
        onHopper<Config> ? "wgmma_templates" : "token_templates");
    const std::vector<Output> raw = download(output, marks.size());
    const size_t stride = marks.size() / static_cast<size_t>(tokens);
    Rows rows;
    for (int token = 0; token < tokens; ++token)
      for (size_t i = 0; i < stride; ++i) {
        const float x = arch::to_float(raw[static_cast<size_t>(token) * stride + i]);
        if (i == 0)
          rows.emplace_back();
        if (i < s.row())
          rows.back().push_back(x);
        else
          EXPECT_TRUE(std::isnan(x)) << "wrote behind token " << token;
      }
    return rows;
  }
  /// From a cache with room for `context` positions.
  template <class Config>
  Rows attend(const std::string &name, const Sequence &s, int base, int live, int tokens, int window = 0) {
    return attend<Config>(name, s, base, live, tokens,
                          {s.length + 5, window > 0 ? std::max(0, base + 1 - window) : 0, base + live}, window);
  }

  /// Of one position: element by element the value, and what the weighted values come to without their signs.
  template <class Config>
  static std::pair<std::vector<double>, std::vector<double>> reference(const Sequence &s, int position, int window) {
    std::vector<double> expected(s.row()), magnitude(s.row());
    const int begin = window > 0 ? std::max(0, position + 1 - window) : 0;
    for (int head = 0; head < s.heads; ++head) {
      const int kvHead = head / (s.heads / s.kvHeads);
      const auto first = static_cast<size_t>(head * s.headDim);
      const float *q = &s.q[static_cast<size_t>(position) * s.row() + first];
      std::vector<double> weights;
      for (int p = begin; p <= position; ++p) {
        double score = 0;
        for (int i = 0; i < s.headDim; ++i)
          score += static_cast<double>(q[i]) * s.at(s.keys, kvHead, p)[i];
        score *= Config::scale;
        if constexpr (requires { Config::cap; })
          score = Config::cap * std::tanh(score / Config::cap);
        weights.push_back(score);
      }
      const double maximum = *std::max_element(weights.begin(), weights.end());
      double sum = 0;
      for (double &x : weights)
        sum += x = std::exp(x - maximum);
      for (int p = begin; p <= position; ++p)
        for (int i = 0; i < s.headDim; ++i) {
          const double term = weights[static_cast<size_t>(p - begin)] / sum * s.at(s.values, kvHead, p)[i];
          expected[first + static_cast<size_t>(i)] += term;
          magnitude[first + static_cast<size_t>(i)] += std::fabs(term);
        }
    }
    return {expected, magnitude};
  }
  template <class T> static double rounding() {
    return std::is_same_v<T, bf16> ? 0x1p-8 : std::is_same_v<T, f16> ? 0x1p-11 : 0x1p-24;
  }
  /// Every live token is as the reference says, every other one untouched.
  template <class Config>
  void expectReference(const Rows &actual, const Sequence &s, int base, int live, int window = 0, double limit = 1.0) {
    double worst = 0;
    for (int token = 0; token < static_cast<int>(actual.size()); ++token) {
      const std::vector<float> &row = actual[static_cast<size_t>(token)];
      if (token >= live) {
        EXPECT_TRUE(std::all_of(row.begin(), row.end(), [](float x) { return std::isnan(x); })) << "token " << token;
        continue;
      }
      const auto [expected, magnitude] = reference<Config>(s, base + token, window);
      for (size_t i = 0; i < row.size(); ++i) {
        const double bound = (1.1 * rounding<typename Config::cache_type>() + 0x1p-19) * magnitude[i] +
                             1.01 * rounding<typename Config::output_type>() * std::fabs(expected[i]) + 1e-7;
        const double error = std::fabs(row[i] - expected[i]) / bound;
        worst = std::max(worst, std::isnan(error) ? INFINITY : error);
      }
    }
    EXPECT_LE(worst, limit) << "from " << base << ", " << live << " live, window " << window;
  }
  template <class Config> void check(const std::string &name, int window = 0) {
    SCOPED_TRACE(name);
    const Sequence s = sequence<Config>(230);
    struct Tile {
      int base, live, tokens;
    };
    for (const Tile t :
         {Tile{0, 16, 16}, {0, 1, 16}, {0, 40, 64}, {37, 5, 16}, {63, 16, 16}, {64, 64, 64}, {166, 64, 64}})
      if (t.tokens * (Config::heads / Config::kv_heads) % Config::tiles.rows() == 0)
        expectReference<Config>(attend<Config>(name, s, t.base, t.live, t.tokens, window), s, t.base, t.live, window);
  }

  /// The tokens from `base` on, in tiles of so many.
  template <class Config>
  Rows inTiles(const std::string &name, const Sequence &s, int base, int count, int tokens, int window = 0) {
    Rows rows;
    for (int first = 0; first < count; first += tokens) {
      const int live = std::min(tokens, count - first);
      const Rows tile = attend<Config>(name, s, base + first, live, tokens, window);
      rows.insert(rows.end(), tile.begin(), tile.begin() + live);
    }
    return rows;
  }
};

TEST_F(AttendTokensTest, EqualsTheReference) {
  check<phase::tokens_8>("tokens_8");
  check<phase::tokens_24>("tokens_24");
  check<phase::tokens_64>("tokens_64");
  check<phase::tokens_64_two>("tokens_64_two");
  check<phase::tokens_64_wide>("tokens_64_wide");
  check<phase::tokens_64_large>("tokens_64_large");
  check<phase::tokens_128>("tokens_128");
  check<phase::tokens_128_wide>("tokens_128_wide");
  check<phase::tokens_200>("tokens_200");
  check<phase::tokens_256>("tokens_256");
  check<phase::tokens_capped>("tokens_capped");
}
TEST_F(AttendTokensTest, ManyHeadsOnAKvHead) {
  check<phase::tokens_80>("tokens_80");
  check<phase::tokens_96_of_8>("tokens_96_of_8");
}
TEST_F(AttendTokensTest, Window) {
  for (int window : {0, 1, 7, 32, 64, 65, 100, 4096}) {
    check<phase::tokens_window>("tokens_window", window);
    check<phase::tokens_window_24>("tokens_window_24", window);
    check<phase::tokens_window_256>("tokens_window_256", window);
  }
}

/// Bits depend neither on the size of the tile, nor on a row's place in it, nor on how it is divided.
TEST_F(AttendTokensTest, EveryTileGivesTheSameBits) {
  const Sequence s = sequence<phase::tokens_64>(230);
  const Rows expected = inTiles<phase::tokens_64>("tokens_64", s, 0, 230, 16);
  for (int tokens : {16, 48, 64, 256})
    for (int base : {0, 19}) {
      SCOPED_TRACE("tiles of " + std::to_string(tokens) + " from " + std::to_string(base));
      const Rows part(expected.begin() + base, expected.end());
      EXPECT_EQ(part, inTiles<phase::tokens_64>("tokens_64", s, base, 230 - base, tokens));
      EXPECT_EQ(part, inTiles<phase::tokens_64_two>("tokens_64_two", s, base, 230 - base, tokens));
      EXPECT_EQ(part, inTiles<phase::tokens_64_wide>("tokens_64_wide", s, base, 230 - base, tokens));
      if (tokens % 64 == 0) {
        EXPECT_EQ(part, inTiles<phase::tokens_64_large>("tokens_64_large", s, base, 230 - base, tokens));
      }
      EXPECT_EQ(part, inTiles<phase::tokens_window>("tokens_window", s, base, 230 - base, tokens, 0));
      EXPECT_EQ(part, inTiles<phase::tokens_window>("tokens_window", s, base, 230 - base, tokens, 230));
    }
  const Rows narrow = inTiles<phase::tokens_window>("tokens_window", s, 0, 230, 16, 70);
  EXPECT_NE(narrow, expected);
  for (int tokens : {48, 256})
    EXPECT_EQ(narrow, inTiles<phase::tokens_window>("tokens_window", s, 0, 230, tokens, 70));
  const Sequence of128 = sequence<phase::tokens_128>(150);
  EXPECT_EQ(inTiles<phase::tokens_128>("tokens_128", of128, 0, 150, 16),
            inTiles<phase::tokens_128_wide>("tokens_128_wide", of128, 0, 150, 64));
}

TEST_F(AttendTokensTest, SameBitsUnderEverySeed) {
  const Sequence s = sequence<phase::tokens_64>(230), of24 = sequence<phase::tokens_24>(230),
                 of128 = sequence<phase::tokens_128>(230);
  const auto all = [&] {
    std::vector<Rows> results;
    for (int base : {0, 100}) {
      results.push_back(attend<phase::tokens_64>("tokens_64", s, base, 60, 64));
      results.push_back(attend<phase::tokens_64_two>("tokens_64_two", s, base, 64, 64));
      results.push_back(attend<phase::tokens_64_large>("tokens_64_large", s, base, 64, 64));
      results.push_back(attend<phase::tokens_24>("tokens_24", of24, base, 64, 64));
      results.push_back(attend<phase::tokens_128>("tokens_128", of128, base, 64, 64));
      results.push_back(attend<phase::tokens_128_wide>("tokens_128_wide", of128, base, 64, 64));
    }
    for (Rows &rows : results)
      rows.resize(60); // what is live in all of them
    return results;
  };
  const std::vector<Rows> expected = all();
  for (int seed = 2; seed <= 12; ++seed) {
    restartWithSeed(seed);
    EXPECT_EQ(expected, all()) << "seed " << seed;
  }
}

TEST_F(AttendTokensTest, WgmmaEqualsTheReference) {
  check<phase::wgmma_64>("wgmma_64");
  check<phase::wgmma_64_two>("wgmma_64_two");
  check<phase::wgmma_96_of_8>("wgmma_96_of_8");
  check<phase::wgmma_128>("wgmma_128");
  check<phase::wgmma_128_two>("wgmma_128_two");
  check<phase::wgmma_capped>("wgmma_capped");
  for (int window : {0, 1, 7, 64, 65, 100, 4096})
    check<phase::wgmma_window>("wgmma_window", window);
}
/// Those of the kernel of every GPU.
TEST_F(AttendTokensTest, WgmmaGivesTheSameBits) {
  const Sequence s = sequence<phase::tokens_64>(330);
  const Rows expected = inTiles<phase::tokens_64>("tokens_64", s, 0, 330, 16);
  const Sequence of128 = sequence<phase::tokens_128>(330), of96 = sequence<phase::tokens_96_of_8>(100);
  const Rows expected128 = inTiles<phase::tokens_128>("tokens_128", of128, 0, 330, 16);
  for (int seed = 1; seed <= 4; ++seed) {
    restartWithSeed(seed);
    for (int tokens : {64, 128, 320}) {
      EXPECT_EQ(expected, inTiles<phase::wgmma_64>("wgmma_64", s, 0, 330, tokens));
      EXPECT_EQ(expected, inTiles<phase::wgmma_64_two>("wgmma_64_two", s, 0, 330, tokens));
      EXPECT_EQ(expected128, inTiles<phase::wgmma_128>("wgmma_128", of128, 0, 330, tokens));
      EXPECT_EQ(expected128, inTiles<phase::wgmma_128_two>("wgmma_128_two", of128, 0, 330, tokens));
    }
  }
  EXPECT_EQ(inTiles<phase::tokens_96_of_8>("tokens_96_of_8", of96, 0, 100, 16),
            inTiles<phase::wgmma_96_of_8>("wgmma_96_of_8", of96, 0, 100, 64));
  for (int window : {7, 64, 90}) {
    Rows ring = attend<phase::wgmma_ring>("wgmma_ring", s, 150, 100, 128, {window + 140, 250 - window - 140, 250, true},
                                          window);
    ring.resize(100);
    EXPECT_EQ(ring, inTiles<phase::tokens_window>("tokens_window", s, 150, 100, 16, window));
  }
}

/// Positions of a ring, in their places: the same bits as those of a cache that keeps all of them.
TEST_F(AttendTokensTest, Ring) {
  const Sequence s = sequence<phase::tokens_ring>(230);
  struct Tile {
    int base, live, tokens;
  };
  for (int window : {1, 7, 64, 90})
    for (const Tile t : {Tile{0, 16, 16}, {0, 64, 64}, {50, 64, 64}, {111, 16, 16}, {150, 80, 80}, {214, 3, 16}})
      for (int kept : {window + t.tokens - 1, window + t.tokens + 9}) {
        SCOPED_TRACE("window of " + std::to_string(window) + " in " + std::to_string(kept) + ", from " +
                     std::to_string(t.base));
        const int end = t.base + t.live;
        Rows ring = attend<phase::tokens_ring>("tokens_ring", s, t.base, t.live, t.tokens,
                                               {kept, std::max(0, end - kept), end, true}, window);
        Rows all = inTiles<phase::tokens_window>("tokens_window", s, t.base, t.live, t.tokens, window);
        ring.resize(static_cast<size_t>(t.live));
        EXPECT_EQ(ring, all);
      }
  // A layer of the same body that has no window.
  EXPECT_EQ(attend<phase::tokens_ring>("tokens_ring", s, 100, 64, 64),
            attend<phase::tokens_64>("tokens_64", s, 100, 64, 64));
}

/// Queries of another type are rounded to that of the cache, and no further.
TEST_F(AttendTokensTest, QueriesAreRoundedToTheCachesType) {
  Sequence s = sequence<phase::tokens_64>(100);
  s.q = random(static_cast<int>(s.q.size()), 2.0f);
  const Rows of = attend<phase::tokens_64>("tokens_64", s, 20, 64, 64);
  s.q = rounded<bf16>(s.q);
  EXPECT_EQ(of, attend<phase::tokens_64>("tokens_64", s, 20, 64, 64));
  expectReference<phase::tokens_64>(of, s, 20, 64);
}

/// The attention of one token rounds no weights: what is left between the two is that.
TEST_F(AttendTokensTest, IsNearTheAttentionOfOneToken) {
  using One = phase::attend_64;
  const Sequence s = sequence<phase::tokens_64>(130);
  const Rows tile = inTiles<phase::tokens_64_two>("tokens_64_two", s, 0, 130, 64);
  double squares = 0, differences = 0;
  for (int position : {0, 1, 15, 63, 64, 100, 129}) {
    const auto first = s.q.begin() + position * static_cast<int>(s.row());
    float *output = allocate<float>(s.row());
    run<Attend<One>>("attend_64", {word(upload(std::vector<float>(first, first + static_cast<int>(s.row())))),
                                   word(output), word(upload(bits<bf16>(s.keys))), word(upload(bits<bf16>(s.values))),
                                   word(uploadState(at(position))), static_cast<uint64_t>(s.length),
                                   word(upload(std::vector<uint32_t>(Attend<One>::scratch_bytes / 4)))});
    const std::vector<float> one = download(output, s.row());
    for (size_t i = 0; i < one.size(); ++i) {
      const double difference = one[i] - tile[static_cast<size_t>(position)][i];
      squares += static_cast<double>(one[i]) * one[i];
      differences += difference * difference;
    }
  }
  EXPECT_LE(std::sqrt(differences / squares), 0.003);
  EXPECT_GT(differences, 0);
}

/// A launch that may begin before the one whose result its queries are.
TEST_F(AttendTokensTest, WaitsForTheLaunchBefore) {
  using Config = phase::tokens_64_two;
  constexpr int tokens = 16;
  const Sequence s = sequence<Config>(100);
  const auto twice = [&](bool dependent) {
    const AttendTokenLaunch geometry =
        attend_token_launch(Config::tiles, {tokens, Config::heads, Config::kv_heads, Config::head_dim});
    const std::vector<float> first = edge<float>(s, 60, tokens, tokens), nothing = edge<float>(s, 60, 0, tokens);
    DecodeState state = at(60);
    state.forced_tokens = 60 + tokens;
    float *edges[] = {upload(first), upload(nothing), upload(nothing)};
    const Words rest{word(upload(cache<bf16>(s, s.keys, {s.length, 0, s.length}))),
                     word(upload(cache<bf16>(s, s.values, {s.length, 0, s.length}))), word(uploadState(state)),
                     static_cast<uint64_t>(s.length)};
    for (int i = 0; i < 2; ++i) {
      Words words{word(edges[i]), word(edges[i + 1])};
      words.insert(words.end(), rest.begin(), rest.end());
      start("tokens_64_two", {geometry.blocks, geometry.threads, geometry.shared_bytes, AttendTokens<Config>::words},
            words, "token_templates", dependent && i == 1);
    }
    EXPECT_EQ(finish(), CUDA_SUCCESS) << message();
    return download(edges[2], first.size()); // rows are as long as they are apart
  };
  const std::vector<float> expected = twice(false);
  for (int seed = 2; seed <= 12; ++seed) {
    restartWithSeed(seed);
    EXPECT_EQ(expected, twice(true)) << "seed " << seed;
  }
}

/// Scores whose exponentials alone no float could hold.
TEST_F(AttendTokensTest, LargeScores) {
  const Sequence s = sequence<phase::tokens_80>(150, 300.0f);
  expectReference<phase::tokens_80>(attend<phase::tokens_80>("tokens_80", s, 70, 64, 64), s, 70, 64, 0, 1.5);
}

/// A NaN among the queries makes its head's row NaN, and no other.
TEST_F(AttendTokensTest, NanStaysInItsRow) {
  Sequence s = sequence<phase::tokens_64>(100);
  s.q[static_cast<size_t>(50) * s.row() + 64 + 3] = NAN; // head 1
  const Rows rows = attend<phase::tokens_64>("tokens_64", s, 30, 64, 64);
  for (size_t token = 0; token < rows.size(); ++token)
    for (size_t i = 0; i < s.row(); ++i)
      EXPECT_EQ(std::isnan(rows[token][i]), token == 20 && i / 64 == 1) << token << ", " << i;
}

/// Every division that is chosen covers the tile and fits every target.
TEST(AttendTokenTiles, AreForEveryShape) {
  for (int tokens : {16, 48, 128, 1024, 8192})
    for (int kvHeads : {1, 2, 8, 32})
      for (int group : {1, 2, 3, 5, 8, 12, 16})
        for (int dim = 8; dim <= 256; dim += 8)
          for (int multiprocessors : {1, 20, 132}) {
            const AttendTokenShape shape{tokens, kvHeads * group, kvHeads, dim};
            const AttendTokenTiles tiles = attend_token_tiles(shape, multiprocessors);
            const AttendTokenLaunch launch = attend_token_launch(tiles, shape);
            ASSERT_EQ(shape.rows() % tiles.rows(), 0) << tokens << " " << group << " " << dim;
            ASSERT_EQ(launch.blocks * tiles.rows(), shape.rows() * kvHeads);
            ASSERT_LE(launch.shared_bytes, 99 * 1024) << tokens << " " << group << " " << dim;
            ASSERT_LE(launch.threads, 256);
            ASSERT_EQ(tiles.keys, attend_token_keys(dim));
            const AttendWgmmaTiles other = attend_wgmma_tiles(shape, multiprocessors);
            if (other.groups == 0)
              continue;
            const AttendTokenLaunch launchOfOther = attend_wgmma_launch(other, shape);
            ASSERT_EQ(launchOfOther.blocks * other.rows(), shape.rows() * kvHeads);
            ASSERT_LE(launchOfOther.shared_bytes, 227 * 1024) << tokens << " " << group << " " << dim;
          }
}

} // namespace
} // namespace cadenza::emulation
