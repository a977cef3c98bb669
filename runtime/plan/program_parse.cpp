// The program from JSON: types and ranges of the fields here, what they mean together in program_check.cpp.
#include "runtime/plan/program.h"
#include "runtime/plan/program_check.h"
#include "runtime/plan/program_names.h"
#include "runtime/support/base64.h"
#include "runtime/support/json.h"

#include <limits>
#include <span>

namespace cadenza {
namespace {

constexpr int64_t maximumExtent = std::numeric_limits<int32_t>::max();

template <typename Enum> Enum readEnum(const JsonReader &reader, std::span<const std::string_view> names) {
  return static_cast<Enum>(reader.oneOf(names));
}

DType readDType(const JsonReader &reader) { return computableTypes[reader.oneOf(computableTypeNames)]; }
int64_t readExtent(const JsonReader &reader) { return reader.integer(1, maximumExtent); }
nn::Shape readShape(const JsonReader &reader) { return reader.list<int64_t>(readExtent); }
uint32_t readIndex(const JsonReader &reader) { return reader.index(); }
std::string readString(const JsonReader &reader) { return reader.string(); }

/// Of a field that not all objects of a kind have.
bool has(const JsonReader &reader, const char *field) {
  return reader.value().is_object() && reader.value().contains(field);
}

Ref readRef(const JsonReader &reader) {
  const bool perLayer = has(reader, "table");
  const std::string_view field = perLayer ? "table" : "index";
  reader.onlyFields({field});
  return {perLayer, reader[field].index()};
}

Encoding readEncoding(const JsonReader &reader) {
  const std::string name = reader.string();
  if (const std::optional<Encoding> encoding = encodingNamed(name))
    return *encoding;
  reader.error("'" + name + "' is no encoding; expected vector, rope_table, tensor or, of a matrix, " +
               std::string(matrixEncodingSyntax()));
  return {};
}

Edge readEdge(const JsonReader &reader) {
  reader.onlyFields({"name", "dtype", "tokens", "elements", "shape", "offset"});
  Edge edge{reader["name"].string(), readDType(reader["dtype"]), readExtent(reader["elements"]),
            reader["offset"].unsignedInteger(), readExtent(reader["tokens"])};
  if (has(reader, "shape"))
    edge.shape = readShape(reader["shape"]);
  return edge;
}

/// `otherwise` and an error if it does not fit.
float readFloat(const JsonReader &reader, float otherwise) {
  const double number = reader.number();
  if (number <= std::numeric_limits<float>::max() && number >= std::numeric_limits<float>::lowest())
    return static_cast<float>(number);
  reader.error("does not fit a 32-bit float");
  return otherwise;
}

Weight::Growth readGrowth(const JsonReader &reader) {
  reader.onlyFields({"rate", "every"});
  return {readFloat(reader["rate"], 0), readExtent(reader["every"])};
}

Weight readWeight(const JsonReader &reader) {
  reader.onlyFields(
      {"name", "encoding", "dtype", "rows", "columns", "shape", "scale", "long_after", "offset", "bytes", "growth"});
  Weight weight;
  weight.name = reader["name"].string();
  weight.encoding = readEncoding(reader["encoding"]);
  weight.dtype = readDType(reader["dtype"]);
  weight.rows = readExtent(reader["rows"]);
  weight.columns = readExtent(reader["columns"]);
  if (weight.encoding == Encoding::tensor || has(reader, "shape"))
    weight.shape = readShape(reader["shape"]);
  weight.scale = readFloat(reader["scale"], weight.scale);
  weight.longAfter = reader["long_after"].integer(0, maximumExtent);
  if (has(reader, "growth"))
    weight.growth = readGrowth(reader["growth"]);
  weight.offset = reader["offset"].unsignedInteger();
  weight.bytes = reader["bytes"].unsignedInteger();
  return weight;
}

Cache readCache(const JsonReader &reader) {
  reader.onlyFields({"name", "dtype", "kv_heads", "head_dim", "positions"});
  return {reader["name"].string(), readDType(reader["dtype"]), readExtent(reader["kv_heads"]),
          readExtent(reader["head_dim"]), reader["positions"].integer(0, maximumExtent)};
}

Scalar readScalar(const JsonReader &reader) {
  reader.onlyFields({"name", "value"});
  return {reader["name"].string(), reader["value"].integer(0, maximumExtent)};
}

Table readTable(const JsonReader &reader) { return reader.list<uint32_t>(readIndex); }

std::vector<std::byte> readBytes(const JsonReader &reader) {
  if (const auto *text = reader.value().get_ptr<const std::string *>())
    if (auto bytes = fromBase64(*text))
      return std::move(*bytes);
  reader.error("expected a string in base64");
  return {};
}

nlohmann::json readParameters(const JsonReader &reader) {
  if (reader.value().is_object())
    return reader.value();
  reader.error("expected an object");
  return nlohmann::json::object();
}

Function readFunction(const JsonReader &reader) {
  reader.onlyFields({"name", "parameters", "operands", "weights", "caches"});
  return {reader["name"].string(), readParameters(reader["parameters"]), reader["operands"].list<uint32_t>(readIndex),
          reader["weights"].list<Ref>(readRef), reader["caches"].list<Ref>(readRef)};
}

TensorMap readMap(const JsonReader &reader) {
  reader.onlyFields({"dtype", "extents", "strides", "box", "swizzle_bytes"});
  const auto readStride = [](const JsonReader &stride) { return stride.integer(1, int64_t{1} << 40); };
  return {readDType(reader["dtype"]), readShape(reader["extents"]), reader["strides"].list<int64_t>(readStride),
          readShape(reader["box"]), static_cast<int32_t>(readExtent(reader["swizzle_bytes"]))};
}

Argument readArgument(const JsonReader &reader) {
  Argument argument;
  argument.kind = readEnum<ArgumentKind>(reader["kind"], argumentKindNames);
  switch (argument.kind) {
  case ArgumentKind::Edge:
  case ArgumentKind::Scratch:
    reader.onlyFields({"kind", "index", "map"});
    argument.index = reader["index"].index();
    break;
  case ArgumentKind::Number:
    reader.onlyFields({"kind", "index"});
    argument.index = reader["index"].index();
    break;
  case ArgumentKind::Weight:
    reader.onlyFields({"kind", "ref", "map"});
    argument.ref = readRef(reader["ref"]);
    break;
  case ArgumentKind::CacheKey:
  case ArgumentKind::CacheValue:
  case ArgumentKind::CachePositions:
  case ArgumentKind::Scalar:
    reader.onlyFields({"kind", "ref"});
    argument.ref = readRef(reader["ref"]);
    break;
  default:
    reader.onlyFields({"kind"});
    break;
  }
  if (has(reader, "map"))
    argument.map = readMap(reader["map"]);
  return argument;
}

Launch readLaunch(const JsonReader &reader) {
  reader.onlyFields({"kernel", "arguments", "blocks"});
  return {reader["kernel"].string(), reader["arguments"].list<Argument>(readArgument),
          has(reader, "blocks") ? static_cast<uint32_t>(readExtent(reader["blocks"])) : 0};
}

std::vector<int64_t> readGroups(const JsonReader &reader) {
  return reader.list<int64_t>([](const JsonReader &start) { return start.integer(0, maximumExtent); });
}

TensorOp readTensorOp(const JsonReader &reader) {
  reader.onlyFields({"name", "attributes", "operands", "results", "weight", "value"});
  TensorOp op;
  op.name = reader["name"].string();
  op.attributes = readParameters(reader["attributes"]);
  op.operands = reader["operands"].list<uint32_t>(readIndex);
  op.results = reader["results"].list<nn::TensorSpec>([](const JsonReader &result) {
    result.onlyFields({"dtype", "shape"});
    return nn::TensorSpec{readDType(result["dtype"]), readShape(result["shape"])};
  });
  if (has(reader, "weight"))
    op.weight = reader["weight"].index();
  if (has(reader, "value"))
    op.value = readBytes(reader["value"]);
  return op;
}

Phase readPhase(const JsonReader &reader) {
  reader.onlyFields({"name",      "kind",         "inputs",      "outputs",  "output_names", "matrix",
                     "positions", "segment_rows", "interleaved", "k_groups", "k_ways",       "norm_chunk",
                     "prologue",  "epilogues",    "parameters",  "caches",   "scalars",      "body",
                     "results",   "launch",       "prepare",     "variants"});
  Phase phase;
  phase.name = reader["name"].string();
  phase.kind = readEnum<PhaseKind>(reader["kind"], phaseKindNames);
  phase.inputs = reader["inputs"].list<uint32_t>(readIndex);
  phase.outputs = reader["outputs"].list<uint32_t>(readIndex);
  phase.outputNames = reader["output_names"].list<std::string>(readString);
  if (phase.kind == PhaseKind::Project || phase.kind == PhaseKind::Embed)
    phase.matrix = readRef(reader["matrix"]);
  else if (!reader["matrix"].isNull())
    reader["matrix"].error("this kind of phase has none; expected null");
  if (!reader["positions"].isNull())
    phase.positions = readRef(reader["positions"]);
  phase.segmentRows = reader["segment_rows"].list<int64_t>(readExtent);
  phase.interleaved = reader["interleaved"].boolean();
  phase.kGroups = readGroups(reader["k_groups"]);
  phase.kWays = readExtent(reader["k_ways"]);
  phase.normChunk = readExtent(reader["norm_chunk"]);
  phase.prologue = reader["prologue"].list<Function>(readFunction);
  phase.epilogues = reader["epilogues"].list<Function>(readFunction);
  phase.parameters = readParameters(reader["parameters"]);
  phase.caches = reader["caches"].list<Ref>(readRef);
  phase.scalars = reader["scalars"].list<Ref>(readRef);
  if (phase.kind == PhaseKind::Fusion || has(reader, "body"))
    phase.body = reader["body"].list<TensorOp>(readTensorOp);
  if (phase.kind == PhaseKind::Fusion || has(reader, "results"))
    phase.results = reader["results"].list<uint32_t>(readIndex);
  phase.launch = readLaunch(reader["launch"]);
  if (has(reader, "prepare"))
    phase.prepare = readLaunch(reader["prepare"]);
  if (has(reader, "variants"))
    phase.variants = reader["variants"].list<Variant>([](const JsonReader &variant) {
      variant.onlyFields({"targets", "launch"});
      return Variant{variant["targets"].list<std::string>(readString), readLaunch(variant["launch"])};
    });
  return phase;
}

Block readBlock(const JsonReader &reader) {
  reader.onlyFields({"name", "count", "phases"});
  return {reader["name"].string(), readExtent(reader["count"]), reader["phases"].list<Phase>(readPhase)};
}

Kernel readKernel(const JsonReader &reader) {
  reader.onlyFields({"name", "phase_kind", "blocks", "threads", "shared_bytes", "cluster", "weight_bytes",
                     "activation_bytes", "fused_ops", "passes", "targets"});
  Kernel kernel;
  kernel.name = reader["name"].string();
  kernel.phaseKind = reader["phase_kind"].string();
  kernel.blocks = static_cast<uint32_t>(readExtent(reader["blocks"]));
  kernel.threads = static_cast<uint32_t>(readExtent(reader["threads"]));
  kernel.sharedBytes = reader["shared_bytes"].index();
  if (has(reader, "cluster"))
    kernel.cluster = static_cast<uint32_t>(readExtent(reader["cluster"]));
  kernel.weightBytes = reader["weight_bytes"].unsignedInteger();
  kernel.activationBytes = reader["activation_bytes"].unsignedInteger();
  kernel.fusedOps = reader["fused_ops"].list<std::string>(readString);
  kernel.passes = reader["passes"].list<std::string>(readString);
  kernel.targets = reader["targets"].list<std::string>(readString);
  return kernel;
}

Port readPort(const JsonReader &reader) {
  reader.onlyFields({"kind", "name", "shape", "edge"});
  Port port;
  port.kind = readEnum<PortKind>(reader["kind"], portKindNames);
  port.name = reader["name"].string();
  port.shape = readShape(reader["shape"]);
  if (!reader["edge"].isNull())
    port.edge = reader["edge"].index();
  return port;
}

Entry readEntry(const JsonReader &reader) {
  reader.onlyFields({"name", "inputs", "outputs", "blocks"});
  return {reader["name"].string(), reader["inputs"].list<Port>(readPort), reader["outputs"].list<Port>(readPort),
          reader["blocks"].list<Block>(readBlock)};
}

ModelInfo readModel(const JsonReader &reader) {
  reader.onlyFields({"name", "weights"});
  return {reader["name"].string(), reader["weights"].string()};
}

Decoder readDecoder(const JsonReader &reader) {
  reader.onlyFields({"entry", "head_block", "vocabulary", "max_context", "bos_token", "eos_tokens", "family",
                     "hidden_size", "layers", "weight_dtype"});
  const auto readToken = [](const JsonReader &token) { return static_cast<int32_t>(token.integer(0, maximumExtent)); };
  Decoder decoder;
  decoder.entry = reader["entry"].index();
  decoder.headBlock = reader["head_block"].index();
  decoder.vocabulary = readExtent(reader["vocabulary"]);
  decoder.maxContext = readExtent(reader["max_context"]);
  decoder.bosToken = static_cast<int32_t>(reader["bos_token"].integer(-1, maximumExtent));
  decoder.eosTokens = reader["eos_tokens"].list<int32_t>(readToken);
  decoder.family = reader["family"].string();
  decoder.hiddenSize = readExtent(reader["hidden_size"]);
  decoder.layers = readExtent(reader["layers"]);
  decoder.weightDtype = readDType(reader["weight_dtype"]);
  return decoder;
}

Scratch readScratch(const JsonReader &reader) {
  reader.onlyFields({"name", "bytes"});
  return {reader["name"].string(), reader["bytes"].unsignedInteger()};
}

PhaseOrder readOrder(const JsonReader &reader) {
  reader.onlyFields({"block", "phase", "k_groups", "k_ways", "norm_chunk", "splits", "warps", "launch"});
  return {reader["block"].index(),      reader["phase"].index(),          readGroups(reader["k_groups"]),
          readExtent(reader["k_ways"]), readExtent(reader["norm_chunk"]), readExtent(reader["splits"]),
          readExtent(reader["warps"]),  readLaunch(reader["launch"])};
}

LongContext readLongContext(const JsonReader &reader) {
  reader.onlyFields({"kernel", "from_position"});
  return {reader["kernel"].string(), reader["from_position"].integer(0, maximumExtent)};
}

Division readDivision(const JsonReader &reader) {
  reader.onlyFields(
      {"name", "targets", "kernel", "groups", "ranks", "packet_bytes", "clusters", "traced", "long_context", "orders"});
  Division division{reader["name"].string(),
                    reader["targets"].list<std::string>(readString),
                    reader["kernel"].string(),
                    static_cast<uint32_t>(readExtent(reader["groups"])),
                    static_cast<uint32_t>(readExtent(reader["ranks"])),
                    reader["packet_bytes"].unsignedInteger(),
                    reader["clusters"].boolean(),
                    reader["traced"].boolean(),
                    std::nullopt,
                    reader["orders"].list<PhaseOrder>(readOrder)};
  if (has(reader, "long_context"))
    division.longContext = readLongContext(reader["long_context"]);
  return division;
}

} // namespace

StatusOr<Program> parseProgram(std::string_view text, std::string_view decoderText) {
  const auto json = parseJson(text);
  if (!json.isOk())
    return Status(StatusCode::InvalidPlan, "program: " + json.status().message());

  FieldErrors errors(StatusCode::InvalidPlan);
  const JsonReader reader(*json, "program", errors);
  reader.onlyFields({"model", "edges", "arena_bytes", "weights", "caches", "scalars", "weight_tables", "cache_tables",
                     "scalar_tables", "scratch", "kernels", "entries", "divisions"});
  Program program;
  program.model = readModel(reader["model"]);
  program.edges = reader["edges"].list<Edge>(readEdge);
  program.arenaBytes = reader["arena_bytes"].unsignedInteger();
  program.weights = reader["weights"].list<Weight>(readWeight);
  program.caches = reader["caches"].list<Cache>(readCache);
  program.scalars = reader["scalars"].list<Scalar>(readScalar);
  program.weightTables = reader["weight_tables"].list<Table>(readTable);
  program.cacheTables = reader["cache_tables"].list<Table>(readTable);
  program.scalarTables = reader["scalar_tables"].list<Table>(readTable);
  program.scratch = reader["scratch"].list<Scratch>(readScratch);
  program.kernels = reader["kernels"].list<Kernel>(readKernel);
  program.entries = reader["entries"].list<Entry>(readEntry);
  program.divisions = reader["divisions"].list<Division>(readDivision);
  if (!decoderText.empty()) {
    const auto decoder = parseJson(decoderText);
    if (!decoder.isOk())
      return Status(StatusCode::InvalidPlan, "decoder: " + decoder.status().message());
    program.decoder = readDecoder(JsonReader(*decoder, "decoder", errors));
  }
  if (!errors.none())
    return errors.status();
  checkProgram(program, errors);
  if (!errors.none())
    return errors.status();
  return program;
}

Status validateProgram(const Program &program) {
  try {
    const std::string decoder = program.decoder ? toJson(*program.decoder).dump() : "";
    return parseProgram(toJson(program).dump(), decoder).status();
  } catch (const nlohmann::json::exception &exception) { // a name that is not UTF-8
    return Status(StatusCode::InvalidPlan, std::string("program: ") + exception.what());
  }
}

} // namespace cadenza
