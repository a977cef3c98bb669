#include "test/runtime/plan/small_plan.h"

#include <cstring>
#include <elf.h>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace cadenza::testing {
namespace {

constexpr int64_t hidden = 32, headDim = 16, heads = 2, ffn = 48, vocabulary = 40, layers = 2, window = 64;

uint32_t addWeight(Program &program, Weight weight) {
  const uint64_t end = program.weights.empty() ? 0 : program.weights.back().offset + program.weights.back().bytes;
  weight.offset = (end + weightAlignment - 1) / weightAlignment * weightAlignment;
  weight.bytes = storedBytes(weight);
  program.weights.push_back(std::move(weight));
  return static_cast<uint32_t>(program.weights.size() - 1);
}

uint32_t addMatrix(Program &program, std::string name, int64_t rows, int64_t columns) {
  return addWeight(program, {std::move(name), Encoding::tiles16, DType::bf16, rows, columns});
}

uint32_t addVector(Program &program, std::string name, int64_t rows) {
  return addWeight(program, {std::move(name), Encoding::vector, DType::f32, rows});
}

Function norm(Ref gamma) {
  return {"rms_norm", {{"eps", 1e-6}, {"group_size", hidden}, {"defer_scale", true}}, {}, {gamma}, {}};
}

Launch launch(const std::string &kernel, std::vector<Argument> arguments) { return {kernel, std::move(arguments)}; }
Argument edge(uint32_t index) { return {ArgumentKind::Edge, index, {}}; }
Argument weight(Ref ref) { return {ArgumentKind::Weight, 0, ref}; }

Phase project(const std::string &name, uint32_t input, std::vector<uint32_t> outputs, Ref matrix,
              std::vector<int64_t> rows) {
  Phase phase;
  phase.name = "layer." + name;
  phase.kind = PhaseKind::Project;
  phase.inputs = {input};
  phase.outputs = std::move(outputs);
  phase.outputNames = {"model.layers.*." + name};
  phase.matrix = matrix;
  phase.segmentRows = std::move(rows);
  phase.launch = launch("project_" + name, {edge(input), weight(matrix)});
  return phase;
}

/// A phase of the step on a tile, whose edges are those of the step, `edges` further on.
Phase onTile(Phase phase, uint32_t edges) {
  for (std::vector<uint32_t> *list : {&phase.inputs, &phase.outputs})
    for (uint32_t &index : *list)
      index += edges;
  for (Function &epilogue : phase.epilogues)
    for (uint32_t &index : epilogue.operands)
      index += edges;
  for (Argument &argument : phase.launch.arguments)
    if (argument.kind == ArgumentKind::Edge)
      argument.index += edges;
  phase.kGroups = {0};
  phase.kWays = 1;
  if (phase.kind == PhaseKind::Attend)
    phase.parameters["warps"] = 1;
  phase.launch.blocks = 8;
  if (!phase.prologue.empty())
    phase.prepare = launch("prepare", {edge(phase.inputs[0]), {ArgumentKind::Scratch, 0, {}}});
  return phase;
}

} // namespace

Status CountingPacker::pack(uint32_t index, std::span<std::byte> out) {
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::byte>(index * 31 + i * 7 + 1);
  return Status::ok();
}

Program smallProgram() {
  Program program;
  program.model = {"small", "random:1"};
  program.decoder = {.entry = 0,
                     .headBlock = 2,
                     .vocabulary = vocabulary,
                     .maxContext = 128,
                     .bosToken = -1,
                     .eosTokens = {3, 7},
                     .family = "qwen3",
                     .hiddenSize = hidden,
                     .layers = layers,
                     .weightDtype = DType::bf16};
  enum : uint32_t { x, q, attended, act };
  program.edges = {{"x", DType::f32, hidden, 0},
                   {"q", DType::f32, heads * headDim, 256},
                   {"attended", DType::bf16, heads * headDim, 512},
                   {"act", DType::bf16, ffn, 768}};
  program.arenaBytes = 1024;
  const uint32_t embedding = addMatrix(program, "embedding.weight", vocabulary, hidden);
  const uint32_t rope = addWeight(program, {"rope", Encoding::rope_table, DType::f32, headDim / 2});
  const uint32_t finalNorm = addVector(program, "final_norm.weight", hidden);
  enum : uint32_t { norm1, qkv, o, norm2, gateUp, down };
  program.weightTables.resize(6);
  for (int64_t layer = 0; layer < layers; ++layer) {
    const std::string prefix = "layers." + std::to_string(layer) + ".";
    program.weightTables[norm1].push_back(addVector(program, prefix + "norm1.weight", hidden));
    program.weightTables[qkv].push_back(addMatrix(program, prefix + "qkv.weight", (heads + 2) * headDim, hidden));
    program.weightTables[o].push_back(addMatrix(program, prefix + "o.weight", hidden, heads * headDim));
    program.weightTables[norm2].push_back(addVector(program, prefix + "norm2.weight", hidden));
    program.weightTables[gateUp].push_back(addMatrix(program, prefix + "gate+up.weight", 2 * ffn, hidden));
    program.weightTables[down].push_back(addMatrix(program, prefix + "down.weight", hidden, ffn));
    program.caches.push_back({prefix + "cache", DType::bf16, 1, headDim, layer == 0 ? window : 0});
  }
  program.cacheTables = {{0, 1}};
  program.scalars = {{"layers.0.window", window}, {"layers.1.window", 0}};
  program.scalarTables = {{0, 1}};
  program.scratch = {{"candidates", 64}};
  for (const char *name : {"embed", "project_qkv", "attend", "project_o", "project_gate_up", "project_down", "head"})
    program.kernels.push_back({name, "project", 4, 256, 0, 1, 1024, 256, {"nn.linear"}, {"fuse-norm-project"}});

  Phase embed;
  embed.name = "embed";
  embed.kind = PhaseKind::Embed;
  embed.outputs = {x};
  embed.outputNames = {"model.embed_tokens"};
  embed.matrix = {false, embedding};
  embed.parameters = {{"scale", 1.0}};
  embed.launch = launch("embed", {{ArgumentKind::State, 0, {}}, {ArgumentKind::Tokens, 0, {}}, edge(x)});

  const auto rotate = [&](int slot) {
    return Function{
        "rope", {{"segment", slot}, {"head_dim", headDim}, {"rotary_dim", headDim}}, {}, {{false, rope}}, {}};
  };
  Phase first = project("qkv", x, {q}, {true, qkv}, {heads * headDim, headDim, headDim});
  first.prologue = {norm({true, norm1})};
  first.epilogues = {
      rotate(0),
      rotate(1),
      {"kv_append", {{"key", 1}, {"value", 2}, {"kv_heads", 1}, {"head_dim", headDim}}, {}, {}, {{true, 0}}}};

  Phase attend;
  attend.name = "layer.attend";
  attend.kind = PhaseKind::Attend;
  attend.inputs = {q};
  attend.outputs = {attended};
  attend.outputNames = {"model.layers.*.self_attn"};
  attend.parameters = {{"heads", heads}, {"kv_heads", 1}, {"head_dim", headDim},
                       {"scale", 0.25},  {"splits", 1},   {"warps", 8}};
  attend.caches = {{true, 0}};
  attend.scalars = {{true, 0}};
  attend.launch = launch("attend", {edge(q),
                                    {ArgumentKind::CacheKey, 0, {true, 0}},
                                    {ArgumentKind::CacheValue, 0, {true, 0}},
                                    {ArgumentKind::CachePositions, 0, {true, 0}},
                                    {ArgumentKind::Scalar, 0, {true, 0}},
                                    edge(attended)});

  Phase second = project("o", attended, {x}, {true, o}, {hidden});
  second.epilogues = {{"add", {{"segment", 0}}, {x}, {}, {}}};
  Phase third = project("gate_up", x, {act}, {true, gateUp}, {ffn, ffn});
  third.interleaved = true;
  third.prologue = {norm({true, norm2})};
  third.epilogues = {{"silu", {{"segment", 0}}, {}, {}, {}}, {"mul", {{"lhs", 0}, {"rhs", 1}}, {}, {}, {}}};
  Phase fourth = project("down", act, {x}, {true, down}, {hidden});
  fourth.kGroups = {0, 1};
  fourth.kWays = 2;
  fourth.epilogues = second.epilogues;

  Phase head = project("head", x, {}, {false, embedding}, {vocabulary});
  head.outputNames = {"lm_head"};
  head.prologue = {norm({false, finalNorm})};
  head.epilogues = {{"argmax", {{"segment", 0}}, {}, {}, {}}};
  head.launch = launch("head", {edge(x), {ArgumentKind::Logits, 0, {}}, {ArgumentKind::Scratch, 0, {}}});

  program.entries = {
      {"decode",
       {{PortKind::Token, "", {1}}, {PortKind::Position, "", {1}}},
       {{PortKind::Next, "", {1}}},
       {{"embed", 1, {embed}}, {"layers", layers, {first, attend, second, third, fourth}}, {"head", 1, {head}}}}};
  return program;
}

Program prefillProgram() {
  constexpr int64_t tile = 16;
  Program program = smallProgram();
  const auto edges = static_cast<uint32_t>(program.edges.size());
  for (uint32_t i = 0; i < edges; ++i) {
    Edge made = program.edges[i];
    made.name = "tile." + made.name;
    made.tokens = tile;
    made.offset = program.arenaBytes;
    program.arenaBytes += tile * edgeStride(made);
    program.edges.push_back(made);
  }
  program.caches[0].positions = window + tile - 1;
  for (const char *name : {"prepare", "last"})
    program.kernels.push_back({name, name, 4, 256, 0, 1, 1024, 256, {}, {}});
  Entry entry = program.entries[0];
  entry.name = "prefill_16";
  entry.inputs[0].shape = {tile};
  for (size_t b = 0; b < program.decoder->headBlock; ++b)
    for (Phase &phase : entry.blocks[b].phases)
      phase = onTile(phase, edges);
  Phase last;
  last.name = "last";
  last.kind = PhaseKind::Last;
  last.inputs = {edges};
  last.outputs = {0};
  last.outputNames = {"model.last"};
  last.launch = launch("last", {edge(edges), edge(0), {ArgumentKind::State, 0, {}}});
  entry.blocks.insert(entry.blocks.begin() + program.decoder->headBlock, {"last", 1, {last}});
  program.entries.push_back(entry);
  return program;
}

Program graphProgram() {
  Program program;
  program.model = {"graph", "random:1"};
  program.edges = {
      {"in.x", DType::f32, 32, 0, 3}, {"up.0", DType::f32, 48, 768, 3}, {"down.0", DType::f32, 32, 1536, 3}};
  program.arenaBytes = 2304;
  const uint32_t up = addMatrix(program, "up", 48, 32), down = addMatrix(program, "down", 32, 48);
  const uint32_t bias = addVector(program, "bias", 48);
  for (const char *name : {"project_up", "project_down"})
    program.kernels.push_back({name, "project", 4, 256, 0, 1, 1024, 256, {"linear"}, {}});
  Phase first = project("up", 0, {1}, {false, up}, {48});
  first.epilogues = {{"bias", {{"segment", 0}}, {}, {{false, bias}}, {}}, {"silu", {{"segment", 0}}, {}, {}, {}}};
  Phase second = project("down", 1, {2}, {false, down}, {32});
  second.epilogues = {{"add", {{"segment", 0}}, {0}, {}, {}}};
  program.entries = {{"run",
                      {{PortKind::Tensor, "x", {1, 3, 32}, 0}},
                      {{PortKind::Tensor, "h", {3, 48}, 1}, {PortKind::Tensor, "y", {3, 32}, 2}},
                      {{"start", 1, {first, second}}}}};
  return program;
}

std::vector<std::byte> smallElf(uint16_t machine) {
  constexpr char nameTable[] = "\0.text\0.shstrtab";
  struct {
    Elf64_Ehdr header{};
    Elf64_Phdr segment{};
    char text[64]{};
    char names[sizeof nameTable]{};
    Elf64_Shdr sections[3]{};
  } image;
  using Image = decltype(image);
  std::memcpy(image.header.e_ident, ELFMAG, SELFMAG);
  image.header.e_ident[EI_CLASS] = ELFCLASS64;
  image.header.e_ident[EI_DATA] = ELFDATA2LSB;
  image.header.e_ident[EI_VERSION] = EV_CURRENT;
  image.header.e_type = ET_EXEC;
  image.header.e_machine = machine;
  image.header.e_version = EV_CURRENT;
  image.header.e_phoff = offsetof(Image, segment);
  image.header.e_shoff = offsetof(Image, sections);
  image.header.e_ehsize = sizeof image.header;
  image.header.e_phentsize = sizeof image.segment;
  image.header.e_phnum = 1;
  image.header.e_shentsize = sizeof image.sections[0];
  image.header.e_shnum = 3;
  image.header.e_shstrndx = 2;
  image.segment.p_type = PT_LOAD;
  image.segment.p_offset = offsetof(Image, text);
  image.segment.p_filesz = sizeof image.text;
  std::memcpy(image.names, nameTable, sizeof nameTable);
  image.sections[1] = {1, SHT_PROGBITS, 0, 0, offsetof(Image, text), sizeof image.text, 0, 0, 1, 0};
  image.sections[2] = {7, SHT_STRTAB, 0, 0, offsetof(Image, names), sizeof nameTable, 0, 0, 1, 0};
  std::vector<std::byte> bytes(sizeof image);
  std::memcpy(bytes.data(), &image, sizeof image);
  return bytes;
}

SmallPlan::SmallPlan() : cubin(smallElf(190)), ptx(".version 8.0\n.target sm_80\n.address_size 64\n") {
  contents.program = &program;
  contents.metadata = {{"compiler", "cadenza 0.1.0"}, {"targets", {"sm_90", "compute_80"}}, {"source_sha256", "00"}};
  contents.code = {{"sm_90", ImageKind::Cubin, {{"project_qkv", 64, 0}, {"attend", 80, 16}}, cubin},
                   {"compute_80", ImageKind::Ptx, {}, std::as_bytes(std::span(ptx))}};
  contents.sources = {{"model.cu", "#include \"kernels/project.cuh\"\n"}, {"kernels/project.cuh", "// project\n"}};
  contents.tokenizerJson = "{\"model\": {}}";
  contents.ir = "step.program {}\n";
  contents.chatJson = "{\"templates\": []}";
  contents.generationJson = "{\"temperature\": 0.5}";
  contents.packer = &packer;
  contents.threads = 2;
}

std::vector<std::byte> readFile(const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

void writeFile(const std::string &path, std::span<const std::byte> bytes) {
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char *>(bytes.data()), std::ssize(bytes));
}

const std::vector<std::byte> &smallPlanBytes() {
  static const std::vector<std::byte> bytes = [] {
    const TemporaryFolder folder;
    const SmallPlan plan;
    if (const Status status = writePlan(folder.path("small.plan"), plan.contents); !status.isOk())
      throw std::runtime_error(status.message());
    return readFile(folder.path("small.plan"));
  }();
  return bytes;
}

} // namespace cadenza::testing
