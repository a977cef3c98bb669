#include "compiler/driver/quantization.h"

#include "compiler/import/hf/import_hugging_face.h"
#include "compiler/ir/step/Step.h"
#include "runtime/support/encoding_name.h"

#include "llvm/ADT/DenseMap.h"

using namespace mlir;

namespace cadenza {

std::vector<QuantizableMatrix> matricesOf(func::FuncOp decode, ModuleOp module) {
  SymbolTable symbols(module);
  std::vector<QuantizableMatrix> matrices;
  DenseMap<Value, int64_t> inputs; // numbers of vectors
  std::map<std::string, size_t> known;
  decode.walk([&](nn::LinearOp linear) {
    const int64_t input = inputs.try_emplace(linear.getInput(), std::ssize(inputs)).first->second;
    WeightSpec spec = weightSpec(symbols.lookup<nn::WeightOp>(linear.getWeight()));
    const auto [place, isNew] = known.try_emplace(spec.role, matrices.size());
    for (QuantizableMatrix &matrix : matrices)
      matrix.isHead = false;
    if (isNew)
      matrices.push_back({std::move(spec), true, input});
    else
      matrices[place->second].isHead = true;
  });
  return matrices;
}

Status Quantization::choose(ModuleOp module, const WeightSource &source, bool measures, int threads,
                            Progress &progress) {
  func::FuncOp decode = nn::decodeEntryOf(module);
  if (!decode)
    return {StatusCode::InvalidArgument, "--quantize=" + options_.type +
                                             ": only matrices of decoders are quantized; this model is a graph of "
                                             "tensors"};
  matrices_ = matricesOf(decode, module);
  for (const QuantizableMatrix &matrix : matrices_)
    if (source.stored(matrix.spec))
      return {StatusCode::InvalidArgument,
              "--quantize=" + options_.type + ": this checkpoint is quantized already (" + matrix.spec.tensor +
                  "), and a second rounding would only lose; --encode keeps its codes where "
                  "the encoding holds them (docs/quantized-checkpoints.md)"};
  QuantizeOptions options = options_;
  if (!measures && options.type == "mixed") {
    options.type = "int4";
    options.bits = 0;
  }
  if (options.type == "mixed")
    progress.begin("measuring errors");
  CADENZA_ASSIGN_OR_RETURN(
      encodings_, chooseEncodings(matrices_, options, source, threads,
                                  [&](uint64_t done, uint64_t total) { progress.update(done, total, "pieces"); }));
  return Status::ok();
}

void Quantization::annotate(ModuleOp module) const {
  SymbolTable symbols(module);
  for (size_t i = 0; i < matrices_.size(); ++i)
    if (!matrices_[i].isHead)
      symbols.lookup(matrices_[i].spec.role)
          ->setAttr(step::StepDialect::encodingName, step::encodingAttr(module.getContext(), encodings_[i]));
}

std::string Quantization::headEncoding() const {
  for (size_t i = 0; i < matrices_.size(); ++i)
    if (matrices_[i].isHead)
      return encodingName(encodings_[i]);
  return encodingName(Encoding::tiles16);
}

QuantizationReport Quantization::report(uint64_t fileBytes) const {
  QuantizationReport report{.type = options_.type, .matrices = {}, .fileBytes = fileBytes};
  for (size_t i = 0; i < matrices_.size(); ++i) {
    const WeightSpec &spec = matrices_[i].spec;
    report.matrices.push_back({.role = spec.role,
                               .tensor = spec.tensor,
                               .rows = spec.rows(),
                               .columns = spec.columns(),
                               .isHead = matrices_[i].isHead,
                               .encoding = encodings_[i],
                               .error = rows_.errorOf(spec.role)});
  }
  return report;
}

} // namespace cadenza
