// The end of a tile of tokens: the row of its last live token, for the head, and the state after it.
#pragma once

#include "tile.cuh"

namespace cadenza {

/// Config: type (of the edges' elements), columns, threads. Arguments: [input, output, state]: an edge of T tokens, one
/// of one token. Launch: T / token_multiple blocks of `threads`, of which the first one does it and the others tell T.
/// DecodeState: next_position becomes that after the last live token, position that of the token, which is what the
/// phases of the head expect. Without a live token nothing changes.
template <class Config> struct LastToken {
  using Type = typename Config::type;
  static constexpr int columns = Config::columns, threads = Config::threads, shared_bytes = 0, words = 3;
  CADENZA_EVERYWHERE static constexpr int blocks(int tokens) { return tokens / token_multiple; }

  struct Args {
    const Type *input; // [T][columns]
    Type *output;      // [columns]
    DecodeState *state;
  };

  CADENZA_DEVICE static void run(const Args &args) {
    arch::grid_dependency_wait();
    arch::grid_dependency_trigger();
    if (arch::block_index() != 0)
      return;
    const int base = args.state->position;
    const int live =
        live_tokens(base, args.state->forced_tokens, static_cast<int>(arch::block_count()) * token_multiple);
    arch::block_barrier(); // every thread has read the state before thread 0 changes it
    if (live == 0)
      return;
    if (arch::thread_index() == 0) {
      args.state->position = base + live - 1;
      args.state->next_position = base + live;
    }
    const Type *row = args.input + static_cast<int64_t>(live - 1) * token_stride(columns, sizeof(Type));
    for (int i = static_cast<int>(arch::thread_index()); i < columns; i += threads)
      args.output[i] = row[i];
  }
};

} // namespace cadenza
