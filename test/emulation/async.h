// Copies and stores that complete on their own, at a random later time.
#pragma once

#include "test/emulation/scheduler.h"

namespace cadenza::emulation {

struct AsyncOperation {
  struct Piece {
    unsigned char *to;
    const unsigned char *from; // nullptr: `value`
    uint32_t bytes;
  };
  const char *what;
  Block *target;        // whose shared memory it writes
  std::string issuer;   // for messages
  unsigned char *begin; // what it writes as a whole
  uint32_t bytes = 0;   // what it adds to the barrier's count when done
  void *barrier = nullptr;
  std::vector<Piece> pieces; // not yet there
  unsigned char value[16];
  // One lane's cp.async between two copy_commit: complete in order, then one arrival instead of bytes.
  const Lane *lane = nullptr;
  uint64_t sequence = 0;
  bool open = false;
};

} // namespace cadenza::emulation
