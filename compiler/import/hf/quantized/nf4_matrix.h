// Matrices of bitsandbytes' NF4 (bitsandbytes.cpp has the layout).
#pragma once

#include "compiler/import/hf/quantized/module_tensors.h"
#include "compiler/import/stored_matrix.h"

#include <memory>

namespace cadenza {

/// The matrix in the tensors weight, weight.absmax and so on of a module.
StatusOr<std::unique_ptr<StoredMatrix>> openNf4(ModuleTensors &module);

} // namespace cadenza
