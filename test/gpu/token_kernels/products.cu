// Products of tiles of tokens on a real GPU: each against a kernel that makes an element a thread, all divisions
// against one another bit by bit, and microseconds of many of them, from which the choice in
// runtime/shared/token_tiles.h is made. Needs nothing but a driver:
//
//   nvcc -std=c++20 -O2 -arch=sm_90 -cudart static -I codegen/kernels -I runtime -I test/gpu/graph_kernels
//   -o token_products test/gpu/token_kernels/products.cu
//
// measures what the compiler chooses; with -DCADENZA_ALL also candidates (minutes to compile), with -DCADENZA_PART=1, 2
// or 3 some of the phases.
// The launches of a time have 20 different matrices, which together do not stay in the L2 cache. Prints a line for each
// division, 'WRONG' where results differ; exit code 1 if one does.
#include "phases.cuh"

#if !defined(CADENZA_PART)
#define CADENZA_PART 0
#endif

namespace cadenza::probe {

constexpr int longest = 2048, matrices = 20;
constexpr int tile_sizes[] = {16, 64, 128, 512, 1024, 2048};

// Data and the plain kernels ------------------------------------------------------------------------------------------

/// What all phases are run on.
struct Data {
  bf16 *activation; // [longest][columns]
  float *factors;   // [longest]
  unsigned char *matrix;
  size_t matrix_bytes;
  float *gamma, *table, *residual;
  bf16 *key, *value;
  DecodeState *state;
  void *output;
  float *expected; // [longest][outputs]
};

template <class Config> __device__ float weight(const unsigned char *matrix, int row, int column) {
  using E = typename Config::encoding;
  constexpr int steps = steps_of(Config::columns);
  const int index = weight_index(row, column, steps);
  const auto *elements = reinterpret_cast<const typename E::Element *>(matrix);
  if constexpr (sizeof(typename E::Element) == 1)
    return static_cast<float>(elements[index]) *
           reinterpret_cast<const float *>(
               matrix + tiles_bytes<long>(FormatOf<E>::format, Config::segment_rows::total, Config::columns))[row];
  else
    return arch::to_float(elements[index]);
}
template <class Config> __device__ float product(const Data &data, int token, int row) {
  float sum = 0;
  for (int k = 0; k < Config::columns; ++k)
    sum += arch::to_float(data.activation[static_cast<size_t>(token) * Config::columns + k]) *
           weight<Config>(data.matrix, row, k);
  return sum * (TokenActivation<Config>::deferred ? data.factors[token] : 1.0f);
}

/// A block a token and `dim` outputs.
template <class Config> __global__ void plain(Data data, int dim) {
  extern __shared__ float head[];
  const int token = static_cast<int>(blockIdx.y), i = static_cast<int>(threadIdx.x);
  const int row = static_cast<int>(blockIdx.x) * dim + i;
  float result;
  if constexpr (Config::interleaved) {
    const int packed = row / 8 * 16 + row % 8;
    const float gate = product<Config>(data, token, packed), up = product<Config>(data, token, packed + 8);
    result = gate / (1 + expf(-gate)) * up;
  } else if constexpr (Config::row_group == 1) {
    result = data.residual[static_cast<size_t>(token) * Config::outputs + row] + product<Config>(data, token, row);
  } else {
    float y = product<Config>(data, token, row);
    head[i] = y * y;
    __syncthreads();
    if constexpr (Config::epilogue::words > 10) { // with norms
      float sum = 0;
      for (int j = 0; j < dim; ++j)
        sum += head[j];
      y = y * rsqrtf(sum / static_cast<float>(dim) + 1e-6f) * data.gamma[i];
    }
    __syncthreads();
    head[i] = y;
    __syncthreads();
    const int half = dim / 2;
    const float *angle = data.table + (static_cast<size_t>(token) * half + i % half) * 2;
    result = i < half ? y * angle[0] - head[i + half] * angle[1] : y * angle[0] + head[i - half] * angle[1];
  }
  data.expected[static_cast<size_t>(token) * Config::outputs + row] = result;
}

template <class Config> typename ProjectTokens<Config>::Args arguments(const Data &data, int i) {
  using Instance = ProjectTokens<Config>;
  std::vector<const void *> words{data.activation};
  if (TokenActivation<Config>::deferred)
    words.push_back(data.factors);
  words.insert(words.end(), {data.matrix + static_cast<size_t>(i) % matrices * data.matrix_bytes, data.state});
  if constexpr (Config::interleaved) {
    words.push_back(data.output);
  } else if constexpr (Config::row_group == 1) {
    words.insert(words.end(), {data.residual, data.output});
  } else {
    if (Config::epilogue::words > 10)
      words.insert(words.end(), {data.gamma, data.gamma});
    words.insert(words.end(), {data.table, data.state, data.table, data.state, data.key, data.value, data.state,
                               reinterpret_cast<const void *>(size_t{longest}), data.output});
  }
  typename Instance::Args args;
  if (words.size() * 8 != sizeof(args))
    std::exit(2);
  std::memcpy(static_cast<void *>(&args), words.data(), sizeof(args));
  return args;
}

/// The largest error in units of what rounding to T and fp32 sums may do, or infinity.
template <class T> double error(const T *actual, const float *expected, size_t count) {
  std::vector<T> a(count);
  std::vector<float> b(count);
  CHECK(cudaMemcpy(a.data(), actual, count * sizeof(T), cudaMemcpyDeviceToHost));
  CHECK(cudaMemcpy(b.data(), expected, count * sizeof(float), cudaMemcpyDeviceToHost));
  double squares = 0, largest = 0;
  for (const float x : b)
    squares += static_cast<double>(x) * x;
  const double norm = std::sqrt(squares / static_cast<double>(count));
  for (size_t i = 0; i < count; ++i) {
    float x;
    const uint32_t bits = sizeof(T) == 4 ? 0 : uint32_t{reinterpret_cast<const uint16_t *>(a.data())[i]} << 16;
    std::memcpy(&x, sizeof(T) == 4 ? static_cast<const void *>(&a[i]) : &bits, 4);
    const double bound = (sizeof(T) == 4 ? 1e-4 : 0x1p-8) * std::fabs(b[i]) + 1e-3 * norm;
    const double e = std::fabs(static_cast<double>(x) - b[i]) / bound;
    largest = e <= largest ? largest : e; // NaN counts
  }
  return std::isnan(largest) ? INFINITY : largest;
}

/// Elements of [tokens][outputs] that are not the bits of `expected`.
template <class T> size_t different(const T *a, const T *b, size_t count) {
  std::vector<T> left(count), right(count);
  CHECK(cudaMemcpy(left.data(), a, count * sizeof(T), cudaMemcpyDeviceToHost));
  CHECK(cudaMemcpy(right.data(), b, count * sizeof(T), cudaMemcpyDeviceToHost));
  size_t result = 0;
  for (size_t i = 0; i < count; ++i)
    result += std::memcmp(&left[i], &right[i], sizeof(T)) != 0;
  return result;
}

// Measuring -----------------------------------------------------------------------------------------------------------

template <class Config>
void measure(const char *name, const Data &data, typename Config::Output *first, bool &is_first, int tokens,
             bool chosen) {
  using Instance = ProjectTokens<Config>;
  using T = typename Config::Output;
  constexpr TokenTiles t = Config::tiles;
  static_assert(token_stride(Config::outputs, sizeof(T)) == Config::outputs);
  if (tokens % t.tokens != 0 || (!chosen && (tokens / t.tokens > 16 || (tokens > 64 && t.tokens == 16))))
    return;
  CHECK(cudaFuncSetAttribute(kernel<Instance>, cudaFuncAttributeMaxDynamicSharedMemorySize, Instance::shared_bytes));
  const auto run = [&](int i, cudaStream_t stream) {
    cudaLaunchAttribute attribute = {};
    attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attribute.val.programmaticStreamSerializationAllowed = 1;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(static_cast<unsigned>(Instance::blocks(tokens)));
    config.blockDim = dim3(Instance::threads);
    config.dynamicSmemBytes = Instance::shared_bytes;
    config.stream = stream;
    config.attrs = &attribute;
    config.numAttrs = 1;
    CHECK(cudaLaunchKernelEx(&config, kernel<Instance>, arguments<Config>(data, i)));
  };
  const size_t count = static_cast<size_t>(tokens) * Config::outputs;
  CHECK(cudaMemset(data.output, 0xff, count * sizeof(T)));
  run(0, nullptr);
  CHECK(cudaDeviceSynchronize());
  const double off = error(static_cast<const T *>(data.output), data.expected, count);
  const bool bad = !(off <= 1);
  if (is_first && tokens == longest) {
    CHECK(cudaMemcpy(first, data.output, count * sizeof(T), cudaMemcpyDeviceToDevice));
    is_first = false;
  }
  const size_t other = is_first ? 0 : different(static_cast<const T *>(data.output), first, count);
  wrong |= bad || other > 0;
  const double us = microseconds(run);
  int resident = 0;
  CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident, kernel<Instance>, Instance::threads,
                                                      Instance::shared_bytes));
  cudaFuncAttributes attributes;
  CHECK(cudaFuncGetAttributes(&attributes, kernel<Instance>));
  const double flops = 2.0 * tokens * Config::segment_rows::total * Config::columns;
  std::printf(
      "%-12s T %4d tiles %3d x %3d depth %3d stages %d warps %d x %d blocks %4d resident %d shared %6d registers "
      "%3d: %8.2f us %6.1f TFLOP/s %6.0f GB/s%s difference %.1e%s",
      name, tokens, t.tokens, t.rows, t.depth, t.stages, t.token_warps, t.row_warps, Instance::blocks(tokens), resident,
      Instance::shared_bytes, attributes.numRegs, us, flops / us * 1e-6,
      static_cast<double>(data.matrix_bytes) / us * 1e-3, chosen ? " CHOSEN" : "", off, bad ? " WRONG" : "");
  std::printf(other > 0 ? ", %zu elements have OTHER BITS\n" : "\n", other);
  std::fflush(stdout);
}

constexpr TokenTiles candidates[] = {{128, 256, 32, 4, 2, 4}, {128, 128, 64, 3, 2, 2}, {128, 128, 32, 4, 4, 2},
                                     {64, 128, 32, 4, 2, 4},  {64, 64, 64, 4, 2, 2},   {16, 128, 32, 6, 1, 8},
                                     {16, 32, 128, 4, 1, 4},  {16, 16, 128, 4, 1, 2}};

template <template <TokenTiles> class Phase> constexpr TokenShape shape_of(int tokens) {
  using Config = Phase<TokenTiles{16, 8, 32, 2, 1, 1}>;
  return {tokens,
          Config::segment_rows::total,
          Config::columns,
          FormatOf<typename Config::encoding>::unit_bytes,
          Config::interleaved ? 2 : 1,
          Config::row_group,
          Config::divisor};
}

template <template <TokenTiles> class Phase, int tokens, class Measure> void of_chosen(Measure measure) {
  constexpr TokenTiles tiles = token_tiles(shape_of<Phase>(tokens), 132);
  measure.template operator()<Phase<tiles>>(tokens, true);
}
template <template <TokenTiles> class Phase, TokenTiles tiles, class Measure> void of_candidate(Measure measure) {
  if constexpr (all) {
    constexpr bool fits = token_tiles_fit(tiles, shape_of<Phase>(tiles.tokens));
    if constexpr (fits)
      for (int tokens : tile_sizes)
        measure.template operator()<Phase<tiles>>(tokens, false);
  }
}

template <template <TokenTiles> class Phase, size_t... size, size_t... candidate>
void phase(const char *name, std::index_sequence<size...>, std::index_sequence<candidate...>) {
  using Config =
      Phase<TokenTiles{16, Phase<TokenTiles{}>::row_group == 1 ? 16 : Phase<TokenTiles{}>::row_group, 32, 2, 1, 1}>;
  using T = typename Config::Output;
  using E = typename Config::encoding;
  constexpr int rows = Config::segment_rows::total, columns = Config::columns;
  Data data{};
  data.activation = filled<bf16>(size_t{longest} * columns, 1);
  data.factors = filled<float>(longest, 2);
  data.matrix_bytes = static_cast<size_t>(matrix_bytes<long>(FormatOf<E>::format, rows, columns) + 255) / 256 * 256;
  data.matrix = reinterpret_cast<unsigned char *>(filled<bf16>(data.matrix_bytes / 2 * matrices, 3)); // or any bytes
  if constexpr (FormatOf<E>::scales_rows) {
    const size_t scales = static_cast<size_t>(tiles_bytes<long>(FormatOf<E>::format, rows, columns));
    for (int i = 0; i < matrices; ++i)
      fill<<<64, 256>>>(reinterpret_cast<float *>(data.matrix + static_cast<size_t>(i) * data.matrix_bytes + scales),
                        size_t{rows}, 9u);
  }
  data.gamma = filled<float>(1024, 4);
  data.table = filled<float>(size_t{longest} * 128, 5);
  data.residual = filled<float>(size_t{longest} * Config::outputs, 6);
  data.key = filled<bf16>(size_t{longest} * 2048, 7);
  data.value = filled<bf16>(size_t{longest} * 2048, 8);
  data.expected = filled<float>(size_t{longest} * Config::outputs, 10);
  T *output = filled<T>(size_t{longest} * Config::outputs, 11),
    *first = filled<T>(size_t{longest} * Config::outputs, 12);
  data.output = output;
  DecodeState state{};
  state.forced_tokens = longest;
  CHECK(cudaMalloc(&data.state, sizeof(state)));
  CHECK(cudaMemcpy(data.state, &state, sizeof(state), cudaMemcpyHostToDevice));
  const int dim = Config::row_group == 1 ? 128 : Config::row_group;
  plain<Config><<<dim3(static_cast<unsigned>(Config::outputs / dim), longest), dim3(static_cast<unsigned>(dim)),
                  static_cast<unsigned>(dim) * 4>>>(data, dim);
  CHECK(cudaDeviceSynchronize());
  bool is_first = true;
  const auto measure_one = [&]<class Any>(int tokens, bool chosen) {
    measure<Any>(name, data, first, is_first, tokens, chosen);
  };
  (of_chosen<Phase, tile_sizes[sizeof...(size) - 1 - size]>(measure_one), ...); // the longest one first
  (of_candidate<Phase, candidates[candidate]>(measure_one), ...);
  for (void *memory :
       {static_cast<void *>(data.activation), static_cast<void *>(data.factors), static_cast<void *>(data.matrix),
        static_cast<void *>(data.gamma), static_cast<void *>(data.table), static_cast<void *>(data.residual),
        static_cast<void *>(data.key), static_cast<void *>(data.value), data.output, static_cast<void *>(first),
        static_cast<void *>(data.state), static_cast<void *>(data.expected)})
    CHECK(cudaFree(memory));
}
template <template <TokenTiles> class Phase, bool tuned> void phase(const char *name) {
  phase<Phase>(name, std::make_index_sequence<std::size(tile_sizes)>(),
               std::make_index_sequence<all && tuned ? std::size(candidates) : 0>());
}

template <TokenTiles how> using LlamaGateUp8 = GateUp<8192, 2048, Int8<bf16>, how>;
template <TokenTiles how> using LlamaDown8 = Residual<2048, 8192, Int8<bf16>, how>;

} // namespace cadenza::probe

int main() {
  using namespace cadenza::probe;
  print_device();
#if CADENZA_PART == 0 || CADENZA_PART == 1
  phase<QwenGateUp, true>("qwen gate_up");
  phase<LlamaDown, false>("llama down");
  phase<LlamaGateUp8, false>("llama gate_up int8");
#endif
#if CADENZA_PART == 0 || CADENZA_PART == 2
  phase<QwenDown, true>("qwen down");
  phase<LlamaGateUp, false>("llama gate_up");
  phase<LlamaOutput, false>("llama o");
#endif
#if CADENZA_PART == 0 || CADENZA_PART == 3
  phase<QwenQkv, true>("qwen qkv");
  phase<QwenOutput, false>("qwen o");
  phase<LlamaQkv, false>("llama qkv");
  phase<LlamaDown8, false>("llama down int8");
#endif
  return finish();
}
