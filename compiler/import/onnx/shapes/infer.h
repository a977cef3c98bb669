// Inference, one function for each way in which types and shapes of operators follow from their inputs; the table in
// operator_table.cpp says which operators go which way. A function gives all outputs of its node facts, or files
// why it cannot.
#pragma once

#include "compiler/import/onnx/shapes/node_inference.h"

#include <functional>

namespace cadenza::onnx::infer {

using Unary = Polynomial (*)(const Symbols &, const Polynomial &);
using Binary = Polynomial (*)(Symbols &, const Polynomial &, const Polynomial &);

// Elements of integer tensors (elements.cpp).
Polynomial negate(const Symbols &, const Polynomial &);
Polynomial absolute(const Symbols &, const Polynomial &);
Polynomial logicalNot(const Symbols &, const Polynomial &);
Polynomial add(Symbols &, const Polynomial &, const Polynomial &);
Polynomial subtract(Symbols &, const Polynomial &, const Polynomial &);
Polynomial multiply(Symbols &, const Polynomial &, const Polynomial &);
Polynomial divide(Symbols &, const Polynomial &, const Polynomial &); // towards zero
Polynomial modulo(Symbols &, const Polynomial &, const Polynomial &); // the sign of the divisor
Polynomial minimum(Symbols &, const Polynomial &, const Polynomial &);
Polynomial maximum(Symbols &, const Polynomial &, const Polynomial &);
Polynomial less(Symbols &, const Polynomial &, const Polynomial &);
Polynomial lessOrEqual(Symbols &, const Polynomial &, const Polynomial &);
Polynomial greater(Symbols &, const Polynomial &, const Polynomial &);
Polynomial greaterOrEqual(Symbols &, const Polynomial &, const Polynomial &);
Polynomial equal(Symbols &, const Polynomial &, const Polynomial &);
Polynomial logicalAnd(Symbols &, const Polynomial &, const Polynomial &);
Polynomial logicalOr(Symbols &, const Polynomial &, const Polynomial &);
Polynomial logicalXor(Symbols &, const Polynomial &, const Polynomial &);
/// "1", "0" or unknown: whether it is not 0.
Polynomial truth(const Symbols &, const Polynomial &);

/// The elements of an output of `shape` of which each is one of `from`, or one of several lists: `source` says which,
/// given its coordinates. Nothing if the output is not small.
std::optional<Elements> remap(const Shape &shape,
                              const std::function<Polynomial(const std::vector<int64_t> &)> &source);
/// Where `coordinates` of a tensor of `to` lie in one of `from` that is broadcast to it.
size_t broadcastIndex(const std::vector<int64_t> &coordinates, const std::vector<int64_t> &from);
/// Row-major.
size_t flatIndex(const std::vector<int64_t> &coordinates, const std::vector<int64_t> &shape);
/// Sets output 0 to elements if there are any.
void setWith(NodeInference &node, ElementType type, Shape shape, std::optional<Elements> elements);

// Elementwise (elementwise.cpp). Operands are broadcast and of one type.
void sameAsInput(NodeInference &node); // output 0 has the type and shape of input 0
void map(NodeInference &node);         // any number of operands, the type of the first
void compare(NodeInference &node);     // the same, but bool
void test(NodeInference &node);        // the shape of input 0, bool
void power(NodeInference &node);       // operands of two types
void arithmetic(NodeInference &node, Binary function);
void comparison(NodeInference &node, Binary function);
void unary(NodeInference &node, Unary function);
void identity(NodeInference &node);
void where(NodeInference &node);
void cast(NodeInference &node);
void castLike(NodeInference &node);
void bitCast(NodeInference &node);
void dropout(NodeInference &node);
void mod(NodeInference &node);
void clip(NodeInference &node);
template <Binary function> void arithmetic(NodeInference &node) { arithmetic(node, function); }
template <Binary function> void comparison(NodeInference &node) { comparison(node, function); }
template <Unary function> void unary(NodeInference &node) { unary(node, function); }

// Shapes (views.cpp, movement.cpp).
void shapeOf(NodeInference &node);
void sizeOf(NodeInference &node);
void reshape(NodeInference &node);
void flatten(NodeInference &node);
void squeeze(NodeInference &node);
void unsqueeze(NodeInference &node);
void transpose(NodeInference &node);
void expand(NodeInference &node);
void tile(NodeInference &node);
void concat(NodeInference &node);
void split(NodeInference &node);
void slice(NodeInference &node);
void pad(NodeInference &node);
void centerCropPad(NodeInference &node);
void depthToSpace(NodeInference &node);
void spaceToDepth(NodeInference &node);

// New tensors (creation.cpp).
void constantOfShape(NodeInference &node);
void range(NodeInference &node);
void eyeLike(NodeInference &node);
void oneHot(NodeInference &node);
void random(NodeInference &node);
void randomLike(NodeInference &node);
void multinomial(NodeInference &node);
void window(NodeInference &node);
void melWeights(NodeInference &node);

// By index (indexing.cpp).
void gather(NodeInference &node);
void gatherElements(NodeInference &node);
void gatherND(NodeInference &node);
void scatter(NodeInference &node); // any kind: the shape of input 0
void compress(NodeInference &node);
void nonZero(NodeInference &node);
void unique(NodeInference &node);
void topK(NodeInference &node);
void nonMaxSuppression(NodeInference &node);

// Along axes (reductions.cpp).
void reduce(NodeInference &node);
void argReduce(NodeInference &node);
void alongAxis(NodeInference &node); // Softmax, Hardmax, LpNormalization: the shape of input 0; checks `axis`
void cumulative(NodeInference &node);
void determinant(NodeInference &node);

// Products (products.cpp).
void matmul(NodeInference &node);
void matmulInteger(NodeInference &node);
void qlinearMatmul(NodeInference &node);
void gemm(NodeInference &node);
void einsum(NodeInference &node);
void fusedMatmul(NodeInference &node);
void matmulNBits(NodeInference &node);

// Convolutions and pools (convolution.cpp), images (image.cpp).
void convolution(NodeInference &node);
void convolutionInteger(NodeInference &node);
void qlinearConvolution(NodeInference &node);
void transposedConvolution(NodeInference &node);
void pool(NodeInference &node);
void globalPool(NodeInference &node);
void maxUnpool(NodeInference &node);
void maxRoiPool(NodeInference &node);
void roiAlign(NodeInference &node);
void col2Im(NodeInference &node);
void resize(NodeInference &node);
void gridSample(NodeInference &node);
void affineGrid(NodeInference &node);

// Norms and recurrences (layers.cpp).
void layerNormalization(NodeInference &node);
void rmsNormalization(NodeInference &node);
void batchNormalization(NodeInference &node);
void channelNormalization(NodeInference &node); // InstanceNormalization, GroupNormalization
void simplifiedLayerNormalization(NodeInference &node);
void skipNormalization(NodeInference &node);
void embedLayerNormalization(NodeInference &node);
void recurrent(NodeInference &node);
void dft(NodeInference &node);
void stft(NodeInference &node);
void swiglu(NodeInference &node);
void causalConvolution(NodeInference &node);
void linearAttention(NodeInference &node);

// Attention (attention.cpp).
void attention(NodeInference &node);
void rotaryEmbedding(NodeInference &node);
void contribRotaryEmbedding(NodeInference &node);
void tensorScatter(NodeInference &node);
void groupQueryAttention(NodeInference &node);
void multiHeadAttention(NodeInference &node);
void contribAttention(NodeInference &node);

// Encodings (quantization.cpp).
void quantizeLinear(NodeInference &node);
void dequantizeLinear(NodeInference &node);
void dynamicQuantizeLinear(NodeInference &node);
void gatherBlockQuantized(NodeInference &node);

} // namespace cadenza::onnx::infer
