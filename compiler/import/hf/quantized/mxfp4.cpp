// MXFP4 as gpt-oss stores it (transformers, integrations/mxfp4.py), of dense matrices: blocks U8 [N, K / 32, 16], two
// codes to a byte and the first one in the low bits; scales U8 [N, K / 32], powers of two.
#include "compiler/import/hf/quantized/name_pattern.h"
#include "compiler/import/hf/quantized/quantized_format.h"
#include "compiler/import/hf/quantized/scale_shapes.h"

namespace cadenza {
namespace {

class Mxfp4 : public QuantizedFormat {
public:
  explicit Mxfp4(ConfigReader &quantization) : notConverted_(readModuleList(quantization, "modules_to_not_convert")) {
    quantization.ignore({"quant_method", "dequantize"});
  }

  std::string_view name() const override { return "MXFP4"; }
  bool excludes(const ModuleTensors &module, std::string &field) const override {
    field = "modules_to_not_convert";
    return namesModule(notConverted_, module.matrix().module) || namesModule(notConverted_, module.nameInFiles());
  }
  bool holds(const ModuleTensors &module) const override { return !blocksOf(module).empty(); }

  StatusOr<std::unique_ptr<StoredMatrix>> open(ModuleTensors &module) const override {
    const bool isParameter = blocksOf(module).starts_with('_');
    const std::vector<int64_t> shape = {module.matrix().rows, module.matrix().columns / 32, 16};
    CADENZA_ASSIGN_OR_RETURN(GridParts parts, readMxfp4Parts(module, isParameter ? "_blocks" : "weight_blocks",
                                                             isParameter ? "_scales" : "weight_scales", shape));
    return makeGridMatrix(std::move(parts));
  }

private:
  /// As a parameter of the model, as gpt-oss's are, or as the weight of a module; or nothing.
  static std::string_view blocksOf(const ModuleTensors &module) {
    for (std::string_view suffix : {"_blocks", "weight_blocks"})
      if (module.find(suffix) || module.find(suffix == "_blocks" ? "_scales" : "weight_scales"))
        return suffix;
    return {};
  }

  std::vector<std::string> notConverted_;
};

} // namespace

std::shared_ptr<QuantizedFormat> readMxfp4(ConfigReader &quantization) { return std::make_shared<Mxfp4>(quantization); }

} // namespace cadenza
