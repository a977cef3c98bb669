// Mathematical functions beyond those of arch.cuh, in f32 and f64, and casts of bits, for a GPU and for g++. CUDA's
// default accuracy (1 to 4 ulp in f32, 1 to 2 in f64; no fast-math).
#pragma once

#include "arch.cuh"

namespace cadenza::arch {

#if defined(CADENZA_HOST)
#define CADENZA_MATH(function) __builtin_##function
#else
#define CADENZA_MATH(function) ::function
#endif
#define CADENZA_UNARY_MATH_F64(name, function)                                                                         \
  CADENZA_DEVICE double name(double x) { return CADENZA_MATH(function)(x); }
#define CADENZA_UNARY_MATH(name, function)                                                                             \
  CADENZA_DEVICE float name(float x) { return CADENZA_MATH(function##f)(x); }                                          \
  CADENZA_UNARY_MATH_F64(name, function)

CADENZA_UNARY_MATH_F64(exp, exp)
CADENZA_UNARY_MATH_F64(tanh, tanh)
CADENZA_UNARY_MATH_F64(erf, erf)
CADENZA_UNARY_MATH(log, log)
CADENZA_UNARY_MATH(log1p, log1p)
CADENZA_UNARY_MATH(sqrt, sqrt) // IEEE
CADENZA_UNARY_MATH(absolute, fabs)
CADENZA_UNARY_MATH(floor, floor)
CADENZA_UNARY_MATH(ceil, ceil)
CADENZA_UNARY_MATH(round, rint) // halves to even
CADENZA_UNARY_MATH(sin, sin)
CADENZA_UNARY_MATH(cos, cos)
CADENZA_UNARY_MATH(tan, tan)
CADENZA_UNARY_MATH(asin, asin)
CADENZA_UNARY_MATH(acos, acos)
CADENZA_UNARY_MATH(atan, atan)
CADENZA_UNARY_MATH(sinh, sinh)
CADENZA_UNARY_MATH(cosh, cosh)
CADENZA_UNARY_MATH(asinh, asinh)
CADENZA_UNARY_MATH(acosh, acosh)
CADENZA_UNARY_MATH(atanh, atanh)

#define CADENZA_BINARY_MATH(name, function)                                                                            \
  CADENZA_DEVICE float name(float a, float b) { return CADENZA_MATH(function##f)(a, b); }                              \
  CADENZA_DEVICE double name(double a, double b) { return CADENZA_MATH(function)(a, b); }

CADENZA_BINARY_MATH(power, pow)
CADENZA_BINARY_MATH(remainder, fmod) // exact; the sign of a
CADENZA_BINARY_MATH(copysign, copysign)

#undef CADENZA_BINARY_MATH
#undef CADENZA_UNARY_MATH
#undef CADENZA_UNARY_MATH_F64

CADENZA_DEVICE double max(double a, double b) { return CADENZA_MATH(fmax)(a, b); } // the other one if one is NaN
CADENZA_DEVICE double min(double a, double b) { return CADENZA_MATH(fmin)(a, b); }
CADENZA_DEVICE double fma(double a, double b, double c) { return CADENZA_MATH(fma)(a, b, c); }
#undef CADENZA_MATH

/// mul.rn: a product that is never made one operation with an addition.
#if defined(CADENZA_HOST)
CADENZA_DEVICE double multiply(double a, double b) { return a * b; } // g++ is told -ffp-contract=off
#else
CADENZA_DEVICE double multiply(double a, double b) { return __dmul_rn(a, b); }
#endif

/// The bits of `from` as a To of the same size.
template <class To, class From> CADENZA_DEVICE To bit_cast(const From &from) {
  static_assert(sizeof(To) == sizeof(From));
#if defined(CADENZA_HOST)
  return __builtin_bit_cast(To, from);
#else
  To to;
  memcpy(&to, &from, sizeof(To));
  return to;
#endif
}

/// Of the type of the argument.
CADENZA_DEVICE float infinity(float) { return as_float(0x7f800000u); }
CADENZA_DEVICE double infinity(double) { return static_cast<double>(as_float(0x7f800000u)); }
CADENZA_DEVICE float not_a_number(float) { return as_float(0x7fc00000u); }
CADENZA_DEVICE double not_a_number(double) { return static_cast<double>(as_float(0x7fc00000u)); }

} // namespace cadenza::arch
