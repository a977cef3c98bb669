// The mechanisms of a persistent kernel that every GPU has, each used rightly and with one mistake. Integer arithmetic,
// order-sensitive: every GPU and every schedule must give the same words. async_reference.h says which.
#include "ring.cuh"

/// out[block][consumer thread]: a hash of the words of that thread in all stages. weights: [block][steps][stage_words].
template <Mistake M> CADENZA_DEVICE void ring_body(const AsyncArgs &args) {
  const uint32_t consumers = arch::block_threads() - 32;
  Ring ring = make_ring(arch::shared_memory());
  if (arch::thread_index() == 0)
    init_ring(ring, consumers / 32);
  arch::block_barrier();
  if (arch::thread_index() >= consumers) {
    const uint32_t *source = args.weights + arch::block_index() * args.steps * stage_words;
    for (uint64_t i = 0; i < args.steps; ++i)
      produce_stage<M>(ring, source + i * stage_words, args);
    return;
  }
  uint32_t hash = 0;
  for (uint64_t i = 0; i < args.steps; ++i) {
    if (M != Mistake::no_full_wait || i + 1 == args.steps) // the last: no copy is in flight at the end
      wait_stage(ring, args);
    if (M == Mistake::early_release) {
      arch::warp_barrier();
      if (arch::lane() == 0)
        arch::mbarrier_arrive(ring.empty + ring.stage);
    }
    for (uint32_t j = arch::thread_index(); j < stage_words; j += consumers)
      hash = hash * 31 + ring.words()[j];
    if (M == Mistake::early_release)
      ring.next();
    else
      release_stage(ring);
  }
  args.out[arch::block_index() * consumers + arch::thread_index()] = hash;
}
CADENZA_KERNEL(ring, AsyncArgs, 288, 1) { ring_body<Mistake::none>(args); }
CADENZA_KERNEL(ring_without_full_wait, AsyncArgs, 288, 1) { ring_body<Mistake::no_full_wait>(args); }
CADENZA_KERNEL(ring_without_empty_wait, AsyncArgs, 288, 1) { ring_body<Mistake::no_empty_wait>(args); }
CADENZA_KERNEL(ring_released_early, AsyncArgs, 288, 1) { ring_body<Mistake::early_release>(args); }

// Copies of many pieces, and looking without waiting ------------------------------------------------------------------

/// A warp copies 24 pieces of 64 bytes into one buffer, in reverse order; another one looks until they are there, then
/// loads what it wants of them. out: [32][4]. 64 threads; shared: 16 + 24 * 64 bytes.
CADENZA_KERNEL(pieces, AsyncArgs, 64, 1) {
  constexpr int count = 24, bytes = 64;
  auto *full = reinterpret_cast<arch::Mbarrier *>(arch::shared_memory());
  unsigned char *buffer = arch::shared_memory() + 16;
  if (arch::thread_index() == 0) {
    arch::mbarrier_init(full, arch::copy_arrivals());
    arch::fence_mbarrier_init();
    if (!arch::mbarrier_test_wait(full, 1) ||
        arch::mbarrier_test_wait(full, 0)) // the phase before the first is complete
      arch::trap();
  }
  arch::block_barrier();
  const int lane = static_cast<int>(arch::lane());
  if (arch::warp() == 1) {
    arch::copy_expect(full, count * bytes);
    arch::copy_pieces(count, buffer + (count - 1 - lane) * bytes, args.weights + lane * (bytes / 4), bytes, full);
    arch::copy_commit(full);
    return;
  }
  arch::spin_until([&] { return arch::mbarrier_test_wait(full, 0); }, args.limit_ns, report(args, 6));
  Vec16 v{7, 7, 7, 7};
  arch::load_if<16>(lane < count, arch::shared_pointer(buffer) + lane * bytes, v);
  arch::store16(args.out + 4 * lane, v);
}

// Exchange of packets -------------------------------------------------------------------------------------------------

constexpr uint32_t packets = 4; // a block and step

/// Every block publishes `packets` packets a step, gathers those of all blocks and hashes them into its next ones.
/// slots: [2][blocks][packets]; out: [blocks][packets]. 32 threads a block or more; cooperative.
template <Mistake M> CADENZA_DEVICE void packets_body(const AsyncArgs &args) {
  auto *gathered = reinterpret_cast<uint32_t *>(arch::shared_memory()); // [blocks][packets]
  const uint32_t t = arch::thread_index(), blocks = arch::block_count();
  uint32_t mine = arch::block_index() * 100 + t;
  for (uint64_t step = 0; step < args.steps; ++step) {
    const uint32_t epoch = static_cast<uint32_t>(args.first_epoch + step);
    // Two sets of slots: that all blocks' packets of the step before are here proves that all have read the ones
    // before.
    arch::Packet *slots = args.slots + (M == Mistake::one_buffer ? 0 : epoch % 2) * blocks * packets;
    if (t < packets)
      arch::store_packet(slots + arch::block_index() * packets + t, {{mine, mine ^ epoch, t}, epoch});
    for (uint32_t i = (t + 32) % arch::block_threads(); i < blocks * packets; i += arch::block_threads()) {
      arch::Packet p;
      arch::spin_until(
          [&] {
            p = arch::load_packet(slots + i);
            return p.epoch == epoch;
          },
          args.limit_ns, report(args, 3));
      gathered[i] = p.payload[0] + p.payload[1] * 3 + p.payload[2];
    }
    arch::block_barrier(); // all are gathered before anyone sums, and read before this block publishes again
    if (t < packets)
      for (uint32_t i = 0; i < blocks * packets; ++i)
        mine = mine * 31 + gathered[(i + t) % (blocks * packets)];
    if (M != Mistake::no_barrier)
      arch::block_barrier(); // summed before the next step overwrites
  }
  if (t < packets)
    args.out[arch::block_index() * packets + t] = mine;
}
CADENZA_KERNEL(exchange, AsyncArgs, 256, 1) { packets_body<Mistake::none>(args); }
CADENZA_KERNEL(exchange_one_slot, AsyncArgs, 256, 1) { packets_body<Mistake::one_buffer>(args); }
CADENZA_KERNEL(exchange_without_barrier, AsyncArgs, 256, 1) { packets_body<Mistake::no_barrier>(args); }

// Order and time ------------------------------------------------------------------------------------------------------

/// Blocks take turns by acquire and release; a plain word goes from hand to hand. out: [2], the second is the sum.
CADENZA_KERNEL(turns, AsyncArgs, 32, 1) {
  if (arch::thread_index() != 0)
    return;
  for (uint64_t step = 0; step < args.steps; ++step) {
    const uint32_t turn = static_cast<uint32_t>(step) * arch::block_count() + arch::block_index();
    while (arch::load_acquire(args.out) != turn)
      arch::nanosleep(20);
    args.out[1] = args.out[1] * 3 + arch::block_index();
    arch::store_release(args.out, turn + 1);
  }
}

/// Two pairs of warps hand a word to and fro by barriers 1 and 2, and all count at the end. out: [blocks][64], then
/// one.
CADENZA_KERNEL(named_barriers, AsyncArgs, 128, 1) {
  auto *words = reinterpret_cast<volatile uint32_t *>(arch::shared_memory()); // [2]
  const uint32_t pair = arch::warp() / 2, first = arch::warp() % 2 == 0;
  if (arch::thread_index() < 2)
    words[arch::thread_index()] = arch::thread_index();
  arch::block_barrier();
  for (uint64_t step = 0; step < args.steps; ++step) {
    // The warp whose turn it is only arrives at the other's barrier when it is done.
    if (first == (step % 2 == 0)) {
      if (arch::lane() == 0)
        words[pair] = words[pair] * 31 + static_cast<uint32_t>(step);
      arch::named_barrier_arrive(1 + pair * 2 + step % 2, 64);
    } else {
      arch::named_barrier(1 + pair * 2 + step % 2, 64);
    }
  }
  arch::block_barrier();
  if (arch::thread_index() < 2)
    args.out[arch::block_index() * 2 + arch::thread_index()] = words[arch::thread_index()];
  const uint64_t before = arch::global_timer(), cycles = arch::clock();
  arch::nanosleep(100);
  if (arch::global_timer() < before || arch::clock() < cycles)
    arch::trap();
  if (arch::thread_index() == 0)
    arch::add_release(args.diagnosis, 1);
}

// Waits that never end ------------------------------------------------------------------------------------------------

/// Barrier of 2 arrivals at shared memory + 64, of which one comes.
CADENZA_DEVICE arch::Mbarrier *half_arrived() {
  auto *b = reinterpret_cast<arch::Mbarrier *>(arch::shared_memory() + 64);
  if (arch::thread_index() == 0) {
    arch::mbarrier_init(b, 2);
    arch::fence_mbarrier_init();
    arch::mbarrier_arrive(b);
  }
  arch::block_barrier();
  return b;
}
CADENZA_KERNEL(wait_forever, AsyncArgs, 64, 1) {
  arch::Mbarrier *b = half_arrived();
  while (!arch::mbarrier_try_wait(b, 0)) {
  }
}
CADENZA_KERNEL(wait_with_watchdog, AsyncArgs, 64, 1) {
  arch::mbarrier_wait(half_arrived(), 0, args.limit_ns, report(args, 4));
}
CADENZA_KERNEL(poll_with_watchdog, AsyncArgs, 64, 1) {
  arch::spin_until([&] { return arch::load_packet(args.slots).epoch == 1; }, args.limit_ns, report(args, 5));
}
