// What the plan says about where it came from.
#pragma once

#include "compiler/import/hf/checkpoint.h"

#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

/// SHA-256, in hexadecimal, over the given texts (config.json, generation_config.json, the plan's tokenizer.json and
/// chat templates, and a description of random weights if there are any) and, of each checkpoint file, its length, its
/// header and the first 4 KiB of every tensor. Hashing all of a 16 GB checkpoint would take longer than compiling it:
/// the hash tells models apart, fine-tunes of one model too, but does not vouch for every byte.
std::string sourceHash(const std::vector<std::string_view> &texts, const Checkpoint *checkpoint);

} // namespace cadenza
