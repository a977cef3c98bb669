// FP8 as DeepSeek and Qwen publish it: weight F8_E4M3 [N, K] and weight_scale_inv, which values are *multiplied* by: a
// scale for each block of weight_block_size rows and columns, or where that is null, one for the tensor or for each
// row.
#include "compiler/import/hf/config_parts.h"
#include "compiler/import/hf/quantized/grid_matrix.h"
#include "compiler/import/hf/quantized/name_pattern.h"
#include "compiler/import/hf/quantized/quantized_format.h"
#include "compiler/import/hf/quantized/scale_shapes.h"
#include "compiler/import/text.h"

namespace cadenza {
namespace {

constexpr int64_t maxBlock = int64_t{1} << 24;

class Fp8 : public QuantizedFormat {
public:
  explicit Fp8(ConfigReader &quantization) {
    if (!quantization.contains("weight_block_size"))
      block_ = Block{128, 128}; // FineGrainedFP8Config's
    else if (quantization.has("weight_block_size"))
      readBlock(quantization);
    const std::string code = quantization.string("fmt").value_or("e4m3");
    if (code != "e4m3" && code != "float8_e4m3fn")
      refuseValue(quantization, "fmt", quotedName(code), "(e4m3 is)");
    const std::string scheme = quantization.string("activation_scheme").value_or("dynamic");
    if (scheme != "none")
      quantization.findings().notice(
          quantization.where("activation_scheme") + " " + quotedName(scheme) +
          ": activations are not quantised; only the weights are taken as the file has them");
    notConverted_ = readModuleList(quantization, "modules_to_not_convert");
    for (std::string &name : readModuleList(quantization, "ignored_layers"))
      notConverted_.push_back(std::move(name));
    quantization.ignore({"quant_method", "scale_fmt", "dequantize", "modules_to_convert"});
  }

  std::string_view name() const override { return "FP8"; }
  bool excludes(const ModuleTensors &module, std::string &field) const override {
    field = "modules_to_not_convert";
    return namesModule(notConverted_, module.matrix().module) || namesModule(notConverted_, module.nameInFiles());
  }
  bool holds(const ModuleTensors &module) const override {
    const CheckpointTensor *weight = module.find("weight");
    return module.find("weight_scale_inv") || (weight && weight->dtype.starts_with("F8_"));
  }

  StatusOr<std::unique_ptr<StoredMatrix>> open(ModuleTensors &module) const override {
    module.passOver("activation_scale");
    module.passOver("input_scale");
    const int64_t rows = module.matrix().rows, columns = module.matrix().columns;
    CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *codes, module.get("weight", {"F8_E4M3"}, {rows, columns}));
    GridParts parts = bytesOf(*codes, {.kind = CodeKind::e4m3, .bits = 8}, rows, columns);
    CADENZA_RETURN_IF_ERROR(block_ ? readBlockScales(module, "weight_scale_inv", *block_, parts)
                                   : readRowScales(module, "weight_scale_inv", parts));
    return makeGridMatrix(std::move(parts));
  }

private:
  void readBlock(ConfigReader &quantization) {
    const std::vector<int64_t> sizes = quantization.integers("weight_block_size", 1, maxBlock);
    if (sizes.size() == 2)
      block_ = Block{sizes[0], sizes[1]};
    else
      quantization.findings().invalid(quantization.where("weight_block_size") +
                                      " must be two numbers, rows and columns");
  }

  std::optional<Block> block_;
  std::vector<std::string> notConverted_;
};

} // namespace

std::shared_ptr<QuantizedFormat> readFp8(ConfigReader &quantization) { return std::make_shared<Fp8>(quantization); }

} // namespace cadenza
