// Bulk copies, cp.async and st.async: issued now, done piece by piece whenever the seed says so. The destination of a
// copy is poisoned at issue, and the source is read when a piece lands.
#include "test/emulation/async.h"

#include "test/emulation/faults.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace cadenza::emulation {

namespace {

constexpr int poison = 0xff;

std::string bytesAt(uint32_t bytes, const void *address) {
  return std::to_string(bytes) + " bytes at " + formatAddress(address);
}

} // namespace

void writeShared(Block &block, unsigned char *to, const void *from, uint32_t bytes) {
  std::memcpy(to, from, bytes);
  std::memcpy(block.asyncView.data() + (to - block.shared), from, bytes);
}
void poisonShared(Block &block, unsigned char *to, uint32_t bytes) {
  std::memset(to, poison, bytes);
  std::memset(block.asyncView.data() + (to - block.shared), poison, bytes);
}

/// The block of the running thread's cluster whose shared memory holds the range, or nullptr.
Block *Scheduler::blockOfShared(const void *address, uint64_t bytes) const {
  const auto *p = static_cast<const unsigned char *>(address);
  for (Block *block : current_->warp->block->cluster->blocks)
    if (block && p >= block->shared && bytes <= block->grid->launch->sharedBytes &&
        static_cast<uint64_t>(p - block->shared) <= block->grid->launch->sharedBytes - bytes)
      return block;
  return nullptr;
}

AsyncOperation &Scheduler::issue(Block &target, const char *what) {
  AsyncOperation &operation = *async_.emplace_back(std::make_unique<AsyncOperation>());
  operation.what = what;
  operation.target = &target;
  operation.launch = current_->warp->block->grid->launch;
  operation.issuer = current_->thread;
  operation.sequence = points_;
  ++target.asyncOperations;
  return operation;
}

/// What both kinds of copy demand of source and destination.
void Scheduler::checkCopy(const void *to, const void *from, uint32_t bytes, const char *what) {
  if (reinterpret_cast<uintptr_t>(to) % 16 != 0 || reinterpret_cast<uintptr_t>(from) % 16 != 0)
    fault(CUDA_ERROR_MISALIGNED_ADDRESS, std::string(what) + ": source and destination are 16-byte aligned, not " +
                                             formatAddress(from) + " and " + formatAddress(to));
  if (blockOfShared(to, bytes) != current_->warp->block)
    fault(CUDA_ERROR_ILLEGAL_ADDRESS,
          std::string(what) + ": " + bytesAt(bytes, to) + " are not in this block's shared memory");
  if (!globalReadable(from, bytes))
    fault(CUDA_ERROR_ILLEGAL_ADDRESS, std::string(what) + ": " + bytesAt(bytes, from) + " are not in one allocation");
}

void Scheduler::copyBulk(void *to, const void *from, uint32_t bytes, void *barrier) {
  constexpr const char *what = "copy_piece";
  requireSm90(what);
  if (bytes == 0 || bytes % 16 != 0 || bytes >= 1 << 20)
    fault(CUDA_ERROR_MISALIGNED_ADDRESS,
          std::string(what) + ": a size of " + std::to_string(bytes) + " bytes; it is a multiple of 16 below 2^20");
  checkCopy(to, from, bytes, what);
  Block &block = *current_->warp->block;
  mbarrier(block, barrier, what);
  auto *begin = static_cast<unsigned char *>(to);
  startCopy(block, what, begin, static_cast<const unsigned char *>(from), bytes, barrier);
  schedulingPoint();
}

/// A copy begins that counts bytes: in up to four pieces, cut at random; they land in any order.
AsyncOperation &Scheduler::startCopy(Block &block, const char *what, unsigned char *begin, const unsigned char *source,
                                     uint32_t bytes, void *barrier) {
  for (const auto &other : async_)
    if (other->target == &block && !other->lane && other->pieces.size() > 0 && other->begin < begin + bytes &&
        begin < other->begin + other->bytes)
      fault(CUDA_ERROR_LAUNCH_FAILED, std::string(what) + ": " + bytesAt(bytes, begin) +
                                          " are still being written by an earlier copy or store, issued by " +
                                          describe(*other->launch, other->issuer) + other->what);
  AsyncOperation &operation = issue(block, what);
  operation.begin = begin;
  operation.bytes = bytes;
  operation.barrier = barrier;
  poisonShared(block, begin, bytes);
  uint32_t cuts[5] = {0, bytes / 16, bytes / 16, bytes / 16, bytes / 16};
  for (uint32_t i = 1 + random_.below(4); i < 4; ++i)
    cuts[i] = random_.below(bytes / 16 + 1);
  std::sort(cuts, cuts + 5);
  for (int i = 0; i < 4; ++i)
    if (cuts[i] != cuts[i + 1])
      operation.pieces.push_back(
          {begin + cuts[i] * 16, source ? source + cuts[i] * 16 : nullptr, (cuts[i + 1] - cuts[i]) * 16});
  return operation;
}

void Scheduler::copyLane(void *to, const void *from) {
  constexpr const char *what = "copy_piece";
  checkCopy(to, from, 16, what);
  if (!current_->openCopies) {
    AsyncOperation &operation = issue(*current_->warp->block, what);
    operation.lane = current_;
    operation.open = true;
    current_->openCopies = &operation;
  }
  std::memset(to, poison, 16);
  current_->openCopies->pieces.push_back(
      {static_cast<unsigned char *>(to), static_cast<const unsigned char *>(from), 16});
  if (random_.oneIn(8))
    schedulingPoint();
}

void Scheduler::copyLaneArrive(void *barrier) {
  constexpr const char *what = "copy_commit";
  Block &block = *current_->warp->block;
  mbarrier(block, barrier, what);
  AsyncOperation *operation = std::exchange(current_->openCopies, nullptr);
  if (!operation) {
    operation = &issue(block, what);
    operation->lane = current_;
  }
  operation->open = false;
  operation->barrier = barrier;
  schedulingPoint();
}

void Scheduler::storeAsync(void *to, const void *value, uint32_t bytes, void *barrier) {
  constexpr const char *what = "store_async";
  requireSm90(what);
  if (current_->warp->block->cluster->blocks.size() == 1) // seen on an H100: an illegal instruction
    fault(CUDA_ERROR_ILLEGAL_INSTRUCTION, std::string(what) + " in a launch without clusters");
  Block *target = blockOfShared(to, bytes);
  if (!target)
    fault(CUDA_ERROR_ILLEGAL_ADDRESS, std::string(what) + ": " + bytesAt(bytes, to) +
                                          " are not in the shared memory of a block of this cluster that still runs");
  if (reinterpret_cast<uintptr_t>(to) % bytes != 0)
    fault(CUDA_ERROR_MISALIGNED_ADDRESS, std::string(what) + ": " + bytesAt(bytes, to));
  if (blockOfShared(barrier, 8) != target)
    fault(CUDA_ERROR_LAUNCH_FAILED, std::string(what) + ": the value and its mbarrier are in different blocks");
  mbarrier(*target, barrier, what);
  AsyncOperation &operation = issue(*target, what);
  operation.begin = static_cast<unsigned char *>(to);
  operation.bytes = bytes;
  operation.barrier = barrier;
  std::memcpy(operation.value, value, bytes);
  operation.pieces.push_back({operation.begin, nullptr, bytes});
  if (record_.isOn())
    record_.send(current_->warp->block->index, current_->thread.thread_index, target->index,
                 static_cast<uint32_t>(static_cast<unsigned char *>(barrier) - target->shared));
  schedulingPoint();
}

/// A piece of a box has come: each 16 bytes to where the swizzle puts them.
static void landTensor(const AsyncOperation &operation, const AsyncOperation::Piece &piece) {
  for (uint32_t i = 0; i < piece.bytes; i += 16) {
    const TensorPiece &source = operation.tensor[static_cast<size_t>(piece.to + i - operation.begin) / 16];
    unsigned char bytes[16] = {};
    if (source.last > source.first)
      std::memcpy(bytes + source.first, source.from, source.last - source.first);
    writeShared(*operation.target, swizzle(piece.to + i, operation.swizzledRows), bytes, 16);
  }
}

/// One step of one operation: some pieces land, or it is done. False if it cannot do anything yet.
bool Scheduler::advance(size_t index) {
  AsyncOperation &operation = *async_[index];
  if (!operation.pieces.empty()) {
    for (uint32_t i = 1 + random_.below(operation.lane ? 8 : 2); i > 0 && !operation.pieces.empty(); --i) {
      std::swap(operation.pieces[random_.below(static_cast<uint32_t>(operation.pieces.size()))],
                operation.pieces.back());
      const AsyncOperation::Piece piece = operation.pieces.back();
      operation.pieces.pop_back();
      if (!operation.tensor.empty())
        landTensor(operation, piece);
      else if (operation.lane) // cp.async is of the same proxy as plain stores
        std::memcpy(piece.to, piece.from, piece.bytes);
      else
        writeShared(*operation.target, piece.to, piece.from ? piece.from : operation.value, piece.bytes);
    }
    return true;
  }
  if (operation.open)
    return false;
  if (operation.lane)
    for (const auto &other : async_)
      if (other->lane == operation.lane && other->sequence < operation.sequence)
        return false;
  const std::unique_ptr<AsyncOperation> done = std::move(async_[index]);
  async_[index] = std::move(async_.back());
  async_.pop_back();
  completeAsync(*done);
  return true;
}

/// Any step of any operation, when no thread can run.
bool Scheduler::advanceAsync() {
  const size_t count = async_.size();
  const size_t first = count ? random_.below(static_cast<uint32_t>(count)) : 0;
  for (size_t i = 0; i < count; ++i)
    if (advance((first + i) % count))
      return true;
  return false;
}

/// All bytes are there: tells the barrier. No thread runs here: what is wrong ends the run at the next choice.
void Scheduler::completeAsync(AsyncOperation &operation) {
  Block &block = *operation.target;
  --block.asyncOperations;
  std::string error = damage(block, operation.barrier, operation.what);
  if (error.empty()) {
    const uint32_t offset = static_cast<uint32_t>(static_cast<unsigned char *>(operation.barrier) - block.shared);
    MbarrierState &barrier = *std::find_if(block.mbarriers.begin(), block.mbarriers.end(),
                                           [&](const MbarrierState &other) { return other.offset == offset; });
    if (!operation.lane)
      barrier.bytes -= operation.bytes;
    else if (barrier.pending == 0)
      error = "more arrivals in one phase than " + std::to_string(barrier.expected) + ", at " +
              nameMbarrier(block, barrier);
    else
      --barrier.pending;
    if (error.empty())
      error = settle(block, barrier);
  }
  if (!error.empty() && outcome_.code == CUDA_SUCCESS)
    outcome_ = {CUDA_ERROR_LAUNCH_FAILED, describe(*operation.launch, operation.issuer) + error};
}

} // namespace cadenza::emulation
