#include "compiler/plan/program_symbols.h"

#include "compiler/import/hf/import_hugging_face.h"
#include "compiler/ir/nn/TensorValues.h"

using namespace mlir;

namespace cadenza {
namespace {

/// The index of `value` in `list`, at its end if it is new.
template <typename T> uint32_t intern(std::vector<T> &list, const T &value) {
  auto entry = llvm::find(list, value);
  if (entry == list.end())
    entry = list.insert(list.end(), value);
  return static_cast<uint32_t>(entry - list.begin());
}

Ref makeRef(bool perLayer, const Table &table, std::vector<Table> &tables) {
  return perLayer ? Ref{true, intern(tables, table)} : Ref{false, table[0]};
}

/// What `weight` is made of in the checkpoint.
void addParts(PackRecipe &recipe, nn::WeightOp weight) {
  WeightSpec spec = weightSpec(weight);
  if (auto original = weight->getAttrOfType<FlatSymbolRefAttr>(step::StepDialect::copyOfName))
    spec.role = original.getValue().str(); // the same values, also if they are made up
  if (!spec.constant.empty())
    return recipe.parts.push_back(std::move(spec));
  for (StringAttr tensor : step::encodingOf(weight).getSources(weight)) {
    spec.tensor = tensor.str();
    recipe.parts.push_back(spec);
  }
}

} // namespace

DType dtypeOf(Type type) {
  if (type.isBF16())
    return DType::bf16;
  if (type.isF16())
    return DType::f16;
  return type.isF32() ? DType::f32 : DType::i32;
}

bool ProgramSymbols::isTable(FlatSymbolRefAttr symbol) { return isa<step::TableOp>(symbols.lookup(symbol.getValue())); }

bool ProgramSymbols::isCache(FlatSymbolRefAttr symbol) {
  Operation *op = symbols.lookup(symbol.getValue());
  if (auto table = dyn_cast<step::TableOp>(op))
    op = symbols.lookup(cast<FlatSymbolRefAttr>(table.getEntries()[0]).getValue());
  return isa<nn::CacheOp>(op);
}

Ref ProgramSymbols::matrixRef(ArrayRef<FlatSymbolRefAttr> matrices, bool interleaved, int64_t iterations) {
  bool perLayer = llvm::any_of(matrices, [&](FlatSymbolRefAttr matrix) { return isTable(matrix); });
  Table table;
  for (int64_t i = 0; i < (perLayer ? iterations : 1); ++i) {
    SmallVector<nn::WeightOp> parts;
    for (FlatSymbolRefAttr matrix : matrices)
      parts.push_back(weightsOf(matrix)[isTable(matrix) ? i : 0]);
    table.push_back(weightIndex(parts, step::encodingOf(parts[0]).getEncoding(), interleaved));
  }
  return makeRef(perLayer, table, program.weightTables);
}

Ref ProgramSymbols::vectorRef(FlatSymbolRefAttr symbol, bool ropeTable) {
  Table table;
  for (nn::WeightOp weight : weightsOf(symbol))
    table.push_back(weightIndex(weight, ropeTable ? Encoding::rope_table : Encoding::vector, false));
  return makeRef(isTable(symbol), table, program.weightTables);
}

Ref ProgramSymbols::cacheRef(FlatSymbolRefAttr symbol) {
  Table table;
  for (nn::CacheOp cache : cachesOf(symbol)) {
    auto [entry, isNew] = cacheIndices.insert({cache, static_cast<uint32_t>(program.caches.size())});
    if (isNew)
      program.caches.push_back({cache.getSymName().str(), dtypeOf(cache.getType()),
                                static_cast<int64_t>(cache.getKvHeads()), static_cast<int64_t>(cache.getHeadDim()),
                                step::positionsOf(cache)});
    table.push_back(entry->second);
  }
  return makeRef(isTable(symbol), table, program.cacheTables);
}

Ref ProgramSymbols::scalarRef(FlatSymbolRefAttr symbol) {
  Table table;
  for (nn::ScalarOp scalar : resolve<nn::ScalarOp>(symbol)) {
    auto [entry, isNew] = scalarIndices.insert({scalar, static_cast<uint32_t>(program.scalars.size())});
    if (isNew)
      program.scalars.push_back({scalar.getSymName().str(), static_cast<int64_t>(scalar.getValue())});
    table.push_back(entry->second);
  }
  return makeRef(isTable(symbol), table, program.scalarTables);
}

uint32_t ProgramSymbols::weightIndex(ArrayRef<nn::WeightOp> parts, Encoding encoding, bool interleaved) {
  std::string key = encodingName(encoding) + (interleaved ? "i" : "");
  for (nn::WeightOp part : parts)
    key += "+" + part.getSymName().str();
  auto [entry, isNew] = weightIndices.insert({key, static_cast<uint32_t>(program.weights.size())});
  if (!isNew)
    return entry->second;

  Weight weight;
  PackRecipe recipe;
  weight.encoding = encoding;
  recipe.interleaved = interleaved;
  for (nn::WeightOp part : parts) {
    auto type = cast<ShapedType>(part.getType());
    weight.name += (weight.name.empty() ? "" : "+") + part.getSymName().str();
    addParts(recipe, part);
    if (encoding == Encoding::tensor) {
      const nn::TensorSpec spec = nn::specOf(type);
      weight.dtype = spec.element;
      weight.shape = spec.shape;
      weight.rows = type.getNumElements();
      weight.columns = 1;
      continue;
    }
    weight.rows += type.getDimSize(0);
    weight.columns = type.getRank() == 2 ? type.getDimSize(1) : 1;
    weight.dtype = format_of(encoding).matrix() ? dtypeOf(type.getElementType()) : DType::f32;
  }
  nn::WeightOp first = parts[0];
  if (FloatAttr factor = first.getFactorAttr(); factor && encoding == Encoding::rope_table)
    weight.scale = static_cast<float>(factor.getValueAsDouble());
  if (nn::GrowthAttr growth = first.getGrowthAttr(); growth && encoding == Encoding::rope_table)
    weight.growth = {static_cast<float>(growth.getRate().getValueAsDouble()), growth.getEvery()};
  if (nn::LongAttr other = first.getLongTableAttr(); other && encoding == Encoding::rope_table) {
    weight.longAfter = other.getAfter();
    WeightSpec &stored = recipe.parts[0]; // both tables, one after the other
    for (const APFloat &value : other.getValues().getValues<APFloat>())
      stored.constant.push_back(value.convertToFloat());
    stored.shape[0] *= 2;
  }
  weight.bytes = storedBytes(weight); // the extents are bounded by the importer
  program.weights.push_back(std::move(weight));
  built.recipes.push_back(std::move(recipe));
  return entry->second;
}

} // namespace cadenza
