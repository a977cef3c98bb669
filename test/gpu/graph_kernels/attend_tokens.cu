// Attention of a tile of tokens over the cache on a real GPU: against a kernel that makes a row a warp, and
// microseconds of several divisions. Needs nothing but a driver:
//
//   nvcc -std=c++20 -O2 -gencode=arch=compute_90a,code=sm_90a -cudart static -Xcompiler -static-libstdc++ -I
//   codegen/kernels -I runtime
//     -o attend_tokens test/gpu/graph_kernels/attend_tokens.cu
//
// measures what the compiler chooses; with -DCADENZA_ALL also every candidate.
// Prints a line for each division, 'WRONG' where results differ; exit code 1 if one does.
#include "attend_tokens.cuh"
#include "attend_tokens_wgmma.cuh"
#include "probe.cuh"

#include <string>

namespace cadenza::probe {

template <class Type, int Heads, int KvHeads, int Dim, auto how> struct TokenAttention {
  using query_type = float;
  using output_type = Type;
  using cache_type = Type;
  static constexpr int heads = Heads, kv_heads = KvHeads, head_dim = Dim;
  static constexpr float scale = 0.3f;
  static constexpr auto tiles = how;
};

/// A head of a token a warp. Rows are heads * head_dim elements, a multiple of 256 bytes.
template <class Config>
__global__ void plainAttention(const float *q, const typename Config::cache_type *k,
                               const typename Config::cache_type *v, float *output, int base, int tokens,
                               int64_t positions) {
  static_assert(Config::heads * Config::head_dim * sizeof(typename Config::output_type) % 256 == 0);
  constexpr int heads = Config::heads, dim = Config::head_dim, each = (dim + 31) / 32;
  const int row = static_cast<int>((blockIdx.x * blockDim.x + threadIdx.x) / 32), lane = threadIdx.x % 32;
  if (row >= heads * tokens)
    return;
  const int head = row % heads, token = row / heads, first = head / (heads / Config::kv_heads) * positions * dim;
  float m = -INFINITY, l = 0, o[each] = {};
  for (int key = 0; key <= base + token; ++key) {
    float score = 0;
    for (int i = 0; i < each; ++i)
      if (lane + 32 * i < dim)
        score += q[row * dim + lane + 32 * i] * arch::to_float(k[first + key * dim + lane + 32 * i]);
    for (int mask = 16; mask > 0; mask /= 2)
      score += __shfl_xor_sync(~0u, score, mask);
    score *= Config::scale;
    const float larger = fmaxf(m, score), correction = expf(m - larger), weight = expf(score - larger);
    m = larger;
    l = l * correction + weight;
    for (int i = 0; i < each; ++i)
      if (lane + 32 * i < dim)
        o[i] = o[i] * correction + weight * arch::to_float(v[first + key * dim + lane + 32 * i]);
  }
  for (int i = 0; i < each; ++i)
    if (lane + 32 * i < dim)
      output[row * dim + lane + 32 * i] = o[i] / l;
}

template <class T> struct TokenData {
  float *q;
  T *k, *v, *output, *same; // same: what the kernel of every GPU gave
  float *expected;
  DecodeState *state;
  int base, tokens, positions;
};

template <class Config>
constexpr bool on_hopper = std::is_same_v<std::remove_cv_t<decltype(Config::tiles)>, AttendWgmmaTiles>;

template <class Config> std::string describe() {
  constexpr auto t = Config::tiles;
  char text[80];
  if constexpr (on_hopper<Config>)
    std::snprintf(text, sizeof text, "warpgroups %d, stages %d", t.groups, t.stages);
  else
    std::snprintf(text, sizeof text, "warps %d x %2d rows, stages %d", t.warps, 16 * t.row_blocks, t.stages);
  return text;
}

template <class Config, bool fits>
void measureDivision(const TokenData<typename Config::cache_type> &data, bool chosen) {
  if constexpr (fits) {
    using Instance = std::conditional_t<on_hopper<Config>, AttendTokensWgmma<Config>, AttendTokens<Config>>;
    using T = typename Config::cache_type;
    constexpr auto t = Config::tiles;
    if (data.tokens * Instance::group % t.rows() != 0)
      return;
    const int blocks = data.tokens * Instance::group / t.rows() * Config::kv_heads;
    const size_t count = size_t(data.tokens) * Config::heads * Config::head_dim;
    CHECK(cudaFuncSetAttribute(kernel<Instance>, cudaFuncAttributeMaxDynamicSharedMemorySize, Instance::shared_bytes));
    const typename Instance::Args args{data.q, data.output, data.k, data.v, data.state, uint64_t(data.positions)};
    const auto run = [&](int, cudaStream_t stream) { launch<Instance>(args, 1, stream, blocks); };
    CHECK(cudaMemset(data.output, 0xff, count * sizeof(T)));
    run(0, nullptr);
    CHECK(cudaDeviceSynchronize());
    const double off = difference(data.output, data.expected, count);
    bool bad = !(off <= (std::is_same_v<T, bf16> ? 1e-1 : 2e-2));
    if constexpr (on_hopper<Config>) {
      std::vector<uint16_t> mine(count), others(count);
      CHECK(cudaMemcpy(mine.data(), data.output, 2 * count, cudaMemcpyDeviceToHost));
      CHECK(cudaMemcpy(others.data(), data.same, 2 * count, cudaMemcpyDeviceToHost));
      if (mine != others)
        std::printf("BITS differ\n"), bad = true;
    } else {
      CHECK(cudaMemcpy(data.same, data.output, 2 * count, cudaMemcpyDeviceToDevice));
    }
    wrong |= bad;
    const double once = microseconds(run, 1, 5); // long ones are measured less often
    const double time = microseconds(run, once < 100 ? 20 : 4, once < 500 ? 15 : 5);
    const double flops = 4.0 * Config::heads * Config::head_dim *
                         (double(data.tokens) * data.base + 0.5 * data.tokens * (data.tokens + 1.0));
    cudaFuncAttributes attributes;
    CHECK(cudaFuncGetAttributes(&attributes, kernel<Instance>));
    std::printf("%s %4d tokens from %5d, %2d heads on %d x %3d: %s, blocks %4d, "
                "shared %6d, registers %3d, spills %4d: %8.2f us %6.1f TFLOP/s%s difference %.1e%s\n",
                name_of<T>(), data.tokens, data.base, Config::heads, Config::kv_heads, Config::head_dim,
                describe<Config>().c_str(), blocks, Instance::shared_bytes, attributes.numRegs,
                int(attributes.localSizeBytes), time, 1e-6 * flops / time, chosen ? " CHOSEN" : "", off,
                bad ? " WRONG" : "");
    std::fflush(stdout);
  }
}

template <int dim> struct Candidates {
  static constexpr int keys = attend_token_keys(dim);
  static constexpr AttendTokenTiles list[] = {{1, 1, keys, 2}, {2, 1, keys, 2}, {4, 1, keys, 2},
                                              {8, 1, keys, 2}, {2, 2, keys, 2}, {4, 2, keys, 2}};
  static constexpr int count = sizeof(list) / sizeof(list[0]);
};

/// What the compiler chooses for an H200.
template <int tokens, int heads, int kv_heads, int dim> struct ChosenTiles {
  static constexpr AttendTokenShape shape{tokens, heads, kv_heads, dim};
  static constexpr AttendTokenTiles tiles = attend_token_tiles(shape);
  template <size_t i>
  static constexpr bool fits = attend_token_launch(Candidates<dim>::list[i], shape).shared_bytes <= maxShared &&
                               Candidates<dim>::list[i].row_blocks * dim <= 128 && !(Candidates<dim>::list[i] == tiles);
};

template <class T, int heads, int kv_heads, int dim, AttendWgmmaTiles... tiles>
void measureWarpgroups(const TokenData<T> &data) {
  (measureDivision<TokenAttention<T, heads, kv_heads, dim, tiles>, attend_wgmma_fits(dim)>(data, false), ...);
}

template <class T, int heads, int kv_heads, int dim, int tokens, size_t... i>
void measureTokens(int base, std::index_sequence<i...>) {
  const int positions = base + tokens;
  const size_t rows = size_t{tokens} * heads * dim, kept = size_t{kv_heads} * positions * dim;
  TokenData<T> data{filled<float>(rows, 1),
                    filled<T>(kept, 2),
                    filled<T>(kept, 3),
                    filled<T>(rows, 4),
                    filled<T>(rows, 5),
                    filled<float>(rows, 5),
                    nullptr,
                    base,
                    tokens,
                    positions};
  DecodeState state{};
  state.position = base;
  state.forced_tokens = base + tokens;
  CHECK(cudaMalloc(&data.state, sizeof(state)));
  CHECK(cudaMemcpy(data.state, &state, sizeof(state), cudaMemcpyHostToDevice));
  using Tiles = ChosenTiles<tokens, heads, kv_heads, dim>;
  using Chosen = TokenAttention<T, heads, kv_heads, dim, Tiles::tiles>;
  plainAttention<Chosen>
      <<<(heads * tokens + 3) / 4, 128>>>(data.q, data.k, data.v, data.expected, base, tokens, positions);
  CHECK(cudaDeviceSynchronize());
  measureDivision<Chosen, true>(data, true);
  measureWarpgroups<T, heads, kv_heads, dim, AttendWgmmaTiles{1, 2}, AttendWgmmaTiles{1, 3}, AttendWgmmaTiles{1, 4},
                    AttendWgmmaTiles{2, 2}, AttendWgmmaTiles{2, 3}, AttendWgmmaTiles{2, 4}>(data);
  (measureDivision<TokenAttention<T, heads, kv_heads, dim, Candidates<dim>::list[i]>, Tiles::template fits<i>>(data,
                                                                                                               false),
   ...);
  for (void *memory : {static_cast<void *>(data.q), static_cast<void *>(data.k), static_cast<void *>(data.v),
                       static_cast<void *>(data.output), static_cast<void *>(data.same),
                       static_cast<void *>(data.expected), static_cast<void *>(data.state)})
    CHECK(cudaFree(memory));
}
template <class T, int heads, int kv_heads, int dim, int tokens> void tokenAttention(int base = 0) {
  measureTokens<T, heads, kv_heads, dim, tokens>(base, std::make_index_sequence<all ? Candidates<dim>::count : 0>());
}

template <class T, int heads, int kv_heads, int dim> void tokenAttentions() {
  tokenAttention<T, heads, kv_heads, dim, 16>();
  tokenAttention<T, heads, kv_heads, dim, 128>();
  tokenAttention<T, heads, kv_heads, dim, 512>();
  tokenAttention<T, heads, kv_heads, dim, 1024>();
  tokenAttention<T, heads, kv_heads, dim, 2048>();
  tokenAttention<T, heads, kv_heads, dim, 16>(4096);
  tokenAttention<T, heads, kv_heads, dim, 1024>(4096);
  tokenAttention<T, heads, kv_heads, dim, 1024>(30000);
}

} // namespace cadenza::probe

int main() {
  using namespace cadenza;
  probe::print_device();
  probe::tokenAttentions<bf16, 16, 8, 128>();
  probe::tokenAttention<bf16, 16, 16, 128, 2048>();
  probe::tokenAttentions<bf16, 32, 8, 64>();
  probe::tokenAttentions<bf16, 4, 1, 256>();
  if constexpr (!probe::all) {
    probe::tokenAttention<f16, 16, 1, 80, 128>(777);
    probe::tokenAttention<f16, 16, 2, 24, 128>(50);
  }
  return probe::finish();
}
