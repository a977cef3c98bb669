// What a quantisation did: bits a weight, errors of matrices, the size of the file. For people, and as JSON.
#pragma once

#include "compiler/import/weight_source.h"
#include "compiler/quantize/quantization_error.h"
#include "runtime/shared/encoding.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace cadenza {

struct QuantizedMatrix {
  std::string role, tensor;
  int64_t rows = 0, columns = 0;
  bool isHead = false;
  Encoding encoding;
  QuantizationError error; // of tiles16 none
};

struct QuantizationReport {
  std::string type; // --quantize
  std::vector<QuantizedMatrix> matrices;
  uint64_t fileBytes = 0;

  /// Two or three lines: bits a weight of all matrices, of the layers, of the head; the five largest relative errors.
  std::string toText() const;
  nlohmann::ordered_json toJson() const;
};

} // namespace cadenza
