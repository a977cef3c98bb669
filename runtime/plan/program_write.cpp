// The program as JSON; program_parse.cpp reads it back, field for field.
#include "runtime/plan/program.h"
#include "runtime/plan/program_names.h"
#include "runtime/support/base64.h"

namespace cadenza {
namespace {

using Json = nlohmann::ordered_json;

template <typename T, typename F> Json list(const std::vector<T> &values, F write) {
  Json result = Json::array();
  for (const T &value : values)
    result.push_back(write(value));
  return result;
}

Json writeRef(const Ref &ref) { return {{ref.perLayer ? "table" : "index", ref.index}}; }

Json writeEdge(const Edge &edge) {
  Json json = {{"name", edge.name},
               {"dtype", dtypeName(edge.dtype)},
               {"tokens", edge.tokens},
               {"elements", edge.elements},
               {"offset", edge.offset}};
  if (edge.shape)
    json["shape"] = *edge.shape;
  return json;
}

Json writeWeight(const Weight &weight) {
  Json json = {{"name", weight.name},
               {"encoding", encodingName(weight.encoding)},
               {"dtype", dtypeName(weight.dtype)},
               {"rows", weight.rows},
               {"columns", weight.columns},
               {"scale", weight.scale},
               {"long_after", weight.longAfter},
               {"offset", weight.offset},
               {"bytes", weight.bytes}};
  if (weight.encoding == Encoding::tensor)
    json["shape"] = weight.shape;
  if (weight.growth.every != 0)
    json["growth"] = {{"rate", weight.growth.rate}, {"every", weight.growth.every}};
  return json;
}

Json writeCache(const Cache &cache) {
  return {{"name", cache.name},
          {"dtype", dtypeName(cache.dtype)},
          {"kv_heads", cache.kvHeads},
          {"head_dim", cache.headDim},
          {"positions", cache.positions}};
}

Json writeFunction(const Function &function) {
  return {{"name", function.name},
          {"parameters", function.parameters},
          {"operands", function.operands},
          {"weights", list(function.weights, writeRef)},
          {"caches", list(function.caches, writeRef)}};
}

Json writeArgument(const Argument &argument) {
  Json result = {{"kind", nameOf(argumentKindNames, argument.kind)}};
  switch (argument.kind) {
  case ArgumentKind::Edge:
  case ArgumentKind::Scratch:
  case ArgumentKind::Number:
    result["index"] = argument.index;
    break;
  case ArgumentKind::Weight:
  case ArgumentKind::CacheKey:
  case ArgumentKind::CacheValue:
  case ArgumentKind::CachePositions:
  case ArgumentKind::Scalar:
    result["ref"] = writeRef(argument.ref);
    break;
  default:
    break;
  }
  if (argument.map)
    result["map"] = {{"dtype", dtypeName(argument.map->dtype)},
                     {"extents", argument.map->extents},
                     {"strides", argument.map->strides},
                     {"box", argument.map->box},
                     {"swizzle_bytes", argument.map->swizzleBytes}};
  return result;
}

Json writeLaunch(const Launch &launch) {
  Json json = {{"kernel", launch.kernel}, {"arguments", list(launch.arguments, writeArgument)}};
  if (launch.blocks != 0)
    json["blocks"] = launch.blocks;
  return json;
}

Json writeTensorOp(const TensorOp &op) {
  const auto writeSpec = [](const nn::TensorSpec &spec) {
    return Json{{"dtype", elementTypeName(spec.element)}, {"shape", spec.shape}};
  };
  Json json = {{"name", op.name},
               {"attributes", op.attributes},
               {"operands", op.operands},
               {"results", list(op.results, writeSpec)}};
  if (op.weight)
    json["weight"] = *op.weight;
  if (!op.value.empty())
    json["value"] = toBase64(op.value);
  return json;
}

Json writePhase(const Phase &phase) {
  const bool matrix = phase.kind == PhaseKind::Project || phase.kind == PhaseKind::Embed;
  Json json = {{"name", phase.name},
               {"kind", phaseKindName(phase.kind)},
               {"inputs", phase.inputs},
               {"outputs", phase.outputs},
               {"output_names", phase.outputNames},
               {"matrix", matrix ? writeRef(phase.matrix) : Json()},
               {"positions", phase.positions ? writeRef(*phase.positions) : Json()},
               {"segment_rows", phase.segmentRows},
               {"interleaved", phase.interleaved},
               {"k_groups", phase.kGroups},
               {"k_ways", phase.kWays},
               {"norm_chunk", phase.normChunk},
               {"prologue", list(phase.prologue, writeFunction)},
               {"epilogues", list(phase.epilogues, writeFunction)},
               {"parameters", phase.parameters},
               {"caches", list(phase.caches, writeRef)},
               {"scalars", list(phase.scalars, writeRef)},
               {"launch", writeLaunch(phase.launch)}};
  if (phase.prepare)
    json["prepare"] = writeLaunch(*phase.prepare);
  if (!phase.variants.empty())
    json["variants"] = list(phase.variants, [](const Variant &variant) {
      return Json{{"targets", variant.targets}, {"launch", writeLaunch(variant.launch)}};
    });
  if (phase.kind == PhaseKind::Fusion) {
    json["body"] = list(phase.body, writeTensorOp);
    json["results"] = phase.results;
  }
  return json;
}

Json writeKernel(const Kernel &kernel) {
  Json json = {{"name", kernel.name},
               {"phase_kind", kernel.phaseKind},
               {"blocks", kernel.blocks},
               {"threads", kernel.threads},
               {"shared_bytes", kernel.sharedBytes},
               {"weight_bytes", kernel.weightBytes},
               {"activation_bytes", kernel.activationBytes},
               {"fused_ops", kernel.fusedOps},
               {"passes", kernel.passes},
               {"targets", kernel.targets}};
  if (kernel.cluster != 1)
    json["cluster"] = kernel.cluster;
  return json;
}

Json writeOrder(const PhaseOrder &order) {
  return {{"block", order.block},          {"phase", order.phase},
          {"k_groups", order.kGroups},     {"k_ways", order.kWays},
          {"norm_chunk", order.normChunk}, {"splits", order.splits},
          {"warps", order.warps},          {"launch", writeLaunch(order.launch)}};
}

Json writeDivision(const Division &division) {
  Json json = {
      {"name", division.name},         {"targets", division.targets}, {"kernel", division.kernel},
      {"groups", division.groups},     {"ranks", division.ranks},     {"packet_bytes", division.packetBytes},
      {"clusters", division.clusters}, {"traced", division.traced},   {"orders", list(division.orders, writeOrder)}};
  if (division.longContext)
    json["long_context"] = {{"kernel", division.longContext->kernel},
                            {"from_position", division.longContext->fromPosition}};
  return json;
}

Json writePort(const Port &port) {
  return {{"kind", portKindName(port.kind)},
          {"name", port.name},
          {"shape", port.shape},
          {"edge", port.edge ? Json(*port.edge) : Json()}};
}

Json writeBlock(const Block &block) {
  return {{"name", block.name}, {"count", block.count}, {"phases", list(block.phases, writePhase)}};
}

Json writeEntry(const Entry &entry) {
  return {{"name", entry.name},
          {"inputs", list(entry.inputs, writePort)},
          {"outputs", list(entry.outputs, writePort)},
          {"blocks", list(entry.blocks, writeBlock)}};
}

} // namespace

Json toJson(const Decoder &decoder) {
  return {{"entry", decoder.entry},           {"head_block", decoder.headBlock},
          {"vocabulary", decoder.vocabulary}, {"max_context", decoder.maxContext},
          {"bos_token", decoder.bosToken},    {"eos_tokens", decoder.eosTokens},
          {"family", decoder.family},         {"hidden_size", decoder.hiddenSize},
          {"layers", decoder.layers},         {"weight_dtype", dtypeName(decoder.weightDtype)}};
}

Json toJson(const Program &program) {
  return {
      {"model", {{"name", program.model.name}, {"weights", program.model.weights}}},
      {"edges", list(program.edges, writeEdge)},
      {"arena_bytes", program.arenaBytes},
      {"weights", list(program.weights, writeWeight)},
      {"caches", list(program.caches, writeCache)},
      {"scalars", list(program.scalars,
                       [](const Scalar &scalar) { return Json{{"name", scalar.name}, {"value", scalar.value}}; })},
      {"weight_tables", program.weightTables},
      {"cache_tables", program.cacheTables},
      {"scalar_tables", program.scalarTables},
      {"scratch", list(program.scratch,
                       [](const Scratch &scratch) { return Json{{"name", scratch.name}, {"bytes", scratch.bytes}}; })},
      {"kernels", list(program.kernels, writeKernel)},
      {"entries", list(program.entries, writeEntry)},
      {"divisions", list(program.divisions, writeDivision)}};
}

} // namespace cadenza
