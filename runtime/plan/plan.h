// Reading and writing .plan files (docs/plan-format.md). The reader validates everything before anyone uses it and
// hands out an immutable view; the writer is used by compiler/plan only.
#pragma once

#include "runtime/plan/program.h"
#include "runtime/support/status.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

enum class ImageKind : uint8_t { Cubin, Ptx, Host };
std::string_view codeKindName(ImageKind kind); // "cubin", "ptx", "host"

/// What the compiler reports of one kernel of one code section.
struct KernelResources {
  std::string kernel;
  uint32_t registers = 0;
  uint32_t localBytes = 0; // spills
};

/// Executable code for one target: a cubin ("sm_90"), PTX ("compute_90") or, for the emulator, a host shared object.
struct CodeSection {
  std::string target; // "sm_90", "compute_80", "host"
  ImageKind kind = ImageKind::Cubin;
  std::vector<KernelResources> resources;
  std::span<const std::byte> image;
};

/// A generated or embedded source file that the code was compiled from.
struct SourceFile {
  std::string path; // relative: "model.cu", "kernels/project.cuh"
  std::string text;
};

/// Where a section lies in the file.
struct SectionInfo {
  std::string name; // "metadata", "code[0]"
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint32_t crc = 0;
};

/// A plan that was read and found sound. Keeps the file mapped; spans live as long as the plan.
class Plan {
public:
  /// Opens, maps and validates `path`: header, section table, extents, alignment, padding, metadata, program. Checks
  /// checksums of all sections but the weights; `verifyWeights` does those (in parallel; loaders overlap it with
  /// upload).
  static StatusOr<std::shared_ptr<const Plan>> open(const std::string &path);
  /// The same for bytes in memory (which must outlive the plan); `name` is used in messages.
  static StatusOr<std::shared_ptr<const Plan>> fromBytes(std::span<const std::byte> bytes, std::string name);

  virtual ~Plan() = default;
  virtual const std::string &path() const = 0;
  virtual uint64_t fileBytes() const = 0;
  /// In file order; none for a plan that was not read from bytes.
  virtual std::span<const SectionInfo> sections() const { return {}; }
  virtual const Program &program() const = 0;
  /// Model, compiler version, targets, source hash, passes, statistics: for people and tools.
  virtual const nlohmann::json &metadata() const = 0;
  virtual std::span<const CodeSection> code() const = 0;
  virtual std::span<const SourceFile> sources() const = 0;
  virtual std::string_view tokenizerJson() const = 0; // empty: none
  virtual std::string_view ir() const = 0;            // optional step IR text
  /// JSON that runtime/chat/chat_template.h reads: the model's chat templates and special tokens. Empty: none.
  virtual std::string_view chatJson() const { return {}; }
  /// The model's generation_config.json, as data. Empty: none.
  virtual std::string_view generationJson() const { return {}; }
  virtual std::span<const std::byte> weights() const = 0;
  /// Checks checksum and padding of the weights; reads all of them. `threads` 0: as many as there are cores.
  virtual Status verifyWeights(int threads = 0) const = 0;
};

/// Where the writer gets the bytes of one packed weight: called once each, begun in order, from several threads at
/// once.
class WeightPacker {
public:
  virtual ~WeightPacker() = default;
  /// Fills `out` (exactly program.weights[index].bytes, zeroed before the call).
  virtual Status pack(uint32_t index, std::span<std::byte> out) = 0;
};

/// What goes into a plan.
struct PlanContents {
  const Program *program = nullptr;
  nlohmann::ordered_json metadata;
  std::vector<CodeSection> code; // images owned by the caller; PTX with or without its final NUL
  std::vector<SourceFile> sources;
  std::string tokenizerJson;
  std::string ir;
  std::string chatJson, generationJson; // JSON objects, or empty
  WeightPacker *packer = nullptr;
  int threads = 0;                                    // 0: as many as there are cores
  std::function<void(uint64_t, uint64_t)> onProgress; // weight bytes written, in all; never two calls at once
  std::function<Status()> beforeCommit;               // after everything was packed; an error leaves no plan
};

/// Writes `contents` to `path`: to a temporary file in the same folder, fsynced, renamed; on any error nothing is left
/// behind and an older file at `path` is intact. Identical contents give identical bytes, whatever `threads` is.
/// Contents that the reader would refuse are Internal. Holds the packed weights that are in work: about 1 GiB, or one
/// weight.
Status writePlan(const std::string &path, const PlanContents &contents);

} // namespace cadenza
