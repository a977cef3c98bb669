// The end of a step in the persistent kernel: the head, whose rows are divided over all blocks, and the next token.
#pragma once

#include "candidate.cuh"
#include "persistent_draw.cuh"
#include "persistent_residual.cuh"

namespace cadenza {

template <class Config> struct PersistentSelect {
  using Block = PersistentBlock<Config>;
  using Residual = PersistentResidual<Config>;
  using Team = typename Block::Team;
  using Head = typename Block::Head;
  using Progress = typename Block::Progress;

  const Block &block;

  /// The next token, in every thread; block 0 tells the host. `number`: of the step.
  CADENZA_DEVICE int run(Progress &p, uint32_t number, bool &stopped) const {
    const Residual residual{block};
    Hops<Config>::begin(Block::parts, p);
    const Range mine = Block::my_vocabulary();
    auto product =
        block.template consumer<typename Block::template HiddenProduct<Head>>(p, mine.count, 0, Block::hidden_steps);
    block.mark(PersistentWork::first_weights, p.layer);
    product.start();
    const typename Residual::template NormWeights<Head> norm(Block::table().head);
    residual.template receive_through<Block::parts - 1>(p.counter, p.layer, p);
    residual.template spread<Head>(norm, p, [&] { product.look(); });

    const float factor = Head::prologue::factor(Block::sums());
    const typename Block::template Scales<Head> scales(Block::table().head.matrix);
    float *logits = block.args.logits;
    Candidate best{0, 0};
    block.mark(PersistentWork::head, p.layer);
    product.run(Block::activation(), [&](int stripe, float sum) {
      const int index = tile_rows * mine.first + stripe_rows * stripe + static_cast<int>(arch::lane()) / 4;
      float logit = 0.0f;
      if constexpr (!Head::epilogue::is_empty) // all lanes call
        logit = with_functions(scales.product(sum, index, factor), index - static_cast<int>(arch::lane()) / 4);
      if (arch::lane() % 4 != 0 || index >= Block::vocabulary)
        return;
      if constexpr (Head::epilogue::is_empty)
        logit = scales.product(sum, index, factor);
      best.take_larger(Candidate::of(logit, static_cast<uint32_t>(index)));
      if (logits)
        logits[index] = logit;
    });
    block.mark(PersistentWork::select, p.layer);
    int selected = 0;
    if (draws_tokens<Config>(block.args)) {
      const uint32_t drawn = persistent_draw<Config>(arch::opaque(block.args.sampled), number, p.position);
      selected = static_cast<int>(drawn & 0x7fffffffu);
      stopped = drawn >> 31 != 0;
    } else {
      selected = largest(best, number, p, stopped);
    }
    return accept(selected, p.position + 1, stopped);
  }

private:
  /// The rows of a stripe as a tile: row g is thread g's, which is lane 4g.
  struct StripeShape {
    static constexpr int rows = stripe_rows, slots = 1;
    static constexpr bool holds_all = true;
    struct Team {
      static constexpr int threads = stripe_rows, warps = 1;
      CADENZA_DEVICE static int thread() {
        const int lane = static_cast<int>(arch::lane());
        return lane % 4 == 0 ? lane / 4 : rows; // no row
      }
    };
  };

  /// The head's functions (a bias) on the values of 8 rows from `first` on, row g in lanes 4g .. 4g+3; the whole warp
  /// calls. The result is in lanes 4g.
  CADENZA_DEVICE static float with_functions(float value, int first) {
    using Functions = typename Head::epilogue;
    using StripeTile = Tile<StripeShape>;
    // Behind the words of `largest`, where other warps may be already.
    float *values =
        Block::template at<float>(Block::scratch_offset) + 2 * Block::warps + 4 + stripe_rows * Team::warp();
    static_assert(2 * Block::warps + 4 + stripe_rows * Block::warps <= 3 * Block::scratch_floats, "room for stripes");
    StripeTile tile;
    tile.values = values;
    tile.scratch = nullptr; // element by element: the compiler sees to it
    tile.slot = 0;
    tile.first_row = first;
    tile.live_rows = smaller(stripe_rows, Block::vocabulary - first);
    const auto &functions = Block::template arguments<Functions>(
        static_cast<const typename Head::Launch::epilogue::Args &>(Block::table().head));
    typename Functions::template Loaded<StripeTile> loaded;
    Functions::load(functions, tile, loaded);
    float *mine = values + arch::lane() / 4;
    if (arch::lane() % 4 == 0)
      *mine = value;
    Functions::apply(functions, loaded, tile);
    return *mine;
  }

  /// The index of the largest candidate of all blocks. Adds to `stopped` whether the host asked to stop.
  CADENZA_DEVICE int largest(Candidate best, uint32_t number, const Progress &p, bool &stopped) const {
    uint32_t *shared_words =
        reinterpret_cast<uint32_t *>(Block::template at<float>(Block::scratch_offset)); // [warps][2], then all's [3]
    uint32_t *result = shared_words + 2 * Block::warps;
    Candidate::largest_of_team<Team>(best, shared_words);
    if (Team::thread() == 0) {
      const bool stop = arch::block_index() == 0 && arch::load_acquire_system(&block.args.control->stop) != 0;
      arch::store_packet(block.candidates(number) + arch::block_index(),
                         arch::Packet{{best.key, best.complement, stop}, number + 1});
    }
    best = {0, 0};
    bool stop = false;
    collect_packets<1, Team>(
        Block::blocks, number + 1, [](int) { return 3; }, [&](int i) { return block.candidates(number) + i; },
        [&](int, const arch::Packet &packet) {
          best.take_larger({packet.payload[0], packet.payload[1]});
          stop |= packet.payload[2] != 0;
        },
        typename Block::Spin{block, PersistentWait::candidates, Block::layers, p.position});
    block.mark(PersistentWork::select, p.layer);
    Team::barrier(); // the words were read by largest_of_team
    if (Team::thread() == 0)
      result[2] = 0;
    Candidate::largest_of_team<Team>(best, shared_words); // a barrier after result[2] was cleared
    if (stop)
      result[2] = 1;
    if (Team::thread() == 0) {
      result[0] = best.key;
      result[1] = best.complement;
    }
    Team::barrier();
    const int selected = static_cast<int>(~result[1]);
    stopped = result[2] != 0;
    Team::barrier(); // read before the scratch is used again
    return selected;
  }

  /// The rules of shared/state.h: a token of the prompt is kept; a stop token ends the text.
  CADENZA_DEVICE int accept(int selected, int next, bool &stopped) const {
    const PersistentArgs &args = block.args;
    const DecodeState &state = *args.state;
    const bool given = next < state.forced_tokens;
    const int token = given ? args.tokens[next] : selected;
    bool ends = false;
    for (int i = 0; i < state.stop_token_count; ++i)
      ends |= !given && token == state.stop_tokens[i];
    stopped |= ends;
    if (arch::block_index() == 0 && Team::thread() == 0) {
      if (!given)
        args.tokens[next] = token;
      if (ends)
        args.state->stopped = 1;
      args.host_tokens[next] = token;
      arch::store_release_system(&args.control->published, static_cast<uint32_t>(next + 1));
    }
    return token;
  }
};

} // namespace cadenza
