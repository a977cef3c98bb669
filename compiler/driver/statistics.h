// What --stats prints: how many ops go in, how many phases and kernels come out.
#pragma once

#include "compiler/ir/step/Step.h"
#include "runtime/plan/describe.h"

#include <nlohmann/json.hpp>

#include <map>
#include <string>

namespace cadenza {

struct Statistics {
  std::map<std::string, int64_t> nnOps; // by mnemonic, of the whole model
  int64_t layers = 0;                   // of the model
  int64_t phases = 0;                   // different ones
  int64_t phasesPerLayer = 0;           // those whose output is a module of a layer, rolled or not
  int64_t kernels = 0;                  // different ones
  int64_t launchesPerToken = 0;
  int64_t tileKernels = 0;                    // those that only tiles of a prompt have
  std::map<int64_t, int64_t> launchesPerTile; // by its tokens
  int64_t copies = 0;                         // launches a token of phases without a function: casts, views, copies
  MemoryNeeds memory;                         // of which the caches are shown

  /// Counts the ops of the entries of an `nn` module.
  void countBefore(mlir::ModuleOp module);
  /// Counts what a program executes.
  void countAfter(const Program &program);

  std::string toText() const;
  nlohmann::ordered_json toJson() const;
};

} // namespace cadenza
