#include "test/emulation/fiber.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>

#if !defined(__x86_64__)
#error "the emulation's fibers are written for x86-64"
#endif

// It ends with a return: the lanes of a warp stop at the same call chain, so that the return predictor, fed by the lane
// before, is right for the whole chain of the next.
asm(R"(
  .text
  .globl cadenza_fiber_switch
  .hidden cadenza_fiber_switch
  .type cadenza_fiber_switch, @function
  .p2align 4
cadenza_fiber_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size cadenza_fiber_switch, .-cadenza_fiber_switch
)");

namespace cadenza::emulation {

StackPool::Stack StackPool::take() {
  // A distance that is not a power of two: otherwise the hot top of every stack falls into the same cache sets.
  constexpr size_t stride = stackBytes + 9 * 64;
  constexpr size_t count = 512;
  if (free_.empty()) {
    void *slab =
        mmap(nullptr, stride * count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (slab == MAP_FAILED) {
      std::fprintf(stderr, "cadenza emulation: no memory for the stacks of emulated threads\n");
      std::abort();
    }
    madvise(slab, stride * count, MADV_HUGEPAGE); // a switch that misses the TLB costs more than the switch
    for (size_t i = count; i-- > 0;) {
      unsigned char *low = static_cast<unsigned char *>(slab) + i * stride;
      free_.push_back({low, low + stackBytes});
    }
  }
  Stack stack = free_.back();
  free_.pop_back();
  return stack;
}

void *prepareFiber(StackPool::Stack stack, void (*entry)()) {
  auto **slot = reinterpret_cast<void **>(stack.top);
  *--slot = nullptr;                         // where a return address would be: entry sees an aligned stack
  *--slot = reinterpret_cast<void *>(entry); // returned to by the first switch
  for (int registers = 0; registers < 6; ++registers)
    *--slot = nullptr;
  return slot;
}

} // namespace cadenza::emulation
