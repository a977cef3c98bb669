#include "codegen/product_writer.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace cadenza {
namespace {

std::string number(int64_t n) { return std::to_string(n); }
std::string list(ArrayRef<int64_t> numbers) { return llvm::join(llvm::map_range(numbers, number), ", "); }

/// A strided matrix of every batch.
struct Matrix {
  Value source;
  int64_t rowStride, columnStride;
  SmallVector<int64_t> batchStrides;
  int64_t offset = 0;

  std::string text(const std::string &name) const {
    std::string text = "  struct " + name + " {\n    using type = " + elementDeviceType(source).str() + ";\n";
    text += "    using batch_strides = Strides<" + list(batchStrides) + ">;\n";
    text += "    static constexpr int64_t row_stride = " + number(rowStride) +
            ", column_stride = " + number(columnStride) + ";\n";
    if (offset != 0)
      text += "    static constexpr int offset = " + number(offset) + ";\n";
    if (source.getDefiningOp<nn::GetWeightOp>())
      text += "    static constexpr bool constant = true;\n";
    return text + "  };\n";
  }
};

std::string integers(const std::string &type, ArrayRef<std::pair<StringRef, int64_t>> constants) {
  std::string text;
  for (const auto &[name, value] : constants)
    text += (text.empty() ? "  static constexpr " + type + " " : ", ") + name.str() + " = " + number(value);
  return text + ";\n";
}

PhaseArgument argumentOf(step::FusionOp fusion, Value source) {
  if (auto weight = source.getDefiningOp<nn::GetWeightOp>())
    return {.kind = ArgumentKind::Weight, .symbol = weight.getWeightAttr()};
  return {.kind = ArgumentKind::Edge, .edge = fusion.getInputs()[cast<BlockArgument>(source).getArgNumber()]};
}

/// The ops between a product and `last`, as a functor of each of its sums.
class FunctorWriter final : public ElementWriter {
public:
  FunctorWriter() : ElementWriter("int") {}

  /// `indices`: the parameters of apply(), of which `place` is the element's place in `product`.
  std::string write(const std::string &name, const std::string &indices, const IndexExpression &place, Value product,
                    Value last) {
    for (StringRef variable : place.variables())
      code.current().variables.insert(variable.str());
    const std::string type = elementDeviceType(product).str();
    code.current().known[keyOf(product, place)] = code.newName("product");
    code.line("const " + type + " product = tensor::narrow<" + type + ">(sum);");
    const std::string result = element(last, {std::nullopt, place});
    code.line("return tensor::widen(" + result + ");");
    std::string text = "  struct " + name + " {\n    struct Args {\n";
    for (const Parameter &parameter : parameters)
      text += "      " + parameter.type + " *" + parameter.name + ";\n";
    text += "    };\n    static constexpr int words = " + std::to_string(parameters.size()) + ";\n";
    if (const std::vector<std::string> lines = prefetches(); !lines.empty()) {
      text += "    CADENZA_DEVICE static void prefetch(const Args &args) {\n";
      for (const std::string &line : lines)
        text += "      " + line + "\n";
      text += "    }\n";
    }
    text += "    CADENZA_DEVICE static float apply(const Args &args, " + indices + ", float sum) {\n";
    for (const std::string &table : tables)
      text += "      " + table + "\n";
    return text + code.text(6) + "    }\n  };\n";
  }
};

std::string indexParameters(ArrayRef<StringRef> names) {
  return llvm::join(llvm::map_range(names, [](StringRef name) { return "int " + name.str(); }), ", ");
}

/// Where the element of a batch, row and column stands in the product's own result.
IndexExpression placeOf(const ProductPlan &plan) {
  IndexExpression place = IndexExpression::variable("row", plan.rows.extent) * plan.rows.place +
                          IndexExpression::variable("column", plan.columns.extent) * plan.columns.place;
  IndexExpression batch = IndexExpression::variable("batch", plan.batches());
  for (const ProductDimension &dimension : llvm::reverse(plan.batch)) {
    place += *batch.modulo(dimension.extent) * dimension.place; // of one variable both exist
    batch = *batch.dividedBy(dimension.extent);
  }
  return place;
}

template <typename Stride> SmallVector<int64_t> batchStrides(const ProductPlan &plan, Stride stride) {
  return llvm::to_vector(
      llvm::map_range(plan.batch, [&](const ProductDimension &dimension) { return dimension.*stride; }));
}

} // namespace

FailureOr<ProductConfig> productConfig(step::FusionOp fusion, const ProductPlan &plan) {
  const MatmulTiles &t = plan.tiles;
  Value result = fusion.getResult(plan.result), product = plan.product;
  ProductConfig config;
  config.members = "  using type = " + elementDeviceType(product).str() + ";\n";
  config.members +=
      integers("int", {{"rows", plan.rows.extent}, {"columns", plan.columns.extent}, {"depth", plan.depth}});
  SmallVector<int64_t> extents;
  for (const ProductDimension &dimension : plan.batch)
    extents.push_back(dimension.extent);
  config.members += "  using batch = Extents<" + list(extents) + ">;\n";
  config.members +=
      Matrix{plan.a.source, plan.rows.a, plan.aDepth, batchStrides(plan, &ProductDimension::a), plan.a.offset}.text(
          "a");
  config.members +=
      Matrix{plan.b.source, plan.bDepth, plan.columns.b, batchStrides(plan, &ProductDimension::b), plan.b.offset}.text(
          "b");
  config.members +=
      Matrix{result, plan.rows.stored, plan.columns.stored, batchStrides(plan, &ProductDimension::stored)}.text("c");
  config.members += "  static constexpr MatmulTiles tiles{.rows = " + number(t.rows) +
                    ", .columns = " + number(t.columns) + ", .depth = " + number(t.depth) +
                    ", .row_warps = " + number(t.row_warps) + ", .column_warps = " + number(t.column_warps) +
                    ",\n                                     .depth_warps = " + number(t.depth_warps) +
                    ", .stages = " + number(t.stages) + ", .cluster = " + number(t.cluster) + "};\n";
  config.arguments = {argumentOf(fusion, plan.a.source),
                      argumentOf(fusion, plan.b.source),
                      {.kind = ArgumentKind::Edge, .edge = result}};
  if (plan.computed == product) {
    config.members += "  using epilogue = StoreSums;\n";
    return config;
  }
  FunctorWriter functor;
  config.members +=
      functor.write("epilogue", indexParameters({"batch", "row", "column"}), placeOf(plan), product, plan.computed);
  for (const ElementWriter::Parameter &parameter : functor.parameters)
    config.arguments.push_back(parameter.argument);
  return functor.hasFailed() ? FailureOr<ProductConfig>() : config;
}

FailureOr<ProductConfig> attentionConfig(step::FusionOp fusion, const AttentionPlan &plan) {
  const AttendTiles &t = plan.tiles;
  Value result = fusion.getResult(0), product = plan.products;
  ProductConfig config;
  config.members = "  using type = " + elementDeviceType(product).str() + ";\n";
  config.members += integers("int", {{"batches", plan.batches},
                                     {"heads", plan.heads},
                                     {"kv_heads", plan.heads},
                                     {"queries", plan.queries},
                                     {"keys", plan.keys},
                                     {"head_dim", plan.headDim}});
  const auto matrix = [](const AttentionPlan::Operand &operand, Value source) {
    return Matrix{
        source, operand.rowStride, operand.elementStride, {operand.batchStride, operand.headStride}, operand.offset};
  };
  config.members += matrix(plan.q, plan.q.source).text("q") + matrix(plan.k, plan.k.source).text("k") +
                    matrix(plan.v, plan.v.source).text("v") + matrix(plan.output, result).text("output");
  if (plan.causalOffset) {
    config.members += "  static constexpr bool causal = true;\n";
    if (*plan.causalOffset != 0)
      config.members += integers("int", {{"causal_offset", *plan.causalOffset}});
  }
  if (plan.zeroMaskedRows)
    config.members += "  static constexpr bool zero_masked_rows = true;\n";
  config.members += "  static constexpr AttendTiles tiles{.query_warps = " + number(t.query_warps) +
                    ", .key_warps = " + number(t.key_warps) + ", .keys = " + number(t.keys) +
                    ", .stages = " + number(t.stages) + "};\n";
  IndexExpression place;
  for (const auto &[name, extent] : {std::pair<const char *, int64_t>{"batch", plan.batches},
                                     {"head", plan.heads},
                                     {"query", plan.queries},
                                     {"key", plan.keys}})
    place = place * extent + IndexExpression::variable(name, extent);
  FunctorWriter functor;
  config.members +=
      functor.write("scores", indexParameters({"batch", "head", "query", "key"}), place, product, plan.softmaxInput);
  config.arguments = {argumentOf(fusion, plan.q.source),
                      argumentOf(fusion, plan.k.source),
                      argumentOf(fusion, plan.v.source),
                      {.kind = ArgumentKind::Edge, .edge = result}};
  for (const ElementWriter::Parameter &parameter : functor.parameters)
    config.arguments.push_back(parameter.argument);
  return functor.hasFailed() ? FailureOr<ProductConfig>() : config;
}

} // namespace cadenza
