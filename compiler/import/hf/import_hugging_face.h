// A Hugging Face model, or the published configuration of one, to an `nn` module and a source of its weights.
#pragma once

#include "compiler/import/findings.h"
#include "compiler/import/weight_source.h"
#include "compiler/ir/nn/NN.h"
#include "runtime/plan/program.h"

#include "mlir/IR/OwningOpRef.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cadenza {

struct DecoderConfig;
struct Family;

struct ImportOptions {
  std::string directory = {};              // with config.json, or a file: GGUF, ONNX, nn IR (mlir/import_module.h); or
  std::string publishedName = {};          // "Qwen3-0.6B" (needs randomSeed)
  std::optional<uint64_t> randomSeed = {}; // --weights=random:SEED: the directory's safetensors are not looked at
  std::string weightsFile = {};            // --weights=FILE.safetensors: for a file of IR
  /// --dim NAME=VALUE: of an ONNX model (onnx/shapes/analysis.h). A graph has an entry for each set.
  std::vector<std::map<std::string, std::string>> dims = {};
  /// --dtype: "f16" or "bf16", in place of f32 in a graph of an ONNX file, or of all matrices of a GGUF file; empty:
  /// as it is.
  std::string dtype = {};
  std::string preTokenizer = {}; // --pre-tokenizer, of a GGUF file (gguf/pre_tokenizers.h)
  bool strict = false;           // warnings are errors
  bool storesCodes = false;      // the plan stores matrices in codes (--encode): for what is said of those that are
};

struct ImportedModel {
  mlir::OwningOpRef<mlir::ModuleOp> module; // verified
  std::unique_ptr<WeightSource> weights;
  std::vector<WeightSpec> weightSpecs; // of every nn.weight that has a source, in the module's order
  ModelInfo info;
  std::optional<Decoder> decoder; // without what only its program says: entry, head block
  std::string tokenizer;          // tokenizer.json (hf/tokenizer.h), empty if the plan is to have none
  std::string chat, generation;   // sections of the plan (hf/chat.h), empty if it is to have none
  std::string sourceHash;         // source_hash.h
  /// Of a module in ops on tensors, which is to be raised to those of a decoder: reads weights as they are stored.
  /// Null: the module is what it has to be.
  nn::EvaluationState::TensorReader tensors = {};
  /// Ends the import of such a module, once it is raised: weightSpecs, and what is said of types of weights.
  std::function<void(ImportedModel &, Findings &)> finish = {};
};

/// Everything that is wrong, unsupported or worth knowing goes to `findings`; the status is that of all errors among
/// them (Findings::toStatus). No weight has been read. Non-finite weights show when they are read: ask
/// weights->reportNonFinite() after packing.
StatusOr<ImportedModel> importHuggingFace(mlir::MLIRContext &context, const ImportOptions &options, Findings &findings);

/// What the configuration says of the plan's decoder.
Decoder decoderOf(const Family &family, const DecoderConfig &config, DType dtype);

/// What a WeightSource needs to know of a weight: its tensor, or its values.
WeightSpec weightSpec(nn::WeightOp weight);

} // namespace cadenza
