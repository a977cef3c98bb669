// GPTQ as AutoGPTQ and GPTQModel store it: qweight I32 [K * bits / 32, N], columns of K in order, the first in the
// lowest bits; qzeros I32 [groups, N * bits / 32]; scales [groups, N]; g_idx I32 [K], the group of each column.
//     value = scale * (code - zero)
// Version 1 of the format stores zero - 1. Files are labelled wrongly at times: where all zero points are those of a
// symmetric matrix, they say themselves which version they are.
#include "compiler/import/hf/quantized/gptq_config.h"
#include "compiler/import/hf/quantized/grid_matrix.h"
#include "compiler/import/hf/quantized/quantized_format.h"
#include "compiler/import/text.h"

#include <algorithm>

namespace cadenza {
namespace {

/// The one value of a grid, or nothing.
std::optional<int> onlyValue(const BitGrid &grid, int64_t rows, int64_t columns) {
  const int first = grid.at(0, 0);
  for (int64_t column = 0; column < columns; ++column)
    for (int64_t row = 0; row < rows; ++row)
      if (grid.at(row, column) != first)
        return std::nullopt;
  return first;
}

std::string version(bool storesZeros) { return storesZeros ? "gptq_v2" : "gptq"; }

class Gptq : public QuantizedFormat {
public:
  explicit Gptq(ConfigReader &quantization) : config_(readGptqConfig(quantization)) {}
  std::string_view name() const override { return "GPTQ"; }
  void restoreOrder(std::string_view text) override { cadenza::restoreOrder(config_.rules, text); }

  bool excludes(const ModuleTensors &module, std::string &field) const override {
    const GptqRule *rule = ruleOf(module);
    field = rule && rule->excludes ? "dynamic" : "modules_to_not_convert";
    return (rule && rule->excludes) || namesModule(config_.notConverted, module.matrix().module) ||
           namesModule(config_.notConverted, module.nameInFiles());
  }
  bool holds(const ModuleTensors &module) const override {
    return module.find("qweight") || module.find("qzeros") || module.find("scales");
  }

  StatusOr<std::unique_ptr<StoredMatrix>> open(ModuleTensors &module) const override {
    const GptqRule *rule = ruleOf(module);
    const GptqScheme &scheme = rule ? rule->scheme : config_.scheme;
    const int64_t rows = module.matrix().rows, columns = module.matrix().columns;
    const int64_t perWord = 32 / scheme.bits;
    if (rows % perWord != 0 || columns % perWord != 0)
      return module.invalid("qweight", "is of a matrix of " + shapeText({rows, columns}) + ", but GPTQ in " +
                                           std::to_string(scheme.bits) + " bits demands multiples of " +
                                           std::to_string(perWord));
    GridParts parts{.rows = rows, .columns = columns};
    parts.format = {.bits = scheme.bits, .is_signed = false, .group = scheme.group, .has_zeros = true};
    const int64_t groups = parts.format.groups(columns);
    CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *codes, module.get("qweight", {"I32"}, {columns / perWord, rows}));
    CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *zeros, module.get("qzeros", {"I32"}, {groups, rows / perWord}));
    CADENZA_ASSIGN_OR_RETURN(parts.scales, module.scales("scales", {groups, rows}));
    parts.codes = {.words = codes->data.data(), .bits = scheme.bits, .packedStride = rows};
    parts.zeros = {.words = zeros->data.data(), .bits = scheme.bits, .packsRows = true, .otherStride = rows / perWord};
    parts.scales.rowStride = 1;
    parts.scales.groupStride = rows;
    parts.format.scales = parts.scales.dtype();
    CADENZA_RETURN_IF_ERROR(readOrder(module, scheme, groups, parts));
    CADENZA_RETURN_IF_ERROR(readZeros(module, scheme, groups, parts));
    return makeGridMatrix(std::move(parts));
  }

private:
  const GptqRule *ruleOf(const ModuleTensors &module) const {
    const std::string nameInFiles = module.nameInFiles();
    const auto found = std::find_if(config_.rules.begin(), config_.rules.end(), [&](const GptqRule &rule) {
      return rule.pattern.matchesStart(nameInFiles) || rule.pattern.matchesStart(module.matrix().module);
    });
    return found == config_.rules.end() ? nullptr : &*found;
  }

  /// g_idx, which says nothing new where columns are in order.
  static Status readOrder(ModuleTensors &module, const GptqScheme &scheme, int64_t groups, GridParts &parts) {
    if (!module.find("g_idx") && !scheme.ordersByAct)
      return Status::ok();
    CADENZA_ASSIGN_OR_RETURN(std::vector<int32_t> map, module.groupOfColumn("g_idx", groups));
    const int64_t group = scheme.group == 0 ? parts.columns : scheme.group;
    for (int64_t column = 0; column < parts.columns; ++column)
      parts.format.permuted |= map[static_cast<size_t>(column)] != column / group;
    if (parts.format.permuted)
      parts.groupOfColumn = std::move(map);
    return Status::ok();
  }

  Status readZeros(ModuleTensors &module, const GptqScheme &scheme, int64_t groups, GridParts &parts) const {
    const int middle = 1 << (scheme.bits - 1), largest = (1 << scheme.bits) - 1;
    const std::optional<int> only = onlyValue(*parts.zeros, parts.rows, groups);
    bool storesZeros = config_.storesZeros;
    if (scheme.symmetric.value_or(true) && only && (*only == middle || *only == middle - 1)) {
      storesZeros = *only == middle;
      if (storesZeros != config_.storesZeros)
        module.note("labelled " + version(config_.storesZeros) + ", but symmetric with zero points stored as " +
                    std::to_string(*only) + ", which makes them " + version(storesZeros));
    } else if (scheme.symmetric.value_or(false)) {
      return module.invalid("qzeros",
                            "holds zero points, but quantization_config.sym is true, which makes all of them " +
                                std::to_string(middle) + " (stored as " + std::to_string(middle) + " or " +
                                std::to_string(middle - 1) + ")");
    }
    parts.zeroPlus = storesZeros ? 0 : 1;
    if (only && *only + parts.zeroPlus == middle) {
      parts.zeros.reset();
      parts.codeOffset = middle;
      parts.format.has_zeros = false;
      parts.format.is_signed = true;
      return Status::ok();
    }
    for (int64_t group = 0; group < groups; ++group)
      for (int64_t row = 0; row < parts.rows; ++row)
        if (const int zero = parts.zeros->at(row, group) + parts.zeroPlus; zero > largest)
          return module.invalid("qzeros", "makes a zero point " + std::to_string(zero) + " of output " +
                                              std::to_string(row) + " in group " + std::to_string(group) +
                                              ", out of [0, " + std::to_string(largest) + "]");
    return Status::ok();
  }

  GptqConfig config_;
};

} // namespace

std::shared_ptr<QuantizedFormat> readGptq(ConfigReader &quantization) { return std::make_shared<Gptq>(quantization); }

} // namespace cadenza
