// Phases of a product on Hopper against those of every GPU, bit by bit: the emulation adds both in the same order.
#include "test/emulation_kernels/wgmma_configs.cuh"
#include "test/emulation_kernels/wgmma_test.h"

namespace cadenza::emulation {
namespace {

class ProjectTokensWgmmaTest : public WgmmaKernelTest {
protected:
  /// The product of `phase` by Hopper's kernel, on `blocks` clusters.
  template <class Config> void runHopper(const Phase &phase, int tokens, int blocks) {
    using Instance = ProjectTokensWgmma<Config>;
    using A = TokenActivation<Config>;
    static_assert(A::prepared);
    constexpr bool isF16 = std::is_same_v<typename Config::weight_type, f16>;
    auto *activation = allocate<uint16_t>(static_cast<size_t>(tokens * A::padded));
    Words factors;
    if (A::deferred)
      factors = {word(allocate<float>(static_cast<size_t>(tokens)))};
    Words words{phase.input, word(activation)};
    words.insert(words.end(), factors.begin(), factors.end());
    words.push_back(word(phase.state));
    words.insert(words.end(), phase.prologue.begin(), phase.prologue.end());
    start("prepare_" + phase.prepare, geometry<PrepareTokens<Config>>(tokens), words, "token_templates");

    const auto columns = static_cast<uint64_t>(Config::columns);
    words = {word(
        uploadMap(activations_map(Config::tiles, static_cast<uint64_t>(tokens), columns, Instance::activation_stride),
                  activation, isF16))};
    words.insert(words.end(), factors.begin(), factors.end());
    words.insert(words.end(), {word(uploadMap(weights_map(Config::tiles, Config::segment_rows::total, columns),
                                              reinterpret_cast<const void *>(phase.matrix), isF16)),
                               word(phase.state), static_cast<uint64_t>(tokens)});
    words.insert(words.end(), phase.epilogue.begin(), phase.epilogue.end());
    start(phase.name,
          {blocks * Instance::cluster, Instance::threads, Instance::shared_bytes, Instance::words, Instance::cluster},
          words, "wgmma_templates", /*dependent=*/true);
    ASSERT_EQ(finish(), CUDA_SUCCESS) << phase.name << ": " << message();
  }

  struct Result {
    Rows rows;
    std::vector<uint16_t> key, value;
    bool operator==(const Result &) const = default;
  };

  // Query, key and value: norms of heads, rotation, the caches, a norm that is deferred ------------------------------

  template <class Config> Result qkv(const std::string &name, const std::string &prepare, int live, int blocks) {
    constexpr int dim = Config::segment_rows::count(0) / 4, positions = 66;
    constexpr int rotary = Config::template rotation<0>::rotary_dim;
    reseed();
    const Rows x = randomRows(64, 192);
    const std::vector<float> gamma = random(192), weights = emulation::rounded<bf16>(random(8 * dim * 192, 0.1f)),
                             qGamma = random(dim), kGamma = random(dim), table = random(70 * rotary);
    const auto cache = std::vector<uint16_t>(static_cast<size_t>(2 * positions * dim), 0xffff);
    auto *query = markedEdge<float>(64, 4 * dim);
    auto *key = upload(cache), *value = upload(cache);
    auto *state = uploadState(tile(live));
    auto *angles = upload(table);
    const Phase phase{name,
                      prepare,
                      word(uploadEdge<float>(x)),
                      word(upload(pack<bf16>(weights, 8 * dim, 192))),
                      state,
                      {word(upload(gamma))},
                      {word(upload(qGamma)), word(upload(kGamma)), word(angles), word(state), word(angles), word(state),
                       word(key), word(value), word(state), positions, word(query)}};
    runAny<Config>(phase, 64, blocks);
    return {downloadEdge(query, 64, 4 * dim), download(key, cache.size()), download(value, cache.size())};
  }
  template <class Config> void runAny(const Phase &phase, int tokens, int blocks) {
    if constexpr (std::is_same_v<std::remove_const_t<decltype(Config::tiles)>, WgmmaTiles>)
      runHopper<Config>(phase, tokens, blocks);
    else
      runPhase<Config>(phase, tokens);
  }

  // Gate and up, interleaved ------------------------------------------------------------------------------------------

  template <class Config> Result gateUp(const std::string &name, int live, int blocks) {
    reseed();
    const Rows x = TokensTest::rounded<bf16>(randomRows(64, 160));
    const std::vector<float> gamma = random(160), weights = emulation::rounded<bf16>(random(208 * 160, 0.3f));
    auto *out = markedEdge<bf16>(64, 104);
    runAny<Config>({name,
                    "gate_up_small",
                    word(uploadEdge<bf16>(x)),
                    word(upload(pack<bf16>(weights, 208, 160))),
                    uploadState(tile(live)),
                    {word(upload(gamma))},
                    {word(out)}},
                   64, blocks);
    return {downloadEdge(out, 64, 104), {}, {}};
  }

  // Down: bias and residual, in place
  // -----------------------------------------------------------------------------------

  template <class Config> Result down(const std::string &name, int live, int blocks) {
    reseed();
    const Rows x = randomRows(64, 200), residual = randomRows(64, 40);
    const std::vector<float> bias = random(40), weights = emulation::rounded<f16>(random(40 * 200));
    auto *stream = uploadEdge<float>(residual);
    runAny<Config>({name,
                    "down",
                    word(uploadEdge<float>(x)),
                    word(upload(pack<f16>(weights, 40, 200))),
                    uploadState(tile(live)),
                    {},
                    {word(upload(bias)), word(stream), word(stream)}},
                   64, blocks);
    return {downloadEdge(stream, 64, 40), {}, {}};
  }
};

TEST_F(ProjectTokensWgmmaTest, QueryKeyValue) {
  for (int live : {1, 17, 64}) {
    const Result expected = qkv<tokens::qkv_one_warp>("qkv_one_warp", "qkv_one_warp", live, 0);
    EXPECT_TRUE(isMarkedFrom(expected.rows, live));
    for (int seed = 1; seed <= 3; ++seed) {
      restartWithSeed(seed);
      EXPECT_EQ(qkv<wgmma::qkv_64>("qkv_64", "qkv_one_warp", live, 3), expected) << live;
      EXPECT_EQ(qkv<wgmma::qkv_64_pairs>("qkv_64_pairs", "qkv_one_warp", live, 2), expected) << live;
    }
    const Result wide = qkv<tokens::qkv_128>("qkv_128", "qkv_one_warp", live, 0);
    EXPECT_EQ(qkv<wgmma::qkv_128>("qkv_128", "qkv_one_warp", live, 2), wide) << live;
    EXPECT_EQ(qkv<wgmma::qkv_128_wide>("qkv_128_wide", "qkv_one_warp", live, 2), wide) << live;
    EXPECT_EQ(qkv<wgmma::qkv_128_turns>("qkv_128_turns", "qkv_one_warp", live, 2), wide) << live;
    EXPECT_EQ(qkv<wgmma::qkv_128_in_shared>("qkv_128_in_shared", "qkv_one_warp", live, 2),
              qkv<tokens::qkv_128_in_shared>("qkv_128_in_shared", "qkv_one_warp", live, 0))
        << live;
  }
}
TEST_F(ProjectTokensWgmmaTest, InterleavedGateAndUp) {
  for (int live : {1, 33, 64}) {
    const Result expected = gateUp<tokens::gate_up_small>("gate_up_small", live, 0);
    EXPECT_EQ(gateUp<wgmma::gate_up>("gate_up", live, 2), expected) << live;
    EXPECT_EQ(gateUp<wgmma::gate_up_pairs>("gate_up_pairs", live, 1), expected) << live;
  }
}
TEST_F(ProjectTokensWgmmaTest, BiasAndResidualInPlace) {
  for (int live : {1, 50, 64})
    EXPECT_EQ(down<wgmma::down>("down", live, 2), down<tokens::down>("down", live, 0)) << live;
}

} // namespace
} // namespace cadenza::emulation
