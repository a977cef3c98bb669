// --quantize: which weight of a decoder gets which encoding, and what came of it.
#pragma once

#include "compiler/driver/progress.h"
#include "compiler/ir/nn/NN.h"
#include "compiler/plan/quantized_rows.h"
#include "compiler/quantize/choose_encodings.h"
#include "compiler/quantize/report.h"

namespace cadenza {

/// The matrices that products of a decoder's step multiply by, each once, in its order. The last product is the head.
std::vector<QuantizableMatrix> matricesOf(mlir::func::FuncOp decode, mlir::ModuleOp module);

/// One compilation's quantisation.
class Quantization {
public:
  explicit Quantization(const QuantizeOptions &options) : options_(options) {}

  bool isAsked() const { return !options_.type.empty(); }
  /// Chooses encodings for the matrices of a module in nn ops. `measures`: weights may be read; without, mixed is taken
  /// for int4. InvalidArgument for a module without a decoder, and for a checkpoint whose matrices are in codes
  /// already.
  Status choose(mlir::ModuleOp module, const WeightSource &source, bool measures, int threads, Progress &progress);
  /// Gives the weights of the layers their encodings, which encode-weights keeps.
  void annotate(mlir::ModuleOp module) const;
  /// The name of the head's encoding, for encode-weights: the head's matrix may be the embedding's, which has its own.
  std::string headEncoding() const;
  /// What gives the packer codes.
  const RowEncoder &encoder() const { return rows_; }
  /// Once everything is packed. `fileBytes`: of the plan.
  QuantizationReport report(uint64_t fileBytes) const;

private:
  const QuantizeOptions &options_;
  std::vector<QuantizableMatrix> matrices_;
  std::vector<Encoding> encodings_; // of matrices_
  QuantizedRows rows_;
};

} // namespace cadenza
