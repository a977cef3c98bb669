// What the epilogues of products of many tokens cost on Hopper: the phases of a layer with their functions, by mma.sync
// and by wgmma, with the functions in registers and in shared memory, and in several divisions. Needs nothing but a
// driver:
//
//   nvcc -std=c++20 -O2 --expt-relaxed-constexpr -gencode=arch=compute_90a,code=sm_90a -cudart static -Xcompiler
//   -static-libstdc++ -I codegen/kernels -I runtime -I test/gpu/graph_kernels -o epilogues
//   test/gpu/token_kernels/epilogues.cu
//
// 'plain' is the product alone, which stores its sums: the difference is the epilogue. Prints a line for each, 'BITS'
// where results of functions in registers differ; exit code 1 if they do. (In shared memory, SiLU has other bits.)
#include "phases.cuh"
#include "project_tokens_wgmma.cuh"
#include "tensor_maps.cuh"

#include <string>

namespace cadenza::probe {

constexpr int longest = 2048;

struct Data {
  bf16 *activation; // [longest][columns]
  float *factors;   // [longest]
  unsigned char *matrix;
  size_t matrix_bytes;
  float *gamma, *table, *residual;
  bf16 *key, *value;
  DecodeState *state;
  unsigned char *output, *reference;
  size_t output_bytes;
  arch::TensorMap *maps; // [copies] of the matrices, one of the activation
  bool has_reference = false;
};

template <class Config>
constexpr bool on_hopper = std::is_same_v<std::remove_cv_t<decltype(Config::tiles)>, WgmmaTiles>;

/// The product of Hopper without functions.
template <class Config> struct Plain {
  static constexpr WgmmaTiles tiles = Config::tiles;
  using Product = WgmmaProduct<bf16, tiles>;
  static constexpr int threads = Product::threads, shared_bytes = tiles.shared_bytes();
  struct Args {
    typename Product::Maps maps;
    typename Product::Extent extent;
    bf16 *out; // [tokens][rows]
  };
  CADENZA_DEVICE static void run(const Args &args) {
    Product::begin();
    arch::grid_dependency_wait();
    arch::grid_dependency_trigger();
    Product::run(args.maps, args.extent, StoreTokens<bf16, tiles.rows>{args.out, args.extent.rows, args.extent.rows});
  }
};

template <class Config> std::vector<const void *> functions_words(const Data &data) {
  if constexpr (Config::interleaved) {
    return {data.output};
  } else if constexpr (Config::row_group == 1) {
    return {data.residual, data.output};
  } else {
    std::vector<const void *> words;
    if (Config::epilogue::words > 10)
      words = {data.gamma, data.gamma};
    words.insert(words.end(), {data.table, data.state, data.table, data.state, data.key, data.value, data.state,
                               reinterpret_cast<const void *>(size_t{longest}), data.output});
    return words;
  }
}

template <class Args> Args packed(const std::vector<const void *> &words) {
  Args args;
  if (words.size() * 8 != sizeof(args))
    std::exit(2);
  std::memcpy(static_cast<void *>(&args), words.data(), sizeof(args));
  return args;
}

template <class Config> typename ProjectTokens<Config>::Args arguments(const Data &data, int i) {
  std::vector<const void *> words{data.activation};
  if (TokenActivation<Config>::deferred)
    words.push_back(data.factors);
  words.insert(words.end(), {data.matrix + static_cast<size_t>(i) * data.matrix_bytes, data.state});
  const auto more = functions_words<Config>(data);
  words.insert(words.end(), more.begin(), more.end());
  return packed<typename ProjectTokens<Config>::Args>(words);
}
template <class Config>
typename ProjectTokensWgmma<Config>::Args hopper_arguments(const Data &data, int i, int tokens) {
  std::vector<const void *> words{data.maps + copies};
  if (TokenActivation<Config>::deferred)
    words.push_back(data.factors);
  words.insert(words.end(), {data.maps + i, data.state, reinterpret_cast<const void *>(static_cast<size_t>(tokens))});
  const auto more = functions_words<Config>(data);
  words.insert(words.end(), more.begin(), more.end());
  return packed<typename ProjectTokensWgmma<Config>::Args>(words);
}

template <class Config> void make_maps(Data &data, int tokens) {
  std::vector<CUtensorMap> maps;
  for (int i = 0; i < copies; ++i)
    maps.push_back(encode(weights_map(Config::tiles, Config::segment_rows::total, Config::columns),
                          data.matrix + static_cast<size_t>(i) * data.matrix_bytes));
  maps.push_back(encode(activations_map(Config::tiles, static_cast<uint64_t>(tokens), Config::columns, Config::columns),
                        data.activation));
  CHECK(cudaMemcpy(data.maps, maps.data(), maps.size() * sizeof(CUtensorMap), cudaMemcpyHostToDevice));
}

template <class Instance> void allow_shared() {
  CHECK(cudaFuncSetAttribute(kernel<Instance>, cudaFuncAttributeMaxDynamicSharedMemorySize, Instance::shared_bytes));
}

void set_tokens(const Data &data, int tokens) {
  DecodeState state{};
  state.forced_tokens = tokens;
  CHECK(cudaMemcpy(data.state, &state, sizeof(state), cudaMemcpyHostToDevice));
}

/// Compares, if `compared`, and times.
template <class Run>
void report(const char *name, const std::string &what, Data &data, int tokens, double flops, bool compared, Run run) {
  const size_t count = data.output_bytes / longest * static_cast<size_t>(tokens);
  CHECK(cudaMemset(data.output, 0xff, count));
  run(0, nullptr);
  CHECK(cudaDeviceSynchronize());
  size_t differing = 0;
  if (compared && !data.has_reference) {
    CHECK(cudaMemcpy(data.reference, data.output, count, cudaMemcpyDeviceToDevice));
    data.has_reference = true;
  } else if (compared) {
    std::vector<unsigned char> a(count), b(count);
    CHECK(cudaMemcpy(a.data(), data.output, count, cudaMemcpyDeviceToHost));
    CHECK(cudaMemcpy(b.data(), data.reference, count, cudaMemcpyDeviceToHost));
    for (size_t i = 0; i < count; ++i)
      differing += a[i] != b[i];
  }
  wrong |= differing > 0;
  const double us = microseconds(run, copies, 15);
  std::printf("%-12s %4d tokens %-60s %8.2f us %6.1f TFLOP/s%s\n", name, tokens, what.c_str(), us, flops * tokens / us,
              differing ? " BITS" : "");
  std::fflush(stdout);
}

std::string text(const TokenTiles &t) {
  return "mma " + std::to_string(t.tokens) + " x " + std::to_string(t.rows) + " depth " + std::to_string(t.depth) +
         " stages " + std::to_string(t.stages);
}
std::string text(const WgmmaTiles &t) {
  return "wgmma " + std::to_string(t.rows) + " x " + std::to_string(t.tokens) + " stages " + std::to_string(t.stages) +
         " cluster " + std::to_string(t.cluster) + " turns " + std::to_string(t.turns);
}

template <class Config> constexpr TokenShape shape_of(int tokens) {
  return {tokens,
          Config::segment_rows::total,
          Config::columns,
          FormatOf<typename Config::encoding>::unit_bytes,
          Config::interleaved ? 2 : 1,
          Config::row_group,
          Config::divisor};
}

template <class Config> void measure(const char *name, Data &data, int tokens, bool in_shared) {
  const double flops = 2e-6 * Config::segment_rows::total * Config::columns;
  const std::string what = text(Config::tiles) + (in_shared ? ", in shared memory" : "");
  if constexpr (on_hopper<Config>) {
    using Instance = ProjectTokensWgmma<Config>;
    allow_shared<Instance>();
    make_maps<Config>(data, tokens);
    report(name, what, data, tokens, flops, !in_shared, [&](int i, cudaStream_t stream) {
      launch<Instance>(hopper_arguments<Config>(data, i, tokens), Instance::cluster, stream,
                       Instance::blocks(tokens, 132));
    });
  } else {
    using Instance = ProjectTokens<Config>;
    allow_shared<Instance>();
    report(name, what, data, tokens, flops, !in_shared, [&](int i, cudaStream_t stream) {
      launch<Instance>(arguments<Config>(data, i), 1, stream, Instance::blocks(tokens));
    });
  }
}
template <class Config> void measure_plain(const char *name, Data &data, int tokens, bf16 *out) {
  using Instance = Plain<Config>;
  allow_shared<Instance>();
  make_maps<Config>(data, tokens);
  report(name, text(Config::tiles) + ", plain", data, tokens, 2e-6 * Config::segment_rows::total * Config::columns,
         false, [&](int i, cudaStream_t stream) {
           const typename Instance::Args args{
               {data.maps + i, data.maps + copies}, {Config::segment_rows::total, Config::columns, tokens}, out};
           launch<Instance>(args, Config::tiles.cluster, stream, ProjectTokensWgmma<Config>::blocks(tokens, 132));
         });
}

constexpr WgmmaTiles divisions[] = {{128, 256, 2, 1, 4, 1}, {128, 128, 2, 1, 6, 1},    {128, 128, 2, 1, 6, 2},
                                    {128, 192, 2, 1, 4, 2}, {128, 128, 1, 1, 5, 1, 2}, {128, 128, 1, 1, 5, 2, 2},
                                    {64, 128, 1, 1, 4, 1},  {64, 128, 1, 1, 6, 2},     {64, 256, 1, 1, 4, 1, 2}};

template <template <auto, bool> class Phase, int tokens, size_t... i>
void measure_all(const char *name, Data &data, bf16 *out, std::index_sequence<i...>) {
  using Any = Phase<TokenTiles{16, 128, 32, 2, 1, 1}, false>;
  set_tokens(data, tokens);
  data.has_reference = false;
  constexpr TokenTiles chosen = token_tiles(shape_of<Any>(tokens), 132);
  measure<Phase<chosen, false>>(name, data, tokens, false);
  measure<Phase<chosen, true>>(name, data, tokens, true);
  const auto one = [&]<WgmmaTiles tiles>() {
    constexpr bool fits = wgmma_tiles_fit(tiles, shape_of<Any>(tokens));
    if constexpr (fits) {
      measure_plain<Phase<tiles, false>>(name, data, tokens, out);
      measure<Phase<tiles, false>>(name, data, tokens, false);
      if constexpr (tiles == divisions[0] || tiles == divisions[1])
        measure<Phase<tiles, true>>(name, data, tokens, true);
    }
  };
  (one.template operator()<divisions[i]>(), ...);
}

template <template <auto, bool> class Phase> void phase(const char *name) {
  using Config = Phase<TokenTiles{16, 128, 32, 2, 1, 1}, false>;
  constexpr int rows = Config::segment_rows::total, columns = Config::columns;
  Data data{};
  data.activation = filled<bf16>(size_t{longest} * columns, 1);
  data.factors = filled<float>(longest, 2);
  data.matrix_bytes = static_cast<size_t>(padded_rows(rows)) * padded_columns(columns) * 2;
  data.matrix = reinterpret_cast<unsigned char *>(filled<bf16>(data.matrix_bytes / 2 * copies, 3));
  data.gamma = filled<float>(1024, 4);
  data.table = filled<float>(size_t{longest} * 128, 5);
  data.residual = filled<float>(size_t{longest} * Config::outputs, 6);
  data.key = filled<bf16>(size_t{longest} * 2048, 7);
  data.value = filled<bf16>(size_t{longest} * 2048, 8);
  data.output_bytes = size_t{longest} * Config::outputs * sizeof(typename Config::Output);
  bf16 *out = filled<bf16>(size_t{longest} * rows, 9);
  CHECK(cudaMalloc(&data.output, data.output_bytes));
  CHECK(cudaMalloc(&data.reference, data.output_bytes));
  CHECK(cudaMalloc(&data.state, sizeof(DecodeState)));
  CHECK(cudaMalloc(&data.maps, (copies + 1) * sizeof(CUtensorMap)));
  constexpr auto all_divisions = std::make_index_sequence<std::size(divisions)>();
  measure_all<Phase, 2048>(name, data, out, all_divisions);
  measure_all<Phase, 1024>(name, data, out, all_divisions);
  measure_all<Phase, 512>(name, data, out, all_divisions);
  for (void *memory :
       {static_cast<void *>(data.activation), static_cast<void *>(data.factors), static_cast<void *>(data.matrix),
        static_cast<void *>(data.gamma), static_cast<void *>(data.table), static_cast<void *>(data.residual),
        static_cast<void *>(data.key), static_cast<void *>(data.value), static_cast<void *>(data.output),
        static_cast<void *>(data.reference), static_cast<void *>(data.state), static_cast<void *>(data.maps),
        static_cast<void *>(out)})
    CHECK(cudaFree(memory));
}

} // namespace cadenza::probe

int main() {
  using namespace cadenza::probe;
  print_device();
  phase<QwenQkv>("qwen qkv");
  phase<QwenGateUp>("qwen gate_up");
  phase<QwenDown>("qwen down");
  phase<QwenOutput>("qwen o");
  phase<LlamaQkv>("llama qkv");
  phase<LlamaGateUp>("llama gate_up");
  return finish();
}
