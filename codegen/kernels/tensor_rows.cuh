// Reductions over rows of tensors. A row is shared by a team: one thread, a warp, or a block. Each lane takes elements
// into a part (Sum, Largest, ...), and the parts of a team are merged in a fixed order: a row has the same bits in
// every run.
#pragma once

#include "tensor_indexing.cuh"

namespace cadenza::tensor {

/// shuffle_xor of anything that consists of 32-bit words.
template <class Part> CADENZA_DEVICE Part shuffle_words(const Part &part, int mask) {
  static_assert(sizeof(Part) % 4 == 0, "parts consist of words");
  struct Words {
    uint32_t word[sizeof(Part) / 4];
  };
  Words words = arch::bit_cast<Words>(part);
#pragma unroll
  for (uint32_t &word : words.word)
    word = arch::shuffle_xor(word, mask);
  return arch::bit_cast<Part>(words);
}

/// `lanes` threads that share a row; a block has whole teams.
template <int lanes> struct Team {
  static_assert(lanes == 1 || lanes == 32 || (lanes % 32 == 0 && lanes <= 1024), "a thread, a warp or a block");
  static constexpr int warps = lanes / 32;
  static constexpr int largest_part = 16; // bytes
  static constexpr int shared_bytes = warps > 1 ? warps *largest_part : 0;

  CADENZA_DEVICE static int lane() { return static_cast<int>(arch::thread_index()) % lanes; }

  /// The part of the whole row, the same bits in every lane. Reached by all lanes; a team that is a block meets twice.
  template <class Part> CADENZA_DEVICE static Part merged(Part part) {
    if constexpr (lanes >= 32) {
#pragma unroll
      for (int mask = 16; mask > 0; mask /= 2)
        part.merge(shuffle_words(part, mask));
    }
    if constexpr (warps > 1) {
      static_assert(sizeof(Part) <= largest_part, "parts of the warps are in shared memory");
      Part *parts = reinterpret_cast<Part *>(arch::shared_memory());
      if (arch::lane() == 0)
        parts[arch::warp()] = part;
      arch::block_barrier();
      part = parts[0];
      for (int warp = 1; warp < warps; ++warp)
        part.merge(parts[warp]);
      arch::block_barrier(); // all have read the parts before they are overwritten
    }
    return part;
  }
};

/// What elements of type T are summed in: f32 or f64, 64 bits for integers.
template <class C> struct TotalOf {
  using type = int64_t;
};
template <> struct TotalOf<float> {
  using type = float;
};
template <> struct TotalOf<double> {
  using type = double;
};
template <> struct TotalOf<uint64_t> {
  using type = uint64_t;
};
template <class T> using Total = typename TotalOf<Computed<T>>::type;

/// What a root, a logarithm or an exponential of them is computed in: f32, or f64 of integers, too.
template <class C> struct RealOf {
  using type = double;
};
template <> struct RealOf<float> {
  using type = float;
};
template <class T> using Real = typename RealOf<Computed<T>>::type;

// Parts: take() adds an element of the row, merge() the part of other lanes. merge() is symmetric to the last bit.
// -----

template <class T> struct Sum {
  Total<T> total = 0;
  CADENZA_DEVICE void take(T x) { total = sum(total, static_cast<Total<T>>(widen(x))); }
  CADENZA_DEVICE void merge(const Sum &other) { total = sum(total, other.total); }
};
template <class T> struct SumOfMagnitudes {
  Total<T> total = 0;
  CADENZA_DEVICE void take(T x) { total = sum(total, magnitude(static_cast<Total<T>>(widen(x)))); }
  CADENZA_DEVICE void merge(const SumOfMagnitudes &other) { total = sum(total, other.total); }
};
/// Of the squares of distances from `centre`.
template <class T> struct SumOfSquares {
  Total<T> total = 0;
  CADENZA_DEVICE void take(T x, Total<T> centre = 0) {
    const Total<T> distance = difference(static_cast<Total<T>>(widen(x)), centre);
    total = sum(total, product(distance, distance));
  }
  CADENZA_DEVICE void merge(const SumOfSquares &other) { total = sum(total, other.total); }
};
template <class T> struct Product {
  Total<T> total = 1;
  CADENZA_DEVICE void take(T x) { total = product(total, static_cast<Total<T>>(widen(x))); }
  CADENZA_DEVICE void merge(const Product &other) { total = product(total, other.total); }
};

/// The smallest or largest number of a type; of floats infinity.
template <class T> CADENZA_DEVICE Computed<T> extreme(bool smallest) {
  if constexpr (is_float<T>)
    return smallest ? -arch::infinity(Computed<T>()) : arch::infinity(Computed<T>());
  else
    return smallest ? smallest_integer<T> : largest_integer<T>;
}
template <class T> struct Largest {
  Computed<T> value = extreme<T>(true);
  CADENZA_DEVICE void take(T x) { value = larger(value, widen(x)); }
  CADENZA_DEVICE void merge(const Largest &other) { value = larger(value, other.value); }
};
template <class T> struct Smallest {
  Computed<T> value = extreme<T>(false);
  CADENZA_DEVICE void take(T x) { value = smaller(value, widen(x)); }
  CADENZA_DEVICE void merge(const Smallest &other) { value = smaller(value, other.value); }
};

/// Of e^(x - shift).
template <class T> struct SumOfExponentials {
  Real<T> total = 0;
  CADENZA_DEVICE void take(T x, Real<T> shift) { total += arch::exp(static_cast<Real<T>>(widen(x)) - shift); }
  CADENZA_DEVICE void merge(const SumOfExponentials &other) { total += other.total; }
};
/// What is subtracted before e^x, so that it does not overflow: the largest x, if that is finite.
template <class T> CADENZA_DEVICE Real<T> finite_shift(Computed<T> largest) {
  const auto shift = static_cast<Real<T>>(largest);
  return magnitude(shift) < arch::infinity(shift) ? shift : Real<T>(0);
}

/// Where the largest (or smallest) element is, NaN before all; among equals the first, or the last.
template <class T, bool largest, bool last> struct Place {
  Computed<T> value = 0;
  int32_t index = -1; // of nobody
  CADENZA_DEVICE void take(T x, int32_t at) { merge({widen(x), at}); }
  CADENZA_DEVICE void merge(const Place &other) {
    const bool is_better =
        index < 0 || is_before<largest>(other.value, value) ||
        (!is_before<largest>(value, other.value) && (last ? other.index > index : other.index < index));
    if (other.index >= 0 && is_better)
      *this = other;
  }
};

// Results -------------------------------------------------------------------------------------------------------------

/// A total as an element: rounded, wrapped.
template <class T> CADENZA_DEVICE T element(Total<T> total) { return narrow<T>(static_cast<Computed<T>>(total)); }
/// A number that is computed in floats as an element; of integers truncated.
template <class T> CADENZA_DEVICE T real_element(Real<T> value) {
  if constexpr (is_float<T>)
    return narrow<T>(value);
  else
    return truncated<T>(value);
}
template <class T> CADENZA_DEVICE T mean_element(Total<T> total, int64_t count) { // of integers towards zero
  return element<T>(total / static_cast<Total<T>>(count));
}
template <class T> CADENZA_DEVICE T root_element(Total<T> squares) {
  return real_element<T>(arch::sqrt(static_cast<Real<T>>(squares)));
}
template <class T> CADENZA_DEVICE T log_element(Total<T> total) {
  return real_element<T>(arch::log(static_cast<Real<T>>(total)));
}

/// e^(x - largest) / total
template <class T> CADENZA_DEVICE T softmax(T x, Computed<T> largest, Computed<T> total) {
  return narrow<T>(arch::exp(widen(x) - largest) / total);
}
/// x - largest - log(total)
template <class T> CADENZA_DEVICE T log_softmax(T x, Computed<T> largest, Computed<T> total) {
  return narrow<T>(widen(x) - largest - arch::log(total));
}
/// sqrt(squares / count + epsilon)
template <class C> CADENZA_DEVICE C deviation(C squares, int64_t count, C epsilon) {
  return arch::sqrt(squares / static_cast<C>(count) + epsilon);
}
/// (x - mean) / deviation, rounded; times scale, plus bias.
template <class T> CADENZA_DEVICE T normalized(T x, Computed<T> mean, Computed<T> deviation) {
  return narrow<T>((widen(x) - mean) / deviation);
}
template <class T> CADENZA_DEVICE T scaled(T x, T scale) { return mul(x, scale); }
template <class T> CADENZA_DEVICE T scaled(T x, T scale, T bias) {
  return narrow<T>(product(widen(x), widen(scale)) + widen(bias));
}

} // namespace cadenza::tensor
