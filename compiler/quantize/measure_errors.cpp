#include "compiler/quantize/measure_errors.h"

#include "compiler/quantize/encoding_type.h"
#include "compiler/quantize/quantize_rows.h"
#include "runtime/support/workers.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <mutex>

namespace cadenza {
namespace {

constexpr int64_t sampledFrom = 1024;               // rows of a matrix
constexpr int64_t stretchRows = 128, someRows = 16; // of each stretch, that many

struct Piece {
  size_t matrix = 0;
  int64_t firstRow = 0, rows = 0;
};

std::vector<Piece> piecesOf(const std::vector<WeightSpec> &matrices) {
  std::vector<Piece> pieces;
  for (size_t matrix = 0; matrix < matrices.size(); ++matrix) {
    const int64_t rows = matrices[matrix].rows();
    const int64_t most = rows > sampledFrom ? someRows : stretchRows;
    for (int64_t first = 0; first < rows; first += stretchRows)
      pieces.push_back({matrix, first, std::min(most, rows - first)});
  }
  return pieces;
}

class Measurement {
public:
  Measurement(const std::vector<WeightSpec> &matrices, const std::vector<Encoding> &encodings,
              const WeightSource &source, const std::function<void(uint64_t, uint64_t)> &onProgress)
      : matrices_(matrices), encodings_(encodings), source_(source), onProgress_(onProgress),
        pieces_(piecesOf(matrices)), errors_(pieces_.size(), std::vector<QuantizationError>(encodings.size())) {}

  StatusOr<std::vector<std::vector<QuantizationError>>> run(int threads) {
    runWorkers(std::min(threadCount(threads), pieces_.size()), [this] { work(); });
    if (!status_.isOk())
      return status_;
    // In the order of the pieces, whoever measured them.
    std::vector<std::vector<QuantizationError>> sums(matrices_.size(),
                                                     std::vector<QuantizationError>(encodings_.size()));
    for (size_t piece = 0; piece < pieces_.size(); ++piece)
      for (size_t i = 0; i < encodings_.size(); ++i)
        sums[pieces_[piece].matrix][i].add(errors_[piece][i]);
    return sums;
  }

private:
  void work() {
    while (true) {
      size_t piece = 0;
      {
        std::lock_guard lock(mutex_);
        if (!status_.isOk() || next_ == pieces_.size())
          return;
        piece = next_++;
      }
      Status status = measureGuarded(piece);
      std::lock_guard lock(mutex_);
      if (!status.isOk() && status_.isOk())
        status_ = std::move(status);
      if (onProgress_ && status_.isOk())
        onProgress_(++done_, pieces_.size());
    }
  }

  /// An exception must not leave the thread.
  Status measureGuarded(size_t piece) {
    try {
      return measure(pieces_[piece], errors_[piece]);
    } catch (const std::bad_alloc &) {
      return {StatusCode::OutOfMemory, "not enough memory"};
    } catch (const std::exception &exception) {
      return {StatusCode::Internal, exception.what()};
    }
  }

  Status measure(const Piece &piece, std::vector<QuantizationError> &errors) const {
    const WeightSpec &spec = matrices_[piece.matrix];
    std::vector<float> values(static_cast<size_t>(piece.rows * spec.columns()));
    CADENZA_RETURN_IF_ERROR(
        source_.read(spec, piece.firstRow, piece.rows, DType::f32, std::as_writable_bytes(std::span(values))));
    StoredRows rows;
    for (size_t i = 0; i < encodings_.size(); ++i) {
      const QuantizedType type{quantizedFormat(encodings_[i])};
      const Status status =
          quantizeRows(type, values, spec.columns(), piece.firstRow, rows, ScaleRule::leastSquares, &errors[i]);
      if (status.isOk())
        continue;
      if (!std::ranges::all_of(values, [](float value) { return std::isfinite(value); }))
        return status.withPrefix("weight '" + spec.role + "'"); // no encoding holds these
      errors[i].cannotHold();
    }
    return Status::ok();
  }

  const std::vector<WeightSpec> &matrices_;
  const std::vector<Encoding> &encodings_;
  const WeightSource &source_;
  const std::function<void(uint64_t, uint64_t)> &onProgress_;
  const std::vector<Piece> pieces_;
  std::vector<std::vector<QuantizationError>> errors_; // of pieces
  std::mutex mutex_;                                   // of what follows
  size_t next_ = 0, done_ = 0;
  Status status_;
};

} // namespace

StatusOr<std::vector<std::vector<QuantizationError>>>
measureErrors(const std::vector<WeightSpec> &matrices, const std::vector<Encoding> &encodings,
              const WeightSource &source, int threads, const std::function<void(uint64_t, uint64_t)> &onProgress) {
  return Measurement(matrices, encodings, source, onProgress).run(threads);
}

} // namespace cadenza
