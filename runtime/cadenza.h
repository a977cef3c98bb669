// Cadenza's C++ API: opens a plan and generates text from it, on a GPU or on the CPU.
//
//   CADENZA_ASSIGN_OR_RETURN(cadenza::Session session, cadenza::Session::open("qwen.plan"));
//   CADENZA_ASSIGN_OR_RETURN(std::vector<int32_t> prompt, session.tokenize("In the beginning"));
//   cadenza::GenerateOptions options{.maxTokens = 100};
//   options.onText = [](std::string_view text) { std::cout << text << std::flush; };
//   CADENZA_ASSIGN_OR_RETURN(cadenza::Generation result, session.generate(prompt, options));
//
// A plan that is no decoder is opened as a TensorSession, which runs its entries on tensors by name.
//
// Batch size 1. Prompts are taken as they are; runtime/chat makes them of a talk. Errors are Status
// values, never exceptions. A session is used by one thread at a time; only requestCancel may be called from elsewhere.
// Executing a plan is running its author's code on your GPU: open plans that you trust.
#pragma once

#include "runtime/sampling_options.h"
#include "runtime/support/status.h"
#include "runtime/tensor.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

class Executor;
class Plan;
class TokenConstraint; // runtime/token_constraint.h
namespace grammar {
class Grammar; // runtime/grammar/json_schema.h makes them
}

struct SessionOptions {
  /// "auto": the first GPU that the plan has code for, else the CPU (Session::notice says why). "cpu". "cuda" or
  /// "cuda:N".
  std::string device = "auto";
  int64_t context = 0; // positions to allocate; 0: the default, min(model's maximum, 4096)
  bool logits = false; // keep logits: needed by forEachLogits, score and GenerateOptions::logprobs
  int threads = 0;     // on the CPU; 0: as many as there are cores
  /// On a GPU: "launch" launches a kernel a phase, "graph" these kernels in graphs of several steps, "persistent" one
  /// kernel for many steps; "auto" is the fastest of them that the plan, the GPU and its driver have (Session::notice
  /// says why not a faster one).
  std::string schedule = "auto";
  /// The division of the persistent schedule, by its name ("15x8"), whose order of sums all schedules and the CPU
  /// follow. Empty: the one with the most blocks that the GPU holds (Session::notice says which, if the plan has
  /// several); the first on the CPU.
  std::string division = {};
  /// Prompts go through the plan's prefill entries, if it has any: many tokens at once. False: token by token, like
  /// decoding. The two sum in different orders, so the last bits differ.
  bool prefill = true;
};

/// What a generation may keep of the one before it: keys and values of the tokens that both begin with. On: all of
/// them, those that were generated, too. Exact: those that were processed as a prompt, so that the result has the bits
/// of a generation that keeps nothing (a prompt's tiles and single steps sum in different orders). Models with windowed
/// attention keep nothing if their caches no longer hold what lies before the first token that differs.
enum class PrefixReuse { Off, Exact, On };

/// ln p, in nats, of a token after what stands before it, as the model has it: at temperature 1, before penalties,
/// biases and filters.
struct TokenLogprob {
  int32_t token = 0;
  double logprob = 0;
};
struct TokenLogprobs {
  TokenLogprob chosen;
  std::vector<TokenLogprob> top; // the most likely ones, descending; of equal ones the lower id first
};

struct GenerateOptions {
  int64_t maxTokens = 128;              // 0: only process the prompt
  bool ignoreEos = false;               // go on after the model's stop tokens
  std::vector<int32_t> stopTokens = {}; // end the generation besides the model's, as those do
  /// Generation ends at a special token of this text ("<|im_end|>"), or where one of these appears in the generated
  /// text. It is not part of the text; text that might be the beginning of one is held back until that is settled.
  std::vector<std::string> stopTexts = {};
  PrefixReuse reuse = PrefixReuse::Off;
  SamplingOptions sampling = {}; // how tokens are chosen; as it is: greedily
  /// Which tokens may follow; null: any. The tokens are then processed one by one, also where a GPU could take several
  /// steps. Stop tokens may come exactly where the constraint lets the text end. Where nothing but the end can follow
  /// and there is no stop token, generation ends as Complete.
  std::shared_ptr<TokenConstraint> constraint = {};
  /// Keep the log-probability of each generated token and those of so many most likely ones. Needs
  /// SessionOptions::logits; the tokens are then processed one by one, also where a GPU could take several steps.
  std::optional<int64_t> logprobs = {};
  /// Called for each generated token (a final stop token included). False ends the generation after it.
  std::function<bool(int32_t token)> onToken = {};
  /// Called for each entry of Generation::logprobs, before the text of its token.
  std::function<void(const TokenLogprobs &logprobs)> onLogprobs = {};
  /// Called now and then while a prompt is processed, with the number of its tokens that are done: after one or a few
  /// tiles of a prefill, or some dozens of steps.
  std::function<void(int64_t tokens)> onPrompt = {};
  /// Called with text as it becomes final: complete characters, nothing that a stop text could still take back. All
  /// pieces together are Generation::text.
  std::function<void(std::string_view text)> onText = {};
};

enum class FinishReason {
  Length,      // maxTokens were made
  StopToken,   // the model ended the text
  StopText,    // one of the stop texts appeared
  ContextFull, // no position is left
  Cancelled,   // requestCancel
  Callback,    // onToken returned false
  Complete,    // the constraint lets nothing follow
};
/// "length", "stop_token", ...
std::string_view finishReasonName(FinishReason reason);

/// Prompt and decoding apart. The prompt's time ends with the first generated token, which its last step selects.
struct Timing {
  int64_t promptTokens = 0;
  int64_t keptTokens = 0;   // of them, not processed again (PrefixReuse)
  double promptSeconds = 0; // also the time to the first token
  int64_t promptTiles = 0;  // in which the prompt was processed; 0: token by token
  int64_t decodeTokens = 0; // generated tokens after the first
  double decodeSeconds = 0;

  double promptTokensPerSecond() const {
    return promptSeconds > 0 ? static_cast<double>(promptTokens - keptTokens) / promptSeconds : 0;
  }
  double decodeTokensPerSecond() const { return decodeSeconds > 0 ? decodeTokens / decodeSeconds : 0; }
};

struct Generation {
  std::vector<int32_t> tokens; // generated, with the stop token that ended it, if any
  std::string text;            // of the tokens, without special tokens; empty if the plan has no tokenizer
  FinishReason reason = FinishReason::Length;
  Timing timing;
  std::optional<uint64_t> seed;        // with which tokens were drawn; none: they were not
  std::vector<TokenLogprobs> logprobs; // one a token, if asked for
  std::string advice;                  // what to do about a full context

  /// Ok; CacheFull or Cancelled for a generation that ended early for that reason. What was made until then is there.
  Status status() const;
};

/// Log-likelihood of a token sequence, see Session::score.
struct Score {
  int64_t tokens = 0; // predicted
  int64_t windows = 0;
  double nll = 0;            // sum of -ln p, in nats
  double perplexity() const; // exp(nll / tokens)
};

/// How the distributions of the next token of a plan agree with those of a reference, see Session::scoreAgainst.
struct Agreement {
  Score score, reference; // of this plan, of the reference
  // KL(reference || this plan) of each prediction, in nats: its mean, the 99.9th percentile, the largest.
  double meanKl = 0, kl999 = 0, largestKl = 0;
  double sameTop = 0; // share of predictions whose most likely token is the same one
};

class Session {
public:
  /// Opens and validates a plan and loads it onto a device. Errors: Io, InvalidPlan, IncompatiblePlan, NoDevice,
  /// OutOfMemory, InvalidArgument (an impossible context or device name).
  static StatusOr<Session> open(const std::string &planPath, const SessionOptions &options = {});
  /// The same for a plan that is open already, or bytes in memory (Plan::fromBytes).
  static StatusOr<Session> open(std::shared_ptr<const Plan> plan, const SessionOptions &options = {});

  Session(Session &&) noexcept;
  Session &operator=(Session &&) noexcept;
  ~Session();

  /// Why "auto" took the CPU, or a schedule that is not the fastest; empty otherwise.
  const std::string &notice() const;
  /// "cpu", or "cuda:0 NVIDIA H100 80GB HBM3".
  std::string deviceName() const;
  /// How steps are run.
  struct ScheduleFigures {
    std::string name;                // "graph"; empty on the CPU
    int64_t kernelsPerToken = 0;     // 1 if one kernel runs many steps
    double hostLaunchesPerToken = 0; // calls of the driver
  };
  ScheduleFigures schedule() const;
  int64_t context() const;
  int64_t vocabulary() const;
  const Plan &plan() const;
  /// What runs the steps; for tools. Starting something on it ends what the session did before.
  Executor &executor();

  bool hasTokenizer() const;
  /// The id of a special token by its text ("<|im_end|>"), if the tokenizer has it.
  std::optional<int32_t> specialToken(std::string_view text) const;
  /// The ids of `text`; `addSpecialTokens`: with what the tokenizer puts around a text (a Llama tokenizer's first
  /// token). Unsupported if the plan carries no tokenizer.
  StatusOr<std::vector<int32_t>> tokenize(std::string_view text, bool addSpecialTokens = true) const;
  StatusOr<std::string> detokenize(std::span<const int32_t> tokens) const;
  /// What a token adds to a text, for people: " Paris", "<|im_end|>", U+FFFD for a part of a character. Empty if the
  /// plan carries no tokenizer or the id has no token.
  std::string tokenText(int32_t token) const;
  /// The same to the byte, also for a part of a character. None for special tokens, and without a tokenizer.
  std::optional<std::string> tokenBytes(int32_t token) const;
  /// How the model's directory recommends to choose tokens (its generation_config.json: do_sample, temperature, top_k,
  /// top_p, min_p, repetition_penalty); greedily, if it says nothing. InvalidInput for a field of another type.
  StatusOr<SamplingOptions> samplingDefaults() const;

  /// A constraint for generations of this session: texts of the grammar, in the tokens of the plan, whose special
  /// tokens they never have. Keeps what it has computed, so that a grammar that is used again had better have the same
  /// one. Unsupported if the plan carries no tokenizer.
  StatusOr<std::shared_ptr<TokenConstraint>> constrain(const grammar::Grammar &grammar);

  /// Continues `prompt`. Errors, before anything ran: InvalidArgument for an empty prompt, an id outside the
  /// vocabulary, a negative maxTokens, sampling options outside of their ranges and logprobs without
  /// SessionOptions::logits; CacheFull if the prompt does not fit. A generation that fills the context ends with
  /// FinishReason::ContextFull. DeviceLost: what onText saw is all there is.
  /// Errors of a constraint, which end a generation: InvalidArgument if no token can continue the text.
  StatusOr<Generation> generate(std::span<const int32_t> prompt, const GenerateOptions &options = {});

  /// Writes what the last generation left in the caches to a file, which appears whole or not at all: the keys and
  /// values of its tokens, to go on with in another session. `note`: any JSON text of the caller, such as the talk; it
  /// comes back from loadState. InvalidArgument if there is nothing that could be kept. The file is as private as the
  /// text is.
  Status saveState(const std::string &path, const std::string &note = "null");
  /// Reads such a file: a generation with PrefixReuse::On or Exact then keeps what its prompt has in common with the
  /// saved tokens. The result is the note. IncompatiblePlan for the state of another plan, or one that does not fit
  /// into this session's context; InvalidInput for a file that is none, or damaged; these leave everything as it was.
  StatusOr<std::string> loadState(const std::string &path);

  /// Teacher-forced logits: calls `row` with the position and the logits (vocabulary() floats) that follow tokens
  /// [0, position], for each position of `tokens`. Needs SessionOptions::logits. Cancelled, if so requested.
  Status forEachLogits(std::span<const int32_t> tokens,
                       const std::function<Status(int64_t position, std::span<const float> logits)> &row);

  /// Cuts `tokens` into windows of `window` tokens (the last may be shorter; one of a single token is left out), and in
  /// each, from an empty cache, sums -ln p of every token but the first given those before it. Needs
  /// SessionOptions::logits and window - 1 <= context(). InvalidArgument if there is nothing to predict.
  StatusOr<Score> score(std::span<const int32_t> tokens, int64_t window);

  /// Scores `tokens` with this plan and with `reference`, another plan of the same model (with weights of 16 bits,
  /// say), and compares the distributions, prediction by prediction. Both sessions need SessionOptions::logits. Keeps
  /// the reference's logits of a window: window * vocabulary() floats. Errors as `score`; InvalidArgument for a
  /// reference with another vocabulary, or without room for the window. To cancel, cancel either session.
  StatusOr<Agreement> scoreAgainst(Session &reference, std::span<const int32_t> tokens, int64_t window);

  /// Ends the running generate, score, scoreAgainst or forEachLogits within a few steps; if none runs, the next one.
  /// Async-signal-safe. The session can be used again, with the same results as a new one.
  void requestCancel() noexcept;
  /// Forgets such a request. Whether there was one.
  bool forgetCancel() noexcept;

private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct TensorSessionOptions {
  std::string device = "auto";   // as SessionOptions::device
  int threads = 0;               // on the CPU; 0: as many as there are cores
  std::string schedule = "auto"; // on a GPU: launch, graph (all kernels at once), auto (graph if the driver has it)
};

/// A plan's entries of named tensors: what a graph that is no decoder computes.
class TensorSession {
public:
  /// Opens and validates a plan and loads it onto a device. Errors as Session::open; InvalidArgument for a decoder
  /// without such entries.
  static StatusOr<TensorSession> open(const std::string &planPath, const TensorSessionOptions &options = {});
  static StatusOr<TensorSession> open(std::shared_ptr<const Plan> plan, const TensorSessionOptions &options = {});

  TensorSession(TensorSession &&) noexcept;
  TensorSession &operator=(TensorSession &&) noexcept;
  ~TensorSession();

  /// Why "auto" took the CPU; empty otherwise.
  const std::string &notice() const;
  std::string deviceName() const;
  const Plan &plan() const;

  /// Runs an entry (empty name: the only one; of several, the one of the inputs' shapes, or the smallest that an
  /// "attention_mask" lets run shorter inputs) and returns all that it gives, in the types of its ports. Floats that
  /// are given are rounded to the port's type; integers may be of a narrower one. InvalidArgument, before anything ran,
  /// for an unknown entry and for an input that is missing, unknown, of another shape or of a type that does not fit;
  /// the message says what the entry takes. InvalidInput for values that an op is not defined for, such as an index
  /// outside of a tensor (on the CPU).
  StatusOr<Tensors> run(const Tensors &inputs, std::string_view entry = {});

private:
  struct State;
  explicit TensorSession(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

} // namespace cadenza
