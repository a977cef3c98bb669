#include "test/emulation/record.h"

#include <cstdlib>

namespace cadenza::emulation {

Record::Record() {
  if (const char *path = std::getenv("CADENZA_EMULATION_RECORD"); path && *path)
    file_.open(path, std::ios::trunc);
}

void Record::launch(const std::string &kernel, uint32_t blocks, uint32_t clusterBlocks) {
  phases_.clear(); // shared memory is another one
  file_ << "launch " << kernel << ' ' << blocks << ' ' << clusterBlocks << '\n';
}

void Record::init(uint32_t block, uint32_t offset) { file_ << "init " << block << ' ' << offset << '\n'; }

void Record::send(uint32_t block, uint32_t thread, uint32_t to, uint32_t offset) {
  file_ << "send " << block << ' ' << thread << ' ' << to << ' ' << offset << '\n';
}

void Record::wait(uint32_t block, uint32_t thread, uint32_t offset, uint64_t phase) {
  uint64_t &last = phases_[{{block, thread}, offset}];
  if (last == phase + 1) // it has asked before, and knows
    return;
  last = phase + 1;
  file_ << "wait " << block << ' ' << thread << ' ' << offset << ' ' << phase << '\n';
}

void Record::packet(uint32_t block, uint32_t thread, const void *address, uint32_t epoch, bool stored) {
  if (!stored) {
    const auto [known, isNew] = epochs_.insert({{{block, thread}, address}, epoch});
    if (!isNew && known->second == epoch)
      return;
    known->second = epoch;
  }
  file_ << (stored ? "store " : "load ") << block << ' ' << thread << ' ' << reinterpret_cast<uintptr_t>(address) << ' '
        << epoch << '\n';
}

} // namespace cadenza::emulation
