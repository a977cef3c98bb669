// What the host and a persistent kernel share besides state.h: its arguments, waits and traces. Plain types only.
#pragma once

#include "state.h"
#include "types.h"

namespace cadenza {

/// What a thread of a persistent kernel can wait for.
enum class PersistentWait : uint32_t {
  ring_slot,    // the producer: all warps to be done with a buffer
  ring_data,    // a copy to arrive
  hop_rows,     // rows of q, k, v of the other ranks
  hop_parts,    // their parts of the context
  hop_residual, // their rows of the residual stream
  hop_units,    // their activations
  packets,      // partial sums of other groups
  candidates,   // the largest logits of all blocks
  step_start,   // the producer: all ranks to have begun the step
  head_sums,    // sums of squares of the heads of other groups
  context,      // queries and parts of the context of groups that have the same KV head
};

/// What it does otherwise: the states of a trace.
enum class PersistentWork : uint32_t {
  begin_step,
  embed,
  first_weights,   // taking weights out of the ring before the activation is there
  sums,            // adding the partial sums of all groups
  spread,          // sending its rows of the residual stream
  query_key_value, // product
  rows,            // norms and rotations
  attend,
  merge,    // of the parts of the context
  output,   // product
  gate_up,  // product
  activate, // and sending units
  down,     // product
  head,     // product
  select,
  copy, // the producer: looking for the next weights and asking for them
};

/// A record of an instrumented kernel (Config::traced): from then on a block's consumers, of which warp 0 speaks for
/// all, or its producer were in a state. After the last one comes a record of zeros.
struct alignas(16) TraceRecord {
  uint32_t timer; // %globaltimer_lo, nanoseconds
  uint32_t clock; // %clock, cycles of the multiprocessor
  uint32_t state; // 1 + a PersistentWait, or 1 + trace_waits + a PersistentWork
  uint32_t layer;
};
constexpr uint32_t trace_waits = 11; // values of PersistentWait
constexpr int trace_capacity = 8192; // records of the consumers or the producer of a block
constexpr int trace_rows = 2;        // of a block: its consumers, its producer

/// 8-byte words only, as every kernel's arguments.
struct PersistentArgs {
  const uint64_t *words; // the arguments of all phases' kernels in the order of the step
  unsigned char *packets;
  DecodeState *state;
  int32_t *tokens;      // [context + 1]
  int32_t *host_tokens; // [context + 1], mapped
  float *logits;        // f32 [vocabulary] or null
  HostControl *control;
  uint64_t steps;          // to run at most; ends early at a stop token or when the host asks
  uint64_t headless_steps; // the first so many select no token
  uint64_t first_step;     // number of the first step since the packets were zeroed, modulo 2^32
  uint64_t limit_ns;       // of a wait
  TraceRecord *trace;      // [blocks][trace_rows][trace_capacity], zeros; of a traced kernel
  SequenceState *sampled;  // `state`, if tokens are drawn or logits adjusted, and `logits` is its buffer; else null
};

} // namespace cadenza
