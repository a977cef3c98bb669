#include "compiler/import/onnx/shapes/operator_table.h"
#include "compiler/import/onnx/shapes/infer.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace cadenza::onnx {
namespace {

using namespace infer;

std::vector<OperatorRow> makeTable() {
  // clang-format off
  return {
    {{"", "Abs", {13}}, unary<absolute>},
    {{"", "Acos", {7, 22}}, sameAsInput},
    {{"", "Acosh", {9, 22}}, sameAsInput},
    {{"", "Add", {13, 14}}, arithmetic<add>},
    {{"", "AffineGrid", {20}}, affineGrid},
    {{"", "And", {7}}, comparison<logicalAnd>},
    {{"", "ArgMax", {13}}, argReduce},
    {{"", "ArgMin", {13}}, argReduce},
    {{"", "Asin", {7, 22}}, sameAsInput},
    {{"", "Asinh", {9, 22}}, sameAsInput},
    {{"", "Atan", {7, 22}}, sameAsInput},
    {{"", "Atanh", {9, 22}}, sameAsInput},
    {{"", "Attention", {23, 24, 25}}, attention},
    {{"", "AveragePool", {11, 19, 22}}, pool},
    {{"", "BatchNormalization", {9, 14, 15}}, batchNormalization},
    {{"", "Bernoulli", {15, 22}}, randomLike},
    {{"", "BitCast", {26}}, bitCast},
    {{"", "BitShift", {11, 28}}, map},
    {{"", "BitwiseAnd", {18}}, map},
    {{"", "BitwiseNot", {18}}, sameAsInput},
    {{"", "BitwiseOr", {18}}, map},
    {{"", "BitwiseXor", {18}}, map},
    {{"", "BlackmanWindow", {17}}, window},
    {{"", "Cast", {13, 19, 21, 23, 24, 25, 28}}, cast},
    {{"", "CastLike", {15, 19, 21, 23, 24, 25}}, castLike},
    {{"", "CausalConvWithState", {27}}, causalConvolution},
    {{"", "Ceil", {13}}, sameAsInput},
    {{"", "Celu", {12, 28}}, sameAsInput},
    {{"", "CenterCropPad", {18}}, centerCropPad},
    {{"", "Clip", {13}}, clip},
    {{"", "Col2Im", {18}}, col2Im},
    {{"", "Compress", {11, 28}}, compress},
    {{"", "Concat", {13}}, concat},
    {{"", "ConstantOfShape", {9, 20, 21, 23, 24, 25}}, constantOfShape},
    {{"", "Conv", {11, 22}}, convolution},
    {{"", "ConvInteger", {10}}, convolutionInteger},
    {{"", "ConvTranspose", {11, 22}}, transposedConvolution},
    {{"", "Cos", {7, 22}}, sameAsInput},
    {{"", "Cosh", {9, 22}}, sameAsInput},
    {{"", "CumProd", {26}}, cumulative},
    {{"", "CumSum", {11, 14}}, cumulative},
    {{"", "DFT", {17, 20}}, dft},
    {{"", "DeformConv", {19, 22}}, convolution},
    {{"", "DepthToSpace", {13, 28}}, depthToSpace},
    {{"", "DequantizeLinear", {13, 19, 21, 23, 24, 25, 28}}, dequantizeLinear},
    {{"", "Det", {11, 22}}, determinant},
    {{"", "Div", {13, 14}}, arithmetic<divide>},
    {{"", "Dropout", {13, 22}}, dropout},
    {{"", "DynamicQuantizeLinear", {11}}, dynamicQuantizeLinear},
    {{"", "Einsum", {12, 28}}, einsum},
    {{"", "Elu", {6, 22}}, sameAsInput},
    {{"", "Equal", {13, 19}}, comparison<equal>},
    {{"", "Erf", {13}}, sameAsInput},
    {{"", "Exp", {13}}, sameAsInput},
    {{"", "Expand", {13}}, expand},
    {{"", "EyeLike", {9, 22}}, eyeLike},
    {{"", "Flatten", {13, 21, 23, 24, 25}}, flatten},
    {{"", "Floor", {13}}, sameAsInput},
    {{"", "GRU", {7, 14, 22}}, recurrent},
    {{"", "Gather", {13}}, gather},
    {{"", "GatherElements", {13}}, gatherElements},
    {{"", "GatherND", {13}}, gatherND},
    {{"", "Gelu", {20}}, sameAsInput},
    {{"", "Gemm", {13}}, gemm},
    {{"", "GlobalAveragePool", {1, 22}}, globalPool},
    {{"", "GlobalLpPool", {2, 22}}, globalPool},
    {{"", "GlobalMaxPool", {1, 22}}, globalPool},
    {{"", "Greater", {13}}, comparison<greater>},
    {{"", "GreaterOrEqual", {12, 16}}, comparison<greaterOrEqual>},
    {{"", "GridSample", {16, 20, 22}}, gridSample},
    {{"", "GroupNormalization", {18, 21}}, channelNormalization},
    {{"", "HammingWindow", {17}}, window},
    {{"", "HannWindow", {17}}, window},
    {{"", "HardSigmoid", {6, 22}}, sameAsInput},
    {{"", "HardSwish", {14, 22}}, sameAsInput},
    {{"", "Hardmax", {13}}, alongAxis},
    {{"", "Identity", {13, 14, 16, 19, 21, 23, 24, 25}}, identity},
    {{"", "InstanceNormalization", {6, 22}}, channelNormalization},
    {{"", "IsInf", {10, 20}}, test},
    {{"", "IsNaN", {13, 20}}, test},
    {{"", "LRN", {13}}, sameAsInput},
    {{"", "LSTM", {7, 14, 22}}, recurrent},
    {{"", "LayerNormalization", {1, 17}}, layerNormalization},
    {{"", "LeakyRelu", {6, 16}}, sameAsInput},
    {{"", "Less", {13}}, comparison<less>},
    {{"", "LessOrEqual", {12, 16}}, comparison<lessOrEqual>},
    {{"", "LinearAttention", {27}}, linearAttention},
    {{"", "Log", {13}}, sameAsInput},
    {{"", "LogSoftmax", {13}}, alongAxis},
    {{"", "LpNormalization", {1, 22}}, alongAxis},
    {{"", "LpPool", {11, 18, 22}}, pool},
    {{"", "MatMul", {13}}, matmul},
    {{"", "MatMulInteger", {10}}, matmulInteger},
    {{"", "Max", {13}}, arithmetic<maximum>},
    {{"", "MaxPool", {12, 22}}, pool},
    {{"", "MaxRoiPool", {1, 22}}, maxRoiPool},
    {{"", "MaxUnpool", {11, 22}}, maxUnpool},
    {{"", "Mean", {13}}, map},
    {{"", "MeanVarianceNormalization", {13}}, sameAsInput},
    {{"", "MelWeightMatrix", {17}}, melWeights},
    {{"", "Min", {13}}, arithmetic<minimum>},
    {{"", "Mish", {18, 22}}, sameAsInput},
    {{"", "Mod", {13, 28}}, mod},
    {{"", "Mul", {13, 14}}, arithmetic<multiply>},
    {{"", "Multinomial", {7, 22}}, multinomial},
    {{"", "Neg", {13}}, unary<negate>},
    {{"", "NonMaxSuppression", {11}}, nonMaxSuppression},
    {{"", "NonZero", {13}}, nonZero},
    {{"", "Not", {1}}, unary<logicalNot>},
    {{"", "OneHot", {11, 28}}, oneHot},
    {{"", "Or", {7}}, comparison<logicalOr>},
    {{"", "PRelu", {9, 16}}, map},
    {{"", "Pad", {13, 18, 19, 21, 23, 24, 25}}, pad},
    {{"", "Pow", {13, 15}}, power},
    {{"", "QLinearConv", {10}}, qlinearConvolution},
    {{"", "QLinearMatMul", {10, 21}}, qlinearMatmul},
    {{"", "QuantizeLinear", {13, 19, 21, 23, 24, 25, 28}}, quantizeLinear},
    {{"", "RMSNormalization", {23}}, rmsNormalization},
    {{"", "RNN", {7, 14, 22}}, recurrent},
    {{"", "RandomNormal", {1, 22}}, random},
    {{"", "RandomNormalLike", {1, 22}}, randomLike},
    {{"", "RandomUniform", {1, 22}}, random},
    {{"", "RandomUniformLike", {1, 22}}, randomLike},
    {{"", "Range", {11, 27}}, range},
    {{"", "Reciprocal", {13}}, sameAsInput},
    {{"", "ReduceL1", {13, 18}}, reduce},
    {{"", "ReduceL2", {13, 18}}, reduce},
    {{"", "ReduceLogSum", {13, 18, 28}}, reduce},
    {{"", "ReduceLogSumExp", {13, 18, 28}}, reduce},
    {{"", "ReduceMax", {13, 18, 20}}, reduce},
    {{"", "ReduceMean", {13, 18}}, reduce},
    {{"", "ReduceMin", {13, 18, 20}}, reduce},
    {{"", "ReduceProd", {13, 18}}, reduce},
    {{"", "ReduceSum", {13}}, reduce},
    {{"", "ReduceSumSquare", {13, 18}}, reduce},
    {{"", "Relu", {13, 14}}, sameAsInput},
    {{"", "Reshape", {13, 14, 19, 21, 23, 24, 25}}, reshape},
    {{"", "Resize", {13, 18, 19}}, resize},
    {{"", "ReverseSequence", {10, 28}}, sameAsInput},
    {{"", "RoiAlign", {10, 16, 22}}, roiAlign},
    {{"", "RotaryEmbedding", {23}}, rotaryEmbedding},
    {{"", "Round", {11, 22}}, sameAsInput},
    {{"", "STFT", {17}}, stft},
    {{"", "ScatterElements", {13, 16, 18}}, scatter},
    {{"", "ScatterND", {13, 16, 18}}, scatter},
    {{"", "Selu", {6, 22}}, sameAsInput},
    {{"", "Shape", {13, 15, 19, 21, 23, 24, 25}}, shapeOf},
    {{"", "Shrink", {9}}, sameAsInput},
    {{"", "Sigmoid", {13}}, sameAsInput},
    {{"", "Sign", {13}}, sameAsInput},
    {{"", "SimplifiedLayerNormalization", {1}}, simplifiedLayerNormalization},
    {{"", "Sin", {7, 22}}, sameAsInput},
    {{"", "Sinh", {9, 22}}, sameAsInput},
    {{"", "Size", {13, 19, 21, 23, 24, 25}}, sizeOf},
    {{"", "Slice", {13}}, slice},
    {{"", "Softmax", {13}}, alongAxis},
    {{"", "Softplus", {1, 22}}, sameAsInput},
    {{"", "Softsign", {1, 22}}, sameAsInput},
    {{"", "SpaceToDepth", {13, 28}}, spaceToDepth},
    {{"", "Split", {13, 18}}, split},
    {{"", "Sqrt", {13}}, sameAsInput},
    {{"", "Squeeze", {13, 21, 23, 24, 25}}, squeeze},
    {{"", "Sub", {13, 14}}, arithmetic<subtract>},
    {{"", "Sum", {13}}, arithmetic<add>},
    {{"", "SwiGLU", {28}}, swiglu},
    {{"", "Swish", {24}}, sameAsInput},
    {{"", "Tan", {7, 22}}, sameAsInput},
    {{"", "Tanh", {13}}, sameAsInput},
    {{"", "TensorScatter", {24}}, tensorScatter},
    {{"", "ThresholdedRelu", {10, 22}}, sameAsInput},
    {{"", "Tile", {13}}, tile},
    {{"", "TopK", {11, 24}}, topK},
    {{"", "Transpose", {13, 21, 23, 24, 25}}, transpose},
    {{"", "Trilu", {14}}, sameAsInput},
    {{"", "Unique", {11, 28}}, unique},
    {{"", "Unsqueeze", {13, 21, 23, 24, 25}}, unsqueeze},
    {{"", "Upsample", {10}}, resize},
    {{"", "Where", {9, 16}}, where},
    {{"", "Xor", {7}}, comparison<logicalXor>},
    {{"com.microsoft", "Attention", {1}}, contribAttention},
    {{"com.microsoft", "BiasGelu", {1}}, sameAsInput},
    {{"com.microsoft", "DequantizeLinear", {1}}, dequantizeLinear},
    {{"com.microsoft", "EmbedLayerNormalization", {1}}, embedLayerNormalization, {1}},
    {{"com.microsoft", "FastGelu", {1}}, sameAsInput},
    {{"com.microsoft", "FusedGemm", {1}}, gemm},
    {{"com.microsoft", "FusedMatMul", {1}}, fusedMatmul},
    {{"com.microsoft", "GatherBlockQuantized", {1}}, gatherBlockQuantized},
    {{"com.microsoft", "Gelu", {1}}, sameAsInput},
    {{"com.microsoft", "GroupQueryAttention", {1}}, groupQueryAttention, {1, 2}},
    {{"com.microsoft", "MatMulNBits", {1}}, matmulNBits},
    {{"com.microsoft", "MultiHeadAttention", {1}}, multiHeadAttention},
    {{"com.microsoft", "QuantizeLinear", {1}}, quantizeLinear},
    {{"com.microsoft", "QuickGelu", {1}}, sameAsInput},
    {{"com.microsoft", "RotaryEmbedding", {1}}, contribRotaryEmbedding},
    {{"com.microsoft", "SkipLayerNormalization", {1}}, skipNormalization},
    {{"com.microsoft", "SkipSimplifiedLayerNormalization", {1}}, skipNormalization},
    {{"com.microsoft", "TransposeMatMul", {1}}, fusedMatmul},
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

std::vector<SupportedOperator> supportedOperators() {
  std::vector<SupportedOperator> forms;
  for (const OperatorRow &row : operatorTable())
    forms.push_back(row.form);
  return forms;
}

} // namespace cadenza::onnx
