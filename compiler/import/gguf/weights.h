// Weights from a GGUF file, by the names and in the order of rows of the Hugging Face family that the model is of.
#pragma once

#include "compiler/import/gguf/architecture.h"
#include "compiler/import/gguf/file.h"
#include "compiler/import/weight_source.h"

#include <memory>
#include <vector>

namespace cadenza {
class StoredMatrix; // stored_matrix.h
}

namespace cadenza::gguf {

/// A model's file and where in it the tensors of its family are. Safe to use from several threads.
struct Model {
  std::shared_ptr<const File> file;
  const Architecture *architecture;
  HeadCounts heads = {};

  struct Found {
    TensorPlace place;              // without a name if the architecture has no such module
    const Tensor *tensor = nullptr; // null if the file has none
    bool isPart = false;            // of a tensor of queries, keys and values, where the family has three
  };
  /// Where "model.layers.3.self_attn.q_proj.weight" is.
  Found find(std::string_view tensor) const;
};

/// A family's matrix, `rows` rows in its order, if it is stored in blocks of codes; else null. Reading it is
/// InvalidInput where a block's scale is not finite.
std::unique_ptr<StoredMatrix> makeStoredMatrix(const Model &model, std::string_view tensor, int64_t rows);

/// Reads straight from the mapped file, which the source keeps open.
std::unique_ptr<WeightSource> makeWeights(const Model &model);

/// f16 if more of the tensors' bytes are f16 than anything else, else bf16: what is dequantised or f32 becomes this.
DType modelDType(const File &file);

} // namespace cadenza::gguf
