// Where a figure comes from: the plan's making, the day, the driver.
#pragma once

#include "runtime/plan/plan.h"

#include <nlohmann/json.hpp>

#include <string>

namespace cadenza::bench {

struct Origin {
  std::string commit; // of the compiler that made the plan, or of this program if the plan does not say
  std::string sourceSha256;
  nlohmann::json passes;
  std::string date; // of today, UTC
};
Origin originOf(const Plan &plan);

/// "580.82.07 (CUDA 13.0)", of a driver with that version of its interface.
std::string driverText(int apiVersion);

} // namespace cadenza::bench
