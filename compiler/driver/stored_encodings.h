// --encode=stored: each matrix of a decoder's products in the encoding that holds the codes of the checkpoint.
#pragma once

#include "compiler/driver/quantization.h"

#include <map>

namespace cadenza {

/// What storedEncodings chose.
struct StoredEncodings {
  std::map<std::string, size_t> matrices; // by name of the encoding, how many matrices keep their codes in it
  size_t others = 0;                      // matrices of 16 bits: floats, or codes that no encoding holds
  std::string head = "tiles16";           // the name of the head's encoding

  /// "196 matrices keep the codes of the checkpoint (150 q4_k, 46 q6_k), 2 are stored in 16 bits"
  std::string toText() const;
};

/// Gives the weights of the layers of a module in nn ops their encodings, which encode-weights keeps: the one of the
/// fewest bytes that holds their codes exactly, or tiles16. Where one encoding holds the codes of all matrices at one
/// place of all layers, and of those that multiply one vector, they all have that one, so that they stay one body and
/// one product. InvalidArgument for a module without a decoder, and for a checkpoint without codes.
StatusOr<StoredEncodings> storedEncodings(mlir::ModuleOp module, const WeightSource &source);

} // namespace cadenza
