// Where elements of tensors are: packs of neighbours, indices that are data, padding, order.
#pragma once

#include "tensor_functions.cuh"

namespace cadenza::tensor {

/// The number of this thread in the launch.
template <class Index> CADENZA_DEVICE Index thread_number() {
  return static_cast<Index>(arch::block_index()) * static_cast<Index>(arch::block_threads()) +
         static_cast<Index>(arch::thread_index());
}

/// Elements that lie next to each other, which one thread loads or stores together.
template <class T, int count> struct alignas(count * sizeof(T) < 16 ? count * sizeof(T) : 16) Pack {
  T values[count];
  CADENZA_DEVICE T &operator[](int i) { return values[i]; }
  CADENZA_DEVICE const T &operator[](int i) const { return values[i]; }
};

/// The 16-byte parts of a pack.
template <class T, int count> struct Parts {
  static_assert(sizeof(Pack<T, count>) % 16 == 0);
  Vec16 part[sizeof(Pack<T, count>) / 16];
};

/// `from` is aligned to the pack, or to 16 bytes.
template <int count, class T> CADENZA_DEVICE Pack<T, count> load(const T *from) {
  if constexpr (sizeof(Pack<T, count>) % 16 == 0) {
    Parts<T, count> parts;
#pragma unroll
    for (Vec16 &part : parts.part)
      part = arch::load16(reinterpret_cast<const Vec16 *>(from) + (&part - parts.part));
    return arch::bit_cast<Pack<T, count>>(parts);
  } else {
    return *reinterpret_cast<const Pack<T, count> *>(from);
  }
}

/// `to` is aligned likewise.
template <class T, int count> CADENZA_DEVICE void store(T *to, const Pack<T, count> &pack) {
  if constexpr (sizeof(pack) % 16 == 0) {
    const auto parts = arch::bit_cast<Parts<T, count>>(pack);
#pragma unroll
    for (const Vec16 &part : parts.part)
      arch::store16(reinterpret_cast<Vec16 *>(to) + (&part - parts.part), part);
  } else {
    *reinterpret_cast<Pack<T, count> *>(to) = pack;
  }
}

/// A number that has to lie in [0, count): the launch ends with an error if it does not.
template <class Index> CADENZA_DEVICE Index checked(int64_t value, int64_t count) {
  if (value >= 0 && value < count)
    return static_cast<Index>(value);
  arch::trap();
  return 0;
}
/// The same of an index, which counts from the end if it is negative.
template <class Index> CADENZA_DEVICE Index checked_index(int64_t index, int64_t extent) {
  return checked<Index>(index < 0 ? index + extent : index, extent);
}

/// The k of a trilu, whose sum with an index does not overflow.
CADENZA_DEVICE int64_t clamped_diagonal(int64_t k) {
  constexpr int64_t most = int64_t(1) << 40;
  return k < -most ? -most : k > most ? most : k;
}

/// start + i * delta, of floats rounded once.
template <class T> CADENZA_DEVICE T range_element(T start, T delta, int64_t i) {
  if constexpr (is_float<T>)
    return cast<T>(static_cast<double>(widen(start)) +
                   arch::multiply(static_cast<double>(i), static_cast<double>(widen(delta))));
  else
    return narrow<T>(sum(widen(start), product(static_cast<Computed<T>>(i), widen(delta))));
}

// Where a padded tensor takes an element from that stands before its first (a negative place) or after its last -------

template <class Index> CADENZA_DEVICE Index reflected(Index place, Index extent) { // once
  return place < 0 ? -place : place < extent ? place : 2 * (extent - 1) - place;
}
template <class Index> CADENZA_DEVICE Index at_edge(Index place, Index extent) {
  return place < 0 ? 0 : place < extent ? place : extent - 1;
}
template <class Index> CADENZA_DEVICE Index wrapped(Index place, Index extent) {
  const Index rest = place % extent;
  return rest < 0 ? rest + extent : rest;
}

// Order ---------------------------------------------------------------------------------------------------------------

/// Whether a comes before b; NaN comes first.
template <bool largest_first, class T> CADENZA_DEVICE bool is_before(T lhs, T rhs) {
  const Computed<T> a = widen(lhs), b = widen(rhs);
  if (is_not_a_number(a) || is_not_a_number(b))
    return is_not_a_number(a) && !is_not_a_number(b);
  return largest_first ? a > b : a < b;
}

/// The index of the element that is number `rank` in order, among equals the lower index first; line(i) is element i of
/// `extent`. Looks at every element rank + 1 times.
template <bool largest_first, class Index, class Line>
CADENZA_DEVICE Index index_in_order(Index extent, Index rank, const Line &line) {
  Index last = -1; // the one before in order
  for (Index place = 0; place <= rank; ++place) {
    Index next = -1;
    for (Index i = 0; i < extent; ++i) {
      const bool is_after = last < 0 || is_before<largest_first>(line(last), line(i)) ||
                            (i > last && !is_before<largest_first>(line(i), line(last)));
      if (is_after && (next < 0 || is_before<largest_first>(line(i), line(next))))
        next = i;
    }
    last = next;
  }
  return last;
}

} // namespace cadenza::tensor
