// The parts of a layer of the persistent kernel, in the order of the schedule: what each computes, and by which groups.
// A part begins with the residual stream, which its product over rows reads, and ends with partial sums of what is
// added to it, from its product over columns.
#pragma once

#include "attend.cuh"
#include "project.cuh"

namespace cadenza {

template <class Config, int part> struct PersistentAttention;   // persistent_attention.cuh
template <class Config, int part> struct PersistentFeedForward; // persistent_feed_forward.cuh

/// Rows of query, key and value by query groups, attention over the context, columns of the output projection by query
/// groups.
/// Config: groups (the first so many take part), in_flight (bytes that a producer has in flight), context_in_flight (in
/// a long context); row_product, attention, column_product: the configurations of the phases.
template <class Config> struct AttentionPart : Config {
  static constexpr bool attends = true;
  template <class Kernel, int part> using Run = PersistentAttention<Kernel, part>;
  /// The words of the phases' kernels.
  struct Args {
    typename Project<typename Config::row_product::Launch>::Args row_product;
    typename Attend<typename Config::attention>::Args attention;
    typename Project<typename Config::column_product::Launch>::Args column_product;
  };
};

/// Rows by units, what functions make of them, columns by units. Config: as above, without attention; in_flight of
/// groups that attend, others_in_flight of the others.
template <class Config> struct ActivationPart : Config {
  static constexpr bool attends = false;
  template <class Kernel, int part> using Run = PersistentFeedForward<Kernel, part>;
  struct Args {
    typename Project<typename Config::row_product::Launch>::Args row_product;
    typename Project<typename Config::column_product::Launch>::Args column_product;
  };
};

template <int index, class First, class... Rest> struct PartAt {
  using type = typename PartAt<index - 1, Rest...>::type;
};
template <class First, class... Rest> struct PartAt<0, First, Rest...> {
  using type = First;
};

/// The first part that attends, or the first that does not.
template <bool attends, class First, class... Rest> struct FirstPart {
  using type = typename FirstPart<attends, Rest...>::type;
};
template <bool attends, class First, class... Rest>
  requires(First::attends == attends)
struct FirstPart<attends, First, Rest...> {
  using type = First;
};

template <class... Part> struct Parts {
  static constexpr int count = sizeof...(Part);
  template <int index> using At = typename PartAt<index, Part...>::type;
  using FirstAttention = typename FirstPart<true, Part...>::type;
  using FirstActivation = typename FirstPart<false, Part...>::type;
  /// The words of a layer: those of its parts, which are its bases, in order.
  struct Args : Part::Args... {};
  static_assert(((Part::row_product::k_ways == turn_steps && Part::column_product::k_ways == turn_steps) && ...),
                "the ways of a turn");
};

} // namespace cadenza
