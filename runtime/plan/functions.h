// What the plan format knows of the prologue and epilogue functions (program.h lists what they compute): one table of
// names, parameters and operand counts, and for each a check of shapes. The reader validates against it; executors,
// which map the same names to implementations, can ask it what a program may hold.
#pragma once

#include "runtime/plan/program.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace cadenza {

enum class FunctionRole : uint8_t { Prologue, Epilogue };

enum class ParameterType : uint8_t {
  Slot,         // a segment that the function changes or reads
  ConsumedSlot, // a segment that is gone afterwards
  Extent,       // an integer in [1, 2^31)
  Number,       // finite
  Flag,
};

struct ParameterSpec {
  std::string_view name;
  ParameterType type;
};

class FunctionCall;

struct FunctionSpec {
  std::string_view name;
  FunctionRole role;
  std::span<const ParameterSpec> parameters;
  uint32_t operands, weights, caches;   // how many the function takes
  void (*check)(FunctionCall &);        // shapes; called when counts and types are right
  std::string_view optionalWeight = {}; // a flag: where it is set, the function takes one weight more
  bool decodes = false;                 // works on the decode state: only in the step of a decoder
};

/// All functions that this version knows.
std::span<const FunctionSpec> functionSpecs();
/// nullptr: unknown.
const FunctionSpec *findFunction(FunctionRole role, std::string_view name);

/// A function in its place, as FunctionSpec::check sees it: everything it refers to is in range.
class FunctionCall {
public:
  virtual ~FunctionCall() = default;
  virtual const Function &function() const = 0;
  virtual PhaseKind phaseKind() const = 0;
  /// Elements of the segment that the slot parameter `name` names; for a prologue, whatever the name, of the input.
  virtual int64_t segment(std::string_view name) const = 0;
  virtual int64_t extent(std::string_view name) const = 0;
  virtual bool flag(std::string_view name) const = 0;
  virtual const Edge &operand(size_t i) const = 0;
  virtual const Weight &weight(size_t i) const = 0; // of a table, its first entry: all are alike
  virtual const Cache &cache(size_t i) const = 0;
  /// Reports an error at `field` of the function ("weights[0]").
  virtual void fail(std::string_view field, const std::string &what) = 0;
};

} // namespace cadenza
