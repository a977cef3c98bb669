// How threads, blocks and launches work together, rightly and wrongly.
#include "arch.cuh"

using namespace cadenza;

struct SumArgs {
  const float *in;   // [blocks][threads]
  float *partial;    // [blocks]
  float *out;        // [1]
  uint32_t *counter; // 0
};

/// Sum over a block through shuffles and shared memory; `barrier` is what a test leaves out.
template <bool Barrier> CADENZA_DEVICE float block_sum(float value, float *scratch) {
  for (int mask = 16; mask > 0; mask /= 2)
    value += arch::shuffle_xor(value, mask);
  if (arch::lane() == 0)
    scratch[arch::warp()] = value;
  if constexpr (Barrier)
    arch::block_barrier();
  float sum = 0;
  for (uint32_t w = 0; w < arch::block_threads() / 32; ++w)
    sum += scratch[w];
  return sum;
}

template <bool Barrier> CADENZA_DEVICE void reduce_body(const SumArgs &args) {
  auto *scratch = reinterpret_cast<float *>(arch::shared_memory());
  const uint32_t i = arch::block_index() * arch::block_threads() + arch::thread_index();
  const float sum = block_sum<Barrier>(args.in[i], scratch);
  if (arch::thread_index() == 0)
    args.partial[arch::block_index()] = sum;
}
CADENZA_KERNEL(reduce, SumArgs, 1024, 1) { reduce_body<true>(args); }
CADENZA_KERNEL(reduce_without_barrier, SumArgs, 1024, 1) { reduce_body<false>(args); }

/// The last block to arrive sums the partial results of all in a fixed order.
CADENZA_KERNEL(reduce_last_arriver, SumArgs, 256, 1) {
  reduce_body<true>(args);
  auto *flag = reinterpret_cast<uint32_t *>(arch::shared_memory() + 256);
  if (!arch::last_block_arrives(args.counter, arch::block_count(), flag))
    return;
  if (arch::thread_index() != 0)
    return;
  float sum = 0;
  for (uint32_t b = 0; b < arch::block_count(); ++b)
    sum += arch::load_relaxed(args.partial + b);
  *args.out = sum;
}

/// The same with the mistake that block 0 believes itself last.
CADENZA_KERNEL(reduce_first_block, SumArgs, 256, 1) {
  reduce_body<true>(args);
  if (arch::block_index() != 0 || arch::thread_index() != 0)
    return;
  float sum = 0;
  for (uint32_t b = 0; b < arch::block_count(); ++b)
    sum += arch::load_relaxed(args.partial + b);
  *args.out = sum;
}

struct WordArgs {
  uint32_t *words;
  uint64_t value;
};

CADENZA_KERNEL(exit_before_barrier, WordArgs, 256, 1) {
  if (arch::warp() == 1)
    return;
  arch::block_barrier();
}
CADENZA_KERNEL(exit_before_shuffle, WordArgs, 256, 1) {
  if (arch::lane() == 7)
    return;
  args.words[arch::thread_index()] = arch::shuffle_xor(arch::lane(), 1);
}
CADENZA_KERNEL(diverging_collectives, WordArgs, 256, 1) {
  if (arch::lane() < 16)
    arch::warp_barrier();
  else
    args.words[arch::thread_index()] = arch::shuffle_xor(arch::lane(), 1);
}
CADENZA_KERNEL(barrier_in_half_a_warp, WordArgs, 256, 1) {
  if (arch::lane() < 16)
    arch::block_barrier();
  arch::warp_barrier();
}
/// Waits for a word that nobody writes.
CADENZA_KERNEL(poll_forever, WordArgs, 256, 1) {
  while (arch::load_relaxed(args.words) == 0) {
  }
}
/// Every block waits until all have arrived: sound only if all are resident.
CADENZA_KERNEL(grid_barrier, WordArgs, 256, 1) {
  if (arch::thread_index() == 0) {
    arch::ticket(args.words, ~0u);
    while (arch::load_relaxed(args.words) < arch::block_count()) {
    }
  }
  arch::block_barrier();
  args.words[1 + arch::block_index()] = arch::load_relaxed(args.words);
}

CADENZA_KERNEL(misaligned_load, WordArgs, 32, 1) {
  const Vec16 v = arch::load16(reinterpret_cast<const unsigned char *>(args.words) + args.value);
  args.words[arch::lane()] = v.x;
}
CADENZA_KERNEL(streaming_load, WordArgs, 32, 1) {
  const Vec16 v = arch::load_weights<Vec16>(reinterpret_cast<const unsigned char *>(args.words) + args.value);
  if (v.x == 12345)
    args.words[0] = v.y;
}
CADENZA_KERNEL(plain_load, WordArgs, 32, 1) {
  if (reinterpret_cast<volatile unsigned char *>(args.words)[args.value] == 77)
    args.words[0] = 1;
}
CADENZA_KERNEL(shared_overrun, WordArgs, 32, 1) { arch::shared_memory()[args.value] = 1; }
CADENZA_KERNEL(shared_size, WordArgs, 1024, 1) {
  for (uint64_t i = arch::thread_index() * 4; i < args.value; i += arch::block_threads() * 4)
    reinterpret_cast<uint32_t *>(arch::shared_memory())[i / 4] = static_cast<uint32_t>(i);
}
CADENZA_KERNEL(read_shared_poison, WordArgs, 32, 1) {
  args.words[arch::lane()] = reinterpret_cast<uint32_t *>(arch::shared_memory())[arch::lane()];
}
CADENZA_KERNEL(trapping, WordArgs, 32, 1) { arch::trap(); }

CADENZA_KERNEL(add_value, WordArgs, 256, 1) {
  if (arch::block_index() == 0 && arch::thread_index() == 0)
    args.words[0] = args.words[0] * 3 + static_cast<uint32_t>(args.value);
}

/// A producer that lets its dependents start before it has written; `words` is [blocks * threads].
CADENZA_KERNEL(produce, WordArgs, 256, 1) {
  arch::grid_dependency_trigger();
  arch::grid_dependency_wait();
  arch::block_barrier();
  args.words[arch::block_index() * arch::block_threads() + arch::thread_index()] = static_cast<uint32_t>(args.value);
}
struct ConsumeArgs {
  const uint32_t *words; // what produce wrote
  uint32_t *out;         // [blocks * threads]
};
CADENZA_KERNEL(consume, ConsumeArgs, 256, 1) {
  arch::grid_dependency_trigger();
  arch::grid_dependency_wait();
  const uint32_t i = arch::block_index() * arch::block_threads() + arch::thread_index();
  args.out[i] = args.words[arch::block_count() * arch::block_threads() - 1 - i];
}
CADENZA_KERNEL(consume_without_wait, ConsumeArgs, 256, 1) {
  const uint32_t i = arch::block_index() * arch::block_threads() + arch::thread_index();
  args.out[i] = args.words[arch::block_count() * arch::block_threads() - 1 - i];
  arch::grid_dependency_wait();
}
