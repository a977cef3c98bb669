// The producer warp of a persistent kernel's block: all copies into the ring, in the order in which the consumers use
// them (persistent.cuh).
#pragma once

#include "persistent_context.cuh"
#include "persistent_hop.cuh"

namespace cadenza {

template <class Config> struct PersistentProducer {
  using Block = PersistentBlock<Config>;
  using Core = typename Block::Core;

  const Block &block;

  CADENZA_DEVICE void run() const {
    RingProducer<typename Block::WeightRing> producer{Block::ring()};
    int layer = 0, position = block.first_position, ahead = 0, filling = 0, limit = 1;
    bool begun = false, ended = false;
    const auto slot = [&](arch::Mbarrier *b, uint32_t parity) {
      block.wait(b, parity, PersistentWait::ring_slot, layer, position);
    };
    const auto data = [&](arch::Mbarrier *b, uint32_t parity) {
      block.wait(b, parity, PersistentWait::ring_data, layer, position);
    };
    // Weights may be fetched before the step begins, as many as there are buffers; keys and values only afterwards. A
    // step that never begins (the text has ended) leaves those buffers as they are.
    const auto begin_step = [&] {
      if (begun)
        return;
      begun = true;
      Hops<Config>::await_step(block, position - block.first_position, layer, position);
      arch::fence_proxy_async_global(); // what ranks wrote into the cache is read by bulk copies from here on
      ended = arch::mbarrier_test_wait(Block::hops() + Block::text_end, 0);
    };
    block.mark(PersistentWork::copy, 0);
    const auto begin = [&](uint32_t bytes) -> unsigned char * {
      if (ahead-- == 0)
        begin_step();
      if (ended)
        return nullptr;
      const int most = Block::attends() ? Config::kv_group_ahead : Config::others_ahead;
      return producer.begin(filling-- > 0 ? smaller(limit, most) : limit, bytes, slot, data);
    };

    for (int step = 0; step < block.steps && !ended; ++step) {
      position = block.first_position + step;
      ahead = Block::stages;
      begun = false;
      for (layer = 0; layer < Block::layers && !ended; ++layer) {
        filling = Block::stages;
        // The barrier of a step's start must be seen before the consumers can end the step and arrive there again.
        if (layer == Block::layers - 1)
          begin_step();
        produce_parts<0>(producer, layer, position, begin_step, begin, limit);
      }
      if (!ended && step >= block.headless_steps) {
        filling = Block::stages;
        limit = Config::head_in_flight; // nothing waits for memory but this
        const Range mine = Block::my_vocabulary();
        Block::template HiddenProduct<typename Config::head>::produce(
            producer, Block::table().head.matrix, mine.count, 0, Block::hidden_steps,
            [&](int i) { return mine.first + i; }, begin);
      }
      begin_step();
    }
    producer.drain(data);
  }

private:
  template <int part, class Producer, class BeginStep, class Begin>
  CADENZA_DEVICE void produce_parts(Producer &producer, int layer, int position, BeginStep begin_step, Begin begin,
                                    int &limit) const {
    using Part = typename Block::Parts::template At<part>;
    const typename Part::Args &l = Block::table().layer[layer];
    const Range out = Block::my_rows();
    const auto residual_tile = [&](int i) { return out.first + i; };
    if constexpr (Part::attends) {
      if (Block::attends()) {
        limit = Part::in_flight;
        const Range heads = Block::my_heads();
        const Range mine = share(heads.count * Block::head_tiles, Block::ranks, Block::rank());
        Block::template HiddenProduct<typename Part::row_product>::produce(
            producer, l.row_product.matrix, mine.count, 0, Block::hidden_steps,
            [&](int i) { return Block::qkv_tile(mine.first + i); }, begin);
        begin_step();
        for (int i = 0; i < heads.count; ++i)
          produce_context<Part>(producer, l.attention, Block::kv_heads_of(heads).first + i, position, begin, limit);
        constexpr int steps = Block::q_rows / step_columns;
        Block::OutputProduct::produce(producer, l.column_product.matrix, out.count, heads.first * steps,
                                      heads.count * steps, residual_tile, begin);
      }
    } else {
      limit = Block::attends() ? Part::in_flight : Part::others_in_flight;
      const Range tiles = block.unit_tiles(layer);
      Block::template HiddenProduct<typename Part::row_product>::produce(
          producer, l.row_product.matrix, tiles.count, 0, Block::hidden_steps,
          [&](int i) { return Block::step_tiles * block.my_units.first + tiles.first + i; }, begin);
      Block::DownProduct::produce(producer, l.column_product.matrix, out.count, block.my_units.first,
                                  block.my_units.count, residual_tile, begin);
    }
    if constexpr (part + 1 < Block::parts)
      produce_parts<part + 1>(producer, layer, position, begin_step, begin, limit);
  }

  template <class Part, class Producer, class Begin>
  CADENZA_DEVICE void produce_context(Producer &producer, const typename Attend<typename Part::attention>::Args &l,
                                      int kv_head, int position, Begin begin, int &limit) const {
    constexpr int head_dim = Block::head_dim, stage_positions = Block::stage_positions;
    const typename Core::Split mine = Core::split_of(position, Block::rank(), Core::first_position(l, position));
    if constexpr (Block::shares)
      if (ContextShare<Config>::applies(Core::first_position(l, position), position))
        return produce_shared_context<Part>(producer, l, kv_head, {mine, position}, begin, limit);
    const int end = smaller(mine.end, position); // the newest position never leaves this block's shared memory
    const uint64_t first = static_cast<uint64_t>(kv_head) * l.positions * head_dim;
    if (end - mine.begin > Block::stages * stage_positions) // all others wait for this
      limit = Part::context_in_flight;
    for (int base = mine.begin; base < end; base += stage_positions) {
      const uint32_t bytes = static_cast<uint32_t>(smaller(stage_positions, end - base)) * head_dim * 2;
      const uint64_t offset = first + static_cast<uint64_t>(base) * head_dim;
      unsigned char *to = begin(2 * bytes);
      if (!to)
        return;
      const bool value = arch::lane() == 1;
      if constexpr (HasRingCache<typename Part::attention>::value) {
        const int count = smaller(stage_positions, end - base);
        const int place = cache_place<typename Part::attention>(base, l.positions);
        const int before = smaller(count, static_cast<int>(l.positions) - place); // the ring's end
        const auto copy = [&](int at, int from, int positions) {
          producer.pieces(2, to + ((value ? stage_positions : 0) + at) * head_dim * 2,
                          (value ? l.value : l.key) + first + static_cast<uint64_t>(from) * head_dim,
                          static_cast<uint32_t>(positions) * head_dim * 2);
        };
        copy(0, place, before);
        if (before < count)
          copy(before, 0, count - before);
      } else {
        producer.pieces(2, to + (value ? stage_positions * head_dim * 2 : 0), (value ? l.value : l.key) + offset,
                        bytes);
      }
      producer.end();
    }
    limit = Part::in_flight;
  }

  /// The places that this group has of a context that groups share.
  template <class Part, class Producer, class Begin>
  CADENZA_DEVICE void produce_shared_context(Producer &producer,
                                             const typename Attend<typename Part::attention>::Args &l, int kv_head,
                                             ContextShare<Config> share, Begin begin, int &limit) const {
    constexpr int row_bytes = 2 * Block::head_dim, stage_positions = Block::stage_positions, chunk = Core::chunk;
    const int places = share.in_ring();
    const uint64_t first = static_cast<uint64_t>(kv_head) * l.positions * Block::head_dim;
    limit = Part::context_in_flight;
    for (int base = 0; base < places; base += stage_positions) {
      const int count = smaller(stage_positions, places - base);
      unsigned char *to = begin(2 * static_cast<uint32_t>(count) * row_bytes);
      if (!to)
        return;
      const bool value = arch::lane() == 1;
      const auto copy = [&](int at, int from, int positions) {
        producer.pieces(2, to + ((value ? stage_positions : 0) + at) * row_bytes,
                        (value ? l.value : l.key) + first + static_cast<uint64_t>(from) * Block::head_dim,
                        static_cast<uint32_t>(positions) * row_bytes);
      };
      for (int at = 0; at < count; at += chunk) {
        const int positions = smaller(chunk, count - at);
        const int place = cache_place<typename Part::attention>(share.position_of(base + at), l.positions);
        const int before = smaller(positions, static_cast<int>(l.positions) - place); // a ring's end
        copy(at, place, before);
        if (before < positions)
          copy(at + before, 0, positions - before);
      }
      producer.end();
    }
    limit = Part::in_flight;
  }
};

} // namespace cadenza
