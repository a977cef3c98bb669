// Attention operators of com.microsoft. B batch, S positions of the queries, P of the past, L = P + S of keys and
// values, H heads, kv heads of keys and values, D their size.
#include "compiler/import/onnx/lower/attention_parts.h"
#include "compiler/import/onnx/lower/lower.h"

#include <array>
#include <cmath>
#include <limits>

namespace cadenza::onnx::lower {
namespace {

constexpr std::array<int64_t, 4> headsFirst = {0, 2, 1, 3}; // between [B, S, H, D] and [B, H, S, D]

/// softmax(scores) over the last axis, with one more column that takes its share and is dropped: `sink`, [1, H, 1, 1].
Operand softmaxWithSink(NodeLowering &node, Operand scores, const Shape &shape, Operand sink) {
  Shape column = shape;
  column[3] = 1;
  const std::vector<Operand> parts = {scores, node.nn.expand(sink, column)};
  Shape wide = shape;
  wide[3] = wide[3] + 1;
  return part(node, node.nn.softmax(node.nn.concat(parts, 3), 3), wide, 3, 0, shape[3]);
}

/// What GroupQueryAttention cannot be lowered with; empty if there is nothing.
std::string gap(NodeLowering &node) {
  if (node.text("k_quant_type", "NONE") != "NONE" || node.text("v_quant_type", "NONE") != "NONE")
    return "an encoded cache";
  if (node.integer("causal", 1) != 1 || node.has(16))
    return "attribute 'causal' or input 16, query_seqlens";
  if (node.makes(3))
    return "output 3, the scores";
  if (node.has(3) != node.has(4) || !node.has(5) || !node.makes(1))
    return "a past key without a past value, no seqlens_k or no present key";
  if (!node.shape(0)[0].is(1) && !node.shape(0)[1].is(1))
    return "several sequences of several tokens";
  if (node.has(3) && !(node.out(1).shape[2] == node.shape(3)[2] + node.shape(0)[1]))
    return "a cache that does not grow by the new tokens (total_sequence_length has to be known as past + new)";
  // With sliding_window_cache the caller may keep fewer keys than there are tokens; one that keeps all, as here,
  // computes the same.
  return "";
}

/// Queries, keys and values, [B, S, heads, D].
struct Projections {
  Operand q, k, v;
};

Projections projections(NodeLowering &node, int64_t heads, int64_t kv, const Extent &size) {
  const Extent &batch = node.shape(0)[0], &sequence = node.shape(0)[1];
  const auto apart = [&](size_t i, int64_t count) {
    return node.nn.reshape(node.in(i), {batch, sequence, count, size});
  };
  if (node.has(1))
    return {apart(0, heads), apart(1, kv), apart(2, kv)};
  const Shape packed = {batch, sequence, heads + 2 * kv, size};
  const Operand all = apart(0, heads + 2 * kv);
  return {part(node, all, packed, 2, 0, heads), part(node, all, packed, 2, heads, kv),
          part(node, all, packed, 2, heads + kv, kv)};
}

} // namespace

void groupQueryAttention(NodeLowering &node) {
  if (std::string what = gap(node); !what.empty())
    return node.unsupported(std::move(what));
  const ElementType type = node.type(0);
  const int64_t heads = node.integer("num_heads", 1), kv = node.integer("kv_num_heads", 1);
  const Extent batch = node.shape(0)[0], sequence = node.shape(0)[1];
  const Extent size = node.shape(0)[2].dividedBy(node.has(1) ? heads : heads + 2 * kv);
  const Extent total = node.out(1).shape[2];
  const auto headSize = size.number();
  if (!headSize || *headSize < 1 || heads % kv != 0)
    return node.unsupported("heads of that number and size");
  auto [q, k, v] = projections(node, heads, kv, size);
  const double epsilon = node.real("qk_norm_epsilon", 1e-6F);
  if (node.has(14)) // q_norm_weight and k_norm_weight
    q = node.nn.rmsNormalization(q, node.in(14), 3, node.real("q_norm_epsilon", epsilon));
  if (node.has(15))
    k = node.nn.rmsNormalization(k, node.in(15), 3, node.real("k_norm_epsilon", epsilon));
  // Token i of a sequence stands at lengths - S + i, where lengths count it: seqlens_k is one less.
  const Operand lengths = node.nn.reshape(node.nn.cast(node.in(5), ElementType::i64), {batch, 1});
  const Operand before = node.binary(B::Sub, lengths, node.nn.elements(ElementType::i64, {}, {sequence - 1}));
  const Operand places = node.binary(B::Add, before, positions(node, sequence, {1, sequence})); // [B, S]
  if (node.integer("do_rotary", 0) != 0) {
    const auto half = node.shape(7)[1].number();
    if (!half || *half < 1)
      return node.unsupported("rotary tables of an open size");
    const Operand at = node.has(9) ? node.cast(node.in(9), node.type(9), ElementType::i64) : places;
    const Shape table = {batch, sequence, 1, *half};
    const Operand cos = node.nn.reshape(node.nn.gather(node.in(7), at, 0), table);
    const Operand sin = node.nn.reshape(node.nn.gather(node.in(8), at, 0), table);
    const bool interleaved = node.integer("rotary_interleaved", 0) != 0;
    q = rotate(node, q, {batch, sequence, heads, size}, 2 * *half, interleaved, cos, sin);
    k = rotate(node, k, {batch, sequence, kv, size}, 2 * *half, interleaved, cos, sin);
  }
  q = node.nn.transpose(q, headsFirst);
  k = node.nn.transpose(k, headsFirst);
  v = node.nn.transpose(v, headsFirst);
  if (node.has(3)) {
    k = node.nn.concat(std::vector<Operand>{node.in(3), k}, 2);
    v = node.nn.concat(std::vector<Operand>{node.in(4), v}, 2);
  }
  if (node.makes(1))
    node.set(1, k);
  if (node.makes(2))
    node.set(2, v);
  const Shape cache = {batch, kv, total, size};
  const Operand columns = node.nn.transpose(repeatHeads(node, k, cache, heads / kv), std::vector<int64_t>{0, 1, 3, 2});
  double scale = node.real("scale", 0);
  scale = scale == 0 ? 1 / std::sqrt(static_cast<double>(*headSize)) : scale;
  Operand scores = node.binary(B::Mul, node.nn.matmul(q, columns), node.scalar(scale, type));
  if (const double cap = node.real("softcap", 0); cap > 0) {
    const Operand bound = node.scalar(cap, type);
    scores = node.binary(B::Mul, node.nn.unary(U::Tanh, node.binary(B::Div, scores, bound)), bound);
  }
  if (node.has(10))
    scores = node.binary(B::Add, scores, node.in(10));
  const Operand query = node.nn.reshape(places, {batch, 1, sequence, 1}), key = positions(node, total, {total});
  Operand seen = node.binary(B::LessOrEqual, key, query);
  if (const int64_t window = node.integer("local_window_size", -1); window > 0) // itself and those before it
    seen = node.binary(B::And, seen, node.binary(B::Greater, key, node.binary(B::Sub, query, node.scalar(window))));
  scores = node.nn.where(seen, scores, node.scalar(-std::numeric_limits<double>::infinity(), type));
  Operand weights;
  const Shape square = {batch, heads, sequence, total};
  if (node.has(11))
    weights = softmaxWithSink(node, scores, square, node.nn.reshape(node.in(11), {1, heads, 1, 1}));
  else if (node.integer("smooth_softmax", 0) == 1)
    weights = softmaxWithSink(node, scores, square, node.nn.reshape(node.scalar(0.0, type), {1, 1, 1, 1}));
  else
    weights = node.nn.softmax(scores, 3);
  const Operand result = node.nn.matmul(weights, repeatHeads(node, v, cache, heads / kv));
  node.set(0, node.nn.reshape(node.nn.transpose(result, headsFirst), node.out(0).shape));
}

void multiHeadAttention(NodeLowering &node) { // query, key, value, bias, padding mask, attention bias, past key, value
  if (!node.has(1) || !node.has(2) || node.rank(0) != 3 || node.rank(1) != 3 || node.rank(2) != 3)
    return node.unsupported("packed operands or those of a cross-attention");
  if (node.has(4) || node.has(8) || node.has(9) || node.integer("unidirectional", 0) != 0 || node.makes(3) ||
      node.has(6) != node.has(7))
    return node.unsupported("a padding mask, a cache with indices, 'unidirectional' or the scores as an output");
  const ElementType type = node.type(0);
  const int64_t heads = node.integer("num_heads", 1);
  const Extent batch = node.shape(0)[0], sequence = node.shape(0)[1];
  std::vector<Operand> operands;
  operands.reserve(3);
  Extent start = 0;
  for (size_t i = 0; i < 3; ++i) {
    const Shape &shape = node.shape(i);
    Operand x = node.in(i);
    if (node.has(3)) { // of all three, one after the other
      x = node.binary(B::Add, x, part(node, node.in(3), node.shape(3), 0, start, shape[2]));
      start = start + shape[2];
    }
    x = node.nn.reshape(x, {shape[0], shape[1], heads, shape[2].dividedBy(heads)});
    x = node.nn.transpose(x, headsFirst);
    if (i > 0 && node.has(6))
      x = node.nn.concat(std::vector<Operand>{node.in(i + 5), x}, 2);
    operands.push_back(x);
    if (i > 0 && node.makes(i))
      node.set(i, x);
  }
  const auto headSize = node.shape(0)[2].dividedBy(heads).number();
  if (!headSize || *headSize < 1)
    return node.unsupported("a head size that is not known");
  const Operand columns = node.nn.transpose(operands[1], std::vector<int64_t>{0, 1, 3, 2});
  double scale = node.real("scale", 0);
  scale = scale == 0 ? 1 / std::sqrt(static_cast<double>(*headSize)) : scale;
  Operand scores = node.binary(B::Mul, node.nn.matmul(operands[0], columns), node.scalar(scale, type));
  if (node.has(5))
    scores = node.binary(B::Add, scores, node.in(5));
  const Operand result = node.nn.matmul(node.nn.softmax(scores, 3), operands[2]);
  node.set(0, node.nn.reshape(node.nn.transpose(result, headsFirst), node.out(0).shape));
}

} // namespace cadenza::onnx::lower
