// Where a generation stands, as the host counts it: which steps and tiles were queued and which tokens they select.
// Every executor keeps one, so that all of them accept and refuse the same calls, with the same words and without
// asking the device.
#pragma once

#include "runtime/decode/cache_state.h"
#include "runtime/plan/program.h"
#include "runtime/support/status.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cadenza {

class Plan;

/// InvalidArgument, with what can be done with it instead, unless `program`, of the plan at `path`, is a decoder.
Status requireDecoder(const Program &program, const std::string &path);
Status requireDecoder(const Plan &plan);

/// The positions to allocate if `asked` (0: the default, min(model's maximum, 4096)) are asked for. InvalidArgument for
/// more than the model has. `program` is a decoder.
StatusOr<int64_t> chooseContext(const Program &program, int64_t asked);

/// What to do about a text that does not fit into `context` positions: "load with a larger --context, up to 40960",
/// unless the model has no more.
std::string adviceForLongTexts(const Program &program, int64_t context);

/// The tile to queue next for `tokens` given tokens: the smallest of `sizes` (Executor::tileSizes, not empty) that
/// holds them all, or else the largest.
int64_t chooseTile(std::span<const int64_t> sizes, int64_t tokens);

class Sequence {
public:
  Sequence() = default;
  /// Of `program`, a decoder, with `context` positions. `withTiles`: as ExecutorOptions::prefill.
  Sequence(const Program &program, int64_t context, bool withTiles = true);

  /// As Executor::tileSizes.
  std::span<const int64_t> tileSizes() const { return tileSizes_; }

  /// What Executor::begin promises of its arguments, and fillCache of its own.
  Status checkPrompt(std::span<const int32_t> prompt, std::span<const int32_t> stopTokens, int64_t kept = 0) const;
  Status checkFill(int64_t length) const;

  /// As Executor::keepable and Executor::sequenceNumber.
  int64_t keepable(int64_t wanted, int64_t length) const;
  uint64_t number() const { return number_; }

  /// As Executor::cacheState and Executor::restore.
  CacheState cacheState() const { return {processed_, reached_, isLong_}; }
  Status checkRestore(const CacheState &state) const;
  void restore(const CacheState &state);

  /// From here on there is nothing to continue.
  void end() { begun_ = false; }
  /// The next step processes `position`; tokens [0, given) need not be selected. `length`: tokens that the sequence has
  /// at least, which says whether it is a long one.
  void start(int64_t position, int64_t given, int64_t length);
  /// Whether RoPE tables are those of a long sequence (longAfter in runtime/plan/program.h).
  bool isLong() const { return isLong_; }

  /// Before a step. The sequence has ended unless finishStep follows: the state of half a step is nobody's. Errors
  /// leave it as it is: CacheFull; InvalidArgument if there is no sequence, or no token at its position, or if it was
  /// short and gets long.
  Status beginStep();
  /// The same of a tile, and how many tokens are live in it: those that were given and not processed, at most `size`.
  /// InvalidArgument, too, if `size` is none of tileSizes() or no such token is left.
  StatusOr<int64_t> beginTile(int64_t size);
  /// Moves on by as many tokens; with head, the token at position() is now one that a step selects.
  void finishStep(bool withHead, int64_t tokens = 1);
  /// The same where the head ran for each of the tokens.
  void finishTileOfHeads(int64_t tokens);

  /// That of the next step; between beginStep and finishStep, of the current one or of its first token.
  int64_t position() const { return position_; }
  /// What Executor::awaitToken and Executor::logits can be asked for.
  Status checkSelected(int64_t position) const;
  Status checkHeadRan() const;
  /// What Executor::sample promises.
  Status checkUnselected() const;

private:
  int64_t context_ = 0;
  int64_t vocabulary_ = 0;
  int64_t longAfter_ = 0;
  std::string advice_; // adviceForLongTexts
  std::vector<int64_t> tileSizes_;
  bool begun_ = false; // there is a sequence, and no step of it failed half-way
  bool isLong_ = false;
  int64_t position_ = 0;
  int64_t given_ = 0;
  uint64_t number_ = 0;
  int64_t processed_ = 0; // positions from 0 on that hold keys and values of the sequence
  int64_t reached_ = 0;   // the largest position whose place in a ring may have been overwritten, plus one
  int64_t rewinds_ = 0;   // tokens that a full ring can go back
  int64_t smallestRing_ = 0;
  bool headRan_ = false;          // since start
  std::vector<uint8_t> selected_; // [context + 1]: 1 where a step selects the token (or confirms the given one)
};

} // namespace cadenza
