#include "test/emulation/faults.h"

#include "test/emulation/driver.h"
#include "test/emulation/scheduler.h"

#include <csignal>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <ucontext.h>

namespace cadenza::emulation {

namespace {

constexpr int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
struct sigaction previous[std::size(signals)];
int faultSignal;
void *faultAddress;
alignas(16) unsigned char landingStack[64 * 1024]; // the faulting thread's own stack may be what overflowed

void land() {
  switch (faultSignal) {
  case SIGFPE:
    scheduler().fault(CUDA_ERROR_LAUNCH_FAILED, "an integer division by zero");
  case SIGILL:
    scheduler().fault(CUDA_ERROR_LAUNCH_FAILED, "an illegal instruction");
  default:
    scheduler().fault(CUDA_ERROR_ILLEGAL_ADDRESS, "an access to " + formatAddress(faultAddress));
  }
}

/// Redirects the interrupted fiber to land(), outside of signal context.
void handle(int number, siginfo_t *info, void *context) {
  if (!scheduler().current()) {
    for (size_t i = 0; i < std::size(signals); ++i)
      if (signals[i] == number)
        sigaction(number, &previous[i], nullptr); // the instruction is repeated and meets the previous handler
    return;
  }
  faultSignal = number;
  faultAddress = info->si_addr;
  auto &registers = static_cast<ucontext_t *>(context)->uc_mcontext.gregs;
  registers[REG_RIP] = reinterpret_cast<greg_t>(land);
  registers[REG_RSP] = reinterpret_cast<greg_t>(landingStack + sizeof(landingStack) - 8); // as after a call
}

} // namespace

void installFaultHandler() {
  static thread_local unsigned char *alternate = nullptr;
  if (!alternate) {
    constexpr size_t bytes = 64 * 1024;
    alternate = new unsigned char[bytes]; // lives as long as the thread may fault
    stack_t stack{};
    stack.ss_sp = alternate;
    stack.ss_size = bytes;
    sigaltstack(&stack, nullptr);
  }
  for (size_t i = 0; i < std::size(signals); ++i) {
    struct sigaction current;
    sigaction(signals[i], nullptr, &current);
    if ((current.sa_flags & SA_SIGINFO) && current.sa_sigaction == handle)
      continue;
    previous[i] = current;
    struct sigaction action{};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    sigaction(signals[i], &action, nullptr);
  }
}

std::string formatAddress(const void *address) {
  char text[32];
  std::snprintf(text, sizeof text, "%p", address);
  return text;
}

bool hostAccessible(const void *address, uint64_t bytes) {
  return driver().memory && driver().memory->isRegistered(address, bytes);
}

bool globalReadable(const void *address, uint64_t bytes) {
  const DeviceMemory *memory = driver().memory.get();
  return memory && (memory->contains(address, bytes, DeviceMemory::Kind::device) ||
                    memory->contains(address, bytes, DeviceMemory::Kind::host) || memory->isRegistered(address, bytes));
}

} // namespace cadenza::emulation
