// arch_wgmma.cuh function by function, and one mistake at a time with what is asynchronous in it. wgmma_test.cpp says
// what comes out.
#include "arch_wgmma.cuh"

using namespace cadenza;

constexpr uint64_t limit_ns = 3'000'000'000;

// Boxes ---------------------------------------------------------------------------------------------------------------

struct BoxArgs {
  const arch::TensorMap *map;
  unsigned char *out; // [blocks][bytes]
  uint64_t bytes;
  int coordinates[4];
  uint64_t ranks; // of a multicast
};

/// One box to the beginning of shared memory and all bytes of it to `out`. 32 threads.
template <int rank> CADENZA_DEVICE void box_body(const BoxArgs &args) {
  unsigned char *shared = arch::swizzled_shared_memory();
  auto *full = reinterpret_cast<arch::Mbarrier *>(shared + args.bytes);
  const int *c = args.coordinates;
  if (arch::lane() == 0) {
    arch::mbarrier_init(full, 1);
    arch::fence_mbarrier_init();
    arch::acquire_tensor_map(args.map);
    arch::prefetch_tensor_map(args.map);
    arch::mbarrier_arrive_expect_tx(full, static_cast<uint32_t>(args.bytes));
    if constexpr (rank == 2)
      arch::copy_tensor(shared, args.map, c[0], c[1], full);
    else if constexpr (rank == 3)
      arch::copy_tensor(shared, args.map, c[0], c[1], c[2], full);
    else
      arch::copy_tensor(shared, args.map, c[0], c[1], c[2], c[3], full);
  }
  arch::block_barrier();
  arch::mbarrier_wait(full, 0, limit_ns, [] {});
  for (uint64_t i = arch::lane(); i < args.bytes; i += 32)
    args.out[i] = shared[i];
}
CADENZA_KERNEL(box_2d, BoxArgs, 32, 1) { box_body<2>(args); }
CADENZA_KERNEL(box_3d, BoxArgs, 32, 1) { box_body<3>(args); }
CADENZA_KERNEL(box_4d, BoxArgs, 32, 1) { box_body<4>(args); }

/// Each block of a cluster sends the box at its rank's rows to all.
template <bool waits> CADENZA_DEVICE void multicast_body(const BoxArgs &args) {
  unsigned char *shared = arch::swizzled_shared_memory();
  const uint32_t rank = arch::cluster_rank(), blocks = arch::cluster_size();
  const uint32_t part = static_cast<uint32_t>(args.bytes) / blocks;
  auto *full = reinterpret_cast<arch::Mbarrier *>(shared + args.bytes);
  if (arch::lane() == 0) {
    arch::mbarrier_init(full, 1);
    arch::fence_mbarrier_init();
  }
  if constexpr (waits)
    arch::cluster_barrier();
  else
    arch::block_barrier();
  if (arch::lane() == 0) {
    arch::acquire_tensor_map(args.map);
    arch::mbarrier_arrive_expect_tx(full, static_cast<uint32_t>(args.bytes));
    arch::copy_tensor_multicast(shared + rank * part, args.map, args.coordinates[0],
                                args.coordinates[1] + static_cast<int>(rank * part / 128), full,
                                static_cast<uint32_t>(args.ranks));
  }
  arch::mbarrier_wait(full, 0, limit_ns, [] {});
  arch::warp_barrier();
  for (uint64_t i = arch::lane(); i < args.bytes; i += 32)
    args.out[arch::block_index() * args.bytes + i] = shared[i];
  arch::cluster_barrier();
}
CADENZA_KERNEL(multicast, BoxArgs, 32, 1) { multicast_body<true>(args); }
CADENZA_KERNEL(multicast_before_the_others_are_there, BoxArgs, 32, 1) { multicast_body<false>(args); }

/// What must not be done with a map: args.ranks says what.
CADENZA_KERNEL(bad_box, BoxArgs, 32, 1) {
  unsigned char *shared = arch::swizzled_shared_memory();
  auto *full = reinterpret_cast<arch::Mbarrier *>(shared + args.bytes);
  if (arch::lane() != 0)
    return;
  arch::mbarrier_init(full, 1);
  if (args.ranks != 0)
    arch::acquire_tensor_map(args.map);
  arch::mbarrier_arrive_expect_tx(full, static_cast<uint32_t>(args.bytes));
  const auto *map = args.ranks == 1
                        ? reinterpret_cast<const arch::TensorMap *>(reinterpret_cast<const char *>(args.map) + 32)
                        : args.map;
  if (args.ranks == 2)
    arch::copy_tensor(shared, map, 0, 0, 0, full); // of two dimensions
  else
    arch::copy_tensor(shared + (args.ranks == 3 ? 64 : args.ranks == 4 ? 1024 : 0), map, 0, 0, full);
  arch::mbarrier_wait(full, 0, limit_ns, [] {});
}

// Products ------------------------------------------------------------------------------------------------------------

struct ProductArgs {
  const arch::TensorMap *a_map, *b_map; // boxes of all rows, as many columns as the swizzle has bytes for
  const uint16_t *a, *b;                // [64][K], [N][K]
  float *d;                             // [64][N]
  uint64_t steps;                       // of K
};

enum class Mistake {
  none,
  no_wait,               // the sums are read before the last group is complete
  early_refill,          // a stage is filled while the group that reads it may still run
  no_fence,              // of registers, before the first wgmma
  no_proxy_fence,        // after plain stores to shared memory
  one_warp_has_no_fence, // of one of the four
  other_swizzle,         // than that of the map
  other_distance,        // of groups of rows
  sums_written,          // while a wgmma is in flight
  fragment_overwritten   // A's registers, while a wgmma is in flight
};
enum class Source {
  maps,
  stores,
  registers,
  transposed
}; // how operands get there; registers: A, and B by maps; so is
   // transposed, where B's rows lie along N

/// Two stages. 128 threads; shared: 2 * (64 + N) * row bytes + 16.
template <class T, int N, arch::Swizzle swizzle, Source source, Mistake M>
CADENZA_DEVICE void product_body(const ProductArgs &args) {
  constexpr int row_bytes = swizzle == arch::Swizzle::rows_of_128 ? 128 : 64, row = row_bytes / 2;
  constexpr int a_bytes = 64 * row_bytes, stage_bytes = (64 + N) * row_bytes;
  unsigned char *shared = arch::swizzled_shared_memory();
  auto *full = reinterpret_cast<arch::Mbarrier *>(shared + 2 * stage_bytes);
  const int thread = static_cast<int>(arch::thread_index()), steps = static_cast<int>(args.steps);
  const int lane = static_cast<int>(arch::lane()), warp = static_cast<int>(arch::warp());

  const auto store = [&](unsigned char *to, const uint16_t *matrix, int rows, int step) {
    for (int i = thread; i < rows * (row_bytes / 16); i += 128) {
      const int r = i / (row_bytes / 16), piece = i % (row_bytes / 16);
      const int place = row_bytes == 128 ? piece ^ r % 8 : piece ^ r / 2 % 4;
      arch::store16(to + r * row_bytes + place * 16, arch::load16(matrix + (r * steps + step) * row + piece * 8));
    }
  };
  const auto fill = [&](int step) {
    unsigned char *to = shared + step % 2 * stage_bytes;
    if (step >= steps)
      return;
    if constexpr (source == Source::stores) {
      store(to, args.a, 64, step);
      store(to + a_bytes, args.b, N, step);
      if (M != Mistake::no_proxy_fence && (M != Mistake::one_warp_has_no_fence || warp != 2))
        arch::fence_proxy_async_shared();
    } else if (thread == 0) {
      arch::mbarrier_arrive_expect_tx(full + step % 2, source == Source::maps ? stage_bytes : stage_bytes - a_bytes);
      if constexpr (source == Source::maps)
        arch::copy_tensor(to, args.a_map, step * row, 0, full + step % 2);
      if constexpr (source == Source::transposed)
        for (int column = 0; column < N; column += 64)
          arch::copy_tensor(to + a_bytes + column * 128, args.b_map, column, step * row, full + step % 2);
      else
        arch::copy_tensor(to + a_bytes, args.b_map, step * row, 0, full + step % 2);
    }
  };
  if (thread == 0) {
    arch::mbarrier_init(full, 1);
    arch::mbarrier_init(full + 1, 1);
    arch::fence_mbarrier_init();
    if constexpr (source != Source::stores) {
      arch::acquire_tensor_map(args.a_map);
      arch::acquire_tensor_map(args.b_map);
    }
  }
  arch::block_barrier();
  fill(0);
  fill(1);

  constexpr arch::Swizzle said = M != Mistake::other_swizzle ? swizzle
                                 : row_bytes == 128          ? arch::Swizzle::rows_of_64
                                                             : arch::Swizzle::rows_of_128;
  float sums[N / 2];
  for (float &sum : sums)
    sum = 1; // taken up by the first product
  uint32_t fragment[row / 16][4];
  for (int step = 0; step < steps; ++step) {
    if constexpr (source == Source::stores)
      arch::block_barrier();
    else
      arch::mbarrier_wait(full + step % 2, static_cast<uint32_t>(step / 2 % 2), limit_ns, [] {});
    const unsigned char *stage = shared + step % 2 * stage_bytes;
    arch::MatrixDescriptor a = arch::matrix_descriptor(stage, said), b = arch::matrix_descriptor(stage + a_bytes, said);
    if constexpr (source == Source::transposed)
      b = arch::transposed_descriptor(stage + a_bytes, 64 * 128);
    if (M == Mistake::other_distance)
      b.bits += uint64_t{8} << (source == Source::transposed ? 16 : 32);
    if constexpr (source == Source::registers || source == Source::transposed)
      for (int k = 0; k < row / 16; ++k)
        for (int i = 0; i < 4; ++i)
          fragment[k][i] =
              *reinterpret_cast<const uint32_t *>(args.a + ((16 * warp + lane / 4 + 8 * (i % 2)) * steps + step) * row +
                                                  16 * k + 8 * (i / 2) + lane % 4 * 2);
    arch::pin_sums(sums);
    if (M != Mistake::no_fence)
      arch::wgmma_fence();
    for (int k = 0; k < row / 16; ++k) {
      if constexpr (source == Source::registers)
        arch::wgmma<T>(sums, fragment[k], b + 32 * k, true);
      else if constexpr (source == Source::transposed)
        arch::wgmma_transposed<T>(sums, fragment[k], b + 16 * 128 * k, true);
      else
        arch::wgmma<T>(sums, a + 32 * k, b + 32 * k, true);
    }
    arch::wgmma_commit();
    if (M == Mistake::sums_written && step == 1)
      sums[3] = 0;
    if (M == Mistake::fragment_overwritten)
      fragment[0][1] = 0;
    const bool last = step + 1 == steps;
    if (M != Mistake::early_refill && (M != Mistake::no_wait || !last))
      arch::wgmma_wait<0>();
    else if (M == Mistake::early_refill)
      arch::wgmma_wait<1>();
    arch::block_barrier();
    fill(step + 2);
  }
  float result[N / 2];
  if constexpr (M == Mistake::no_wait)
    for (int i = 0; i < N / 2; ++i)
      result[i] = sums[i];
  arch::wgmma_wait<0>();
  arch::pin_sums(sums);
  if constexpr (M != Mistake::no_wait)
    for (int i = 0; i < N / 2; ++i)
      result[i] = sums[i];
  for (int i = 0; i < N / 2; ++i)
    args.d[(16 * warp + lane / 4 + 8 * (i / 2 % 2)) * N + i / 4 * 8 + lane % 4 * 2 + i % 2] = result[i];
}

#define CADENZA_PRODUCT(name, T, N, bytes, source, mistake)                                                            \
  CADENZA_KERNEL(name, ProductArgs, 128, 1) {                                                                          \
    product_body<T, N, arch::Swizzle::rows_of_##bytes, Source::source, Mistake::mistake>(args);                        \
  }
CADENZA_PRODUCT(product_16, bf16, 16, 128, maps, none)
CADENZA_PRODUCT(product_32, f16, 32, 64, maps, none)
CADENZA_PRODUCT(product_64, bf16, 64, 64, maps, none)
CADENZA_PRODUCT(product_96, f16, 96, 128, maps, none)
CADENZA_PRODUCT(product_128, bf16, 128, 128, maps, none)
CADENZA_PRODUCT(product_192, bf16, 192, 64, maps, none)
CADENZA_PRODUCT(product_256, bf16, 256, 128, maps, none)
CADENZA_PRODUCT(product_of_stores, bf16, 32, 128, stores, none)
CADENZA_PRODUCT(product_of_stores_64, f16, 32, 64, stores, none)
CADENZA_PRODUCT(product_of_registers, bf16, 32, 128, registers, none)
CADENZA_PRODUCT(product_of_registers_f16, f16, 64, 64, registers, none)
CADENZA_PRODUCT(product_transposed_64, bf16, 64, 128, transposed, none)
CADENZA_PRODUCT(product_transposed_128, f16, 128, 128, transposed, none)
CADENZA_PRODUCT(other_distance_transposed, bf16, 128, 128, transposed, other_distance)
CADENZA_PRODUCT(no_wait, bf16, 32, 128, maps, no_wait)
CADENZA_PRODUCT(early_refill, bf16, 32, 128, maps, early_refill)
CADENZA_PRODUCT(no_fence, bf16, 32, 128, maps, no_fence)
CADENZA_PRODUCT(no_proxy_fence, bf16, 32, 128, stores, no_proxy_fence)
CADENZA_PRODUCT(one_warp_has_no_fence, bf16, 32, 128, stores, one_warp_has_no_fence)
CADENZA_PRODUCT(other_swizzle, bf16, 32, 128, maps, other_swizzle)
CADENZA_PRODUCT(other_swizzle_64, bf16, 32, 64, maps, other_swizzle)
CADENZA_PRODUCT(other_distance, bf16, 32, 128, maps, other_distance)
CADENZA_PRODUCT(sums_written, bf16, 32, 128, maps, sums_written)
CADENZA_PRODUCT(fragment_overwritten, bf16, 32, 128, registers, fragment_overwritten)

/// Warps that disagree, a warpgroup that is none, a thread that leaves: args.steps says which.
CADENZA_KERNEL(bad_product, ProductArgs, 128, 1) {
  float sums[16] = {};
  const arch::MatrixDescriptor a = arch::matrix_descriptor(arch::swizzled_shared_memory(), arch::Swizzle::rows_of_128);
  arch::wgmma_fence();
  arch::wgmma<bf16>(sums, a, a + (args.steps == 0 && arch::warp() == 2 ? 32 : 0) + (args.steps == 3 ? 200'000 : 0),
                    false);
  arch::wgmma_commit();
  if (args.steps != 2)
    arch::wgmma_wait<0>();
}

// Registers -----------------------------------------------------------------------------------------------------------

/// 384 threads: a warpgroup gives what the other two take. args.steps: how many those take.
CADENZA_KERNEL(registers, ProductArgs, 384, 1) {
  if (arch::warp() / 4 == 2) {
    arch::give_registers<40>();
  } else if (args.steps == 232) {
    arch::take_registers<232>();
  } else {
    arch::take_registers<240>();
  }
}
