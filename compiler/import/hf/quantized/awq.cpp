// AWQ as AutoAWQ's "gemm" version stores it (awq/utils/packing_utils.py): qweight I32 [K, N / 8], eight columns of N to
// a word in an order that suits its kernel; qzeros the same [K / group, N / 8]; scales [K / group, N].
//     value = scale * (code - zero)
#include "compiler/import/hf/config_parts.h"
#include "compiler/import/hf/quantized/grid_matrix.h"
#include "compiler/import/hf/quantized/name_pattern.h"
#include "compiler/import/hf/quantized/quantized_format.h"
#include "compiler/import/text.h"

namespace cadenza {
namespace {

/// Nibble i of a word is column [0, 2, 4, 6, 1, 3, 5, 7][i]; this is the inverse.
constexpr std::array<uint8_t, 8> order = {0, 4, 1, 5, 2, 6, 3, 7};
constexpr int64_t perWord = 8;

class Awq : public QuantizedFormat {
public:
  explicit Awq(ConfigReader &quantization) {
    const std::string_view field = quantization.has("version") ? "version" : "format";
    const std::string version = quantization.string(field).value_or("gemm");
    if (version != "gemm" && version != "GEMM")
      refuseValue(quantization, field, quotedName(version), "(gemm is)");
    const int64_t bits = quantization.integer("bits", 1, 64).value_or(4);
    if (bits != 4)
      refuseValue(quantization, "bits", std::to_string(bits), "with quant_method 'awq' (4 is)");
    group_ = readGroupSize(quantization, "group_size", 128).value_or(0);
    hasZeros_ = quantization.boolean("zero_point").value_or(true);
    notConverted_ = readModuleList(quantization, "modules_to_not_convert");
    quantization.ignore({"backend", "do_fuse", "fuse_max_seq_len", "modules_to_fuse", "exllama_config", "sym",
                         "desc_act", "damp_percent", "true_sequential", "act_group_aware", "tokenizer", "dataset",
                         "meta", "lm_head", "checkpoint_format", "pack_dtype", "format", "version"});
  }

  std::string_view name() const override { return "AWQ"; }
  bool excludes(const ModuleTensors &module, std::string &field) const override {
    field = "modules_to_not_convert";
    return namesModule(notConverted_, module.matrix().module) || namesModule(notConverted_, module.nameInFiles());
  }
  bool holds(const ModuleTensors &module) const override {
    return module.find("qweight") || module.find("qzeros") || module.find("scales");
  }

  StatusOr<std::unique_ptr<StoredMatrix>> open(ModuleTensors &module) const override {
    const int64_t rows = module.matrix().rows, columns = module.matrix().columns;
    if (group_ != 0 && columns % group_ != 0)
      return module.invalid("qweight", "has " + std::to_string(columns) + " inputs, which groups of " +
                                           std::to_string(group_) + " do not divide, as AWQ demands");
    if (rows % perWord != 0)
      return module.invalid("qweight", "has " + std::to_string(rows) + " outputs, no multiple of 8, as AWQ demands");
    GridParts parts{.rows = rows, .columns = columns};
    parts.format = {.bits = 4, .is_signed = false, .group = group_ == columns ? 0 : group_, .has_zeros = true};
    const int64_t groups = parts.format.groups(columns), words = rows / perWord;
    CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *codes, module.get("qweight", {"I32"}, {columns, words}));
    CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *zeros, module.get("qzeros", {"I32"}, {groups, words}));
    CADENZA_ASSIGN_OR_RETURN(parts.scales, module.scales("scales", {groups, rows}));
    parts.codes = {.words = codes->data.data(), .packsRows = true, .otherStride = words, .order = order};
    parts.zeros = parts.codes;
    parts.zeros->words = zeros->data.data();
    parts.scales.rowStride = 1;
    parts.scales.groupStride = rows;
    parts.format.scales = parts.scales.dtype();
    if (!hasZeros_)
      CADENZA_RETURN_IF_ERROR(takeSymmetric(module, parts));
    return makeGridMatrix(std::move(parts));
  }

private:
  /// zero_point false: all zero points are in the middle.
  static Status takeSymmetric(const ModuleTensors &module, GridParts &parts) {
    constexpr int middle = 8;
    for (int64_t group = 0; group < parts.format.groups(parts.columns); ++group)
      for (int64_t row = 0; row < parts.rows; ++row)
        if (const int zero = parts.zeros->at(row, group); zero != middle)
          return module.invalid("qzeros",
                                "holds the zero point " + std::to_string(zero) +
                                    ", but quantization_config.zero_point is false, which makes all of them 8");
    parts.zeros.reset();
    parts.codeOffset = middle;
    parts.format.has_zeros = false;
    parts.format.is_signed = true;
    return Status::ok();
  }

  int64_t group_ = 0; // 0: a row
  bool hasZeros_ = true;
  std::vector<std::string> notConverted_;
};

} // namespace

std::shared_ptr<QuantizedFormat> readAwq(ConfigReader &quantization) { return std::make_shared<Awq>(quantization); }

} // namespace cadenza
