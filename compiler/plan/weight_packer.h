// Turns checkpoint tensors into the packed weights of a plan (runtime/shared/encoding.h).
#pragma once

#include "compiler/plan/program_builder.h"
#include "runtime/plan/plan.h"

namespace cadenza {

/// Packs the weights of `built` from `source`. Both must outlive the packer.
class SourcePacker final : public WeightPacker {
public:
  SourcePacker(const BuiltProgram &built, const WeightSource &source) : built(built), source(source) {}

  Status pack(uint32_t index, std::span<std::byte> out) override;

private:
  Status packMatrix(const Weight &weight, const PackRecipe &recipe, std::span<std::byte> out) const;

  const BuiltProgram &built;
  const WeightSource &source;
};

/// All packed weights in memory, as the plan's weight section would hold them; for small models and tests.
StatusOr<std::vector<std::byte>> packAll(const BuiltProgram &built, const WeightSource &source);

} // namespace cadenza
