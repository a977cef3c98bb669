// How far a matrix is off after it was rounded.
#pragma once

#include <cmath>
#include <limits>

namespace cadenza {

struct QuantizationError {
  double squares = 0; // of differences
  double values = 0;  // squares of the weights

  /// The size of the difference as a share of the size of the matrix (Frobenius norms).
  double relative() const { return !isHeld() ? squares : values > 0 ? std::sqrt(squares / values) : 0; }
  /// Of an encoding whose scales cannot hold the weights.
  void cannotHold() { squares = values = std::numeric_limits<double>::infinity(); }
  bool isHeld() const { return std::isfinite(squares); }
  void add(const QuantizationError &other) {
    squares += other.squares;
    values += other.values;
  }
};

} // namespace cadenza
