// Copies by tensor maps, and what of shared memory the asynchronous proxy knows.
#include "test/emulation/async.h"
#include "test/emulation/faults.h"
#include "test/emulation/tensor_map.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace cadenza::emulation {

namespace {

/// The 16-byte pieces of the box whose first element has these coordinates, in the order of shared memory.
class BoxReader {
public:
  BoxReader(const TensorMap &map, const int *coordinates) : map_(map), coordinates_(coordinates) {}

  std::vector<TensorPiece> pieces() {
    uint32_t at[5] = {};
    do
      row(at);
    while (advance(at));
    return std::move(pieces_);
  }
  /// The bytes that are read, of which there may be none.
  const unsigned char *begin() const { return begin_; }
  uint64_t bytes() const { return begin_ ? static_cast<uint64_t>(end_ - begin_) : 0; }

private:
  /// To the next row of the box; false after the last.
  bool advance(uint32_t (&at)[5]) const {
    for (int i = 1; i < map_.rank; ++i) {
      if (++at[i] < map_.box[i])
        return true;
      at[i] = 0;
    }
    return false;
  }
  void row(const uint32_t (&at)[5]) {
    const unsigned char *from = map_.address;
    bool exists = true;
    for (int i = 1; i < map_.rank; ++i) {
      const int64_t place = int64_t{coordinates_[i]} + at[i];
      exists = exists && place >= 0 && place < static_cast<int64_t>(map_.extents[i]);
      from += place * static_cast<int64_t>(map_.strides[i - 1]);
    }
    const int64_t width = map_.elementBytes, first = coordinates_[0] * width,
                  end = static_cast<int64_t>(map_.extents[0]) * width;
    for (int64_t byte = 0; byte < map_.box[0] * width; byte += 16) {
      const int64_t low = std::clamp<int64_t>(-(first + byte), 0, 16),
                    high = std::clamp<int64_t>(end - first - byte, 0, 16);
      if (!exists || low >= high) {
        pieces_.push_back({nullptr, 0, 0});
        continue;
      }
      const unsigned char *source = from + first + byte + low;
      pieces_.push_back({source, static_cast<uint8_t>(low), static_cast<uint8_t>(high)});
      begin_ = begin_ ? std::min(begin_, source) : source;
      end_ = std::max(end_, source + (high - low));
    }
  }

  const TensorMap &map_;
  const int *coordinates_;
  std::vector<TensorPiece> pieces_;
  const unsigned char *begin_ = nullptr, *end_ = nullptr;
};

} // namespace

/// What threads of the block have stored by now reaches the asynchronous proxy. Those of others, too: a thread that has
/// no fence is found out under the seeds that let it store after the others' fences.
void Scheduler::fenceProxyAsync() {
  Block &block = *current_->warp->block;
  std::memcpy(block.asyncView.data(), block.shared, block.asyncView.size());
  schedulingPoint();
}

void Scheduler::acquireTensorMap(const void *map) {
  current_->tensorMaps.push_back(map);
  schedulingPoint();
}

void Scheduler::copyTensor(void *to, const void *address, const int *coordinates, uint32_t rank, void *barrier,
                           uint32_t blocks) {
  constexpr const char *what = "copy_tensor";
  requireSm90(what);
  TensorMap map;
  if (reinterpret_cast<uintptr_t>(address) % 64 != 0)
    fault(CUDA_ERROR_MISALIGNED_ADDRESS, "copy_tensor: the map is 64-byte aligned, not " + formatAddress(address));
  if (!globalReadable(address, sizeof(CUtensorMap)))
    fault(CUDA_ERROR_ILLEGAL_ADDRESS,
          "copy_tensor: the map at " + formatAddress(address) + " is not in one allocation");
  std::memcpy(&map, address, sizeof map);
  if (map.mark != TensorMap::written || map.rank != rank)
    fault(CUDA_ERROR_LAUNCH_FAILED,
          "copy_tensor: " + formatAddress(address) + " is no tensor map of " + std::to_string(rank) + " dimensions");
  if (std::find(current_->tensorMaps.begin(), current_->tensorMaps.end(), address) == current_->tensorMaps.end())
    fault(CUDA_ERROR_LAUNCH_FAILED, "copy_tensor: this thread has no acquire_tensor_map of " + formatAddress(address));
  Block &block = *current_->warp->block;
  const uint32_t bytes = map.boxBytes();
  if (reinterpret_cast<uintptr_t>(to) % 128 != 0)
    fault(CUDA_ERROR_MISALIGNED_ADDRESS, "copy_tensor: the destination is 128-byte aligned, not " + formatAddress(to));
  if (blockOfShared(to, bytes) != &block || blockOfShared(barrier, 8) != &block)
    fault(CUDA_ERROR_ILLEGAL_ADDRESS, "copy_tensor: a box of " + std::to_string(bytes) + " bytes at " +
                                          formatAddress(to) + " or its mbarrier are not in this block's shared memory");
  BoxReader reader(map, coordinates);
  const std::vector<TensorPiece> pieces = reader.pieces();
  if (reader.bytes() > 0 && !globalReadable(reader.begin(), reader.bytes()))
    fault(CUDA_ERROR_ILLEGAL_ADDRESS, "copy_tensor: the box's " + std::to_string(reader.bytes()) + " bytes from " +
                                          formatAddress(reader.begin()) + " on are not in one allocation");
  const ptrdiff_t offset = static_cast<unsigned char *>(to) - block.shared,
                  barrierOffset = static_cast<unsigned char *>(barrier) - block.shared;
  const auto &cluster = block.cluster->blocks;
  for (uint32_t mask = blocks; mask != 0; mask &= mask - 1)
    if (const uint32_t rankOf = static_cast<uint32_t>(std::countr_zero(mask));
        rankOf >= cluster.size() || !cluster[rankOf])
      fault(CUDA_ERROR_LAUNCH_FAILED,
            "copy_tensor_multicast: no block of rank " + std::to_string(rankOf) + " runs in this cluster");
  for (Block *target : cluster) {
    const uint32_t index = target ? target->index % static_cast<uint32_t>(cluster.size()) : 0;
    if (!target || (blocks == 0 ? target != &block : (blocks >> index & 1) == 0))
      continue;
    mbarrier(*target, target->shared + barrierOffset, what);
    AsyncOperation &operation =
        startCopy(*target, what, target->shared + offset, nullptr, bytes, target->shared + barrierOffset);
    operation.tensor = pieces;
    operation.swizzledRows = map.swizzledRows;
  }
  schedulingPoint();
}

} // namespace cadenza::emulation
