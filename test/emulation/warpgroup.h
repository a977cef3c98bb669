// wgmma: what a warp has issued and not yet been told to be complete.
#pragma once

#include "test/emulation/scheduler.h"

namespace cadenza::emulation {

/// The sums of the lanes of a warp while a wgmma may write them. The registers themselves hold NaN meanwhile.
struct WarpSums {
  uint32_t count;
  float *d[32];
  std::vector<float> values; // [32][count]
  uint32_t users = 0;        // products that have not been executed
  uint64_t group = 0;        // of the latest product
};

/// One wgmma of a warp.
struct WarpProduct {
  host::WarpgroupOperands operands; // of lane 0
  const uint32_t *fragments[32];
  std::shared_ptr<WarpSums> sums;
  uint64_t group;
};

/// All of a warp.
struct WarpProducts {
  bool fenced = false;           // since the last wait
  uint64_t groups = 0;           // committed
  uint64_t issued = 0;           // products
  std::deque<WarpProduct> queue; // not executed
  std::vector<std::shared_ptr<WarpSums>> sums;
};

/// A 16-bit operand's value.
float toFloat(host::Element type, uint16_t bits);

} // namespace cadenza::emulation
