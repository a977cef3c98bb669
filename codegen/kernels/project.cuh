// One or more matrices times one vector, then the epilogue chain: y = chain(W · prologue(x)).
//
// Cost: the matrix is read once, with every 16-byte load of a warp's first steps issued before anything is waited for;
// the rest is the latency of one prologue, one reduction over the parts of K and the chain.
//
// The packed matrix (shared/encoding.h) is a sequence of tiles of 16 rows, of 16x32 weights a step: two units of 8x32,
// each of which is the operand of one tensor-core product (unit_product.cuh), once it is decoded (encodings.cuh). A
// warp takes a tile and a part of the steps (sum_order.cuh). Scales of groups come with the steps (groups.cuh).
#pragma once

#include "encodings.cuh"
#include "epilogue.cuh"
#include "groups.cuh"
#include "prologue.cuh"
#include "sum_order.cuh"
#include "unit_product.cuh"

namespace cadenza {

/// Rows of the segments of a project, in packed order.
template <int... counts> struct Rows {
  static constexpr int segments = sizeof...(counts);
  static constexpr int total = (counts + ...);

  /// The segment that holds packed row `row`, its first packed row and its rows.
  struct Place {
    int slot, first, rows;
  };
  CADENZA_DEVICE static Place find(int row) {
    Place place{-1, 0, 0}, next{0, 0, 0};
    ((next.rows = counts, place = row >= next.first ? next : place, next.first += counts, ++next.slot), ...);
    return place;
  }
  /// Whether every segment but the last begins and ends at a multiple of `rows`.
  CADENZA_DEVICE static constexpr bool start_at_multiples_of(int rows) {
    int begin = 0;
    bool all = true;
    ((all = all && begin % rows == 0, begin += counts), ...);
    return all;
  }
  CADENZA_DEVICE static constexpr int count(int slot) {
    const int list[] = {counts...};
    return list[slot];
  }
  CADENZA_DEVICE static constexpr bool all_equal() {
    const int list[] = {counts...};
    bool equal = true;
    for (int count : list)
      equal = equal && count == list[0];
    return equal;
  }
};

/// Config: weight_type (of the vector and the products), encoding (of the matrix), input_type, columns, segment_rows
/// (Rows<..>), interleaved, k_groups (Steps<..>), k_ways, tiles_per_block, threads, steps_in_flight, prologue,
/// epilogue. Arguments: [input, matrix, prologue's, epilogue's].
template <class Config> struct Project {
  using Weight = typename Config::weight_type;
  using Encoded = typename Config::encoding;
  using Format = FormatOf<Encoded>;
  using Segments = typename Config::segment_rows;
  using Prologue = typename Config::prologue;
  using Epilogue = typename Config::epilogue;
  using A = Activation<Config>;

  static constexpr int threads = Config::threads, warps = threads / 32;
  using Order = SumOrder<typename Config::k_groups, Config::k_ways, A::padded / step_columns>;
  // Of a large block, which has few registers a thread, those of groups' scales and zeros cost steps.
  static constexpr int fewer = !Format::grouped || threads <= 512             ? 1
                               : Format::format.zeros || Format::super_blocks ? 4
                                                                              : 2;
  static constexpr int depth = smaller(ceil_div(Config::steps_in_flight, fewer), Order::most_steps);
  // Items (a tile and a part) whose first steps a warp has in flight at once: two, if it takes several and all of two
  // fit where four steps do, in 64 registers a thread.
  static constexpr int ahead = Config::tiles_per_block * Order::parts > warps && 2 * Order::most_steps <= 4 ? 2 : 1;
  static constexpr int block_rows = tile_rows * Config::tiles_per_block;
  static constexpr int tiles = tiles_of(Segments::total);
  static constexpr int blocks = ceil_div(tiles, Config::tiles_per_block);
  static_assert(Config::interleaved ? Segments::all_equal() && Segments::total % tile_rows == 0 &&
                                          2 * Config::tiles_per_block % Segments::segments == 0
                                    : Segments::start_at_multiples_of(block_rows),
                "a block's rows lie in one segment, or evenly in all");

  struct Shape {
    static constexpr int slots = Config::interleaved ? Segments::segments : 1;
    static constexpr int rows = block_rows / slots;
    using Team = BlockTeam<Config::threads>;
    static constexpr bool holds_all = Config::interleaved || Segments::segments == 1;
  };
  using BlockTile = Tile<Shape>;

  struct Operands {
    const typename Config::input_type *input; // [columns]
    const typename Encoded::Element *matrix;  // packed [total rows][columns]
  };
  struct Args : Operands, Prologue::Args, Epilogue::Args {};
  static constexpr int words = 2 + Prologue::words + Epilogue::words;
  static_assert(sizeof(Args) == 8 * words, "arguments are 8-byte words");

  // Shared memory: activation [padded] | sums [chunks] | partial [parts][block_rows] | tile values | tile scratch
  static constexpr int sums_offset = 2 * A::padded;
  static constexpr int partial_offset = sums_offset + 4 * A::sums_floats;
  static constexpr int values_offset = partial_offset + 4 * Order::parts * block_rows;
  static constexpr int scratch_offset = values_offset + 4 * BlockTile::value_floats;
  static constexpr int shared_bytes = scratch_offset + 4 * BlockTile::scratch_floats;

  /// The weights of one warp's 16 rows and part: `depth` steps are in registers or on their way.
  struct Stream {
    using Unit = typename Encoded::Unit;
    const typename Encoded::Element *next; // of this lane, upper unit
    Unit upper[depth], lower[depth];
    [[no_unique_address]] StepFactors<Encoded, depth> factors;

    CADENZA_DEVICE void start(const typename Encoded::Element *matrix, int tile, int part) {
      const int lane = static_cast<int>(arch::lane());
      constexpr int steps_in_tile = A::padded / step_columns;
      const typename Encoded::Element *first =
          matrix + static_cast<uint64_t>(tile) * Format::tile_elements(steps_in_tile);
      next = first + Order::first_step(part) * Format::tile_step_elements + lane * Format::lane_elements;
      factors.start(first + steps_in_tile * Format::tile_step_elements, Order::first_step(part));
      const int steps = Order::step_count(part);
#pragma unroll
      for (int i = 0; i < depth; ++i)
        if (i < steps)
          load(i, i);
    }
    CADENZA_DEVICE void load(int slot, int step) {
      constexpr int apart = Config::k_ways * Format::tile_step_elements;
      upper[slot] = load_unit<Encoded>(next + step * apart);
      lower[slot] = load_unit<Encoded>(next + step * apart + Format::unit_elements);
      factors.load(slot, step * Config::k_ways);
    }
  };

  CADENZA_DEVICE static void run(const Args &args) {
    unsigned char *shared = arch::shared_memory();
    Weight *activation = reinterpret_cast<Weight *>(shared);
    float *sums = reinterpret_cast<float *>(shared + sums_offset);
    float *partial = reinterpret_cast<float *>(shared + partial_offset);

    // A warp takes every `warps`-th item. Weights are requested before anything else.
    const int first_tile = static_cast<int>(arch::block_index()) * Config::tiles_per_block;
    const int live_tiles = smaller(Config::tiles_per_block, tiles - first_tile);
    const int items = live_tiles * Order::parts;
    int item = static_cast<int>(arch::warp());
    Stream streams[ahead];
    const auto start = [&](Stream &stream, int next) {
      if (next < items)
        stream.start(args.matrix, first_tile + next / Order::parts, next % Order::parts);
    };
#pragma unroll
    for (int i = 0; i < ahead; ++i)
      start(streams[i], item + i * warps);
    Prologue prologue;
    prologue.load_weights(args);

    arch::grid_dependency_wait();
    arch::grid_dependency_trigger();
    BlockTile tile = place(shared);
    prologue.load_input(args.input);
    typename Epilogue::template Loaded<BlockTile> loaded;
    Epilogue::load(args, tile, loaded);
    prologue.apply(activation, sums);
    arch::block_barrier();

    while (item < items) {
#pragma unroll
      for (int i = 0; i < ahead; ++i) {
        if (i > 0 && item >= items)
          break;
        multiply(streams[i], activation, partial, item / Order::parts, item % Order::parts);
        item += warps;
        start(streams[i], item + (ahead - 1) * warps);
      }
    }
    arch::block_barrier();

    sum(partial, args.matrix, Prologue::factor(sums), tile);
    Epilogue::apply(args, loaded, tile);
  }

private:
  CADENZA_DEVICE static BlockTile place(unsigned char *shared) {
    BlockTile tile;
    tile.values = reinterpret_cast<float *>(shared + values_offset);
    tile.scratch = reinterpret_cast<float *>(shared + scratch_offset);
    const int row = static_cast<int>(arch::block_index()) * block_rows;
    if (Config::interleaved) {
      tile.slot = 0;
      tile.first_row = row / Segments::segments;
      tile.live_rows = smaller(BlockTile::rows, Segments::total / Segments::segments - tile.first_row);
    } else {
      const typename Segments::Place segment = Segments::find(row);
      tile.slot = segment.slot;
      tile.first_row = row - segment.first;
      tile.live_rows = smaller(BlockTile::rows, segment.rows - tile.first_row);
    }
    return tile;
  }

  /// Sums one item into partial[part][its rows].
  CADENZA_DEVICE static void multiply(Stream &stream, const Weight *activation, float *partial, int tile, int part) {
    const int lane = static_cast<int>(arch::lane());
    const int steps = Order::step_count(part);
    const Weight *x = activation + Order::first_step(part) * step_columns;
    PartProduct<Encoded> product;
#pragma unroll 1
    for (int base = 0; base < steps; base += depth) {
#pragma unroll
      for (int i = 0; i < depth; ++i) {
        const int step = base + i;
        if ((!Order::uniform || Order::most_steps % depth != 0) && step >= steps)
          break;
        product.add(stream, i,
                    vector_for<Encoded>(unit_vector<Format::two_scales>(x + step * (Config::k_ways * step_columns))));
        if (depth < Order::most_steps && step + depth < steps)
          stream.load(i, step + depth);
      }
    }
    if (lane % 4 == 0) {
      float *rows = partial + part * block_rows + tile * tile_rows + lane / 4;
      rows[0] = product.upper_row();
      rows[stripe_rows] = product.lower_row();
    }
  }

  /// Adds the parts in order, applies the row's scale and the deferred factor, and puts each row where its slot has it.
  CADENZA_DEVICE static void sum(const float *partial, const typename Encoded::Element *matrix, float factor,
                                 BlockTile &tile) {
    const RowScales<Encoded, Segments::total, Config::columns> scales(matrix);
    const int first = static_cast<int>(arch::block_index()) * block_rows;
#pragma unroll
    for (int slot = 0; slot < BlockTile::slots; ++slot)
      tile.for_owned([&](int, int row) {
        const float *packed = partial + (row / stripe_rows * BlockTile::slots + slot) * stripe_rows + row % stripe_rows;
        const int packed_row = first + static_cast<int>(packed - partial);
        tile.values[slot * BlockTile::rows + row] =
            scales.product(Order::template add_parts<block_rows>(packed), packed_row, factor);
      });
  }
};

} // namespace cadenza
