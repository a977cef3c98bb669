// Tensors of graphs in tests: what a view does not hold is NaN, and what a result's view does not hold must stay as it
// was.
#pragma once

#include "test/emulation_kernels/kernel_test.h"
#include "test/emulation_kernels/matmul_configs.cuh"

#include <functional>

namespace cadenza::emulation {

enum class Element { bf16, f16, f32 };
template <class T>
constexpr Element elementOf = std::is_same_v<T, bf16>  ? Element::bf16
                              : std::is_same_v<T, f16> ? Element::f16
                                                       : Element::f32;

/// x as a type holds it, and the largest relative error of that.
inline float stored(Element type, float x) {
  return type == Element::bf16 ? rounded<bf16>(x) : type == Element::f16 ? rounded<f16>(x) : x;
}
inline double rounding(Element type) {
  return type == Element::bf16 ? 0x1p-8 : type == Element::f16 ? 0x1p-11 : 0x1p-24;
}

/// A tensor in memory, as floats, seen as matrices [rows][columns]: one for each batch.
struct Tensor {
  Element type;
  int rows, columns;
  int64_t rowStride, columnStride;
  std::vector<int64_t> first; // of each batch
  std::vector<float> values;

  template <class Batch, class Operand> static Tensor of(int rows, int columns) {
    Tensor tensor{
        elementOf<typename Operand::type>, rows, columns, Operand::row_stride, Operand::column_stride, {}, {}};
    for (int batch = 0; batch < Batch::total; ++batch)
      tensor.first.push_back(OffsetOf<Operand>::value + Operand::batch_strides::template offset<Batch>(batch));
    int64_t last = 0;
    tensor.each([&](int64_t index) { last = std::max(last, index); });
    tensor.values.assign(static_cast<size_t>(last + 1 + 9), NAN);
    return tensor;
  }
  /// body(index) for all elements.
  void each(const std::function<void(int64_t)> &body) const {
    for (int64_t begin : first)
      for (int row = 0; row < rows; ++row)
        for (int column = 0; column < columns; ++column)
          body(begin + row * rowStride + column * columnStride);
  }
  float &at(int batch, int row, int column) {
    return values[static_cast<size_t>(first[static_cast<size_t>(batch)] + row * rowStride + column * columnStride)];
  }
};

class TensorTest : public KernelTest {
protected:
  uint64_t uploadTensor(const Tensor &tensor) {
    if (tensor.type == Element::f32)
      return word(upload(tensor.values));
    return word(upload(tensor.type == Element::bf16 ? bits<bf16>(tensor.values) : bits<f16>(tensor.values)));
  }
  void downloadTensor(Tensor &tensor, uint64_t address) {
    const size_t count = tensor.values.size();
    if (tensor.type == Element::f32)
      tensor.values = download(reinterpret_cast<const float *>(address), count);
    else if (const auto raw = download(reinterpret_cast<const uint16_t *>(address), count);
             tensor.type == Element::bf16)
      tensor.values = floats<bf16>(raw);
    else
      tensor.values = floats<f16>(raw);
  }
  /// Random numbers that the type has.
  std::vector<float> randomOf(Element type, size_t count) {
    std::vector<float> values = random(static_cast<int>(count));
    for (float &x : values)
      x = stored(type, x);
    return values;
  }
  void fill(Tensor &tensor) {
    const std::vector<float> all = randomOf(tensor.type, tensor.values.size());
    tensor.each([&](int64_t i) { tensor.values[static_cast<size_t>(i)] = all[static_cast<size_t>(i)]; });
  }
  /// A number that a result does not have, everywhere.
  static void mark(Tensor &tensor) { tensor.values.assign(tensor.values.size(), stored(tensor.type, 12345.0f)); }
  /// Whether what is not of the view is still marked.
  static bool isMarkedElsewhere(const Tensor &tensor) {
    std::vector<float> rest = tensor.values;
    const float marked = stored(tensor.type, 12345.0f);
    tensor.each([&](int64_t i) { rest[static_cast<size_t>(i)] = marked; });
    return std::all_of(rest.begin(), rest.end(), [&](float x) { return x == marked; });
  }
};

} // namespace cadenza::emulation
