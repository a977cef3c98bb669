// cp.async in groups: issued now, there at a random later time, at the latest when the thread waits for the group. The
// destination is poisoned at issue, and the source is read when the bytes land.
#include "test/emulation/faults.h"
#include "test/emulation/scheduler.h"

#include <cstring>
#include <utility>

namespace cadenza::emulation {

namespace {

constexpr int poison = 0xff;

} // namespace

void Scheduler::copyAsync(void *to, const void *from, uint32_t bytes) {
  constexpr const char *what = "copy_async16";
  if (reinterpret_cast<uintptr_t>(to) % 16 != 0 || reinterpret_cast<uintptr_t>(from) % 16 != 0 || bytes > 16)
    fault(CUDA_ERROR_MISALIGNED_ADDRESS,
          std::string(what) + ": " + std::to_string(bytes) +
              " bytes; source and destination are 16-byte aligned and it is 16 bytes at most, not " +
              formatAddress(from) + " and " + formatAddress(to));
  Block &block = *current_->warp->block;
  if (blockOfShared(to, 16) != &block)
    fault(CUDA_ERROR_ILLEGAL_ADDRESS,
          std::string(what) + ": the destination is not in this block's shared memory: " + formatAddress(to));
  if (bytes > 0 && !globalReadable(from, bytes))
    fault(CUDA_ERROR_ILLEGAL_ADDRESS, std::string(what) + ": " + std::to_string(bytes) + " bytes at " +
                                          formatAddress(from) + " are not in one allocation");
  if (!std::exchange(current_->copying, true))
    copyingLanes_.push_back(current_);
  std::memset(to, poison, 16);
  current_->copies.push_back(
      {static_cast<unsigned char *>(to), static_cast<const unsigned char *>(from), bytes, current_->copyGroups});
  ++block.asyncOperations;
  if (random_.oneIn(8))
    schedulingPoint();
}

void Scheduler::copyAsyncCommit() {
  ++current_->copyGroups;
  if (random_.oneIn(8))
    schedulingPoint();
}

void Scheduler::copyAsyncWait(uint32_t pending) {
  for (size_t i = current_->copies.size(); i > 0; --i)
    if (current_->copies[i - 1].group + pending < current_->copyGroups)
      land(*current_, i - 1);
  schedulingPoint();
}

/// The bytes of one copy are there.
void Scheduler::land(Lane &lane, size_t index) {
  const LaneCopy copy = lane.copies[index];
  lane.copies[index] = lane.copies.back();
  lane.copies.pop_back();
  std::memset(copy.to, 0, 16);
  std::memcpy(copy.to, copy.from, copy.bytes);
  --lane.warp->block->asyncOperations;
}

/// Some copies of some lane, of whichever groups.
void Scheduler::landSome() {
  Lane *&place = copyingLanes_[random_.below(static_cast<uint32_t>(copyingLanes_.size()))];
  Lane &lane = *place;
  for (uint32_t i = 1 + random_.below(8); i > 0 && !lane.copies.empty(); --i)
    land(lane, random_.below(static_cast<uint32_t>(lane.copies.size())));
  if (lane.copies.empty()) {
    lane.copying = false;
    place = copyingLanes_.back();
    copyingLanes_.pop_back();
  }
}

/// The lanes of a block that ends copy no more.
void Scheduler::forgetCopies(const Block &block) {
  std::erase_if(copyingLanes_, [&](const Lane *lane) { return lane->warp->block == &block; });
}

} // namespace cadenza::emulation
