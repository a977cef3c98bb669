// What no projection absorbed: vectors are loaded into the tile and the epilogue chain is applied to them. One launch
// costs little more than its latency; fusion removes it. Select is the same with a chain that ends in argmax.
#pragma once

#include "epilogue.cuh"

namespace cadenza {

/// Input vectors of a map, one a slot, by element type. Kernel arguments: one pointer each.
template <class... Types> struct Inputs {
  static constexpr int count = 0;
  template <int slot> struct Args {};
  template <int slot, class Tile> CADENZA_DEVICE static void load(const Args<slot> &, Tile &) {}
};
template <class Type, class... Rest> struct Inputs<Type, Rest...> {
  static constexpr int count = 1 + Inputs<Rest...>::count;
  template <int slot> struct Pointer {
    const Type *input; // [rows]
  };
  template <int slot> struct Args : Pointer<slot>, Inputs<Rest...>::template Args<slot + 1> {};

  template <int slot, class Tile> CADENZA_DEVICE static void load(const Args<slot> &args, Tile &tile) {
    const Type *input = static_cast<const Pointer<slot> &>(args).input + tile.template edge_index<Type, slot>(0);
    float *values = tile.segment(slot);
    tile.for_owned([&](int, int row) { values[row] = arch::to_float(input[row]); });
    Inputs<Rest...>::template load<slot + 1>(args, tile);
  }
};

/// Config: inputs (Inputs<..>), rows (of each input), block_rows, threads, epilogue. A block takes block_rows rows of
/// every input. Arguments: [inputs, epilogue's].
template <class Config> struct Map {
  using Vectors = typename Config::inputs;
  using Epilogue = typename Config::epilogue;
  static constexpr int threads = Config::threads;
  static constexpr int blocks = ceil_div(Config::rows, Config::block_rows);

  struct Shape {
    static constexpr int rows = Config::block_rows, slots = Vectors::count;
    using Team = BlockTeam<Config::threads>;
    static constexpr bool holds_all = true;
  };
  using BlockTile = Tile<Shape>;

  struct Args : Vectors::template Args<0>, Epilogue::Args {};
  static constexpr int words = Vectors::count + Epilogue::words;
  static_assert(sizeof(Args) == 8 * words, "arguments are 8-byte words");

  // Shared memory: tile values | tile scratch
  static constexpr int shared_bytes = 4 * (BlockTile::value_floats + BlockTile::scratch_floats);

  CADENZA_DEVICE static void run(const Args &args) {
    arch::grid_dependency_wait();
    arch::grid_dependency_trigger();
    BlockTile tile;
    run_block(args, tile, static_cast<int>(arch::block_index()));
  }

  /// As block `block` of those of a vector.
  template <class AnyArgs, class AnyTile>
  CADENZA_DEVICE static void run_block(const AnyArgs &args, AnyTile &tile, int block) {
    tile.values = reinterpret_cast<float *>(arch::shared_memory());
    tile.scratch = tile.values + AnyTile::value_floats;
    tile.slot = 0;
    tile.first_row = block * Config::block_rows;
    tile.live_rows = smaller(Config::block_rows, Config::rows - tile.first_row);
    typename Epilogue::template Loaded<AnyTile> loaded;
    Epilogue::load(args, tile, loaded);
    Vectors::template load<0>(args, tile);
    Epilogue::apply(args, loaded, tile);
  }
};

} // namespace cadenza
