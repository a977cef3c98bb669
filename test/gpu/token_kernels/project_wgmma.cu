// The product of many tokens on Hopper (wgmma_product.cuh) on a real GPU: each division against a kernel that
// makes one element a thread, microseconds and TFLOP/s of many divisions, at the shapes of two models. Needs nothing
// but a driver:
//
//   nvcc -std=c++20 -O2 --expt-relaxed-constexpr -gencode=arch=compute_90a,code=sm_90a -cudart static -Xcompiler
//   -static-libstdc++ -I codegen/kernels -I runtime -I test/gpu/graph_kernels -o project_wgmma
//   test/gpu/token_kernels/project_wgmma.cu
//
// The launches of a time have 50 different matrices: those of a model. Prints a line for each division and a table of
// the best; 'WRONG' where results differ, 'BITS' where a row's bits depend on the division; exit code 1 if one does.
// Every wait in the kernel is bounded: one that never ends traps after four seconds.
#include "tensor_maps.cuh"
#include "wgmma_product.cuh"

namespace cadenza::probe {

using Out = bf16;

template <WgmmaTiles how> struct Instance {
  using Product = WgmmaProduct<bf16, how>;
  static constexpr int threads = Product::threads;
  struct Args {
    typename Product::Maps maps;
    typename Product::Extent extent;
    Out *out; // [tokens][rows]
  };
  CADENZA_DEVICE static void run(const Args &args) {
    Product::begin();
    arch::grid_dependency_wait();
    arch::grid_dependency_trigger();
    Product::run(args.maps, args.extent, StoreTokens<Out, how.rows>{args.out, args.extent.rows, args.extent.rows});
  }
};

// Reference and comparison --------------------------------------------------------------------------------------------

__global__ void plain_product(const bf16 *weights, const bf16 *x, float *to, int rows, int columns, int tokens) {
  const int row = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x), token = static_cast<int>(blockIdx.y);
  if (row >= rows || token >= tokens)
    return;
  double sum = 0;
  for (int k = 0; k < columns; ++k)
    sum += static_cast<double>(arch::to_float(weights[weight_index(row, k, steps_of(columns))])) *
           arch::to_float(x[token * columns + k]);
  to[static_cast<size_t>(token) * rows + row] = static_cast<float>(sum);
}

/// result: the largest difference, as bits of a float (infinity for a NaN); the number of elements whose bits differ.
__global__ void compare(const Out *actual, const float *expected, const Out *reference, size_t count,
                        unsigned *result) {
  for (size_t i = blockIdx.x * size_t{blockDim.x} + threadIdx.x; i < count; i += size_t{gridDim.x} * blockDim.x) {
    const float difference = fabsf(arch::to_float(actual[i]) - expected[i]);
    atomicMax(result, difference <= 3e38f ? __float_as_uint(difference) : 0x7f800000u);
    if (actual[i].bits != reference[i].bits)
      atomicAdd(result + 1, 1u);
  }
}

// Measuring -----------------------------------------------------------------------------------------------------------

struct Data {
  int rows, columns;
  bf16 *weights; // [copies], packed
  bf16 *x;       // [most tokens][columns]
  Out *out, *reference;
  float *expected;
  arch::TensorMap *maps; // [copies] of weights, one of x
  unsigned *result;
  bool has_reference = false;
};

struct Best {
  double us = 1e30;
  char division[64] = "";
};

template <WgmmaTiles how> void measure(Data &data, int tokens, Best &best) {
  using I = Instance<how>;
  if (how.tokens > 2 * tokens && how.tokens > 16)
    return;
  constexpr int shared = how.shared_bytes();
  CHECK(cudaFuncSetAttribute(kernel<I>, cudaFuncAttributeMaxDynamicSharedMemorySize, shared));
  int multiprocessors = 0, resident = 0;
  CHECK(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, 0));
  CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident, kernel<I>, I::threads, shared));
  const int items = ceil_div(tokens, how.tokens) * ceil_div(data.rows, how.rows * how.cluster);
  const int blocks = std::min(items * how.cluster, resident * multiprocessors / how.cluster * how.cluster);

  const size_t matrix = static_cast<size_t>(padded_rows(data.rows)) * padded_columns(data.columns);
  std::vector<CUtensorMap> maps;
  for (int i = 0; i < copies; ++i)
    maps.push_back(encode(weights_map(how, data.rows, data.columns), data.weights + i * matrix));
  maps.push_back(encode(activations_map(how, tokens, data.columns, data.columns), data.x));
  CHECK(cudaMemcpy(data.maps, maps.data(), maps.size() * sizeof(CUtensorMap), cudaMemcpyHostToDevice));

  const auto run = [&](int i, cudaStream_t stream) {
    typename I::Args args{{data.maps + i, data.maps + copies}, {data.rows, data.columns, tokens}, data.out};
    cudaLaunchAttribute attributes[2] = {};
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(blocks);
    config.blockDim = dim3(I::threads);
    config.dynamicSmemBytes = shared;
    config.stream = stream;
    config.attrs = attributes;
    config.numAttrs = 2;
    attributes[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes[0].val.programmaticStreamSerializationAllowed = 1;
    attributes[1].id = cudaLaunchAttributeClusterDimension;
    attributes[1].val.clusterDim.x = how.cluster;
    attributes[1].val.clusterDim.y = attributes[1].val.clusterDim.z = 1;
    CHECK(cudaLaunchKernelEx(&config, kernel<I>, args));
  };
  const size_t count = static_cast<size_t>(tokens) * data.rows;
  CHECK(cudaMemset(data.out, 0xff, count * sizeof(Out)));
  CHECK(cudaMemset(data.result, 0, 8));
  run(0, nullptr);
  CHECK(cudaDeviceSynchronize());
  if (!data.has_reference)
    CHECK(cudaMemcpy(data.reference, data.out, count * sizeof(Out), cudaMemcpyDeviceToDevice));
  data.has_reference = true;
  compare<<<1024, 256>>>(data.out, data.expected, data.reference, count, data.result);
  unsigned result[2];
  CHECK(cudaMemcpy(result, data.result, 8, cudaMemcpyDeviceToHost));
  float off;
  std::memcpy(&off, result, 4);
  off /= std::sqrt(static_cast<float>(data.columns)) / 3; // about the results' root mean square
  const bool bad = !(off <= 2.5e-2);
  wrong |= bad || result[1] != 0;

  const double us = microseconds(run, copies, 10), teraflops = 2e-6 * data.rows * data.columns * tokens / us;
  char division[64];
  std::snprintf(division, sizeof division, "%dx%d groups %dx%d stages %d cluster %d turns %d", how.rows, how.tokens,
                how.row_groups, how.token_groups, how.stages, how.cluster, how.turns);
  std::printf("%5d x %4d, %4d tokens, %-36s blocks %3d shared %6d: %8.2f us %6.1f TFLOP/s difference %.1e%s%s\n",
              data.rows, data.columns, tokens, division, blocks, shared, us, teraflops, off, bad ? " WRONG" : "",
              result[1] ? " BITS" : "");
  std::fflush(stdout);
  if (us < best.us) {
    best.us = us;
    std::strcpy(best.division, division);
  }
}

constexpr WgmmaTiles divisions[] = {{128, 128, 2, 1, 6, 1},
                                    {128, 128, 2, 1, 6, 2},
                                    {128, 128, 1, 2, 6, 2},
                                    {128, 256, 2, 1, 4, 1},
                                    {128, 256, 2, 1, 4, 2},
                                    {128, 256, 1, 2, 4, 1},
                                    {128, 256, 1, 2, 4, 2},
                                    {128, 192, 2, 1, 4, 1},
                                    {128, 192, 2, 1, 4, 2},
                                    {128, 192, 1, 2, 4, 2},
                                    {256, 128, 2, 1, 4, 1},
                                    {256, 128, 2, 1, 4, 2},
                                    {128, 64, 2, 1, 8, 1},
                                    {64, 256, 1, 1, 5, 1},
                                    {64, 128, 1, 1, 4, 1},
                                    {64, 128, 1, 1, 8, 1},
                                    {64, 64, 1, 1, 6, 1},
                                    {64, 64, 1, 1, 12, 1},
                                    {64, 32, 1, 1, 8, 1},
                                    {64, 32, 1, 1, 16, 1},
                                    {64, 16, 1, 1, 10, 1},
                                    {64, 16, 1, 1, 16, 1},
                                    // Fewer bytes from the L2 cache for few rows; warpgroups that take turns.
                                    {64, 128, 1, 1, 6, 2},
                                    {64, 128, 1, 1, 6, 4},
                                    {64, 256, 1, 1, 4, 2},
                                    {128, 128, 1, 1, 5, 1, 2},
                                    {128, 128, 1, 1, 5, 2, 2},
                                    {64, 256, 1, 1, 4, 1, 2},
                                    {64, 256, 1, 1, 4, 2, 2},
                                    {128, 64, 1, 1, 6, 1, 2}};

struct Line {
  int rows, columns, tokens;
  Best best;
};
std::vector<Line> table;

template <size_t... i> void measure_all(Data &data, int tokens, std::index_sequence<i...>) {
  Best best;
  (measure<divisions[i]>(data, tokens, best), ...);
  table.push_back({data.rows, data.columns, tokens, best});
}

void shape(int rows, int columns) {
  constexpr int most_tokens = 2048;
  const size_t matrix = static_cast<size_t>(padded_rows(rows)) * padded_columns(columns);
  const size_t results = static_cast<size_t>(most_tokens) * rows;
  Data data{rows,
            columns,
            filled<bf16>(copies * matrix, 1),
            filled<bf16>(static_cast<size_t>(most_tokens) * columns, 2),
            filled<Out>(results, 3),
            filled<Out>(results, 3),
            filled<float>(results, 4),
            nullptr,
            nullptr};
  CHECK(cudaMalloc(&data.maps, (copies + 1) * sizeof(CUtensorMap)));
  CHECK(cudaMalloc(&data.result, 8));
  plain_product<<<dim3(ceil_div(rows, 128), most_tokens), 128>>>(data.weights, data.x, data.expected, rows, columns,
                                                                 most_tokens);
  CHECK(cudaDeviceSynchronize());
  for (int tokens : {2048, 1024, 512, 128, 16})
    measure_all(data, tokens, std::make_index_sequence<std::size(divisions)>());
  for (void *memory : {static_cast<void *>(data.weights), static_cast<void *>(data.x), static_cast<void *>(data.out),
                       static_cast<void *>(data.reference), static_cast<void *>(data.expected),
                       static_cast<void *>(data.maps), static_cast<void *>(data.result)})
    CHECK(cudaFree(memory));
}

} // namespace cadenza::probe

int main() {
  using namespace cadenza::probe;
  print_device();
  shape(4096, 1024);
  shape(1024, 2048);
  shape(6144, 1024);
  shape(1024, 3072);
  shape(3072, 2048);
  shape(2048, 2048);
  shape(16384, 2048);
  shape(2048, 8192);
  std::printf("\nbest:\n");
  for (const Line &line : table)
    std::printf("%5d x %4d, %4d tokens: %8.2f us %6.1f TFLOP/s, %s\n", line.rows, line.columns, line.tokens,
                line.best.us, 2e-6 * line.rows * line.columns * line.tokens / line.best.us, line.best.division);
  return finish();
}
