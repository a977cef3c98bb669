// The matrix product of a graph: C[b..][M][N] = A[b..][M][K] · B[b..][K][N], on tensor cores, then a function of each
// element. (Of a decoder's weights and one vector: project.cuh.)
//
// A block has a tile of C. Tiles of A and B come through a ring of stages in shared memory (operand_tile.cuh), copied
// asynchronously where they lie in aligned pieces of 16 bytes, and element by element elsewhere: any strides are right.
// What is small (M = 128 rows of an encoder) takes a few microseconds, most of which is latency. So K may be divided,
// over the warps of a block and over the blocks of a cluster (sm_90), until a block has few stages, all of which are on
// their way at once. Partial sums meet in shared memory, those of a cluster by st.async in the block that stores those
// rows, and are added in order: the same bits in every run.
#pragma once

#include "arch_async.cuh"
#include "operand_tile.cuh"
#include "shared/shares.h"

namespace cadenza {

/// Whether no kernel writes an operand, so that it may be copied before the launches before this one are complete.
CADENZA_OPTIONAL(IsConstant, constant, false);

/// An epilogue that stores the sums as they are. Contract of an epilogue E:
///   E::Args, E::words   its kernel arguments, 8-byte words only (possibly none)
///   E::apply(args, batch, row, column, value)   what is stored for the fp32 sum of that element of C
///   E::prefetch(args)   optional: asks for constants to be in the L2 cache, before what other kernels write is there
struct StoreSums {
  struct Args {};
  static constexpr int words = 0;
  CADENZA_DEVICE static float apply(const Args &, int, int, int, float value) { return value; }
};

/// Config:
///   type               of the products: bf16, f16, float (operand_tile.cuh says how exact)
///   rows, columns, depth   M, N, K
///   batch              Extents<..>
///   a, b, c            structs of type, row_stride, column_stride, batch_strides (Strides<..>) and, if it is not 0,
///                      offset, in elements, each of its own matrix: [M][K], [K][N], [M][N]; a and b may be `constant`.
///                      Stride 0 repeats. An operand of another type than the products' is converted.
///   tiles              a constexpr MatmulTiles
///   epilogue           see StoreSums
/// Arguments: [a, b, c, epilogue's]; tensors are aligned to 16 bytes. Launch: blocks, threads, shared_bytes, and
/// clusters of tiles.cluster blocks.
template <class Config> struct Matmul {
  using T = typename Config::type;
  using A = typename Config::a;
  using B = typename Config::b;
  using C = typename Config::c;
  using Batch = typename Config::batch;
  using Epilogue = typename Config::epilogue;
  static constexpr MatmulTiles tiles = Config::tiles;
  static constexpr int M = Config::rows, N = Config::columns, K = Config::depth;
  static constexpr MatmulShape shape{Batch::total,
                                     M,
                                     N,
                                     K,
                                     sizeof(T),
                                     a_is_along_k(A::row_stride, A::column_stride),
                                     b_is_along_k(B::row_stride, B::column_stride)};
  static constexpr MatmulLaunch geometry = matmul_launch(tiles, shape);
  static constexpr int blocks = geometry.blocks, threads = geometry.threads, shared_bytes = geometry.shared_bytes;
  static constexpr int cluster = geometry.cluster;

  static constexpr int row_tiles = ceil_div(M, tiles.rows), column_tiles = ceil_div(N, tiles.columns);
  static constexpr int steps = ceil_div(K, tiles.depth), most_steps = ceil_div(steps, cluster); // all, of a block
  // Steps that are on their way while one is computed. If all fit, no stage is filled twice.
  static constexpr int stages = geometry.stages;
  static constexpr int ahead = most_steps <= stages ? most_steps : stages - 1;
  static_assert(stages == most_steps || stages >= 2, "a ring has at least two stages");

  using ATile = OperandTile<T, tiles.rows, tiles.depth, shape.a_along_k>;
  using BTile = OperandTile<T, tiles.columns, tiles.depth, shape.b_along_k>;
  using AView = OperandView<typename A::type, M, K, A::row_stride, A::column_stride>;
  using BView = OperandView<typename B::type, N, K, B::column_stride, B::row_stride>;
  static constexpr bool a_in_pieces = in_pieces<T, typename A::type, typename A::batch_strides>(
      ATile::along_k ? M : K, ATile::along_k ? A::row_stride : A::column_stride,
      ATile::along_k ? A::column_stride : A::row_stride, OffsetOf<A>::value);
  static constexpr bool b_in_pieces = in_pieces<T, typename B::type, typename B::batch_strides>(
      BTile::along_k ? N : K, BTile::along_k ? B::column_stride : B::row_stride,
      BTile::along_k ? B::row_stride : B::column_stride, OffsetOf<B>::value);

  // A warp's part of the tile: blocks of 16 rows, pairs of 8 columns, steps of a stage.
  static constexpr int warp_rows = tiles.rows / tiles.row_warps, warp_columns = tiles.columns / tiles.column_warps;
  static constexpr int row_blocks = warp_rows / 16, column_blocks = warp_columns / 16;
  static constexpr int warp_steps = tiles.depth / ATile::step / tiles.depth_warps;
  static_assert(row_blocks * 16 * tiles.row_warps == tiles.rows &&
                    column_blocks * 16 * tiles.column_warps == tiles.columns,
                "a warp has multiples of 16 rows and of 16 columns");
  static_assert(warp_steps * ATile::step * tiles.depth_warps == tiles.depth, "warps have whole steps of a stage");
  static_assert(tiles.rows % cluster == 0, "the blocks of a cluster store equal parts of the rows");

  struct Operands {
    const typename A::type *a;
    const typename B::type *b;
    typename C::type *c;
  };
  struct Args : Operands, Epilogue::Args {};
  static constexpr int words = 3 + Epilogue::words;
  static_assert(sizeof(Args) == 8 * words, "arguments are 8-byte words");

  // Shared memory: stages, later partial sums [depth_warps][rows][columns + 8] (a pair of a row and that of the next
  // are in different banks) | of a cluster: sums to add [cluster][rows / cluster][columns], their barrier
  static constexpr bool gathers = tiles.depth_warps > 1 || cluster > 1;
  static constexpr int stage_bytes = ATile::bytes + BTile::bytes;
  static constexpr int partial_row = tiles.columns + 8, partial_floats = tiles.rows * partial_row;
  static constexpr int received_offset = geometry.received_offset;
  static constexpr int own_rows = tiles.rows / cluster;
  static constexpr int received_bytes = 4 * own_rows * tiles.columns; // from one block
  static constexpr int barrier_offset = received_offset + cluster * received_bytes;
  static_assert((cluster > 1 ? barrier_offset + 16 : received_offset) == shared_bytes &&
                    received_offset >= stages * stage_bytes &&
                    (!gathers || received_offset >= 4 * tiles.depth_warps * partial_floats),
                "the launch has what the kernel uses");

  CADENZA_DEVICE static void run(const Args &args) { run(args, static_cast<int>(arch::block_index())); }

  /// As block `block` of those of this product, for a kernel whose blocks are divided among several with the same
  /// threads and clusters: each begins at a multiple of `cluster`.
  CADENZA_DEVICE static void run(const Args &args, int block) {
    unsigned char *shared = arch::shared_memory();
    const Place place = Place::of(block);
    auto *arrived = reinterpret_cast<arch::Mbarrier *>(shared + barrier_offset);
    if constexpr (cluster > 1)
      expect_partners(arrived);
    const Range range = share(steps, cluster, place.rank);
    if constexpr (requires { Epilogue::prefetch(args); })
      Epilogue::prefetch(args);
    Pipeline pipeline{shared,
                      {args.a + (OffsetOf<A>::value + A::batch_strides::template offset<Batch>(place.batch))},
                      {args.b + (OffsetOf<B>::value + B::batch_strides::template offset<Batch>(place.batch))},
                      place,
                      range};
    float sums[row_blocks][2 * column_blocks][4] = {};
    multiply(pipeline, sums);
    if constexpr (!gathers)
      store_fragments(args, place, sums);
    else
      gather(args, place, sums, shared, arrived);
  }

private:
  /// What a block computes.
  struct Place {
    int batch, first_row, first_column, rank;
    CADENZA_DEVICE static Place of(int block) {
      const int tile = block / cluster;
      return {tile / (row_tiles * column_tiles), tile % row_tiles * tiles.rows,
              tile / row_tiles % column_tiles * tiles.columns, block % cluster};
    }
  };

  /// The ring of stages.
  struct Pipeline {
    unsigned char *shared;
    AView a;
    BView b;
    Place place;
    Range range;

    CADENZA_DEVICE unsigned char *a_tile(int step) const { return shared + step % stages * stage_bytes; }
    CADENZA_DEVICE unsigned char *b_tile(int step) const { return a_tile(step) + ATile::bytes; }
    CADENZA_DEVICE void fill_a(int step) const {
      if (step < range.count)
        ATile::template fill<threads, a_in_pieces>(a_tile(step), a, place.first_row, (range.first + step) * tiles.depth,
                                                   static_cast<int>(arch::thread_index()));
    }
    CADENZA_DEVICE void fill_b(int step) const {
      if (step < range.count)
        BTile::template fill<threads, b_in_pieces>(b_tile(step), b, place.first_column,
                                                   (range.first + step) * tiles.depth,
                                                   static_cast<int>(arch::thread_index()));
    }
    /// Begins the first steps: constant operands before what other kernels write.
    CADENZA_DEVICE void start() const {
      constexpr bool early_a = IsConstant<A>::value, early_b = IsConstant<B>::value;
#pragma unroll
      for (int step = 0; step < ahead; ++step) {
        if (early_a)
          fill_a(step);
        if (early_b)
          fill_b(step);
      }
      arch::grid_dependency_wait();
      arch::grid_dependency_trigger();
#pragma unroll
      for (int step = 0; step < ahead; ++step) {
        if (!early_a)
          fill_a(step);
        if (!early_b)
          fill_b(step);
        arch::copy_async_commit(); // of the first one: with all that began before it
      }
    }
  };

  /// Which part of the tile this warp has.
  struct WarpPlace {
    int row, column, part;
    CADENZA_DEVICE static WarpPlace mine() {
      const int warp = static_cast<int>(arch::warp());
      return {warp % tiles.row_warps * warp_rows, warp / tiles.row_warps % tiles.column_warps * warp_columns,
              warp / (tiles.row_warps * tiles.column_warps)};
    }
  };

  CADENZA_DEVICE static void multiply(const Pipeline &pipeline, float (&sums)[row_blocks][2 * column_blocks][4]) {
    const WarpPlace warp = WarpPlace::mine();
    pipeline.start();
#pragma unroll 1
    for (int step = 0; step < pipeline.range.count; ++step) {
      arch::copy_async_wait<ahead - 1>();
      arch::block_barrier(); // everyone's copies are there, and everyone is done with the stage that is filled next
      if constexpr (ahead < most_steps) {
        pipeline.fill_a(step + ahead);
        pipeline.fill_b(step + ahead);
        arch::copy_async_commit();
      } else {
        arch::copy_async_commit(); // an empty one, so that the count above stays right
      }
      const unsigned char *a = pipeline.a_tile(step), *b = pipeline.b_tile(step);
#pragma unroll
      for (int i = 0; i < warp_steps; ++i) {
        const int k = (warp.part * warp_steps + i) * ATile::step;
        uint32_t b_fragments[column_blocks][4];
#pragma unroll
        for (int j = 0; j < column_blocks; ++j)
          BTile::load_b(b_fragments[j], b, warp.column + 16 * j, k);
#pragma unroll
        for (int j = 0; j < row_blocks; ++j) {
          uint32_t a_fragment[4];
          ATile::load_a(a_fragment, a, warp.row + 16 * j, k);
          StepProduct<T>::add(sums[j], a_fragment, b_fragments);
        }
      }
    }
    arch::copy_async_wait<0>();
  }

  // Storing
  // ------------------------------------------------------------------------------------------------------------

  /// Whether `count` neighbouring elements of a row of C, the first of which is a multiple of `count`, may be stored at
  /// once.
  template <int count> CADENZA_DEVICE static constexpr bool together() {
    return C::column_stride == 1 && (M == 1 || C::row_stride % count == 0) && C::batch_strides::multiples_of(count) &&
           OffsetOf<C>::value % count == 0;
  }
  /// Applies the epilogue to `count` neighbours, of which those beyond the edges of C do not exist.
  template <int count>
  CADENZA_DEVICE static void store(const Args &args, int batch, int row, int column, const float (&sums)[count]) {
    using Out = typename C::type;
    if ((M % tiles.rows != 0 && row >= M) || (N % tiles.columns != 0 && column >= N))
      return;
    Out *to = args.c + (OffsetOf<C>::value + C::batch_strides::template offset<Batch>(batch) + row * C::row_stride +
                        column * C::column_stride);
    struct alignas(count * sizeof(Out)) Run {
      Out element[count];
    };
    if (N % count == 0 || column + count <= N) {
      Run run;
#pragma unroll
      for (int i = 0; i < count; ++i)
        run.element[i] = arch::from_float<Out>(Epilogue::apply(args, batch, row, column + i, sums[i]));
      if constexpr (together<count>()) {
        *reinterpret_cast<Run *>(to) = run;
      } else {
#pragma unroll
        for (int i = 0; i < count; ++i)
          to[i * C::column_stride] = run.element[i];
      }
      return;
    }
    if constexpr (N % count != 0) {
#pragma unroll
      for (int i = 0; i < N % count; ++i)
        to[i * C::column_stride] = arch::from_float<Out>(Epilogue::apply(args, batch, row, column + i, sums[i]));
    }
  }

  /// body(row, column, x, y) for each two neighbouring sums that this lane has, in the tile.
  template <class Body>
  CADENZA_DEVICE static void for_fragments(const float (&sums)[row_blocks][2 * column_blocks][4], Body body) {
    const WarpPlace warp = WarpPlace::mine();
    const int g = static_cast<int>(arch::lane() / 4), t = static_cast<int>(arch::lane() % 4);
#pragma unroll
    for (int i = 0; i < row_blocks; ++i)
#pragma unroll
      for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int j = 0; j < 2 * column_blocks; ++j)
          body(warp.row + 16 * i + 8 * half + g, warp.column + 8 * j + 2 * t, sums[i][j][2 * half],
               sums[i][j][2 * half + 1]);
  }

  CADENZA_DEVICE static void store_fragments(const Args &args, const Place &place,
                                             const float (&sums)[row_blocks][2 * column_blocks][4]) {
    for_fragments(sums, [&](int row, int column, float x, float y) {
      store<2>(args, place.batch, place.first_row + row, place.first_column + column, {x, y});
    });
  }

  // Parts of K
  // ---------------------------------------------------------------------------------------------------------

  struct alignas(8) Pair {
    float x, y;
  };
  struct alignas(16) Four {
    float x[4];
  };

  /// Makes the barrier at which the others' sums arrive. They may send once they have waited for the cluster.
  CADENZA_DEVICE static void expect_partners(arch::Mbarrier *arrived) {
    if constexpr (cluster > 1) {
      if (arch::thread_index() == 0) {
        arch::mbarrier_init(arrived, 1);
        arch::fence_mbarrier_init();
        arch::mbarrier_arrive_expect_tx(arrived, (cluster - 1) * received_bytes);
      }
      arch::cluster_barrier_arrive();
    }
  }

  /// The sums of the parts of K, in order, to where they are stored.
  CADENZA_DEVICE static void gather(const Args &args, const Place &place,
                                    const float (&sums)[row_blocks][2 * column_blocks][4], unsigned char *shared,
                                    arch::Mbarrier *arrived) {
    float *partial = reinterpret_cast<float *>(shared);
    arch::block_barrier(); // all are done with the stages
    const WarpPlace warp = WarpPlace::mine();
    for_fragments(sums, [&](int row, int column, float x, float y) {
      *reinterpret_cast<Pair *>(partial + warp.part * partial_floats + row * partial_row + column) = {x, y};
    });
    arch::block_barrier();
    if constexpr (cluster == 1) {
      for_fours<tiles.rows>([&](int row, int column) {
        store<4>(args, place.batch, place.first_row + row, place.first_column + column,
                 add_warps(partial, row, column).x);
      });
    } else {
      exchange(place, partial, shared, arrived);
      const float *received = reinterpret_cast<const float *>(shared + received_offset);
      for_fours<own_rows>([&](int row, int column) {
        Four sum = *reinterpret_cast<const Four *>(received + row * tiles.columns + column);
#pragma unroll
        for (int rank = 1; rank < cluster; ++rank)
          add(sum, *reinterpret_cast<const Four *>(received + (rank * own_rows + row) * tiles.columns + column));
        store<4>(args, place.batch, place.first_row + place.rank * own_rows + row, place.first_column + column, sum.x);
      });
    }
  }

  /// Sends each block of the cluster this block's sums of its rows, and waits for those of the others.
  CADENZA_DEVICE static void exchange(const Place &place, const float *partial, unsigned char *shared,
                                      arch::Mbarrier *arrived) {
    if constexpr (cluster > 1) {
      float *received = reinterpret_cast<float *>(shared + received_offset);
      arch::cluster_barrier_wait();
      for_fours<tiles.rows>([&](int row, int column) {
        const Four sum = add_warps(partial, row, column);
        const Vec16 words{arch::as_bits(sum.x[0]), arch::as_bits(sum.x[1]), arch::as_bits(sum.x[2]),
                          arch::as_bits(sum.x[3])};
        const int owner = row / own_rows;
        auto *to =
            reinterpret_cast<Vec16 *>(received + (place.rank * own_rows + row % own_rows) * tiles.columns + column);
        if (owner == place.rank)
          *to = words;
        else
          arch::store_async(arch::remote(to, static_cast<uint32_t>(owner)), words,
                            arch::remote(arrived, static_cast<uint32_t>(owner)));
      });
      constexpr uint64_t limit_ns = 4'000'000'000; // the blocks of a cluster run at the same time
      arch::mbarrier_wait<arch::Scope::cluster>(arrived, 0, limit_ns, [] {});
      arch::block_barrier(); // this block's own sums
    }
  }

  /// body(row, column) for each four neighbours of `rows` rows of the tile.
  template <int rows, class Body> CADENZA_DEVICE static void for_fours(Body body) {
    constexpr int of_row = tiles.columns / 4, fours = rows * of_row;
#pragma unroll 4
    for (int i = static_cast<int>(arch::thread_index()); i < fours; i += threads)
      body(i / of_row, i % of_row * 4);
  }
  CADENZA_DEVICE static void add(Four &sum, const Four &other) {
#pragma unroll
    for (int i = 0; i < 4; ++i)
      sum.x[i] += other.x[i];
  }
  CADENZA_DEVICE static Four add_warps(const float *partial, int row, int column) {
    const float *first = partial + row * partial_row + column;
    Four sum = *reinterpret_cast<const Four *>(first);
#pragma unroll
    for (int part = 1; part < tiles.depth_warps; ++part)
      add(sum, *reinterpret_cast<const Four *>(first + part * partial_floats));
    return sum;
  }
};

} // namespace cadenza
