// Copies and stores that complete on their own, at a random later time.
#pragma once

#include "test/emulation/scheduler.h"

namespace cadenza::emulation {

/// 16 bytes of a box, of which those from `first` up to `last` exist and the rest is zero.
struct TensorPiece {
  const unsigned char *from; // of the first that exists
  uint8_t first, last;
};

/// Where the 16 bytes lie that a swizzle of rows of so many bytes puts at `address`: bits 4 to 6 of the address are
/// changed by as many of those from 7 on.
template <class T> T *swizzle(T *address, uint32_t rowBytes) {
  const auto bits = reinterpret_cast<uintptr_t>(address);
  return address + static_cast<ptrdiff_t>((bits ^ ((bits >> 7) % (rowBytes / 16)) << 4) - bits);
}

struct AsyncOperation {
  struct Piece {
    unsigned char *to;
    const unsigned char *from; // nullptr: `value`
    uint32_t bytes;
  };
  const char *what;
  Block *target;        // whose shared memory it writes
  const Launch *launch; // of the thread that issued it, for messages
  host::Thread issuer;
  unsigned char *begin; // what it writes as a whole
  uint32_t bytes = 0;   // what it adds to the barrier's count when done
  void *barrier = nullptr;
  std::vector<Piece> pieces; // not yet there
  unsigned char value[16];
  std::vector<TensorPiece> tensor; // of a tensor copy: the sources of all pieces of 16 bytes, from `begin` on
  uint32_t swizzledRows = 0;       // and which of their address bits are exchanged: see swizzle()
  // One lane's cp.async between two copy_commit: complete in order, then one arrival instead of bytes.
  const Lane *lane = nullptr;
  uint64_t sequence = 0;
  bool open = false;
};

/// Writes a block's shared memory as the asynchronous proxy does: as plain loads see it and as its own readers do.
void writeShared(Block &block, unsigned char *to, const void *from, uint32_t bytes);
void poisonShared(Block &block, unsigned char *to, uint32_t bytes);

} // namespace cadenza::emulation
