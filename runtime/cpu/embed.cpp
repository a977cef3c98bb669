// embed: the row of the current token in a packed matrix, times a factor, and that of the position.
#include "runtime/cpu/phase.h"

#include <algorithm>

namespace cadenza::cpu {
namespace {

/// A row of a matrix in tiles16: from each step of the tile, its columns of this row.
void readRow(const Machine &machine, const Ref &matrix, int64_t row, Segment out) {
  const Weight &weight = machine.weight(matrix);
  const EncodingFormat format = format_of(weight.encoding); // tiles16: the elements themselves
  const int64_t steps = steps_of(weight.columns);
  for (size_t k = 0; k < out.size(); k += step_columns) {
    const size_t count = std::min<size_t>(step_columns, out.size() - k);
    const int64_t index = weight_index(row, static_cast<int64_t>(k), steps);
    widen(weight.dtype, machine.weightData(matrix) + weight_bytes(format, index), out.subspan(k, count));
  }
}

class Embed final : public Body {
public:
  Embed(Ref matrix, std::optional<Ref> positions, float scale, int64_t columns)
      : matrix_(matrix), positions_(positions), scale_(scale), row_(positions ? columns : 0) {}

  void run(Machine &machine, std::span<const Segment> segments) override {
    const Segment out = segments[0];
    readRow(machine, matrix_, machine.tokens[machine.state.position], out);
    for (float &x : out)
      x *= scale_;
    if (!positions_)
      return;
    readRow(machine, *positions_, machine.state.position, row_);
    for (size_t i = 0; i < out.size(); ++i)
      out[i] += row_[i];
  }

private:
  Ref matrix_;
  std::optional<Ref> positions_;
  float scale_;
  std::vector<float> row_; // of positions
};

} // namespace

BoundBody bindEmbed(BodyBinding b) { // NOLINT(performance-unnecessary-value-param): the others move from it
  auto scale = b.phase.parameters.at("scale").get<float>();
  const int64_t columns = b.machine.weight(b.phase.matrix).columns;
  return {std::make_unique<Embed>(b.phase.matrix, b.phase.positions, scale, columns), {columns}};
}

} // namespace cadenza::cpu
