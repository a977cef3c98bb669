// The first phase of a step: advances the decode state (shared/state.h) and looks up the token's row. One block; it
// reads one row of the table.
#pragma once

#include "shared/encoding.h"
#include "shared/state.h"
#include "tile.cuh"

namespace cadenza {

/// Config: weight_type, output_type, columns, scale, threads. Arguments: [matrix, output, state, tokens].
template <class Config> struct Embed {
  using Weight = typename Config::weight_type;
  using Output = typename Config::output_type;
  static constexpr int columns = Config::columns, steps = steps_of(columns);
  static constexpr int threads = Config::threads, blocks = 1, shared_bytes = 0;

  struct Args {
    const Weight *matrix; // tiles16 of [vocabulary][columns]
    Output *output;       // [columns]
    DecodeState *state;
    const int32_t *tokens; // [context + 1]
  };
  static constexpr int words = 4;
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
    const uint64_t token = static_cast<uint64_t>(args.tokens[position]);
    const Weight *row = args.matrix + weight_index<uint64_t>(token, 0, steps); // step_columns every tile_step_weights
    for (int part = static_cast<int>(arch::thread_index()); 8 * part < columns; part += threads) {
      float x[8];
      constexpr int parts = step_columns / 8; // of a step
      unpack8<Weight>(arch::load_weights<Vec16>(row + part / parts * tile_step_weights + part % parts * 8), x);
#pragma unroll
      for (int j = 0; j < 8; ++j)
        if (8 * part + j < columns)
          args.output[8 * part + j] = arch::from_float<Output>(x[j] * Config::scale);
    }
  }
};

} // namespace cadenza
