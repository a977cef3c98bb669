// A phase of the program, bound: its body computes the initial segments, its epilogues transform them, and what is left
// is stored in the output edges. One body a phase kind, each in its own file.
#pragma once

#include "runtime/cpu/functions.h"
#include "runtime/cpu/fusion.h"

#include <memory>
#include <optional>

namespace cadenza::cpu {

/// Tokens that a phase works on together, at most: so many inputs and products of a phase are kept.
constexpr int64_t maximumBatch = 64;

/// Consecutive tokens of a phase's edges.
struct Batch {
  Machine &machine;
  int64_t first = 0, count = 1;
  Token token(int64_t i) const { return {machine, first + i, machine.state.position + first + i}; }
};

/// Computes the initial segments of a phase.
class Body {
public:
  virtual ~Body() = default;
  /// Before run() of the tokens of a batch: what is computed for all of them at once, on all threads.
  virtual void prepare(const Batch &) {}
  /// For a token of that batch. Threads call it at once, for different ones.
  virtual void run(const Token &token, std::span<const Segment> segments) = 0;
};

struct BoundBody {
  std::unique_ptr<Body> body;
  std::vector<int64_t> segmentSizes;
};

/// What binding a body works with. The prologue is bound already.
struct BodyBinding {
  const Machine &machine;
  const Phase &phase;
  Prologue prologue; // empty: none
  int64_t batch;     // tokens of one, at most
};

BoundBody bindEmbed(BodyBinding binding);
BoundBody bindProject(BodyBinding binding);
BoundBody bindAttend(BodyBinding binding);
BoundBody bindMap(BodyBinding binding);
BoundBody bindLast(BodyBinding binding);

class BoundPhase {
public:
  static StatusOr<BoundPhase> bind(const Machine &machine, const Phase &phase);

  /// Runs it for the first `live` of its tokens, or for all. A token's results do not depend on how many there are.
  /// Only a fusion fails: an index may lie outside of what it is for.
  Status run(Machine &machine, int64_t live);

  /// One a phase output.
  const std::vector<uint32_t> &outputs() const { return outputEdges_; }
  /// Whether it chose a token, so that its logits are what there is to see.
  bool selects() const { return selects_; }

private:
  void runToken(const Token &token, std::span<const Segment> segments);

  std::optional<BoundFusion> fusion_; // then there is nothing else
  std::unique_ptr<Body> body_;
  std::vector<float> storage_;
  std::vector<std::vector<Segment>> segments_; // of each thread that works on tokens: by slot, into storage_
  std::vector<Epilogue> epilogues_;
  std::vector<size_t> outputSlots_;
  std::vector<uint32_t> outputEdges_;
  int64_t tokens_ = 1;
  bool selects_ = false;
};

} // namespace cadenza::cpu
