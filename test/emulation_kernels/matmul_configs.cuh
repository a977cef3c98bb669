// Configurations of matmul.cuh, in the form of generated source. Included by the kernels, the tests and the probe of
// test/gpu.
#pragma once

#include "matmul.cuh"

namespace cadenza::graph {

template <class Type, int64_t rows, int64_t columns, class Batch = Strides<>, int first = 0, bool is_constant = false>
struct Layout {
  using type = Type;
  using batch_strides = Batch;
  static constexpr int64_t row_stride = rows, column_stride = columns;
  static constexpr int offset = first;
  static constexpr bool constant = is_constant;
};

template <class Type, int M, int N, int K, MatmulTiles how, class A, class B, class C, class Batches = Extents<>,
          class Function = StoreSums>
struct product {
  using type = Type;
  static constexpr int rows = M, columns = N, depth = K;
  using batch = Batches;
  using a = A;
  using b = B;
  using c = C;
  static constexpr MatmulTiles tiles = how;
  using epilogue = Function;
};

/// residual[row][column] + max(value + bias[column], 0).
template <int columns> struct BiasReluResidual {
  struct Args {
    const float *bias, *residual;
  };
  static constexpr int words = 2;
  CADENZA_DEVICE static float apply(const Args &args, int batch, int row, int column, float value) {
    const float sum = value + args.bias[column];
    return args.residual[(batch * 1000 + row) * columns + column] + arch::max(sum, 0.0f);
  }
};

constexpr MatmulTiles plain{32, 32, 32, 2, 2, 1, 3, 1}, wide{64, 64, 64, 2, 2, 1, 4, 1},
    one_warp{16, 16, 32, 1, 1, 1, 2, 1};
constexpr MatmulTiles warps_of_k{32, 32, 64, 1, 2, 4, 3, 1}, blocks_of_k{32, 32, 32, 2, 1, 1, 2, 2},
    both_of_k{64, 32, 64, 2, 1, 2, 3, 4}, eight_blocks{32, 64, 32, 1, 2, 1, 8, 8},
    many_warps{32, 32, 32, 2, 2, 1, 2, 4}; // a thread does not add what it kept
constexpr MatmulTiles of_floats{32, 32, 16, 2, 1, 2, 3, 1}, uneven_warps{64, 32, 32, 4, 1, 1, 3, 1};

// Each pair of orders, of each type. Row-major is [rows][columns].
template <class T, class Out, int M, int N, int K, MatmulTiles how, bool a_turned, bool b_turned>
using ordered = product<T, M, N, K, how, Layout<T, a_turned ? 1 : K, a_turned ? M : 1>,
                        Layout<T, b_turned ? 1 : N, b_turned ? K : 1>, Layout<Out, N, 1>>;
using rows_rows = ordered<bf16, float, 96, 104, 160, plain, false, false>;
using rows_columns = ordered<f16, float, 96, 104, 160, plain, false, true>;
using columns_rows = ordered<bf16, float, 96, 104, 160, plain, true, false>;
using columns_columns = ordered<f16, float, 96, 104, 160, wide, true, true>;
using float_rows_rows = ordered<float, float, 64, 104, 160, of_floats, false, false>;
using float_rows_columns = ordered<float, float, 64, 104, 160, plain, false, true>;
using float_columns_rows = ordered<float, float, 64, 104, 160, plain, true, false>;
using float_columns_columns = ordered<float, float, 64, 104, 160, uneven_warps, true, true>;
using rounded_result = ordered<bf16, bf16, 40, 48, 64, plain, false, true>;

// Edges.
using one_element = ordered<bf16, float, 1, 1, 1, one_warp, false, false>;
using one_row = ordered<bf16, float, 1, 200, 96, one_warp, false, true>;
using one_column = ordered<f16, float, 77, 1, 96, plain, false, false>;
using odd_everything = ordered<bf16, float, 33, 17, 9, plain, false, false>; // no row begins at an aligned address
using odd_turned = ordered<bf16, bf16, 35, 37, 75, wide, true, true>;
using odd_floats = ordered<float, float, 33, 17, 27, plain, false, true>;
// Rows in aligned pieces, of which the last is in part behind the end: 75 of 80 elements.
using padded_rows = product<bf16, 50, 41, 75, plain, Layout<bf16, 80, 1>, Layout<bf16, 1, 88>, Layout<float, 41, 1>>;
using padded_columns = product<f16, 50, 41, 75, plain, Layout<f16, 1, 56>, Layout<f16, 48, 1>, Layout<f16, 41, 1>>;
using padded_floats =
    product<float, 50, 41, 75, plain, Layout<float, 1, 52>, Layout<float, 44, 1>, Layout<float, 42, 1>>;
// Views: an offset that is aligned, one that is not, elements apart, a result that is turned.
using aligned_view = product<bf16, 40, 40, 64, plain, Layout<bf16, 200, 1, Strides<>, 64>,
                             Layout<bf16, 1, 80, Strides<>, 8>, Layout<float, 100, 1, Strides<>, 24>>;
using unaligned_view = product<bf16, 40, 40, 64, plain, Layout<bf16, 200, 1, Strides<>, 3>, Layout<bf16, 2, 200>,
                               Layout<bf16, 100, 1, Strides<>, 5>>;
using turned_result = product<f16, 40, 24, 64, plain, Layout<f16, 64, 1>, Layout<f16, 24, 1>, Layout<f16, 1, 40>>;
using repeated_row = product<bf16, 40, 24, 64, plain, Layout<bf16, 0, 1>, Layout<bf16, 24, 1>, Layout<float, 24, 1>>;

// Batches: [2][3], A the same in the second, B in the first dimension; heads of [2][S][3 * d] without a transpose.
using broadcast =
    product<bf16, 20, 24, 40, plain, Layout<bf16, 40, 1, Strides<800, 0>>, Layout<bf16, 24, 1, Strides<0, 960>>,
            Layout<float, 24, 1, Strides<1440, 480>>, Extents<2, 3>>;
using of_heads = product<f16, 20, 20, 16, plain, Layout<f16, 48, 1, Strides<960, 16>>,
                         Layout<f16, 1, 48, Strides<960, 16>>, Layout<f16, 20, 1, Strides<1200, 400>>, Extents<2, 3>>;
using odd_batches = product<bf16, 5, 8, 8, one_warp, Layout<bf16, 8, 1, Strides<41>>, Layout<bf16, 8, 1, Strides<64>>,
                            Layout<bf16, 8, 1, Strides<41>>, Extents<7>>;

// Parts of K.
using parts_by_warps = ordered<bf16, float, 50, 72, 500, warps_of_k, false, true>;
using parts_by_blocks = ordered<bf16, float, 50, 72, 328, blocks_of_k, false, true>; // 6 and 5 steps
using parts_by_both = ordered<f16, float, 100, 72, 1000, both_of_k, false, false>;
using parts_all_ahead = ordered<bf16, bf16, 128, 128, 256, eight_blocks, false, true>;      // a step a block
using parts_that_are_empty = ordered<bf16, float, 40, 64, 150, eight_blocks, false, false>; // five steps for eight
using parts_by_many_warps = ordered<bf16, float, 64, 32, 256, many_warps, false, true>;
using parts_of_floats = ordered<float, float, 70, 40, 600, both_of_k, false, true>;

// Functions of the result; operands of another type; a constant one.
using with_epilogue = product<bf16, 50, 39, 64, plain, Layout<bf16, 64, 1>, Layout<bf16, 1, 64>, Layout<float, 39, 1>,
                              Extents<>, BiasReluResidual<39>>;
using parts_with_epilogue =
    product<bf16, 50, 40, 256, both_of_k, Layout<bf16, 256, 1, Strides<12800>>, Layout<bf16, 1, 256, Strides<0>>,
            Layout<bf16, 40, 1, Strides<2000>>, Extents<2>, BiasReluResidual<40>>;
using converted = product<bf16, 40, 24, 64, plain, Layout<float, 64, 1>, Layout<bf16, 24, 1>, Layout<float, 24, 1>>;
template <class Out>
using chained =
    product<bf16, 64, 64, 64, plain, Layout<bf16, 64, 1>, Layout<bf16, 1, 64, Strides<>, 0, true>, Layout<Out, 64, 1>>;
using chain_first = chained<bf16>;
using chain_second = chained<float>;
using long_sums = ordered<float, float, 32, 32, 4096, plain, false, true>;

} // namespace cadenza::graph

/// All of them.
// clang-format off: it never settles on how to break these
#define CADENZA_PRODUCTS(X) \
  X(rows_rows) X(rows_columns) X(columns_rows) X(columns_columns) X(float_rows_rows) X(float_rows_columns) \
  X(float_columns_rows) X(float_columns_columns) X(rounded_result) X(one_element) X(one_row) X(one_column) \
  X(odd_everything) X(odd_turned) X(odd_floats) X(padded_rows) X(padded_columns) X(padded_floats) \
  X(aligned_view) X(unaligned_view) X(turned_result) X(repeated_row) X(broadcast) X(of_heads) X(odd_batches) \
  X(parts_by_warps) X(converted) X(chain_first) X(chain_second) X(long_sums) X(with_epilogue)
// clang-format on
// clang-format off: it never settles on how to break these
#define CADENZA_CLUSTER_PRODUCTS(X) \
  X(parts_by_blocks) X(parts_by_both) X(parts_all_ahead) X(parts_that_are_empty) X(parts_of_floats) \
  X(parts_by_many_warps) X(parts_with_epilogue)
// clang-format on
