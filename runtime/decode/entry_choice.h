// Which entry of a plan runs given inputs, if it has several for different sets of dimensions: the one of exactly their
// shapes, else the smallest that a mask lets run shorter ones.
//
// Inputs may be shorter than an entry's along the dimension of its attention mask: the input "attention_mask", whose
// last axis says of each position whether there is anything. An axis of a port is that dimension if it has the mask's
// extent in every entry, and those extents differ (so a plan with one entry has no such axis). What is missing of the
// inputs becomes zeros, so that the mask says that nothing is there, and what stands there is cut off the outputs.
#pragma once

#include "runtime/plan/program.h"
#include "runtime/support/status.h"
#include "runtime/tensor.h"

#include <cstdint>
#include <set>
#include <string_view>
#include <vector>

namespace cadenza {

/// The entries of named tensors: those that are no decoder's.
std::vector<uint32_t> tensorEntries(const Program &program);

struct EntryChoice {
  uint32_t entry = 0; // in Program::entries
  // Of each input and output, the axes of the mask's dimension; empty unless the inputs are shorter than the entry.
  std::vector<std::set<size_t>> inputAxes = {}, outputAxes = {};
  int64_t length = 0; // of that dimension, in the inputs

  bool pads() const { return !inputAxes.empty(); }
  /// That of output `number`, as the caller gets it.
  nn::Shape outputShape(const Entry &entry, size_t number) const;
};

/// The entry of that name, or, for an empty one, the only one of `program` that is no decoder's step, or, of several,
/// the one for the shapes of `inputs`. InvalidArgument for an unknown name and if no entry is for those shapes; the
/// message says which there are. `where` is named in it.
StatusOr<EntryChoice> chooseEntry(const Program &program, std::string_view name, const Tensors &inputs,
                                  const std::string &where);

/// Whether that is the mask.
bool isMask(const Port &port);

/// `tensor` with the extents `axes` as `shape` has them: what is added is zero, or, if `repeat`, the first elements
/// along each axis again.
Tensor padded(const Tensor &tensor, const std::set<size_t> &axes, const nn::Shape &shape, bool repeat);
/// The first elements of `tensor` along each axis, as many as `shape` has.
Tensor cut(const Tensor &tensor, const nn::Shape &shape);

} // namespace cadenza
