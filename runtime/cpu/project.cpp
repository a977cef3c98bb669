// project: rows of a packed matrix times the input vectors, which the prologue may transform first. A matrix is read
// once for a batch of tokens.
#include "runtime/cpu/phase.h"
#include "runtime/cpu/products.h"

#include <algorithm>
#include <numeric>

namespace cadenza::cpu {
namespace {

/// Consecutive rows of the packed matrix that belong to one segment.
struct RowRun {
  int64_t packedRow;
  size_t segment;
  int64_t segmentRow;
  int64_t rows;
};

/// Which rows of the packed matrix go where: one matrix after the other, or eight rows (stripe_rows) of each in turn.
std::vector<RowRun> rowRuns(const std::vector<int64_t> &segmentRows, bool interleaved) {
  std::vector<RowRun> runs;
  int64_t longest = *std::max_element(segmentRows.begin(), segmentRows.end());
  int64_t step = interleaved ? stripe_rows : longest;
  int64_t packedRow = 0;
  for (int64_t row = 0; row < longest; row += step) {
    for (size_t segment = 0; segment < segmentRows.size(); ++segment) {
      int64_t rows = std::clamp<int64_t>(segmentRows[segment] - row, 0, step);
      if (rows > 0)
        runs.push_back({packedRow, segment, row, rows});
      packedRow += rows;
    }
  }
  return runs;
}

class Project final : public Body {
public:
  Project(const Phase &phase, Prologue prologue, int64_t columns, int64_t batch)
      : input_(phase.inputs[0]), matrix_(phase.matrix), prologue_(std::move(prologue)), columns_(columns),
        groups_(phase.kGroups), ways_(phase.kWays), runs_(rowRuns(phase.segmentRows, phase.interleaved)) {
    steps_ = steps_of(columns);
    const int64_t rows = std::accumulate(phase.segmentRows.begin(), phase.segmentRows.end(), int64_t{0});
    stripes_ = (rows + stripe_rows - 1) / stripe_rows;
    x_.resize(batch * steps_ * step_columns); // zero beyond the columns, like the matrix
    factors_.resize(batch);
    products_.resize(batch * productsOfAToken());
  }

  void prepare(const Batch &batch) override {
    first_ = batch.first;
    const Machine &machine = batch.machine;
    const Weight &weight = machine.weight(matrix_);
    batch.machine.pool.parallelFor(batch.count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const Segment x(x_.data() + i * steps_ * step_columns, static_cast<size_t>(columns_));
        batch.token(i).readEdge(input_, x);
        factors_[i] = prologue_ ? prologue_(machine, x) : 1.0f;
        roundThrough(weight.dtype, x);
      }
    });
    const PackedProducts products{
        machine.weightData(matrix_), weight.encoding, weight.dtype, x_.data(), batch.count, steps_, groups_, ways_};
    const int64_t tileBytes = steps_ * format_of(weight.encoding).tile_step_bytes();
    const int64_t stripesAChunk = 2 * std::max<int64_t>(1, bytesAChunk / (tileBytes * batch.count)); // whole tiles
    batch.machine.pool.parallelFor(stripes_, stripesAChunk, [&](int64_t begin, int64_t end) {
      multiplyStripes(products, begin, end, products_.data(), productsOfAToken());
    });
  }

  void run(const Token &token, std::span<const Segment> segments) override {
    const int64_t i = token.index - first_;
    float *products = products_.data() + i * productsOfAToken();
    const Weight &weight = token.machine.weight(matrix_);
    const EncodingFormat format = format_of(weight.encoding);
    if (format.row_scale_bytes > 0) {
      const auto *scales = reinterpret_cast<const float *>(token.machine.weightData(matrix_) +
                                                           tiles_bytes(format, weight.rows, weight.columns));
      for (int64_t row = 0; row < weight.rows; ++row)
        products[row] *= scales[row];
    }
    for (const RowRun &run : runs_)
      for (int64_t row = 0; row < run.rows; ++row)
        segments[run.segment][run.segmentRow + row] = products[run.packedRow + row] * factors_[i];
  }

private:
  static constexpr int64_t bytesAChunk = 64 << 10; // of weights: about 10 us, against 1 us to hand out a chunk

  int64_t productsOfAToken() const { return stripes_ * stripe_rows; }

  uint32_t input_;
  Ref matrix_;
  Prologue prologue_;
  int64_t columns_, steps_, stripes_;
  std::vector<int64_t> groups_;
  int64_t ways_;
  std::vector<RowRun> runs_;
  // Of a batch, which begins at first_.
  int64_t first_ = 0;
  std::vector<float> x_; // [tokens][columns, padded]
  std::vector<float> factors_;
  std::vector<float> products_; // [tokens][rows, padded]
};

} // namespace

BoundBody bindProject(BodyBinding b) {
  int64_t columns = b.machine.program.edges[b.phase.inputs[0]].elements;
  return {std::make_unique<Project>(b.phase, std::move(b.prologue), columns, b.batch), b.phase.segmentRows};
}

} // namespace cadenza::cpu
