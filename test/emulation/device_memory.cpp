#include "test/emulation/device_memory.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace cadenza::emulation {

namespace {

constexpr uint64_t page = 4096, granule = 256, unit = 16;

uint64_t roundUp(uint64_t value, uint64_t to) { return (value + to - 1) / to * to; }

void *reserve(uint64_t bytes, int protection) {
  void *address = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) {
    std::fprintf(stderr, "cadenza emulation: cannot reserve %llu bytes of address space\n",
                 static_cast<unsigned long long>(bytes));
    std::abort();
  }
  return address;
}

} // namespace

// Twice the device plus room for host memory: guard pages and fragmentation never decide what fits.
DeviceMemory::DeviceMemory(uint64_t deviceBytes)
    : reserved_(2 * roundUp(deviceBytes, page) + (uint64_t{8} << 30)), deviceBytes_(deviceBytes) {
  base_ = static_cast<unsigned char *>(reserve(reserved_, PROT_NONE));
  granules_ = static_cast<uint8_t *>(reserve(reserved_ / granule, PROT_READ | PROT_WRITE));
}

DeviceMemory::~DeviceMemory() {
  munmap(base_, reserved_);
  munmap(granules_, reserved_ / granule);
}

uint64_t DeviceMemory::findGap(uint64_t pages) const {
  uint64_t begin = page;
  for (const auto &[first, allocation] : allocations_) {
    if (first >= begin && first - begin >= pages + page)
      return begin;
    begin = allocation.end + page;
  }
  return begin + pages + page <= reserved_ ? begin : reserved_;
}

unsigned char *DeviceMemory::allocate(uint64_t bytes, Kind kind) {
  if (bytes > reserved_ || (kind == Kind::device && bytes > deviceBytes_ - deviceUsed_))
    return nullptr;
  const uint64_t usable = roundUp(bytes, granule), pages = roundUp(usable, page);
  const uint64_t first = findGap(pages);
  if (first == reserved_ || mprotect(base_ + first, pages, PROT_READ | PROT_WRITE) != 0)
    return nullptr;
  const uint64_t start = first + pages - usable; // the end of the allocation meets the guard page
  std::memset(base_ + start, 0xff, usable);
  std::memset(granules_ + start / granule, static_cast<int>(granule / unit), usable / granule);
  if (bytes % granule != 0)
    granules_[(start + bytes) / granule] = static_cast<uint8_t>(roundUp(bytes % granule, unit) / unit);
  allocations_[first] = {start, bytes, first + pages, kind};
  if (kind == Kind::device)
    deviceUsed_ += bytes;
  return base_ + start;
}

DeviceMemory::Allocations::const_iterator DeviceMemory::lastBefore(const void *address) const {
  if (!inRange(address))
    return allocations_.end();
  const auto next =
      allocations_.upper_bound(static_cast<uint64_t>(static_cast<const unsigned char *>(address) - base_));
  return next == allocations_.begin() ? allocations_.end() : std::prev(next);
}

bool DeviceMemory::release(const void *address, Kind kind) {
  const auto found = lastBefore(address);
  if (found == allocations_.end())
    return false;
  const uint64_t offset = static_cast<const unsigned char *>(address) - base_;
  const Allocation &allocation = found->second;
  if (allocation.start != offset || allocation.kind != kind)
    return false;
  std::memset(granules_ + found->first / granule, 0, (allocation.end - found->first) / granule);
  madvise(base_ + found->first, allocation.end - found->first, MADV_DONTNEED);
  mprotect(base_ + found->first, allocation.end - found->first, PROT_NONE);
  if (kind == Kind::device)
    deviceUsed_ -= allocation.bytes;
  allocations_.erase(found);
  return true;
}

bool DeviceMemory::inRange(const void *address) const {
  const auto *p = static_cast<const unsigned char *>(address);
  return p >= base_ && p < base_ + reserved_;
}

bool DeviceMemory::contains(const void *address, uint64_t bytes, Kind kind) const {
  const auto found = lastBefore(address);
  if (found == allocations_.end())
    return false;
  const uint64_t offset = static_cast<const unsigned char *>(address) - base_;
  const Allocation &allocation = found->second;
  return allocation.kind == kind && offset >= allocation.start && bytes <= allocation.bytes &&
         offset - allocation.start <= allocation.bytes - bytes;
}

bool DeviceMemory::registerHost(void *address, uint64_t bytes) {
  if (isRegistered(address, 1))
    return false;
  registered_[static_cast<unsigned char *>(address)] = bytes;
  return true;
}

bool DeviceMemory::unregisterHost(void *address) {
  return registered_.erase(static_cast<unsigned char *>(address)) == 1;
}

bool DeviceMemory::isRegistered(const void *address, uint64_t bytes) const {
  const auto *p = static_cast<const unsigned char *>(address);
  auto found = registered_.upper_bound(p);
  if (found == registered_.begin())
    return false;
  --found;
  const uint64_t offset = p - found->first;
  return bytes <= found->second && offset <= found->second - bytes;
}

uint64_t DeviceMemory::liveAllocations(Kind kind) const {
  uint64_t count = 0;
  for (const auto &[first, allocation] : allocations_)
    count += allocation.kind == kind;
  return count;
}

} // namespace cadenza::emulation
