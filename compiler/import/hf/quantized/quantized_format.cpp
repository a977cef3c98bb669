#include "compiler/import/hf/quantized/quantized_format.h"
#include "compiler/import/hf/config_parts.h"
#include "compiler/import/text.h"

#include <algorithm>

namespace cadenza {
namespace {

constexpr int64_t maxGroup = int64_t{1} << 24;
constexpr size_t maxNames = 100000;

struct Method {
  std::string_view name;
  std::shared_ptr<QuantizedFormat> (*read)(ConfigReader &);
};
constexpr Method methods[] = {
    {"awq", readAwq}, {"gptq", readGptq},   {"compressed-tensors", readCompressedTensors},
    {"fp8", readFp8}, {"mxfp4", readMxfp4}, {"bitsandbytes", readBitsAndBytes},
};

} // namespace

std::shared_ptr<QuantizedFormat> readQuantization(ConfigReader &config) {
  if (!config.has("quantization_config"))
    return nullptr;
  ConfigReader quantization = config.object("quantization_config");
  std::string method = quantization.string("quant_method").value_or("unnamed");
  if (!quantization.has("quant_method") && (quantization.has("load_in_4bit") || quantization.has("load_in_8bit")))
    method = "bitsandbytes"; // as transformers takes it
  const auto *found =
      std::find_if(std::begin(methods), std::end(methods), [&](const Method &known) { return known.name == method; });
  if (found == std::end(methods)) {
    refuseValue(
        quantization, "quant_method", quotedName(method),
        "(awq, gptq, compressed-tensors, fp8, mxfp4 and bitsandbytes are, and unquantised bfloat16, float16 and "
        "float32)");
    return nullptr;
  }
  const size_t before = config.findings().errors();
  std::shared_ptr<QuantizedFormat> format = found->read(quantization);
  quantization.noteUnread();
  return config.findings().errors() == before ? format : nullptr;
}

std::vector<std::string> readModuleList(ConfigReader &quantization, std::string_view field) {
  const nlohmann::json &value = quantization.raw(field);
  std::vector<std::string> names;
  if (value.is_null())
    return names;
  const bool isList = value.is_array() && value.size() <= maxNames &&
                      std::all_of(value.begin(), value.end(), [](const auto &name) { return name.is_string(); });
  if (!isList)
    quantization.findings().invalid(quantization.where(field) + " must be a list of names");
  else
    for (const auto &name : value)
      names.push_back(name.get<std::string>());
  return names;
}

std::optional<int64_t> readGroupSize(ConfigReader &quantization, std::string_view field, int64_t otherwise) {
  if (!quantization.has(field))
    return otherwise;
  const auto size = quantization.integer(field, -1, maxGroup);
  if (size && *size == 0) {
    quantization.findings().invalid(quantization.where(field) + " is 0; expected -1 (a row), or a number of columns");
    return std::nullopt;
  }
  return size && *size == -1 ? 0 : size;
}

} // namespace cadenza
