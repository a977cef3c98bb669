// The functions of elementwise ops on tensors, one row a function as in the table of their reference (functions.inc),
// and casts. Generated kernels call them by the spelling of the nn dialect (`and`, `or`, `xor` and `not` of booleans,
// which are operators of C++, as logical_and and so on).
//
// A function of floats is computed in f32, of f64 in f64, and its result is rounded to the element type. No result is
// made one operation with what follows, so that an op has the same bits wherever it is fused. Integers wrap.
#pragma once

#include "arch_math.cuh"

namespace cadenza::tensor {

// What elements are computed in ---------------------------------------------------------------------------------------

/// f16 and bf16 in f32; integers of up to 32 bits in int32_t or uint32_t, which their values fit into.
template <class T> struct ComputedIn {
  using type = T;
};
template <> struct ComputedIn<f16> {
  using type = float;
};
template <> struct ComputedIn<bf16> {
  using type = float;
};
template <> struct ComputedIn<int8_t> {
  using type = int32_t;
};
template <> struct ComputedIn<int16_t> {
  using type = int32_t;
};
template <> struct ComputedIn<uint8_t> {
  using type = int32_t;
};
template <> struct ComputedIn<uint16_t> {
  using type = int32_t;
};
template <> struct ComputedIn<bool> {
  using type = int32_t;
};
template <class T> using Computed = typename ComputedIn<T>::type;

/// f32 or f64, of what is computed.
template <class C> constexpr bool is_real = is_same<C, float> || is_same<C, double>;
template <class C> constexpr bool is_signed = is_same<C, int32_t> || is_same<C, int64_t>;

template <class T> CADENZA_DEVICE Computed<T> widen(T x) { return x; }
template <> CADENZA_DEVICE float widen<f16>(f16 x) { return arch::to_float(x); }
template <> CADENZA_DEVICE float widen<bf16>(bf16 x) { return arch::to_float(x); }

/// Rounds to the element type, wraps to it.
template <class T> CADENZA_DEVICE T narrow(Computed<T> x) { return static_cast<T>(x); }
template <> CADENZA_DEVICE f16 narrow<f16>(float x) { return arch::to_f16(x); }
template <> CADENZA_DEVICE bf16 narrow<bf16>(float x) { return arch::to_bf16(x); }

template <class C> CADENZA_DEVICE bool is_not_a_number(C x) {
  if constexpr (is_real<C>)
    return x != x;
  else
    return false;
}

// Arithmetic of what elements are computed in: floats, and integers that wrap -----------------------------------------

/// In unsigned arithmetic, where overflow is defined.
template <class C> struct UnsignedOf {
  using type = uint64_t;
};
template <> struct UnsignedOf<int32_t> {
  using type = uint32_t;
};
template <> struct UnsignedOf<uint32_t> {
  using type = uint32_t;
};
template <class C> using Unsigned = typename UnsignedOf<C>::type;

template <class C> CADENZA_DEVICE C sum(C a, C b) {
  if constexpr (is_real<C>)
    return a + b;
  else
    return static_cast<C>(static_cast<Unsigned<C>>(a) + static_cast<Unsigned<C>>(b));
}
template <class C> CADENZA_DEVICE C difference(C a, C b) {
  if constexpr (is_real<C>)
    return a - b;
  else
    return static_cast<C>(static_cast<Unsigned<C>>(a) - static_cast<Unsigned<C>>(b));
}
template <class C> CADENZA_DEVICE C product(C a, C b) {
  if constexpr (is_real<C>)
    return arch::multiply(a, b);
  else
    return static_cast<C>(static_cast<Unsigned<C>>(a) * static_cast<Unsigned<C>>(b));
}
/// total + a * b; of floats one operation.
template <class C> CADENZA_DEVICE C multiply_add(C total, C a, C b) {
  if constexpr (is_real<C>)
    return arch::fma(a, b, total);
  else
    return sum(total, product(a, b));
}
template <class C> CADENZA_DEVICE C negative(C x) {
  if constexpr (is_real<C>)
    return -x; // of 0, too
  else
    return difference(C(0), x);
}
template <class C> CADENZA_DEVICE C magnitude(C x) {
  if constexpr (is_real<C>)
    return arch::absolute(x);
  else
    return x < 0 ? negative(x) : x;
}

/// An integer divided by 0 has no value: the launch ends with an error.
template <class C> CADENZA_DEVICE void check_divisor(C b) {
  if constexpr (!is_real<C>)
    if (b == 0)
      arch::trap();
}
/// The quotient of the smallest integer by -1 has no place.
template <class C> CADENZA_DEVICE bool is_minus_one(C b) {
  if constexpr (is_signed<C>)
    return b == -1;
  else
    return false;
}
template <class C> CADENZA_DEVICE C quotient(C a, C b) { // of integers towards zero
  check_divisor(b);
  return is_minus_one(b) ? negative(a) : a / b;
}
template <class C> CADENZA_DEVICE C remainder(C a, C b) {
  check_divisor(b);
  if constexpr (is_real<C>)
    return arch::remainder(a, b);
  else
    return is_minus_one(b) ? C(0) : a % b;
}
template <class C> CADENZA_DEVICE C modulo(C a, C b) {
  const C rest = remainder(a, b);
  if constexpr (is_real<C>)
    if (rest == 0)
      return arch::copysign(rest, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
/// Of integers by squaring; with a negative exponent 1 / a^-b, towards zero.
template <class C> CADENZA_DEVICE C power(C a, C b) {
  if constexpr (is_real<C>) {
    return arch::power(a, b);
  } else {
    if (is_signed<C> && b < 0) {
      check_divisor(a);
      return a == 1 ? a : is_minus_one(a) ? (b % 2 == 0 ? C(1) : a) : C(0);
    }
    C result = 1;
    for (C exponent = b, factor = a; exponent != 0; exponent /= 2, factor = product(factor, factor))
      if (exponent % 2 != 0)
        result = product(result, factor);
    return result;
  }
}
template <class C> CADENZA_DEVICE C smaller(C a, C b) { // NaN if either is
  if constexpr (is_real<C>)
    if (is_not_a_number(a) || is_not_a_number(b))
      return arch::not_a_number(C());
  return b < a ? b : a;
}
template <class C> CADENZA_DEVICE C larger(C a, C b) { // NaN if either is
  if constexpr (is_real<C>)
    if (is_not_a_number(a) || is_not_a_number(b))
      return arch::not_a_number(C());
  return b > a ? b : a;
}
/// By a distance of 64 or more, and by a negative one, all bits are lost (on the right of a negative number its sign
/// stays).
template <class C> CADENZA_DEVICE C shifted_left(C a, C b) {
  const auto distance = static_cast<uint64_t>(static_cast<int64_t>(b));
  return distance < 64 ? static_cast<C>(static_cast<uint64_t>(a) << distance) : C(0);
}
template <class C> CADENZA_DEVICE C shifted_right(C a, C b) {
  const auto distance = static_cast<uint64_t>(static_cast<int64_t>(b));
  if constexpr (is_same<C, uint64_t>)
    return distance < 64 ? a >> distance : C(0);
  else
    return distance < 64 ? static_cast<C>(static_cast<int64_t>(a) >> distance) : static_cast<C>(a < 0 ? -1 : 0);
}

/// log(1 + e^x)
template <class C> CADENZA_DEVICE C log_of_one_and_exp(C x) {
  return arch::max(x, C(0)) + arch::log1p(arch::exp(-magnitude(x)));
}
template <class C> CADENZA_DEVICE C gelu_of(C x) {
  return product(C(0.5) * x, 1 + arch::erf(x * C(0.70710678118654752440)));
}
template <class C> CADENZA_DEVICE C gelu_tanh_of(C x) {
  const C inner = C(0.79788456080286535588) * (x + C(0.044715) * x * x * x);
  return product(C(0.5) * x, 1 + arch::tanh(inner));
}

// The functions -------------------------------------------------------------------------------------------------------

#define CADENZA_TENSOR_UNARY(name, formula)                                                                            \
  template <class T> CADENZA_DEVICE T name(T operand) {                                                                \
    using C = Computed<T>;                                                                                             \
    const C x = widen(operand);                                                                                        \
    return narrow<T>(static_cast<C>(formula));                                                                         \
  }
#define CADENZA_TENSOR_TEST(name, formula)                                                                             \
  template <class T> CADENZA_DEVICE bool name(T operand) {                                                             \
    const Computed<T> x = widen(operand);                                                                              \
    return formula;                                                                                                    \
  }
#define CADENZA_TENSOR_BINARY(name, formula)                                                                           \
  template <class T> CADENZA_DEVICE T name(T lhs, T rhs) {                                                             \
    const Computed<T> a = widen(lhs), b = widen(rhs);                                                                  \
    return narrow<T>(formula);                                                                                         \
  }
#define CADENZA_TENSOR_COMPARISON(name, formula)                                                                       \
  template <class T> CADENZA_DEVICE bool name(T lhs, T rhs) {                                                          \
    const Computed<T> a = widen(lhs), b = widen(rhs);                                                                  \
    return formula;                                                                                                    \
  }

CADENZA_TENSOR_UNARY(abs, magnitude(x))
CADENZA_TENSOR_UNARY(neg, negative(x))
CADENZA_TENSOR_UNARY(sign, x > 0 ? C(1) : x < 0 ? C(-1) : x) // of a zero and of NaN the operand itself
CADENZA_TENSOR_UNARY(relu, x < 0 ? C(0) : x)                 // NaN stays NaN
CADENZA_TENSOR_UNARY(reciprocal, 1 / x)
CADENZA_TENSOR_UNARY(sqrt, arch::sqrt(x))
CADENZA_TENSOR_UNARY(exp, arch::exp(x))
CADENZA_TENSOR_UNARY(log, arch::log(x))
CADENZA_TENSOR_UNARY(floor, arch::floor(x))
CADENZA_TENSOR_UNARY(ceil, arch::ceil(x))
CADENZA_TENSOR_UNARY(round, arch::round(x)) // halves to even
CADENZA_TENSOR_UNARY(erf, arch::erf(x))
CADENZA_TENSOR_UNARY(sigmoid, 1 / (1 + arch::exp(-x)))
CADENZA_TENSOR_UNARY(softplus, log_of_one_and_exp(x))
CADENZA_TENSOR_UNARY(softsign, x / (1 + magnitude(x)))
CADENZA_TENSOR_UNARY(hard_swish, product(x, arch::max(C(0), arch::min(C(1), x / 6 + C(0.5)))))
CADENZA_TENSOR_UNARY(mish, product(x, arch::tanh(log_of_one_and_exp(x))))
CADENZA_TENSOR_UNARY(gelu, gelu_of(x))
CADENZA_TENSOR_UNARY(gelu_tanh, gelu_tanh_of(x))
CADENZA_TENSOR_UNARY(sin, arch::sin(x))
CADENZA_TENSOR_UNARY(cos, arch::cos(x))
CADENZA_TENSOR_UNARY(tan, arch::tan(x))
CADENZA_TENSOR_UNARY(asin, arch::asin(x))
CADENZA_TENSOR_UNARY(acos, arch::acos(x))
CADENZA_TENSOR_UNARY(atan, arch::atan(x))
CADENZA_TENSOR_UNARY(sinh, arch::sinh(x))
CADENZA_TENSOR_UNARY(cosh, arch::cosh(x))
CADENZA_TENSOR_UNARY(tanh, arch::tanh(x))
CADENZA_TENSOR_UNARY(asinh, arch::asinh(x))
CADENZA_TENSOR_UNARY(acosh, arch::acosh(x))
CADENZA_TENSOR_UNARY(atanh, arch::atanh(x))
CADENZA_TENSOR_UNARY(bitwise_not, ~x)
CADENZA_TENSOR_TEST(logical_not, !x)
CADENZA_TENSOR_TEST(is_nan, is_not_a_number(x))
CADENZA_TENSOR_TEST(is_inf, magnitude(x) == arch::infinity(x))

CADENZA_TENSOR_BINARY(add, sum(a, b))
CADENZA_TENSOR_BINARY(sub, difference(a, b))
CADENZA_TENSOR_BINARY(mul, product(a, b))
CADENZA_TENSOR_BINARY(div, quotient(a, b))
CADENZA_TENSOR_BINARY(min, smaller(a, b))
CADENZA_TENSOR_BINARY(max, larger(a, b))
CADENZA_TENSOR_BINARY(pow, power(a, b))
CADENZA_TENSOR_BINARY(mod, modulo(a, b))     // the sign of b
CADENZA_TENSOR_BINARY(fmod, remainder(a, b)) // the sign of a
CADENZA_TENSOR_BINARY(bitwise_and, a &b)
CADENZA_TENSOR_BINARY(bitwise_or, a | b)
CADENZA_TENSOR_BINARY(bitwise_xor, a ^ b)
CADENZA_TENSOR_BINARY(shift_left, shifted_left(a, b))
CADENZA_TENSOR_BINARY(shift_right, shifted_right(a, b))
CADENZA_TENSOR_COMPARISON(logical_and, a &&b)
CADENZA_TENSOR_COMPARISON(logical_or, a || b)
CADENZA_TENSOR_COMPARISON(logical_xor, a != b)
CADENZA_TENSOR_COMPARISON(equal, a == b)
CADENZA_TENSOR_COMPARISON(less, a < b)
CADENZA_TENSOR_COMPARISON(less_or_equal, a <= b)
CADENZA_TENSOR_COMPARISON(greater, a > b)
CADENZA_TENSOR_COMPARISON(greater_or_equal, a >= b)

#undef CADENZA_TENSOR_UNARY
#undef CADENZA_TENSOR_TEST
#undef CADENZA_TENSOR_BINARY
#undef CADENZA_TENSOR_COMPARISON

template <class T> CADENZA_DEVICE T where(bool condition, T on_true, T on_false) {
  return condition ? on_true : on_false;
}

// Casts ---------------------------------------------------------------------------------------------------------------

template <class T> constexpr bool is_float = is_real<Computed<T>>;

/// Value bits of an integer type, without its sign.
template <class T> constexpr int digits = 8 * sizeof(T) - (T(-1) < T(0) ? 1 : 0);
template <class T> constexpr T largest_integer = static_cast<T>(~uint64_t(0) >> (64 - digits<T>));
template <class T> constexpr T smallest_integer = T(-1) < T(0) ? static_cast<T>(-largest_integer<T> - 1) : T(0);
template <> inline constexpr bool largest_integer<bool> = true;
template <> inline constexpr bool smallest_integer<bool> = false;

/// The integer towards zero of a float, the nearest of the type if it has none, 0 of NaN.
template <class To, class Real> CADENZA_DEVICE To truncated(Real x) {
  constexpr Real limit = 2 * static_cast<Real>(uint64_t(1) << (digits<To> - 1)); // exact; the largest may not be
  if (x >= limit)
    return largest_integer<To>;
  if (x <= (smallest_integer<To> < 0 ? -limit : Real(0)))
    return smallest_integer<To>;
  return is_not_a_number(x) ? To(0) : static_cast<To>(x);
}

/// The float next to x whose last bit says whether anything was lost: what is rounded from it to 16 bits is rounded as
/// from x, once ("round to odd").
CADENZA_DEVICE float odd_float(double x) {
  const float nearest = static_cast<float>(x);
  if (is_not_a_number(x) || static_cast<double>(nearest) == x)
    return nearest;
  const bool is_larger = arch::absolute(static_cast<double>(nearest)) > arch::absolute(x);
  return arch::as_float((arch::as_bits(nearest) - (is_larger ? 1 : 0)) | 1);
}

/// Floats are rounded to nearest even, integers wrap, a boolean is whether x is not 0.
template <class To, class From> CADENZA_DEVICE To cast(From x) {
  const auto value = widen(x);
  if constexpr (is_same<To, bool>)
    return value != 0;
  else if constexpr (is_float<From> && !is_float<To>)
    return truncated<To>(value);
  else if constexpr (is_same<Computed<To>, float> && !is_same<To, float> && !is_same<Computed<From>, float>)
    return narrow<To>(odd_float(static_cast<double>(value)));
  else
    return narrow<To>(static_cast<Computed<To>>(value));
}

} // namespace cadenza::tensor
