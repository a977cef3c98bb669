// A small decoder with random weights, as the compiler would fuse it: five phases a layer, per-layer tables.
#pragma once

#include "test/runtime/cpu/test_program.h"

namespace cadenza::test {

struct TinyModel {
  static constexpr int64_t vocabulary = 67, hidden = 48, heads = 4, kvHeads = 2, headDim = 16, ffn = 40, layers = 3;

  TestProgram test;

  /// `fused` false: the feed-forward part and the head take separate phases; the arithmetic is the same.
  explicit TinyModel(bool fused = true, int64_t maxContext = 64) : test(vocabulary, maxContext) {
    Program &program = test.program;
    program.decoder->hiddenSize = hidden;
    program.decoder->layers = layers;
    const DType type = DType::bf16;
    uint32_t x = test.edge("x", DType::f32, hidden), q = test.edge("q", DType::f32, heads * headDim);
    uint32_t attended = test.edge("attended", type, heads * headDim), middle = test.edge("middle", type, ffn);
    uint32_t gate = test.edge("gate", DType::f32, ffn), up = test.edge("up", DType::f32, ffn);
    uint32_t logits = test.edge("logits", DType::f32, vocabulary);

    Ref embedding = test.matrix("embedding", type, {test.randomMatrix(type, vocabulary, hidden, 1.0f)});
    std::vector<float> frequencies;
    for (int64_t i = 0; i < headDim / 2; ++i)
      frequencies.push_back(std::pow(100.0f, -2.0f * i / headDim));
    Ref rope = test.ropeTable(frequencies, 1.0f);
    auto gain = [&](int64_t n) { return test.vector("norm", test.randomValues(n, 0.2f, 1.0f)); };
    auto random = [&](int64_t rows, int64_t columns) {
      return test.randomMatrix(type, rows, columns, 1.0f / std::sqrt(static_cast<float>(columns)));
    };
    std::vector<Ref> norm1, norm2, queryNorm, keyNorm, qkv, o, gateUp, down, caches;
    for (int64_t layer = 0; layer < layers; ++layer) {
      norm1.push_back(gain(hidden));
      norm2.push_back(gain(hidden));
      queryNorm.push_back(gain(headDim));
      keyNorm.push_back(gain(headDim));
      Matrix kv = random(kvHeads * headDim, hidden);
      qkv.push_back(test.matrix("qkv", type, {random(heads * headDim, hidden), kv, random(kv.rows, hidden)}));
      o.push_back(test.matrix("o", type, {random(hidden, heads * headDim)}));
      gateUp.push_back(test.matrix("gate+up", type, {random(ffn, hidden), random(ffn, hidden)}, true));
      down.push_back(test.matrix("down", type, {random(hidden, ffn)}));
      caches.push_back(test.cache(type, kvHeads, headDim));
    }
    Ref finalNorm = gain(hidden);

    test.block("input");
    test.embed(embedding, x).outputNames = {"model.embed_tokens"};

    test.block("layers", layers);
    Ref cache = test.cacheTable(caches);
    auto norm = [](int64_t group, Ref gamma, bool defer) {
      return TestProgram::function("rms_norm", {{"eps", 1e-6}, {"group_size", group}, {"defer_scale", defer}}, {gamma});
    };
    auto headNorm = [](int segment, Ref gamma) {
      return TestProgram::function("rms_norm", {{"segment", segment}, {"eps", 1e-6}, {"group_size", headDim}}, {gamma});
    };
    auto rotate = [&](int segment) {
      return TestProgram::function("rope", {{"segment", segment}, {"head_dim", headDim}, {"rotary_dim", headDim}},
                                   {rope});
    };
    auto residual = [&] { return TestProgram::function("add", {{"segment", 0}}, {}, {x}); };

    Phase *phase =
        &test.project("qkv", x, test.weightTable(qkv), {heads * headDim, kvHeads * headDim, kvHeads * headDim}, {q});
    phase->prologue = {norm(hidden, test.weightTable(norm1), fused)};
    phase->epilogues = {
        headNorm(0, test.weightTable(queryNorm)), headNorm(1, test.weightTable(keyNorm)), rotate(0), rotate(1),
        TestProgram::function("kv_append", {{"key", 1}, {"value", 2}, {"kv_heads", kvHeads}, {"head_dim", headDim}}, {},
                              {}, {cache})};
    phase = &test.phase("attend", PhaseKind::Attend, {q}, {attended});
    phase->parameters = {{"heads", heads}, {"kv_heads", kvHeads}, {"head_dim", headDim},
                         {"scale", 0.25},  {"splits", 1},         {"warps", 8}};
    phase->caches = {cache};
    phase = &test.project("o", attended, test.weightTable(o), {hidden}, {x});
    phase->epilogues = {residual()};
    phase = &test.project("gate_up", x, test.weightTable(gateUp), {ffn, ffn}, {gate, up});
    phase->prologue = {norm(hidden, test.weightTable(norm2), fused)};
    phase->interleaved = true;
    Function silu = TestProgram::function("silu", {{"segment", 0}});
    Function mul = TestProgram::function("mul", {{"lhs", 0}, {"rhs", 1}});
    if (fused) {
      phase->epilogues = {silu, mul};
      phase->outputs = {middle};
      phase->outputNames = {""};
    } else {
      test.phase("silu_mul", PhaseKind::Map, {gate, up}, {middle}).epilogues = {silu, mul};
    }
    phase = &test.project("down", middle, test.weightTable(down), {hidden}, {x});
    phase->epilogues = {residual()};
    phase->outputNames = {"model.layers.*"};

    test.head(x, embedding);
    phase = &test.blocks().back().phases[0];
    phase->prologue = {norm(hidden, finalNorm, fused)};
    if (!fused) {
      Function argmax = phase->epilogues[0];
      phase->epilogues.clear();
      phase->outputs = {logits};
      test.phase("select", PhaseKind::Select, {logits}, {}).epilogues = {argmax};
    }
  }
};

} // namespace cadenza::test
