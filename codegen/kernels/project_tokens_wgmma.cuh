// One or more matrices of 16-bit weights times the vectors of a tile of tokens on Hopper (sm_90a): project_tokens.cuh's
// product by wgmma_product.cuh, with the same prologue's activation and the same epilogue chain of each token.
#pragma once

#include "project_tokens.cuh"
#include "wgmma_product.cuh"

namespace cadenza {

/// Config: as ProjectTokens', but that tiles is a constexpr WgmmaTiles and the encoding tiles16. Arguments: [map of the
/// activation, (factors), map of the matrix, state, T, epilogue's]; the maps are those of wgmma_tiles.h (with
/// activation_stride), in device memory. Launch: any multiple of tiles.cluster blocks, up to those that are resident,
/// of `threads`, shared_bytes; clusters of tiles.cluster. T is a multiple of token_multiple. Edges may be shared as in
/// ProjectTokens. There is no Argmax here.
template <class Config> struct ProjectTokensWgmma {
  using Weight = typename Config::weight_type;
  using Segments = typename Config::segment_rows;
  using Epilogue = typename Config::epilogue;
  using A = TokenActivation<Config>;
  static constexpr WgmmaTiles tiles = Config::tiles;
  using Product = WgmmaProduct<Weight, tiles>;
  static_assert(Config::encoding::encoding == Encoding::tiles16, "wgmma reads weights as they lie: 16-bit ones");
  static constexpr int activation_stride = A::stride; // elements of a token
  using Finish = TokenEpilogue<Config, tiles.rows>;
  static constexpr int slots = Finish::slots;
  static constexpr int threads = tiles.threads(), cluster = tiles.cluster, scratch_offset = tiles.shared_bytes();
  static constexpr int shared_bytes = wgmma_shared_bytes(tiles, slots);
  static_assert(shared_bytes <= wgmma_shared_limit, "stages, chunks and scratch fit in shared memory");
  CADENZA_EVERYWHERE static constexpr int blocks(int tokens, int multiprocessors) {
    constexpr WgmmaTiles how = tiles; // which a device has no address of
    return wgmma_blocks(how, tokens, Segments::total, slots, multiprocessors);
  }

  struct Activation {
    const arch::TensorMap *activations;
  };
  struct Operands {
    const arch::TensorMap *weights;
    const DecodeState *state;
    int64_t tokens; // T
  };
  struct Args : Activation, A::template If<A::deferred, typename A::ReadFactors>::type, Operands, Epilogue::Args {};
  static constexpr int words = 4 + A::deferred + Epilogue::words;
  static_assert(sizeof(Args) == 8 * words, "arguments are 8-byte words");

  CADENZA_DEVICE static void run(const Args &args) {
    Product::begin();
    arch::grid_dependency_wait();
    arch::grid_dependency_trigger();
    const int base = args.Operands::state->position;
    const int live = live_tokens(base, args.Operands::state->forced_tokens, static_cast<int>(args.Operands::tokens));
    Product::run({args.Operands::weights, args.Activation::activations}, {Segments::total, Config::columns, live},
                 Chained{args, base});
  }

private:
  /// The epilogue chain of a tile of the product, as WgmmaProduct's Store.
  struct Chained {
    static constexpr int together = Finish::together;
    const Args &args;
    int base;

    template <class Place> struct Loaded {
      float factor = 0.0f;
      typename Finish::template Loaded<Place> chain = {};
    };
    CADENZA_DEVICE static int place_of(int row) { return Finish::place_of(row); }
    template <class Body> CADENZA_DEVICE void with_place(int first_row, Body body) const {
      Finish::with_place(first_row, body);
    }
    template <class Place>
    CADENZA_DEVICE void load(const Place &place, int token, bool exists, Loaded<Place> &loaded) const {
      if constexpr (A::deferred)
        if (exists)
          loaded.factor = args.A::ReadFactors::factors[token];
      Finish::load(args, place, {token, base + token, exists}, loaded.chain);
    }
    template <class Place>
    CADENZA_DEVICE void apply(const Place &place, int token, bool exists, float *values, Loaded<Place> &loaded) const {
      auto *scratch = reinterpret_cast<float *>(arch::swizzled_shared_memory() + scratch_offset) +
                      static_cast<int>(arch::warp()) * scratch_floats_of(Finish::Shape::rows);
      const typename Finish::Token mine{token, base + token, exists};
      if constexpr (A::deferred)
        Finish::apply(args, place, mine, values, scratch, loaded.chain, loaded.factor);
      else
        Finish::apply(args, place, mine, values, scratch, loaded.chain);
    }
  };
};

} // namespace cadenza
