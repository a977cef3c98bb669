// Attention of the standard domain and of ONNX Runtime. Extents: B batch, S positions of the queries, L of keys and
// values, P of the past, H heads, D their size.
#include "compiler/import/onnx/shapes/infer.h"

#include <string>

namespace cadenza::onnx::infer {
namespace {

/// An operand as [B, heads, positions, size].
struct Heads {
  Extent batch, heads, positions, size;
};

/// [B, H, S, D] as it is, or [B, S, H * D] with `heads`.
std::optional<Heads> headsOf(NodeInference &node, size_t i, std::optional<int64_t> heads, std::string_view attribute) {
  if (!node.hasRank(i, 3, 4))
    return std::nullopt;
  const Shape &shape = node.shape(i);
  if (shape.size() == 4)
    return Heads{shape[0], shape[1], shape[2], shape[3]};
  if (!heads || *heads < 1) {
    node.invalid("input " + std::to_string(i) + " has 3 axes, which needs attribute '" + std::string(attribute) + "'");
    return std::nullopt;
  }
  const Extent size = shape[2].dividedBy(*heads);
  if (shape[2].number() && !size.isKnown()) {
    node.invalid("input " + std::to_string(i) + " of shape " + node.symbols.text(shape) + " does not divide into " +
                 std::to_string(*heads) + " heads");
    return std::nullopt;
  }
  return Heads{shape[0], *heads, shape[1], size};
}

bool isPositive(NodeInference &node, std::string_view attribute, int64_t value) {
  if (value >= 1)
    return true;
  node.invalid("attribute '" + std::string(attribute) + "' is " + std::to_string(value));
  return false;
}

} // namespace

void attention(NodeInference &node) { // Q, K, V, mask, past key, past value, lengths
  if (!node.hasRank(3, 1, 4) || !node.hasRank(6, 1))
    return;
  const auto q = headsOf(node, 0, node.integer("q_num_heads"), "q_num_heads");
  const auto k = q ? headsOf(node, 1, node.integer("kv_num_heads"), "kv_num_heads") : std::nullopt;
  const auto v = k ? headsOf(node, 2, node.integer("kv_num_heads"), "kv_num_heads") : std::nullopt;
  if (!v)
    return;
  node.same(q->size, k->size, "head sizes of query and key");
  node.same(k->positions, v->positions, "lengths of key and value");
  Extent total = k->positions;
  if (node.has(4) && node.hasRank(4, 4)) {
    total = total + node.shape(4)[2];
    node.same(node.shape(4)[3], k->size, "head sizes of key and past key");
  }
  if (node.has(5) && node.hasRank(5, 4))
    node.same(node.shape(5)[3], v->size, "head sizes of value and past value");
  if (node.failed())
    return;
  if (node.rank(0) == 3)
    node.set(0, node.type(0), {q->batch, q->positions, q->heads * v->size});
  else
    node.set(0, node.type(0), {q->batch, q->heads, q->positions, v->size});
  node.set(1, node.type(1), {k->batch, k->heads, total, k->size});
  node.set(2, node.type(2), {v->batch, v->heads, total, v->size});
  node.set(3, node.type(0), {q->batch, q->heads, q->positions, total});
}

void rotaryEmbedding(NodeInference &node) { // X, cos, sin, positions
  if (node.hasRank(0, 3, 4) && node.hasRank(1, 2, 3) && node.hasRank(2, node.rank(1)) && node.hasRank(3, 2) &&
      node.sameType(1, 2))
    node.set(0, node.type(0), node.shape(0));
}

void contribRotaryEmbedding(NodeInference &node) { // X, positions, cos, sin
  if (node.hasRank(0, 3, 4) && node.hasRank(1, 0, 2) && node.hasRank(2, 2) && node.hasRank(3, 2))
    node.set(0, node.type(0), node.shape(0));
}

void tensorScatter(NodeInference &node) { // cache, update, write indices
  if (!node.axis(node.integer("axis", -2), node.rank(0)) || !node.hasRank(1, node.rank(0)) || !node.sameType(0, 1))
    return;
  node.set(0, node.type(0), node.shape(0));
}

void groupQueryAttention(NodeInference &node) {
  // query [B, S, H * D], or packed [B, S, (H + 2 * kv) * D] without key and value; past [B, kv, P, D]
  const int64_t heads = node.integer("num_heads", 0), kv = node.integer("kv_num_heads", 0);
  if (!node.hasRank(0, 3) || !isPositive(node, "num_heads", heads) || !isPositive(node, "kv_num_heads", kv) ||
      !node.hasRank(3, 4) || !node.hasRank(4, 4))
    return;
  if (node.integer("do_rotary", 0) != 0 && (!node.has(7) || !node.has(8)))
    return node.invalid("do_rotary is set, but cos_cache or sin_cache is left out");
  if (!node.hasRank(7, 2) || !node.hasRank(8, 2))
    return;
  const Shape &query = node.shape(0);
  const int64_t packed = node.has(1) ? heads : heads + 2 * kv;
  const Extent size = query[2].dividedBy(packed);
  if (query[2].number() && !size.isKnown())
    return node.invalid("query of shape " + node.symbols.text(query) + " does not divide into " +
                        std::to_string(packed) + " heads");
  // The cache holds what has been seen with the new positions; a shared one is larger, and stays as it is.
  const Elements *length = node.has(6) ? node.in(6).elements.get() : nullptr;
  Extent total = length && length->size() == 1 ? length->front() : Extent::unknown();
  if (node.has(3))
    total = node.symbols.maximum(total, node.shape(3)[2]);
  const Extent positions = total.isKnown() ? total : node.symbols.unknown("length of the cache of " + node.node.name);
  node.set(0, node.type(0), {query[0], query[1], size * heads});
  for (size_t i : {1, 2}) {
    Shape present = {query[0], kv, positions, size};
    if (node.has(i + 2) && node.type(i + 2) == node.type(0))
      present.back() = node.same(node.shape(i + 2)[3], size, "head sizes of query and cache");
    else if (node.has(i + 2)) // an encoded cache has extents of its own
      present.back() = node.shape(i + 2)[3];
    node.set(i, node.has(i + 2) ? node.type(i + 2) : node.type(0), std::move(present));
  }
  node.set(3, node.type(0), {query[0], heads, query[1], positions});
}

void multiHeadAttention(NodeInference &node) {
  // query [B, S, H * D], key [B, L, H * D], value [B, L, H * Dv]; or query [B, S, H, 3, D] alone; or key
  // [B, L, H, 2, D] for both; or key and value [B, H, L, D] of a cross-attention
  const int64_t heads = node.integer("num_heads", 0);
  if (!isPositive(node, "num_heads", heads) || !node.hasRank(0, 3, 5) || !node.hasRank(3, 1))
    return;
  const Shape &query = node.shape(0);
  const bool packed = query.size() == 5;
  const Extent size = packed ? query[4] : query[2].dividedBy(heads);
  Extent length = query[1], keySize = size, valueSize = size;
  if (!packed && node.has(1)) {
    const Shape &key = node.shape(1);
    if (!node.hasRank(1, 3, 5) || !node.hasRank(2, 3, 4))
      return;
    length = key[key.size() == 4 ? 2 : 1];
    keySize = key.size() == 3 ? key[2].dividedBy(heads) : key.back();
    valueSize = keySize;
    if (node.has(2))
      valueSize = node.rank(2) == 4 ? node.shape(2)[3] : node.shape(2)[2].dividedBy(heads);
  }
  Extent total = length;
  if (node.has(6)) {
    if (!node.hasRank(6, 4) || !node.hasRank(7, 4))
      return;
    total = total + node.shape(6)[2];
  }
  node.set(0, node.type(0), {query[0], query[1], valueSize * heads});
  node.set(1, node.type(0), {query[0], heads, total, keySize});
  node.set(2, node.type(0), {query[0], heads, total, valueSize});
  node.set(3, node.type(0), {query[0], heads, query[1], total});
}

void contribAttention(NodeInference &node) { // X [B, S, C], W [C, Q + K + V], bias, mask, past [2, B, H, P, D]
  const int64_t heads = node.integer("num_heads", 0);
  if (!isPositive(node, "num_heads", heads) || !node.hasRank(0, 3) || !node.hasRank(1, 2) || !node.hasRank(4, 5))
    return;
  const Shape &x = node.shape(0);
  Extent key = node.shape(1)[1].dividedBy(3), value = key;
  if (const auto sizes = node.integers("qkv_hidden_sizes"); sizes && sizes->size() == 3) {
    key = (*sizes)[1];
    value = (*sizes)[2];
  }
  const Extent total = node.has(4) ? x[1] + node.shape(4)[3] : x[1];
  node.set(0, node.type(0), {x[0], x[1], value});
  node.set(1, node.type(0), {2, x[0], heads, total, key.dividedBy(heads)});
}

} // namespace cadenza::onnx::infer
