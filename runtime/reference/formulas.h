// What rows of functions.inc are written with: arithmetic of doubles, and of integers in 64 bits, where it wraps.
// Private to the references.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace cadenza::nn {

/// What a row of functions.inc takes and makes.
enum class RowKind { REAL, NUMBER, INTEGER, LOGICAL, TEST, COMPARISON };

template <typename T> inline constexpr bool isReal = std::is_same_v<T, double>;

inline constexpr double pi = 3.14159265358979323846;

/// The integer towards zero of a float, the nearest of the type if it has none, 0 of NaN.
template <typename To> To truncated(double value) {
  if (std::isnan(value))
    return 0;
  // 2^digits is exact in double; the largest integer itself may not be.
  const double limit = std::ldexp(1.0, std::numeric_limits<To>::digits);
  if (value >= limit)
    return std::numeric_limits<To>::max();
  if (value <= (std::is_signed_v<To> ? -limit : 0.0))
    return std::numeric_limits<To>::min();
  return static_cast<To>(value);
}

/// A result that is computed in double, as a T.
template <typename T> T ofReal(double value) {
  if constexpr (isReal<T>)
    return value;
  else
    return truncated<T>(value);
}

inline double softplus(double x) { return std::fmax(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

template <typename T> T sum(T a, T b) {
  if constexpr (isReal<T>)
    return a + b;
  else
    return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

template <typename T> T difference(T a, T b) {
  if constexpr (isReal<T>)
    return a - b;
  else
    return static_cast<T>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

template <typename T> T product(T a, T b) {
  if constexpr (isReal<T>)
    return a * b;
  else
    return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

template <typename T> T negative(T x) {
  if constexpr (isReal<T>)
    return -x; // of 0, too
  else
    return difference(T{0}, x);
}

template <typename T> T absolute(T x) {
  if constexpr (isReal<T>)
    return std::abs(x);
  else
    return x < 0 ? negative(x) : x;
}

/// Whether a division by b would trap: the quotient of the smallest integer by -1 has no place.
template <typename T> bool isMinusOne(T b) { return std::is_signed_v<T> && !isReal<T> && b == static_cast<T>(-1); }

/// Divisors of integers are not 0.
template <typename T> T quotient(T a, T b) { return isMinusOne(b) ? negative(a) : a / b; }

template <typename T> T remainder(T a, T b) {
  if constexpr (isReal<T>)
    return std::fmod(a, b);
  else
    return isMinusOne(b) ? T{0} : a % b;
}

template <typename T> T modulo(T a, T b) {
  const T rest = remainder(a, b);
  if constexpr (isReal<T>)
    if (rest == 0)
      return std::copysign(rest, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

/// Of integers by squaring; with a negative exponent 1 / a^-b, towards zero (a is not 0).
template <typename T> T power(T a, T b) {
  if constexpr (isReal<T>) {
    return std::pow(a, b);
  } else {
    if (b < 0)
      return a == 1 ? a : isMinusOne(a) ? (b % 2 == 0 ? T{1} : a) : T{0};
    T result = 1;
    for (T exponent = b, factor = a; exponent != 0; exponent /= 2, factor = product(factor, factor))
      if (exponent % 2 != 0)
        result = product(result, factor);
    return result;
  }
}

template <typename T> T smaller(T a, T b) {
  if constexpr (isReal<T>)
    if (std::isnan(a) || std::isnan(b))
      return std::numeric_limits<double>::quiet_NaN();
  return b < a ? b : a;
}

template <typename T> T larger(T a, T b) {
  if constexpr (isReal<T>)
    if (std::isnan(a) || std::isnan(b))
      return std::numeric_limits<double>::quiet_NaN();
  return b > a ? b : a;
}

/// A negative distance, and one of 64 or more, leaves nothing (on the right of a negative number its sign: -1).
template <typename T> T shiftedLeft(T a, T b) {
  return static_cast<uint64_t>(b) < 64 ? static_cast<T>(static_cast<uint64_t>(a) << b) : T{0};
}
template <typename T> T shiftedRight(T a, T b) {
  return static_cast<uint64_t>(b) < 64 ? static_cast<T>(a >> b) : static_cast<T>(a < 0 ? -1 : 0);
}

} // namespace cadenza::nn
