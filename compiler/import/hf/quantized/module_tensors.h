// The tensors of one module of a quantised checkpoint: "model.layers.0.mlp.up_proj.qweight", ".scales" and so on. Looks
// them up, checks what all formats check, and words the errors.
#pragma once

#include "compiler/import/hf/checkpoint.h"
#include "compiler/import/hf/quantized/bit_grid.h"
#include "runtime/support/status.h"

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

/// A matrix that the model needs, and whose module it is.
struct ModuleMatrix {
  std::string module;       // the name of the weight without ".weight"
  bool isEmbedding = false; // of tokens or positions
  bool isHead = false;
  int64_t rows = 0, columns = 0; // outputs and inputs, whichever way round a checkpoint of floats has them
};

class ModuleTensors {
public:
  ModuleTensors(const Checkpoint &checkpoint, const ModuleMatrix &matrix) : checkpoint_(checkpoint), matrix_(matrix) {}

  const ModuleMatrix &matrix() const { return matrix_; }
  /// What the files call the module: where names were recognised (tensor_names.h), not what the matrix does.
  std::string nameInFiles() const;

  /// The tensor MODULE.SUFFIX, or null.
  const CheckpointTensor *find(std::string_view suffix) const;
  /// The same, which counts as used from now on. InvalidInput if there is none, or one of another type or shape.
  StatusOr<const CheckpointTensor *> get(std::string_view suffix, std::initializer_list<std::string_view> dtypes,
                                         const std::vector<int64_t> &shape);
  /// The same of any shape.
  StatusOr<const CheckpointTensor *> get(std::string_view suffix, std::initializer_list<std::string_view> dtypes);
  /// The tensor of scales, of floats and of that shape, all of which must be finite and above zero.
  StatusOr<ScaleGrid> scales(std::string_view suffix, const std::vector<int64_t> &shape);
  /// Checks values [0, count) of `scales`, the tensor SUFFIX: all must be finite, and above zero (or zero, if allowed).
  Status checkScales(std::string_view suffix, const ScaleGrid &scales, int64_t count, bool zeroAllowed) const;
  /// A map of columns to [0, groups): an I32 tensor.
  StatusOr<std::vector<int32_t>> groupOfColumn(std::string_view suffix, int64_t groups);
  /// Counts the tensor as used, if there is one: its values are of no account.
  void passOver(std::string_view suffix);

  /// "model.safetensors: tensor 'model.layers.0.mlp.up_proj.scales' WHAT".
  Status invalid(std::string_view suffix, const std::string &what) const;
  Status unsupported(std::string_view suffix, const std::string &what) const;

  /// Files what is said of this module and others alike: "is labelled ...".
  void note(std::string text) { notes_.push_back(std::move(text)); }
  const std::vector<std::string> &notes() const { return notes_; }
  /// Tensors that were asked for with get(), or passed over.
  const std::vector<std::string> &used() const { return used_; }
  /// Bytes of those that were asked for.
  uint64_t bytes() const { return bytes_; }

private:
  std::string fullName(std::string_view suffix) const;
  std::string describe(std::string_view suffix) const;
  Status missing(std::string_view suffix) const;

  const Checkpoint &checkpoint_;
  const ModuleMatrix &matrix_;
  std::vector<std::string> notes_, used_;
  uint64_t bytes_ = 0;
};

} // namespace cadenza
