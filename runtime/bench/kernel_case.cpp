#include "runtime/bench/kernel_case.h"

#include "runtime/support/checked.h"
#include "runtime/support/encoding_name.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>
#include <tuple>

namespace cadenza::bench {
namespace {

constexpr std::pair<std::string_view, KernelKind> kinds[] = {{"attention", KernelKind::Attention},
                                                             {"linear", KernelKind::Linear},
                                                             {"linear_silu", KernelKind::LinearSilu},
                                                             {"linear_gelu", KernelKind::LinearGelu}};

constexpr int64_t mostElements = (int64_t{1} << 31) - 1;  // of a tensor: kernels count them in 32 bits
constexpr int64_t mostHeadDim = 256, headDimMultiple = 8; // codegen/kernels/attend_sequence.cuh
constexpr int64_t tileMultiple = 16, mostTile = 1 << 16;  // of the rows of a packed product

Status invalid(std::string message) { return {StatusCode::InvalidArgument, std::move(message)}; }

/// "2048x128" to its numbers; none of anything else.
std::vector<int64_t> extentsOf(const std::string &text) {
  std::vector<int64_t> extents;
  const char *at = text.data(), *const end = text.data() + text.size();
  while (true) {
    int64_t extent = 0;
    const auto [next, problem] = std::from_chars(at, end, extent);
    if (problem != std::errc() || extent < 1 || extent > mostElements)
      return {};
    extents.push_back(extent);
    if (next == end)
      return extents;
    if (*next != 'x')
      return {};
    at = next + 1;
  }
}

Status checkElements(const std::string &where, std::initializer_list<int64_t> shape) {
  const auto elements = checked::byteSize(std::vector<int64_t>(shape), 1);
  if (elements && *elements <= static_cast<uint64_t>(mostElements))
    return Status::ok();
  return invalid(where + ": a tensor of it has more than 2^31 - 1 elements");
}

Status checkAttention(const std::string &where, const std::vector<int64_t> &shape) {
  const int64_t headDim = shape[3];
  if (headDim % headDimMultiple != 0 || headDim > mostHeadDim)
    return invalid(where + ": a head_dim of " + std::to_string(headDim) + "; multiples of " +
                   std::to_string(headDimMultiple) + " up to " + std::to_string(mostHeadDim) + " are possible");
  CADENZA_RETURN_IF_ERROR(checkElements(where, {shape[0], shape[1], shape[2], headDim}));
  return checkElements(where, {shape[0], shape[1], shape[2], shape[2]}); // scores, of which the reference makes all
}

Status checkLinear(const std::string &where, const KernelCase &kernel) {
  const int64_t rows = kernel.shape[0], outputs = kernel.shape[1], depth = kernel.shape[2];
  if (kernel.isPacked() && rows != 1 && (rows % tileMultiple != 0 || rows > mostTile))
    return invalid(where + ": " + std::to_string(rows) +
                   " rows of x, for a packed matrix (--encoding=" + kernel.encoding + "); 1 or multiples of " +
                   std::to_string(tileMultiple) + " up to " + std::to_string(mostTile) + " are possible");
  CADENZA_RETURN_IF_ERROR(checkElements(where, {rows, outputs}));
  CADENZA_RETURN_IF_ERROR(checkElements(where, {rows, depth}));
  return checkElements(where, {outputs, depth});
}

StatusOr<KernelCase> kernelCase(const KernelOptions &options, KernelKind kind, DType dtype, const std::string &shape,
                                const std::string &encoding) {
  const bool attends = kind == KernelKind::Attention;
  KernelCase kernel{kind, extentsOf(shape), dtype, options.causal, encoding, options.wgmma};
  const std::string where = "--shape '" + shape + "'";
  if (kernel.shape.size() != (attends ? 4 : 3))
    return invalid(where + ": " + options.kernel + " takes " +
                   (attends ? "BxHxSxD: batch, heads, positions, head_dim, such as 1x16x2048x128"
                            : "MxNxK: rows of x, outputs, depth, such as 128x16384x4096"));
  CADENZA_RETURN_IF_ERROR(attends ? checkAttention(where, kernel.shape) : checkLinear(where, kernel));
  return kernel;
}

/// "tensor<128x4096xbf16>"
std::string tensor(std::initializer_list<int64_t> shape, std::string_view type) {
  std::string text = "tensor<";
  for (const int64_t extent : shape)
    text += std::to_string(extent) + "x";
  return text + std::string(type) + ">";
}

/// Kernels are named after their matrices.
std::string matrixName(const KernelCase &kernel, const std::string &number) {
  return std::string(kernelKindName(kernel.kind)) + number;
}

/// A packed matrix is a decoder's, [outputs][depth]; that of a graph is what it multiplies by.
std::string matrixType(const KernelCase &kernel) {
  const int64_t outputs = kernel.shape[1], depth = kernel.shape[2];
  return kernel.isPacked() ? tensor({outputs, depth}, dtypeName(kernel.dtype))
                           : tensor({depth, outputs}, dtypeName(kernel.dtype));
}

/// A function that is written op by op.
class EntryWriter {
public:
  explicit EntryWriter(const KernelCase &kernel) : kernel_(kernel), type_(dtypeName(kernel.dtype)) {}

  /// The kernel on tensors, and with a matrix, whose names end so.
  void add(const std::string &number) { kernel_.kind == KernelKind::Attention ? attend(number) : multiply(number); }

  std::string text(const std::string &name) const {
    return "func.func @" + name + "(" + inputs_ + ")\n    -> (" + outputs_ + ") {\n" + body_ + "  return " + returned_ +
           " : " + returnedTypes_ + "\n}\n";
  }

private:
  void op(const std::string &value, const std::string &text) { body_ += "  %" + value + " = nn." + text + "\n"; }
  void input(const std::string &name, const std::string &type) {
    inputs_ += (inputs_.empty() ? "%" : ", %") + name + ": " + type + " {nn.port = #nn.port<\"" + name + "\">}";
  }
  void output(const std::string &value, const std::string &name, const std::string &type) {
    const std::string comma = returned_.empty() ? "" : ", ";
    outputs_ += comma + type + " {nn.port = #nn.port<\"" + name + "\">}";
    returned_ += comma + "%" + value;
    returnedTypes_ += comma + type;
  }

  void attend(const std::string &n) {
    const auto [batch, heads, positions, dim] =
        std::tie(kernel_.shape[0], kernel_.shape[1], kernel_.shape[2], kernel_.shape[3]);
    const std::string rows = tensor({batch, heads, positions, dim}, type_),
                      turned = tensor({batch, heads, dim, positions}, type_),
                      scores = tensor({batch, heads, positions, positions}, type_),
                      wide = tensor({batch, heads, positions, positions}, "f32"),
                      mask = tensor({positions, positions}, "f32");
    for (const char *name : {"q", "k", "v"})
      input(name + n, rows);
    char scale[32];
    std::snprintf(scale, sizeof scale, "%.9e", 1 / std::sqrt(static_cast<double>(dim)));
    op("scale" + n, "constant dense<" + std::string(scale) + "> : tensor<f32>");
    op("t" + n, "transpose %k" + n + " [0, 1, 3, 2] : (" + rows + ") -> " + turned);
    op("p" + n, "matmul %q" + n + ", %t" + n + " : (" + rows + ", " + turned + ") -> " + scores);
    op("s" + n, "cast %p" + n + " : " + scores + " -> " + wide);
    op("m" + n, "binary mul %s" + n + ", %scale" + n + " : (" + wide + ", tensor<f32>) -> " + wide);
    if (kernel_.causal) {
      op("low" + n, "constant dense<0xFF800000> : tensor<f32>");
      op("one" + n, "constant dense<1> : tensor<i64>");
      op("all" + n, "expand %low" + n + " : (tensor<f32>) -> " + mask);
      op("mask" + n, "trilu upper %all" + n + ", %one" + n + " : (" + mask + ", tensor<i64>) -> " + mask);
      op("c" + n, "binary add %m" + n + ", %mask" + n + " : (" + wide + ", " + mask + ") -> " + wide);
    }
    op("w" + n, (kernel_.causal ? "softmax %c" : "softmax %m") + n + " axis -1 : (" + wide + ") -> " + wide);
    op("r" + n, "cast %w" + n + " : " + wide + " -> " + scores);
    op("o" + n, "matmul %r" + n + ", %v" + n + " : (" + scores + ", " + rows + ") -> " + rows);
    output("o" + n, "y" + n, rows);
  }

  /// Of a decoder's ops, whose matrices are packed, or of a graph's.
  void multiply(const std::string &n) {
    const bool packed = kernel_.isPacked();
    const auto [rows, outputs, depth] = std::tie(kernel_.shape[0], kernel_.shape[1], kernel_.shape[2]);
    const std::string w = matrixName(kernel_, n.empty() ? "0" : n), // @check has the first matrix of @time
        x = tensor({rows, depth}, packed ? "f32" : type_), y = tensor({rows, outputs}, packed ? "f32" : type_),
                      wide = tensor({rows, outputs}, "f32"), matrix = matrixType(kernel_);
    input("x" + n, x);
    std::string last = "p" + n;
    if (packed) {
      op(last, "linear %x" + n + ", @" + w + " : (" + x + ") -> " + y);
    } else {
      op("w" + n, "get_weight @" + w + " : " + matrix);
      op(last, "matmul %x" + n + ", %w" + n + " : (" + x + ", " + matrix + ") -> " + y);
    }
    if (kernel_.kind != KernelKind::Linear && packed) {
      op("a" + n, (kernel_.kind == KernelKind::LinearSilu ? "silu %" : "gelu %") + last + " : " + y);
      last = "a" + n;
    } else if (kernel_.kind != KernelKind::Linear) {
      op("f" + n, "cast %" + last + " : " + y + " -> " + wide);
      if (kernel_.kind == KernelKind::LinearSilu) {
        op("g" + n, "unary sigmoid %f" + n + " : (" + wide + ") -> " + wide);
        op("a" + n, "binary mul %f" + n + ", %g" + n + " : (" + wide + ", " + wide + ") -> " + wide);
      } else {
        op("a" + n, "unary gelu %f" + n + " : (" + wide + ") -> " + wide);
      }
      last = "b" + n;
      op(last, "cast %a" + n + " : " + wide + " -> " + y);
    }
    output(last, "y" + n, y);
  }

  const KernelCase &kernel_;
  const std::string_view type_;
  std::string inputs_, outputs_, body_, returned_, returnedTypes_;
};

} // namespace

std::string_view kernelKindName(KernelKind kind) {
  for (const auto &[name, named] : kinds)
    if (named == kind)
      return name;
  assert(false && "each kind has a name");
  return {};
}

std::string KernelCase::shapeText() const {
  std::string text;
  for (const int64_t extent : shape)
    text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text;
}

double KernelCase::operations() const {
  const auto of = [&](size_t axis) { return static_cast<double>(shape[axis]); };
  if (kind != KernelKind::Attention)
    return 2 * of(0) * of(1) * of(2);
  const double keys = causal ? (of(2) + 1) / 2 : of(2); // that a query sees, on average
  return 4 * of(0) * of(1) * of(2) * keys * of(3);
}

uint64_t KernelCase::activationBytes() const {
  const auto of = [&](size_t axis) { return static_cast<uint64_t>(shape[axis]); };
  const uint64_t size = dtypeSize(dtype);
  if (kind == KernelKind::Attention)
    return 4 * of(0) * of(1) * of(2) * of(3) * size;
  const uint64_t input = isPacked() && shape[0] == 1 ? 4 : size, output = isPacked() ? 4 : size;
  return of(0) * (of(2) * input + of(1) * output);
}

uint64_t KernelCase::sharedBytes() const {
  const bool isPrepared = isPacked() && shape[0] > 1;
  return isPrepared ? static_cast<uint64_t>(shape[0] * shape[2]) * dtypeSize(dtype) : 0;
}

StatusOr<std::vector<KernelCase>> kernelCases(const KernelOptions &options) {
  const auto *const named =
      std::find_if(std::begin(kinds), std::end(kinds), [&](const auto &kind) { return kind.first == options.kernel; });
  if (named == std::end(kinds))
    return invalid("--kernel '" + options.kernel + "': choose from attention, linear, linear_silu, linear_gelu");
  const bool attends = named->second == KernelKind::Attention;
  if (options.shapes.empty())
    return invalid("--kernel=" + options.kernel + " needs --shape " + (attends ? "BxHxSxD" : "MxNxK") +
                   ", one or more");
  if (options.causal && !attends)
    return invalid("--causal: only attention can be");
  if ((!options.encodings.empty() || !options.wgmma) && attends)
    return invalid((options.wgmma ? "--encoding" : "--no-wgmma") + std::string(": attention has no matrix"));
  if (options.dtype != "f16" && options.dtype != "bf16")
    return invalid("--dtype '" + options.dtype + "': f16 and bf16 are possible");
  const std::vector<std::string> encodings =
      options.encodings.empty() ? std::vector<std::string>{KernelCase::plain} : options.encodings;
  for (const std::string &encoding : encodings) {
    const std::optional<Encoding> known = encodingNamed(encoding);
    if (encoding != KernelCase::plain && !(known && format_of(*known).matrix()))
      return invalid("--encoding '" + encoding + "': there are plain and " + std::string(matrixEncodingSyntax()));
  }
  std::vector<KernelCase> cases;
  for (const std::string &shape : options.shapes)
    for (const std::string &encoding : encodings) {
      CADENZA_ASSIGN_OR_RETURN(
          KernelCase kernel,
          kernelCase(options, named->second, options.dtype == "f16" ? DType::f16 : DType::bf16, shape, encoding));
      cases.push_back(std::move(kernel));
    }
  return cases;
}

std::string kernelGraph(const KernelCase &kernel, int64_t sets) {
  std::string text;
  if (kernel.kind != KernelKind::Attention)
    for (int64_t i = 0; i < sets; ++i) {
      const std::string name = matrixName(kernel, std::to_string(i));
      text.append("nn.weight @").append(name).append(" : ").append(matrixType(kernel));
      text.append(" from \"").append(name).append("\"\n");
    }
  EntryWriter check(kernel), time(kernel);
  check.add("");
  for (int64_t i = 0; i < sets; ++i)
    time.add(std::to_string(i));
  return text + check.text("check") + time.text("time");
}

} // namespace cadenza::bench
