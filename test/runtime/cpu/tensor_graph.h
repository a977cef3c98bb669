// A program that is no decoder: one entry of named tensors.
#pragma once

#include "test/runtime/cpu/test_program.h"

namespace cadenza::test {

/// y = silu(w x), z = x + x of three tokens of 40 elements; x is stored in `dtype`.
struct TensorGraph {
  TestProgram test{1};
  Matrix matrix = test.randomMatrix(DType::bf16, 24, 40, 0.2f);

  explicit TensorGraph(DType dtype = DType::f32) {
    Program &program = test.program;
    program.decoder.reset();
    program.entries.clear();
    const auto edge = [&](const char *name, DType type, int64_t elements) {
      program.edges.push_back({name, type, elements, program.arenaBytes, 3});
      program.arenaBytes += 3 * edgeStride(program.edges.back());
      return static_cast<uint32_t>(program.edges.size() - 1);
    };
    const uint32_t x = edge("x", dtype, 40), y = edge("y", DType::f32, 24), z = edge("z", dtype, 40);
    program.entries = {{"run",
                        {{PortKind::Tensor, "x", {3, 1, 40}, x}},
                        {{PortKind::Tensor, "y", {3, 24}, y}, {PortKind::Tensor, "z", {120 / 40, 40}, z}},
                        {}}};
    test.block("start");
    test.project("y", x, test.matrix("w", DType::bf16, {matrix}), {24}, {y}).epilogues = {
        TestProgram::function("silu", {{"segment", 0}})};
    test.phase("z", PhaseKind::Map, {x}, {z}).epilogues = {TestProgram::function("add", {{"segment", 0}}, {}, {x})};
  }
};

} // namespace cadenza::test
