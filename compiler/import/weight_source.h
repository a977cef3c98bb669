// Where the values of weights come from. A packer asks for rows of a tensor in the type that it wants and never sees
// the checkpoint; it may ask from several threads, and in pieces, so that a tensor larger than memory can pass through.
#pragma once

#include "compiler/import/findings.h"
#include "runtime/shared/dtype.h"
#include "runtime/support/status.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

class StoredMatrix; // stored_matrix.h

/// Which rows of a tensor a weight is (#nn.view, which checks that they are in range).
struct WeightView {
  int64_t rows = 0; // of the tensor
  bool transposed = false;
  int64_t first = 0, run = 0, stride = 0; // runs of `run` rows, `stride` rows apart
};

/// How a tensor holds a matrix in integers of a few bits (compiler/ir/nn/Blocks.h).
struct WeightBlocks {
  int64_t bits = 4, size = 32;
  std::string scales, zeros; // tensors; without zeros: empty
};

/// A weight as the IR declares it (nn.weight).
struct WeightSpec {
  std::string role;                 // canonical: "layers.3.attention.query.weight"
  std::string tensor;               // the checkpoint's name: "model.layers.3.self_attn.q_proj.weight"
  std::vector<int64_t> shape;       // [rows, columns] or [rows]
  DType dtype = DType::bf16;        // declared; every value is rounded to it, whatever type is asked for
  std::vector<float> constant = {}; // its values, if the IR holds them: then there is no tensor
  std::optional<WeightView> view = std::nullopt;
  std::optional<WeightBlocks> blocks = std::nullopt;
  /// What is added to every value, in fp32 and after the rounding to `dtype`: such a weight is read as f32 only.
  float plus = 0;

  int64_t rows() const { return shape.empty() ? 0 : shape[0]; }
  int64_t columns() const { return shape.size() < 2 ? 1 : shape[1]; }
  /// What the checkpoint's tensor has to have; with blocks, the matrix that it holds.
  std::vector<int64_t> tensorShape() const;
  /// Splits rows [firstRow, firstRow + rows) into runs that are consecutive rows of the tensor, too: its first one, how
  /// many, and how many rows of the weight came before.
  void forEachRun(int64_t firstRow, int64_t rows,
                  const std::function<void(int64_t tensorRow, int64_t count, int64_t done)> &run) const;
};

/// Rows [firstRow, firstRow + rows) of a weight out of its tensor's elements, which `tensor` holds as `stored`: rounded
/// to spec.dtype and then to `dtype`, row-major, to `out`.
void copyRows(const WeightSpec &spec, const std::byte *tensor, DType stored, int64_t firstRow, int64_t rows,
              DType dtype, std::byte *out);

class WeightSource {
public:
  virtual ~WeightSource() = default;

  /// Writes rows [firstRow, firstRow + rows) as `dtype` (f32, bf16 or f16), row-major, to `out`, which has exactly
  /// rows * columns elements. Values are rounded to spec.dtype first and to nearest even throughout, so what is read as
  /// f32 is what a bf16 weight holds; spec.plus comes on top. A constant is its own source. Thread-safe. InvalidInput
  /// if the checkpoint does
  /// not hold the tensor in that shape, or if a finite value is too large for the type that it is rounded to.
  Status read(const WeightSpec &spec, int64_t firstRow, int64_t rows, DType dtype, std::span<std::byte> out) const;
  /// All elements of a weight of any shape and type, in spec.dtype, row-major, to `out`: what the ops of a graph read.
  /// A tensor in another type of floats is rounded. Errors are those of `read`.
  Status readTensor(const WeightSpec &spec, std::span<std::byte> out) const;
  /// All of a weight as f32, for references and small vectors.
  StatusOr<std::vector<float>> readFloats(const WeightSpec &spec) const;

  /// The matrix of the weight's tensor as the checkpoint holds it, if that is in codes of a few bits: all of its rows,
  /// of which the weight may be a view. Null if it holds floats. Lives as long as the source; thread-safe.
  virtual const StoredMatrix *stored(const WeightSpec &) const { return nullptr; }

  /// "checkpoint" or "random:SEED": ModelInfo::weights.
  virtual std::string describe() const = 0;

  /// Files one warning for each weight that had infinities or NaNs among what has been read so far.
  void reportNonFinite(Findings &findings) const;

protected:
  /// The rows, in range and with `out` of the right size, already rounded to spec.dtype.
  virtual Status readRows(const WeightSpec &spec, int64_t firstRow, int64_t rows, DType dtype,
                          std::span<std::byte> out) const = 0;

  /// All elements of a tensor that no view cuts, `out` being of the right size, rounded to spec.dtype. As it stands,
  /// vectors and matrices of floats.
  virtual Status readElements(const WeightSpec &spec, std::span<std::byte> out) const;

  /// Infinities and NaNs among these rows as they are stored, before any rounding. Asked for only where there are some
  /// after it.
  virtual uint64_t storedNonFinite(const WeightSpec &, int64_t /*firstRow*/, int64_t /*rows*/) const { return 0; }

private:
  /// Refuses finite values that rounding made infinite, in rows that have been read to `out`; notes others.
  Status checkFinite(const WeightSpec &spec, int64_t firstRow, int64_t rows, DType dtype,
                     std::span<const std::byte> out) const;

  mutable std::mutex mutex_;                          // of nonFinite_
  mutable std::map<std::string, uint64_t> nonFinite_; // elements by role
};

} // namespace cadenza
