// The names that tools give to one and the same tensor, made those that the importer asks for.
#pragma once

#include "compiler/import/hf/checkpoint.h"

#include <string_view>

namespace cadenza {

/// Gives the tensors of `checkpoint` the names of the text model as transformers saves it, with `base` (its class's
/// base_model_prefix and a dot: "model.") before all but the head, and files a notice for each way in which they
/// differ:
///   _orig_mod.X, module.X                                what torch.compile and DistributedDataParallel put before all
///   language_model.model.X, language_model.lm_head.X     a multimodal model's text model (transformers before 4.52)
///   model.language_model.X                               the same since
///   X, where no name has `base`                          what the model without its head was saved as
///   lm_head.X, embed_out.X                               the head, which transformers 5 calls lm_head in all models
/// `head` is what the family calls the head.
void recogniseNames(Checkpoint &checkpoint, std::string_view base, std::string_view head, Findings &findings);

} // namespace cadenza
