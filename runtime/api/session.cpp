#include "runtime/api/device_choice.h"
#include "runtime/api/generation_defaults.h"
#include "runtime/api/likelihood.h"
#include "runtime/api/session_state.h"
#include "runtime/api/stop_text.h"
#include "runtime/cadenza.h"
#include "runtime/decode/constrained_rows.h"
#include "runtime/decode/sequence.h"
#include "runtime/decode/sequence_sampling.h"
#include "runtime/executor.h"
#include "runtime/grammar/grammar_constraint.h"
#include "runtime/plan/plan.h"
#include "runtime/shared/state.h"
#include "runtime/tokenizer/tokenizer.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <optional>

namespace cadenza {
namespace {

// Prompt steps queued before the host waits for them, at least; and tiles.
constexpr int64_t promptStepsAhead = 8, promptTilesAhead = 2;

using Clock = std::chrono::steady_clock;
double secondsBetween(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

Status cancelled() { return {StatusCode::Cancelled, "interrupted before the end"}; }

} // namespace

int64_t Session::State::keptOf(std::span<const int32_t> prompt, PrefixReuse reuse) const {
  const Executor &executor = *device.executor;
  if (reuse == PrefixReuse::Off || prompt.empty() || left.sequence != executor.sequenceNumber())
    return 0;
  const bool isExact = reuse == PrefixReuse::Exact && !executor.tileSizes().empty();
  // Of the last tokens there must be as many as whatever processes a whole prompt would have taken together.
  const int64_t last = isExact ? minimumTiledPrompt : 1, length = std::ssize(prompt);
  const auto common = std::mismatch(prompt.begin(), prompt.end(), left.tokens.begin(), left.tokens.end()).first;
  const int64_t wanted =
      std::min({static_cast<int64_t>(common - prompt.begin()), length - last, isExact ? left.exact : length});
  return wanted > 0 ? executor.keepable(wanted, length) : 0;
}

StatusOr<std::vector<int32_t>> Session::State::stopTokens(const GenerateOptions &options) const {
  const Decoder &decoder = *plan->program().decoder;
  std::vector<int32_t> tokens = options.ignoreEos ? std::vector<int32_t>() : decoder.eosTokens;
  for (int32_t token : options.stopTokens) {
    if (token < 0 || token >= decoder.vocabulary)
      return Status(StatusCode::InvalidArgument, "stop token " + std::to_string(token) +
                                                     " is not in the vocabulary of " +
                                                     std::to_string(decoder.vocabulary));
    tokens.push_back(token);
  }
  for (const std::string &text : options.stopTexts) {
    const std::optional<int32_t> token = tokenizer.isOk() ? tokenizer->tokenToId(text) : std::nullopt;
    if (token && tokenizer->isSpecial(*token)) // its text is no part of what is generated
      tokens.push_back(*token);
  }
  return tokens;
}

Status Session::State::begin(std::span<const int32_t> tokens, size_t promptTokens, std::span<const int32_t> stopTokens,
                             int64_t kept, const SamplingOptions &sampling, ConstrainedRows *constrained) {
  // The device ends at the first of the stop tokens by itself; for the others it is as with a stop text: what was
  // queued ahead is computed and not used.
  const auto known = stopTokens.first(std::min<size_t>(stopTokens.size(), max_stop_tokens));
  CADENZA_RETURN_IF_ERROR(device.executor->begin(tokens, known, kept));
  if (!sampling.draws() && !sampling.adjusts() && !constrained)
    return Status::ok();
  const int64_t vocabulary = plan->program().decoder->vocabulary;
  CADENZA_ASSIGN_OR_RETURN(SequenceSampling setUp, setUpSampling(sampling, vocabulary, tokens, promptTokens));
  if (constrained)
    CADENZA_RETURN_IF_ERROR(constrained->begin(setUp, vocabulary));
  return device.executor->sample(setUp);
}

StatusOr<std::optional<int64_t>> Session::State::runPrompt(int64_t tokens, bool withHead,
                                                           const std::function<void(int64_t)> &progress) {
  Executor &executor = *device.executor;
  const std::span<const int64_t> sizes = tilesFor(tokens);
  const int64_t ahead = sizes.empty() ? std::max(promptStepsAhead, executor.stepsAhead()) : promptTilesAhead;
  int64_t tiles = 0, queued = 0;
  for (int64_t done = 0; done < tokens;) {
    if (takeCancel())
      return std::optional<int64_t>();
    const int64_t left = tokens - done, size = sizes.empty() ? 1 : chooseTile(sizes, left);
    const bool isLast = size >= left;
    CADENZA_RETURN_IF_ERROR(sizes.empty() ? executor.enqueueStep(withHead && isLast)
                                          : executor.enqueueTile(size, withHead && isLast));
    tiles += sizes.empty() ? 0 : 1;
    done += std::min(size, left);
    if (++queued < ahead || isLast)
      continue;
    queued = 0;
    CADENZA_RETURN_IF_ERROR(executor.synchronize());
    if (progress)
      progress(done);
  }
  return std::optional<int64_t>(tiles);
}

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::Session(Session &&) noexcept = default;
Session &Session::operator=(Session &&) noexcept = default;
Session::~Session() = default;

StatusOr<Session> Session::open(const std::string &planPath, const SessionOptions &options) {
  CADENZA_ASSIGN_OR_RETURN(std::shared_ptr<const Plan> plan, Plan::open(planPath));
  return open(std::move(plan), options);
}

StatusOr<Session> Session::open(std::shared_ptr<const Plan> plan, const SessionOptions &options) {
  CADENZA_RETURN_IF_ERROR(requireDecoder(*plan));
  auto state = std::make_unique<State>();
  state->plan = std::move(plan);
  state->logits = options.logits;
  if (!state->plan->tokenizerJson().empty()) {
    state->tokenizer = Tokenizer::parse(state->plan->tokenizerJson());
    if (!state->tokenizer.isOk())
      state->tokenizer = state->tokenizer.status().withPrefix(state->plan->path());
    if (state->tokenizer.status().code() == StatusCode::OutOfMemory)
      return state->tokenizer.status();
  }
  CADENZA_ASSIGN_OR_RETURN(Schedule schedule, parseSchedule(options.schedule));
  CADENZA_ASSIGN_OR_RETURN(state->device, chooseDevice(options.device, *state->plan,
                                                       {.context = options.context,
                                                        .logits = options.logits,
                                                        .division = options.division,
                                                        .prefill = options.prefill,
                                                        .schedule = schedule},
                                                       options.threads));
  return Session(std::move(state));
}

const std::string &Session::notice() const { return state_->device.notice; }
std::string Session::deviceName() const { return state_->device.executor->deviceName(); }
Session::ScheduleFigures Session::schedule() const {
  const cuda::CudaExecutor *gpu = state_->device.gpu;
  if (!gpu)
    return {};
  return {std::string(scheduleName(gpu->schedule())), static_cast<int64_t>(gpu->kernelsPerToken()),
          gpu->hostLaunchesPerToken()};
}
int64_t Session::context() const { return state_->device.executor->context(); }
int64_t Session::vocabulary() const { return state_->plan->program().decoder->vocabulary; }
const Plan &Session::plan() const { return *state_->plan; }
Executor &Session::executor() { return *state_->device.executor; }
bool Session::hasTokenizer() const { return state_->tokenizer.isOk(); }
void Session::requestCancel() noexcept { state_->cancelRequested = true; }
bool Session::forgetCancel() noexcept { return state_->takeCancel(); }

std::optional<int32_t> Session::specialToken(std::string_view text) const {
  const std::optional<int32_t> token = state_->tokenizer.isOk() ? state_->tokenizer->tokenToId(text) : std::nullopt;
  return token && state_->tokenizer->isSpecial(*token) ? token : std::nullopt;
}

StatusOr<std::vector<int32_t>> Session::tokenize(std::string_view text, bool addSpecialTokens) const {
  if (!state_->tokenizer.isOk())
    return state_->tokenizer.status();
  return state_->tokenizer->encode(text, addSpecialTokens);
}

StatusOr<std::string> Session::detokenize(std::span<const int32_t> tokens) const {
  if (!state_->tokenizer.isOk())
    return state_->tokenizer.status();
  return state_->tokenizer->decode(tokens);
}

std::string Session::tokenText(int32_t token) const {
  if (!state_->tokenizer.isOk())
    return {};
  const Tokenizer &tokenizer = *state_->tokenizer;
  if (tokenizer.isSpecial(token))
    return tokenizer.idToToken(token).value_or("");
  // Of the first token of a text some decoders drop the space.
  const int32_t twice[] = {token, token};
  const std::string one = tokenizer.decode(std::span(twice, 1)), two = tokenizer.decode(twice);
  return two.starts_with(one) ? two.substr(one.size()) : one;
}

std::optional<std::string> Session::tokenBytes(int32_t token) const {
  return state_->tokenizer.isOk() ? state_->tokenizer->bytes(token) : std::nullopt;
}

StatusOr<SamplingOptions> Session::samplingDefaults() const {
  auto defaults = cadenza::samplingDefaults(plan().generationJson());
  if (!defaults.isOk())
    return defaults.status().withPrefix(plan().path());
  return defaults;
}

StatusOr<std::shared_ptr<TokenConstraint>> Session::constrain(const grammar::Grammar &grammar) {
  if (!state_->tokenizer.isOk())
    return state_->tokenizer.status();
  if (!state_->trie) {
    std::vector<std::optional<std::string>> bytes;
    for (int32_t id = 0; id < std::min<int64_t>(state_->tokenizer->idLimit(), vocabulary()); ++id)
      bytes.push_back(state_->tokenizer->bytes(id));
    state_->trie = std::make_shared<grammar::TokenTrie>(std::move(bytes));
  }
  return std::shared_ptr<TokenConstraint>(std::make_shared<grammar::GrammarConstraint>(grammar, state_->trie));
}

StatusOr<Generation> Session::generate(std::span<const int32_t> prompt, const GenerateOptions &options) {
  Executor &executor = *state_->device.executor;
  if (options.maxTokens < 0)
    return Status(StatusCode::InvalidArgument, "maxTokens " + std::to_string(options.maxTokens) + " is negative");
  if (!options.stopTexts.empty() && !state_->tokenizer.isOk())
    return state_->tokenizer.status();
  CADENZA_RETURN_IF_ERROR(checkSampling(options.sampling, vocabulary()));
  if (options.logprobs && (*options.logprobs < 0 || *options.logprobs > vocabulary()))
    return Status(StatusCode::InvalidArgument, "log-probabilities of " + std::to_string(*options.logprobs) +
                                                   " tokens: the vocabulary has " + std::to_string(vocabulary()));
  if (options.logprobs && !state_->logits)
    return Status(StatusCode::InvalidArgument, "log-probabilities need SessionOptions::logits");

  CADENZA_ASSIGN_OR_RETURN(const std::vector<int32_t> stopTokens, state_->stopTokens(options));
  SamplingOptions sampling = options.sampling;
  if (sampling.draws() && !sampling.seed)
    sampling.seed = randomSeed();
  std::optional<StreamDecoder> decoder;
  if (state_->tokenizer.isOk()) {
    decoder.emplace(*state_->tokenizer);
    for (int32_t id : prompt) // its text is not the result's, but where the prompt ends no text begins
      decoder->push(id);
  }
  std::optional<ConstrainedRows> constrained;
  if (options.constraint)
    constrained.emplace(*options.constraint, stopTokens);
  ConstrainedRows *const rows = constrained ? &*constrained : nullptr;
  Clock::time_point start = Clock::now();
  const int64_t kept = state_->keptOf(prompt, options.reuse);
  const int64_t exactBefore = std::min(state_->left.exact, kept);
  state_->left = {};
  CADENZA_RETURN_IF_ERROR(state_->begin(prompt, prompt.size(), stopTokens, kept, sampling, rows));

  Generation result;
  if (sampling.draws())
    result.seed = sampling.seed;
  result.timing.keptTokens = kept;
  result.timing.promptTokens = static_cast<int64_t>(prompt.size());
  StopTextFilter stopFilter(options.stopTexts);
  auto emit = [&](const std::string &text) {
    if (text.empty())
      return;
    result.text += text;
    if (options.onText)
      options.onText(text);
  };

  // Token `position` is selected by the step that processes position - 1; the first comes after the whole prompt, the
  // last that fits at position `context`, where it is not processed itself.
  const auto first = static_cast<int64_t>(prompt.size());
  const int64_t last = first - 1 + std::min(options.maxTokens, executor.context() - first + 1);
  const int64_t stepsAhead = options.logprobs || rows ? 0 : executor.stepsAhead(); // logits, rows: of one step
  result.reason = last - first + 1 < options.maxTokens ? FinishReason::ContextFull : FinishReason::Length;
  result.advice = adviceForLongTexts(state_->plan->program(), executor.context());

  const bool selects = options.maxTokens > 0;
  CADENZA_ASSIGN_OR_RETURN(const std::optional<int64_t> tiles,
                           state_->runPrompt(first - kept, selects, options.onPrompt));
  const bool promptDone = tiles.has_value();
  result.timing.promptTiles = tiles.value_or(0);
  if (!promptDone)
    result.reason = FinishReason::Cancelled;
  int64_t queued = selects ? first : first - 1; // the position of the last token that something queued selects
  int64_t ofTile = result.timing.promptTiles > 0 ? first : -1; // that of a token that a tile selects
  Clock::time_point firstToken = start, lastToken = start;
  // A prompt that is not long becomes so at the step that processes this position, and is computed again up to there.
  const int64_t outgrown = longAfter(executor.program()) >= first ? longAfter(executor.program()) : last;
  for (int64_t position = first; promptDone && position <= last; ++position) {
    if (position == outgrown + 1) {
      std::vector<int32_t> all(prompt.begin(), prompt.end());
      all.insert(all.end(), result.tokens.begin(), result.tokens.end());
      CADENZA_RETURN_IF_ERROR(state_->begin(all, prompt.size(), stopTokens, /*kept=*/0, sampling, rows));
      CADENZA_ASSIGN_OR_RETURN(const std::optional<int64_t> again, state_->runPrompt(std::ssize(all), true, {}));
      if (!again) {
        result.reason = FinishReason::Cancelled;
        break;
      }
      queued = position;
      ofTile = *again > 0 ? position : -1;
    }
    if (state_->takeCancel()) {
      result.reason = FinishReason::Cancelled;
      CADENZA_RETURN_IF_ERROR(executor.stop());
      break;
    }
    const int64_t ahead = position == ofTile ? 0 : stepsAhead; // it may be a stop token (Executor::enqueueTile)
    for (; queued < std::min({position + ahead, last, position > outgrown ? last : outgrown}); ++queued)
      CADENZA_RETURN_IF_ERROR(executor.enqueueStep(/*withHead=*/true));
    CADENZA_ASSIGN_OR_RETURN(int32_t token, executor.awaitToken(position));
    lastToken = Clock::now();
    if (position == first)
      firstToken = lastToken;
    result.tokens.push_back(token);
    if (options.logprobs) {
      CADENZA_ASSIGN_OR_RETURN(const std::span<const float> logits, executor.logits());
      result.logprobs.push_back(logprobsOf(logits, token, *options.logprobs));
      if (options.onLogprobs)
        options.onLogprobs(result.logprobs.back());
    }

    bool isStopToken = std::find(stopTokens.begin(), stopTokens.end(), token) != stopTokens.end();
    if (decoder && !isStopToken)
      emit(stopFilter.push(decoder->push(token)));
    bool goOn = !options.onToken || options.onToken(token);
    if (isStopToken || stopFilter.found() || !goOn) {
      result.reason = isStopToken          ? FinishReason::StopToken
                      : stopFilter.found() ? FinishReason::StopText
                                           : FinishReason::Callback;
      break;
    }
    if (rows) {
      CADENZA_RETURN_IF_ERROR(rows->accept(token));
      const auto restricted = rows->restricted();
      if (restricted.isOk() && restricted->empty()) {
        result.reason = FinishReason::Complete;
        break;
      }
      if (position == last)
        break;
      CADENZA_RETURN_IF_ERROR(restricted.status());
      CADENZA_RETURN_IF_ERROR(executor.updateRows(*restricted));
    }
  }
  if (decoder) {
    emit(stopFilter.push(decoder->finish()));
    emit(stopFilter.finish());
  }
  CADENZA_RETURN_IF_ERROR(executor.synchronize()); // steps queued ahead; and a fault that they met
  // The last token was selected, but need not have been processed; of a prompt that was interrupted, no more is sure.
  state_->left.tokens.assign(prompt.begin(), prompt.begin() + (promptDone ? first : kept));
  if (!result.tokens.empty())
    state_->left.tokens.insert(state_->left.tokens.end(), result.tokens.begin(), result.tokens.end() - 1);
  state_->left.exact = result.timing.promptTiles > 0 && exactBefore == kept ? first : exactBefore;
  state_->left.sequence = executor.sequenceNumber();

  if (result.tokens.empty()) {
    result.timing.promptSeconds = secondsBetween(start, Clock::now());
  } else {
    result.timing.promptSeconds = secondsBetween(start, firstToken);
    result.timing.decodeTokens = static_cast<int64_t>(result.tokens.size()) - 1;
    result.timing.decodeSeconds = secondsBetween(firstToken, lastToken);
  }
  return result;
}

Status Session::forEachLogits(std::span<const int32_t> tokens,
                              const std::function<Status(int64_t, std::span<const float>)> &row) {
  Executor &executor = *state_->device.executor;
  CADENZA_RETURN_IF_ERROR(executor.begin(tokens, {}));
  const auto unlessCancelled = [&](int64_t position, std::span<const float> logits) {
    return state_->takeCancel() ? cancelled() : row(position, logits);
  };
  const std::span<const int64_t> sizes = state_->tilesFor(std::ssize(tokens));
  for (int64_t position = 0; position < std::ssize(tokens);) {
    if (!sizes.empty()) {
      const int64_t left = std::ssize(tokens) - position, size = chooseTile(sizes, left);
      CADENZA_RETURN_IF_ERROR(executor.runTileWithLogits(size, unlessCancelled));
      position += std::min(size, left);
      continue;
    }
    CADENZA_RETURN_IF_ERROR(executor.enqueueStep(/*withHead=*/true));
    CADENZA_ASSIGN_OR_RETURN(std::span<const float> logits, executor.logits());
    CADENZA_RETURN_IF_ERROR(unlessCancelled(position++, logits));
  }
  return Status::ok();
}

StatusOr<Score> Session::score(std::span<const int32_t> tokens, int64_t window) {
  Score score;
  CADENZA_RETURN_IF_ERROR(forEachWindow(*this, tokens, window, [&](std::span<const int32_t> piece) {
    // The last token of a window is predicted and need not be processed.
    CADENZA_RETURN_IF_ERROR(forEachLogits(piece.first(piece.size() - 1), [&](int64_t position, auto logits) {
      score.nll += negativeLogLikelihood(logits, piece[position + 1]);
      return Status::ok();
    }));
    score.tokens += static_cast<int64_t>(piece.size()) - 1;
    ++score.windows;
    return Status::ok();
  }));
  return score;
}

double Score::perplexity() const { return std::exp(nll / static_cast<double>(tokens)); }

Status Generation::status() const {
  if (reason == FinishReason::ContextFull)
    return {StatusCode::CacheFull, "the context is full after " + std::to_string(timing.promptTokens) + " prompt and " +
                                       std::to_string(tokens.size()) + " generated tokens; " + advice};
  return reason == FinishReason::Cancelled ? cancelled() : Status::ok();
}

std::string_view finishReasonName(FinishReason reason) {
  switch (reason) {
  case FinishReason::Length:
    return "length";
  case FinishReason::StopToken:
    return "stop_token";
  case FinishReason::StopText:
    return "stop_text";
  case FinishReason::ContextFull:
    return "context_full";
  case FinishReason::Cancelled:
    return "cancelled";
  case FinishReason::Callback:
    return "callback";
  case FinishReason::Complete:
    return "complete";
  }
  return "unknown";
}

} // namespace cadenza
