// The step program: what a plan executes, as the plan carries it and both executors walk it. The compiler builds it
// from `step` IR (compiler/plan/program_builder), the plan stores it as JSON, the plan reader validates it, and from
// then on it is immutable. No MLIR here.
//
// A program has entries: what can be run. An entry takes and gives what its ports say. Of a decoder, one entry is the
// step: it processes the token at `DecodeState::position` and selects the token at position + 1; what that takes beyond
// a graph is Decoder. Beside it there may be prefill entries: the same phases on a tile, several tokens of a prompt at
// once. Other entries have named tensors only. An activation is tokens x elements; phases treat tokens alike, one after
// the other, or, in a prefill, all at once.
//
// ## Segments
// A phase computes an ordered list of vectors called segments. A `project` phase starts with one segment a matrix, a
// `map` phase with one segment an input. Each epilogue function transforms the list: most change one segment in place,
// some consume segments (`mul` its rhs, `kv_append` both its operands, `argmax` its input). Segments are numbered by
// *slot*: the index in the initial list, which never changes while others are consumed. What is left at the end, in
// slot order, is the phase's outputs.
//
// ## Functions (name, parameters, what it does). x, y: fp32 vectors; all arithmetic is fp32.
// Prologues (applied to the single input of a phase, before the products):
//   rms_norm   {eps, group_size, defer_scale}; weights: [gamma]
//              y = x * gamma / sqrt(mean(x^2) + eps), over groups of group_size consecutive elements (group_size ==
//              size: the whole vector). gamma has group_size elements. In a project phase group_size == size; with
//              defer_scale (project only) the product sees x * gamma and the factor 1/sqrt(..) is applied to every
//              segment right after the products, before the epilogues.
//   layer_norm {eps, group_size, bias}; weights: [gamma] or, with bias, [gamma, beta]
//              y = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * gamma (+ beta), over groups as rms_norm's
// Epilogues (s, lhs, rhs, key, value: slots):
//   bias       {segment}; weights: [b]             y[s] += b
//   rms_norm   {segment, eps, group_size}; weights: [gamma]   as the prologue, on a segment (per-head q/k norm)
//   layer_norm {segment, eps, group_size, bias}; weights: [gamma] or [gamma, beta]   likewise
//   rope       {segment, head_dim, rotary_dim}; weights: [rope table]   half-split rotation: for each head and
//              i < rotary_dim/2: (x[i], x[i+rotary_dim/2]) rotated by the table's (cos, sin)[position][i]
//   rope_interleaved {segment, head_dim, rotary_dim}; weights: [rope table]   the same of the pairs (x[2i], x[2i+1])
//   kv_append  {key, value, kv_heads, head_dim}; caches: [cache]   stores both at `position`; consumes both
//   silu       {segment}                           y[s] = x / (1 + exp(-x))
//   gelu       {segment}                           y[s] = 0.5 x (1 + erf(x / sqrt(2)))
//   gelu_tanh  {segment}                           y[s] = 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
//   scale      {segment, factor}                   y[s] *= factor
//   softcap    {segment, cap}                      y[s] = cap * tanh(y[s] / cap)
//   mul        {lhs, rhs}                          y[lhs] *= y[rhs]; consumes rhs
//   add        {segment}; operands: [r]            y[s] = r + y[s]
//   argmax     {segment}                           tokens[position + 1] = index of the largest element, the lowest
//              among equals (NaN is below everything), see DecodeState; consumes it. Writes the segment to the logits
//              buffer if there is one.
// The table that the reader checks them against is in functions.cpp; to add one, add a line there and the arithmetic in
// the executors.
//
// ## Phases
//   embed    no input; initial segment: row tokens[position] of `matrix` ([vocabulary][n]) times parameters.scale, and
//            row `position` of `positions` ([at least Decoder::maxContext][n]), if it has such, added to that
//   project  one input; an initial segment a matrix, see Phase::matrix
//   attend   one input, the query; initial segment, [heads * head_dim]: softmax(scale * q k^T) v over positions
//            [0, position], or, with a scalar w > 0 as its window, over those from position + 1 - w on; if it has a
//            cap, softmax(cap * tanh(scale * q k^T / cap)) v
//   select   one input, the logits; initial segment: the input, consumed by its argmax epilogue (the unfused head)
//   map      any inputs; an initial segment an input
//   last     one input, of a tile's tokens; initial segment: that of the tile's last live token, see below
//   fusion   any inputs; no segments: its body, a list of ops on tensors of any type and rank, computes its outputs
// The entry of a decoder has exactly one embed phase, in a block of count 1 before headBlock, and exactly one argmax,
// in a block of count 1 from headBlock on. Other entries consist of project, map and fusion phases without functions
// that read the decode state (rope, kv_append, argmax). Their vectors of T tokens may be a tile, as in a prefill, all
// of them live: the state that its launches read has position 0 and more forced tokens than any tile.
//
// ## Prefill
// A prefill entry takes a tile of T > 1 tokens and the position of the first of them. Its phases are the step's, in its
// order, each on all tokens of the tile; one `last` phase more stands after the last phase that uses a cache, and what
// follows that works on one token. Token i of a tile is at position + i. Those below forced_tokens (DecodeState) are
// live, at least one; nobody reads what phases make of the others, which append nothing to caches. `embed` begins a
// tile, as a step, at next_position. `last` ends it: position becomes that of the last live token, next_position
// follows it. So the head sees what it sees in a step. Sums do not follow the order of the step: a product sums over K
// in ascending order (kGroups {0}, kWays 1), attention over positions (splits 1, warps 1), so that the bits of a token
// depend neither on the tile nor on its place in it.
//
// ## Numerics that both executors follow
// project: the (prologue's) input vector is rounded to the matrix's type, products are exact, sums are fp32. Edges are
// stored in their own type (round to nearest even). KV is stored in the cache's type.
// fusion: each op of its body computes what its reference says (runtime/reference/reference.h) of the values before,
// with sums in f32 at least, and rounds to the type of its result, whether or not that value goes through memory.
#pragma once

#include "runtime/reference/tensor_value.h"
#include "runtime/shared/dtype.h"
#include "runtime/shared/encoding.h"
#include "runtime/shared/port.h"
#include "runtime/support/encoding_name.h"
#include "runtime/support/status.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cadenza {

/// Types of activations that are vectors of tokens, of caches, and of weights that are not tensors.
constexpr bool isActivation(DType type) { return type == DType::f32 || type == DType::bf16 || type == DType::f16; }

/// Edges, and the tokens of an edge, start at multiples of this many bytes in the activation arena.
constexpr uint64_t edgeAlignment = 256;

/// A value that travels between phases through memory, at `offset` bytes in the activation arena: a vector of
/// `elements` for each token, or, between fusions, a tensor, which is one token of as many elements as its shape has,
/// row-major. Edges whose lifetimes do not overlap may share bytes.
struct Edge {
  std::string name; // for people: "layer.attend.0"
  DType dtype = DType::f32;
  int64_t elements = 0; // of one token
  uint64_t offset = 0;  // multiple of edgeAlignment
  int64_t tokens = 1;
  std::optional<nn::Shape> shape = {}; // of a tensor
};

/// The type of an edge that is a tensor.
inline nn::TensorSpec tensorSpec(const Edge &edge) { return {edge.dtype, edge.shape.value()}; }

/// Bytes from one token of an edge to the next (extents below 2^31).
constexpr uint64_t edgeStride(const Edge &edge) {
  return (static_cast<uint64_t>(edge.elements) * dtypeSize(edge.dtype) + edgeAlignment - 1) / edgeAlignment *
         edgeAlignment;
}

/// An edge in the arena, from its first token to the end of its last.
constexpr uint64_t edgeBytes(const Edge &edge) {
  return static_cast<uint64_t>(edge.tokens - 1) * edgeStride(edge) +
         static_cast<uint64_t>(edge.elements) * dtypeSize(edge.dtype);
}

/// One entry of the weight section, stored as its encoding says (runtime/shared/encoding.h). A rope table is expanded
/// by the executor at load to [context][rows][2] f32 (cos, sin), each multiplied by `scale` and, with a growth, by
/// 1 + growth.rate * ln(1 + floor(position / growth.every)); with a longAfter, `rows` more frequencies follow, for
/// sequences of more tokens than that. The matrix ("packed") of a project with several
/// holds their rows one after the other, or, if interleaved, 8 rows of the first, 8 rows of the second, and so on.
/// A tensor ("tensor") has a shape; its rows are its elements.
struct Weight {
  struct Growth {
    float rate = 0;
    int64_t every = 0; // positions; 0: there is no growth
  };
  std::string name; // canonical role(s), for people: "layers.3.attention.query.weight+..."
  Encoding encoding = Encoding::vector;
  DType dtype = DType::f32; // of a matrix, the type that its products take: bf16 or f16
  int64_t rows = 0;
  int64_t columns = 1;
  float scale = 1.0f;    // RopeTable only
  int64_t longAfter = 0; // RopeTable only; 0: the same frequencies for any sequence
  Growth growth = {};    // RopeTable only
  nn::Shape shape = {};  // Tensor only
  uint64_t offset = 0;   // in the weight section, multiple of 256
  uint64_t bytes = 0;
};

/// What Weight::bytes must be for its encoding and shape (each extent below 2^31).
uint64_t storedBytes(const Weight &weight);
/// The same without padding: what a step reads at least, of a vector or a matrix or of one row of a matrix.
uint64_t denseBytes(const Weight &weight);
uint64_t denseRowBytes(const Weight &weight);

/// Weights start at multiples of this many bytes in the weight section, in order, each at the first one that is free.
constexpr uint64_t weightAlignment = 256;

/// Keys and values of one layer, stored by the executor as two tensors [kv_heads][cachePositions][head_dim]. A cache
/// that keeps the last `positions` only is a ring: position p lies at p mod positions.
struct Cache {
  std::string name;
  DType dtype = DType::bf16;
  int64_t kvHeads = 0;
  int64_t headDim = 0;
  int64_t positions = 0; // that it keeps, 0: all
};
/// How many positions a cache has room for, of `context`.
constexpr int64_t cachePositions(const Cache &cache, int64_t context) {
  return cache.positions == 0 || cache.positions > context ? context : cache.positions;
}

/// A number that phases name, such as the window of an attention: a kernel argument, so that layers may differ in it.
struct Scalar {
  std::string name;
  int64_t value = 0; // in [0, 2^31)
};

/// A weight, cache or scalar: itself, or the entry of a per-layer table at the current iteration of the enclosing
/// block.
struct Ref {
  bool perLayer = false;
  uint32_t index = 0; // into weights/caches/scalars, or into weightTables/cacheTables/scalarTables when perLayer
};
using Table = std::vector<uint32_t>; // one weight, cache or scalar index an iteration

/// A prologue or epilogue function, see the list above.
struct Function {
  std::string name;
  nlohmann::json parameters = nlohmann::json::object();
  std::vector<uint32_t> operands; // edges
  std::vector<Ref> weights;
  std::vector<Ref> caches;
};

/// An op of a fusion: one of the `nn` dialect on tensors (docs/ops/nn.md), or a value from the plan, "get_weight" or
/// "constant". Values of a body have numbers: first the phase's inputs, then the results of the ops, in order.
struct TensorOp {
  std::string name;                                     // without the dialect's prefix: "unary", "matmul"
  nlohmann::json attributes = nlohmann::json::object(); // as the dialect names them: {"function": "add"}, {"axis": 0}
  std::vector<uint32_t> operands;                       // values
  std::vector<nn::TensorSpec> results;
  std::optional<uint32_t> weight = {}; // get_weight: into Program::weights, encoded as tensor
  std::vector<std::byte> value = {};   // constant: its elements, row-major
};

enum class PhaseKind : uint8_t { Embed, Project, Attend, Select, Map, Fusion, Last };
std::string_view phaseKindName(PhaseKind kind); // "embed", ...

/// What a kernel argument (an 8-byte word) is. The executor resolves it at load.
enum class ArgumentKind : uint8_t {
  Edge,           // address of edge `index`
  Weight,         // address of `ref` (a rope table: of its expanded form)
  CacheKey,       // address of the key tensor of cache `ref`
  CacheValue,     // ... of the value tensor
  CachePositions, // how many positions cache `ref` has room for (cachePositions), as a 64-bit integer
  State,          // address of the DecodeState (runtime/shared/state.h)
  Tokens,         // address of the token ids, int32 [context + 1]
  Logits,         // address of f32 [vocabulary], or 0 if nobody asked for logits
  Scratch,        // address of scratch buffer `index`, zeroed once at load
  Scalar,         // the value of scalar `ref`, as a 64-bit integer
  Number,         // `index`, as a 64-bit integer
};

/// How a kernel sees a tensor of 16-bit elements through the tensor unit of sm_90: what cuTensorMapEncodeTiled wants to
/// know besides its address. Innermost dimension first; elements out of the extents are zero.
struct TensorMap {
  DType dtype = DType::bf16;    // bf16 or f16
  std::vector<int64_t> extents; // one to five
  std::vector<int64_t> strides; // bytes, of all but the innermost: multiples of 16
  std::vector<int64_t> box;     // elements that are fetched at once, at most 256 of a dimension
  int32_t swizzleBytes = 128;   // of the box's innermost rows: 64 or 128
};

struct Argument {
  ArgumentKind kind = ArgumentKind::Edge;
  uint32_t index = 0; // Edge, Scratch, Number
  Ref ref;            // Weight, CacheKey, CacheValue, CachePositions, Scalar
  /// Edge, Scratch, Weight: the word is the address of a tensor map of it, 128 bytes in device memory.
  std::optional<TensorMap> map = {};
};

/// One kernel launch of the `launch` schedule. Its arguments form the kernel's single by-value parameter, a struct of
/// 8-byte words.
struct Launch {
  std::string kernel; // symbol in the code sections and key of Program::kernels
  std::vector<Argument> arguments;
  uint32_t blocks = 0; // of the grid; 0: Kernel::blocks. Of a tile only: tiles of several sizes share a kernel
};

/// Another launch of the same phase, with instructions that only some targets have.
struct Variant {
  std::vector<std::string> targets; // whose code has its kernel, at least one
  Launch launch;
};

struct Phase {
  std::string name; // "layer.qkv"
  PhaseKind kind = PhaseKind::Map;
  std::vector<uint32_t> inputs;         // edges. embed, and select's result: none (tokens live in the decode state)
  std::vector<uint32_t> outputs;        // edges
  std::vector<std::string> outputNames; // one an output, or one in all if the phase has no output: the Hugging Face
                                        // module whose output it is, "model.layers.*.mlp" ('*' is the iteration)
  // project: the packed matrix and the rows of each segment in it; embed: one matrix.
  Ref matrix;
  std::optional<Ref> positions = {}; // embed: the matrix of learned positions, if the model has any
  std::vector<int64_t> segmentRows;
  bool interleaved = false;
  // project: the order of a row's sum. The 32-column steps of K are cut into groups, which start at the steps kGroups
  // and are added in order; a group's steps are dealt in turn to kWays partial sums, a power of two up to 32, which are
  // added as a balanced tree.
  std::vector<int64_t> kGroups = {0};
  int64_t kWays = 1;
  // And of its prologue's sums over the input, if it has any, or of a map's norms over the whole vector: that many
  // elements at a time, a power of two from 16 to 128.
  int64_t normChunk = 128;
  std::vector<Function> prologue; // none or one
  std::vector<Function> epilogues;
  // attend {heads, kv_heads, head_dim, scale, splits, warps} and, if it has one, cap: q is inputs[0], result
  // [heads * head_dim]; splits and warps (that share a split of a query head) are the
  // order of its sums. embed {scale}
  nlohmann::json parameters = nlohmann::json::object();
  std::vector<Ref> caches;  // attend
  std::vector<Ref> scalars; // attend: none, or its window
  // fusion: ops, and the value of each output.
  std::vector<TensorOp> body = {};
  std::vector<uint32_t> results = {};
  Launch launch; // of a fusion: without a name if there is no kernel, so that only a CPU can run it
  /// project of a tile: a launch before that one, which makes the operand of the products of the input (the prologue,
  /// rounded to the matrix's type) in scratch memory.
  std::optional<Launch> prepare = {};
  /// project or attend of a tile: what is launched in place of `launch` where the code is for one of the targets. Its
  /// bits may be others.
  std::vector<Variant> variants = {};
};

constexpr int64_t maximumWays = 32;
constexpr int64_t minimumNormChunk = 16, maximumNormChunk = 128;
constexpr int64_t maximumAttendWarps = 32; // of a block

/// Whether the phase selects the token, as exactly one of a program does (argmax is among its epilogues).
bool selectsToken(const Phase &phase);

/// Phases that run `count` times in a row; iteration i sees entry i of every table.
struct Block {
  std::string name; // "layers"
  int64_t count = 1;
  std::vector<Phase> phases;
};

/// Kernel::phaseKind of a division's kernel. All others are for phases to launch.
constexpr std::string_view persistentKind = "persistent";

/// A generated kernel, the same for every target but for what the compiler reports.
struct Kernel {
  std::string name;
  std::string phaseKind;    // "project", for benchmarks, or persistentKind
  uint32_t blocks = 1;      // grid size, one-dimensional
  uint32_t threads = 1;     // a multiple of 32
  uint32_t sharedBytes = 0; // dynamic shared memory
  uint32_t cluster = 1;     // blocks of a thread block cluster
  uint64_t weightBytes = 0; // read from device memory a launch: weights (KV comes on top)
  uint64_t activationBytes = 0;
  std::vector<std::string> fusedOps;     // nn ops it computes
  std::vector<std::string> passes;       // fusion passes that made it
  std::vector<std::string> targets = {}; // whose code has it; empty: all
};

/// The order of a phase's sums in a division, where it is another one than the phase carries, and the kernel with that
/// order. What does not concern the phase's kind is as in a Phase that says nothing of it.
struct PhaseOrder {
  uint32_t block = 0, phase = 0; // of the decode entry: a project, attend or map phase
  std::vector<int64_t> kGroups = {0};
  int64_t kWays = 1, normChunk = 128;
  int64_t splits = 1, warps = 1;
  Launch launch;
};

/// A division's second kernel, for long contexts, whose groups share them: launched for a run of steps that begins at
/// `fromPosition` or later. It gives the same bits at any position, and uses the division's packets in the same way.
struct LongContext {
  std::string kernel; // of Program::kernels
  int64_t fromPosition = 0;
};

/// The `persistent` schedule, divided over so many blocks: whole steps as one cooperative kernel
/// (codegen/kernels/persistent.cuh), next to the `launch` schedule's kernel a phase. The order of sums follows the
/// division: that of the first one is what phases carry, the others say what is different. An executor chooses a
/// division when it is made, and all its schedules sum in that order, so that they give the same bits.
struct Division {
  std::string name;                 // "15x8", unique
  std::vector<std::string> targets; // code sections that have its kernels; empty: all
  std::string kernel;               // of Program::kernels
  uint32_t groups = 1, ranks = 1;   // blocks of a group
  uint64_t packetBytes = 0;         // of exchange slots, zeroed once at load
  bool clusters = true;             // groups are clusters of the GPU
  bool traced = false;              // the kernel records what its blocks do, for cadenza-bench --trace
  std::optional<LongContext> longContext = {};
  std::vector<PhaseOrder> orders;
  uint32_t blocks() const { return groups * ranks; }
};

struct Scratch {
  std::string name;
  uint64_t bytes = 0;
};

/// An argument or a result of an entry.
struct Port {
  PortKind kind = PortKind::Tensor;
  std::string name;           // of a Tensor
  std::vector<int64_t> shape; // as users see it: of a tensor its own; else all but the last are the edge's tokens
  std::optional<uint32_t> edge = {}; // where it lies. Token, Position and Next: nowhere, the decode state holds them
};

/// Something that the plan can run.
struct Entry {
  std::string name; // "decode", "run"; unique in the program
  std::vector<Port> inputs;
  std::vector<Port> outputs;
  std::vector<Block> blocks;
};

/// What people ask of a model, whatever it is.
struct ModelInfo {
  std::string name;    // "Qwen3-0.6B", or the name of the directory or file
  std::string weights; // "checkpoint" or "random:SEED": every figure on random weights says so
};

/// Stop tokens that a model may have. A device looks for the first max_stop_tokens itself, the host for all.
constexpr size_t maxEosTokens = 1024;

/// What makes a program a decoder: the entry that is its step, and what the runtime needs to know of tokens. A section
/// of its own in the plan.
struct Decoder {
  uint32_t entry =
      0; // of Program::entries: takes token and position, gives the next token (and logits, if they are a result)
  /// Blocks of the entry from this one on (the head) are needed only where the next token or its logits are.
  uint32_t headBlock = 0;
  int64_t vocabulary = 0;
  int64_t maxContext = 0; // max_position_embeddings
  int32_t bosToken = -1;  // -1: none
  std::vector<int32_t> eosTokens;
  // For people:
  std::string family; // "qwen3"
  int64_t hiddenSize = 0;
  int64_t layers = 0;
  DType weightDtype = DType::bf16;
};

struct Program {
  ModelInfo model;
  std::vector<Edge> edges;
  uint64_t arenaBytes = 0; // entries run one at a time and share it
  std::vector<Weight> weights;
  std::vector<Cache> caches;
  std::vector<Scalar> scalars;
  std::vector<Table> weightTables;
  std::vector<Table> cacheTables;
  std::vector<Table> scalarTables;
  std::vector<Scratch> scratch;
  std::vector<Kernel> kernels;
  std::vector<Entry> entries;
  std::vector<Division> divisions; // of the decode entry's persistent schedule; none: there is no such schedule
  std::optional<Decoder> decoder;  // none: entries of named tensors are all there is
};

/// `phase` with the order of sums, and the kernel, that a division has for it.
Phase inOrder(Phase phase, const PhaseOrder &order);
/// `program` in the order of sums of a division of its own: phases, and the kernels that they launch.
Program inDivision(Program program, uint32_t division);
/// The division of that name, or InvalidArgument with the names there are. `where` is named in the message.
StatusOr<uint32_t> findDivision(const Program &program, std::string_view name, const std::string &where);

/// The tokens up to which a sequence of the program rotates by the short one of two tables, in all of its RoPE tables
/// that have two; 0 if none has. One that grows longer has to be computed again from its first token on.
int64_t longAfter(const Program &program);

/// The step of a program that has a decoder.
inline const Entry &decodeEntry(const Program &program) { return program.entries[program.decoder->entry]; }

/// The tokens that a run of a decoder's entry takes: 1 of its step, more of a prefill, 0 of an entry of named tensors.
int64_t tileOf(const Entry &entry);
/// The prefill entries, as indices into Program::entries, in ascending order of their tiles.
std::vector<uint32_t> prefillEntries(const Program &program);
/// The head of an entry, which a run whose next token nobody needs leaves out: its first block. The number of blocks,
/// if the entry is no decoder's.
uint32_t headBlock(const Program &program, uint32_t entry);

/// The tokens that a phase works on: one after the other, in a prefill all at once.
int64_t phaseTokens(const Program &program, const Phase &phase);
/// The launch of a phase in code for `target`: that of its variant, or its own.
const Launch &launchFor(const Phase &phase, std::string_view target);
/// Whether a launch of a phase of `entry` takes all of the phase's tokens, a tile: in a prefill, and in an entry of
/// named tensors where the launch says how many blocks that takes.
bool takesTile(const Entry &entry, const Phase &phase);
/// Kernel launches that an iteration of a phase of `entry` takes.
int64_t launchesOf(const Program &program, const Entry &entry, const Phase &phase);

/// "\"x\" f32 [2, 8]", for messages; a port without a name by its kind.
std::string describePort(const Program &program, const Port &port);

/// The sections `program` and `decoder` as the plan stores them. The first says nothing of the decoder.
nlohmann::ordered_json toJson(const Program &program);
nlohmann::ordered_json toJson(const Decoder &decoder);

/// Reads and validates: every index, extent, shape and reference, so that executors need no check. `decoder` empty: the
/// plan has no such section. Errors (InvalidPlan) name the field, "program.entries[0].blocks[1].phases[0].inputs[0]:
/// edge 17 of 9".
StatusOr<Program> parseProgram(std::string_view json, std::string_view decoder = {});

/// Whether parseProgram would accept what toJson makes of it: for programs that were built in memory.
Status validateProgram(const Program &program);

} // namespace cadenza
