// One phase: what it reads, the segments as they pass through the epilogues, what it writes, its launch.
#include "runtime/plan/functions.h"
#include "runtime/plan/program_check.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

namespace cadenza {
namespace {

constexpr int64_t maximumExtent = std::numeric_limits<int32_t>::max();
constexpr size_t maximumArguments = 512; // 4 KiB of kernel parameters

std::string text(uint64_t value) { return std::to_string(value); }

class PhaseChecker {
public:
  PhaseChecker(const Program &program, const std::set<std::string_view> &kernels, const Phase &phase, int64_t count,
               std::string path, FieldErrors &errors)
      : program_(program), kernels_(kernels), phase_(phase), count_(count), path_(std::move(path)), errors_(errors) {}

  void check();

private:
  friend class Call;

  void fail(const std::string &field, const std::string &what) { errors_.add(path_ + "." + field, what); }
  bool ok() const { return errors_.none(); }
  /// The number of inputs that this kind of phase takes.
  void expectInputs(size_t count);
  template <typename Entry>
  const Entry *resolve(const Ref &ref, const std::vector<Entry> &entries, const std::vector<Table> &tables,
                       const std::string &what, const std::string &field);
  const Weight *weight(const Ref &ref, const std::string &field) {
    return resolve(ref, program_.weights, program_.weightTables, "weight", field);
  }
  const Cache *cache(const Ref &ref, const std::string &field) {
    return resolve(ref, program_.caches, program_.cacheTables, "cache", field);
  }
  const Scalar *scalar(const Ref &ref, const std::string &field) {
    return resolve(ref, program_.scalars, program_.scalarTables, "scalar", field);
  }
  const Weight *matrix();
  /// Exactly these parameters, of these types.
  bool checkParameters(const nlohmann::json &parameters, std::span<const ParameterSpec> specs,
                       const std::string &field);
  void checkKind();
  void checkEmbed();
  void checkProject();
  void checkSumOrder(int64_t steps);
  void checkAttend();
  /// A ring has room for the window of every iteration that reads it.
  void checkRings();
  void checkLast();
  void checkFunction(const Function &function, FunctionRole role, const std::string &field);
  void checkOutputs();
  void checkOutputNames();
  /// All edges of a phase are of the same tokens, and none is a tensor.
  void checkTokens();
  void checkMap(const Argument &argument, const std::string &field);
  /// The kernel, and that there is what its arguments name.
  void checkLaunch(const Launch &launch, const std::string &field);

  const Program &program_;
  const std::set<std::string_view> &kernels_;
  const Phase &phase_;
  const int64_t count_;
  const std::string path_;
  FieldErrors &errors_;
  std::vector<std::optional<int64_t>> segments_; // elements by slot; none: consumed
};

/// A function whose parameters and references have been checked, for the shape check of its spec.
class Call final : public FunctionCall {
public:
  Call(PhaseChecker &checker, const Function &function, FunctionRole role, std::string field)
      : checker_(checker), function_(function), role_(role), field_(std::move(field)) {}

  const Function &function() const override { return function_; }
  PhaseKind phaseKind() const override { return checker_.phase_.kind; }
  int64_t segment(std::string_view name) const override {
    if (role_ == FunctionRole::Prologue)
      return checker_.program_.edges[checker_.phase_.inputs[0]].elements;
    return *checker_.segments_[static_cast<size_t>(extent(name))];
  }
  int64_t extent(std::string_view name) const override {
    return function_.parameters.at(std::string(name)).get<int64_t>();
  }
  bool flag(std::string_view name) const override { return function_.parameters.at(std::string(name)).get<bool>(); }
  const Edge &operand(size_t i) const override { return checker_.program_.edges[function_.operands[i]]; }
  const Weight &weight(size_t i) const override { return *checker_.weight(function_.weights[i], field_); }
  const Cache &cache(size_t i) const override { return *checker_.cache(function_.caches[i], field_); }
  void fail(std::string_view field, const std::string &what) override {
    checker_.fail(field_ + "." + std::string(field), what);
  }

private:
  PhaseChecker &checker_;
  const Function &function_;
  const FunctionRole role_;
  const std::string field_;
};

void PhaseChecker::expectInputs(size_t count) {
  if (phase_.inputs.size() != count)
    fail("inputs", text(phase_.inputs.size()) + " edges; a phase of this kind takes " + text(count));
}

template <typename Entry>
const Entry *PhaseChecker::resolve(const Ref &ref, const std::vector<Entry> &entries, const std::vector<Table> &tables,
                                   const std::string &what, const std::string &field) {
  const std::string path = path_ + "." + field;
  if (!ref.perLayer)
    return checkIndex(ref.index, entries.size(), what, path, errors_) ? &entries[ref.index] : nullptr;
  if (!checkIndex(ref.index, tables.size(), what + " table", path, errors_))
    return nullptr;
  const Table &table = tables[ref.index];
  if (table.size() == static_cast<size_t>(count_))
    return &entries[table[0]];
  errors_.add(path, what + " table " + text(ref.index) + " has " + text(table.size()) + " entries; the block runs " +
                        text(static_cast<uint64_t>(count_)) + " times");
  return nullptr;
}

const Weight *PhaseChecker::matrix() {
  const Weight *matrix = weight(phase_.matrix, "matrix");
  if (matrix && !format_of(matrix->encoding).matrix()) {
    fail("matrix", "'" + matrix->name + "' is not a packed matrix");
    return nullptr;
  }
  return matrix;
}

bool PhaseChecker::checkParameters(const nlohmann::json &parameters, std::span<const ParameterSpec> specs,
                                   const std::string &field) {
  const JsonReader reader(parameters, path_ + "." + field, errors_);
  std::set<uint64_t> slots;
  for (const ParameterSpec &spec : specs) {
    const JsonReader parameter = reader[spec.name];
    switch (spec.type) {
    case ParameterType::Slot:
    case ParameterType::ConsumedSlot: {
      const uint64_t slot = parameter.unsignedInteger();
      if (!ok() || !checkIndex(slot, segments_.size(), "segment", parameter.path(), errors_))
        return false;
      if (!segments_[slot])
        parameter.error("segment " + text(slot) + " was consumed before");
      if (!slots.insert(slot).second)
        parameter.error("segment " + text(slot) + " is used twice");
      break;
    }
    case ParameterType::Extent:
      parameter.integer(1, maximumExtent);
      break;
    case ParameterType::Number:
      if (std::abs(parameter.number()) > std::numeric_limits<float>::max())
        parameter.error("does not fit a 32-bit float");
      break;
    case ParameterType::Flag:
      parameter.boolean();
      break;
    }
  }
  for (const auto &[name, unused] : parameters.items()) {
    const auto known = [&name = name](const ParameterSpec &spec) { return spec.name == name; };
    if (std::none_of(specs.begin(), specs.end(), known))
      reader.error("unknown parameter '" + name + "'");
  }
  return ok();
}

void PhaseChecker::check() {
  for (size_t i = 0; i < phase_.inputs.size(); ++i)
    checkIndex(phase_.inputs[i], program_.edges.size(), "edge", path_ + "." + at("inputs", i), errors_);
  for (size_t i = 0; i < phase_.outputs.size(); ++i)
    checkIndex(phase_.outputs[i], program_.edges.size(), "edge", path_ + "." + at("outputs", i), errors_);
  if (ok())
    checkKind();
  if (phase_.prologue.size() > 1)
    fail("prologue", text(phase_.prologue.size()) + " functions; at most one");
  for (size_t i = 0; ok() && i < phase_.prologue.size(); ++i)
    checkFunction(phase_.prologue[i], FunctionRole::Prologue, at("prologue", i));
  for (size_t i = 0; ok() && i < phase_.epilogues.size(); ++i)
    checkFunction(phase_.epilogues[i], FunctionRole::Epilogue, at("epilogues", i));
  if (ok() && phase_.kind != PhaseKind::Fusion)
    checkOutputs();
  if (ok())
    checkOutputNames();
  if (ok() && phase_.kind != PhaseKind::Fusion)
    checkTokens();
  // Of a fusion that only a CPU can run, neither kernel nor arguments.
  const bool launches =
      phase_.kind != PhaseKind::Fusion || !phase_.launch.kernel.empty() || !phase_.launch.arguments.empty();
  if (ok() && launches)
    checkLaunch(phase_.launch, "launch");
  if (ok() && phase_.prepare)
    checkLaunch(*phase_.prepare, "prepare");
  for (size_t i = 0; ok() && i < phase_.variants.size(); ++i)
    checkLaunch(phase_.variants[i].launch, at("variants", i) + ".launch");
}

void PhaseChecker::checkKind() {
  const bool project = phase_.kind == PhaseKind::Project, fusion = phase_.kind == PhaseKind::Fusion;
  if (!project && !phase_.segmentRows.empty())
    fail("segment_rows", "only a project phase has them");
  if (!project && phase_.interleaved)
    fail("interleaved", "only a project phase can be");
  if (!project && phase_.kGroups != std::vector<int64_t>{0})
    fail("k_groups", "only a project phase has more than one, from 0");
  if (!project && phase_.kWays != 1)
    fail("k_ways", "only a project phase has more than one");
  if (phase_.prologue.empty() && phase_.kind != PhaseKind::Map && phase_.normChunk != maximumNormChunk)
    fail("norm_chunk", text(phase_.normChunk) + "; without a prologue it is " + text(maximumNormChunk));
  if (phase_.normChunk < minimumNormChunk || phase_.normChunk > maximumNormChunk ||
      !std::has_single_bit(static_cast<uint64_t>(phase_.normChunk)))
    fail("norm_chunk", text(phase_.normChunk) + "; expected a power of two from " + text(minimumNormChunk) + " to " +
                           text(maximumNormChunk));
  if (phase_.caches.size() != (phase_.kind == PhaseKind::Attend ? 1u : 0u))
    fail("caches", text(phase_.caches.size()) + "; an attend phase has one, others none");
  if (phase_.positions && phase_.kind != PhaseKind::Embed)
    fail("positions", "only an embed phase has any");
  if (phase_.scalars.size() > (phase_.kind == PhaseKind::Attend ? 1u : 0u))
    fail("scalars", text(phase_.scalars.size()) + "; an attend phase may have one, its window, others none");

  switch (phase_.kind) {
  case PhaseKind::Embed:
    checkEmbed();
    break;
  case PhaseKind::Project:
    checkProject();
    break;
  case PhaseKind::Attend:
    checkAttend();
    break;
  case PhaseKind::Select:
    expectInputs(1);
    if (phase_.epilogues.empty() || phase_.epilogues.back().name != "argmax")
      fail("epilogues", "a select phase ends with argmax");
    [[fallthrough]];
  case PhaseKind::Map:
    if (phase_.inputs.empty())
      fail("inputs", "is empty");
    for (uint32_t input : phase_.inputs)
      segments_.emplace_back(program_.edges[input].elements);
    break;
  case PhaseKind::Last:
    checkLast();
    break;
  case PhaseKind::Fusion:
    checkFusion(program_, phase_, path_, errors_);
    if (!phase_.prologue.empty() || !phase_.epilogues.empty())
      fail(phase_.prologue.empty() ? "epilogues" : "prologue", "a fusion has none but its body");
    break;
  }
  if (!fusion && !phase_.body.empty())
    fail("body", "only a fusion has one");
  if (!fusion && !phase_.results.empty())
    fail("results", "only a fusion has any");
  if (project || fusion || phase_.kind == PhaseKind::Map || phase_.kind == PhaseKind::Select ||
      phase_.kind == PhaseKind::Last)
    checkParameters(phase_.parameters, {}, "parameters");
}

void PhaseChecker::checkEmbed() {
  static constexpr ParameterSpec parameters[] = {{"scale", ParameterType::Number}};
  expectInputs(0);
  checkParameters(phase_.parameters, parameters, "parameters");
  const Weight *table = matrix();
  if (!table)
    return;
  segments_.emplace_back(table->columns);
  const auto checkRows = [&](const char *field, const Weight &weight) {
    if (weight.encoding != Encoding::tiles16)
      fail(field, "'" + weight.name + "' is stored as " + encodingName(weight.encoding) +
                      "; rows of an embedding are read as tiles16");
    else if (weight.columns != table->columns)
      fail(field, "'" + weight.name + "' has " + text(weight.columns) + " columns; '" + table->name + "' has " +
                      text(table->columns));
  };
  checkRows("matrix", *table);
  if (const Weight *positions = phase_.positions ? this->weight(*phase_.positions, "positions") : nullptr)
    checkRows("positions", *positions);
}

void PhaseChecker::checkProject() {
  expectInputs(1);
  const Weight *packed = matrix();
  if (!packed || !ok())
    return;
  const Edge &input = program_.edges[phase_.inputs[0]];
  if (packed->columns != input.elements)
    fail("matrix", "'" + packed->name + "' has " + text(packed->columns) + " columns; its input, '" + input.name +
                       "', has " + text(input.elements) + " elements");
  int64_t rows = 0;
  for (size_t i = 0; i < phase_.segmentRows.size() && rows <= packed->rows; ++i) {
    rows += phase_.segmentRows[i];
    segments_.emplace_back(phase_.segmentRows[i]);
    if (phase_.interleaved &&
        (phase_.segmentRows[i] != phase_.segmentRows[0] || phase_.segmentRows[i] % stripe_rows != 0))
      fail(at("segment_rows", i), text(phase_.segmentRows[i]) + "; interleaved ones are equal multiples of 8");
  }
  if (rows != packed->rows)
    fail("segment_rows", "sum " + text(rows) + "; '" + packed->name + "' has " + text(packed->rows) + " rows");
  checkSumOrder(steps_of(packed->columns));
}

void PhaseChecker::checkSumOrder(int64_t steps) {
  if (phase_.kWays > maximumWays || !std::has_single_bit(static_cast<uint64_t>(phase_.kWays)))
    fail("k_ways", text(phase_.kWays) + "; expected a power of two up to " + text(maximumWays));
  const std::vector<int64_t> &groups = phase_.kGroups;
  if (groups.empty() || groups[0] != 0)
    return fail("k_groups", "the first group starts at step 0");
  for (size_t i = 1; i < groups.size(); ++i)
    if (groups[i] <= groups[i - 1])
      fail(at("k_groups", i), text(groups[i]) + "; starts of groups ascend");
  if (groups.back() >= steps)
    fail(at("k_groups", groups.size() - 1), text(groups.back()) + " of " + text(steps) + " steps of 32 columns");
}

void PhaseChecker::checkAttend() {
  static constexpr ParameterSpec parameters[] = {
      {"heads", ParameterType::Extent}, {"kv_heads", ParameterType::Extent}, {"head_dim", ParameterType::Extent},
      {"scale", ParameterType::Number}, {"splits", ParameterType::Extent},   {"warps", ParameterType::Extent},
      {"cap", ParameterType::Number}};
  expectInputs(1);
  const bool capped = phase_.parameters.is_object() && phase_.parameters.contains("cap");
  if (!checkParameters(phase_.parameters, std::span(parameters).first(std::size(parameters) - (capped ? 0 : 1)),
                       "parameters"))
    return;
  if (capped && !(phase_.parameters["cap"].get<float>() > 0))
    fail("parameters.cap", "must be positive");
  const auto parameter = [&](const char *name) { return phase_.parameters.at(name).get<int64_t>(); };
  const int64_t heads = parameter("heads"), kvHeads = parameter("kv_heads"), headDim = parameter("head_dim");
  if (parameter("warps") > maximumAttendWarps)
    fail("parameters.warps", text(parameter("warps")) + "; at most " + text(maximumAttendWarps));
  if (heads % kvHeads != 0)
    fail("parameters.kv_heads", text(kvHeads) + " does not divide " + text(heads) + " heads");
  const Edge &query = program_.edges[phase_.inputs[0]];
  if (heads * headDim != query.elements) // each below 2^31
    fail("inputs[0]",
         "'" + query.name + "' has " + text(query.elements) + " elements; expected " + text(heads * headDim));
  for (const Ref &window : phase_.scalars)
    scalar(window, "scalars[0]");
  const Cache *keys = cache(phase_.caches[0], "caches[0]");
  if (keys && (keys->kvHeads != kvHeads || keys->headDim != headDim))
    fail("caches[0]", "'" + keys->name + "' is [" + text(keys->kvHeads) + "][..][" + text(keys->headDim) +
                          "]; expected [" + text(kvHeads) + "][..][" + text(headDim) + "]");
  checkRings();
  segments_.emplace_back(query.elements);
}

void PhaseChecker::checkRings() {
  for (int64_t i = 0; i < count_; ++i) {
    const auto entryOf = [&](const Ref &ref, const std::vector<Table> &tables,
                             size_t entries) -> std::optional<uint32_t> {
      if (!ref.perLayer)
        return ref.index < entries ? std::optional(ref.index) : std::nullopt;
      const bool there = ref.index < tables.size() && static_cast<size_t>(i) < tables[ref.index].size() &&
                         tables[ref.index][static_cast<size_t>(i)] < entries;
      return there ? std::optional(tables[ref.index][static_cast<size_t>(i)]) : std::nullopt;
    };
    const auto index = entryOf(phase_.caches[0], program_.cacheTables, program_.caches.size());
    if (!index || program_.caches[*index].positions == 0)
      continue;
    const Cache &ring = program_.caches[*index];
    const auto scalar = phase_.scalars.empty()
                            ? std::nullopt
                            : entryOf(phase_.scalars[0], program_.scalarTables, program_.scalars.size());
    const int64_t window = scalar ? program_.scalars[*scalar].value : 0;
    // The first token of a tile needs what the window of it alone has, and the others have stored theirs already.
    const int64_t needed = window + phaseTokens(program_, phase_) - 1;
    if (window == 0 || needed > ring.positions)
      return fail("caches[0]", "'" + ring.name + "' keeps " + text(ring.positions) + " positions; iteration " +
                                   text(i) + " attends to " + (window == 0 ? "all" : text(needed)));
  }
}

void PhaseChecker::checkLast() {
  expectInputs(1);
  if (!phase_.prologue.empty() || !phase_.epilogues.empty())
    fail(phase_.prologue.empty() ? "epilogues" : "prologue", "a last phase has none");
  if (!ok())
    return;
  const Edge &input = program_.edges[phase_.inputs[0]];
  segments_.emplace_back(input.elements);
  for (uint32_t output : phase_.outputs)
    if (program_.edges[output].tokens != 1 || program_.edges[output].dtype != input.dtype)
      fail("outputs[0]", "edge '" + program_.edges[output].name + "' is not one token of '" + input.name + "'");
}

void PhaseChecker::checkFunction(const Function &function, FunctionRole role, const std::string &field) {
  const FunctionSpec *spec = findFunction(role, function.name);
  if (!spec)
    return fail(field + ".name",
                "'" + function.name + "' is not " + (role == FunctionRole::Prologue ? "a prologue" : "an epilogue"));
  if (role == FunctionRole::Prologue && phase_.inputs.size() != 1)
    return fail(field, "only a phase with one input has a prologue");
  if (!checkParameters(function.parameters, spec->parameters, field + ".parameters"))
    return;
  const auto expect = [&](const char *list, size_t count, uint32_t expected) {
    if (count != expected)
      fail(field + "." + list, text(count) + "; '" + function.name + "' takes " + text(expected));
  };
  expect("operands", function.operands.size(), spec->operands);
  const bool oneMore =
      !spec->optionalWeight.empty() && function.parameters.at(std::string(spec->optionalWeight)).get<bool>();
  expect("weights", function.weights.size(), spec->weights + (oneMore ? 1 : 0));
  expect("caches", function.caches.size(), spec->caches);
  for (size_t i = 0; i < function.operands.size(); ++i)
    checkIndex(function.operands[i], program_.edges.size(), "edge", path_ + "." + field + "." + at("operands", i),
               errors_);
  for (size_t i = 0; i < function.weights.size(); ++i)
    weight(function.weights[i], field + "." + at("weights", i));
  for (size_t i = 0; i < function.caches.size(); ++i)
    cache(function.caches[i], field + "." + at("caches", i));
  if (!ok())
    return;
  Call call(*this, function, role, field);
  spec->check(call);
  for (const ParameterSpec &parameter : spec->parameters) {
    if (parameter.type == ParameterType::ConsumedSlot)
      segments_[static_cast<size_t>(call.extent(parameter.name))].reset();
  }
}

void PhaseChecker::checkOutputs() {
  std::set<uint32_t> written;
  size_t output = 0;
  for (size_t slot = 0; slot < segments_.size(); ++slot) {
    if (!segments_[slot])
      continue;
    if (output == phase_.outputs.size())
      return fail("outputs", "none for segment " + text(slot));
    const Edge &edge = program_.edges[phase_.outputs[output]];
    if (edge.elements != *segments_[slot])
      fail(at("outputs", output), "edge '" + edge.name + "' has " + text(edge.elements) + " elements; segment " +
                                      text(slot) + " has " + text(*segments_[slot]));
    if (!written.insert(phase_.outputs[output]).second)
      fail(at("outputs", output), "edge '" + edge.name + "' is written twice");
    ++output;
  }
  if (output != phase_.outputs.size())
    fail("outputs", text(phase_.outputs.size()) + " edges; " + text(output) + " segments are left");
}

void PhaseChecker::checkOutputNames() {
  if (const size_t names = std::max<size_t>(1, phase_.outputs.size()); phase_.outputNames.size() != names)
    fail("output_names", text(phase_.outputNames.size()) + " names; expected " + text(names));
}

void PhaseChecker::checkTokens() {
  // What a last phase gives is one token of its input.
  std::vector<uint32_t> edges = phase_.kind == PhaseKind::Last ? std::vector<uint32_t>() : phase_.outputs;
  edges.insert(edges.end(), phase_.inputs.begin(), phase_.inputs.end());
  for (const Function &epilogue : phase_.epilogues)
    edges.insert(edges.end(), epilogue.operands.begin(), epilogue.operands.end());
  for (uint32_t index : edges) {
    const Edge &edge = program_.edges[index], &first = program_.edges[edges[0]];
    if (edge.shape)
      return fail("inputs", "edge '" + edge.name + "' is a tensor; only a fusion works on those");
    if (edge.tokens != first.tokens)
      return fail("inputs", "edge '" + edge.name + "' is of " + text(edge.tokens) + " tokens, edge '" + first.name +
                                "' of " + text(first.tokens));
  }
}

void PhaseChecker::checkMap(const Argument &argument, const std::string &field) {
  const TensorMap &map = *argument.map;
  if (map.dtype != DType::bf16 && map.dtype != DType::f16)
    fail(field + ".dtype", std::string(dtypeName(map.dtype)) + "; expected bf16 or f16");
  if (map.extents.empty() || map.extents.size() > 5 || map.strides.size() + 1 != map.extents.size() ||
      map.box.size() != map.extents.size())
    return fail(field, text(map.extents.size()) + " extents, " + text(map.strides.size()) + " strides and " +
                           text(map.box.size()) + " extents of the box; expected one to five, one less and as many");
  for (size_t i = 0; i < map.box.size(); ++i)
    if (map.box[i] > 256)
      fail(field + "." + at("box", i), text(map.box[i]) + "; at most 256");
  for (size_t i = 0; i < map.strides.size(); ++i)
    if (map.strides[i] % 16 != 0)
      fail(field + "." + at("strides", i), text(map.strides[i]) + " is not a multiple of 16");
  if (map.swizzleBytes != 64 && map.swizzleBytes != 128)
    fail(field + ".swizzle_bytes", text(map.swizzleBytes) + "; expected 64 or 128");
  else if (map.box[0] * 2 != map.swizzleBytes)
    fail(field + ".swizzle_bytes", text(map.swizzleBytes) + "; rows of the box have " + text(map.box[0] * 2));
}

void PhaseChecker::checkLaunch(const Launch &launch, const std::string &place) {
  if (!kernels_.contains(launch.kernel))
    fail(place + ".kernel", "'" + launch.kernel + "' is not in program.kernels");
  const auto &arguments = launch.arguments;
  if (arguments.size() > maximumArguments)
    return fail(place + ".arguments", text(arguments.size()) + "; at most " + text(maximumArguments));
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string field = at(place + ".arguments", i);
    if (arguments[i].map && !place.starts_with("variants"))
      fail(field + ".map", "only a variant's launch has maps");
    else if (arguments[i].map)
      checkMap(arguments[i], field + ".map");
    switch (arguments[i].kind) {
    case ArgumentKind::Edge:
      checkIndex(arguments[i].index, program_.edges.size(), "edge", path_ + "." + field, errors_);
      break;
    case ArgumentKind::Scratch:
      checkIndex(arguments[i].index, program_.scratch.size(), "scratch", path_ + "." + field, errors_);
      break;
    case ArgumentKind::Weight:
      weight(arguments[i].ref, field);
      break;
    case ArgumentKind::CacheKey:
    case ArgumentKind::CacheValue:
    case ArgumentKind::CachePositions:
      cache(arguments[i].ref, field);
      break;
    case ArgumentKind::Scalar:
      scalar(arguments[i].ref, field);
      break;
    default:
      break;
    }
  }
}

} // namespace

void checkPhase(const Program &program, const std::set<std::string_view> &kernels, const Phase &phase, int64_t count,
                const std::string &path, FieldErrors &errors) {
  PhaseChecker(program, kernels, phase, count, path, errors).check();
}

} // namespace cadenza
