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
  size_t before = findings.errors();
  if (directory.has(singleFile))
    findings.add(checkpoint.addFile(directory, std::string(singleFile)));
  else if (directory.has(indexFile))
    checkpoint.addShards(directory, findings);
  else
    findings.invalid(directory.path() + ": there is neither " + std::string(singleFile) + " nor " +
                     std::string(indexFile) + otherFormats(directory));
  checkpoint.complete_ = before == findings.errors();
  return checkpoint;
}

const CheckpointTensor *Checkpoint::find(std::string_view name) const {
  auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

StatusOr<Checkpoint> Checkpoint::openFile(const std::string &path) {
  Checkpoint checkpoint;
  CADENZA_ASSIGN_OR_RETURN(MappedFile mapping, MappedFile::open(path));
  CADENZA_RETURN_IF_ERROR(checkpoint.addFile(path, std::move(mapping)));
  return checkpoint;
}

Status Checkpoint::addFile(const ModelDirectory &directory, const std::string &name) {
  CADENZA_ASSIGN_OR_RETURN(MappedFile mapping, directory.file(name));
  return addFile(name, std::move(mapping));
}

Status Checkpoint::addFile(const std::string &name, MappedFile mapping) {
  auto header = parseSafetensorsHeader(textOf(mapping));
  if (!header.isOk())
    return header.status().withPrefix(escaped(name, 80));
  auto index = static_cast<uint32_t>(files_.size());
  std::span<const std::byte> bytes = mapping.bytes();
  files_.push_back({name, std::move(mapping), header->headerBytes});
  for (SafetensorsEntry &entry : header->entries) {
    auto [place, inserted] = tensors_.try_emplace(entry.name, CheckpointTensor{});
    if (!inserted)
      return {StatusCode::InvalidInput, escaped(name, 80) + ": tensor " + quotedName(entry.name) + " is also in " +
                                            files_[place->second.file].name};
    place->second = {std::move(entry.dtype), std::move(entry.shape), bytes.subspan(entry.offset, entry.bytes), index};
  }
  return Status::ok();
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
      findings.invalid(inIndex("the shard of " + quotedName(tensor) + " is no string"));
      continue;
    }
    tensorsOfShard[shard.get<std::string>()].push_back(tensor);
    if (tensorsOfShard.size() > maxShards)
      return findings.invalid(inIndex("more than " + std::to_string(maxShards) + " shards"));
  }
  for (const auto &[shard, tensors] : tensorsOfShard) {
    if (Status status = addFile(directory, shard); !status.isOk()) {
      findings.add(status.withPrefix(std::string(indexFile) + ": weight_map"));
      continue;
    }
    for (const std::string &tensor : tensors) {
      const CheckpointTensor *found = find(tensor);
      if (!found || files_[found->file].name != shard)
        findings.invalid(inIndex("tensor " + quotedName(tensor) + " is not in " + quotedName(shard)));
    }
  }
}

} // namespace cadenza
