// last: the vector of a tile's last live token, of which the state tells; and the state is that of this token then.
#include "runtime/cpu/phase.h"

#include <algorithm>

namespace cadenza::cpu {
namespace {

class Last final : public Body {
public:
  Last(uint32_t input, int64_t tile) : input_(input), tile_(tile) {}

  void run(const Token &token, std::span<const Segment> segments) override {
    DecodeState &state = token.machine.state;
    const auto live = static_cast<int>(std::min<int64_t>(tile_, state.forced_tokens - state.position));
    token.machine.readEdge(input_, live - 1, segments[0]);
    state.next_position = state.position + live;
    state.position = state.next_position - 1;
  }

private:
  uint32_t input_;
  int64_t tile_;
};

} // namespace

BoundBody bindLast(BodyBinding b) { // NOLINT(performance-unnecessary-value-param): the others move from it
  const Edge &input = b.machine.program.edges[b.phase.inputs[0]];
  return {std::make_unique<Last>(b.phase.inputs[0], input.tokens), {input.elements}};
}

} // namespace cadenza::cpu
