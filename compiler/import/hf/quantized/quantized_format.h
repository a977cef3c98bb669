// Formats of quantised checkpoints: what quantization_config of config.json says, and how a matrix is found in the
// tensors of its module. A format is a file here.
//
// Which matrices are quantised, the tensors say: a module that has them in the format is, one with plain floats is not.
// The lists in quantization_config (modules_to_not_convert, ignore) can only contradict that.
#pragma once

#include "compiler/import/hf/config_reader.h"
#include "compiler/import/hf/quantized/module_tensors.h"
#include "compiler/import/stored_matrix.h"

#include <memory>
#include <string>
#include <string_view>

namespace cadenza {

class QuantizedFormat {
public:
  virtual ~QuantizedFormat() = default;
  /// For messages: "AWQ".
  virtual std::string_view name() const = 0;
  /// Whether quantization_config leaves the module as it was; `field` is then who says so, for messages.
  virtual bool excludes(const ModuleTensors &module, std::string &field) const = 0;
  /// Whether the module's tensors are those of this format.
  virtual bool holds(const ModuleTensors &module) const = 0;
  /// The matrix, if `holds`; it reads from the checkpoint, which outlives it. InvalidInput, with file and tensor, for
  /// tensors that are missing, or contradict each other, quantization_config or the model's shapes.
  virtual StatusOr<std::unique_ptr<StoredMatrix>> open(ModuleTensors &module) const = 0;
  /// Rules that apply in the order of the file, which a parsed config.json has lost: `text` is the file's.
  virtual void restoreOrder(std::string_view /*text*/) {}
};

/// The format that quantization_config names. Null, and findings, if it is not supported or malformed.
std::shared_ptr<QuantizedFormat> readQuantization(ConfigReader &config);

/// One of each method, from the fields of quantization_config. As above.
std::shared_ptr<QuantizedFormat> readAwq(ConfigReader &quantization);
std::shared_ptr<QuantizedFormat> readGptq(ConfigReader &quantization);
std::shared_ptr<QuantizedFormat> readCompressedTensors(ConfigReader &quantization);
std::shared_ptr<QuantizedFormat> readFp8(ConfigReader &quantization);
std::shared_ptr<QuantizedFormat> readBitsAndBytes(ConfigReader &quantization);
std::shared_ptr<QuantizedFormat> readMxfp4(ConfigReader &quantization);

/// A field that is a list of names of modules, or null. A finding, and nothing, if it is something else.
std::vector<std::string> readModuleList(ConfigReader &quantization, std::string_view field);
/// group_size: -1 is a row, which is 0 here.
std::optional<int64_t> readGroupSize(ConfigReader &quantization, std::string_view field, int64_t otherwise);

} // namespace cadenza
