#include "runtime/decode/constrained_rows.h"

#include <algorithm>
#include <limits>

namespace cadenza {

constexpr float never = -std::numeric_limits<float>::infinity();

ConstrainedRows::ConstrainedRows(TokenConstraint &constraint, std::span<const int32_t> stopTokens)
    : constraint_(&constraint), stopTokens_(stopTokens) {
  constraint.reset();
}

Status ConstrainedRows::begin(SequenceSampling &sampling, int64_t vocabulary) {
  rows_ = std::move(sampling.rows);
  rows_.resize(static_cast<size_t>(vocabulary));
  CADENZA_ASSIGN_OR_RETURN(const std::span<const RowHistory> rows, restricted());
  if (rows.empty())
    return {StatusCode::InvalidArgument, "the constraint lets no token follow"};
  sampling.sampling.adjusts = 1;
  sampling.rows.assign(rows.begin(), rows.end());
  return Status::ok();
}

Status ConstrainedRows::accept(int32_t token) {
  CADENZA_RETURN_IF_ERROR(constraint_->accept(token));
  rows_[static_cast<size_t>(token)].count_generated();
  return Status::ok();
}

StatusOr<std::span<const RowHistory>> ConstrainedRows::restricted() {
  CADENZA_ASSIGN_OR_RETURN(const std::span<const uint32_t> allowed, constraint_->allowed());
  restricted_ = rows_;
  const size_t known = std::min(rows_.size(), allowed.size() * 32);
  for (size_t id = 0; id < known; ++id)
    if ((allowed[id / 32] >> id % 32 & 1) == 0)
      restricted_[id].bias = never;
  for (size_t id = known; id < rows_.size(); ++id)
    restricted_[id].bias = never;
  const bool mayEnd = constraint_->mayEnd();
  for (int32_t token : stopTokens_)
    restricted_[static_cast<size_t>(token)].bias = mayEnd ? rows_[static_cast<size_t>(token)].bias : never;
  const auto isLeft = [](const RowHistory &row) { return row.bias != never; };
  if (std::any_of(restricted_.begin(), restricted_.end(), isLeft))
    return std::span<const RowHistory>(restricted_);
  if (mayEnd)
    return std::span<const RowHistory>();
  return Status(StatusCode::InvalidArgument,
                "no token can continue the text as its constraint says: biases of -inf forbid those that could, or the "
                "vocabulary has none");
}

} // namespace cadenza
