// compressed-tensors, as vLLM's LLM Compressor stores it. Of integers in words (compressors/pack_quantized):
// weight_packed I32 [N, ceil(K * bits / 32)], codes plus 2^(bits - 1), the first in the lowest bits; weight_scale [N,
// groups]; weight_zero_point I32 [ceil(N * bits / 32), groups], packed along N and offset alike, if not symmetric;
// weight_shape I64 [2]; weight_g_idx I32 [K] if columns were reordered. Of bytes: weight I8 or F8_E4M3 [N, K],
// weight_scale, and weight_zero_point I8.
//     value = scale * (code - zero)
#include "compiler/import/hf/quantized/compressed_tensors_config.h"
#include "compiler/import/hf/quantized/grid_matrix.h"
#include "compiler/import/hf/quantized/quantized_format.h"
#include "compiler/import/text.h"

#include <algorithm>
#include <cstring>

namespace cadenza {
namespace {

using Layout = CompressedScheme::Layout;

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

class CompressedTensors : public QuantizedFormat {
public:
  explicit CompressedTensors(ConfigReader &quantization) : config_(readCompressedConfig(quantization)) {}
  std::string_view name() const override { return "compressed-tensors"; }

  bool excludes(const ModuleTensors &module, std::string &field) const override {
    field = "ignore";
    return std::any_of(config_.ignore.begin(), config_.ignore.end(), [&](const CompressedTarget &target) {
      return matchesName(target, module) || target.matchesClass(module.matrix().isEmbedding);
    });
  }
  bool holds(const ModuleTensors &module) const override {
    const CheckpointTensor *weight = module.find("weight");
    return module.find("weight_packed") || module.find("weight_scale") ||
           (weight && (weight->dtype == "I8" || weight->dtype.starts_with("F8_")));
  }

  StatusOr<std::unique_ptr<StoredMatrix>> open(ModuleTensors &module) const override {
    for (std::string_view suffix : {"input_scale", "input_zero_point", "output_scale", "output_zero_point",
                                    "input_global_scale", "weight_observer", "input_observer"})
      module.passOver(suffix);
    const CompressedScheme *scheme = schemeOf(module);
    if (!scheme)
      return module.invalid(module.find("weight_packed") ? "weight_packed" : "weight_scale",
                            "is of a module that no group of quantization_config.config_groups targets");
    GridParts parts;
    if (scheme->layout == Layout::mxfp4) {
      CADENZA_ASSIGN_OR_RETURN(parts, readMxfp4Parts(module, "weight_packed", "weight_scale",
                                                     {module.matrix().rows, module.matrix().columns / 2}));
    } else {
      CADENZA_ASSIGN_OR_RETURN(parts, scheme->layout == Layout::packed ? readPacked(module, *scheme)
                                                                       : readBytes(module, *scheme));
      CADENZA_RETURN_IF_ERROR(readOrder(module, *scheme, parts));
    }
    return makeGridMatrix(std::move(parts));
  }

private:
  static bool matchesName(const CompressedTarget &target, const ModuleTensors &module) {
    return target.matchesName(module.matrix().module) || target.matchesName(module.nameInFiles());
  }

  /// The first group that targets the module by name, or else by class; or null.
  const CompressedScheme *schemeOf(const ModuleTensors &module) const {
    for (const CompressedConfig::Group &group : config_.groups)
      if (matchesName(group.target, module))
        return group.scheme ? &*group.scheme : nullptr;
    for (const CompressedConfig::Group &group : config_.groups)
      if (group.target.matchesClass(module.matrix().isEmbedding))
        return group.scheme ? &*group.scheme : nullptr;
    return nullptr;
  }

  static Status readScales(ModuleTensors &module, const CompressedScheme &scheme, GridParts &parts) {
    constexpr std::string_view suffix = "weight_scale";
    if (scheme.strategy == ScaleStrategy::block)
      return readBlockScales(module, suffix, scheme.block, parts);
    if (scheme.strategy != ScaleStrategy::group)
      return readRowScales(module, suffix, parts);
    if (parts.columns % scheme.group != 0)
      return module.invalid(suffix, "is of a matrix of " + std::to_string(parts.columns) + " inputs, which groups of " +
                                        std::to_string(scheme.group) + " do not divide, as compressed-tensors demands");
    parts.format.group = scheme.group;
    return readGroupScales(module, suffix, parts);
  }

  static StatusOr<GridParts> readPacked(ModuleTensors &module, const CompressedScheme &scheme) {
    const int64_t rows = module.matrix().rows, columns = module.matrix().columns, perWord = 32 / scheme.bits;
    GridParts parts{.rows = rows, .columns = columns};
    parts.format = {.bits = scheme.bits};
    const int64_t words = ceilDiv(columns, perWord);
    CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *codes, module.get("weight_packed", {"I32"}, {rows, words}));
    CADENZA_RETURN_IF_ERROR(checkShape(module));
    parts.codes = {.words = codes->data.data(), .bits = scheme.bits, .otherStride = words};
    CADENZA_RETURN_IF_ERROR(readScales(module, scheme, parts));
    if (scheme.symmetric) {
      parts.codeOffset = 1 << (scheme.bits - 1);
      CADENZA_RETURN_IF_ERROR(refuseZeros(module));
      return parts;
    }
    const int64_t groups = parts.format.groups(columns);
    CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *zeros,
                             module.get("weight_zero_point", {"I32"}, {ceilDiv(rows, perWord), groups}));
    parts.format.has_zeros = true;
    parts.format.is_signed = false; // both offsets are left in
    parts.zeros = {.words = zeros->data.data(), .bits = scheme.bits, .packsRows = true, .packedStride = groups};
    return parts;
  }

  static StatusOr<GridParts> readBytes(ModuleTensors &module, const CompressedScheme &scheme) {
    const int64_t rows = module.matrix().rows, columns = module.matrix().columns;
    StoredFormat format{.kind = scheme.isFloat ? CodeKind::e4m3 : CodeKind::integer, .bits = 8};
    CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *codes,
                             module.get("weight", {scheme.isFloat ? "F8_E4M3" : "I8"}, {rows, columns}));
    GridParts parts = bytesOf(*codes, format, rows, columns);
    parts.twosComplement = !scheme.isFloat;
    CADENZA_RETURN_IF_ERROR(readScales(module, scheme, parts));
    if (scheme.symmetric) {
      CADENZA_RETURN_IF_ERROR(refuseZeros(module));
      return parts;
    }
    const CheckpointTensor *scales = module.find("weight_scale");
    CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *zeros, module.get("weight_zero_point", {"I8"}, scales->shape));
    parts.format.has_zeros = true;
    // Zero points lie as scales do.
    if (parts.scales.rowsOfOne != 1)
      return module.unsupported("weight_zero_point", "of blocks is not supported");
    parts.zeros = {.words = zeros->data.data(),
                   .wordBytes = 1,
                   .bits = 8,
                   .packedStride = parts.scales.groupStride,
                   .otherStride = parts.scales.rowStride};
    return parts;
  }

  /// weight_shape, which must say what the model says.
  static Status checkShape(ModuleTensors &module) {
    CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *tensor, module.get("weight_shape", {"I64", "I32"}, {2}));
    std::vector<int64_t> shape(2);
    if (tensor->dtype == "I64") {
      std::memcpy(shape.data(), tensor->data.data(), tensor->data.size());
    } else {
      std::array<int32_t, 2> narrow;
      std::memcpy(narrow.data(), tensor->data.data(), tensor->data.size());
      shape.assign(narrow.begin(), narrow.end());
    }
    if (shape == std::vector<int64_t>{module.matrix().rows, module.matrix().columns})
      return Status::ok();
    return module.invalid("weight_shape", "holds " + shapeText(shape) + ", but config.json asks for " +
                                              shapeText({module.matrix().rows, module.matrix().columns}));
  }

  /// Some writers keep the zero points of symmetric weights, which are all 0.
  static Status refuseZeros(ModuleTensors &module) {
    const CheckpointTensor *zeros = module.find("weight_zero_point");
    module.passOver("weight_zero_point");
    if (!zeros ||
        std::all_of(zeros->data.begin(), zeros->data.end(), [](std::byte byte) { return byte == std::byte{0}; }))
      return Status::ok();
    return module.invalid("weight_zero_point",
                          "holds zero points, but quantization_config says that weights are symmetric");
  }

  /// weight_g_idx. All of a file whose columns were not reordered may be -1.
  static Status readOrder(ModuleTensors &module, const CompressedScheme &scheme, GridParts &parts) {
    const CheckpointTensor *tensor = module.find("weight_g_idx");
    if (!scheme.permuted || scheme.strategy != ScaleStrategy::group) {
      if (tensor)
        return module.invalid("weight_g_idx", "orders columns, but quantization_config.config_groups has no actorder "
                                              "'group' for them");
      return Status::ok();
    }
    if (tensor &&
        std::all_of(tensor->data.begin(), tensor->data.end(), [](std::byte byte) { return byte == std::byte{0xff}; })) {
      module.passOver("weight_g_idx");
      return Status::ok();
    }
    const int64_t groups = parts.format.groups(parts.columns);
    CADENZA_ASSIGN_OR_RETURN(std::vector<int32_t> map, module.groupOfColumn("weight_g_idx", groups));
    std::vector<int64_t> sizes(static_cast<size_t>(groups));
    for (int32_t group : map)
      ++sizes[static_cast<size_t>(group)];
    for (size_t group = 0; group < sizes.size(); ++group)
      if (sizes[group] != scheme.group)
        return module.invalid("weight_g_idx", "puts " + std::to_string(sizes[group]) + " columns into group " +
                                                  std::to_string(group) + "; groups have " +
                                                  std::to_string(scheme.group));
    parts.format.permuted = true;
    parts.groupOfColumn = std::move(map);
    return Status::ok();
  }

  CompressedConfig config_;
};

} // namespace

std::shared_ptr<QuantizedFormat> readCompressedTensors(ConfigReader &quantization) {
  return std::make_shared<CompressedTensors>(quantization);
}

} // namespace cadenza
