// Drawing a token from logits in memory: shared/sampling.h for rows that teams have parts of. `draw` is what they all
// run; an Exchange is how they come to know of each other's rows: DrawOfBlock, if one team has all of them, or
// PersistentDraw.
//
// Filters keep the first rows of an order, so it suffices to find the last one. Everybody learns of the largest logits
// of parts of the rows: the k-th largest of those is a bound that at least k rows reach. Rows that reach it are listed,
// and everybody orders the list, if it is short enough and has the last row that is kept. Otherwise the last one is
// found by bisection over (key, index), with a sum over all rows in every round: slow, but as exact.
#pragma once

#include "candidate.cuh"
#include "shared/sampling.h"
#include "shared/state.h"
#include "team.cuh"
#include "tile.cuh"

namespace cadenza {

constexpr int draw_rows = 256;      // that can be listed
constexpr int draw_maxima = 512;    // largest logits of parts of the rows
constexpr int draw_usual_rows = 96; // that are to be listed, if filters have no top-k

/// What some rows have together.
struct DrawTotals {
  uint64_t weight;
  uint32_t count;
};

/// Where a team works: in shared or in global memory.
struct DrawSpace {
  union {
    uint32_t maxima[draw_maxima]; // their keys
    uint64_t order[draw_rows];    // of listed rows: order_of their candidates
  };
  uint32_t weights[draw_rows];
  DrawTotals totals[2][32]; // of warps
  uint64_t total_weight, listed_weight;
  uint32_t bound, largest; // keys
  uint32_t appended;       // rows that the team has listed
  uint32_t listed;         // rows that all have listed
  uint32_t stop;
  Candidate best[2][32]; // of warps
};
static_assert(sizeof(DrawSpace) <= draw_space_bytes && sizeof(DrawSpace::order) == sizeof(DrawSpace::maxima));

CADENZA_DEVICE float adjusted(const Sampling &sampling, int row, float logit) {
  return sampling.adjusts != 0 ? sampling::adjusted_logit(sampling, sampling.rows[row], logit) : logit;
}

/// Candidates as one number: larger ones come first.
CADENZA_DEVICE uint64_t order_of(Candidate c) { return uint64_t{c.key} << 32 | c.complement; }

/// The rows that a team has: [first, last) of the vocabulary. of_others: other blocks wrote them in this launch.
template <class Team, bool of_others> struct DrawRows {
  const Sampling &sampling;
  const float *logits; // [vocabulary]
  int first, last;

  /// body(row, adjusted logit)
  template <class Body> CADENZA_DEVICE void for_each(Body body) const {
#pragma unroll 1
    for (int row = first + Team::thread(); row < last; row += Team::threads)
      body(row, adjusted(sampling, row, of_others ? arch::load_relaxed(logits + row) : logits[row]));
  }
};

/// What the threads of a team do together. The compiler can't know who a thread is: in a persistent kernel it would
/// keep what follows from that in registers throughout.
template <class T> struct DrawTeam {
  using Team = T;
  DrawSpace &space;
  const int thread = arch::opaque(Team::thread()), warp = thread / 32;
  const bool leads_warp = thread % 32 == 0;
  uint32_t set = 0; // of space.totals; the other one may still be read

  CADENZA_DEVICE DrawTotals totals_of_team(DrawTotals mine) {
#pragma unroll
    for (int mask = 16; mask > 0; mask /= 2) {
      mine.count += arch::shuffle_xor(mine.count, mask);
      const uint32_t low = arch::shuffle_xor(static_cast<uint32_t>(mine.weight), mask),
                     high = arch::shuffle_xor(static_cast<uint32_t>(mine.weight >> 32), mask);
      mine.weight += uint64_t{high} << 32 | low;
    }
    DrawTotals *warps = space.totals[set];
    set ^= 1;
    if (leads_warp)
      warps[warp] = mine;
    Team::barrier();
    DrawTotals all{0, 0};
#pragma unroll 1
    for (int i = 0; i < Team::warps; ++i) {
      all.weight += warps[i].weight;
      all.count += warps[i].count;
    }
    return all;
  }

  /// In every thread.
  CADENZA_DEVICE Candidate largest_of_team(Candidate best) {
    best.take_largest_of_warp();
    Candidate *warps = space.best[set];
    set ^= 1;
    if (leads_warp)
      warps[warp] = best;
    Team::barrier();
#pragma unroll 1
    for (int i = 0; i < Team::warps; ++i)
      best.take_larger(warps[i]);
    return best;
  }
};

/// The Exchange of one team that has all rows.
template <class T> struct DrawOfBlock : DrawTeam<T> {
  using Team = T;
  using DrawTeam<T>::space;
  using DrawTeam<T>::thread;
  /// Writes the largest keys of disjoint parts of all rows, of which `mine` is a thread's, to space.maxima, so many
  /// that the `wanted`-th largest is a good bound, if possible. The result is their number. One barrier at least.
  CADENZA_DEVICE int maxima(uint32_t mine, uint32_t) {
    constexpr int lanes = ceil_div(Team::threads, draw_maxima);
    static_assert(lanes <= 2);
    if (lanes == 2) {
      const uint32_t other = arch::shuffle_xor(mine, 1);
      mine = other > mine ? other : mine;
    }
    if (thread % lanes == 0)
      space.maxima[thread / lanes] = mine;
    Team::barrier();
    return Team::threads / lanes;
  }
  /// Lists a row.
  CADENZA_DEVICE void list(Candidate row, uint32_t weight) {
    const uint32_t at = arch::add_in_block(&space.appended, 1);
    if (at >= draw_rows)
      return;
    space.order[at] = order_of(row);
    space.weights[at] = weight;
  }
  /// What all have listed is in space.order and space.weights: so many rows, or more than draw_rows if there is no
  /// room. `weight`: of all rows of a thread; the result has that of all rows.
  CADENZA_DEVICE DrawTotals gather(uint64_t weight) {
    const DrawTotals all = this->totals_of_team({weight, 0});
    return {all.weight, space.appended};
  }
  /// Of all rows, from those of a thread.
  CADENZA_DEVICE DrawTotals totals(DrawTotals mine) { return this->totals_of_team(mine); }
  /// Of all rows, from the best of a thread.
  CADENZA_DEVICE Candidate largest(Candidate best) { return this->largest_of_team(best); }
};

template <class Exchange, class Rows> struct Draw {
  using Team = typename Exchange::Team;
  Exchange &exchange;
  const Sampling &sampling;
  const Rows &rows;
  const uint32_t vocabulary, position;
  DrawSpace &space = exchange.space;
  const int thread = exchange.thread;
  float largest = 0.0f;

  /// The token, in every thread.
  CADENZA_DEVICE uint32_t run(uint32_t *slow_draws) {
    uint64_t last = 0; // rows from it on are kept, if they are near the largest one
    if (sampling.filters != 0) {
      if (thread == 0)
        space.appended = space.listed = 0; // barriers follow
      find_bound();
      if (sampling.top_k != 0 || sampling.top_p < whole_share) {
        const DrawTotals listed = list();
        if (listed.count <= draw_rows) {
          Candidate token{0, 0};
          if (choose_listed(listed, token))
            return ~token.complement;
        }
        if (slow_draws && thread == 0)
          ++*slow_draws;
        last = last_kept({listed.weight, vocabulary});
      }
    }
    Candidate best{0, 0};
    rows.for_each([&](int row, float logit) {
      const auto index = static_cast<uint32_t>(row);
      const bool kept = sampling.filters == 0 || (order_of(Candidate::of(logit, index)) >= last && near(logit));
      best.take_larger(kept ? Candidate::drawn(sampling, position, index, logit) : Candidate::none(index));
    });
    return ~exchange.largest(best).complement;
  }

private:
  CADENZA_DEVICE bool near(float logit) const {
    return sampling::distance(sampling, logit, largest) >= sampling.min_distance;
  }

  /// The largest logit, and one that as many rows reach as filters may keep, if it is not too low for that.
  CADENZA_DEVICE void find_bound() {
    uint32_t mine = 0;
    rows.for_each([&](int, float logit) {
      const uint32_t key = sampling::order_key(logit);
      mine = key > mine ? key : mine;
    });
    uint32_t wanted = sampling.top_k != 0 ? sampling.top_k : draw_usual_rows;
    const auto count = static_cast<uint32_t>(exchange.maxima(mine, wanted));
    wanted = wanted < count ? wanted : count;
    for (uint32_t i = static_cast<uint32_t>(thread); i < count; i += Team::threads) {
      const uint32_t key = space.maxima[i];
      uint32_t above = 0, equal = 0;
      for (uint32_t j = 0; j < count; ++j) {
        above += space.maxima[j] > key;
        equal += space.maxima[j] == key;
      }
      if (above < wanted && wanted <= above + equal)
        space.bound = key; // every writer writes the same
      if (above == 0)
        space.largest = key;
    }
    Team::barrier();
    largest = sampling::value_of_key(space.largest);
  }

  CADENZA_DEVICE uint32_t weight(float logit) const {
    return sampling.top_p < whole_share ? sampling::weight(sampling, logit, largest) : 0;
  }

  CADENZA_DEVICE DrawTotals list() {
    const uint32_t bound = space.bound;
    uint64_t sum = 0;
    rows.for_each([&](int row, float logit) {
      const Candidate candidate = Candidate::of(logit, static_cast<uint32_t>(row));
      const uint32_t w = weight(logit);
      sum += w;
      if (candidate.key >= bound)
        exchange.list(candidate, w);
    });
    return exchange.gather(sum);
  }

  /// The token, if the last row that filters keep is listed. Everybody finds the same.
  CADENZA_DEVICE bool choose_listed(DrawTotals listed, Candidate &token) {
    constexpr int mine = ceil_div(draw_rows, Team::threads);
    const int count = static_cast<int>(listed.count);
    uint32_t rank[mine] = {};
    uint64_t before[mine] = {};
#pragma unroll
    for (int m = 0; m < mine; ++m) {
      const int i = thread + m * Team::threads;
      if (i >= count)
        break;
      const uint64_t own = space.order[i];
      for (int j = 0; j < count; ++j) {
        const bool above = space.order[j] > own;
        rank[m] += above;
        before[m] += above ? space.weights[j] : 0;
      }
      if (rank[m] + 1 == sampling.top_k)
        space.total_weight = before[m] + space.weights[i];
      if (rank[m] + 1 == listed.count)
        space.listed_weight = before[m] + space.weights[i];
    }
    Team::barrier();
    const bool ranked = sampling.top_k != 0;
    const uint64_t limit = sampling::nucleus_limit(sampling, ranked ? space.total_weight : listed.weight);
    const bool complete = ranked ? listed.count >= sampling.top_k
                                 : space.listed_weight >= limit || listed.count == vocabulary ||
                                       !near(sampling::value_of_key(space.bound));
    if (!complete)
      return false;
    Candidate best{0, 0};
#pragma unroll
    for (int m = 0; m < mine; ++m) {
      const int i = thread + m * Team::threads;
      if (i >= count)
        break;
      const uint32_t row = ~static_cast<uint32_t>(space.order[i]);
      const float logit = sampling::value_of_key(static_cast<uint32_t>(space.order[i] >> 32));
      best.take_larger(sampling::kept(sampling, limit, rank[m], before[m], logit, largest)
                           ? Candidate::drawn(sampling, position, row, logit)
                           : Candidate::none(row));
    }
    token = exchange.largest_of_team(best);
    return true;
  }

  /// As order_of: that of the last row that top-k and top-p keep, or less, with no row between.
  CADENZA_DEVICE uint64_t last_kept(DrawTotals all) {
    uint64_t low = 0;
    if (sampling.top_k != 0)
      raise(low, all, uint64_t{space.bound} << 32, [&](const DrawTotals &t) { return t.count < sampling.top_k; });
    if (sampling.top_p < whole_share) {
      const uint64_t limit = sampling::nucleus_limit(sampling, all.weight);
      // Rows below this have no weight.
      const uint32_t weightless = sampling::order_key(largest - sampling::divide(33.0f, sampling.scale));
      raise(low, all, uint64_t{weightless} << 32, [&](const DrawTotals &t) { return t.weight < limit; });
    }
    return low;
  }

  /// more(totals): whether the row after those with such totals is kept, too. Raises `low` until the rows from it on
  /// are those that are kept; `at_low`: their totals. `probe`: where to look first.
  template <class More> CADENZA_DEVICE void raise(uint64_t &low, DrawTotals &at_low, uint64_t probe, More more) {
    if (more(at_low))
      return;
    uint64_t high = (uint64_t{space.largest} + 1)
                    << 32; // more rows than those from here on are kept, but not from low on
    uint32_t above = 0;
    while (at_low.count - above > 1 && high - low > 1) {
      const uint64_t middle = probe > low && probe < high ? probe : low + (high - low) / 2;
      probe = 0;
      DrawTotals mine{0, 0};
      rows.for_each([&](int row, float logit) {
        if (order_of(Candidate::of(logit, static_cast<uint32_t>(row))) < middle)
          return;
        ++mine.count;
        mine.weight += weight(logit);
      });
      const DrawTotals at = exchange.totals(mine);
      if (more(at)) {
        high = middle;
        above = at.count;
      } else {
        low = middle;
        at_low = at;
      }
    }
  }
};

/// The token at `position`, in every thread of all teams. `slow_draws` counts those that bisection found; null in all
/// teams but one.
template <class Exchange, class Rows>
CADENZA_DEVICE uint32_t draw(Exchange &exchange, const Sampling &sampling, const Rows &rows, uint32_t vocabulary,
                             uint32_t position, uint32_t *slow_draws) {
  return Draw<Exchange, Rows>{exchange, sampling, rows, vocabulary, position}.run(slow_draws);
}

} // namespace cadenza
