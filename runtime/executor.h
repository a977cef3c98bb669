// What runs a program: on the CPU (runtime/cpu) or on a GPU (runtime/cuda). An executor owns the weights, the KV cache,
// the activations and the decode state; everything is allocated when it is made and nothing while it decodes.
#pragma once

#include "runtime/decode/cache_state.h"
#include "runtime/plan/program.h"
#include "runtime/support/status.h"
#include "runtime/tensor.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>

namespace cadenza {

class Plan;              // runtime/plan/plan.h: a validated, immutable view of a .plan file
struct RowHistory;       // runtime/shared/sampling.h
struct SequenceSampling; // runtime/decode/sequence_sampling.h

/// How a GPU runs steps: one launch a kernel; graphs of several steps; one kernel for many steps. Auto: the fastest
/// that the plan, the GPU and its driver have.
enum class Schedule : uint8_t { Auto, Launch, Graph, Persistent };

/// Of the `graph` schedule.
constexpr int maximumGraphSteps = 64;
struct GraphOptions {
  int steps = 4;               // of a graph
  bool dependentLaunch = true; // kernels are launched while the one before them runs, where the GPU can do that
};

struct ExecutorOptions {
  int64_t context = 0; // positions to allocate; 0: the default, min(model's maximum, 4096)
  bool logits = false; // keep the full logits of a step with head: [vocabulary] f32
  /// The division of the persistent schedule whose order of sums all schedules follow, by its name ("15x8"). Empty: on
  /// a GPU the one with the most blocks that it holds, on the CPU the first.
  std::string division = {};
  bool prefill = true; // false: as if the program had no prefill entries
  // GPU only:
  Schedule schedule = Schedule::Auto;
  GraphOptions graph = {};
};

/// Bytes that an executor holds, by purpose; on the device for a GPU.
struct MemoryUse {
  uint64_t weights = 0;
  uint64_t cache = 0;
  uint64_t activations = 0; // with scratch, tables, tokens and state
  uint64_t total() const { return weights + cache + activations; }
};

/// Sees the outputs of a phase of the step right after it ran: `block` of decodeEntry, `iteration` of that block, one
/// fp32 vector an output. The phase that selects the token has no outputs; it shows the logits, if they are kept.
struct PhaseOutput {
  uint32_t block = 0;
  uint32_t phase = 0;
  int64_t iteration = 0;
  std::span<const std::span<const float>> outputs;
};
using PhaseVisitor = std::function<Status(const PhaseOutput &)>;

class Executor {
public:
  virtual ~Executor() = default;

  virtual const Program &program() const = 0;
  virtual int64_t context() const = 0;
  virtual MemoryUse memory() const = 0;
  /// "cpu", or "cuda:0 NVIDIA H100 80GB HBM3".
  virtual std::string deviceName() const = 0;
  /// The division of the persistent schedule in whose order steps sum; empty if the plan has none, or the GPU holds
  /// none.
  virtual std::string divisionName() const = 0;

  /// Forgets all state and makes `prompt` the given tokens, to be processed from position 0. Errors: InvalidArgument
  /// for an empty prompt or an id outside the vocabulary (names index and id), CacheFull if it does not fit.
  /// `stopTokens` (at most max_stop_tokens) end the generation, see DecodeState. A prompt of more tokens than
  /// longAfter(program()) begins a long sequence.
  Status begin(std::span<const int32_t> prompt, std::span<const int32_t> stopTokens) {
    return begin(prompt, stopTokens, 0);
  }
  /// The same, but keys and values of the first `kept` tokens stay as the sequence before left them; what is processed
  /// begins behind them. The caller knows that they are those of the same tokens. InvalidArgument, too, unless `kept`
  /// is below the prompt's length and at most keepable().
  virtual Status begin(std::span<const int32_t> prompt, std::span<const int32_t> stopTokens, int64_t kept) = 0;

  /// How the tokens of the sequence that has begun are selected; without this call, and after each begin, the most
  /// likely one each time. InvalidArgument if there is no sequence, or if a token of it was selected already.
  virtual Status sample(const SequenceSampling &sampling) = 0;

  /// Other rows for a sequence whose sampling adjusts logits, from the step on that is queued next. Nothing may be
  /// queued behind the token that was awaited last. InvalidArgument for a sequence that does not adjust, or another
  /// number of rows.
  virtual Status updateRows(std::span<const RowHistory> rows) = 0;

  /// How many of the first `wanted` tokens of the last sequence a new one of `length` tokens can keep: all of them, if
  /// they were processed, and 0 if the cache of a window no longer has what the next token looks at, or if the new
  /// sequence rotates by other angles.
  virtual int64_t keepable(int64_t wanted, int64_t length) const = 0;
  /// Differs for every sequence that was begun: whether the last one is still the caller's.
  virtual uint64_t sequenceNumber() const = 0;

  /// What the last sequence has left in the caches.
  virtual CacheState cacheState() const = 0;
  /// Reads a part of a cache (cacheParts, runtime/decode/cache_state.h), after what is queued.
  virtual Status readCache(const CachePart &part, std::span<std::byte> out) = 0;
  /// Ends the sequence and writes a part of a cache.
  virtual Status writeCache(const CachePart &part, std::span<const std::byte> bytes) = 0;
  /// Once all parts of `state` were written: a new sequence may keep its tokens. InvalidArgument if they do not fit.
  virtual Status restore(const CacheState &state) = 0;

  /// Queues one step: it processes the token at the next position. Without head it selects nothing (for all prompt
  /// tokens but the last). May return before the step has run. CacheFull, with the state intact, if position ==
  /// context; InvalidArgument likewise if position == longAfter(program()) and the sequence is no long one.
  virtual Status enqueueStep(bool withHead) = 0;

  /// The tiles that given tokens can be processed in, by their number of tokens, ascending; none if the program has no
  /// prefill entries. What a tile computes for a token depends neither on its size nor on the token's place in it, and
  /// differs from what a step computes by the order of sums.
  virtual std::span<const int64_t> tileSizes() const = 0;

  /// Queues one tile: it processes the given tokens from the next position on, at most `size` of them, all at once.
  /// With head it selects the token after them, as a step would. A tile that is not full costs about what its tokens
  /// cost, so that of the right size is the smallest that holds all that is left (chooseTile,
  /// runtime/decode/sequence.h). Errors as enqueueStep; InvalidArgument, with the state intact, for a size that there
  /// is not, or if no given token is left. If a head selects a stop token, a step that is queued behind the tile
  /// repeats its last token, in a step's order of sums, and may select another one: await the token before.
  virtual Status enqueueTile(int64_t size, bool withHead) = 0;

  /// Runs one tile and the head for each of its tokens: `row` sees the position and the logits after the token there,
  /// in order. Errors as enqueueTile and logits; an error of `row`, which ends the sequence.
  using LogitsRow = std::function<Status(int64_t position, std::span<const float> logits)>;
  virtual Status runTileWithLogits(int64_t size, const LogitsRow &row) = 0;

  /// Waits until the step that selects the token at `position` has run, and returns it; 0 if a stop token came before
  /// it. InvalidArgument if no such step was queued. The first asynchronous fault is DeviceLost, here and in every
  /// later call.
  virtual StatusOr<int32_t> awaitToken(int64_t position) = 0;

  /// How many steps a caller does well to queue beyond the one whose token it waits for, so that a GPU never waits for
  /// the host. 0: a step runs when it is queued, and more would only delay the first token.
  virtual int64_t stepsAhead() const { return 0; }

  /// Asks what is queued to end early, at the next token or later; then there is no sequence to continue.
  virtual Status stop() { return Status::ok(); }

  /// Waits for everything that was queued.
  virtual Status synchronize() = 0;

  /// The logits of the last step with head, after waiting for it. InvalidArgument unless ExecutorOptions::logits.
  virtual StatusOr<std::span<const float>> logits() = 0;

  /// One step, with head, phase by phase; `visitor` sees every output. Slow; for --dump and --compare. InvalidArgument
  /// in the persistent schedule, which has no phases.
  virtual Status stepWithVisitor(const PhaseVisitor &visitor) = 0;

  /// Fills keys and values of positions [0, length) from a seed and makes `length` the next position, as if a prompt of
  /// that length had been processed: for benchmarks at a context. The values are the same on every executor. The
  /// sequence is a long one if it can become one within context().
  virtual Status fillCache(int64_t length, uint64_t seed) = 0;
};

/// What runs entries of named tensors: those of a program that are no decoder's step.
class TensorExecutor {
public:
  virtual ~TensorExecutor() = default;

  virtual const Program &program() const = 0;
  virtual MemoryUse memory() const = 0;
  virtual std::string deviceName() const = 0;
  /// How a GPU gets the kernels of an entry: Launch or Graph. Of a CPU: Auto.
  virtual Schedule schedule() const { return Schedule::Auto; }

  /// Runs the entry of that name (empty: the only one, or, of several, the one for the shapes of the inputs, as
  /// runtime/decode/entry_choice.h says) on tensors by name and returns what it gives, in the types of its ports.
  /// Floats that are given are rounded to the port's type, to nearest even; integers may be of a type whose numbers the
  /// port's type has, too. InvalidArgument, before anything runs, for an entry that there is not, an input that is
  /// missing, unknown, of another shape or of such a type: it says what the entry takes. InvalidArgument, too, if
  /// inputs are shorter than the entry and what stands behind them changes what it gives.
  StatusOr<Tensors> run(std::string_view entry, const Tensors &inputs);

protected:
  /// The same for an entry by index, with one span a port, in order: its elements in the type of its edge, row-major,
  /// without gaps (copyToEdge and copyFromEdge, runtime/decode/values.h).
  virtual Status runEntry(uint32_t entry, std::span<const std::span<const std::byte>> inputs,
                          std::span<const std::span<std::byte>> outputs) = 0;

private:
  StatusOr<Tensors> runExactly(uint32_t entry, const Tensors &inputs);
  std::set<uint32_t> masked_; // entries that ignore what their mask says is not there: that has been tried
};

/// InvalidArgument unless `program`, of the plan `where`, has an entry that is no decoder's step.
Status requireTensorEntry(const Program &program, const std::string &where);
/// The entry of that name in `program` (empty: the only one that is no decoder's step), or InvalidArgument with the
/// names there are. `where` is named in the message.
StatusOr<uint32_t> findTensorEntry(const Program &program, std::string_view name, const std::string &where);

/// Walks the program in plain C++: the reference that needs no GPU. `threads` 0: as many as there are cores.
StatusOr<std::unique_ptr<Executor>> makeCpuExecutor(const Plan &plan, const ExecutorOptions &options, int threads = 0);

/// The same for the plan's entries of named tensors.
StatusOr<std::unique_ptr<TensorExecutor>> makeCpuTensorExecutor(const Plan &plan, int threads = 0);

/// Runs the plan on GPU `ordinal` through the CUDA driver API. IncompatiblePlan for a schedule that the plan does not
/// have or the GPU cannot hold, Unsupported for one that its driver does not know.
StatusOr<std::unique_ptr<Executor>> makeCudaExecutor(const Plan &plan, const ExecutorOptions &options, int ordinal = 0);

/// The same for the plan's entries of named tensors.
StatusOr<std::unique_ptr<TensorExecutor>> makeCudaTensorExecutor(const Plan &plan, int ordinal = 0,
                                                                 Schedule schedule = Schedule::Auto);

} // namespace cadenza
