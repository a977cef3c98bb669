// How far a matrix is off after it was rounded.
#pragma once

#include <cmath>

namespace cadenza {

struct QuantizationError {
  double squares = 0; // of differences
  double values = 0;  // squares of the weights

  /// The size of the difference as a share of the size of the matrix (Frobenius norms).
  double relative() const { return values > 0 ? std::sqrt(squares / values) : 0; }
  void add(const QuantizationError &other) {
    squares += other.squares;
    values += other.values;
  }
};

} // namespace cadenza
