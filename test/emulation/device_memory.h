// Device and pinned host memory: one reserved address range in which every allocation ends at an unmapped page, with a
// map of live 256-byte granules that the checked 16-byte accesses of arch_host.cuh look into. Fresh memory is poisoned
// with 0xff bytes, which is NaN in fp32, bf16 and f16.
#pragma once

#include <cstdint>
#include <map>

namespace cadenza::emulation {

class DeviceMemory {
public:
  enum class Kind { device, host };

  /// Reserves addresses; `deviceBytes` bounds what device allocations may add up to.
  explicit DeviceMemory(uint64_t deviceBytes);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory &) = delete;
  DeviceMemory &operator=(const DeviceMemory &) = delete;

  /// 256-byte aligned; nullptr when there is not enough.
  unsigned char *allocate(uint64_t bytes, Kind kind);
  /// False if `address` is not the start of a live allocation of that kind.
  bool release(const void *address, Kind kind);

  /// Whether the range lies inside one live allocation of that kind.
  bool contains(const void *address, uint64_t bytes, Kind kind) const;
  /// Whether the address lies in the reserved range at all.
  bool inRange(const void *address) const;

  bool registerHost(void *address, uint64_t bytes);
  bool unregisterHost(void *address);
  bool isRegistered(const void *address, uint64_t bytes) const;

  unsigned char *base() const { return base_; }
  uint64_t reservedBytes() const { return reserved_; }
  const uint8_t *granuleMap() const { return granules_; }
  uint64_t deviceBytes() const { return deviceBytes_; }
  uint64_t deviceUsed() const { return deviceUsed_; }
  uint64_t liveAllocations(Kind kind) const;

private:
  struct Allocation {
    uint64_t start; // offset of the first usable byte
    uint64_t bytes;
    uint64_t end; // offset behind the last page
    Kind kind;
  };
  using Allocations = std::map<uint64_t, Allocation>; // by offset of the first page
  /// The allocation that `address` lies in, if it lies in one; end() if there is none at or before it.
  Allocations::const_iterator lastBefore(const void *address) const;
  /// The page offset of a gap of `pages` bytes plus a guard page, or reserved_ when there is none.
  uint64_t findGap(uint64_t pages) const;

  unsigned char *base_;
  uint64_t reserved_;
  uint8_t *granules_;
  uint64_t deviceBytes_, deviceUsed_ = 0;
  Allocations allocations_;
  std::map<const unsigned char *, uint64_t> registered_; // pageable memory that the host made accessible
};

} // namespace cadenza::emulation
