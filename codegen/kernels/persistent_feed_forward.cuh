// The feed-forward half of a layer in the persistent kernel, by all groups: gate and up of some units (or up alone),
// their activation, and the down projection over these units' columns.
#pragma once

#include "persistent_residual.cuh"

namespace cadenza {

template <class Config, int part> struct PersistentFeedForward {
  using Block = PersistentBlock<Config>;
  using Part = typename Block::Parts::template At<part>;
  using Args = typename Part::Args;
  using Residual = PersistentResidual<Config>;
  using Weight = typename Block::Weight;
  using Team = typename Block::Team;
  using GateUp = typename Part::row_product;
  using UnitTile = typename Block::UnitTile;
  using Progress = typename Block::Progress;
  using Hop = Hops<Config>;

  const Block &block;

  /// receive() brings the residual stream to this part's beginning.
  template <class Receive> CADENZA_DEVICE void run(Progress &p, Receive receive) const {
    const Residual residual{block};
    const Args &l = Block::table().layer[p.layer];
    const Range mine = block.unit_tiles(p.layer);
    auto gate_up =
        block.template consumer<typename Block::template HiddenProduct<GateUp>>(p, mine.count, 0, Block::hidden_steps);
    block.mark(PersistentWork::first_weights, p.layer);
    gate_up.start();
    const typename Residual::template NormWeights<GateUp> norm(l.row_product);

    UnitTile tile;
    tile.team = {p.position};
    tile.values = Block::template at<float>(Block::gate_up_offset);
    tile.scratch = Block::template at<float>(Block::scratch_offset);
    tile.slot = 0;
    tile.first_row = step_columns * block.my_units.first + Block::tile_units * mine.first;
    tile.live_rows = Block::tile_units * mine.count;
    using Functions = typename GateUp::epilogue;
    const auto &functions = Block::template arguments<Functions>(
        static_cast<const typename GateUp::Launch::epilogue::Args &>(l.row_product));
    typename Functions::template Loaded<UnitTile> loaded;
    Functions::load(functions, tile, loaded);

    receive();
    residual.template spread<GateUp>(norm, p, [&] { gate_up.look(); });
    const float factor = GateUp::prologue::factor(Block::sums());
    const typename Block::template Scales<GateUp> scales(l.row_product.matrix);
    const int hop_bytes =
        2 * smaller(step_columns * block.my_units.count, Block::units - step_columns * block.my_units.first);
    Hop::expect(Block::hop_units, hop_bytes);
    block.mark(PersistentWork::gate_up, p.layer);
    gate_up.run(Block::activation(), [&](int stripe, float sum) {
      const int lane = static_cast<int>(arch::lane());
      const int first_tile = Block::step_tiles * block.my_units.first + mine.first;
      const int row = tile_rows * first_tile + stripe_rows * stripe + lane / 4; // packed
      constexpr int slots = UnitTile::slots;                                    // stripes of gate and of up in turn
      if (lane % 4 == 0)
        tile.values[stripe % slots * UnitTile::rows + stripe / slots * stripe_rows + lane / 4] =
            scales.product(sum, row, factor);
    });
    auto down = block.template consumer<typename Block::DownProduct>(p, Block::my_rows().count, block.my_units.first,
                                                                     block.my_units.count);
    block.mark(PersistentWork::activate, p.layer);
    down.start();
    Team::barrier();
    Functions::apply(functions, loaded, tile);
    send_units(tile, Block::tile_units * mine.first, p);
    down.look();
    Hop::await(block, Block::hop_units, hop_bytes, p, PersistentWait::hop_units);
    block.mark(PersistentWork::down, p.layer);
    residual.publish(down, part, Block::unit_values(), p);
  }

private:
  /// This rank's units, rounded; `first` counts from the group's first.
  CADENZA_DEVICE void send_units(const UnitTile &tile, int first, const Progress &p) const {
    for (int i = Team::thread(); i < round_up(tile.live_rows, 32); i += Team::threads) {
      const float value = i < tile.live_rows ? tile.values[i] : 0.0f; // written by this thread
      const int lane = static_cast<int>(arch::lane()), eight = lane & ~7;
      const uint32_t pair = arch::pack2<Weight>(value, arch::shuffle(value, lane + 1)); // in even lanes
      const Vec16 all = {arch::shuffle(pair, eight), arch::shuffle(pair, eight + 4), arch::shuffle(pair, eight + 2),
                         arch::shuffle(pair, eight + 6)}; // by turn_place
      if (i < tile.live_rows)                             // a multiple of eight
        Hop::template send<8>(block, Block::hop_units, p,
                              reinterpret_cast<Vec16 *>(Block::unit_values() + first + i / 8 * 8), all);
    }
  }
};

} // namespace cadenza
