// What lanes do together: barriers, shuffles, the matrix product; and the slow side of address checking.
#include "test/emulation/device_memory.h"
#include "test/emulation/faults.h"
#include "test/emulation/scheduler.h"
#include "test/emulation/warpgroup.h"

#include <array>
#include <bit>
#include <cstring>
#include <utility>

namespace cadenza::emulation {

namespace {

float f16ToFloat(uint16_t bits) {
  const uint32_t sign = (bits & 0x8000u) << 16, magnitude = bits & 0x7fffu;
  if (magnitude >= 0x7c00u)
    return std::bit_cast<float>(magnitude == 0x7c00u ? sign | 0x7f800000u : 0x7fffffffu);
  const float value = magnitude < 0x400u ? static_cast<float>(magnitude) * 0x1p-24f
                                         : std::bit_cast<float>((magnitude << 13) + 0x38000000u);
  return std::bit_cast<float>(std::bit_cast<uint32_t>(value) | sign);
}

template <Collective Type> float element(uint32_t pair, int half) {
  if constexpr (Type == Collective::mmaBf16)
    return std::bit_cast<float>(half ? pair & 0xffff0000u : pair << 16);
  else
    return f16ToFloat(static_cast<uint16_t>(half ? pair >> 16 : pair));
}

/// D[16][8] += A[16][8] * B[8][8] with the fragment layout of the PTX ISA (mma.m16n8k8, .tf32): register r of A holds
/// row g + 8 * (r & 1), column t + 4 * (r >> 1); register r of B row t + 4r, column g. What tf32 has no room for is
/// dropped.
void multiplyTf32(Lane *lanes) {
  const auto element = [](uint32_t bits) { return std::bit_cast<float>(bits & 0xffffe000u); };
  for (int l = 0; l < 32; ++l)
    for (int i = 0; i < 4; ++i) {
      const int row = l / 4 + 8 * (i >> 1), column = 2 * (l % 4) + (i & 1);
      for (int k = 0; k < 8; ++k)
        lanes[l].d[i] +=
            element(lanes[row % 8 * 4 + k % 4].a[row / 8 + k / 4 * 2]) * element(lanes[column * 4 + k % 4].b[k / 4]);
    }
}

/// ldmatrix.x4: row r of matrix m is at the address of lane 8m + r. Transposed matrices have elements of 16 bits.
void loadMatrices(Lane *lanes, bool transposed) {
  uint16_t rows[32][8];
  for (int l = 0; l < 32; ++l)
    std::memcpy(rows[l], lanes[l].address, 16);
  for (int l = 0; l < 32; ++l)
    for (int m = 0; m < 4; ++m) {
      const int g = l / 4, t = l % 4;
      const uint16_t low = transposed ? rows[8 * m + 2 * t][g] : rows[8 * m + g][2 * t];
      const uint16_t high = transposed ? rows[8 * m + 2 * t + 1][g] : rows[8 * m + g][2 * t + 1];
      lanes[l].fragments[m] = low | static_cast<uint32_t>(high) << 16;
    }
}

/// D[16][8] += A[16][16] * B[16][8] with the fragment layout of the PTX ISA (mma.m16n8k16, .f16 and .bf16): register r
/// of A holds row g + 8 * (r & 1), columns 2t + 8 * (r >> 1) and the next; register r of B rows 2t + 8r and the next,
/// column g; d[i] is row g + 8 * (i >> 1), column 2t + (i & 1). Products are exact in fp32; k runs upwards.
template <Collective Type> void multiply(Lane *lanes) {
  float a[16][16], b[16][8], d[16][8];
  for (int l = 0; l < 32; ++l) {
    const int g = l / 4, t = l % 4;
    for (int half = 0; half < 2; ++half) {
      for (int r = 0; r < 4; ++r)
        a[g + 8 * (r & 1)][2 * t + 8 * (r >> 1) + half] = element<Type>(lanes[l].a[r], half);
      for (int r = 0; r < 2; ++r)
        b[2 * t + 8 * r + half][g] = element<Type>(lanes[l].b[r], half);
    }
    for (int i = 0; i < 4; ++i)
      d[g + 8 * (i >> 1)][2 * t + (i & 1)] = lanes[l].d[i];
  }
  for (int row = 0; row < 16; ++row)
    for (int k = 0; k < 16; ++k)
      for (int column = 0; column < 8; ++column)
        d[row][column] += a[row][k] * b[k][column];
  for (int l = 0; l < 32; ++l)
    for (int i = 0; i < 4; ++i)
      lanes[l].d[i] = d[l / 4 + 8 * (i >> 1)][2 * (l % 4) + (i & 1)];
}

} // namespace

float toFloat(host::Element type, uint16_t bits) {
  return type == host::Element::bf16 ? element<Collective::mmaBf16>(bits, 0) : element<Collective::mmaF16>(bits, 0);
}

/// The lane waits until all 32 have arrived. What must not happen, because on a GPU it is undefined or hangs: a lane
/// that exited, waits at a block barrier or arrives at another collective.
void Scheduler::collective(Collective kind) {
  Warp &warp = *current_->warp;
  const uint32_t bit = 1u << (current_ - warp.lanes);
  if (warp.all != ~0u || warp.exited != 0 || (warp.atBarrier | warp.atNamed) != 0 ||
      (warp.atCollective != 0 && warp.collective != kind)) [[unlikely]] {
    warp.atCollective |= bit;
    const char *why = warp.all != ~0u    ? "a warp collective in a warp of fewer than 32 threads"
                      : warp.exited != 0 ? "a warp collective that exited lanes will never reach"
                      : (warp.atBarrier | warp.atNamed) != 0
                          ? "divergence: a warp collective while other lanes wait at block_barrier or a named barrier"
                          : "divergence: lanes of one warp meet at different collectives";
    fault(CUDA_ERROR_LAUNCH_FAILED, why + describeWaiting());
  }
  current_->uselessPolls = 0;
  warp.collective = kind;
  warp.atCollective |= bit;
  if (warp.atCollective == ~0u)
    complete(warp);
  else
    clearRunnable(warp, bit);
  leave();
}

/// All operands are there; the results are written before any lane goes on.
void Scheduler::complete(Warp &warp) {
  switch (warp.collective) {
  case Collective::shuffle: {
    std::array<uint32_t, 32> values;
    for (int l = 0; l < 32; ++l)
      values[l] = warp.lanes[warp.lanes[l].source].value;
    for (int l = 0; l < 32; ++l)
      warp.lanes[l].value = values[l];
    break;
  }
  case Collective::mmaBf16:
    multiply<Collective::mmaBf16>(warp.lanes);
    break;
  case Collective::mmaF16:
    multiply<Collective::mmaF16>(warp.lanes);
    break;
  case Collective::mmaTf32:
    multiplyTf32(warp.lanes);
    break;
  case Collective::loadMatrices:
  case Collective::loadTransposed:
    emulation::loadMatrices(warp.lanes, warp.collective == Collective::loadTransposed);
    break;
  case Collective::wgmma:
    issueProduct(warp);
    break;
  case Collective::wgmmaFence:
    productsOf(warp).fenced = true;
    break;
  case Collective::wgmmaCommit:
    ++productsOf(warp).groups;
    break;
  case Collective::wgmmaWait:
    waitForProducts(warp, current_->number);
    break;
  case Collective::warpBarrier:
  case Collective::setRegisters:
  case Collective::none:
    break;
  }
  warp.atCollective = 0;
  warp.collective = Collective::none;
  const uint64_t choice = random_.next();
  warp.rotation = choice % 32;
  warp.descending = choice >> 5 & 1;
  setRunnable(warp, warp.all);
  if ((choice >> 48) == 0) // now and then, for kernels that meet in warps only
    checkProgress();
}

uint32_t Scheduler::shuffle(uint32_t value, uint32_t source) {
  Lane *self = current_;
  self->value = value;
  self->source = source;
  collective(Collective::shuffle);
  return self->value;
}

void Scheduler::mma(host::Element type, float *d, const uint32_t *a, const uint32_t *b) {
  current_->d = d;
  current_->a = a;
  current_->b = b;
  collective(type == host::Element::bf16  ? Collective::mmaBf16
             : type == host::Element::f16 ? Collective::mmaF16
                                          : Collective::mmaTf32);
}

void Scheduler::loadMatrices(uint32_t *to, const void *row, bool transposed) {
  if (reinterpret_cast<uintptr_t>(row) % 16 != 0)
    fault(CUDA_ERROR_MISALIGNED_ADDRESS, "load_matrices: a row at " + formatAddress(row));
  if (blockOfShared(row, 16) != current_->warp->block)
    fault(CUDA_ERROR_ILLEGAL_ADDRESS,
          "load_matrices: a row outside this block's shared memory, at " + formatAddress(row));
  current_->address = row;
  current_->fragments = to;
  collective(transposed ? Collective::loadTransposed : Collective::loadMatrices);
}

void Scheduler::blockBarrier() {
  Warp &warp = *current_->warp;
  Block &block = *warp.block;
  const uint32_t bit = 1u << (current_ - warp.lanes);
  if (block.exited != 0 || warp.atCollective != 0) [[unlikely]] {
    const char *why = block.exited != 0
                          ? "a block_barrier that exited threads will never reach"
                          : "divergence: block_barrier while other lanes of the warp wait in a collective";
    fault(CUDA_ERROR_LAUNCH_FAILED, why + describeWaiting());
  }
  warp.atBarrier |= bit;
  if (++block.atBarrier < block.threads) {
    clearRunnable(warp, bit);
    return leave();
  }
  block.atBarrier = 0;
  progress();
  for (std::unique_ptr<Warp> &other : block.warps) {
    const uint64_t choice = random_.next();
    other->rotation = choice % 32;
    other->descending = choice >> 5 & 1;
    setRunnable(*other, std::exchange(other->atBarrier, 0));
  }
  quantum_ = 0; // who goes first is decided anew
  leave();
}

void Scheduler::checkSlow(const void *address, bool global) {
  const auto *p = static_cast<const unsigned char *>(address);
  const StackPool::Stack &stack = current_->stack;
  if (!global && p >= stack.low && p + 16 <= stack.top) // a local array
    return;
  if (hostAccessible(address, 16))
    return;
  fault(CUDA_ERROR_ILLEGAL_ADDRESS, (global ? "a 16-byte access to something that is not global memory, at "
                                            : "a 16-byte access outside global, shared and local memory, at ") +
                                        formatAddress(address));
}

} // namespace cadenza::emulation
