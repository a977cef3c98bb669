// Prologue and epilogue functions in generated source. Everything is asked of FunctionAttrInterface; no function is
// known here by name.
#pragma once

#include "codegen/config_writer.h"
#include "codegen/emitter.h"

#include "llvm/ADT/DenseSet.h"

namespace cadenza {

/// The C++ name of an element type in device code, or "" if kernels cannot store it.
llvm::StringRef deviceType(mlir::Type element);
/// Bytes of one element of a vector, or of all of it.
uint64_t vectorBytes(mlir::Value vector);
/// Bytes of one position of a cache that kernels can store (16 bits an element), key and value.
uint64_t cachedPositionBytes(nn::CacheOp cache);

/// Collects the epilogues of a phase: configuration structs, the Chain, arguments, bytes.
class FunctionEmitter {
public:
  FunctionEmitter(mlir::Operation *phase, mlir::SymbolTableCollection &symbols)
      : phase_(phase), lookup_(phase, symbols) {}

  /// Adds the next function; `operands` are the phase's side inputs, of which it takes its own. `scratchBytes` is what
  /// it gets if it selects the token.
  llvm::LogicalResult add(step::FunctionAttrInterface function, mlir::ValueRange &operands, uint64_t scratchBytes);
  /// Stores the slots (of `slots` initial ones) that are left into the phase's results.
  llvm::LogicalResult addStores(int64_t slots, mlir::ResultRange results);
  /// The struct of a prologue, "prologue_rms_norm", added to `config`, and its arguments.
  llvm::FailureOr<std::string> prologue(step::FunctionAttrInterface function, ConfigWriter &config);

  /// Adds the functions' structs and `using epilogue = Chain<..>;`.
  void write(ConfigWriter &config) const;

  /// Elements a chunk of the sums of epilogues over the whole vector (a map's).
  int64_t normChunk = 128;

  std::vector<PhaseArgument> arguments;
  std::vector<std::string> names; // of the functions, for people
  uint64_t weightBytes = 0;       // a weight counts once, however many functions read it
  uint64_t activationBytes = 0;   // read and written
  uint64_t cacheBytes = 0;        // written

private:
  llvm::FailureOr<ConfigWriter> config(step::FunctionAttrInterface function, mlir::DictionaryAttr parameters,
                                       llvm::StringRef name, mlir::ValueRange operands);
  void addArguments(step::FunctionAttrInterface function, mlir::ValueRange operands, uint64_t scratchBytes);

  mlir::Operation *phase_;
  step::SymbolLookup lookup_;
  std::vector<ConfigWriter> configs_;
  std::vector<std::string> chain_;
  llvm::SmallVector<int64_t> consumed_;
  llvm::DenseSet<mlir::Attribute> read_; // the weights
};

} // namespace cadenza
