// Programs and weight sections built by hand, without the compiler, for tests of what executes them.
#pragma once

#include "runtime/plan/program.h"
#include "runtime/support/float16.h"
#include "test/packed_matrix.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace cadenza::test {

/// `x` as it is after it was stored in `dtype`.
inline float stored(DType dtype, float x) {
  return dtype == DType::bf16 ? bf16ToFloat(floatToBf16(x)) : dtype == DType::f16 ? f16ToFloat(floatToF16(x)) : x;
}

/// A matrix as the test sees it: [rows][columns], values as stored.
struct Matrix {
  int64_t rows = 0, columns = 0;
  std::vector<float> values;
  float operator()(int64_t row, int64_t column) const { return values[row * columns + column]; }
  /// The product with a vector, in double.
  std::vector<double> times(std::span<const float> x) const {
    std::vector<double> y(rows);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c)
        y[r] += static_cast<double>((*this)(r, c)) * x[c];
    return y;
  }
};

class TestProgram {
public:
  Program program;
  std::vector<std::byte> weights;

  explicit TestProgram(int64_t vocabulary, int64_t maxContext = 64, uint32_t seed = 1) : random_(seed) {
    program.model.name = "test";
    program.decoder.emplace().family = "test";
    program.decoder->vocabulary = vocabulary;
    program.decoder->hiddenSize = 8;
    program.decoder->layers = 1;
    program.decoder->maxContext = maxContext;
    program.entries = {
        {"decode", {{PortKind::Token, "", {1}}, {PortKind::Position, "", {1}}}, {{PortKind::Next, "", {1}}}, {}}};
    program.model.weights = "random:" + std::to_string(seed);
    program.kernels.assign(1, Kernel{});
    program.kernels[0].name = "none";
    program.kernels[0].threads = 32;
  }

  std::vector<float> randomValues(int64_t count, float scale = 1.0f, float offset = 0.0f) {
    std::normal_distribution<float> normal(offset, scale);
    std::vector<float> values(count);
    for (float &x : values)
      x = normal(random_);
    return values;
  }
  Matrix randomMatrix(DType dtype, int64_t rows, int64_t columns, float scale) {
    Matrix matrix{rows, columns, randomValues(rows * columns, scale)};
    for (float &x : matrix.values)
      x = stored(dtype, x);
    return matrix;
  }

  uint32_t edge(const std::string &name, DType dtype, int64_t elements, int64_t tokens = 1) {
    program.edges.push_back({name, dtype, elements, program.arenaBytes, tokens});
    program.arenaBytes += tokens * edgeStride(program.edges.back());
    return static_cast<uint32_t>(program.edges.size()) - 1;
  }

  Ref vector(const std::string &name, std::span<const float> values) {
    Weight weight{name, Encoding::vector, DType::f32, static_cast<int64_t>(values.size())};
    return add(weight, [&](std::byte *to) { std::memcpy(to, values.data(), values.size_bytes()); });
  }
  Ref ropeTable(std::span<const float> inverseFrequencies, float scale) {
    Weight weight{"rope", Encoding::rope_table, DType::f32, static_cast<int64_t>(inverseFrequencies.size()), 1, scale};
    return add(weight,
               [&](std::byte *to) { std::memcpy(to, inverseFrequencies.data(), inverseFrequencies.size_bytes()); });
  }
  /// Packs `parts` one after the other or interleaved by 8 rows, element by element as runtime/shared/encoding.h says.
  Ref matrix(const std::string &name, DType dtype, const std::vector<Matrix> &parts, bool interleaved = false) {
    const auto order = packedOrder(parts, interleaved);
    Weight weight{name, Encoding::tiles16, dtype, static_cast<int64_t>(order.size()), parts[0].columns};
    int64_t columnsPadded = (weight.columns + 31) / 32 * 32;
    return add(weight, [&](std::byte *to) {
      for (int64_t n = 0; n < weight.rows; ++n) {
        for (int64_t k = 0; k < weight.columns; ++k) {
          float value = (*order[n].first)(order[n].second, k);
          uint16_t bits = dtype == DType::bf16 ? floatToBf16(value) : floatToF16(value);
          int64_t index = ((n / 16) * (columnsPadded / 32) + k / 32) * 512 + (n % 16) * 32 + k % 32;
          std::memcpy(to + index * 2, &bits, 2);
        }
      }
    });
  }
  /// The same in an encoding with codes and scales: `parts` become what is stored.
  Ref encodedMatrix(const std::string &name, const Encoding &encoding, DType dtype, std::vector<Matrix> &parts,
                    bool interleaved = false) {
    const auto order = packedOrder(parts, interleaved);
    Weight weight{name, encoding, dtype, static_cast<int64_t>(order.size()), parts[0].columns};
    std::vector<float> rows;
    for (const auto &[part, row] : order)
      rows.insert(rows.end(), part->values.begin() + row * part->columns,
                  part->values.begin() + (row + 1) * part->columns);
    const std::vector<uint8_t> packed =
        packMatrix(encoding, rows, static_cast<int>(weight.rows), static_cast<int>(weight.columns));
    for (size_t n = 0; n < order.size(); ++n)
      for (Matrix &part : parts)
        if (&part == order[n].first)
          std::copy_n(rows.begin() + static_cast<int64_t>(n) * part.columns, part.columns,
                      part.values.begin() + order[n].second * part.columns);
    return add(weight, [&](std::byte *to) { std::memcpy(to, packed.data(), packed.size()); });
  }
  Ref cache(DType dtype, int64_t kvHeads, int64_t headDim) {
    auto index = static_cast<uint32_t>(program.caches.size());
    program.caches.push_back({"cache" + std::to_string(index), dtype, kvHeads, headDim});
    return {false, index};
  }
  /// A reference to one of `refs` by iteration.
  Ref weightTable(const std::vector<Ref> &refs) { return table(program.weightTables, refs); }
  Ref cacheTable(const std::vector<Ref> &refs) { return table(program.cacheTables, refs); }

  static Function function(std::string name, nlohmann::json parameters, std::vector<Ref> weights = {},
                           std::vector<uint32_t> operands = {}, std::vector<Ref> caches = {}) {
    return {std::move(name), std::move(parameters), std::move(operands), std::move(weights), std::move(caches)};
  }

  std::vector<Block> &blocks() { return program.entries[0].blocks; }
  Block &block(const std::string &name, int64_t count = 1) {
    blocks().push_back({name, count, {}});
    return blocks().back();
  }

  /// Appends a phase to the last block; the caller fills in what its kind needs.
  Phase &phase(const std::string &name, PhaseKind kind, std::vector<uint32_t> inputs, std::vector<uint32_t> outputs) {
    Phase &phase = blocks().back().phases.emplace_back();
    phase.name = name;
    phase.kind = kind;
    phase.inputs = std::move(inputs);
    phase.outputs = std::move(outputs);
    phase.outputNames.assign(std::max<size_t>(1, phase.outputs.size()), "");
    phase.launch.kernel = "none";
    return phase;
  }
  Phase &embed(Ref matrix, uint32_t output, float scale = 1.0f) {
    Phase &p = phase("embed", PhaseKind::Embed, {}, {output});
    p.matrix = matrix;
    p.parameters = {{"scale", scale}};
    return p;
  }
  Phase &project(const std::string &name, uint32_t input, Ref matrix, std::vector<int64_t> rows,
                 std::vector<uint32_t> outputs) {
    Phase &p = phase(name, PhaseKind::Project, {input}, std::move(outputs));
    p.matrix = matrix;
    p.segmentRows = std::move(rows);
    return p;
  }
  /// The last block: a project to the vocabulary with argmax.
  void head(uint32_t input, Ref matrix) {
    program.decoder->headBlock = static_cast<uint32_t>(blocks().size());
    block("head");
    Phase &p = project("head", input, matrix, {program.decoder->vocabulary}, {});
    p.epilogues.push_back(function("argmax", {{"segment", 0}}));
    p.outputNames = {"lm_head"};
  }

  /// A prefill entry for tiles of so many tokens: the step's phases on edges of their own, up to a head with one input.
  void prefill(int64_t tile) {
    const Entry &step = decodeEntry(program);
    const std::string name = "prefill_" + std::to_string(tile);
    Entry entry{name, {{PortKind::Token, "", {tile}}, {PortKind::Position, "", {1}}}, step.outputs, {}};
    std::map<uint32_t, uint32_t> edges; // of the step to those of the tile
    const auto ofTile = [&](uint32_t &index) {
      if (!edges.contains(index)) {
        const Edge like = program.edges[index];
        edges[index] = edge(name + "." + like.name, like.dtype, like.elements, tile);
      }
      index = edges[index];
    };
    for (Block block : step.blocks) {
      if (entry.blocks.size() < program.decoder->headBlock) {
        for (Phase &phase : block.phases) {
          std::for_each(phase.inputs.begin(), phase.inputs.end(), ofTile);
          std::for_each(phase.outputs.begin(), phase.outputs.end(), ofTile);
          for (Function &epilogue : phase.epilogues)
            std::for_each(epilogue.operands.begin(), epilogue.operands.end(), ofTile);
          phase.kGroups = {0};
          phase.kWays = 1;
          if (phase.kind == PhaseKind::Attend)
            phase.parameters["splits"] = phase.parameters["warps"] = 1;
        }
      } else if (entry.blocks.size() == program.decoder->headBlock) {
        Phase last;
        last.name = "last";
        last.kind = PhaseKind::Last;
        last.outputs = block.phases[0].inputs;
        last.inputs = {edges.at(last.outputs[0])};
        last.outputNames = {""};
        last.launch.kernel = "none";
        entry.blocks.push_back({"last", 1, {last}});
      }
      entry.blocks.push_back(std::move(block));
    }
    program.entries.push_back(std::move(entry));
  }

private:
  /// (part, row) by packed row.
  static std::vector<std::pair<const Matrix *, int64_t>> packedOrder(const std::vector<Matrix> &parts,
                                                                     bool interleaved) {
    std::vector<std::pair<const Matrix *, int64_t>> order;
    int64_t step = interleaved ? 8 : INT64_MAX;
    for (int64_t first = 0; first < (interleaved ? parts[0].rows : 1); first += 8)
      for (const Matrix &part : parts)
        for (int64_t row = first; row < part.rows && row - first < step; ++row)
          order.emplace_back(&part, row);
    return order;
  }
  Ref add(Weight weight, const std::function<void(std::byte *)> &fill) {
    weight.offset = (weights.size() + 255) / 256 * 256;
    weight.bytes = storedBytes(weight);
    weights.resize(weight.offset + weight.bytes);
    fill(weights.data() + weight.offset);
    program.weights.push_back(weight);
    return {false, static_cast<uint32_t>(program.weights.size()) - 1};
  }
  static Ref table(std::vector<Table> &tables, const std::vector<Ref> &refs) {
    Table &table = tables.emplace_back();
    for (Ref ref : refs)
      table.push_back(ref.index);
    return {true, static_cast<uint32_t>(tables.size()) - 1};
  }

  std::mt19937 random_;
};

} // namespace cadenza::test
