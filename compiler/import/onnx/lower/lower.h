// Lowering, one function for each way in which operators become ops of the `nn` dialect; the table in
// shapes/operator_table.cpp says which go which way. Inference has checked the node (shapes/infer.h).
#pragma once

#include "compiler/import/onnx/lower/node_lowering.h"

namespace cadenza::onnx::lower {

using U = nn::UnaryFunction;
using B = nn::BinaryFunction;
using R = nn::ReduceFunction;

// Elementwise (elementwise.cpp).
template <U function> void unary(NodeLowering &node) { node.set(0, node.nn.unary(function, node.in(0))); }
void fold(NodeLowering &node, B function); // function(function(a, b), c)
template <B function> void binary(NodeLowering &node) { fold(node, function); }
void mean(NodeLowering &node);
void mod(NodeLowering &node);
void power(NodeLowering &node);
void bitShift(NodeLowering &node);
void clip(NodeLowering &node);
void where(NodeLowering &node);
void cast(NodeLowering &node);
void identity(NodeLowering &node);
void dropout(NodeLowering &node);
void isInf(NodeLowering &node);
void gelu(NodeLowering &node);
void quickGelu(NodeLowering &node);
void fastGelu(NodeLowering &node);
void biasGelu(NodeLowering &node);
void swish(NodeLowering &node);
void swiglu(NodeLowering &node);
void leakyRelu(NodeLowering &node);
void prelu(NodeLowering &node);
void elu(NodeLowering &node);
void celu(NodeLowering &node);
void selu(NodeLowering &node);
void hardSigmoid(NodeLowering &node);
void shrink(NodeLowering &node);
void thresholdedRelu(NodeLowering &node);

// Data movement (movement.cpp).
void reshape(NodeLowering &node);  // anything whose elements stay in order
void elements(NodeLowering &node); // what inference knows whatever the inputs are: Shape, Size
void transpose(NodeLowering &node);
void expand(NodeLowering &node);
void tile(NodeLowering &node);
void concat(NodeLowering &node);
void split(NodeLowering &node);
void slice(NodeLowering &node);
void pad(NodeLowering &node);
void trilu(NodeLowering &node);
void depthToSpace(NodeLowering &node);
void spaceToDepth(NodeLowering &node);
void constantOfShape(NodeLowering &node);
void range(NodeLowering &node);
void eyeLike(NodeLowering &node);
void oneHot(NodeLowering &node);
void gather(NodeLowering &node);
void compress(NodeLowering &node);
void gatherElements(NodeLowering &node);
void gatherND(NodeLowering &node);
void scatterElements(NodeLowering &node);
void scatterND(NodeLowering &node);
void tensorScatter(NodeLowering &node);

// Along axes (reductions.cpp).
void reduce(NodeLowering &node, R function);
template <R function> void reduce(NodeLowering &node) { reduce(node, function); }
void arg(NodeLowering &node, nn::ArgFunction function);
template <nn::ArgFunction function> void arg(NodeLowering &node) { arg(node, function); }
void softmax(NodeLowering &node);
void logSoftmax(NodeLowering &node);
void hardmax(NodeLowering &node);
void lpNormalization(NodeLowering &node);
void cumsum(NodeLowering &node);
void topK(NodeLowering &node);
void globalAverage(NodeLowering &node);
void globalMaximum(NodeLowering &node);

// Products, norms, attention (layers.cpp, attention.cpp).
void matmul(NodeLowering &node);
void fusedMatmul(NodeLowering &node);
void gemm(NodeLowering &node);
void layerNormalization(NodeLowering &node);
void rmsNormalization(NodeLowering &node);
void skipRmsNormalization(NodeLowering &node);
void skipLayerNormalization(NodeLowering &node);
void batchNormalization(NodeLowering &node);
void instanceNormalization(NodeLowering &node);
void groupNormalization(NodeLowering &node);
void meanVarianceNormalization(NodeLowering &node);
void dequantizeLinear(NodeLowering &node);
void attention(NodeLowering &node);
void rotaryEmbedding(NodeLowering &node);
void contribRotaryEmbedding(NodeLowering &node);
void groupQueryAttention(NodeLowering &node);
void multiHeadAttention(NodeLowering &node);

// Windows (windows.cpp).
void convolution(NodeLowering &node);
void maxPool(NodeLowering &node);
void averagePool(NodeLowering &node);

// Encoded weights (contrib_quantized.cpp).
void matmulNBits(NodeLowering &node);
void gatherBlockQuantized(NodeLowering &node);

} // namespace cadenza::onnx::lower
