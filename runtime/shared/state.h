// The decode state in device memory: written by the host between sequences, advanced by the step itself. Shared by
// kernels and runtime, so it uses nothing but plain types. The token ids lie in a separate array `tokens` of context +
// 1 entries: the prompt is written there, and select appends.
//
// A step: `embed` sets position = next_position and increments next_position unless stopped; every later phase reads
// position. `argmax` selects the token at position + 1, unless that is still prompt (position + 1 < forced_tokens): it
// writes tokens[position + 1] and, if that is one of stop_tokens, sets stopped. A step after that repeats the last one
// with the same result, so it changes no state. A step without its head (prompt tokens) advances just the same.
//
// How the token is selected: `sampling`. A step that repeats the last one selects nothing: with penalties it would
// select another one.
//
// `argmax` also tells the host, by HostLink, and does what the host asks for while steps are queued. Only argmax looks
// at that, so that no step sees it come in its middle. (A persistent kernel uses HostControl for both.)
#pragma once

#include "sampling.h"
#include "types.h"

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
static_assert(sizeof(DecodeState) == 128, "one cache line");

/// What argmax needs besides.
struct HostLink {
  int32_t *tokens;         // [context + 1], mapped host memory: selected tokens go there, too
  uint32_t *published;     // HostControl::published: position + 2 goes there, after the token
  uint32_t stop_requested; // 1: argmax sets stopped; the host writes it at any time
  uint32_t reserved;
};

/// In host memory that the device sees. `stop` is the host's, everything else the device's.
struct HostControl {
  uint32_t stop;      // 1: a persistent kernel ends the launch after the token that is in work
  uint32_t published; // tokens [0, published) of the host's copy have arrived; written after them, with release
  // What a wait of a persistent kernel that took too long was for; `expired` is written last, then the kernel traps.
  uint32_t expired;
  uint32_t wait;  // a PersistentWait
  uint32_t block; // of the grid
  uint32_t layer;
  uint32_t position;
  uint32_t reserved[25]; // to 128 bytes
};
static_assert(sizeof(HostControl) == 128, "one cache line");

/// What steps need besides that draw their token or adjust logits.
struct DrawBuffers {
  float *logits;        // [vocabulary]: of the step, as the head has them
  unsigned char *space; // draw_space_bytes for each block that selects: draw.cuh
  uint64_t vocabulary;
  // Of persistent kernels:
  unsigned char *packets; // draw_packets_for(blocks), zero at first: persistent_draw.cuh
  HostControl *control;
  uint64_t limit_ns; // of a wait
};
constexpr int draw_space_bytes = 5120;

/// What lies in device memory, at the address that is every kernel's `state`.
struct SequenceState {
  DecodeState decode;
  HostLink host;
  Sampling sampling;
  DrawBuffers draw;
};

} // namespace cadenza
