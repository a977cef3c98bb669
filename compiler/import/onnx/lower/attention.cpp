// Attention and rotary embeddings of the standard domain. B batch, S positions of the queries, L of keys and values, P
// of the past, H heads, D their size.
#include "compiler/import/onnx/lower/attention_parts.h"
#include "compiler/import/onnx/lower/lower.h"

#include <cmath>
#include <limits>

namespace cadenza::onnx::lower {
namespace {

/// What is added to the scores: 0, or minus infinity where a query must not see a key. Absent: nothing is masked.
Operand biasOf(NodeLowering &node, const Extent &queries, const Extent &keys) {
  const ElementType type = node.type(0);
  const Operand zero = node.scalar(0.0, type), closed = node.scalar(-std::numeric_limits<double>::infinity(), type);
  Operand bias;
  const auto add = [&](Operand part) { bias = bias.isThere() ? node.binary(B::Add, bias, part) : part; };
  const auto allow = [&](Operand condition) { add(node.nn.where(condition, zero, closed)); };
  if (node.has(3)) {
    Operand mask = node.in(3);
    const Extent missing = keys - node.shape(3).back();
    if (!missing.number()) {
      node.unsupported("a mask of another length than the keys");
      return bias;
    }
    const bool isBool = node.type(3) == ElementType::boolean;
    if (*missing.number() > 0) {
      std::vector<int64_t> none(node.shape(3).size(), 0), ends = none;
      ends.back() = *missing.number();
      mask = node.nn.pad(mask, none, ends, nn::PadMode::Constant,
                         isBool ? node.scalar(0.0, ElementType::boolean)
                                : node.scalar(-std::numeric_limits<double>::infinity(), node.type(3)));
    }
    if (isBool)
      allow(mask);
    else
      add(node.cast(mask, node.type(3), type));
  }
  const int64_t left = node.integer("left_window_size", -1), right = node.integer("right_window_size", -1);
  const bool causal = node.integer("is_causal", 0) != 0;
  if (causal || left >= 0 || right >= 0) {
    // The queries are the last ones of the keys that are there: query i stands at i + offset.
    Operand offset;
    if (node.has(4))
      offset = node.nn.elements(ElementType::i64, {}, {node.shape(4)[2]});
    else if (node.has(6)) {
      const Operand lengths = node.nn.reshape(node.in(6), {node.shape(6)[0], 1, 1, 1});
      offset = node.binary(B::Sub, lengths, node.nn.elements(ElementType::i64, {}, {queries}));
    } else
      offset = node.scalar(0);
    const Operand query = node.binary(B::Add, positions(node, queries, {queries, 1}), offset);
    const Operand key = positions(node, keys, {keys});
    if (causal)
      allow(node.binary(B::LessOrEqual, key, query));
    if (left >= 0)
      allow(node.binary(B::GreaterOrEqual, key, node.binary(B::Sub, query, node.scalar(left))));
    if (right >= 0)
      allow(node.binary(B::LessOrEqual, key, node.binary(B::Add, query, node.scalar(right))));
  }
  if (node.has(6)) {
    const Operand lengths = node.nn.reshape(node.in(6), {node.shape(6)[0], 1, 1, 1});
    allow(node.binary(B::Less, positions(node, keys, {keys}), lengths));
  }
  return bias;
}

} // namespace

void attention(NodeLowering &node) { // Q, K, V, mask, past key, past value, lengths
  const ElementType type = node.type(0);
  if (node.type(1) != type || node.type(2) != type)
    return node.unsupported("query, key and value of different types");
  const bool flat = node.rank(0) == 3;
  const auto headsOf = [&](size_t i, std::string_view attribute) {
    return node.rank(i) == 4 ? node.shape(i)[1].number().value_or(0) : node.integer(attribute, 0);
  };
  const int64_t heads = headsOf(0, "q_num_heads"), kv = headsOf(1, "kv_num_heads");
  if (heads < 1 || kv < 1 || heads % kv != 0)
    return node.unsupported("query heads that are no multiple of the key heads");
  const Operand q = asHeads(node, 0, heads);
  Operand k = asHeads(node, 1, kv), v = asHeads(node, 2, kv);
  const Extent batch = node.shape(0)[0], queries = node.shape(0)[flat ? 1 : 2];
  const Extent size = flat ? node.shape(0)[2].dividedBy(heads) : node.shape(0)[3];
  const Extent valueSize = flat ? node.shape(2)[2].dividedBy(kv) : node.shape(2)[3];
  Extent keys = node.shape(1)[node.rank(1) == 3 ? 1 : 2];
  if (node.has(4) != node.has(5))
    return node.unsupported("a past key without a past value");
  if (node.has(4)) {
    k = node.nn.concat(std::vector<Operand>{node.in(4), k}, 2);
    v = node.nn.concat(std::vector<Operand>{node.in(5), v}, 2);
    keys = keys + node.shape(4)[2];
  }
  if (node.makes(1))
    node.set(1, k);
  if (node.makes(2))
    node.set(2, v);
  const auto headSize = size.number();
  if (!headSize || *headSize < 1)
    return node.unsupported("a head size that is not known");
  const double scale = std::sqrt(node.real("scale", 1 / std::sqrt(static_cast<double>(*headSize))));
  const Operand root = node.scalar(scale, type);
  const Operand allKeys = repeatHeads(node, k, {batch, kv, keys, size}, heads / kv);
  const Operand columns = node.nn.transpose(allKeys, std::vector<int64_t>{0, 1, 3, 2});
  Operand scores = node.nn.matmul(node.binary(B::Mul, q, root), node.binary(B::Mul, columns, root));
  if (const double cap = node.real("softcap", 0); cap > 0) {
    const Operand bound = node.scalar(cap, type);
    scores = node.binary(B::Mul, node.nn.unary(U::Tanh, node.binary(B::Div, scores, bound)), bound);
  }
  const int64_t mode = node.integer("qk_matmul_output_mode", 0);
  Operand exposed = scores;
  const Operand bias = biasOf(node, queries, keys);
  if (bias.isThere())
    scores = node.binary(B::Add, scores, bias);
  if (mode == 2)
    exposed = scores;
  const auto precision = cadenza::elementType(node.integer("softmax_precision", static_cast<int64_t>(type)));
  Operand weights =
      node.cast(node.nn.softmax(node.cast(scores, type, precision.value_or(type)), 3), precision.value_or(type), type);
  if (node.has(3) || node.has(6)) { // a query that sees no key has no weights
    const Operand most = node.nn.reduce(R::Max, bias, std::vector<int64_t>{-1}, true);
    const Operand closed = node.scalar(-std::numeric_limits<double>::infinity(), type);
    weights = node.nn.where(node.binary(B::Equal, most, closed), node.scalar(0.0, type), weights);
  }
  if (mode == 3)
    exposed = weights;
  if (node.makes(3))
    node.set(3, exposed);
  Operand result = node.nn.matmul(weights, repeatHeads(node, v, {batch, kv, keys, valueSize}, heads / kv));
  if (flat)
    result = node.nn.reshape(node.nn.transpose(result, std::vector<int64_t>{0, 2, 1, 3}), node.out(0).shape);
  node.set(0, result);
}

namespace {

/// X [B, S, H * D] or [B, H, S, D], turned by tables [B, S, rotated / 2].
void setRotated(NodeLowering &node, int64_t heads, int64_t rotated, Operand cos, Operand sin, const Shape &table) {
  const Shape &x = node.shape(0);
  const bool flat = x.size() == 3;
  if (flat && heads < 1)
    return node.unsupported("three axes without num_heads");
  const Shape apart = flat ? Shape{x[0], x[1], heads, x[2].dividedBy(heads)} : x;
  rotated = rotated != 0 ? rotated : apart[3].number().value_or(0);
  if (rotated < 2 || rotated % 2 != 0 || !table[2].is(rotated / 2))
    return node.unsupported("tables of another size than half the rotated elements");
  const Shape spread = flat ? Shape{table[0], table[1], 1, table[2]} : Shape{table[0], 1, table[1], table[2]};
  const Operand input = flat ? node.nn.reshape(node.in(0), apart) : node.in(0);
  const Operand result = rotate(node, input, apart, rotated, node.integer("interleaved", 0) != 0,
                                node.nn.reshape(cos, spread), node.nn.reshape(sin, spread));
  node.set(0, flat ? node.nn.reshape(result, x) : result);
}

} // namespace

void rotaryEmbedding(NodeLowering &node) { // X, cos, sin, positions: [positions, half] and [B, S], or [B, S, half]
  Operand cos = node.in(1), sin = node.in(2);
  Shape table = node.shape(1);
  if (node.has(3)) {
    cos = node.nn.gather(cos, node.in(3), 0);
    sin = node.nn.gather(sin, node.in(3), 0);
    table = {node.shape(3)[0], node.shape(3)[1], table.back()};
  }
  if (table.size() != 3)
    return node.unsupported("tables of two axes without positions");
  setRotated(node, node.integer("num_heads", 0), node.integer("rotary_embedding_dim", 0), cos, sin, table);
}

void contribRotaryEmbedding(NodeLowering &node) { // X, positions [B, S] or [1], cos, sin [positions, half]
  const Shape &x = node.shape(0);
  const bool flat = x.size() == 3;
  if (node.integer("is_packed_batching", 0) != 0 || node.real("scale", 1) != 1)
    return node.unsupported("packed batches or a scale");
  const Extent &sequence = x[flat ? 1 : 2];
  Operand places = node.in(1);
  Shape at = node.shape(1);
  if (at.size() < 2) { // where the first one stands
    places = node.binary(B::Add, node.nn.reshape(node.cast(places, node.type(1), ElementType::i64), {1, 1}),
                         positions(node, sequence, {1, sequence}));
    at = {1, sequence};
  }
  const Extent half = node.shape(2)[1];
  int64_t rotated = node.integer("rotary_embedding_dim", 0), heads = node.integer("num_heads", 0);
  if (flat && heads == 0) { // the head size is that of the tables
    const Extent count = half.isKnown() ? x[2].dividedBy(half * 2) : Extent::unknown();
    heads = count.number().value_or(0);
  }
  setRotated(node, heads, rotated, node.nn.gather(node.in(2), places, 0), node.nn.gather(node.in(3), places, 0),
             {at[0], at[1], half});
}

} // namespace cadenza::onnx::lower
