// bitsandbytes (functional.py, QuantState): NF4 weights of linear modules, and LLM.int8's.
//
// NF4: weight U8 [ceil(N * K / 2), 1], two codes to a byte and the *first* one in the high bits; a code is an entry of
// quant_map, and a block of `blocksize` codes of the flattened matrix has a scale, absmax F32. With double quantisation
// absmax is U8 and an entry of nested_quant_map, of which nested_blocksize share a scale, nested_absmax; nested_offset
// is added. The numbers among these are JSON in a tensor of bytes, quant_state.bitsandbytes__nf4. LLM.int8: weight I8
// [N, K] and SCB F32 [N], the largest magnitude of a row, which 127 stands for.
#include "compiler/import/hf/config_parts.h"
#include "compiler/import/hf/quantized/name_pattern.h"
#include "compiler/import/hf/quantized/nf4_matrix.h"
#include "compiler/import/hf/quantized/quantized_format.h"
#include "compiler/import/hf/quantized/scale_shapes.h"
#include "compiler/import/text.h"

#include <algorithm>

namespace cadenza {
namespace {

class BitsAndBytes : public QuantizedFormat {
public:
  explicit BitsAndBytes(ConfigReader &quantization) {
    isNf4_ = quantization.boolean("load_in_4bit").value_or(false);
    const bool isInt8 = quantization.boolean("load_in_8bit").value_or(false);
    if (isNf4_ == isInt8)
      quantization.findings().invalid(quantization.where("load_in_4bit") + " and load_in_8bit are both " +
                                      (isInt8 ? "true" : "false"));
    const std::string type = quantization.string("bnb_4bit_quant_type").value_or("fp4");
    if (isNf4_ && type != "nf4")
      refuseValue(quantization, "bnb_4bit_quant_type", quotedName(type), "(nf4 is)");
    const std::string storage = quantization.string("bnb_4bit_quant_storage").value_or("uint8");
    if (isNf4_ && storage != "uint8")
      refuseValue(quantization, "bnb_4bit_quant_storage", quotedName(storage), "(uint8 is)");
    notConverted_ = readModuleList(quantization, "llm_int8_skip_modules");
    quantization.ignore({"quant_method", "_load_in_4bit", "_load_in_8bit", "bnb_4bit_compute_dtype",
                         "bnb_4bit_use_double_quant", "llm_int8_enable_fp32_cpu_offload", "llm_int8_has_fp16_weight",
                         "llm_int8_threshold", "bnb_4bit_quant_type", "bnb_4bit_quant_storage"});
  }

  std::string_view name() const override { return "bitsandbytes"; }
  bool excludes(const ModuleTensors &module, std::string &field) const override {
    field = "llm_int8_skip_modules";
    return namesModule(notConverted_, module.matrix().module) || namesModule(notConverted_, module.nameInFiles());
  }
  bool holds(const ModuleTensors &module) const override {
    const CheckpointTensor *weight = module.find("weight");
    return module.find("weight.absmax") || module.find("SCB") ||
           (weight && (weight->dtype == "U8" || weight->dtype == "I8"));
  }

  StatusOr<std::unique_ptr<StoredMatrix>> open(ModuleTensors &module) const override {
    if (isNf4_)
      return openNf4(module);
    return openInt8(module);
  }

private:
  static StatusOr<std::unique_ptr<StoredMatrix>> openInt8(ModuleTensors &module) {
    const int64_t rows = module.matrix().rows, columns = module.matrix().columns;
    CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *codes, module.get("weight", {"I8"}, {rows, columns}));
    CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *largest, module.get("SCB", {"F32"}, {rows}));
    if (const CheckpointTensor *layout = module.find("weight_format");
        layout && layout->data.size() == 1 && layout->data[0] != std::byte{0})
      return module.unsupported("weight_format", "is " + std::to_string(static_cast<int>(layout->data[0])) +
                                                     ", which is not supported (0, row, is)");
    module.passOver("weight_format");
    GridParts parts = bytesOf(*codes, {.bits = 8}, rows, columns);
    parts.twosComplement = true;
    // A row of zeros has the scale 0. int8_vectorwise_dequant has this factor, too.
    parts.scales = {.values = largest->data.data(), .rowStride = 1, .factor = 1.0F / 127};
    CADENZA_RETURN_IF_ERROR(module.checkScales("SCB", parts.scales, rows, /*zeroAllowed=*/true));
    return makeGridMatrix(std::move(parts));
  }

  bool isNf4_ = true;
  std::vector<std::string> notConverted_;
};

} // namespace

std::shared_ptr<QuantizedFormat> readBitsAndBytes(ConfigReader &quantization) {
  return std::make_shared<BitsAndBytes>(quantization);
}

} // namespace cadenza
