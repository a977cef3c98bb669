// Fibers: one a emulated thread, switched by saving six registers. x86-64 System V only.
#pragma once

#include <cstddef>
#include <vector>

namespace cadenza::emulation {

/// Saves the callee-saved registers on the current stack, stores the stack pointer in *save and continues at `load`.
/// The floating-point control words are not saved: kernels do not change them.
extern "C" void cadenza_fiber_switch(void **save, void *load);

/// Stacks of equal size, kept for reuse. They are never returned to the system before the process ends.
class StackPool {
public:
  /// Usable bytes; a kernel whose frames exceed this is reported, see Scheduler::checkStack.
  static constexpr size_t stackBytes = 16 * 1024;

  struct Stack {
    unsigned char *low = nullptr; // lowest address
    unsigned char *top = nullptr; // 16-byte aligned end
  };

  Stack take();
  void give(Stack stack) { free_.push_back(stack); }

private:
  std::vector<Stack> free_;
};

/// A stack pointer that makes cadenza_fiber_switch enter `entry` at the top of `stack`. `entry` must not return.
void *prepareFiber(StackPool::Stack stack, void (*entry)());

} // namespace cadenza::emulation
