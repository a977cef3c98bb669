// A step small enough to compute by hand (toy_plan.h does), which still uses every kind of kernel argument. As real
// kernels, these wait for the launch before them, and let the next one start as early as it may.
#include "arch_exchange.cuh"
#include "shared/state.h"

using namespace cadenza;

CADENZA_DEVICE void depend() {
  arch::grid_dependency_trigger();
  arch::grid_dependency_wait();
}
#if defined(READS_EARLY) // the mistake that a test looks for: a layer reads its input before it waits
CADENZA_DEVICE float read(const float *x) {
  const float value = *x;
  depend();
  return value;
}
#else
CADENZA_DEVICE float read(const float *x) {
  depend();
  return *x;
}
#endif

constexpr uint32_t width = 64, head_dim = 32;

struct EmbedArgs {
  float *x; // [64]
  DecodeState *state;
  const int32_t *tokens;
};
CADENZA_KERNEL(toy_embed, EmbedArgs, 64, 1) {
  depend();
  const bool advance = !args.state->stopped;
  const int position = advance ? args.state->next_position : args.state->position;
  arch::block_barrier();
  if (advance && arch::thread_index() == 0) {
    args.state->position = position;
    args.state->next_position = position + 1;
  }
  args.x[arch::thread_index()] = static_cast<float>(args.tokens[position] + static_cast<int>(arch::thread_index()));
}

struct RopeArgs {
  const float *table; // [context][4][2]
  float *row;         // [8]
  const DecodeState *state;
};
CADENZA_KERNEL(toy_rope, RopeArgs, 32, 1) {
  depend();
  if (arch::thread_index() < 8)
    args.row[arch::thread_index()] = args.table[args.state->position * 8 + arch::thread_index()];
}

struct LayerArgs {
  float *x;             // [64], in place
  uint16_t *y;          // [64] bf16: the same, rounded
  const float *weight;  // [64]
  float *keys, *values; // [2][positions][32]
  const DecodeState *state;
  uint64_t positions;
};
CADENZA_KERNEL(toy_layer, LayerArgs, 64, 1) {
  const uint64_t i = arch::thread_index();
  const float x = read(args.x + i);
  const uint64_t column = i / head_dim * args.positions * head_dim + i % head_dim;
  const uint64_t position = static_cast<uint64_t>(args.state->position);
  args.keys[column + position % args.positions * head_dim] = x;
  args.values[column + position % args.positions * head_dim] = 2 * x;
  float sum = 0;
  for (uint64_t p = position < args.positions ? 0 : position + 1 - args.positions; p <= position; ++p) {
    const uint64_t place = column + p % args.positions * head_dim;
    sum += args.keys[place] + args.values[place];
  }
  args.x[i] = sum * args.weight[i];
  args.y[i] = arch::to_bf16(args.x[i]).bits;
}

struct HeadArgs {
  const float *x; // [64]
  SequenceState *state;
  int32_t *tokens;
  float *logits;           // [97] or null
  const uint32_t *scratch; // zero
};
CADENZA_KERNEL(toy_head, HeadArgs, 32, 1) {
  depend();
  if (arch::thread_index() != 0)
    return;
  float sum = 0;
  for (uint32_t i = 0; i < width; ++i)
    sum += args.x[i];
  if (args.logits)
    for (uint32_t i = 0; i < 97; ++i)
      args.logits[i] = args.x[i % width];
  DecodeState &state = args.state->decode;
  const HostLink &host = args.state->host;
  const int next = state.position + 1;
  if (next >= state.forced_tokens) {
    const int token = static_cast<int>((static_cast<int64_t>(sum) % 97 + 97 + args.scratch[0]) % 97);
    args.tokens[next] = token;
    host.tokens[next] = token;
    for (int i = 0; i < state.stop_token_count; ++i)
      if (token == state.stop_tokens[i])
        state.stopped = 1;
  }
  if (arch::load_relaxed(&host.stop_requested) != 0)
    state.stopped = 1;
  arch::store_release_system(host.published, static_cast<uint32_t>(next + 1));
}
