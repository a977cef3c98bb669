// The quantiser (compiler/quantize) as what the packer asks for codes.
#pragma once

#include "compiler/plan/encoders.h"
#include "compiler/quantize/quantization_error.h"

#include <map>
#include <mutex>
#include <string>

namespace cadenza {

/// Codes and scales of the least squared error that a search finds, and how large that error is.
class QuantizedRows final : public RowEncoder {
public:
  Status encode(const Encoding &encoding, const WeightSpec &weight, int64_t row, std::span<const float> values,
                EncodedRow &out) const override;

  /// Of all rows so far of the weight of this role. A role's rows are encoded one after the other.
  QuantizationError errorOf(const std::string &role) const;

private:
  mutable std::mutex mutex_;
  mutable std::map<std::string, QuantizationError> errors_; // by role
};

} // namespace cadenza
