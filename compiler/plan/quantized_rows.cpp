#include "compiler/plan/quantized_rows.h"

#include "compiler/quantize/encoding_type.h"
#include "compiler/quantize/quantize_rows.h"

namespace cadenza {

Status QuantizedRows::encode(const Encoding &encoding, const WeightSpec &weight, int64_t /*row*/,
                             std::span<const float> values, EncodedRow &out) const {
  StoredRows stored;
  QuantizationError error;
  if (Status status = quantizeRow(quantizedFormat(encoding), values, stored, ScaleRule::leastSquares, &error);
      !status.isOk())
    return {status.code(),
            status.message() + "; " +
                (weight.role.starts_with("layers.") ? "--keep=" + weight.role : "--quantize-head=tiles16") +
                " leaves it as it is"};
  out.codes = std::move(stored.codes);
  out.scales = std::move(stored.scales);
  out.zeros = std::move(stored.zeros);
  const std::lock_guard lock(mutex_);
  errors_[weight.role].add(error);
  return Status::ok();
}

QuantizationError QuantizedRows::errorOf(const std::string &role) const {
  const std::lock_guard lock(mutex_);
  const auto found = errors_.find(role);
  return found == errors_.end() ? QuantizationError() : found->second;
}

} // namespace cadenza
