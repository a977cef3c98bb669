// Tiles of tokens: how a prompt goes through the model, many tokens a step (the entries @prefill_T of a plan), and how
// the product of such a tile with a matrix is divided (codegen/kernels/project_tokens.cuh). The same formulas in the
// compiler, the runtime and the kernels. Nothing but plain constexpr functions, in integers.
//
// A tile has T tokens, a multiple of token_multiple. Token i of it is at position base + i, where base is
// DecodeState::next_position when the tile begins, and DecodeState::position in all phases after the embed phase. Its
// live tokens are those below DecodeState::forced_tokens; nothing is stored for the others but what nobody reads.
#pragma once

#include "encoding.h"
#include "everywhere.h"

namespace cadenza {

/// Tokens of a tile are a multiple of this.
constexpr int token_multiple = 16;

/// How many of the `tokens` tokens of a tile that begins at position `base` are live.
CADENZA_EVERYWHERE constexpr int live_tokens(int base, int forced_tokens, int tokens) {
  const int left = forced_tokens - base;
  return left < 0 ? 0 : left < tokens ? left : tokens;
}

/// Elements from one token of an edge to the next (edgeStride of runtime/plan/program.h, in elements).
CADENZA_EVERYWHERE constexpr int token_stride(int elements, int element_bytes) {
  constexpr int alignment = 256;
  return (elements * element_bytes + alignment - 1) / alignment * alignment / element_bytes;
}

// The activation of a product -----------------------------------------------------------------------------------------

/// Whether a product of tokens needs PrepareTokens before it: its input becomes [T][padded_columns] of the matrix's
/// type in scratch memory. Otherwise the input edge is the activation as it lies.
CADENZA_EVERYWHERE constexpr bool needs_prepare(bool has_prologue, bool input_is_of_matrix_type, int columns) {
  return has_prologue || !input_is_of_matrix_type || columns % step_columns != 0;
}
/// Bytes of the scratch that PrepareTokens writes: the activation, and the factors of a norm that is deferred.
CADENZA_EVERYWHERE constexpr long prepared_bytes(int tokens, int columns) {
  return 2L * tokens * padded_columns(columns);
}
CADENZA_EVERYWHERE constexpr long factor_bytes(int tokens) { return 4L * tokens; }

/// Threads of a block of PrepareTokens, which has one token.
CADENZA_EVERYWHERE constexpr int prepare_threads(int columns) {
  const int threads = (columns / 8 + 31) / 32 * 32;
  return threads < 64 ? 64 : threads < 256 ? threads : 256;
}
/// Its shared memory; sums: norm_sums of the configuration, 1 if it has none.
CADENZA_EVERYWHERE constexpr int prepare_shared_bytes(int columns, int sums) {
  return 4 * sums * (((columns + 15) / 16 + 3) / 4 * 4);
}

// The product ---------------------------------------------------------------------------------------------------------

/// A block computes `tokens` x `rows` of the product, `depth` of K at a time, of which `stages` are in shared memory.
/// Its warps divide tokens and rows, never K: the sum of an element is in ascending K, whatever the tiles. `rows` are
/// packed ones, of all segments that are interleaved.
struct TokenTiles {
  int tokens, rows, depth;
  int stages;
  int token_warps, row_warps;

  CADENZA_EVERYWHERE constexpr int threads() const { return 32 * token_warps * row_warps; }
  constexpr bool operator==(const TokenTiles &) const = default;
};

/// The product of a tile of tokens with a packed matrix.
struct TokenShape {
  int tokens;        // T
  int rows, columns; // of the matrix, of all segments
  int unit_bytes;    // of its encoding (encoding.h)
  int slots;         // segments that are interleaved, 8 rows in turn; otherwise 1
  int row_group;     // rows of a segment that must lie in one block, such as those of a head: the least common multiple
                     // of what epilogue functions need (group_size of norms, head_dim of rope); 1: any
  int segment_divisor;  // of all packed rows at which segments that are not interleaved begin, the greatest common
                        // divisor; 0: there is one segment, or they are interleaved
  bool grouped = false; // whether groups of columns have scales
};

/// What a launch has, from a division of a product.
struct TokenLaunch {
  int blocks, threads, shared_bytes;
};

/// Shared memory of a block that every target has.
constexpr int token_shared_limit = 99 * 1024;

/// Floats from one token to the next of a block's sums, `rows` of each: 8 rows apart in the banks.
CADENZA_EVERYWHERE constexpr int sums_stride(int rows) { return (rows + 31) / 32 * 32 + 8; }
/// Floats that the epilogue functions of a warp may use besides (tile.cuh): of a tile of `rows` rows of a slot, whose
/// norms are of groups of 16 rows or more.
CADENZA_EVERYWHERE constexpr int scratch_floats_of(int rows) { return (rows / 8 + 3) / 4 * 4; }
/// Bytes of a stage: units of 8 tokens and of 8 rows, in pairs.
CADENZA_EVERYWHERE constexpr int token_stage_bytes(const TokenTiles &tiles, int unit_bytes) {
  return tiles.depth / step_columns *
         (tiles.tokens / stripe_rows * 2 * unit_weights + (tiles.rows / stripe_rows + 1) / 2 * 2 * unit_bytes);
}
/// Bytes of the sums of `tokens` tokens, and of what epilogue functions need besides.
CADENZA_EVERYWHERE constexpr int token_sums_bytes(const TokenTiles &tiles, int slots, int tokens) {
  return 4 * (tokens * sums_stride(tiles.rows) + tiles.threads() / 32 * scratch_floats_of(tiles.rows / slots));
}
/// Tokens whose sums are in shared memory at a time when the epilogue is applied: all of a block's, or a part of them.
CADENZA_EVERYWHERE constexpr int tokens_a_pass(const TokenTiles &tiles, int slots) {
  int tokens = tiles.tokens;
  while (tokens % 32 == 0 && token_sums_bytes(tiles, slots, tokens) > token_shared_limit)
    tokens /= 2;
  return tokens;
}
CADENZA_EVERYWHERE constexpr int token_shared_bytes(const TokenTiles &tiles, int unit_bytes, int slots) {
  const int ring = tiles.stages * token_stage_bytes(tiles, unit_bytes),
            sums = token_sums_bytes(tiles, slots, tokens_a_pass(tiles, slots));
  return ring > sums ? ring : sums;
}
CADENZA_EVERYWHERE constexpr TokenLaunch token_launch(const TokenTiles &tiles, const TokenShape &shape) {
  return {(shape.rows + tiles.rows - 1) / tiles.rows * (shape.tokens / tiles.tokens), tiles.threads(),
          token_shared_bytes(tiles, shape.unit_bytes, shape.slots)};
}

/// Whether the kernel can divide the product so.
CADENZA_EVERYWHERE constexpr bool token_tiles_fit(const TokenTiles &tiles, const TokenShape &shape) {
  const int stripes = tiles.rows / stripe_rows;
  return tiles.tokens > 0 && shape.tokens % tiles.tokens == 0 && tiles.tokens % (16 * tiles.token_warps) == 0 &&
         tiles.rows % stripe_rows == 0 && stripes % tiles.row_warps == 0 && stripes % shape.slots == 0 &&
         tiles.rows / shape.slots % shape.row_group == 0 && shape.segment_divisor % tiles.rows == 0 &&
         tiles.depth % step_columns == 0 && tiles.stages >= 2 && tiles.threads() <= 512 &&
         (!shape.grouped || tiles.tokens / tiles.token_warps * (tiles.rows / tiles.row_warps) <= 32 * 48) &&
         token_shared_bytes(tiles, shape.unit_bytes, shape.slots) <= token_shared_limit;
}

/// Registers of a thread: sums, two sets of fragments, addresses; those of the functions of heads.
CADENZA_EVERYWHERE constexpr int token_registers(const TokenTiles &tiles, const TokenShape &shape) {
  const int tokens = tiles.tokens / tiles.token_warps, rows = tiles.rows / tiles.row_warps;
  const int groups = shape.grouped ? rows / stripe_rows * 7 + 8 : 0; // factors of two of them, a product
  const int products = tokens * rows / 32 + 2 * (tokens / 4 + rows / 4) + groups + 45,
            functions = shape.row_group > 1 ? 96 : 48;
  const int registers = (products > functions ? products : functions) + 7;
  return registers > 255 ? 256 : registers / 8 * 8;
}
/// Blocks that a multiprocessor of sm_90 holds.
CADENZA_EVERYWHERE constexpr long token_blocks_resident(const TokenTiles &tiles, const TokenShape &shape) {
  const int by_shared = 227 * 1024 / (token_shared_bytes(tiles, shape.unit_bytes, shape.slots) + 1024),
            by_registers = 65536 / (token_registers(tiles, shape) * tiles.threads());
  const int resident = by_shared < by_registers ? by_shared : by_registers;
  return resident < 1 ? 1 : resident;
}

/// Picoseconds that a division is expected to take: enough to tell a good one from a bad one. The numbers follow 159
/// measurements on an H200 (test/gpu/token_kernels/products.cu). For each wave of blocks, a multiprocessor takes as
/// long for a stage as its blocks multiply, read shared memory or copy, or as one of them takes for its chain of
/// products and for what is on its way; then for the functions of the tokens, four of which a warp takes at a time.
/// (The time of functions is not measured yet: it follows from their instructions.)
CADENZA_EVERYWHERE constexpr long token_tiles_cost(const TokenTiles &tiles, const TokenShape &shape,
                                                   int multiprocessors) {
  const long blocks = token_launch(tiles, shape).blocks, warps = tiles.threads() / 32;
  const long resident = token_blocks_resident(tiles, shape), slots = resident * multiprocessors;
  const long waves = (blocks + slots - 1) / slots;
  const long together = (blocks + waves * multiprocessors - 1) / (waves * multiprocessors);
  const long steps = tiles.depth / step_columns,
             stages = (padded_columns(shape.columns) + tiles.depth - 1) / tiles.depth;
  const long products = static_cast<long>(tiles.tokens) / 16 * tiles.rows / 8 * 2 * steps; // of a stage
  const long decode = shape.unit_bytes == 2 * unit_weights ? 0 : 250L * tiles.rows * tiles.token_warps * steps;
  const long multiply = products / warps * ((warps * together + 3) / 4) * 3700 + together * decode;
  const long read = together * steps * (tiles.tokens * tiles.row_warps + tiles.rows * tiles.token_warps) * 310;
  const long copy = together * token_stage_bytes(tiles, shape.unit_bytes) * 24;
  const long chain = 40000 + steps * 44000 + products / warps * 1000;
  const long latency = 1400000 / (tiles.stages - 1);
  const long others[] = {read, copy, chain, latency};
  long stage = multiply;
  for (const long other : others)
    stage = other > stage ? other : stage;
  stage += (multiply + read + copy) / 16;                                      // they are not wholly side by side
  const long functions = shape.row_group > 1 ? 60 : shape.slots > 1 ? 50 : 30; // of an element
  const long turns = (tiles.tokens + 4 * warps - 1) / (4 * warps);
  const long alone = turns * (100000 + tiles.rows * functions * 12),
             issued = together * tiles.tokens * tiles.rows * functions;
  const long time = waves * (800000 + stages * stage + (alone > issued ? alone : issued));
  const long from_memory =
      static_cast<long>(tiles_of(shape.rows)) * steps_of(shape.columns) * 2 * shape.unit_bytes * 1000 / 4200;
  return 1400000 + (time > from_memory ? time : from_memory);
}

/// The division of a product for a GPU of so many multiprocessors. tokens == 0: there is none, because a row group is
/// too large for a block, or segments do not begin at multiples of one.
CADENZA_EVERYWHERE constexpr TokenTiles token_tiles(const TokenShape &shape, int multiprocessors) {
  TokenTiles best{};
  long best_cost = -1;
  for (int warp_tokens = 16; warp_tokens <= 64; warp_tokens *= 2)
    for (int warp_rows = stripe_rows; warp_tokens * warp_rows <= 64 * 64; warp_rows += stripe_rows)
      for (int token_warps = 1; token_warps <= 4; token_warps *= 2)
        for (int row_warps = 1; token_warps * row_warps <= 8; row_warps *= 2)
          for (int depth = step_columns; depth <= 4 * step_columns; depth *= 2) {
            TokenTiles tiles{warp_tokens * token_warps, warp_rows * row_warps, depth, 2, token_warps, row_warps};
            for (; tiles.stages <= 8 && token_tiles_fit(tiles, shape); ++tiles.stages) {
              const long cost = token_tiles_cost(tiles, shape, multiprocessors);
              if (best_cost < 0 || cost < best_cost) {
                best = tiles;
                best_cost = cost;
              }
            }
          }
  return best;
}

} // namespace cadenza
