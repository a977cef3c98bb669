// What happens to the input of a project phase of a tile of tokens before its product: the prologue of each token
// (prologue.cuh), whose result becomes the activation in memory. A block has a token.
#pragma once

#include "operand_tile.cuh"
#include "prologue.cuh"

namespace cadenza {

/// Where the product of a tile of tokens finds its activation: `prepared`, or in the input edge as it lies.
template <class Config> struct TokenActivation {
  using Weight = typename Config::weight_type;
  using Input = typename Config::input_type;
  using Prologue = typename Config::prologue;
  static constexpr bool has_prologue = !SameType<Prologue, PlainPrologue<Config>>::value;
  static constexpr bool prepared = needs_prepare(has_prologue, SameType<Input, Weight>::value, Config::columns);
  static constexpr bool deferred = has_prologue && Prologue::defers; // whether there are factors
  static constexpr int padded = padded_columns(Config::columns);
  static constexpr int stride = prepared ? padded : token_stride(Config::columns, sizeof(Weight)); // of a token

  struct Factors {
    float *factors; // [T]
  };
  struct ReadFactors {
    const float *factors; // [T]
  };
  struct None {};
  template <bool, class Some> struct If {
    using type = None;
  };
  template <class Some> struct If<true, Some> {
    using type = Some;
  };
};

/// Config: weight_type, input_type, columns, norm_chunk and norm_sums as Project's, prologue, threads (prepare_threads
/// of shared/token_tiles.h, or any other multiple of 32). Arguments: [input, activation, (factors), state,
/// prologue's]: the input edge, [T] tokens of `columns`; scratch for the activation, [T][padded columns] of
/// weight_type; if the prologue defers its scale, scratch for [T] factors, f32. Launch: T blocks of `threads`,
/// shared_bytes. There is such a kernel only if needs_prepare (shared/token_tiles.h). Dead tokens are left as they are.
template <class Config> struct PrepareTokens {
  using A = TokenActivation<Config>;
  using Prologue = typename Config::prologue;
  using Weight = typename Config::weight_type;
  using Input = typename Config::input_type;
  static_assert(A::prepared, "the product reads such an input as it lies");
  static constexpr int threads = Config::threads;
  static constexpr int shared_bytes = 4 * Activation<Config>::sums_floats;
  static_assert(shared_bytes == prepare_shared_bytes(Config::columns, NormSumsOf<Config>::value));
  CADENZA_EVERYWHERE static constexpr int blocks(int tokens) { return tokens; }

  struct Vectors {
    const Input *input;
    Weight *activation;
  };
  struct State {
    const DecodeState *state;
  };
  struct Args : Vectors, A::template If<A::deferred, typename A::Factors>::type, State, Prologue::Args {};
  static constexpr int words = 3 + A::deferred + Prologue::words;
  static_assert(sizeof(Args) == 8 * words, "arguments are 8-byte words");

  CADENZA_DEVICE static void run(const Args &args) {
    float *sums = reinterpret_cast<float *>(arch::shared_memory());
    Prologue prologue;
    prologue.load_weights(args);
    arch::grid_dependency_wait();
    arch::grid_dependency_trigger();
    const int token = static_cast<int>(arch::block_index());
    if (token >= live_tokens(args.state->position, args.state->forced_tokens, static_cast<int>(arch::block_count())))
      return;
    prologue.load_input(args.input + static_cast<int64_t>(token) * token_stride(Config::columns, sizeof(Input)));
    prologue.apply(args.activation + static_cast<int64_t>(token) * A::padded, sums);
    if constexpr (A::deferred) {
      arch::block_barrier(); // all sums are there
      if (arch::thread_index() == 0)
        args.factors[token] = Prologue::factor(sums);
    }
  }
};

} // namespace cadenza
