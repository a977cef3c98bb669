// The first phase of a step: advances the decode state (shared/state.h) and looks up the token's row, and that of the
// position where positions are learned. One block; it reads one row of each table.
#pragma once

#include "shared/encoding.h"
#include "shared/state.h"
#include "tile.cuh"

namespace cadenza {

/// What the elements of learned positions are: positions_type, if the configuration has it.
template <class Config> struct PositionsOf {
  using type = void;
};
template <class Config>
  requires requires { typename Config::positions_type; }
struct PositionsOf<Config> {
  using type = typename Config::positions_type;
};

/// Config: weight_type, output_type, columns, scale, threads and, if positions are learned, positions_type. Arguments:
/// [matrix, output, state, tokens] and then [positions].
template <class Config> struct Embed {
  using Weight = typename Config::weight_type;
  using Positions = typename PositionsOf<Config>::type;
  using Output = typename Config::output_type;
  static constexpr int columns = Config::columns, steps = steps_of(columns);
  static constexpr int threads = Config::threads, blocks = 1, shared_bytes = 0;

  struct Token {
    const Weight *matrix; // tiles16 of [vocabulary][columns]
    Output *output;       // [columns]
    DecodeState *state;
    const int32_t *tokens; // [context + 1]
  };
  template <class Type, class = void> struct WithPositions : Token {
    const Type *positions; // tiles16 of [at least context][columns]
  };
  template <class Any> struct WithPositions<void, Any> : Token {};
  using Args = WithPositions<Positions>;
  static constexpr bool positioned = requires { typename Config::positions_type; };
  static constexpr int words = 4 + positioned;
  static_assert(sizeof(Args) == 8 * words, "arguments are 8-byte words");

  CADENZA_DEVICE static void run(const Args &args) {
    arch::grid_dependency_wait();
    arch::grid_dependency_trigger();
    DecodeState &state = *args.state;
    const bool advance = !state.stopped; // a stopped model repeats its last step
    const int position = advance ? state.next_position : state.position;
    arch::block_barrier(); // every thread has read the state before thread 0 changes it
    if (advance && arch::thread_index() == 0) {
      state.position = position;
      state.next_position = position + 1;
    }
    look_up(args, position, args.output);
  }

  /// Writes the elements of the token at `position`, by all threads of the block.
  CADENZA_DEVICE static void look_up(const Args &args, int position, Output *output) {
    const uint64_t token = static_cast<uint64_t>(args.tokens[position]);
    const Weight *row = args.matrix + weight_index<uint64_t>(token, 0, steps); // step_columns every tile_step_weights
    for (int part = static_cast<int>(arch::thread_index()); 8 * part < columns; part += threads) {
      float x[8], y[8] = {};
      constexpr int parts = step_columns / 8; // of a step
      unpack8<Weight>(arch::load_weights<Vec16>(row + part / parts * tile_step_weights + part % parts * 8), x);
      if constexpr (positioned) {
        const uint64_t first = weight_index<uint64_t>(static_cast<uint64_t>(position), 0, steps);
        unpack8<Positions>(
            arch::load_weights<Vec16>(args.positions + first + part / parts * tile_step_weights + part % parts * 8), y);
      }
#pragma unroll
      for (int j = 0; j < 8; ++j)
        if (8 * part + j < columns)
          output[8 * part + j] = of(x[j], y[j]);
    }
  }

  /// An element, from those of the token's and the position's rows. (A product that became one operation with the
  /// addition in one schedule would have other bits in another.)
  CADENZA_DEVICE static Output of(float token, float position) {
    if constexpr (positioned)
      return arch::from_float<Output>(arch::multiply(token, Config::scale) + position);
    return arch::from_float<Output>(token * Config::scale);
  }
};

} // namespace cadenza
