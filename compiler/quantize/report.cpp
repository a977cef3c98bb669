#include "compiler/quantize/report.h"

#include "compiler/quantize/encoding_type.h"
#include "runtime/support/encoding_name.h"

#include <algorithm>
#include <cstdio>

namespace cadenza {
namespace {

constexpr size_t namedErrors = 5;

std::string formatted(const char *format, double value) {
  char text[48];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

/// Those that were rounded, the largest relative error first.
std::vector<const QuantizedMatrix *> byError(const std::vector<QuantizedMatrix> &matrices) {
  std::vector<const QuantizedMatrix *> sorted;
  for (const QuantizedMatrix &matrix : matrices)
    if (matrix.encoding != Encoding(Encoding::tiles16))
      sorted.push_back(&matrix);
  std::ranges::stable_sort(sorted, std::ranges::greater(),
                           [](const QuantizedMatrix *matrix) { return matrix->error.relative(); });
  return sorted;
}

bool isOfLayers(const QuantizedMatrix &matrix) { return !matrix.isHead; }
bool isOfHead(const QuantizedMatrix &matrix) { return matrix.isHead; }
bool isAny(const QuantizedMatrix &) { return true; }

/// Average over the matrices that `counts` holds for; scales included, padding not.
template <typename Predicate> double averageBits(const std::vector<QuantizedMatrix> &matrices, Predicate counts) {
  double bits = 0, weights = 0;
  for (const QuantizedMatrix &matrix : matrices)
    if (counts(matrix)) {
      const auto size = static_cast<double>(matrix.rows * matrix.columns);
      bits += bitsPerWeight(matrix.encoding, matrix.rows, matrix.columns) * size;
      weights += size;
    }
  return weights > 0 ? bits / weights : 0;
}

} // namespace

std::string QuantizationReport::toText() const {
  std::string text = "quantized to " + formatted("%.3f", averageBits(matrices, isAny)) + " bits a weight (layers " +
                     formatted("%.3f", averageBits(matrices, isOfLayers)) + ", head " +
                     formatted("%.3f", averageBits(matrices, isOfHead)) +
                     "; scales included, the embedding not); plan of " +
                     formatted("%.1f", static_cast<double>(fileBytes) / 1e6) + " MB";
  const std::vector<const QuantizedMatrix *> worst = byError(matrices);
  for (size_t i = 0; i < std::min(worst.size(), namedErrors); ++i)
    text += (i == 0 ? "\nlargest relative errors: " : ", ") + worst[i]->role + " " +
            formatted("%.2f %%", 100 * worst[i]->error.relative()) + " (" + encodingName(worst[i]->encoding) + ")";
  return text;
}

nlohmann::ordered_json QuantizationReport::toJson() const {
  nlohmann::ordered_json json = {{"quantize", type},
                                 {"bits_per_weight", averageBits(matrices, isAny)},
                                 {"layers_bits_per_weight", averageBits(matrices, isOfLayers)},
                                 {"head_bits_per_weight", averageBits(matrices, isOfHead)},
                                 {"file_bytes", fileBytes}};
  json["worst"] = nlohmann::ordered_json::array();
  const std::vector<const QuantizedMatrix *> worst = byError(matrices);
  for (size_t i = 0; i < std::min(worst.size(), namedErrors); ++i)
    json["worst"].push_back(worst[i]->role);
  json["matrices"] = nlohmann::ordered_json::array();
  for (const QuantizedMatrix &matrix : matrices)
    json["matrices"].push_back({{"role", matrix.role},
                                {"tensor", matrix.tensor},
                                {"shape", {matrix.rows, matrix.columns}},
                                {"encoding", encodingName(matrix.encoding)},
                                {"bits_per_weight", bitsPerWeight(matrix.encoding, matrix.rows, matrix.columns)},
                                {"relative_error", matrix.error.relative()}});
  return json;
}

} // namespace cadenza
