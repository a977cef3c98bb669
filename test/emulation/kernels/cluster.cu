// What needs clusters (sm_90), rightly and with one mistake; and a persistent kernel in small, of all mechanisms.
#include "ring.cuh"

/// A value of each rank to all ranks, `steps` times. weights: none; out: [blocks][64]. 64 threads a block.
template <Mistake M> CADENZA_DEVICE void hop_body(const AsyncArgs &args) {
  constexpr uint32_t row = 4;                                                 // 16-byte pieces a rank
  auto *barriers = reinterpret_cast<arch::Mbarrier *>(arch::shared_memory()); // [2]
  auto *rows = reinterpret_cast<Vec16 *>(arch::shared_memory() + 128);        // [2][ranks][row]
  const uint32_t t = arch::thread_index(), rank = arch::cluster_rank(), ranks = arch::cluster_size();
  if (t == 0) {
    arch::mbarrier_init(barriers, 1);
    arch::mbarrier_init(barriers + 1, 1);
    arch::fence_mbarrier_init();
  }
  if (M != Mistake::no_barrier)
    arch::cluster_barrier();
  uint32_t mine = arch::block_index() * 1000 + t;
  for (uint32_t step = 0; step < args.steps; ++step) {
    // Two buffers: when all rows of a step are here, every rank has read those of the step before.
    const uint32_t buffer = M == Mistake::one_buffer ? 0 : step % 2, phase = M == Mistake::one_buffer ? step : step / 2;
    Vec16 *gathered = rows + buffer * ranks * row;
    if (t == 0)
      arch::mbarrier_arrive_expect_tx(barriers + buffer, ranks * row * 16);
    if (t < row)
      for (uint32_t i = 0; i < ranks; ++i) {
        const uint32_t to = (rank + i) % ranks;
        if (t % 2 == 0) {
          arch::store_async(arch::remote(gathered + rank * row + t, to), Vec16{mine, mine + 1, mine ^ 7, step},
                            arch::remote(barriers + buffer, to));
        } else {
          auto *half = reinterpret_cast<uint64_t *>(gathered + rank * row + t);
          const uint64_t value = mine * 0x100000001ul;
          arch::store_async(arch::remote(half, to), value, arch::remote(barriers + buffer, to));
          arch::store_async(arch::remote(half, to) + 1, ~value, arch::remote(barriers + buffer, to));
        }
      }
    if (M != Mistake::no_full_wait || step + 1 == args.steps)
      arch::mbarrier_wait<arch::Scope::cluster>(barriers + buffer, phase & 1, args.limit_ns, report(args, 6));
    for (uint32_t i = 0; i < ranks * row; ++i) {
      const Vec16 v = arch::load16(gathered + (i + t) % (ranks * row));
      mine = mine * 31 + (v.x ^ v.y * 3 ^ v.z * 5 ^ v.w * 7);
    }
    arch::block_barrier(); // this block has read the row before it sends the next
  }
  args.out[arch::block_index() * arch::block_threads() + t] = mine;
  arch::cluster_barrier();
}
CADENZA_KERNEL(hops, AsyncArgs, 64, 1) { hop_body<Mistake::none>(args); }
CADENZA_KERNEL(hops_without_wait, AsyncArgs, 64, 1) { hop_body<Mistake::no_full_wait>(args); }
CADENZA_KERNEL(hops_one_buffer, AsyncArgs, 64, 1) { hop_body<Mistake::one_buffer>(args); }
CADENZA_KERNEL(hops_uninitialised, AsyncArgs, 64, 1) { hop_body<Mistake::no_barrier>(args); }

/// Rank 0 gives numbers to the others one after the other; each says "read" by a remote arrival. out: [blocks].
CADENZA_KERNEL(remote_arrivals, AsyncArgs, 32, 1) {
  auto *full = reinterpret_cast<arch::Mbarrier *>(arch::shared_memory());
  arch::Mbarrier *read = full + 1;
  auto *value = reinterpret_cast<uint64_t *>(arch::shared_memory() + 64);
  if (arch::thread_index() == 0) {
    arch::mbarrier_init(full, 1);
    arch::mbarrier_init(read, arch::cluster_size());
    arch::fence_mbarrier_init();
  }
  arch::cluster_barrier();
  uint32_t hash = 0;
  if (arch::thread_index() == 0)
    for (uint32_t step = 0; step < args.steps; ++step) {
      arch::mbarrier_arrive_expect_tx(full, 8);
      if (arch::cluster_rank() == 0) {
        if (step > 0)
          arch::mbarrier_wait<arch::Scope::cluster>(read, (step - 1) & 1, args.limit_ns, report(args, 7));
        for (uint32_t to = 0; to < arch::cluster_size(); ++to)
          arch::store_async(arch::remote(value, to), uint64_t{step} * 12345 + arch::cluster_index(),
                            arch::remote(full, to));
      }
      arch::mbarrier_wait<arch::Scope::cluster>(full, step & 1, args.limit_ns, report(args, 8));
      hash = hash * 31 + static_cast<uint32_t>(*value);
      arch::mbarrier_arrive(arch::remote(read, 0));
    }
  if (arch::thread_index() == 0)
    args.out[arch::block_index()] = hash;
  arch::cluster_barrier();
}

// A persistent kernel in small ----------------------------------------------------------------------------------------

constexpr uint32_t consumers = 64, layers = 3, segment = 32; // a rank owns `segment` values of x

/// `steps` steps of `layers` layers of two phases. Phase one: each block multiplies x by its streamed weights and
/// publishes a partial sum of its rank's segment; that rank of every cluster gathers the partials of all clusters and
/// passes the sum on inside its cluster. Phase two: x meets a second streamed stage, in every block alike.
/// weights: [layers][blocks + 1][stage_words]; slots: [layers][2][blocks][segment]; out: [blocks][ranks * segment].
CADENZA_KERNEL(persistent, AsyncArgs, 96, 1) {
  unsigned char *shared = arch::shared_memory();
  Ring ring = make_ring(shared);
  auto *hop = reinterpret_cast<arch::Mbarrier *>(shared + ring_bytes);  // [2]
  auto *news = reinterpret_cast<uint32_t *>(shared + ring_bytes + 128); // [2][ranks][segment]
  auto *sums = news + 2 * 8 * segment;                                  // [segment]
  auto *x = sums + segment;                                             // [ranks][segment]
  const uint32_t t = arch::thread_index(), rank = arch::cluster_rank(), ranks = arch::cluster_size();
  const uint32_t blocks = arch::block_count(), width = ranks * segment;
  if (t == 0) {
    init_ring(ring, consumers / 32);
    arch::mbarrier_init(hop, 1);
    arch::mbarrier_init(hop + 1, 1);
    arch::fence_mbarrier_init();
  }
  arch::cluster_barrier();
  if (t >= consumers) { // the producer runs ahead over phases, layers and steps
    for (uint64_t i = 0; i < args.steps * layers; ++i) {
      const uint32_t *layer = args.weights + i % layers * (blocks + 1) * stage_words;
      produce_stage<Mistake::none>(ring, layer + arch::block_index() * stage_words, args);
      produce_stage<Mistake::none>(ring, layer + blocks * stage_words, args);
    }
    arch::cluster_barrier();
    return;
  }
  auto meet = [] { arch::named_barrier(1, consumers); };
  for (uint32_t i = t; i < width; i += consumers)
    x[i] = i;
  meet();
  uint32_t hops = 0;
  for (uint64_t step = 0; step < args.steps; ++step) {
    const uint32_t epoch = static_cast<uint32_t>(args.first_epoch + step);
    for (uint32_t layer = 0; layer < layers; ++layer, ++hops) {
      arch::Packet *slots = args.slots + (layer * 2 + epoch % 2) * blocks * segment;
      wait_stage(ring, args);
      if (t < segment) {
        uint32_t partial = 0;
        for (uint32_t i = 0; i < ranks; ++i)
          partial = partial * 31 + x[i * segment + t] * ring.words()[(i * segment + t) % stage_words];
        arch::store_packet(slots + arch::block_index() * segment + t, {{partial, layer, 0}, epoch});
      }
      release_stage(ring);
      if (t < segment) {
        uint32_t sum = 0;
        for (uint32_t cluster = 0; cluster < blocks / ranks; ++cluster) {
          arch::Packet p;
          arch::spin_until(
              [&] {
                p = arch::load_packet(slots + (cluster * ranks + rank) * segment + t);
                return p.epoch == epoch;
              },
              args.limit_ns, report(args, 9));
          sum = sum * 7 + p.payload[0] + p.payload[1];
        }
        sums[t] = sum;
      }
      meet(); // the sums are written
      const uint32_t buffer = hops % 2;
      if (t == 0)
        arch::mbarrier_arrive_expect_tx(hop + buffer, width * 4);
      auto *target = reinterpret_cast<Vec16 *>(news + buffer * 8 * segment) + rank * segment / 4;
      for (uint32_t i = t; i < ranks * segment / 4; i += consumers) {
        const uint32_t to = i / (segment / 4), piece = i % (segment / 4);
        arch::store_async(arch::remote(target + piece, to), arch::load16(sums + piece * 4),
                          arch::remote(hop + buffer, to));
      }
      arch::mbarrier_wait<arch::Scope::cluster>(hop + buffer, hops / 2 & 1, args.limit_ns, report(args, 10));
      wait_stage(ring, args);
      for (uint32_t i = t; i < width; i += consumers)
        x[i] = (x[i] ^ news[buffer * 8 * segment + i]) + ring.words()[i % stage_words];
      release_stage(ring);
      meet(); // x is whole, the sums are sent
    }
  }
  for (uint32_t i = t; i < width; i += consumers)
    args.out[arch::block_index() * width + i] = x[i];
  arch::cluster_barrier();
}
