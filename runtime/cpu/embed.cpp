// embed: the row of the current token in a packed matrix, times a factor.
#include "runtime/cpu/phase.h"

#include <algorithm>

namespace cadenza::cpu {
namespace {

class Embed final : public Body {
public:
  Embed(Ref matrix, float scale) : matrix_(matrix), scale_(scale) {}

  void run(Machine &machine, std::span<const Segment> segments) override {
    const Weight &weight = machine.weight(matrix_);
    int64_t token = machine.tokens[machine.state.position];
    const EncodingFormat format = format_of(weight.encoding); // tiles16: the elements themselves
    const int64_t steps = steps_of(weight.columns);
    Segment out = segments[0];
    for (size_t k = 0; k < out.size(); k += step_columns) { // from each step of the tile, its columns of this row
      size_t count = std::min<size_t>(step_columns, out.size() - k);
      const int64_t index = weight_index(token, static_cast<int64_t>(k), steps);
      widen(weight.dtype, machine.weightData(matrix_) + weight_bytes(format, index), out.subspan(k, count));
    }
    for (float &x : out)
      x *= scale_;
  }

private:
  Ref matrix_;
  float scale_;
};

} // namespace

BoundBody bindEmbed(BodyBinding b) { // NOLINT(performance-unnecessary-value-param): the others move from it
  auto scale = b.phase.parameters.at("scale").get<float>();
  return {std::make_unique<Embed>(b.phase.matrix, scale), {b.machine.weight(b.phase.matrix).columns}};
}

} // namespace cadenza::cpu
