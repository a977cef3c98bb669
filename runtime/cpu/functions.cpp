#include "runtime/cpu/functions.h"
#include "runtime/cpu/products.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cadenza::cpu {
namespace {

float inverseRms(std::span<const float> x, float eps) {
  float meanSquare = dot(x.data(), x.data(), static_cast<int64_t>(x.size())) / static_cast<float>(x.size());
  return 1.0f / std::sqrt(meanSquare + eps);
}

/// An epilogue that maps each element of one segment.
template <float function(float)> Epilogue bindElementwise(const Binding &b) {
  size_t slot = b.slot("segment");
  return [=](const Token &, std::span<const Segment> segments) {
    for (float &x : segments[slot])
      x = function(x);
  };
}

float silu(float x) { return x / (1.0f + std::exp(-x)); }

float gelu(float x) {
  constexpr float sqrtHalf = 0.70710678118654752440f;
  return 0.5f * x * (1.0f + std::erf(x * sqrtHalf));
}

float geluTanh(float x) {
  constexpr float sqrt2OverPi = 0.79788456080286535588f;
  return 0.5f * x * (1.0f + std::tanh(sqrt2OverPi * (x + 0.044715f * x * x * x)));
}

Epilogue bindBias(const Binding &b) {
  size_t slot = b.slot("segment");
  Ref bias = b.function.weights[0];
  return [=](const Token &token, std::span<const Segment> segments) {
    const float *values = token.machine.vector(bias);
    for (size_t i = 0; i < segments[slot].size(); ++i)
      segments[slot][i] += values[i];
  };
}

/// What both forms of layer_norm have in common.
class BoundLayerNorm {
public:
  explicit BoundLayerNorm(const Binding &b)
      : eps(b.number("eps")), groupSize(b.integer("group_size")), weights(b.function.weights) {}
  void operator()(const Machine &machine, Segment x) const {
    const float *beta = weights.size() > 1 ? machine.vector(weights[1]) : nullptr;
    layerNorm(x, machine.vector(weights[0]), beta, eps, groupSize);
  }

private:
  float eps;
  int64_t groupSize;
  std::vector<Ref> weights; // gamma and, if there is one, beta
};

Epilogue bindRmsNorm(const Binding &b) {
  size_t slot = b.slot("segment");
  float eps = b.number("eps");
  int64_t groupSize = b.integer("group_size");
  Ref gamma = b.function.weights[0];
  return [=](const Token &token, std::span<const Segment> segments) {
    rmsNorm(segments[slot], token.machine.vector(gamma), eps, groupSize);
  };
}

Epilogue bindLayerNorm(const Binding &b) {
  size_t slot = b.slot("segment");
  return [slot, norm = BoundLayerNorm(b)](const Token &token, std::span<const Segment> segments) {
    norm(token.machine, segments[slot]);
  };
}

template <bool interleaved> Epilogue bindRope(const Binding &b) {
  size_t slot = b.slot("segment");
  int64_t headDim = b.integer("head_dim");
  int64_t rotaryDim = b.integer("rotary_dim");
  Ref table = b.function.weights[0];
  return [=](const Token &token, std::span<const Segment> segments) {
    const float *cosSin = token.machine.ropeRow(table, token.position);
    int64_t half = rotaryDim / 2;
    for (float *head = segments[slot].data(); head != segments[slot].data() + segments[slot].size(); head += headDim) {
      for (int64_t i = 0; i < half; ++i) {
        float &first = head[interleaved ? 2 * i : i], &second = head[interleaved ? 2 * i + 1 : i + half];
        float c = cosSin[2 * i], s = cosSin[2 * i + 1], low = first, high = second;
        first = low * c - high * s;
        second = high * c + low * s;
      }
    }
  };
}

Epilogue bindKvAppend(const Binding &b) {
  size_t key = b.slot("key");
  size_t value = b.slot("value");
  int64_t kvHeads = b.integer("kv_heads");
  int64_t headDim = b.integer("head_dim");
  Ref cache = b.function.caches[0];
  return [=](const Token &token, std::span<const Segment> segments) {
    Machine &machine = token.machine;
    uint32_t index = machine.cacheIndex(cache);
    DType dtype = machine.program.caches[index].dtype;
    const int64_t positions = machine.caches[index].positions;
    for (int64_t head = 0; head < kvHeads; ++head) {
      uint64_t offset = (head * positions + token.position % positions) * headDim * dtypeSize(dtype);
      narrow(dtype, segments[key].subspan(head * headDim, headDim), machine.caches[index].keys.data() + offset);
      narrow(dtype, segments[value].subspan(head * headDim, headDim), machine.caches[index].values.data() + offset);
    }
  };
}

Epilogue bindScale(const Binding &b) {
  size_t slot = b.slot("segment");
  float factor = b.number("factor");
  return [=](const Token &, std::span<const Segment> segments) {
    for (float &x : segments[slot])
      x *= factor;
  };
}

Epilogue bindSoftcap(const Binding &b) {
  size_t slot = b.slot("segment");
  float cap = b.number("cap");
  return [=](const Token &, std::span<const Segment> segments) {
    for (float &x : segments[slot])
      x = cap * std::tanh(x / cap);
  };
}

Epilogue bindMul(const Binding &b) {
  size_t lhs = b.slot("lhs");
  size_t rhs = b.slot("rhs");
  return [=](const Token &, std::span<const Segment> segments) {
    for (size_t i = 0; i < segments[lhs].size(); ++i)
      segments[lhs][i] *= segments[rhs][i];
  };
}

Epilogue bindAdd(const Binding &b) {
  size_t slot = b.slot("segment");
  uint32_t edge = b.function.operands[0];
  return [=](const Token &token, std::span<const Segment> segments) {
    const Segment segment = segments[slot];
    float operand[128];
    for (size_t first = 0; first < segment.size(); first += std::size(operand)) {
      const std::span part(operand, std::min(std::size(operand), segment.size() - first));
      token.readEdge(edge, part, static_cast<int64_t>(first));
      for (size_t i = 0; i < part.size(); ++i)
        segment[first + i] += part[i];
    }
  };
}

/// Copies the logits if they are kept, chooses tokens[position + 1] unless the prompt gives it, and notices stop tokens
/// (runtime/shared/state.h). A step that repeats the last one selects nothing: it would be drawn by another history.
void selectToken(const Token &at, std::span<const float> logits) {
  Machine &machine = at.machine;
  if (!machine.logits.empty())
    std::copy(logits.begin(), logits.end(), machine.logits.begin());
  DecodeState &state = machine.state;
  if (at.position + 1 < state.forced_tokens || state.stopped)
    return;
  const Sampling &sampling = machine.sampling;
  const int32_t token = sampling.draws || sampling.adjusts
                            ? machine.sampler.draw(sampling, logits, at.position + 1, machine.pool)
                            : argmax(logits);
  machine.tokens[at.position + 1] = token;
  if (std::find(state.stop_tokens, state.stop_tokens + state.stop_token_count, token) !=
      state.stop_tokens + state.stop_token_count)
    state.stopped = 1;
}

Epilogue bindArgmax(const Binding &b) {
  size_t slot = b.slot("segment");
  return [=](const Token &token, std::span<const Segment> segments) { selectToken(token, segments[slot]); };
}

using BindEpilogue = Epilogue (*)(const Binding &);
constexpr std::pair<std::string_view, BindEpilogue> epilogues[] = {
    {"bias", bindBias},
    {"rms_norm", bindRmsNorm},
    {"layer_norm", bindLayerNorm},
    {"rope", bindRope<false>},
    {"rope_interleaved", bindRope<true>},
    {"kv_append", bindKvAppend},
    {"silu", bindElementwise<silu>},
    {"gelu", bindElementwise<gelu>},
    {"gelu_tanh", bindElementwise<geluTanh>},
    {"scale", bindScale},
    {"softcap", bindSoftcap},
    {"mul", bindMul},
    {"add", bindAdd},
    {"argmax", bindArgmax},
};

Prologue bindNormPrologue(const Binding &b) {
  float eps = b.number("eps");
  int64_t groupSize = b.integer("group_size");
  bool deferScale = b.flag("defer_scale");
  Ref gamma = b.function.weights[0];
  if (!deferScale)
    return [=](const Machine &machine, Segment x) {
      rmsNorm(x, machine.vector(gamma), eps, groupSize);
      return 1.0f;
    };
  return [=](const Machine &machine, Segment x) {
    float factor = inverseRms(x, eps);
    const float *weights = machine.vector(gamma);
    for (size_t i = 0; i < x.size(); ++i)
      x[i] *= weights[i];
    return factor;
  };
}

Prologue bindLayerNormPrologue(const Binding &b) {
  return [norm = BoundLayerNorm(b)](const Machine &machine, Segment x) {
    norm(machine, x);
    return 1.0f;
  };
}

using BindPrologue = Prologue (*)(const Binding &);
constexpr std::pair<std::string_view, BindPrologue> prologues[] = {
    {"rms_norm", bindNormPrologue},
    {"layer_norm", bindLayerNormPrologue},
};

/// The entry of a table; a name that the plan format knows and the table does not is our own omission.
template <typename Bind, size_t count>
StatusOr<Bind> find(const std::pair<std::string_view, Bind> (&table)[count], const std::string &name) {
  for (const auto &[known, bind] : table)
    if (known == name)
      return bind;
  return Status(StatusCode::Internal, "the CPU executor has no function '" + name + "'");
}

} // namespace

StatusOr<Epilogue> bindEpilogue(const Binding &binding) {
  CADENZA_ASSIGN_OR_RETURN(BindEpilogue bind, find(epilogues, binding.function.name));
  return bind(binding);
}

StatusOr<Prologue> bindPrologue(const Binding &binding) {
  CADENZA_ASSIGN_OR_RETURN(BindPrologue bind, find(prologues, binding.function.name));
  return bind(binding);
}

void rmsNorm(Segment x, const float *gamma, float eps, int64_t groupSize) {
  for (size_t begin = 0; begin < x.size(); begin += groupSize) {
    Segment group = x.subspan(begin, groupSize);
    float factor = inverseRms(group, eps);
    for (int64_t i = 0; i < groupSize; ++i)
      group[i] = group[i] * factor * gamma[i];
  }
}

namespace {

/// Sums `chunk(four)` over every four elements from `first` on of each 128 (absent ones are 0) as the device does: lane
/// l of a chunk has elements 4l .. 4l+3, lanes are added as a butterfly, chunks in ascending order.
template <typename Four> float sumOfChunks(int64_t size, const Four &four) {
  constexpr int64_t chunk = 128, lanes = chunk / 4;
  float total = 0.0f;
  for (int64_t first = 0; first < size; first += chunk) {
    float sums[lanes];
    for (int64_t lane = 0; lane < lanes; ++lane)
      sums[lane] = four(first + 4 * lane);
    for (int64_t apart = lanes / 2; apart > 0; apart /= 2)
      for (int64_t lane = 0; lane < apart; ++lane)
        sums[lane] += sums[lane + apart];
    total = first == 0 ? sums[0] : total + sums[0];
  }
  return total;
}

} // namespace

void layerNorm(Segment x, const float *gamma, const float *beta, float eps, int64_t groupSize) {
  const auto count = static_cast<float>(groupSize);
  for (size_t begin = 0; begin < x.size(); begin += static_cast<size_t>(groupSize)) {
    Segment group = x.subspan(begin, static_cast<size_t>(groupSize));
    const auto at = [&](int64_t i) { return i < groupSize ? group[static_cast<size_t>(i)] : 0.0f; };
    const float mean =
        sumOfChunks(groupSize, [&](int64_t i) { return at(i) + at(i + 1) + at(i + 2) + at(i + 3); }) / count;
    for (float &value : group)
      value -= mean;
    const float squares = sumOfChunks(groupSize, [&](int64_t i) {
      const float a = at(i), b = at(i + 1), c = at(i + 2), d = at(i + 3);
      return std::fma(d, d, std::fma(c, c, std::fma(b, b, a * a)));
    });
    const float factor = 1.0f / std::sqrt(squares / count + eps);
    for (size_t i = 0; i < group.size(); ++i)
      group[i] = beta ? std::fma(group[i] * factor, gamma[i], beta[i]) : group[i] * factor * gamma[i];
  }
}

int32_t argmax(std::span<const float> x) {
  size_t best = 0;
  for (size_t i = 1; i < x.size(); ++i)
    if (x[i] > x[best] || (std::isnan(x[best]) && !std::isnan(x[i])))
      best = i;
  return static_cast<int32_t>(best);
}

} // namespace cadenza::cpu
