// What cadenza-bench --kernel times: one generated kernel for given shapes, and the graph whose compilation makes it.
#pragma once

#include "runtime/shared/dtype.h"
#include "runtime/support/status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace cadenza::bench {

enum class KernelKind { Attention, Linear, LinearSilu, LinearGelu };
std::string_view kernelKindName(KernelKind kind); // "attention", ...

/// As the command line says it.
struct KernelOptions {
  std::string kernel;
  std::vector<std::string> shapes;
  std::vector<std::string> encodings; // of the matrix; empty: plain
  bool causal = false;
  bool wgmma = true; // false: as cadenza-compile --no-wgmma
  std::string dtype = "bf16";
};

/// Attention softmax(q k^T / sqrt(head_dim)) v, or f(x W^T) with f the identity, SiLU or GELU. Element type dtype.
struct KernelCase {
  KernelKind kind = KernelKind::Linear;
  std::vector<int64_t> shape; // batch, heads, positions, head_dim; or rows of x, outputs, depth
  DType dtype = DType::bf16;
  bool causal = false;          // of attention
  std::string encoding = plain; // of W: plain, row-major as a graph has it; or how a decoder's matrix is packed
  bool wgmma = true;

  static constexpr const char *plain = "plain";

  bool isPacked() const { return kind != KernelKind::Attention && encoding != plain; }
  std::string shapeText() const; // "1x16x2048x128"
  /// Multiplications and additions of the products, two an element; of causal attention those of visible keys.
  double operations() const;
  /// Bytes of the activations that the kernel must read and write, without the matrix. A packed product of several rows
  /// takes rows of 16 bits, one of one row takes f32; both give f32.
  uint64_t activationBytes() const;
  /// Those of them that all sets share: the rows that another kernel has prepared for a packed product.
  uint64_t sharedBytes() const;
};

/// The cases of `options`: each shape with each encoding. InvalidArgument says which option is wrong, and what it
/// takes.
StatusOr<std::vector<KernelCase>> kernelCases(const KernelOptions &options);

/// An .mlir file of nn ops with two entries: @check, the kernel once, on inputs "x" (or "q", "k", "v") with result "y";
/// and @time, the kernel on `sets` tensors of their own each, whose names end with their number.
std::string kernelGraph(const KernelCase &kernel, int64_t sets);

} // namespace cadenza::bench
