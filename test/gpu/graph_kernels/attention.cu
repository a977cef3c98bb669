// Attention of graphs on a real GPU: against a kernel that makes one element a thread, and microseconds of several
// divisions. Needs nothing but a driver:
//
//   nvcc -std=c++20 -O2 -arch=sm_90 -cudart static -I codegen/kernels -I runtime -o graph_attention
//   test/gpu/graph_kernels/attention.cu
//
// measures what the compiler chooses; with -DCADENZA_ALL also every candidate.
// Prints a line for each division, 'WRONG' where results differ; exit code 1 if one does.
#include "attend_sequence.cuh"
#include "probe.cuh"

namespace cadenza::probe {

constexpr float score_scale = 0.5f;

/// A scale, and a number a key, as masks of padding are.
template <int keys> struct KeyMask {
  struct Args {
    const float *mask; // [batches][keys]
  };
  static constexpr int words = 1;
  CADENZA_DEVICE static float apply(const Args &args, int batch, int, int, int key, float product) {
    return product * score_scale + args.mask[batch * keys + key];
  }
};

template <class Type, int Batches, int Heads, int Sequence, int Dim, bool is_causal, AttendTiles how> struct Attention {
  using type = Type;
  static constexpr int batches = Batches, heads = Heads, kv_heads = Heads, queries = Sequence, keys = Sequence;
  static constexpr int head_dim = Dim;
  static constexpr bool causal = is_causal;
  struct q { // [batches][sequence][heads * head_dim]
    using type = Type;
    using batch_strides = Strides<int64_t{Sequence} * Heads * Dim, Dim>;
    static constexpr int64_t row_stride = Heads * Dim, column_stride = 1;
  };
  using k = q;
  using v = q;
  using output = q;
  using scores = KeyMask<Sequence>;
  static constexpr AttendTiles tiles = how;
};

/// One thread a query and 8 elements.
template <class Config>
__global__ void plainAttention(const typename Config::type *q, const typename Config::type *k,
                               const typename Config::type *v, const float *mask, float *output) {
  constexpr int heads = Config::heads, sequence = Config::queries, dim = Config::head_dim, row = heads * dim;
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x), parts = dim / 8;
  const int part = i % parts, query = i / parts % sequence, of_head = i / parts / sequence;
  if (of_head >= heads * Config::batches)
    return;
  const int batch = of_head / heads;
  const size_t first = (size_t{static_cast<uint32_t>(batch)} * sequence) * row + of_head % heads * dim;
  const int end = Config::causal ? query + 1 : sequence;
  float m = -INFINITY, l = 0, o[8] = {};
  for (int key = 0; key < end; ++key) {
    float score = 0;
    for (int j = 0; j < dim; ++j)
      score += arch::to_float(q[first + size_t(query) * row + j]) * arch::to_float(k[first + size_t(key) * row + j]);
    score = score * score_scale + mask[batch * sequence + key];
    const float larger = fmaxf(m, score), correction = expf(m - larger), weight = expf(score - larger);
    m = larger;
    l = l * correction + weight;
    for (int j = 0; j < 8; ++j)
      o[j] = o[j] * correction + weight * arch::to_float(v[first + size_t(key) * row + 8 * part + j]);
  }
  for (int j = 0; j < 8; ++j)
    output[first + size_t(query) * row + 8 * part + j] = o[j] / l;
}

template <class T> struct AttentionData {
  T *q, *k, *v, *output;
  float *mask, *expected;
};

template <class Config> void measureAttention(const AttentionData<typename Config::type> &data, bool chosen) {
  using Instance = AttendSequence<Config>;
  using T = typename Config::type;
  constexpr AttendTiles t = Config::tiles;
  if constexpr (Instance::shared_bytes <= maxShared) {
    constexpr size_t count = size_t{Config::batches} * Config::heads * Config::queries * Config::head_dim;
    CHECK(cudaFuncSetAttribute(kernel<Instance>, cudaFuncAttributeMaxDynamicSharedMemorySize, Instance::shared_bytes));
    const auto run = [&](int, cudaStream_t stream) {
      typename Instance::Args args{};
      args.q = data.q;
      args.k = data.k;
      args.v = data.v;
      args.output = data.output;
      args.mask = data.mask;
      launch<Instance>(args, 1, stream);
    };
    CHECK(cudaMemset(data.output, 0xff, count * sizeof(T)));
    run(0, nullptr);
    CHECK(cudaDeviceSynchronize());
    const double off = difference(data.output, data.expected, count);
    const double bound = sizeof(T) == 4 ? 1e-4 : std::is_same_v<T, bf16> ? 6e-2 : 1e-2;
    const bool bad = !(off <= bound);
    wrong |= bad;
    std::printf(
        "%s %d x %d heads x %d x %d%s tiles %d queries %d x %3d keys stages %d blocks %4d shared %6d: %7.2f us%s "
        "difference %.1e%s\n",
        name_of<T>(), Config::batches, Config::heads, Config::queries, Config::head_dim,
        Config::causal ? " causal" : "", 16 * t.query_warps, t.key_warps, t.keys, t.stages, Instance::blocks,
        Instance::shared_bytes, microseconds(run), chosen ? " CHOSEN" : "", off, bad ? " WRONG" : "");
    std::fflush(stdout);
  }
}

constexpr AttendTiles candidates[] = {{1, 4, 32, 2}, {1, 8, 16, 2}, {1, 2, 64, 2}, {2, 4, 32, 2}, {2, 2, 64, 2},
                                      {2, 2, 32, 2}, {4, 1, 32, 2}, {4, 1, 64, 2}, {4, 2, 32, 2}, {4, 2, 64, 2},
                                      {8, 1, 32, 2}, {8, 1, 64, 2}, {8, 1, 32, 3}, {4, 1, 32, 3}};

/// What the compiler chooses for an H200.
template <class T, int heads, int sequence, int dim> struct Chosen {
  static constexpr AttendTiles tiles = attend_tiles(AttendShape{heads, sequence, sequence, dim, sizeof(T)}, 132);
};

template <class T, int batches, int heads, int sequence, int dim, bool causal, size_t... i>
void measureAttentions(std::index_sequence<i...>) {
  constexpr size_t count = size_t{batches} * heads * sequence * dim;
  AttentionData<T> data{filled<T>(count, 1),
                        filled<T>(count, 2),
                        filled<T>(count, 3),
                        filled<T>(count, 4),
                        filled<float>(size_t{batches} * sequence, 5),
                        filled<float>(count, 6)};
  using Plain = Attention<T, batches, heads, sequence, dim, causal, candidates[0]>;
  plainAttention<Plain>
      <<<static_cast<unsigned>((count / 8 + 127) / 128), 128>>>(data.q, data.k, data.v, data.mask, data.expected);
  CHECK(cudaDeviceSynchronize());
  measureAttention<
      Attention<T, batches, heads, sequence, dim, causal, Chosen<T, batches * heads, sequence, dim>::tiles>>(data,
                                                                                                             true);
  (measureAttention<Attention<T, batches, heads, sequence, dim, causal, candidates[i]>>(data, false), ...);
  for (void *memory :
       {static_cast<void *>(data.q), static_cast<void *>(data.k), static_cast<void *>(data.v),
        static_cast<void *>(data.output), static_cast<void *>(data.mask), static_cast<void *>(data.expected)})
    CHECK(cudaFree(memory));
}
template <class T, int batches, int heads, int sequence, int dim, bool causal = false> void attentions() {
  measureAttentions<T, batches, heads, sequence, dim, causal>(
      std::make_index_sequence<all ? std::size(candidates) : 0>());
}

void attention() {
  attentions<bf16, 1, 12, 128, 64>();
  attentions<bf16, 1, 12, 128, 32>();
  attentions<bf16, 1, 6, 128, 64>();
  attentions<f16, 8, 12, 128, 64>();
  attentions<bf16, 1, 12, 512, 64>();
  attentions<bf16, 1, 16, 2048, 128, true>();
  attentions<float, 1, 12, 128, 64>();
  if constexpr (!all) {
    attentions<f16, 1, 8, 333, 128>();
    attentions<bf16, 1, 4, 200, 256>();
    attentions<float, 2, 4, 333, 80, true>();
  }
}

} // namespace cadenza::probe

int main() {
  cadenza::probe::print_device();
  cadenza::probe::attention();
  return cadenza::probe::finish();
}
