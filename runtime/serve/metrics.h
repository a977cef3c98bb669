// Counters of a server, as Prometheus reads them (text format 0.0.4).
#pragma once

#include "runtime/cadenza.h"

#include <cstdint>
#include <map>
#include <string>

namespace cadenza::serve {

class Metrics {
public:
  void countRequest(int status) { ++requests_[status]; }
  void countCancelled() { ++cancelled_; }
  void add(const Timing &timing, size_t generated);
  /// `waiting`, `running`: generations, now.
  std::string text(size_t waiting, bool running) const;

private:
  std::map<int, uint64_t> requests_; // by status
  uint64_t cancelled_ = 0, generations_ = 0, prompt_ = 0, kept_ = 0, generated_ = 0;
  double promptSeconds_ = 0, decodeSeconds_ = 0;
};

} // namespace cadenza::serve
