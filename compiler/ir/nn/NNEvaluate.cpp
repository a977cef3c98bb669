// The executable reference of each `nn` op of a decoder.
#include "compiler/ir/nn/Evaluate.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace cadenza;
using namespace cadenza::nn;

namespace {

double softcap(double x, double cap) { return cap * std::tanh(x / cap); }

} // namespace

double GrowthAttr::factorAt(int64_t position) {
  return 1 + getRate().getValueAsDouble() * std::log(1.0 + static_cast<double>(position / getEvery()));
}

const Vector &EvaluationState::weight(FlatSymbolRefAttr reference) {
  auto [entry, isNew] = weights.try_emplace(reference.getValue());
  if (!isNew)
    return entry->second;
  auto op = symbols.lookup<WeightOp>(reference.getValue());
  if (auto value = op.getValue()) {
    for (const APFloat &element : cast<DenseElementsAttr>(*value).getValues<APFloat>())
      entry->second.push_back(element.convertToFloat());
  } else {
    entry->second = reader(op);
  }
  return entry->second;
}

int64_t EvaluationState::scalar(FlatSymbolRefAttr reference) {
  return static_cast<int64_t>(symbols.lookup<ScalarOp>(reference.getValue()).getValue());
}

LogicalResult EmbeddingOp::evaluate(EvaluationState &state, ArrayRef<Vector> operands,
                                    SmallVectorImpl<Vector> &results) {
  const Vector &weight = state.weight(getWeightAttr());
  size_t columns = rowElements(getResult());
  float row = operands[0][0]; // a token id, exact in fp32 below 2^24
  size_t rows = weight.size() / columns;
  if (row < 0 || row >= static_cast<float>(rows))
    return emitOpError() << "token " << static_cast<int64_t>(row) << " is outside the vocabulary of " << rows;
  size_t begin = static_cast<size_t>(row) * columns;
  Vector y(weight.begin() + begin, weight.begin() + begin + columns);
  const double scale = getScale() ? getScale()->convertToDouble() : 1;
  for (float &x : y)
    x = static_cast<float>(x * scale);
  if (getPositionsAttr()) {
    const Vector &positions = state.weight(getPositionsAttr());
    const size_t position = static_cast<size_t>(operands[1][0]);
    if (position >= positions.size() / columns)
      return emitOpError() << "position " << position << " is beyond the " << positions.size() / columns
                           << " that were learned";
    for (size_t i = 0; i < columns; ++i)
      y[i] += positions[position * columns + i];
  }
  results.push_back(std::move(y));
  return success();
}

LogicalResult RMSNormOp::evaluate(EvaluationState &state, ArrayRef<Vector> operands, SmallVectorImpl<Vector> &results) {
  const Vector &gamma = state.weight(getWeightAttr());
  Vector y = operands[0];
  size_t group = getGroup();
  for (size_t begin = 0; begin < y.size(); begin += group) {
    double squares = 0;
    for (size_t i = 0; i < group; ++i)
      squares += static_cast<double>(y[begin + i]) * y[begin + i];
    double inverse = 1 / std::sqrt(squares / group + getEps().convertToDouble());
    for (size_t i = 0; i < group; ++i)
      y[begin + i] = static_cast<float>(y[begin + i] * inverse * gamma[i]);
  }
  results.push_back(std::move(y));
  return success();
}

LogicalResult LayerNormOp::evaluate(EvaluationState &state, ArrayRef<Vector> operands,
                                    SmallVectorImpl<Vector> &results) {
  const Vector &gamma = state.weight(getWeightAttr());
  const Vector beta = getBias() ? state.weight(getBiasAttr()) : Vector(gamma.size());
  Vector y = operands[0];
  size_t group = getGroup();
  for (size_t begin = 0; begin < y.size(); begin += group) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < group; ++i)
      sum += y[begin + i];
    const double mean = sum / group;
    for (size_t i = 0; i < group; ++i)
      squares += (y[begin + i] - mean) * (y[begin + i] - mean);
    const double inverse = 1 / std::sqrt(squares / group + getEps().convertToDouble());
    for (size_t i = 0; i < group; ++i)
      y[begin + i] = static_cast<float>((y[begin + i] - mean) * inverse * gamma[i] + beta[i]);
  }
  results.push_back(std::move(y));
  return success();
}

LogicalResult LinearOp::evaluate(EvaluationState &state, ArrayRef<Vector> operands, SmallVectorImpl<Vector> &results) {
  const Vector &weight = state.weight(getWeightAttr());
  const Vector &x = operands[0];
  Vector y(getResult().getType().getNumElements());
  const size_t outputs = rowElements(getResult()), inputs = rowElements(getInput());
  for (size_t i = 0; i < y.size(); ++i) {
    const size_t row = i / outputs, n = i % outputs;
    double sum = getBias() ? state.weight(getBiasAttr())[n] : 0;
    for (size_t k = 0; k < inputs; ++k)
      sum += static_cast<double>(weight[n * inputs + k]) * x[row * inputs + k];
    y[i] = static_cast<float>(sum);
  }
  results.push_back(std::move(y));
  return success();
}

LogicalResult RopeOp::evaluate(EvaluationState &state, ArrayRef<Vector> operands, SmallVectorImpl<Vector> &results) {
  auto table = cast<WeightOp>(state.lookup(getInverseFrequenciesAttr()));
  Vector frequencies = state.weight(getInverseFrequenciesAttr());
  if (LongAttr other = table.getLongTableAttr(); other && state.length > other.getAfter())
    llvm::transform(other.getValues().getValues<APFloat>(), frequencies.begin(),
                    [](const APFloat &value) { return value.convertToFloat(); });
  const std::optional<APFloat> ofTable = table.getFactor(); // of both cosine and sine
  double factor = ofTable ? ofTable->convertToDouble() : 1;
  if (GrowthAttr growth = table.getGrowthAttr())
    factor *= growth.factorAt(static_cast<int64_t>(operands[1][0]));
  Vector y = operands[0];
  const size_t half = getRotated() / 2;
  for (size_t head = 0; head < y.size(); head += getHeadDim()) {
    for (size_t i = 0; i < half; ++i) {
      double angle = operands[1][0] * frequencies[i]; // an fp32 product, as the published implementations have it
      const size_t low = head + (getInterleaved() ? 2 * i : i), high = low + (getInterleaved() ? 1 : half);
      double a = y[low], b = y[high];
      y[low] = static_cast<float>(factor * (a * std::cos(angle) - b * std::sin(angle)));
      y[high] = static_cast<float>(factor * (b * std::cos(angle) + a * std::sin(angle)));
    }
  }
  results.push_back(std::move(y));
  return success();
}

LogicalResult KVAppendOp::evaluate(EvaluationState &state, ArrayRef<Vector> operands, SmallVectorImpl<Vector> &) {
  EvaluationState::Cache &cache = state.cache(getCacheAttr());
  size_t position = static_cast<size_t>(operands[2][0]);
  cache.keys.resize(std::max(cache.keys.size(), position + 1));
  cache.values.resize(std::max(cache.values.size(), position + 1));
  cache.keys[position] = operands[0];
  cache.values[position] = operands[1];
  return success();
}

LogicalResult AttentionOp::evaluate(EvaluationState &state, ArrayRef<Vector> operands,
                                    SmallVectorImpl<Vector> &results) {
  const Vector &q = operands[0];
  size_t position = static_cast<size_t>(operands[1][0]);
  auto cacheOp = cast<CacheOp>(state.lookup(getCacheAttr()));
  const EvaluationState::Cache &cache = state.cache(getCacheAttr());
  const size_t window = getWindow() ? static_cast<size_t>(state.scalar(getWindowAttr())) : 0;
  const size_t first = window > 0 && window <= position ? position + 1 - window : 0;
  for (size_t p = first; p <= position; ++p) {
    if (p >= cache.keys.size() || cache.keys[p].empty())
      return emitOpError() << "position " << p << " is not in the cache";
  }
  size_t headDim = cacheOp.getHeadDim(), heads = getHeads(), group = heads / cacheOp.getKvHeads();
  double scale = getScale().convertToDouble();
  Vector y(q.size());
  for (size_t h = 0; h < heads; ++h) {
    const size_t kvBegin = h / group * headDim;
    std::vector<double> scores(position + 1);
    for (size_t p = first; p <= position; ++p) {
      for (size_t d = 0; d < headDim; ++d)
        scores[p] += static_cast<double>(q[h * headDim + d]) * cache.keys[p][kvBegin + d];
      scores[p] *= scale;
      if (getCap())
        scores[p] = softcap(scores[p], getCap()->convertToDouble());
    }
    double largest = *std::max_element(scores.begin() + first, scores.end()), total = 0;
    for (size_t p = first; p <= position; ++p)
      total += scores[p] = std::exp(scores[p] - largest);
    for (size_t d = 0; d < headDim; ++d) {
      double sum = 0;
      for (size_t p = first; p <= position; ++p)
        sum += scores[p] / total * cache.values[p][kvBegin + d];
      y[h * headDim + d] = static_cast<float>(sum);
    }
  }
  results.push_back(std::move(y));
  return success();
}

LogicalResult SiluOp::evaluate(EvaluationState &, ArrayRef<Vector> operands, SmallVectorImpl<Vector> &results) {
  Vector y = operands[0];
  for (float &x : y)
    x = static_cast<float>(x / (1 + std::exp(-static_cast<double>(x))));
  results.push_back(std::move(y));
  return success();
}

LogicalResult GeluOp::evaluate(EvaluationState &, ArrayRef<Vector> operands, SmallVectorImpl<Vector> &results) {
  const double sqrtHalf = 0.70710678118654752440;
  Vector y = operands[0];
  for (float &element : y) {
    double x = element;
    element = static_cast<float>(0.5 * x * (1 + std::erf(x * sqrtHalf)));
  }
  results.push_back(std::move(y));
  return success();
}

LogicalResult GeluTanhOp::evaluate(EvaluationState &, ArrayRef<Vector> operands, SmallVectorImpl<Vector> &results) {
  const double sqrtTwoOverPi = 0.79788456080286535588;
  Vector y = operands[0];
  for (float &element : y) {
    double x = element;
    element = static_cast<float>(0.5 * x * (1 + std::tanh(sqrtTwoOverPi * (x + 0.044715 * x * x * x))));
  }
  results.push_back(std::move(y));
  return success();
}

LogicalResult ScaleOp::evaluate(EvaluationState &, ArrayRef<Vector> operands, SmallVectorImpl<Vector> &results) {
  Vector y = operands[0];
  for (float &x : y)
    x = static_cast<float>(x * getFactor().convertToDouble());
  results.push_back(std::move(y));
  return success();
}

LogicalResult SoftcapOp::evaluate(EvaluationState &, ArrayRef<Vector> operands, SmallVectorImpl<Vector> &results) {
  Vector y = operands[0];
  for (float &x : y)
    x = static_cast<float>(softcap(x, getCap().convertToDouble()));
  results.push_back(std::move(y));
  return success();
}

LogicalResult MulOp::evaluate(EvaluationState &, ArrayRef<Vector> operands, SmallVectorImpl<Vector> &results) {
  Vector y = operands[0];
  for (size_t i = 0; i < y.size(); ++i)
    y[i] *= operands[1][i];
  results.push_back(std::move(y));
  return success();
}

LogicalResult AddOp::evaluate(EvaluationState &, ArrayRef<Vector> operands, SmallVectorImpl<Vector> &results) {
  Vector y = operands[0];
  for (size_t i = 0; i < y.size(); ++i)
    y[i] += operands[1][i];
  results.push_back(std::move(y));
  return success();
}

LogicalResult ArgmaxOp::evaluate(EvaluationState &, ArrayRef<Vector> operands, SmallVectorImpl<Vector> &results) {
  const Vector &x = operands[0];
  results.push_back({static_cast<float>(std::max_element(x.begin(), x.end()) - x.begin())});
  return success();
}
