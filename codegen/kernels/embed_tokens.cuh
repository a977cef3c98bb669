// The first phase of a tile of tokens: embed.cuh for each token, a block each.
#pragma once

#include "embed.cuh"

namespace cadenza {

/// Config, arguments: as Embed's; the output is an edge of T tokens. Launch: T blocks of `threads`. The tile begins at
/// DecodeState::next_position, which becomes DecodeState::position; it advances in the last phase (last_token.cuh).
template <class Config> struct EmbedTokens {
  using OfOne = Embed<Config>;
  using Args = typename OfOne::Args;
  static constexpr int words = OfOne::words, threads = Config::threads, shared_bytes = 0;
  CADENZA_EVERYWHERE static constexpr int blocks(int tokens) { return tokens; }

  CADENZA_DEVICE static void run(const Args &args) {
    arch::grid_dependency_wait();
    arch::grid_dependency_trigger();
    const int base = args.state->next_position, token = static_cast<int>(arch::block_index());
    if (token == 0 && arch::thread_index() == 0)
      args.state->position = base; // which nobody reads here
    if (token >= live_tokens(base, args.state->forced_tokens, static_cast<int>(arch::block_count())))
      return;
    OfOne::look_up(args, base + token,
                   args.output + static_cast<int64_t>(token) *
                                     token_stride(Config::columns, sizeof(typename Config::output_type)));
  }
};

} // namespace cadenza
