// Turns checkpoint tensors into the packed weights of a plan (runtime/shared/encoding.h).
#pragma once

#include "compiler/plan/encoders.h"
#include "compiler/plan/program_builder.h"
#include "runtime/plan/plan.h"

#include <atomic>

#include <functional>

namespace cadenza {

/// Packs the weights of `built` from `source`. All must outlive the packer. A matrix that the checkpoint holds in codes
/// (WeightSource::stored) is repacked if the weight's encoding holds these exactly; any other one is read as floats, of
/// which `encoder` makes codes.
class SourcePacker final : public WeightPacker {
public:
  SourcePacker(const BuiltProgram &built, const WeightSource &source, const RowEncoder &encoder = nearestCodes())
      : built(built), source(source), encoder(encoder) {}

  Status pack(uint32_t index, std::span<std::byte> out) override;

  /// Matrices that the checkpoint holds in codes, of those packed so far in an encoding of codes.
  struct StoredCount {
    std::atomic<size_t> repacked = 0, roundedAgain = 0;
  };
  const StoredCount &storedCount() const { return storedCount_; }

private:
  /// Where a row of a part lies in the packed matrix.
  using PackedRow = std::function<int64_t(int64_t row)>;

  Status packMatrix(const Weight &weight, const PackRecipe &recipe, std::span<std::byte> out) const;
  Status packTiles16(const Weight &weight, const WeightSpec &part, const PackedRow &place,
                     std::span<std::byte> out) const;
  Status packFloats(const Weight &weight, const WeightSpec &part, const PackedRow &place,
                    std::span<std::byte> out) const;
  Status packStored(const Weight &weight, const WeightSpec &part, const StoredMatrix &matrix, const PackedRow &place,
                    std::span<std::byte> out) const;

  const BuiltProgram &built;
  const WeightSource &source;
  const RowEncoder &encoder;
  mutable StoredCount storedCount_;
};

/// All packed weights in memory, as the plan's weight section would hold them; for small models and tests.
StatusOr<std::vector<std::byte>> packAll(const BuiltProgram &built, const WeightSource &source);

} // namespace cadenza
