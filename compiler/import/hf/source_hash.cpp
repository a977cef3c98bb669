#include "compiler/import/hf/source_hash.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/SHA256.h"

#include <algorithm>

namespace cadenza {
namespace {

/// Adds a run of bytes with its length before it, so that two runs cannot be mistaken for another two.
void addRun(llvm::SHA256 &hash, std::string_view bytes) {
  uint8_t length[8];
  llvm::support::endian::write64le(length, bytes.size());
  hash.update(llvm::ArrayRef<uint8_t>(length));
  hash.update(llvm::StringRef(bytes.data(), bytes.size()));
}

} // namespace

std::string sourceHash(const std::vector<std::string_view> &texts, const Checkpoint *checkpoint) {
  constexpr size_t sampled = 4096;
  llvm::SHA256 hash;
  for (std::string_view text : texts)
    addRun(hash, text);
  if (checkpoint) {
    for (const CheckpointFile &file : checkpoint->files()) {
      std::string_view bytes = textOf(file.mapping);
      addRun(hash, std::to_string(bytes.size()));
      addRun(hash, bytes.substr(0, file.headerBytes));
    }
    for (const auto &[name, tensor] : checkpoint->tensors())
      addRun(hash, {reinterpret_cast<const char *>(tensor.data.data()), std::min(sampled, tensor.data.size())});
  }
  return llvm::toHex(hash.final(), /*LowerCase=*/true);
}

} // namespace cadenza
