// Epilogue functions that work element by element: no barrier, each thread on the rows it owns.
#pragma once

#include "tile.cuh"

namespace cadenza {

/// Shared by the functions below that have no arguments: y[segment] = Function(y[segment]).
template <class Config, class Function> struct Unary {
  struct Args {};
  static constexpr int words = 0;
  template <class Tile> struct Loaded {};
  template <class Tile> CADENZA_DEVICE static void load(const Args &, const Tile &, Loaded<Tile> &) {}
  template <class Tile> CADENZA_DEVICE static void apply(const Args &, Loaded<Tile> &, Tile &tile) {
    if (!tile.holds(Config::segment))
      return;
    tile.for_owned([&](int j, int row) {
      float &x = tile.template value<Config::segment>(j, row);
      if constexpr (requires { tile.team.token, Function::of_many(x); })
        x = Function::of_many(x);
      else
        x = Function::of(x);
    });
  }
  /// For whoever has an element elsewhere than in a tile.
  CADENZA_DEVICE static float of(float x) { return Function::of(x); }
};

struct SiluFunction {
  /// x / (1 + e^-x); for large negative x, e^-x is infinite and the result -0.
  CADENZA_DEVICE static float of(float x) { return x / (1.0f + arch::exp(-x)); }
  /// In tiles of tokens, in which a thread has many: the branch of an exact division would come between them.
  CADENZA_DEVICE static float of_many(float x) { return arch::divide(x, 1.0f + arch::exp(-x)); }
};
template <class Config> struct Silu : Unary<Config, SiluFunction> {};

struct GeluFunction {
  /// For negative x, 1 + erf(..) cancels: the error is up to 2^-23 |x| absolute, as in the published implementations.
  CADENZA_DEVICE static float of(float x) {
    constexpr float sqrt_half = 0.7071067811865476f;
    return arch::multiply(0.5f * x, 1.0f + arch::erf(x * sqrt_half));
  }
};
template <class Config> struct Gelu : Unary<Config, GeluFunction> {};

struct GeluTanhFunction {
  CADENZA_DEVICE static float of(float x) {
    constexpr float sqrt_2_over_pi = 0.7978845608028654f;
    return arch::multiply(0.5f * x, 1.0f + arch::tanh(sqrt_2_over_pi * (x + 0.044715f * x * x * x)));
  }
};
template <class Config> struct GeluTanh : Unary<Config, GeluTanhFunction> {};

template <class Config> struct ScaleFunction {
  CADENZA_DEVICE static float of(float x) { return arch::multiply(x, Config::factor); }
};
/// y[segment] *= factor.
template <class Config> struct Scale : Unary<Config, ScaleFunction<Config>> {};

template <class Config> struct SoftcapFunction {
  CADENZA_DEVICE static float of(float x) { return arch::multiply(Config::cap, arch::tanh(x / Config::cap)); }
};
/// y[segment] = cap * tanh(y[segment] / cap).
template <class Config> struct Softcap : Unary<Config, SoftcapFunction<Config>> {};

/// y[lhs] *= y[rhs]; rhs is consumed. Both slots must lie in one block: interleaved matrices, or a map.
template <class Config> struct Mul {
  struct Args {};
  static constexpr int words = 0;
  template <class Tile> struct Loaded {};
  template <class Tile> CADENZA_DEVICE static void load(const Args &, const Tile &, Loaded<Tile> &) {}
  template <class Tile> CADENZA_DEVICE static void apply(const Args &, Loaded<Tile> &, Tile &tile) {
    static_assert(Tile::holds_all, "mul needs both of its segments in one block");
    tile.for_owned([&](int j, int row) {
      float &x = tile.template value<Config::lhs>(j, row);
      const float y = tile.template value<Config::rhs>(j, row);
      if constexpr (requires { tile.team.token; }) // where what follows may be in registers, too, or not
        x = arch::multiply(x, y);
      else
        x *= y;
    });
  }
};

/// Shared by bias and add: y[segment] = vector + y[segment], where the vector is a weight, or an edge. Arguments:
/// [vector].
template <class Config, class Type> struct AddVector {
  static constexpr bool edge = requires { typename Config::operand_type; };
  struct Args {
    const Type *vector; // [rows of the segment], of an edge for each token
  };
  static constexpr int words = 1;
  template <class Tile> struct Loaded {
    float vector[Tile::owned] = {};
  };
  template <class Tile> CADENZA_DEVICE static void load(const Args &args, const Tile &tile, Loaded<Tile> &loaded) {
    if (!tile.holds(Config::segment))
      return;
    if constexpr (edge && Tile::in_registers)
      tile.template load_edge<Config::segment>(args.vector, loaded.vector);
    else if constexpr (Tile::in_registers)
      tile.template load_vector<Config::segment>(args.vector, loaded.vector);
    else
      tile.for_owned([&](int j, int row) {
        if constexpr (edge)
          loaded.vector[j] = arch::to_float(args.vector[tile.template edge_index<Type, Config::segment>(row)]);
        else
          loaded.vector[j] = arch::to_float(args.vector[tile.first_row + row]);
      });
  }
  template <class Tile> CADENZA_DEVICE static void apply(const Args &, Loaded<Tile> &loaded, Tile &tile) {
    if (!tile.holds(Config::segment))
      return;
    tile.for_owned([&](int j, int row) {
      float &x = tile.template value<Config::segment>(j, row);
      x = loaded.vector[j] + x;
    });
  }
};

/// y[segment] += b. Arguments: [b], f32.
template <class Config> struct Bias : AddVector<Config, float> {};

/// y[segment] = r + y[segment]. Arguments: [r], an edge of operand_type. The edge may be the one that the phase writes:
/// each element is read before the products by the thread that writes it.
template <class Config> struct Add : AddVector<Config, typename Config::operand_type> {};

} // namespace cadenza
