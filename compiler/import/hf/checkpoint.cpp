#include "compiler/import/hf/checkpoint.h"
#include "compiler/import/text.h"
#include "runtime/support/json.h"

namespace cadenza {
namespace {

constexpr std::string_view singleFile = "model.safetensors";
constexpr std::string_view indexFile = "model.safetensors.index.json";
constexpr size_t maxShards = 4096;

std::string inIndex(const std::string &message) { return std::string(indexFile) + ": weight_map: " + message; }

/// Formats that a user may try instead, so that the message can name what is there.
std::string otherFormats(const ModelDirectory &directory) {
  std::string found;
  for (std::string_view name : {"pytorch_model.bin", "pytorch_model.bin.index.json", "consolidated.safetensors",
                                "tf_model.h5", "flax_model.msgpack"}) {
    if (directory.has(name))
      found += (found.empty() ? "; found only " : ", ") + std::string(name);
  }
  return found;
}

} // namespace

Checkpoint Checkpoint::open(const ModelDirectory &directory, Findings &findings) {
  Checkpoint checkpoint;
  if (directory.has(singleFile))
    checkpoint.addFile(directory, std::string(singleFile), findings);
  else if (directory.has(indexFile))
    checkpoint.addShards(directory, findings);
  else
    findings.invalid(directory.path() + ": there is neither " + std::string(singleFile) + " nor " +
                     std::string(indexFile) + otherFormats(directory));
  return checkpoint;
}

const CheckpointTensor *Checkpoint::find(std::string_view name) const {
  auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

void Checkpoint::addFile(const ModelDirectory &directory, const std::string &name, Findings &findings) {
  auto mapping = directory.file(name);
  if (!mapping.isOk())
    return findings.add(mapping.status());
  auto header = parseSafetensorsHeader(textOf(*mapping));
  if (!header.isOk())
    return findings.add(header.status().withPrefix(escaped(name, 80)));
  auto index = static_cast<uint32_t>(files_.size());
  for (SafetensorsEntry &entry : header->entries) {
    CheckpointTensor tensor{std::move(entry.dtype), std::move(entry.shape),
                            mapping->bytes().subspan(entry.offset, entry.bytes), index};
    auto [place, inserted] = tensors_.try_emplace(entry.name, std::move(tensor));
    if (!inserted)
      findings.invalid(escaped(name, 80) + ": tensor " + quoted(entry.name) + " is also in " +
                       files_[place->second.file].name);
  }
  files_.push_back({name, std::move(*mapping), header->headerBytes});
}

void Checkpoint::addShards(const ModelDirectory &directory, Findings &findings) {
  auto file = directory.file(indexFile);
  if (!file.isOk())
    return findings.add(file.status());
  auto index = parseJson(textOf(*file));
  if (!index.isOk())
    return findings.add(index.status().withPrefix(indexFile));
  auto map = index->find("weight_map");
  if (!index->is_object() || map == index->end() || !map->is_object())
    return findings.invalid(std::string(indexFile) + ": weight_map is missing or no object");

  std::map<std::string, std::vector<std::string>> tensorsOfShard;
  for (const auto &[tensor, shard] : map->items()) {
    if (!shard.is_string()) {
      findings.invalid(inIndex("the shard of " + quoted(tensor) + " is no string"));
      continue;
    }
    tensorsOfShard[shard.get<std::string>()].push_back(tensor);
    if (tensorsOfShard.size() > maxShards)
      return findings.invalid(inIndex("more than " + std::to_string(maxShards) + " shards"));
  }
  for (const auto &[shard, tensors] : tensorsOfShard) {
    // A bad name or a missing file is the index's fault; what is wrong inside the shard is the shard's.
    bool present = shard.find('/') == std::string::npos && shard.find('\0') == std::string::npos && directory.has(shard);
    size_t before = files_.size();
    if (present) {
      addFile(directory, shard, findings);
    } else if (shard.find('/') == std::string::npos && shard.find('\0') == std::string::npos) {
      findings.invalid(inIndex("shard " + quoted(shard) + " is missing"));
    } else {
      findings.add(directory.file(shard).status().withPrefix(inIndex("shard")));
    }
    if (files_.size() == before)
      continue; // unreadable and reported
    for (const std::string &tensor : tensors) {
      const CheckpointTensor *found = find(tensor);
      if (!found || files_[found->file].name != shard)
        findings.invalid(inIndex("tensor " + quoted(tensor) + " is not in " + quoted(shard)));
    }
  }
}

} // namespace cadenza
