// A part of a matrix operand in shared memory: how it gets there from global memory, whole or at an edge, and how warps
// read it as fragments of tensor-core products. What matmul.cuh and attend_sequence.cuh are made of.
//
// A product sums over k; the other index of an operand, a row of A or a column of B, is called its line. In shared
// memory a tile is rows of 16-byte pieces, in the order in which elements neighbour each other in global memory: along
// k (a row is a line) or along lines (a row is a k). Either becomes the same fragments. Rows are so far apart that what
// a warp reads at once, 16 bytes of each of 8 rows, or 4 bytes here and there, lies in different banks.
#pragma once

#include "arch_mma.cuh"
#include "shared/graph_tiles.h"
#include "tile.cuh"

namespace cadenza {

/// Extents of the batch dimensions of a product, outermost first; possibly none.
template <int... extents> struct Extents {
  static constexpr int dimensions = sizeof...(extents);
  static constexpr int list[dimensions + 1] = {extents..., 1};
  static constexpr int total = (extents * ... * 1);
};

/// Strides of a tensor along those dimensions, in elements; 0 repeats it.
template <int64_t... strides> struct Strides {
  static constexpr int dimensions = sizeof...(strides);
  CADENZA_DEVICE static constexpr bool multiples_of(int64_t n) { return ((strides % n == 0) && ... && true); }

  /// Of batch `index`, row-major in `Batch`.
  template <class Batch> CADENZA_DEVICE static int64_t offset(int index) {
    static_assert(Batch::dimensions == dimensions, "a stride for each batch dimension");
    return offset_from<Batch, 0, strides...>(index, Batch::total);
  }

private:
  template <class, int> CADENZA_DEVICE static int64_t offset_from(int, int) { return 0; }
  /// inner: batches of one index of dimension d - 1.
  template <class Batch, int d, int64_t first, int64_t... rest>
  CADENZA_DEVICE static int64_t offset_from(int index, int inner) {
    constexpr int extent = Batch::list[d];
    const int each = inner / extent;
    return index / each * first + offset_from<Batch, d + 1, rest...>(index % each, each);
  }
};

template <class, class> struct SameType {
  static constexpr bool value = false;
};
template <class T> struct SameType<T, T> {
  static constexpr bool value = true;
};

/// Where a view begins in its tensor, in elements: `offset`, if the operand names it. Tensors are aligned to 16 bytes.
CADENZA_OPTIONAL(OffsetOf, offset, 0);

/// A matrix in global memory: `lines` x `depth` elements of type Stored.
template <class Stored_, int lines_, int depth_, int64_t line_stride_, int64_t k_stride_> struct OperandView {
  using Stored = Stored_;
  static constexpr int lines = lines_, depth = depth_;
  static constexpr int64_t line_stride = line_stride_, k_stride = k_stride_;
  const Stored *first;
};

/// lines x depth elements of T in shared memory. along_k: k is contiguous.
template <class T_, int lines_, int depth_, bool along_k_> struct OperandTile {
  using T = T_;
  static constexpr int lines = lines_, depth = depth_;
  static constexpr bool along_k = along_k_;
  static constexpr int piece = 16 / static_cast<int>(sizeof(T)); // elements of 16 bytes
  static constexpr int rows = along_k ? lines : depth, pieces = (along_k ? depth : lines) / piece;
  static_assert((along_k ? depth : lines) % piece == 0, "rows of a tile are 16-byte pieces");
  /// Of one product: a fragment has two pieces along k.
  static constexpr int step = 2 * piece;
  // 8 rows at an odd distance begin in different banks; so do, of 4-byte elements, the 8 lines of each of 4 rows at
  // twice an odd one.
  static constexpr bool by_words = sizeof(T) == 4 && !along_k;
  static constexpr int row_bytes = 16 * operand_row_pieces(pieces, sizeof(T), along_k);
  static constexpr int bytes = operand_tile_bytes(lines, depth, sizeof(T), along_k);

  /// Copies what begins at (first_line, first_k) of `from`, by all of `threads` threads, each of which commits and
  /// waits for its part; zeros where `from` ends. `aligned`: rows of `from` are in pieces of 16 aligned bytes.
  template <int threads, bool aligned, class View>
  CADENZA_DEVICE static void fill(unsigned char *to, const View &from, int first_line, int first_k, int thread) {
    // Where a thread's pieces are a constant number of rows apart, one address leads to all.
    constexpr bool same_column = threads % pieces == 0;
    const int row0 = thread / pieces, column0 = thread % pieces;
#pragma unroll
    for (int i = 0; i < ceil_div(rows * pieces, threads); ++i) {
      const int index = thread + i * threads;
      if (rows * pieces % threads != 0 && index >= rows * pieces)
        break;
      const int row = same_column ? row0 + i * (threads / pieces) : index / pieces;
      const int column = same_column ? column0 : index % pieces, first = column * piece;
      copy_piece<aligned>(to + row * row_bytes + column * 16, from, first_line + (along_k ? row : first),
                          first_k + (along_k ? first : row));
    }
  }

  /// The fragment of A: the 16 lines from `line` on, one step from `k` on.
  CADENZA_DEVICE static void load_a(uint32_t (&to)[4], const unsigned char *from, int line, int k) {
    const int matrix = static_cast<int>(arch::lane()) / 8;
    load(to, from, line, k, matrix % 2, matrix / 2, [](int i) { return i % 2; }, [](int i) { return i / 2; });
  }
  /// Two fragments of B: to[0], to[1] of the 8 lines from `line` on, to[2], to[3] of the next.
  CADENZA_DEVICE static void load_b(uint32_t (&to)[4], const unsigned char *from, int line, int k) {
    const int matrix = static_cast<int>(arch::lane()) / 8;
    load(to, from, line, k, matrix / 2, matrix % 2, [](int i) { return i / 2; }, [](int i) { return i % 2; });
  }

  CADENZA_DEVICE static const T *element(const unsigned char *from, int row, int column) {
    return reinterpret_cast<const T *>(from + row * row_bytes) + column;
  }

private:
  template <bool aligned, class View>
  CADENZA_DEVICE static void copy_piece(unsigned char *to, const View &from, int line, int k) {
    constexpr int row_extent = along_k ? View::lines : View::depth, extent = along_k ? View::depth : View::lines;
    const int row = along_k ? line : k, column = along_k ? k : line;
    const int live = row < row_extent ? smaller(piece, larger(extent - column, 0)) : 0;
    const auto *source = from.first + (line * View::line_stride + k * View::k_stride);
    if constexpr (aligned) {
      arch::copy_async16(to, live > 0 ? source : from.first, live * static_cast<int>(sizeof(T)));
    } else {
      constexpr int64_t stride = along_k ? View::k_stride : View::line_stride;
      uint32_t words[4];
      if constexpr (sizeof(T) == 4) {
#pragma unroll
        for (int j = 0; j < 4; ++j)
          words[j] = arch::as_bits(j < live ? arch::to_float(source[j * stride]) : 0.0f);
      } else {
#pragma unroll
        for (int j = 0; j < 4; ++j)
          words[j] = bits(source, 2 * j, live, stride) | bits(source, 2 * j + 1, live, stride) << 16;
      }
      arch::store16(to, {words[0], words[1], words[2], words[3]});
    }
  }
  template <class Stored> CADENZA_DEVICE static uint32_t bits(const Stored *source, int j, int live, int64_t stride) {
    return j < live ? uint32_t{arch::from_float<T>(arch::to_float(source[j * stride])).bits} : 0u;
  }

  /// Matrix i of a fragment is 8 lines, from 8 * line_half on, of one piece of k, k_half; this lane's row belongs to
  /// the matrix of `line_half`, `k_half`.
  template <class LineHalf, class KHalf>
  CADENZA_DEVICE static void load(uint32_t (&to)[4], const unsigned char *from, int line, int k, int line_half,
                                  int k_half, LineHalf line_half_of, KHalf k_half_of) {
    const int lane = static_cast<int>(arch::lane());
    if constexpr (along_k) {
      arch::load_matrices(to, from + (line + 8 * line_half + lane % 8) * row_bytes + (k / piece + k_half) * 16);
    } else if constexpr (!by_words) {
      arch::load_matrices_transposed(to, from + (k + 8 * k_half + lane % 8) * row_bytes + (line / 8 + line_half) * 16);
    } else {
#pragma unroll
      for (int i = 0; i < 4; ++i)
        to[i] = arch::as_bits(*element(from, k + 4 * k_half_of(i) + lane % 4, line + 8 * line_half_of(i) + lane / 4));
    }
  }
};

/// Whether a view's rows are in aligned pieces of 16 bytes, of elements that need no conversion: of a view whose rows
/// are `stride` apart and whose elements in a row are `inner_stride` apart, and which begins at `offset` and at the
/// batches' strides.
template <class T, class Stored, class BatchStrides>
CADENZA_DEVICE constexpr bool in_pieces(int64_t rows, int64_t stride, int64_t inner_stride, int64_t offset) {
  constexpr int64_t piece = 16 / sizeof(T);
  return SameType<T, Stored>::value && inner_stride == 1 && (rows == 1 || stride % piece == 0) && offset % piece == 0 &&
         BatchStrides::multiples_of(piece);
}

// One step of a product -----------------------------------------------------------------------------------------------

/// D[16][8 * pairs * 2] += A · B for one step of T: 16-bit operands, multiplied exactly and summed in fp32.
template <class T> struct StepProduct {
  template <int blocks>
  CADENZA_DEVICE static void add(float (&d)[2 * blocks][4], const uint32_t (&a)[4], const uint32_t (&b)[blocks][4]) {
#pragma unroll
    for (int j = 0; j < 2 * blocks; ++j)
      arch::mma_m16n8k16<T>(d[j], a, {b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]});
  }
};

/// fp32 operands, each as the sum of two tf32 numbers of 11 bits: what is left of it, and the product of the two lower
/// parts, is 2^-22 of a product. Each step's sum is added by itself, since tensor cores cut off what they add to a sum
/// instead of rounding. An infinity in an operand gives NaN.
template <> struct StepProduct<float> {
  struct Parts {
    float big, small;
    CADENZA_DEVICE static Parts of(uint32_t bits) {
      const float x = arch::as_float(bits), rounded = arch::to_tf32(x);
      const bool overflows = (arch::as_bits(rounded) & 0x7fffffffu) == 0x7f800000u; // the largest numbers do
      const float big = overflows ? arch::as_float(bits & 0xffffe000u) : rounded;
      return {big, arch::to_tf32(x - big)};
    }
  };
  template <int blocks>
  CADENZA_DEVICE static void add(float (&d)[2 * blocks][4], const uint32_t (&a)[4], const uint32_t (&b)[blocks][4]) {
    float big[4], small[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const Parts parts = Parts::of(a[i]);
      big[i] = parts.big;
      small[i] = parts.small;
    }
#pragma unroll
    for (int j = 0; j < 2 * blocks; ++j) {
      const Parts b0 = Parts::of(b[j / 2][j % 2 * 2]), b1 = Parts::of(b[j / 2][j % 2 * 2 + 1]);
      float sum[4] = {};
      arch::mma_m16n8k8(sum, small, {b0.big, b1.big});
      arch::mma_m16n8k8(sum, big, {b0.small, b1.small});
      arch::mma_m16n8k8(sum, big, {b0.big, b1.big});
#pragma unroll
      for (int i = 0; i < 4; ++i)
        d[j][i] += sum[i];
    }
  }
};

} // namespace cadenza
