// What blocks of a persistent kernel say to each other, as plain lists, and a proof that it works: every wait ends, and
// nothing is overwritten before all its readers have read it.
//
// A buffer has one writer and one or more readers, and is written again and again; the n-th read of a reader is of the
// n-th contents. Nothing but those contents tells a block what another one has done. So a write is safe if what the
// writer has read, directly or through others, proves that every reader has finished with the contents before: that is
// checked for each write, with vector clocks. As blocks choose nothing, one run of the lists stands for all.
#pragma once

#include "compiler/ir/sched/Sched.h"
#include "runtime/support/status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace cadenza {

struct ExchangeOp {
  enum Kind : uint8_t {
    Write,  // new contents, for all readers
    Read,   // waits for the next contents
    Finish, // has no more need of what it read last; of a cache, which it reads without waiting, of the oldest position
  };
  Kind kind;
  uint32_t buffer;
};

struct ExchangeBuffer {
  std::string what;    // "rows of query, key, value", "partial sums (part 0, set 1)"
  int64_t writer = 0;  // a block
  int64_t reader = -1; // a block, or everyone: the blocks that read it are those that have it in their lists

  std::string name() const; // "rows of query, key, value of block 3 for block 5"
};

struct Exchanges {
  std::vector<ExchangeBuffer> buffers;
  std::vector<std::vector<ExchangeOp>> blocks; // in the order in which a block does them
};

/// The exchanges of `steps` steps of a schedule in a row, of `layers` layers each, the first `headless` of which select
/// nothing: the ops in their order, by every block. A vector's contents are finished with when the last op that has it
/// as an operand has ended. The context is so short, or long, that the first `parts` ranks of a group have a part of
/// it. With `caches`, also the positions of caches that a window has left, which are overwritten. In every `sharing`-th
/// layer groups share the context, if they do so in the grid; 0: in none.
Exchanges exchangesOf(sched::GridOp grid, int64_t layers, int64_t steps, int64_t headless, int64_t parts,
                      bool caches = false, int64_t sharing = 0);

/// Ok, or (Internal) the first write that may come too early, or the waits that never end.
Status verify(const Exchanges &exchanges);

/// The same for some steps of a schedule, with the shortest and the longest context.
Status verifyExchanges(sched::GridOp grid);

} // namespace cadenza
