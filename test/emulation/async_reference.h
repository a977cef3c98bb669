// What kernels/async.cu and kernels/cluster.cu compute, in plain loops: shapes, inputs, expected words. Shared by the
// tests of the emulation and compare.cpp, which runs the same kernels on a GPU.
#pragma once

#include <cstdint>
#include <vector>

namespace cadenza::emulation {

using Words = std::vector<uint32_t>;

/// The arguments of all these kernels (kernels/ring.cuh).
struct AsyncArgs {
  const uint32_t *weights;
  uint32_t *out;
  void *slots;
  uint32_t *diagnosis;
  uint64_t steps;
  uint64_t firstEpoch;
  uint64_t limitNs;
};

constexpr uint32_t stageWords = 256, packetsABlock = 4, segmentWords = 32, layerCount = 3;
constexpr uint32_t ringShared = 128 + 3 * 1024;
constexpr uint32_t hopShared = 128 + 2 * 8 * 4 * 16;
constexpr uint32_t persistentShared = ringShared + 128 + (2 * 8 + 1 + 8) * segmentWords * 4;

inline Words testWeights(uint64_t count) {
  Words words(count);
  uint32_t state = 12345;
  for (uint32_t &word : words)
    word = state = state * 1664525u + 1013904223u;
  return words;
}

inline Words ringReference(const Words &weights, uint32_t blocks, uint32_t consumers, uint64_t steps) {
  Words out(blocks * consumers);
  for (uint32_t block = 0; block < blocks; ++block)
    for (uint32_t t = 0; t < consumers; ++t)
      for (uint64_t i = 0; i < steps; ++i)
        for (uint32_t j = t; j < stageWords; j += consumers)
          out[block * consumers + t] = out[block * consumers + t] * 31 + weights[(block * steps + i) * stageWords + j];
  return out;
}

inline Words exchangeReference(uint32_t blocks, uint64_t steps, uint64_t firstEpoch) {
  const uint32_t count = blocks * packetsABlock;
  Words mine(count), gathered(count);
  for (uint32_t i = 0; i < count; ++i)
    mine[i] = i / packetsABlock * 100 + i % packetsABlock;
  for (uint64_t step = 0; step < steps; ++step) {
    for (uint32_t i = 0; i < count; ++i)
      gathered[i] = mine[i] + (mine[i] ^ static_cast<uint32_t>(firstEpoch + step)) * 3 + i % packetsABlock;
    for (uint32_t k = 0; k < count; ++k)
      for (uint32_t i = 0; i < count; ++i)
        mine[k] = mine[k] * 31 + gathered[(i + k % packetsABlock) % count];
  }
  return mine;
}

/// The number of turns and the word that went round.
inline Words turnsReference(uint32_t blocks, uint64_t steps) {
  Words out{static_cast<uint32_t>(blocks * steps), 1};
  for (uint64_t i = 0; i < blocks * steps; ++i)
    out[1] = out[1] * 3 + static_cast<uint32_t>(i % blocks);
  return out;
}

inline Words namedBarriersReference(uint32_t blocks, uint64_t steps) {
  Words out;
  for (uint32_t block = 0; block < blocks; ++block)
    for (uint32_t word : {0u, 1u}) {
      for (uint64_t step = 0; step < steps; ++step)
        word = word * 31 + static_cast<uint32_t>(step);
      out.push_back(word);
    }
  return out;
}

inline Words hopsReference(uint32_t blocks, uint32_t ranks, uint64_t steps) {
  constexpr uint32_t threads = 64, row = 4;
  Words mine(blocks * threads);
  for (uint32_t i = 0; i < mine.size(); ++i)
    mine[i] = i / threads * 1000 + i % threads;
  for (uint32_t first = 0; first < blocks; first += ranks)
    for (uint32_t step = 0; step < steps; ++step) {
      Words gathered;
      for (uint32_t i = 0; i < ranks * row; ++i) {
        const uint32_t v = mine[(first + i / row) * threads + i % row];
        gathered.push_back(i % 2 == 0 ? v ^ (v + 1) * 3 ^ (v ^ 7) * 5 ^ step * 7 : v ^ v * 3 ^ ~v * 5 ^ ~v * 7);
      }
      for (uint32_t k = first * threads; k < (first + ranks) * threads; ++k)
        for (uint32_t i = 0; i < ranks * row; ++i)
          mine[k] = mine[k] * 31 + gathered[(i + k % threads) % (ranks * row)];
    }
  return mine;
}

inline Words remoteArrivalsReference(uint32_t blocks, uint32_t ranks, uint64_t steps) {
  Words out(blocks);
  for (uint32_t block = 0; block < blocks; ++block)
    for (uint32_t step = 0; step < steps; ++step)
      out[block] = out[block] * 31 + step * 12345 + block / ranks;
  return out;
}

inline Words persistentReference(const Words &weights, uint32_t blocks, uint32_t ranks, uint64_t steps) {
  const uint32_t width = ranks * segmentWords;
  Words x(width), news(width);
  for (uint32_t i = 0; i < width; ++i)
    x[i] = i;
  for (uint64_t step = 0; step < steps; ++step)
    for (uint32_t layer = 0; layer < layerCount; ++layer) {
      const uint32_t *stages = weights.data() + static_cast<uint64_t>(layer) * (blocks + 1) * stageWords;
      for (uint32_t i = 0; i < width; ++i) {
        news[i] = 0;
        for (uint32_t block = i / segmentWords; block < blocks; block += ranks) { // one of every cluster
          uint32_t partial = 0;
          for (uint32_t r = 0; r < ranks; ++r) {
            const uint32_t k = r * segmentWords + i % segmentWords;
            partial = partial * 31 + x[k] * stages[block * stageWords + k % stageWords];
          }
          news[i] = news[i] * 7 + partial + layer;
        }
      }
      for (uint32_t i = 0; i < width; ++i)
        x[i] = (x[i] ^ news[i]) + stages[blocks * stageWords + i % stageWords];
    }
  Words out;
  for (uint32_t block = 0; block < blocks; ++block)
    out.insert(out.end(), x.begin(), x.end());
  return out;
}

} // namespace cadenza::emulation
