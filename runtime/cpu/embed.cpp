// embed: the row of the current token in a packed matrix, times a factor, and that of the position.
#include "runtime/cpu/phase.h"

#include <algorithm>

namespace cadenza::cpu {
namespace {

/// Calls `part(first, elements)` for the steps of a row of a matrix in tiles16, widened, of which there are `columns`.
template <typename Part>
void readRow(const Machine &machine, const Ref &matrix, int64_t row, int64_t columns, const Part &part) {
  const Weight &weight = machine.weight(matrix);
  const EncodingFormat format = format_of(weight.encoding); // tiles16: the elements themselves
  const int64_t steps = steps_of(weight.columns);
  float elements[step_columns];
  for (int64_t k = 0; k < columns; k += step_columns) {
    const std::span step(elements, static_cast<size_t>(std::min<int64_t>(step_columns, columns - k)));
    widen(weight.dtype, machine.weightData(matrix) + weight_bytes(format, weight_index(row, k, steps)), step);
    part(static_cast<size_t>(k), step);
  }
}

class Embed final : public Body {
public:
  Embed(Ref matrix, std::optional<Ref> positions, float scale)
      : matrix_(matrix), positions_(positions), scale_(scale) {}

  void run(const Token &token, std::span<const Segment> segments) override {
    const Segment out = segments[0];
    const int32_t id = token.machine.tokens[static_cast<size_t>(token.position)];
    readRow(token.machine, matrix_, id, std::ssize(out), [&](size_t first, std::span<const float> step) {
      for (size_t i = 0; i < step.size(); ++i)
        out[first + i] = step[i] * scale_;
    });
    if (!positions_)
      return;
    readRow(token.machine, *positions_, token.position, std::ssize(out),
            [&](size_t first, std::span<const float> step) {
              for (size_t i = 0; i < step.size(); ++i)
                out[first + i] += step[i];
            });
  }

private:
  Ref matrix_;
  std::optional<Ref> positions_;
  float scale_;
};

} // namespace

BoundBody bindEmbed(BodyBinding b) { // NOLINT(performance-unnecessary-value-param): the others move from it
  auto scale = b.phase.parameters.at("scale").get<float>();
  const int64_t columns = b.machine.weight(b.phase.matrix).columns;
  return {std::make_unique<Embed>(b.phase.matrix, b.phase.positions, scale), {columns}};
}

} // namespace cadenza::cpu
