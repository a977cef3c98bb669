// The persistent schedule: many decode steps as one cooperative kernel, one block a multiprocessor, that streams all
// weights without ever waiting for an activation.
//
// ## Division of work
// Blocks form groups (clusters of a GPU that has them) of `ranks` blocks that exchange values quickly ("hop"). A layer
// is a list of parts (persistent_parts.cuh), each divided over groups as tensor parallelism divides it over GPUs:
//   attention     a group has a KV head and query heads of it: their rows of q, k, v; a part of the context a rank;
//   their
//                 columns of the output projection. If there are more KV heads than groups, a group has several; if
//                 there are fewer, several groups may have the same one, and some groups have no part in it.
//   feed-forward  a group has some units: their rows of gate and up, their columns of down.
// Each part ends in partial sums of the residual stream, which are exchanged over the grid: rank r of every group
// publishes its share of the rows, and rank r of every group collects the same rows from all groups, adds them in order
// to its rows of the residual stream and hops the result to its group, as the next products see it. So a layer has as
// many exchanges over the grid as parts, and one more where a norm takes all query heads or all key heads together
// (persistent_head_norm.cuh).
//
// ## Roles in a block
// The last warp produces: it streams the block's share of weights and keys and values through the ring, across phases,
// layers and tokens. All other warps consume; team.cuh's named barriers keep them together without it. While they wait
// for activations, they take the first weights of the next product out of the ring.
//
// ## Order of sums
// That of the phases' kernels in the `launch` schedule, whose configurations are this one's bases: the same bits.
//
// ## Why nothing is overwritten too early, and why every wait ends
// Packets: a slot belongs to (parity of the layer counter, part, writer). It is written again two layers later. By then
// the writer has collected the layer between from every group, and whoever published that had collected this one.
// Rows that hop lie in one buffer a kind. A rank sends the next ones only after it has received, from every rank of its
// group, something that those sent after they had read the last ones.
// Every wait is for something that was sent before the sender waited for anything that depends on the waiter; the
// compiler checks both properties for each schedule (compiler/schedule). A wait that takes too long traps.
//
// ## Where things are
// persistent_block.cuh: dimensions, shared memory, waits; persistent_hop.cuh: hops. One file a part of the step:
// persistent_residual.cuh, _attention, _head_norm, _feed_forward, _select; and persistent_producer.cuh. Below them:
// ring.cuh, stream_project.cuh, exchange.cuh, shared/shares.h.
#pragma once

#include "persistent_attention.cuh"
#include "persistent_feed_forward.cuh"
#include "persistent_producer.cuh"
#include "persistent_select.cuh"

namespace cadenza {

/// Config: groups, ranks, warps (of consumers), layers, hidden, shared_bytes; bytes that a producer has in flight:
/// head_in_flight, and at most kv_group_ahead (in groups that attend) and others_ahead while the ring fills ahead of a
/// layer or of the head; memory_bound (whether a layer takes as long as the memory needs), clusters (whether groups are
/// clusters of the GPU), traced; embed, head: configurations of phases, parts: those of a layer (persistent_parts.cuh).
/// The configuration of a product has its `Launch` (that of its own kernel), Team, prologue, and epilogue: the
/// functions that stay (residual additions, stores, the KV append and the selection are this kernel's).
template <class Config> struct Persistent {
  using Block = PersistentBlock<Config>;
  using Residual = PersistentResidual<Config>;
  using Team = typename Block::Team;
  using Progress = typename Block::Progress;
  static constexpr int blocks = Block::blocks;
  static constexpr uint64_t packet_bytes = Block::packet_bytes;
  static constexpr int stages = Block::stages;

  CADENZA_DEVICE static void run(const PersistentArgs &args) {
    const Block block(args);
    block.init();
    Hops<Config>::meet(); // no hop before its barrier exists
    if (arch::warp() == Block::warps)
      PersistentProducer<Config>{block}.run();
    else
      consume(block);
    Hops<Config>::meet(); // nor after its block has gone
  }

private:
  CADENZA_DEVICE static void consume(const Block &block) {
    const PersistentArgs &args = block.args;
    const Residual residual{block};
    Progress p;
    p.position = block.first_position;
    int token = block.steps > 0 ? args.tokens[block.first_position] : 0;
    bool stopped = false;
    int step = 0;
    for (; step < block.steps && !stopped; ++step, ++p.position) {
      const uint32_t number = block.step_number(step);
      block.mark(PersistentWork::begin_step, 0);
      begin_step(block, number);
      for (p.layer = 0; p.layer < Block::layers; ++p.layer) {
        p.counter = number * Block::layers + static_cast<uint32_t>(p.layer);
        run_parts<0>(block, residual, token, p);
      }
      p.layer = Block::layers - 1;
      if (step >= block.headless_steps) {
        token = PersistentSelect<Config>{block}.run(p, number, stopped);
      } else {
        Hops<Config>::begin(Block::parts, p);
        residual.template receive_through<Block::parts - 1>(p.counter, p.layer, p); // nobody needs them, but they must
        Team::barrier();                                                            // be read
        token = args.tokens[p.position + 1];
      }
    }
    if (step < block.steps) { // the text has ended: the producer waits for a step that is none
      if (Team::thread() == 0)
        arch::mbarrier_arrive(Block::hops() + Block::text_end);
      begin_step(block, block.step_number(step));
    }
    if (arch::block_index() == 0 && Team::thread() == 0 && step > 0) {
      args.state->position = p.position - 1;
      args.state->next_position = p.position;
    }
  }

  template <int part>
  CADENZA_DEVICE static void run_parts(const Block &block, const Residual &residual, int token, Progress &p) {
    using Part = typename Block::Parts::template At<part>;
    Hops<Config>::begin(part, p);
    const auto receive = [&] {
      if constexpr (part > 0) {
        if constexpr (Block::Parts::template At<part - 1>::collected > 0) // else this part has the same residual stream
          residual.template receive_through<part - 1>(p.counter, p.layer, p);
      } else if (p.layer > 0) {
        residual.template receive_through<Block::parts - 1>(p.counter - 1, p.layer - 1, p);
      } else {
        block.mark(PersistentWork::embed, p.layer);
        residual.embed(token, p);
      }
    };
    if (!Part::attends || Block::attends()) {
      typename Part::template Run<Config, part>{block}.run(p, receive);
    } else {
      receive();
      Team::barrier(); // the sums are read before the next ones are collected
    }
    if constexpr (part + 1 < Block::parts)
      run_parts<part + 1>(block, residual, token, p);
  }

  /// Everything that this block wrote into the cache is there for the copies of all ranks, which may begin.
  CADENZA_DEVICE static void begin_step(const Block &block, uint32_t number) {
    arch::fence_proxy_async_global();
    Hops<Config>::begin_step(block, number);
  }
};

/// The configuration of a kernel that also draws tokens.
template <class Config> struct Drawing : Config {
  static constexpr bool draws = true;
};

/// The kernel `name`_draw, as the kernel `name` of configuration phase::name, but that it draws tokens.
#if defined(CADENZA_HOST)
#define CADENZA_DRAWING_KERNEL(name, threads)                                                                          \
  CADENZA_KERNEL(name##_draw, PersistentArgs, threads, 1) { name##__body(args); }
#else
#define CADENZA_DRAWING_KERNEL(name, threads)                                                                          \
  CADENZA_KERNEL(name##_draw, PersistentArgs, threads, 1) { Persistent<Drawing<phase::name>>::run(args); }
#endif

} // namespace cadenza
