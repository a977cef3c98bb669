// The first phase of a step: advances the decode state (shared/state.h) and looks up the token's row. One block; it
// reads one row of the table.
#pragma once

#include "shared/state.h"
#include "tile.cuh"

namespace cadenza {

/// Config: weight_type, output_type, columns, scale, threads. Arguments: [matrix, output, state, tokens].
template <class Config> struct Embed {
  using Weight = typename Config::weight_type;
  using Output = typename Config::output_type;
  static constexpr int columns = Config::columns, padded = round_up(columns, 32);
  static constexpr int threads = Config::threads, blocks = 1, shared_bytes = 0;

  struct Args {
    const Weight *matrix; // packed [vocabulary][columns]
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
    const Weight *row = args.matrix + token / 16 * (16 * padded) + token % 16 * 32; // 32 columns every 512 elements
    for (int part = static_cast<int>(arch::thread_index()); 8 * part < columns; part += threads) {
      float x[8];
      unpack8<Weight>(arch::load_weights(row + part / 4 * 512 + part % 4 * 8), x);
#pragma unroll
      for (int j = 0; j < 8; ++j)
        if (8 * part + j < columns)
          args.output[8 * part + j] = arch::from_float<Output>(x[j] * Config::scale);
    }
  }
};

} // namespace cadenza
