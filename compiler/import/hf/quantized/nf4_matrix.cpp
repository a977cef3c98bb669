#include "compiler/import/hf/quantized/nf4_matrix.h"
#include "compiler/import/text.h"
#include "runtime/support/json.h"

#include <array>
#include <cmath>
#include <cstring>
#include <numeric>

namespace cadenza {
namespace {

constexpr std::string_view stateSuffix = "weight.quant_state.bitsandbytes__nf4";
constexpr int64_t maxBlock = 4096; // bitsandbytes' largest
constexpr int64_t maxNestedBlock = 65536;

/// What the JSON says.
struct QuantState {
  int64_t block = 64;
  int64_t nestedBlock = 0; // 0: absmax is not quantised
  float nestedOffset = 0;
};

/// The scales of blocks of the flattened matrix.
struct BlockScales {
  const std::byte *values = nullptr; // F32, or with a nested block, U8
  int64_t nestedBlock = 0;
  std::array<float, 256> nestedMap = {};
  const std::byte *nestedScales = nullptr; // F32
  float nestedOffset = 0;

  static float load(const std::byte *floats, int64_t index) {
    float value;
    std::memcpy(&value, floats + index * static_cast<int64_t>(sizeof(value)), sizeof(value));
    return value;
  }
  float at(int64_t block) const {
    if (nestedBlock == 0)
      return load(values, block);
    const float scaled = nestedMap[static_cast<size_t>(values[block])] * load(nestedScales, block / nestedBlock);
    return scaled + nestedOffset; // two roundings, as in dequantize_4bit
  }
};

/// Blocks run over the ends of rows. Groups of as many columns as divide both a row and a block lie in one block each.
class Nf4Matrix : public StoredMatrix {
public:
  Nf4Matrix(int64_t rows, int64_t columns, int64_t block, const std::byte *codes, const BlockScales &scales)
      : rows_(rows), columns_(columns), block_(block), group_(std::gcd(block, columns)), codes_(codes),
        scales_(scales) {}

  StoredFormat format() const override {
    return {.kind = CodeKind::nf4, .bits = 4, .group = group_ == columns_ ? 0 : group_};
  }
  int64_t rows() const override { return rows_; }
  int64_t columns() const override { return columns_; }

  Status read(int64_t first, int64_t count, StoredRows &out) const override {
    out = {};
    out.codes.reserve(static_cast<size_t>(count * columns_));
    for (int64_t i = first * columns_; i < (first + count) * columns_; ++i) {
      const auto both = static_cast<int16_t>(codes_[i / 2]);
      out.codes.push_back(static_cast<int16_t>(i % 2 == 0 ? both >> 4 : both & 15));
    }
    out.scales.reserve(static_cast<size_t>(count * columns_ / group_));
    for (int64_t i = first * columns_; i < (first + count) * columns_; i += group_)
      out.scales.push_back(scales_.at(i / block_));
    return Status::ok();
  }

private:
  int64_t rows_, columns_, block_, group_;
  const std::byte *codes_;
  BlockScales scales_;
};

/// The table, which must be the one of the type: codeValue has no other.
Status checkMap(ModuleTensors &module) {
  constexpr std::string_view suffix = "weight.quant_map";
  CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *map, module.get(suffix, {"F32"}, {16}));
  for (int code = 0; code < 16; ++code)
    if (BlockScales::load(map->data.data(), code) != codeValue({.kind = CodeKind::nf4}, code))
      return module.unsupported(suffix, "is not the table of NF4, and no other is supported");
  return Status::ok();
}

StatusOr<QuantState> readState(ModuleTensors &module) {
  CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *tensor, module.get(stateSuffix, {"U8"}));
  const std::string_view text(reinterpret_cast<const char *>(tensor->data.data()), tensor->data.size());
  auto json = parseJson(text, {.bytes = 65536, .values = 1000, .depth = 8});
  if (!json.isOk())
    return module.invalid(stateSuffix, "is broken: " + json.status().message());
  FieldErrors errors(StatusCode::InvalidInput);
  const JsonReader state(*json, "quant_state", errors);
  QuantState result;
  result.block = state["blocksize"].integer(2, maxBlock);
  if (state["quant_type"].string() != "nf4")
    state["quant_type"].error("is not 'nf4', as the tensor is called");
  const std::vector<int64_t> shape =
      state["shape"].list<int64_t>([](const JsonReader &extent) { return extent.integer(1, INT64_MAX); });
  if (shape != std::vector<int64_t>{module.matrix().rows, module.matrix().columns})
    state["shape"].error("is " + shapeText(shape) + ", but config.json asks for " +
                         shapeText({module.matrix().rows, module.matrix().columns}));
  if (module.find("weight.nested_absmax")) {
    result.nestedBlock = state["nested_blocksize"].integer(2, maxNestedBlock);
    result.nestedOffset = static_cast<float>(state["nested_offset"].number());
  }
  if (!errors.none())
    return module.invalid(stateSuffix, "contradicts itself or the model: " + errors.status().message());
  return result;
}

StatusOr<BlockScales> readScales(ModuleTensors &module, const QuantState &state, int64_t blocks) {
  BlockScales scales;
  if (state.nestedBlock == 0) {
    CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *plain, module.get("weight.absmax", {"F32"}, {blocks}));
    scales.values = plain->data.data();
    // A block of zeros has the scale 0.
    CADENZA_RETURN_IF_ERROR(
        module.checkScales("weight.absmax", {.values = scales.values}, blocks, /*zeroAllowed=*/true));
    return scales;
  }
  CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *codes, module.get("weight.absmax", {"U8"}, {blocks}));
  CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *map, module.get("weight.nested_quant_map", {"F32"}, {256}));
  const int64_t nested = (blocks + state.nestedBlock - 1) / state.nestedBlock;
  CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *nestedScales, module.get("weight.nested_absmax", {"F32"}, {nested}));
  CADENZA_RETURN_IF_ERROR(module.checkScales("weight.nested_absmax", {.values = nestedScales->data.data()}, nested,
                                             /*zeroAllowed=*/true));
  scales.values = codes->data.data();
  scales.nestedBlock = state.nestedBlock;
  scales.nestedScales = nestedScales->data.data();
  scales.nestedOffset = state.nestedOffset;
  std::memcpy(scales.nestedMap.data(), map->data.data(), sizeof(scales.nestedMap));
  for (float entry : scales.nestedMap)
    if (!std::isfinite(entry))
      return module.invalid("weight.nested_quant_map", "holds a number that is not finite");
  return scales;
}

} // namespace

StatusOr<std::unique_ptr<StoredMatrix>> openNf4(ModuleTensors &module) {
  const int64_t rows = module.matrix().rows, columns = module.matrix().columns, count = rows * columns;
  CADENZA_ASSIGN_OR_RETURN(const QuantState state, readState(module));
  CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *codes, module.get("weight", {"U8"}, {(count + 1) / 2, 1}));
  CADENZA_RETURN_IF_ERROR(checkMap(module));
  CADENZA_ASSIGN_OR_RETURN(const BlockScales scales,
                           readScales(module, state, (count + state.block - 1) / state.block));
  return std::unique_ptr<StoredMatrix>(
      std::make_unique<Nf4Matrix>(rows, columns, state.block, codes->data.data(), scales));
}

} // namespace cadenza
