// The decode state in device memory: written by the host between runs, advanced by the step itself. Shared by kernels
// and runtime, so it uses nothing but plain types. The token ids lie in a separate array `tokens` of context + 1
// entries: the prompt is written there, and select appends.
//
// A step: `embed` sets position = next_position and increments next_position unless stopped; every later phase reads
// position. `argmax` selects the token at position + 1, unless that is still prompt (position + 1 < forced_tokens): it
// writes tokens[position + 1] and, if that is one of stop_tokens, sets stopped. A step after that repeats the last one
// with the same result, so it changes no state. A step without its head (prompt tokens) advances just the same.
#pragma once

namespace cadenza {

constexpr int max_stop_tokens = 16;

struct DecodeState {
  int position;      // of the token that this step processes
  int next_position; // of the token that the next step will process
  int forced_tokens; // length of the prompt: tokens[0, forced_tokens) are given
  int stopped;       // 1 once a stop token was selected
  int stop_token_count;
  int stop_tokens[max_stop_tokens];
  int reserved[11]; // to 128 bytes
};
static_assert(sizeof(DecodeState) == 128, "one cache line, and what the host copies");

} // namespace cadenza
