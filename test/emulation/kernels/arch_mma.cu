// One kernel a function of arch_mma.cuh, for comparison with the fragment layouts of the PTX ISA, and kernels with one
// mistake each.
#include "arch_mma.cuh"

using namespace cadenza;

struct Tf32Args {
  const float *a; // [16][8], row-major
  const float *b; // [8][8], row-major
  float *d;       // [16][8], read and written
};
CADENZA_KERNEL(mma_tf32, Tf32Args, 32, 1) {
  const uint32_t g = arch::lane() / 4, t = arch::lane() % 4;
  const float a[4] = {args.a[g * 8 + t], args.a[(g + 8) * 8 + t], args.a[g * 8 + t + 4], args.a[(g + 8) * 8 + t + 4]};
  const float b[2] = {args.b[t * 8 + g], args.b[(t + 4) * 8 + g]};
  float *low = args.d + g * 8 + 2 * t, *high = args.d + (g + 8) * 8 + 2 * t;
  float d[4] = {low[0], low[1], high[0], high[1]};
  arch::mma_m16n8k8(d, a, b);
  low[0] = d[0];
  low[1] = d[1];
  high[0] = d[2];
  high[1] = d[3];
}

struct RoundArgs {
  const float *in;
  float *out;
  uint64_t count;
};
CADENZA_KERNEL(round_tf32, RoundArgs, 32, 1) {
  for (uint64_t i = arch::thread_index(); i < args.count; i += arch::block_threads())
    args.out[i] = arch::to_tf32(args.in[i]);
}

struct MatricesArgs {
  const uint16_t *rows; // [32][8]
  uint32_t *out;        // [2][32 lanes][4]: as they are, transposed
};
/// Row i lies at place (5 i) % 32 of shared memory: lanes say where.
CADENZA_KERNEL(matrices, MatricesArgs, 32, 1) {
  const uint32_t lane = arch::lane();
  unsigned char *mine = arch::shared_memory() + lane * 5 % 32 * 16;
  arch::copy_async16(mine, args.rows + lane * 8, 16);
  arch::copy_async_commit();
  arch::copy_async_wait<0>();
  arch::warp_barrier();
  uint32_t to[4];
  arch::load_matrices(to, mine);
  for (uint32_t m = 0; m < 4; ++m)
    args.out[lane * 4 + m] = to[m];
  arch::load_matrices_transposed(to, mine);
  for (uint32_t m = 0; m < 4; ++m)
    args.out[(32 + lane) * 4 + m] = to[m];
}
CADENZA_KERNEL(matrices_misaligned, MatricesArgs, 32, 1) {
  uint32_t to[4];
  arch::load_matrices(to, arch::shared_memory() + arch::lane() * 16 + 8);
  args.out[arch::lane()] = to[0];
}
CADENZA_KERNEL(matrices_outside, MatricesArgs, 32, 1) {
  uint32_t to[4];
  arch::load_matrices(to, arch::shared_memory() + (arch::lane() + 1) * 16);
  args.out[arch::lane()] = to[0];
}

struct CopyArgs {
  const unsigned char *in; // [17][16]
  unsigned char *out;      // [17][16]
};
/// Lane i copies i % 17 bytes.
CADENZA_KERNEL(copy_partly, CopyArgs, 32, 1) {
  const int i = static_cast<int>(arch::lane());
  unsigned char *mine = arch::shared_memory() + i * 16;
  if (i < 17)
    arch::copy_async16(mine, args.in + i * 16, i);
  arch::copy_async_commit();
  arch::copy_async_wait<0>();
  if (i < 17)
    arch::store16(args.out + i * 16, arch::load16(mine));
}
CADENZA_KERNEL(copy_misaligned, CopyArgs, 32, 1) {
  arch::copy_async16(arch::shared_memory() + arch::lane() * 16, args.in + 8, 8);
  arch::copy_async_commit();
  arch::copy_async_wait<0>();
}
CADENZA_KERNEL(copy_outside, CopyArgs, 32, 1) {
  arch::copy_async16(arch::shared_memory() + arch::lane() * 16, args.in + 16 * 17, arch::lane() == 9 ? 16 : 0);
  arch::copy_async_commit();
  arch::copy_async_wait<0>();
}
CADENZA_KERNEL(copy_and_exit, CopyArgs, 32, 1) {
  for (int i = 0; i < 17; ++i)
    arch::copy_async16(arch::shared_memory() + arch::lane() * 16, args.in + i * 16, 16);
  arch::copy_async_commit();
}

struct PipelineArgs {
  const uint32_t *in; // [stages][threads][4]
  uint32_t *out;      // [threads]: sum of the words of the thread's neighbour
  uint64_t stages;
};
enum class Mistake { none, waits_for_too_few, no_barrier, refills_early };
/// Three buffers; thread i reads what thread i + 1 copied.
template <Mistake mistake> CADENZA_DEVICE void pipeline(const PipelineArgs &args) {
  const uint64_t thread = arch::thread_index(), threads = arch::block_threads();
  const auto buffer = [&](uint64_t stage, uint64_t of) {
    return arch::shared_memory() + (stage % 3 * threads + of) * 16;
  };
  const auto load = [&](uint64_t stage) {
    if (stage < args.stages)
      arch::copy_async16(buffer(stage, thread), args.in + (stage * threads + thread) * 4, 16);
    arch::copy_async_commit();
  };
  load(0);
  load(1);
  if (mistake == Mistake::refills_early)
    load(2);
  uint32_t sum = 0;
  for (uint64_t stage = 0; stage < args.stages; ++stage) {
    if (mistake == Mistake::refills_early)
      arch::copy_async_wait<2>();
    else
      arch::copy_async_wait<mistake == Mistake::waits_for_too_few ? 2 : 1>();
    if (mistake != Mistake::no_barrier)
      arch::block_barrier();
    load(stage + (mistake == Mistake::refills_early ? 3 : 2));
    const Vec16 words = arch::load16(buffer(stage, (thread + 1) % threads));
    sum += words.x + 3 * words.y + 5 * words.z + 7 * words.w;
  }
  arch::copy_async_wait<0>();
  args.out[thread] = sum;
}
CADENZA_KERNEL(pipeline_right, PipelineArgs, 64, 1) { pipeline<Mistake::none>(args); }
CADENZA_KERNEL(pipeline_waits_for_too_few, PipelineArgs, 64, 1) { pipeline<Mistake::waits_for_too_few>(args); }
CADENZA_KERNEL(pipeline_no_barrier, PipelineArgs, 64, 1) { pipeline<Mistake::no_barrier>(args); }
CADENZA_KERNEL(pipeline_refills_early, PipelineArgs, 64, 1) { pipeline<Mistake::refills_early>(args); }
