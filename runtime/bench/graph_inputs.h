// Tensors to measure an entry with: from files, or made up.
#pragma once

#include "runtime/plan/program.h"
#include "runtime/support/status.h"
#include "runtime/tensor.h"

#include <map>
#include <string>
#include <vector>

namespace cadenza::bench {

struct GraphInputOptions {
  std::vector<std::string> files;  // "NAME=FILE.npy"
  std::vector<std::string> ranges; // "NAME=LOW,HIGH": integers from LOW to HIGH - 1, or floats between the two
  uint64_t seed = 1;
};

struct GraphInput {
  std::string name;
  Tensor value;
  std::string values; // what they are, for people: "x.npy", "random in [0, 100)"
};

/// A value for each port of the entry. Those that no option speaks of: floats in [-1, 1); ones for booleans and for
/// integers whose name says that they are a mask; other integers in [0, 100), or as many as there are rows if a gather
/// takes them as indices. InvalidArgument for a name that the entry does not take and for a range without a number.
StatusOr<std::vector<GraphInput>> graphInputs(const Program &program, const Entry &entry,
                                              const GraphInputOptions &options);

} // namespace cadenza::bench
