#include "runtime/cpu/matmul.h"

#include "runtime/cpu/multiversion.h"
#include "runtime/decode/values.h"
#include "runtime/reference/packed.h"

#include <algorithm>
#include <cstring>

namespace cadenza::cpu {
namespace {

using nn::Shape;
using nn::TensorView;

// A panel is so many columns of the right matrix, fp32, row by row, with zeros where the matrix has no more columns. A
// block of rows of the left matrix is multiplied with it at a time: its sums stay in registers.
constexpr int64_t panelColumns = 16, blockRows = 4, lanes = 8;
using Lanes = float __attribute__((vector_size(32)));

template <int64_t rows>
[[gnu::always_inline]] inline void multiplyBlockOf(const float *left, int64_t depth, const float *panel, float *out) {
  Lanes sums[rows][2] = {};
  for (int64_t k = 0; k < depth; ++k) {
    Lanes right[2];
    std::memcpy(right, panel + k * panelColumns, sizeof(right));
    for (int64_t row = 0; row < rows; ++row)
      for (int half = 0; half < 2; ++half)
        sums[row][half] += left[row * depth + k] * right[half];
  }
  std::memcpy(out, sums, sizeof(sums));
}

CADENZA_MULTIVERSION void multiplyBlock(const float *left, int64_t depth, const float *panel, float *out) {
  multiplyBlockOf<blockRows>(left, depth, panel, out);
}
CADENZA_MULTIVERSION void multiplyRow(const float *left, int64_t depth, const float *panel, float *out) {
  multiplyBlockOf<1>(left, depth, panel, out);
}

/// The axes before those of matrices.
Shape batchOf(const nn::TensorSpec &spec) {
  return Shape(spec.shape.begin(), spec.shape.end() - std::min<int64_t>(spec.rank(), 2));
}

/// Where each matrix of the result's batch lies in a tensor, in matrices.
std::vector<int64_t> matricesOf(const nn::TensorSpec &spec, const Shape &batch) {
  return nn::offsetsOf(batch, nn::broadcastStrides(batchOf(spec), batch));
}

/// The batch of both, which broadcast to each other.
Shape commonBatch(const nn::TensorSpec &a, const nn::TensorSpec &b) {
  Shape longer = batchOf(a), shorter = batchOf(b);
  if (longer.size() < shorter.size())
    std::swap(longer, shorter);
  for (size_t i = 0, added = longer.size() - shorter.size(); i < shorter.size(); ++i)
    longer[added + i] = std::max(longer[added + i], shorter[i]);
  return longer;
}

struct Product {
  const float *a;      // all matrices of the left tensor, fp32
  const TensorView &b; // the right one, in its own type
  int64_t rows, depth, columns;

  /// Columns [first, first + panelColumns) of a matrix of b; zeros beyond the last.
  void loadPanel(int64_t matrix, int64_t first, float *panel) const {
    const auto count = static_cast<size_t>(std::min(panelColumns, columns - first));
    const uint64_t size = elementBytes(b.element);
    const std::byte *from = b.bytes.data() + static_cast<uint64_t>(matrix * depth * columns + first) * size;
    for (int64_t k = 0; k < depth; ++k, from += static_cast<uint64_t>(columns) * size, panel += panelColumns) {
      widen(b.element, from, {panel, count});
      std::fill(panel + count, panel + panelColumns, 0.0F);
    }
  }

  /// Those columns of a product, into `out` [rows][columns].
  void multiplyPanel(int64_t matrix, int64_t first, const float *panel, float *out) const {
    const auto count = static_cast<size_t>(std::min(panelColumns, columns - first));
    float sums[blockRows * panelColumns];
    for (int64_t row = 0; row < rows;) {
      const int64_t block = rows - row >= blockRows ? blockRows : 1;
      (block == 1 ? multiplyRow : multiplyBlock)(a + (matrix * rows + row) * depth, depth, panel, sums);
      for (int64_t i = 0; i < block; ++i, ++row)
        std::copy_n(sums + i * panelColumns, count, out + row * columns + first);
    }
  }
};

} // namespace

nn::TensorValue multiply(const TensorView &a, const TensorView &b, const nn::TensorSpec &spec, ThreadPool &pool) {
  // a is [..., rows, depth], b is [..., depth, columns]; of a vector the axis that it does not have is 1.
  const int64_t rows = a.rank() > 1 ? a.shape[a.shape.size() - 2] : 1, depth = a.shape.back();
  const int64_t columns = b.rank() > 1 ? b.shape.back() : 1, panels = (columns + panelColumns - 1) / panelColumns;
  const Shape batch = commonBatch(a, b);
  const std::vector<int64_t> matricesA = matricesOf(a, batch), matricesB = matricesOf(b, batch);
  std::vector<float> left(static_cast<size_t>(a.elements()));
  widen(a.element, a.bytes.data(), left);
  std::vector<float> sums(static_cast<size_t>(spec.elements()));
  const Product product{left.data(), b, rows, depth, columns};
  pool.parallelFor(static_cast<int64_t>(matricesA.size()) * panels, 1, [&](int64_t begin, int64_t end) {
    std::vector<float> panel(static_cast<size_t>(depth * panelColumns));
    for (int64_t job = begin; job < end; ++job) {
      const int64_t matrix = job / panels, first = job % panels * panelColumns;
      product.loadPanel(matricesB[matrix], first, panel.data());
      product.multiplyPanel(matricesA[matrix], first, panel.data(), sums.data() + matrix * rows * columns);
    }
  });
  nn::TensorValue result = nn::zeros(spec);
  narrow(spec.element, sums, result.bytes.data());
  return result;
}

} // namespace cadenza::cpu
