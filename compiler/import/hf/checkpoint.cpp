#include "compiler/import/hf/checkpoint.h"
#include "compiler/import/hf/directory_hints.h"
#include "compiler/import/text.h"
#include "runtime/support/json.h"

#include <set>

namespace cadenza {
namespace {

constexpr std::string_view singleFile = "model.safetensors";
constexpr std::string_view indexFile = "model.safetensors.index.json";
constexpr size_t maxShards = 4096;

std::string inIndex(const std::string &message) { return std::string(indexFile) + ": weight_map: " + message; }

/// "./one.safetensors" is "one.safetensors".
std::string plainName(std::string name) {
  while (name.starts_with("./"))
    name.erase(0, 2);
  return name;
}

} // namespace

Checkpoint Checkpoint::open(ModelDirectory &directory, Findings &findings) {
  Checkpoint checkpoint;
  size_t before = findings.errors();
  if (directory.has(singleFile))
    findings.add(checkpoint.addFile(directory, std::string(singleFile)));
  else if (directory.has(indexFile))
    checkpoint.addShards(directory, findings);
  else
    findings.invalid(directory.path() + ": there is neither " + std::string(singleFile) + " nor " +
                     std::string(indexFile) + otherWeights(directory.path()));
  checkpoint.complete_ = before == findings.errors();
  return checkpoint;
}

const CheckpointTensor *Checkpoint::find(std::string_view name) const {
  auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

void Checkpoint::rename(const std::function<std::string(const std::string &)> &newName) {
  Tensors renamed;
  for (auto &[name, tensor] : tensors_) {
    std::string wanted = newName(name);
    if (wanted != name && (tensors_.contains(wanted) || renamed.contains(wanted)))
      wanted = name; // the name is taken
    if (wanted != name && tensor.nameInFile.empty())
      tensor.nameInFile = name;
    renamed.emplace(std::move(wanted), std::move(tensor));
  }
  tensors_ = std::move(renamed);
}

StatusOr<Checkpoint> Checkpoint::openFile(const std::string &path) {
  Checkpoint checkpoint;
  CADENZA_ASSIGN_OR_RETURN(MappedFile mapping, MappedFile::open(path));
  CADENZA_RETURN_IF_ERROR(checkpoint.addFile(path, std::move(mapping)));
  return checkpoint;
}

Status Checkpoint::addFile(ModelDirectory &directory, const std::string &name) {
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
    if (!inserted) {
      const auto shard = shardOf_.find(entry.name);
      if (shard == shardOf_.end())
        return {StatusCode::InvalidInput, escaped(name, 80) + ": tensor " + quotedName(entry.name) + " is also in " +
                                              files_[place->second.file].name + ", and the index names it in neither"};
      if (shard->second != name)
        continue; // that of another shard counts
    }
    place->second = {std::move(entry.dtype), std::move(entry.shape), bytes.subspan(entry.offset, entry.bytes), index};
  }
  return Status::ok();
}

void Checkpoint::addShards(ModelDirectory &directory, Findings &findings) {
  const size_t before = findings.errors();
  auto file = directory.file(indexFile);
  if (!file.isOk())
    return findings.add(file.status());
  std::vector<std::string> repeated;
  auto index = parseJson(textOf(*file), {}, &repeated);
  if (!index.isOk())
    return findings.add(index.status().withPrefix(indexFile));
  auto map = index->find("weight_map");
  if (!index->is_object() || map == index->end() || !map->is_object())
    return findings.invalid(std::string(indexFile) + ": weight_map is missing or no object");
  if (!repeated.empty())
    findings.notice(std::string(indexFile) + ": " + std::to_string(repeated.size()) +
                    " names are given twice, with the same value; the first is " + quotedName(repeated[0]));

  std::set<std::string> shards;
  for (const auto &[tensor, shard] : map->items()) {
    if (!shard.is_string()) {
      findings.invalid(inIndex("the shard of " + quotedName(tensor) + " is no string"));
      continue;
    }
    shards.insert(shardOf_[tensor] = plainName(shard.get<std::string>()));
    if (shards.size() > maxShards)
      return findings.invalid(inIndex("more than " + std::to_string(maxShards) + " shards"));
  }
  for (const std::string &shard : shards)
    findings.add(addFile(directory, shard).withPrefix(std::string(indexFile) + ": weight_map"));

  // A tensor that is not where it should be may be one that nobody asks for; if it is not, it is missing.
  size_t absent = 0;
  std::string first;
  for (const auto &[tensor, shard] : shardOf_) {
    const CheckpointTensor *found = find(tensor);
    if ((!found || files_[found->file].name != shard) && absent++ == 0)
      first = quotedName(tensor) + " in " + quotedName(shard);
    if (found && files_[found->file].name != shard)
      tensors_.erase(tensor);
  }
  if (absent != 0 && findings.errors() == before)
    findings.notice(inIndex(std::to_string(absent) + (absent == 1 ? " tensor is" : " tensors are") +
                            " not where it says; the first is " + first));
}

} // namespace cadenza
