// The parts of a layer of the persistent kernel, in the order of the schedule: what each computes, and by which groups.
// A part begins with the residual stream, which its product over rows reads, and ends with partial sums of what is
// added to it, from its product over columns.
#pragma once

#include "attend.cuh"
#include "map.cuh"
#include "project.cuh"

namespace cadenza {

/// A part's norm of what it adds to the residual stream: `norm` of its configuration, if it has one, is {Launch (the
/// norm's own kernel), function}.
template <class Config> struct PartNorm {
  static constexpr bool has_norm = false;
  struct Args {};
};
template <class Config>
  requires requires { typename Config::norm; }
struct PartNorm<Config> {
  static constexpr bool has_norm = true;
  struct Args {
    typename Map<typename Config::norm::Launch>::Args norm;
  };
};

/// Functions of query, key and value that are maps in `launch`. Each of `Maps`: Launch (the map's own kernel),
/// functions (a Chain on the slots of the product; without the KV append).
template <class... Maps> struct RowMaps {
  struct Args {};
  template <class Tile> struct Loaded {};
  template <class Tile> CADENZA_DEVICE static void load(const Args &, const Tile &, Loaded<Tile> &) {}
  template <class Tile> CADENZA_DEVICE static void apply(const Args &, Loaded<Tile> &, Tile &) {}
};
template <class First, class... Rest> struct RowMaps<First, Rest...> {
  using Functions = typename First::functions;
  using Remaining = RowMaps<Rest...>;
  struct Own {
    typename Map<typename First::Launch>::Args map;
  };
  struct Args : Own, Remaining::Args {};
  template <class Tile> struct Loaded {
    typename Functions::template Loaded<Tile> first;
    typename Remaining::template Loaded<Tile> rest;
  };
  template <class Tile> CADENZA_DEVICE static void load(const Args &args, const Tile &tile, Loaded<Tile> &loaded) {
    Functions::load(own(args), tile, loaded.first);
    Remaining::load(args, tile, loaded.rest);
  }
  template <class Tile> CADENZA_DEVICE static void apply(const Args &args, Loaded<Tile> &loaded, Tile &tile) {
    Functions::apply(own(args), loaded.first, tile);
    Remaining::apply(args, loaded.rest, tile);
  }

private:
  /// Those of the functions come behind those of the inputs, with those of the KV append and the stores at their end.
  CADENZA_DEVICE static const typename Functions::Args &own(const Args &args) {
    const typename First::Launch::epilogue::Args &all = static_cast<const Own &>(args).map;
    return reinterpret_cast<const typename Functions::Args &>(all);
  }
};

template <class Config, int part> struct PersistentAttention;   // persistent_attention.cuh
template <class Config, int part> struct PersistentFeedForward; // persistent_feed_forward.cuh

/// Rows of query, key and value by query groups, attention over the context, columns of the output projection by query
/// groups.
/// Config: groups (the first so many take part), collected (how many parts' sums are collected after this one: its own
/// and those before it that had the same residual stream; 0: the next part has it, too), in_flight (bytes that a
/// producer has in flight), context_in_flight (in a long context); row_product, attention, column_product: the
/// configurations of the phases; row_maps (RowMaps), between the first two, and head_sums, the sums of squares of their
/// norms of all heads together; norm, if there is one.
template <class Config> struct AttentionPart : Config {
  static constexpr bool attends = true, has_norm = PartNorm<Config>::has_norm;
  template <class Kernel, int part> using Run = PersistentAttention<Kernel, part>;
  /// The words of the phases' kernels.
  struct RowProduct {
    typename Project<typename Config::row_product::Launch>::Args row_product;
  };
  struct Products {
    typename Attend<typename Config::attention>::Args attention;
    typename Project<typename Config::column_product::Launch>::Args column_product;
  };
  struct Args : RowProduct, Config::row_maps::Args, Products, PartNorm<Config>::Args {};
};

/// Rows by units, what functions make of them, columns by units. Config: as above, without attention; in_flight of
/// groups that attend, others_in_flight of the others.
template <class Config> struct ActivationPart : Config {
  static constexpr bool attends = false, has_norm = PartNorm<Config>::has_norm;
  static constexpr int head_sums = 0;
  template <class Kernel, int part> using Run = PersistentFeedForward<Kernel, part>;
  struct Products {
    typename Project<typename Config::row_product::Launch>::Args row_product;
    typename Project<typename Config::column_product::Launch>::Args column_product;
  };
  struct Args : Products, PartNorm<Config>::Args {};
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

template <int count> CADENZA_DEVICE constexpr int largest(const int (&values)[count]) {
  int most = values[0];
  for (int value : values)
    most = larger(most, value);
  return most;
}

template <class... Part> struct Parts {
  static constexpr int count = sizeof...(Part);
  /// Sets of sums of squares for the norms of what parts add: one a part, if any has a norm. (A group that takes no
  /// part in a part may run ahead to the next norm before all of its ranks are through with the last.)
  static constexpr int norms = (Part::has_norm || ...) ? count : 0;
  /// Sums of squares of a part's norms of all heads together, at most.
  static constexpr int head_sums = largest({Part::head_sums...});
  template <int index> using At = typename PartAt<index, Part...>::type;
  using FirstAttention = typename FirstPart<true, Part...>::type;
  using FirstActivation = typename FirstPart<false, Part...>::type;
  /// The words of a layer: those of its parts, which are its bases, in order.
  struct Args : Part::Args... {};
  static_assert(((Part::row_product::k_ways == turn_steps && Part::column_product::k_ways == turn_steps) && ...),
                "the ways of a turn");
};

} // namespace cadenza
