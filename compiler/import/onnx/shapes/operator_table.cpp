#include "compiler/import/onnx/shapes/operator_table.h"
#include "compiler/import/onnx/lower/lower.h"
#include "compiler/import/onnx/shapes/infer.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace cadenza::onnx {
namespace {

using namespace infer;
using lower::B;
using lower::R;
using lower::U;

std::vector<OperatorRow> makeTable() {
  // clang-format off
  return {
    {{"", "Abs", {13}}, unary<absolute>, lower::unary<U::Abs>},
    {{"", "Acos", {7, 22}}, sameAsInput, lower::unary<U::Acos>},
    {{"", "Acosh", {9, 22}}, sameAsInput, lower::unary<U::Acosh>},
    {{"", "Add", {13, 14}}, arithmetic<add>, lower::binary<B::Add>},
    {{"", "AffineGrid", {20}}, affineGrid},
    {{"", "And", {7}}, comparison<logicalAnd>, lower::binary<B::And>},
    {{"", "ArgMax", {13}}, argReduce, lower::arg<nn::ArgFunction::Max>},
    {{"", "ArgMin", {13}}, argReduce, lower::arg<nn::ArgFunction::Min>},
    {{"", "Asin", {7, 22}}, sameAsInput, lower::unary<U::Asin>},
    {{"", "Asinh", {9, 22}}, sameAsInput, lower::unary<U::Asinh>},
    {{"", "Atan", {7, 22}}, sameAsInput, lower::unary<U::Atan>},
    {{"", "Atanh", {9, 22}}, sameAsInput, lower::unary<U::Atanh>},
    {{"", "Attention", {23, 24, 25}}, attention, lower::attention},
    {{"", "AveragePool", {11, 19, 22}}, pool, lower::averagePool},
    {{"", "BatchNormalization", {9, 14, 15}}, batchNormalization, lower::batchNormalization},
    {{"", "Bernoulli", {15, 22}}, randomLike},
    {{"", "BitCast", {26}}, bitCast},
    {{"", "BitShift", {11, 28}}, map, lower::bitShift},
    {{"", "BitwiseAnd", {18}}, map, lower::binary<B::BitwiseAnd>},
    {{"", "BitwiseNot", {18}}, sameAsInput, lower::unary<U::BitwiseNot>},
    {{"", "BitwiseOr", {18}}, map, lower::binary<B::BitwiseOr>},
    {{"", "BitwiseXor", {18}}, map, lower::binary<B::BitwiseXor>},
    {{"", "BlackmanWindow", {17}}, window},
    {{"", "Cast", {13, 19, 21, 23, 24, 25, 28}}, cast, lower::cast},
    {{"", "CastLike", {15, 19, 21, 23, 24, 25}}, castLike, lower::cast},
    {{"", "CausalConvWithState", {27}}, causalConvolution},
    {{"", "Ceil", {13}}, sameAsInput, lower::unary<U::Ceil>},
    {{"", "Celu", {12, 28}}, sameAsInput, lower::celu},
    {{"", "CenterCropPad", {18}}, centerCropPad},
    {{"", "Clip", {13}}, clip, lower::clip},
    {{"", "Col2Im", {18}}, col2Im},
    {{"", "Compress", {11, 28}}, compress, lower::compress},
    {{"", "Concat", {13}}, concat, lower::concat},
    {{"", "ConstantOfShape", {9, 20, 21, 23, 24, 25}}, constantOfShape, lower::constantOfShape},
    {{"", "Conv", {11, 22}}, convolution, lower::convolution},
    {{"", "ConvInteger", {10}}, convolutionInteger},
    {{"", "ConvTranspose", {11, 22}}, transposedConvolution},
    {{"", "Cos", {7, 22}}, sameAsInput, lower::unary<U::Cos>},
    {{"", "Cosh", {9, 22}}, sameAsInput, lower::unary<U::Cosh>},
    {{"", "CumProd", {26}}, cumulative},
    {{"", "CumSum", {11, 14}}, cumulative, lower::cumsum},
    {{"", "DFT", {17, 20}}, dft},
    {{"", "DeformConv", {19, 22}}, convolution},
    {{"", "DepthToSpace", {13, 28}}, depthToSpace, lower::depthToSpace},
    {{"", "DequantizeLinear", {13, 19, 21, 23, 24, 25, 28}}, dequantizeLinear, lower::dequantizeLinear},
    {{"", "Det", {11, 22}}, determinant},
    {{"", "Div", {13, 14}}, arithmetic<divide>, lower::binary<B::Div>},
    {{"", "Dropout", {13, 22}}, dropout, lower::dropout},
    {{"", "DynamicQuantizeLinear", {11}}, dynamicQuantizeLinear},
    {{"", "Einsum", {12, 28}}, einsum},
    {{"", "Elu", {6, 22}}, sameAsInput, lower::elu},
    {{"", "Equal", {13, 19}}, comparison<equal>, lower::binary<B::Equal>},
    {{"", "Erf", {13}}, sameAsInput, lower::unary<U::Erf>},
    {{"", "Exp", {13}}, sameAsInput, lower::unary<U::Exp>},
    {{"", "Expand", {13}}, expand, lower::expand},
    {{"", "EyeLike", {9, 22}}, eyeLike, lower::eyeLike},
    {{"", "Flatten", {13, 21, 23, 24, 25}}, flatten, lower::reshape},
    {{"", "Floor", {13}}, sameAsInput, lower::unary<U::Floor>},
    {{"", "GRU", {7, 14, 22}}, recurrent},
    {{"", "Gather", {13}}, gather, lower::gather},
    {{"", "GatherElements", {13}}, gatherElements, lower::gatherElements},
    {{"", "GatherND", {13}}, gatherND, lower::gatherND},
    {{"", "Gelu", {20}}, sameAsInput, lower::gelu},
    {{"", "Gemm", {13}}, gemm, lower::gemm},
    {{"", "GlobalAveragePool", {1, 22}}, globalPool, lower::globalAverage},
    {{"", "GlobalLpPool", {2, 22}}, globalPool},
    {{"", "GlobalMaxPool", {1, 22}}, globalPool, lower::globalMaximum},
    {{"", "Greater", {13}}, comparison<greater>, lower::binary<B::Greater>},
    {{"", "GreaterOrEqual", {12, 16}}, comparison<greaterOrEqual>, lower::binary<B::GreaterOrEqual>},
    {{"", "GridSample", {16, 20, 22}}, gridSample},
    {{"", "GroupNormalization", {18, 21}}, channelNormalization, lower::groupNormalization},
    {{"", "HammingWindow", {17}}, window},
    {{"", "HannWindow", {17}}, window},
    {{"", "HardSigmoid", {6, 22}}, sameAsInput, lower::hardSigmoid},
    {{"", "HardSwish", {14, 22}}, sameAsInput, lower::unary<U::HardSwish>},
    {{"", "Hardmax", {13}}, alongAxis, lower::hardmax},
    {{"", "Identity", {13, 14, 16, 19, 21, 23, 24, 25}}, identity, lower::identity},
    {{"", "InstanceNormalization", {6, 22}}, channelNormalization, lower::instanceNormalization},
    {{"", "IsInf", {10, 20}}, test, lower::isInf},
    {{"", "IsNaN", {13, 20}}, test, lower::unary<U::IsNaN>},
    {{"", "LRN", {13}}, sameAsInput},
    {{"", "LSTM", {7, 14, 22}}, recurrent},
    {{"", "LayerNormalization", {1, 17}}, layerNormalization, lower::layerNormalization},
    {{"", "LeakyRelu", {6, 16}}, sameAsInput, lower::leakyRelu},
    {{"", "Less", {13}}, comparison<less>, lower::binary<B::Less>},
    {{"", "LessOrEqual", {12, 16}}, comparison<lessOrEqual>, lower::binary<B::LessOrEqual>},
    {{"", "LinearAttention", {27}}, linearAttention},
    {{"", "Log", {13}}, sameAsInput, lower::unary<U::Log>},
    {{"", "LogSoftmax", {13}}, alongAxis, lower::logSoftmax},
    {{"", "LpNormalization", {1, 22}}, alongAxis, lower::lpNormalization},
    {{"", "LpPool", {11, 18, 22}}, pool},
    {{"", "MatMul", {13}}, matmul, lower::matmul},
    {{"", "MatMulInteger", {10}}, matmulInteger},
    {{"", "Max", {13}}, arithmetic<maximum>, lower::binary<B::Max>},
    {{"", "MaxPool", {12, 22}}, pool, lower::maxPool},
    {{"", "MaxRoiPool", {1, 22}}, maxRoiPool},
    {{"", "MaxUnpool", {11, 22}}, maxUnpool},
    {{"", "Mean", {13}}, map, lower::mean},
    {{"", "MeanVarianceNormalization", {13}}, sameAsInput, lower::meanVarianceNormalization},
    {{"", "MelWeightMatrix", {17}}, melWeights},
    {{"", "Min", {13}}, arithmetic<minimum>, lower::binary<B::Min>},
    {{"", "Mish", {18, 22}}, sameAsInput, lower::unary<U::Mish>},
    {{"", "Mod", {13, 28}}, mod, lower::mod},
    {{"", "Mul", {13, 14}}, arithmetic<multiply>, lower::binary<B::Mul>},
    {{"", "Multinomial", {7, 22}}, multinomial},
    {{"", "Neg", {13}}, unary<negate>, lower::unary<U::Neg>},
    {{"", "NonMaxSuppression", {11}}, nonMaxSuppression},
    {{"", "NonZero", {13}}, nonZero},
    {{"", "Not", {1}}, unary<logicalNot>, lower::unary<U::Not>},
    {{"", "OneHot", {11, 28}}, oneHot, lower::oneHot},
    {{"", "Or", {7}}, comparison<logicalOr>, lower::binary<B::Or>},
    {{"", "PRelu", {9, 16}}, map, lower::prelu},
    {{"", "Pad", {13, 18, 19, 21, 23, 24, 25}}, pad, lower::pad},
    {{"", "Pow", {13, 15}}, power, lower::power},
    {{"", "QLinearConv", {10}}, qlinearConvolution},
    {{"", "QLinearMatMul", {10, 21}}, qlinearMatmul},
    {{"", "QuantizeLinear", {13, 19, 21, 23, 24, 25, 28}}, quantizeLinear},
    {{"", "RMSNormalization", {23}}, rmsNormalization, lower::rmsNormalization},
    {{"", "RNN", {7, 14, 22}}, recurrent},
    {{"", "RandomNormal", {1, 22}}, random},
    {{"", "RandomNormalLike", {1, 22}}, randomLike},
    {{"", "RandomUniform", {1, 22}}, random},
    {{"", "RandomUniformLike", {1, 22}}, randomLike},
    {{"", "Range", {11, 27}}, range, lower::range},
    {{"", "Reciprocal", {13}}, sameAsInput, lower::unary<U::Reciprocal>},
    {{"", "ReduceL1", {13, 18}}, reduce, lower::reduce<R::L1>},
    {{"", "ReduceL2", {13, 18}}, reduce, lower::reduce<R::L2>},
    {{"", "ReduceLogSum", {13, 18, 28}}, reduce, lower::reduce<R::LogSum>},
    {{"", "ReduceLogSumExp", {13, 18, 28}}, reduce, lower::reduce<R::LogSumExp>},
    {{"", "ReduceMax", {13, 18, 20}}, reduce, lower::reduce<R::Max>},
    {{"", "ReduceMean", {13, 18}}, reduce, lower::reduce<R::Mean>},
    {{"", "ReduceMin", {13, 18, 20}}, reduce, lower::reduce<R::Min>},
    {{"", "ReduceProd", {13, 18}}, reduce, lower::reduce<R::Prod>},
    {{"", "ReduceSum", {13}}, reduce, lower::reduce<R::Sum>},
    {{"", "ReduceSumSquare", {13, 18}}, reduce, lower::reduce<R::SumSquare>},
    {{"", "Relu", {13, 14}}, sameAsInput, lower::unary<U::Relu>},
    {{"", "Reshape", {13, 14, 19, 21, 23, 24, 25}}, reshape, lower::reshape},
    {{"", "Resize", {13, 18, 19}}, resize},
    {{"", "ReverseSequence", {10, 28}}, sameAsInput},
    {{"", "RoiAlign", {10, 16, 22}}, roiAlign},
    {{"", "RotaryEmbedding", {23}}, rotaryEmbedding, lower::rotaryEmbedding},
    {{"", "Round", {11, 22}}, sameAsInput, lower::unary<U::Round>},
    {{"", "STFT", {17}}, stft},
    {{"", "ScatterElements", {13, 16, 18}}, scatter, lower::scatterElements},
    {{"", "ScatterND", {13, 16, 18}}, scatter, lower::scatterND},
    {{"", "Selu", {6, 22}}, sameAsInput, lower::selu},
    {{"", "Shape", {13, 15, 19, 21, 23, 24, 25}}, shapeOf, lower::elements},
    {{"", "Shrink", {9}}, sameAsInput, lower::shrink},
    {{"", "Sigmoid", {13}}, sameAsInput, lower::unary<U::Sigmoid>},
    {{"", "Sign", {13}}, sameAsInput, lower::unary<U::Sign>},
    {{"", "SimplifiedLayerNormalization", {1}}, simplifiedLayerNormalization, lower::rmsNormalization},
    {{"", "Sin", {7, 22}}, sameAsInput, lower::unary<U::Sin>},
    {{"", "Sinh", {9, 22}}, sameAsInput, lower::unary<U::Sinh>},
    {{"", "Size", {13, 19, 21, 23, 24, 25}}, sizeOf, lower::elements},
    {{"", "Slice", {13}}, slice, lower::slice},
    {{"", "Softmax", {13}}, alongAxis, lower::softmax},
    {{"", "Softplus", {1, 22}}, sameAsInput, lower::unary<U::Softplus>},
    {{"", "Softsign", {1, 22}}, sameAsInput, lower::unary<U::Softsign>},
    {{"", "SpaceToDepth", {13, 28}}, spaceToDepth, lower::spaceToDepth},
    {{"", "Split", {13, 18}}, split, lower::split},
    {{"", "Sqrt", {13}}, sameAsInput, lower::unary<U::Sqrt>},
    {{"", "Squeeze", {13, 21, 23, 24, 25}}, squeeze, lower::reshape},
    {{"", "Sub", {13, 14}}, arithmetic<subtract>, lower::binary<B::Sub>},
    {{"", "Sum", {13}}, arithmetic<add>, lower::binary<B::Add>},
    {{"", "SwiGLU", {28}}, swiglu, lower::swiglu},
    {{"", "Swish", {24}}, sameAsInput, lower::swish},
    {{"", "Tan", {7, 22}}, sameAsInput, lower::unary<U::Tan>},
    {{"", "Tanh", {13}}, sameAsInput, lower::unary<U::Tanh>},
    {{"", "TensorScatter", {24}}, tensorScatter, lower::tensorScatter},
    {{"", "ThresholdedRelu", {10, 22}}, sameAsInput, lower::thresholdedRelu},
    {{"", "Tile", {13}}, tile, lower::tile},
    {{"", "TopK", {11, 24}}, topK, lower::topK},
    {{"", "Transpose", {13, 21, 23, 24, 25}}, transpose, lower::transpose},
    {{"", "Trilu", {14}}, sameAsInput, lower::trilu},
    {{"", "Unique", {11, 28}}, unique},
    {{"", "Unsqueeze", {13, 21, 23, 24, 25}}, unsqueeze, lower::reshape},
    {{"", "Upsample", {10}}, resize},
    {{"", "Where", {9, 16}}, where, lower::where},
    {{"", "Xor", {7}}, comparison<logicalXor>, lower::binary<B::Xor>},
    {{"com.microsoft", "Attention", {1}}, contribAttention},
    {{"com.microsoft", "BiasGelu", {1}}, sameAsInput, lower::biasGelu},
    {{"com.microsoft", "DequantizeLinear", {1}}, dequantizeLinear, lower::dequantizeLinear},
    {{"com.microsoft", "EmbedLayerNormalization", {1}}, embedLayerNormalization, nullptr, {1}},
    {{"com.microsoft", "FastGelu", {1}}, sameAsInput, lower::fastGelu},
    {{"com.microsoft", "FusedGemm", {1}}, gemm},
    {{"com.microsoft", "FusedMatMul", {1}}, fusedMatmul, lower::fusedMatmul},
    {{"com.microsoft", "GatherBlockQuantized", {1}}, gatherBlockQuantized, lower::gatherBlockQuantized},
    {{"com.microsoft", "Gelu", {1}}, sameAsInput, lower::gelu},
    {{"com.microsoft", "GroupQueryAttention", {1}}, groupQueryAttention, lower::groupQueryAttention, {1, 2}},
    {{"com.microsoft", "MatMulNBits", {1}}, matmulNBits, lower::matmulNBits},
    {{"com.microsoft", "MultiHeadAttention", {1}}, multiHeadAttention, lower::multiHeadAttention},
    {{"com.microsoft", "QuantizeLinear", {1}}, quantizeLinear},
    {{"com.microsoft", "QuickGelu", {1}}, sameAsInput, lower::quickGelu},
    {{"com.microsoft", "RotaryEmbedding", {1}}, contribRotaryEmbedding, lower::contribRotaryEmbedding},
    {{"com.microsoft", "SkipLayerNormalization", {1}}, skipNormalization, lower::skipLayerNormalization},
    {{"com.microsoft", "SkipSimplifiedLayerNormalization", {1}}, skipNormalization, lower::skipRmsNormalization},
    {{"com.microsoft", "TransposeMatMul", {1}}, fusedMatmul, lower::fusedMatmul},
  };
  // clang-format on
}

} // namespace

std::span<const OperatorRow> operatorTable() {
  static const std::vector<OperatorRow> table = makeTable();
  return table;
}

const OperatorRow *findRow(const Node &node) {
  if (!node.version)
    return nullptr;
  const auto table = operatorTable();
  using Key = std::pair<std::string_view, std::string_view>;
  const auto found = std::ranges::lower_bound(
      table, Key(node.domain, node.op), {}, [](const OperatorRow &row) { return Key(row.form.domain, row.form.name); });
  const bool fits = found != table.end() && found->form.domain == node.domain && found->form.name == node.op &&
                    std::ranges::find(found->form.since, node.version->since) != found->form.since.end();
  return fits ? &*found : nullptr;
}

bool hasRequiredInputs(const Node &node, const OperatorRow &row) {
  for (size_t i = 0; i < static_cast<size_t>(node.version->minInputs); ++i)
    if ((i >= node.inputs.size() || node.inputs[i] == none) &&
        std::ranges::find(row.optionalInputs, i) == row.optionalInputs.end())
      return false;
  return true;
}

std::vector<SupportedOperator> supportedOperators(bool withoutOps) {
  std::vector<SupportedOperator> forms;
  for (const OperatorRow &row : operatorTable())
    if (row.lower || withoutOps)
      forms.push_back(row.form);
  return forms;
}

} // namespace cadenza::onnx
