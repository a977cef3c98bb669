// A phase of the program, bound: its body computes the initial segments, its epilogues transform them, and what is left
// is stored in the output edges. One body a phase kind, each in its own file.
#pragma once

#include "runtime/cpu/functions.h"
#include "runtime/cpu/fusion.h"

#include <memory>
#include <optional>

namespace cadenza::cpu {

/// Computes the initial segments of a phase.
class Body {
public:
  virtual ~Body() = default;
  virtual void run(Machine &machine, std::span<const Segment> segments) = 0;
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
};

BoundBody bindEmbed(BodyBinding binding);
BoundBody bindProject(BodyBinding binding);
BoundBody bindAttend(BodyBinding binding);
BoundBody bindMap(BodyBinding binding);

class BoundPhase {
public:
  static StatusOr<BoundPhase> bind(const Machine &machine, const Phase &phase);

  /// Runs it for the machine's current token. Only a fusion fails: an index may lie outside of what it is for.
  Status run(Machine &machine);
  int64_t tokens() const { return tokens_; }

  /// One a phase output.
  const std::vector<uint32_t> &outputs() const { return outputEdges_; }
  /// Whether it chose a token, so that its logits are what there is to see.
  bool selects() const { return selects_; }

private:
  std::optional<BoundFusion> fusion_; // then there is nothing else
  std::unique_ptr<Body> body_;
  std::vector<float> storage_;
  std::vector<Segment> segments_; // by slot, into storage_
  std::vector<Epilogue> epilogues_;
  std::vector<size_t> outputSlots_;
  std::vector<uint32_t> outputEdges_;
  int64_t tokens_ = 1;
  bool selects_ = false;
};

} // namespace cadenza::cpu
