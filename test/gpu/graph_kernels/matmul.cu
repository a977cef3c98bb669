// Products of graphs on a real GPU: each against a kernel that makes one element a thread, and microseconds of many
// divisions, from which the choice in runtime/shared/graph_tiles.h is made. Needs nothing but a driver:
//
//   nvcc -std=c++20 -O2 -arch=sm_90 -cudart static -I codegen/kernels -I runtime -o graph_matmul
//   test/gpu/graph_kernels/matmul.cu
//
// measures what the compiler chooses; with -DCADENZA_ALL also every candidate (minutes to compile).
// The launches of a time have 50 different matrices B: those of a model, which do not stay in the L2 cache if they are
// large. Prints a line for each division, 'WRONG' where results differ; exit code 1 if one does.
#include "matmul.cuh"
#include "probe.cuh"

namespace cadenza::probe {

struct BiasEpilogue {
  struct Args {
    const float *bias;
  };
  static constexpr int words = 1;
  CADENZA_DEVICE static float apply(const Args &args, int, int, int column, float value) {
    return value + args.bias[column];
  }
};

template <class Type, int M, int N, int K, MatmulTiles how, bool b_turned> struct Product {
  using type = Type;
  static constexpr int rows = M, columns = N, depth = K;
  using batch = Extents<>;
  struct a {
    using type = Type;
    using batch_strides = Strides<>;
    static constexpr int64_t row_stride = K, column_stride = 1;
  };
  struct b {
    using type = Type;
    using batch_strides = Strides<>;
    static constexpr int64_t row_stride = b_turned ? 1 : N, column_stride = b_turned ? K : 1;
    static constexpr bool constant = true;
  };
  struct c {
    using type = Type;
    using batch_strides = Strides<>;
    static constexpr int64_t row_stride = N, column_stride = 1;
  };
  static constexpr MatmulTiles tiles = how;
  using epilogue = BiasEpilogue;
};

template <class T, bool b_turned>
__global__ void plainProduct(const T *a, const T *b, const float *bias, float *c, int M, int N, int K) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x), row = i / N, column = i % N;
  if (row >= M)
    return;
  double sum = bias[column];
  for (int k = 0; k < K; ++k)
    sum += static_cast<double>(arch::to_float(a[row * K + k])) *
           arch::to_float(b_turned ? b[column * K + k] : b[k * N + column]);
  c[i] = static_cast<float>(sum);
}

template <class T> struct ProductData {
  T *a, *b, *c;
  float *bias, *expected;
};

template <class Config, bool b_turned>
void measureProduct(const ProductData<typename Config::type> &data, bool chosen) {
  using Instance = Matmul<Config>;
  using T = typename Config::type;
  constexpr MatmulTiles t = Config::tiles;
  if constexpr (Instance::shared_bytes <= maxShared) {
    constexpr int M = Config::rows, N = Config::columns, K = Config::depth;
    CHECK(cudaFuncSetAttribute(kernel<Instance>, cudaFuncAttributeMaxDynamicSharedMemorySize, Instance::shared_bytes));
    const auto run = [&](int i, cudaStream_t stream) {
      typename Instance::Args args{};
      args.a = data.a;
      args.b = data.b + static_cast<size_t>(i) * N * K;
      args.c = data.c;
      args.bias = data.bias;
      launch<Instance>(args, t.cluster, stream);
    };
    CHECK(cudaMemset(data.c, 0xff, size_t{M} * N * sizeof(T)));
    run(0, nullptr);
    CHECK(cudaDeviceSynchronize());
    const double off = difference(data.c, data.expected, size_t{M} * N);
    const double bound = sizeof(T) == 4 ? 1e-5 : std::is_same_v<T, bf16> ? 2.5e-2 : 4e-3;
    const bool bad = !(off <= bound);
    wrong |= bad;
    std::printf(
        "%s %d x %d x %d %s tiles %3d %3d %3d warps %d %d %d stages %d cluster %d blocks %4d shared %6d: %7.2f us%s "
        "difference %.1e%s\n",
        name_of<T>(), M, N, K, b_turned ? "[N][K]" : "[K][N]", t.rows, t.columns, t.depth, t.row_warps, t.column_warps,
        t.depth_warps, t.stages, t.cluster, Instance::blocks, Instance::shared_bytes, microseconds(run),
        chosen ? " CHOSEN" : "", off, bad ? " WRONG" : "");
    std::fflush(stdout);
  }
}

/// Divisions that are tried: rows, columns, depth; warps of each; stages; cluster.
constexpr MatmulTiles candidates16[] = {
    {16, 32, 128, 1, 1, 4, 6, 1}, {32, 32, 64, 2, 2, 1, 6, 1}, {32, 32, 64, 1, 1, 4, 6, 1},
    {32, 32, 128, 1, 1, 8, 6, 1}, {64, 32, 64, 2, 1, 4, 6, 1}, {64, 64, 64, 2, 2, 1, 5, 1},
    {32, 32, 64, 1, 1, 4, 8, 2},  {64, 32, 64, 2, 1, 2, 6, 2}, {64, 32, 64, 2, 1, 4, 6, 2},
    {64, 64, 64, 2, 2, 1, 5, 2},  {64, 64, 64, 2, 2, 2, 5, 2}, {128, 32, 64, 4, 1, 2, 4, 2},
    {64, 64, 64, 2, 2, 1, 4, 4},  {64, 64, 64, 2, 2, 2, 4, 4}, {128, 64, 64, 4, 2, 1, 2, 4},
    {128, 32, 64, 4, 1, 2, 4, 4}, {64, 96, 64, 2, 2, 2, 3, 4}, {128, 64, 64, 4, 2, 1, 2, 8},
    {64, 128, 64, 2, 4, 1, 2, 8}, {32, 64, 64, 1, 2, 4, 6, 2}, {64, 64, 128, 2, 2, 4, 2, 4},
    {64, 64, 64, 2, 2, 2, 3, 8}};
constexpr MatmulTiles candidates32[] = {
    {32, 32, 32, 2, 2, 1, 6, 1}, {32, 32, 64, 2, 1, 4, 4, 1}, {64, 32, 32, 2, 1, 2, 5, 1}, {32, 32, 32, 1, 1, 4, 6, 2},
    {64, 32, 32, 2, 1, 4, 4, 2}, {64, 64, 32, 2, 2, 2, 3, 2}, {64, 64, 32, 2, 2, 2, 3, 4}, {64, 64, 32, 2, 4, 1, 3, 4}};

/// What the compiler chooses for an H200.
template <class T, int M, int N, int K, bool b_turned> struct Chosen {
  static constexpr MatmulTiles tiles =
      matmul_tiles(MatmulShape{1, M, N, K, sizeof(T), true, b_turned}, 132, /*clusters=*/true);
};

template <class T, int M, int N, int K, bool b_turned, const auto &candidates, size_t... i>
void measureProducts(std::index_sequence<i...>) {
  ProductData<T> data{filled<T>(size_t{M} * K, 1), filled<T>(size_t{copies} * N * K, 2), filled<T>(size_t{M} * N, 3),
                      filled<float>(N, 4), filled<float>(size_t{M} * N, 5)};
  plainProduct<T, b_turned><<<ceil_div(M * N, 256), 256>>>(data.a, data.b, data.bias, data.expected, M, N, K);
  CHECK(cudaDeviceSynchronize());
  measureProduct<Product<T, M, N, K, Chosen<T, M, N, K, b_turned>::tiles, b_turned>, b_turned>(data, true);
  (measureProduct<Product<T, M, N, K, candidates[i], b_turned>, b_turned>(data, false), ...);
  for (void *memory : {static_cast<void *>(data.a), static_cast<void *>(data.b), static_cast<void *>(data.c),
                       static_cast<void *>(data.bias), static_cast<void *>(data.expected)})
    CHECK(cudaFree(memory));
}
template <class T, int M, int N, int K, bool b_turned, const auto &candidates> void products() {
  measureProducts<T, M, N, K, b_turned, candidates>(std::make_index_sequence<all ? std::size(candidates) : 0>());
}

void matmul() {
  products<bf16, 128, 768, 768, true, candidates16>();
  products<bf16, 128, 2304, 768, true, candidates16>();
  products<bf16, 128, 3072, 768, true, candidates16>();
  products<bf16, 128, 768, 3072, true, candidates16>();
  products<bf16, 128, 384, 384, true, candidates16>();
  products<bf16, 128, 1152, 384, true, candidates16>();
  products<bf16, 128, 1536, 384, true, candidates16>();
  products<bf16, 128, 384, 1536, true, candidates16>();
  products<f16, 128, 768, 768, false, candidates16>();
  products<float, 128, 768, 768, false, candidates32>();
  products<float, 128, 3072, 768, true, candidates32>();
  products<float, 128, 384, 384, false, candidates32>();
  if constexpr (!all) {
    products<bf16, 1, 768, 768, true, candidates16>();
    products<bf16, 512, 768, 768, true, candidates16>();
    products<f16, 2048, 3072, 1024, false, candidates16>();
    products<float, 1024, 1024, 1024, true, candidates32>();
  }
}

} // namespace cadenza::probe

int main() {
  cadenza::probe::print_device();
  cadenza::probe::matmul();
  return cadenza::probe::finish();
}
