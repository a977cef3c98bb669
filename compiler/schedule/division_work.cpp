#include "compiler/schedule/division_work.h"

#include "compiler/schedule/work.h"

#include <algorithm>

using namespace mlir;

namespace cadenza {

DivisionWork divisionWork(sched::GridOp grid) {
  DivisionWork division;
  SmallVector<sched::ComputeOp> products;
  grid.getLayers().walk([&](sched::ComputeOp compute) {
    if (compute.getSplit() == sched::Split::context)
      return;
    products.push_back(compute);
    division.phases.push_back(compute.getPhase().str());
  });
  const EncodingFormat format = format_of(*step::findEncoding(grid.getEncoding()));
  const auto layers = std::max<int64_t>(1, static_cast<int64_t>(grid.getLayers().getCount()));
  for (int64_t group = 0; group < static_cast<int64_t>(grid.getGroups()); ++group)
    for (int64_t rank = 0; rank < static_cast<int64_t>(grid.getRanks()); ++rank) {
      std::vector<int64_t> &ofBlock = division.bytes.emplace_back();
      for (sched::ComputeOp compute : products) {
        int64_t bytes = 0;
        for (int64_t layer = 0; layer < layers; ++layer)
          bytes += workOf(compute, group, rank, layer).bytes(format);
        ofBlock.push_back(bytes / layers);
      }
    }
  return division;
}

} // namespace cadenza
