// One kernel a function of arch.cuh, for comparison with scalar references.
#include "arch.cuh"

using namespace cadenza;

struct ConvertArgs {
  const float *in; // [count]
  uint16_t *bf, *half;
  float *bf_back, *half_back;
  uint32_t *pairs; // [2][count / 2]: bf16x2, f16x2
  uint64_t count;
};
CADENZA_KERNEL(convert, ConvertArgs, 256, 1) {
  for (uint64_t i = arch::thread_index(); i < args.count; i += arch::block_threads()) {
    const bf16 b = arch::to_bf16(args.in[i]);
    const f16 h = arch::from_float<f16>(args.in[i]);
    args.bf[i] = b.bits;
    args.half[i] = h.bits;
    args.bf_back[i] = arch::to_float(b);
    args.half_back[i] = arch::to_float(h);
    if (i % 2 == 0 && i + 1 < args.count) {
      args.pairs[i / 2] = arch::pack2<bf16>(args.in[i], args.in[i + 1]);
      args.pairs[(args.count + i) / 2] = arch::pack2<f16>(args.in[i], args.in[i + 1]);
    }
  }
}

struct HalfArgs {
  float *out; // [65536]: every f16
};
CADENZA_KERNEL(all_halves, HalfArgs, 256, 1) {
  for (uint32_t i = arch::thread_index(); i < 65536; i += arch::block_threads())
    args.out[i] = arch::to_float(f16{static_cast<uint16_t>(i)});
}

struct MmaArgs {
  const uint16_t *a; // [16][16], row-major
  const uint16_t *b; // [16][8], row-major
  float *d;          // [16][8], read and written
};
template <typename T> CADENZA_DEVICE void mma_body(const MmaArgs &args) {
  const uint32_t g = arch::lane() / 4, t = arch::lane() % 4;
  auto pair = [](uint16_t low, uint16_t high) { return low | static_cast<uint32_t>(high) << 16; };
  auto a_pair = [&](uint32_t row, uint32_t k) { return pair(args.a[row * 16 + k], args.a[row * 16 + k + 1]); };
  auto b_pair = [&](uint32_t k) { return pair(args.b[k * 8 + g], args.b[(k + 1) * 8 + g]); };
  const uint32_t a[4] = {a_pair(g, 2 * t), a_pair(g + 8, 2 * t), a_pair(g, 2 * t + 8), a_pair(g + 8, 2 * t + 8)};
  const uint32_t b[2] = {b_pair(2 * t), b_pair(2 * t + 8)};
  float *low = args.d + g * 8 + 2 * t, *high = args.d + (g + 8) * 8 + 2 * t;
  float d[4] = {low[0], low[1], high[0], high[1]};
  arch::mma_m16n8k16<T>(d, a, b);
  low[0] = d[0];
  low[1] = d[1];
  high[0] = d[2];
  high[1] = d[3];
}
CADENZA_KERNEL(mma_bf16, MmaArgs, 32, 1) { mma_body<bf16>(args); }
CADENZA_KERNEL(mma_f16, MmaArgs, 32, 1) { mma_body<f16>(args); }

struct ShuffleArgs {
  uint32_t *out; // [5][threads]
};
CADENZA_KERNEL(shuffles, ShuffleArgs, 128, 1) {
  const uint32_t i = arch::thread_index(), n = arch::block_threads();
  args.out[i] = arch::shuffle_xor(i, 5);
  args.out[n + i] = arch::shuffle(i, static_cast<int>((arch::lane() * 7 + 3) % 32));
  args.out[2 * n + i] = arch::as_bits(arch::shuffle(static_cast<float>(i), 31));
  args.out[3 * n + i] = arch::ballot(i % 3 != 0);
  args.out[4 * n + i] =
      static_cast<uint32_t>(arch::trailing_ones((arch::lane() == 31 ? 0 : ~0u << (arch::lane() + 1)) ^ ~0u));
}

struct MathArgs {
  const float *in; // [32]
  float *out;      // [5][32]
};
CADENZA_KERNEL(math, MathArgs, 32, 1) {
  const uint32_t i = arch::lane();
  const float x = args.in[i];
  args.out[i] = arch::exp(x);
  args.out[32 + i] = arch::exp2(x);
  args.out[64 + i] = arch::rsqrt(x < 0 ? -x : x);
  args.out[96 + i] = arch::tanh(x);
  args.out[128 + i] = arch::fma(x, x, -1.0f);
}
