#include "runtime/plan/functions.h"

#include <cmath>

namespace cadenza {
namespace {

using enum ParameterType;
using enum FunctionRole;

std::string number(int64_t value) { return std::to_string(value); }

/// `field` must be a vector of `rows` values.
void checkVector(FunctionCall &call, size_t index, int64_t rows) {
  const Weight &weight = call.weight(index);
  const std::string field = "weights[" + std::to_string(index) + "]";
  if (weight.encoding != Encoding::vector)
    call.fail(field, "'" + weight.name + "' is not a vector");
  else if (weight.rows != rows)
    call.fail(field, "'" + weight.name + "' has " + number(weight.rows) + " values; expected " + number(rows));
}

void checkNorm(FunctionCall &call) {
  const int64_t size = call.segment("segment"), group = call.extent("group_size");
  if (size % group != 0)
    return call.fail("parameters.group_size", number(group) + " does not divide " + number(size));
  if (call.function().parameters.at("eps").get<double>() < 0)
    return call.fail("parameters.eps", "is negative");
  for (size_t i = 0; i < call.function().weights.size(); ++i) // gamma, and beta
    checkVector(call, i, group);
}

/// In a project phase a prologue normalises the whole input.
void checkWholeNorm(FunctionCall &call) {
  if (call.phaseKind() == PhaseKind::Project && call.extent("group_size") != call.segment(""))
    return call.fail("parameters.group_size", number(call.extent("group_size")) +
                                                  "; in a project phase it is the input's size, " +
                                                  number(call.segment("")));
  checkNorm(call);
}

void checkPrologueNorm(FunctionCall &call) {
  if (call.phaseKind() != PhaseKind::Project && call.flag("defer_scale"))
    return call.fail("parameters.defer_scale", "only a project phase can defer the scale");
  checkWholeNorm(call);
}

void checkBias(FunctionCall &call) { checkVector(call, 0, call.segment("segment")); }

void checkRope(FunctionCall &call) {
  const int64_t size = call.segment("segment"), head = call.extent("head_dim"), rotary = call.extent("rotary_dim");
  const Weight &table = call.weight(0);
  if (size % head != 0)
    return call.fail("parameters.head_dim", number(head) + " does not divide " + number(size));
  if (rotary > head || rotary % 2 != 0)
    return call.fail("parameters.rotary_dim", number(rotary) + "; expected an even number up to " + number(head));
  if (table.encoding != Encoding::rope_table)
    return call.fail("weights[0]", "'" + table.name + "' is not a rope table");
  if (table.growth.every != 0 && rotary != head)
    return call.fail("parameters.rotary_dim", number(rotary) + " of " + number(head) + "; '" + table.name +
                                                  "' has a growth, which is for whole heads");
  if (table.rows != rotary / 2)
    return call.fail("weights[0]",
                     "'" + table.name + "' has " + number(table.rows) + " frequencies; expected " + number(rotary / 2));
}

void checkAppend(FunctionCall &call) {
  const int64_t heads = call.extent("kv_heads"), headDim = call.extent("head_dim");
  const Cache &cache = call.cache(0);
  if (cache.kvHeads != heads || cache.headDim != headDim)
    return call.fail("caches[0]", "'" + cache.name + "' is [" + number(cache.kvHeads) + "][..][" +
                                      number(cache.headDim) + "]; expected [" + number(heads) + "][..][" +
                                      number(headDim) + "]");
  for (std::string_view slot : {"key", "value"}) {
    if (call.segment(slot) != heads * headDim)
      call.fail("parameters." + std::string(slot),
                "segment of " + number(call.segment(slot)) + "; expected " + number(heads * headDim));
  }
}

void checkNothing(FunctionCall &) {}

void checkScale(FunctionCall &call) {
  if (const auto factor = call.function().parameters.at("factor").get<float>(); !std::isfinite(factor) || factor == 0)
    call.fail("parameters.factor", "must be finite and not zero");
}

void checkSoftcap(FunctionCall &call) {
  if (const auto cap = call.function().parameters.at("cap").get<float>(); !std::isfinite(cap) || !(cap > 0))
    call.fail("parameters.cap", "must be positive");
}

void checkMul(FunctionCall &call) {
  if (call.segment("lhs") != call.segment("rhs"))
    call.fail("parameters.rhs",
              "segment of " + number(call.segment("rhs")) + " times one of " + number(call.segment("lhs")));
}

void checkAdd(FunctionCall &call) {
  if (call.operand(0).elements != call.segment("segment"))
    call.fail("operands[0]", "edge '" + call.operand(0).name + "' has " + number(call.operand(0).elements) +
                                 " elements; expected " + number(call.segment("segment")));
}

constexpr ParameterSpec prologueNormParameters[] = {{"eps", Number}, {"group_size", Extent}, {"defer_scale", Flag}};
constexpr ParameterSpec normParameters[] = {{"segment", Slot}, {"eps", Number}, {"group_size", Extent}};
constexpr ParameterSpec prologueLayerNormParameters[] = {{"eps", Number}, {"group_size", Extent}, {"bias", Flag}};
constexpr ParameterSpec layerNormParameters[] = {
    {"segment", Slot}, {"eps", Number}, {"group_size", Extent}, {"bias", Flag}};
constexpr ParameterSpec segmentParameters[] = {{"segment", Slot}};
constexpr ParameterSpec scaleParameters[] = {{"segment", Slot}, {"factor", Number}};
constexpr ParameterSpec softcapParameters[] = {{"segment", Slot}, {"cap", Number}};
constexpr ParameterSpec ropeParameters[] = {{"segment", Slot}, {"head_dim", Extent}, {"rotary_dim", Extent}};
constexpr ParameterSpec appendParameters[] = {
    {"key", ConsumedSlot}, {"value", ConsumedSlot}, {"kv_heads", Extent}, {"head_dim", Extent}};
constexpr ParameterSpec mulParameters[] = {{"lhs", Slot}, {"rhs", ConsumedSlot}};
constexpr ParameterSpec argmaxParameters[] = {{"segment", ConsumedSlot}};

// name, role, parameters, operands, weights, caches, check, flag that adds a weight, decodes
constexpr FunctionSpec specs[] = {
    {"rms_norm", Prologue, prologueNormParameters, 0, 1, 0, checkPrologueNorm},
    {"layer_norm", Prologue, prologueLayerNormParameters, 0, 1, 0, checkWholeNorm, "bias"},
    {"bias", Epilogue, segmentParameters, 0, 1, 0, checkBias},
    {"rms_norm", Epilogue, normParameters, 0, 1, 0, checkNorm},
    {"layer_norm", Epilogue, layerNormParameters, 0, 1, 0, checkNorm, "bias"},
    {"rope", Epilogue, ropeParameters, 0, 1, 0, checkRope, {}, true},
    {"rope_interleaved", Epilogue, ropeParameters, 0, 1, 0, checkRope, {}, true},
    {"kv_append", Epilogue, appendParameters, 0, 0, 1, checkAppend, {}, true},
    {"silu", Epilogue, segmentParameters, 0, 0, 0, checkNothing},
    {"gelu", Epilogue, segmentParameters, 0, 0, 0, checkNothing},
    {"gelu_tanh", Epilogue, segmentParameters, 0, 0, 0, checkNothing},
    {"scale", Epilogue, scaleParameters, 0, 0, 0, checkScale},
    {"softcap", Epilogue, softcapParameters, 0, 0, 0, checkSoftcap},
    {"mul", Epilogue, mulParameters, 0, 0, 0, checkMul},
    {"add", Epilogue, segmentParameters, 1, 0, 0, checkAdd},
    {"argmax", Epilogue, argmaxParameters, 0, 0, 0, checkNothing, {}, true},
};

} // namespace

std::span<const FunctionSpec> functionSpecs() { return specs; }

const FunctionSpec *findFunction(FunctionRole role, std::string_view name) {
  for (const FunctionSpec &spec : specs) {
    if (spec.role == role && spec.name == name)
      return &spec;
  }
  return nullptr;
}

} // namespace cadenza
