#include "runtime/cpu/machine.h"
#include "runtime/decode/rope_table.h"
#include "runtime/decode/values.h"
#include "runtime/support/checked.h"
#include "runtime/support/float16.h"

#include <algorithm>

namespace cadenza::cpu {

Machine::Machine(Program takenProgram, std::span<const std::byte> weights, int64_t positions, bool keepLogits,
                 int threads)
    : program(std::move(takenProgram)), weightSection(weights), context(positions), arena(program.arenaBytes),
      tokens(static_cast<size_t>(positions) + 1), pool(threads) {
  ropeTables.resize(program.weights.size());
  longRopeTables.resize(program.weights.size());
  for (size_t i = 0; i < program.weights.size(); ++i) {
    const Weight &weight = program.weights[i];
    if (weight.encoding != Encoding::rope_table)
      continue;
    const std::byte *stored = weightSection.data() + weight.offset;
    ropeTables[i] = expandRopeTable(weight, stored, context, /*isLong=*/false);
    if (weight.longAfter > 0 && context > weight.longAfter)
      longRopeTables[i] = expandRopeTable(weight, stored, context, /*isLong=*/true);
  }
  for (const Cache &cache : program.caches) {
    const int64_t kept = cachePositions(cache, context);
    auto bytes = checked::byteSize(std::array{cache.kvHeads, kept, cache.headDim}, dtypeSize(cache.dtype));
    if (!bytes)
      throw std::bad_alloc();
    caches.push_back({Buffer(*bytes), Buffer(*bytes), kept});
  }
  if (keepLogits)
    logits.resize(static_cast<size_t>(program.decoder->vocabulary));
}

void Machine::readEdge(uint32_t edge, int64_t token, std::span<float> out, int64_t first) const {
  const Edge &e = program.edges[edge];
  const uint64_t skipped = static_cast<uint64_t>(first) * dtypeSize(e.dtype);
  widen(e.dtype, arena.data() + e.offset + static_cast<uint64_t>(token) * edgeStride(e) + skipped, out);
}

void Machine::writeEdge(uint32_t edge, int64_t token, std::span<const float> values) {
  const Edge &e = program.edges[edge];
  narrow(e.dtype, values, arena.data() + e.offset + static_cast<uint64_t>(token) * edgeStride(e));
}

MemoryUse Machine::memoryUse() const {
  MemoryUse use;
  use.weights = weightSection.size();
  for (const CacheStorage &cache : caches)
    use.cache += cache.keys.size() + cache.values.size();
  use.activations = arena.size() + sizeof(state) + tokens.size() * sizeof(int32_t) + logits.size() * sizeof(float);
  for (const auto *tables : {&ropeTables, &longRopeTables})
    for (const std::vector<float> &table : *tables)
      use.activations += table.size() * sizeof(float);
  return use;
}

void roundThrough(DType dtype, std::span<float> values) {
  if (dtype == DType::bf16)
    std::transform(values.begin(), values.end(), values.begin(), [](float x) { return bf16ToFloat(floatToBf16(x)); });
  else if (dtype == DType::f16)
    std::transform(values.begin(), values.end(), values.begin(), [](float x) { return f16ToFloat(floatToF16(x)); });
}

} // namespace cadenza::cpu
