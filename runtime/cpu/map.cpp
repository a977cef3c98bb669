// map and select: the inputs are the segments, all the work is in the functions (select has argmax among them).
#include "runtime/cpu/phase.h"

namespace cadenza::cpu {
namespace {

class Map final : public Body {
public:
  Map(std::vector<uint32_t> inputs, Prologue prologue) : inputs_(std::move(inputs)), prologue_(std::move(prologue)) {}

  void run(const Token &token, std::span<const Segment> segments) override {
    for (size_t slot = 0; slot < inputs_.size(); ++slot)
      token.readEdge(inputs_[slot], segments[slot]);
    if (prologue_)
      prologue_(token.machine, segments[0]);
  }

private:
  std::vector<uint32_t> inputs_;
  Prologue prologue_;
};

} // namespace

BoundBody bindMap(BodyBinding b) {
  std::vector<int64_t> sizes;
  sizes.reserve(b.phase.inputs.size());
  for (uint32_t edge : b.phase.inputs)
    sizes.push_back(b.machine.program.edges[edge].elements);
  return {std::make_unique<Map>(b.phase.inputs, std::move(b.prologue)), std::move(sizes)};
}

} // namespace cadenza::cpu
