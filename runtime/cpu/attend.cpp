// attend: softmax(scale * q k) v, the scores capped if it has a cap, over the positions so far, or the last ones of
// them that a window holds. Query head h reads kv head h / (heads / kv_heads). Scores, softmax and the weighted sum are
// fp32, positions in order; `splits` is for GPUs.
#include "runtime/cpu/phase.h"
#include "runtime/cpu/products.h"
#include "runtime/support/float16.h"

#include <algorithm>
#include <cmath>

namespace cadenza::cpu {
namespace {

class Attend final : public Body {
public:
  explicit Attend(BodyBinding b)
      : input_(b.phase.inputs[0]), cache_(b.phase.caches[0]), window_(b.phase.scalars),
        prologue_(std::move(b.prologue)), heads_(b.phase.parameters.at("heads").get<int64_t>()),
        kvHeads_(b.phase.parameters.at("kv_heads").get<int64_t>()),
        headDim_(b.phase.parameters.at("head_dim").get<int64_t>()), scale_(b.phase.parameters.at("scale").get<float>()),
        cap_(b.phase.parameters.value("cap", 0.0f)), queries_(b.batch * size()), results_(b.batch * size()),
        scores_(heads_ * b.machine.context) {}

  int64_t size() const { return heads_ * headDim_; }

  /// A thread takes a head, of all tokens: their keys and values are the same but for the last few.
  void prepare(const Batch &batch) override {
    first_ = batch.first;
    ThreadPool &pool = batch.machine.pool;
    pool.parallelFor(batch.count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const Segment query = ofToken(queries_, i);
        batch.token(i).readEdge(input_, query);
        if (prologue_)
          prologue_(batch.machine, query);
      }
    });
    pool.parallelFor(heads_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t head = begin; head < end; ++head)
        for (int64_t i = 0; i < batch.count; ++i)
          attendHead(batch.token(i), head, ofToken(queries_, i).subspan(head * headDim_, headDim_),
                     ofToken(results_, i).subspan(head * headDim_, headDim_));
    });
  }

  void run(const Token &token, std::span<const Segment> segments) override {
    const Segment result = ofToken(results_, token.index - first_);
    std::copy(result.begin(), result.end(), segments[0].begin());
  }

private:
  Segment ofToken(std::vector<float> &values, int64_t i) const {
    return {values.data() + i * size(), static_cast<size_t>(size())};
  }

  void attendHead(const Token &token, int64_t head, std::span<const float> query, Segment out) {
    const Machine &machine = token.machine;
    uint32_t index = machine.cacheIndex(cache_);
    DType dtype = machine.program.caches[index].dtype;
    uint64_t rowBytes = headDim_ * dtypeSize(dtype);
    const CacheStorage &cache = machine.caches[index];
    uint64_t headOffset = head / (heads_ / kvHeads_) * cache.positions * rowBytes;
    const std::byte *keys = cache.keys.data() + headOffset;
    const std::byte *values = cache.values.data() + headOffset;
    int64_t length = token.position + 1, first = 0;
    if (const int64_t window = window_.empty() ? 0 : machine.scalar(window_[0]); window > 0 && window < length) {
      first = length - window;
      length = window;
    }
    const auto row = [&](int64_t p) { return (first + p) % cache.positions * rowBytes; };
    std::span scores(scores_.data() + head * machine.context, static_cast<size_t>(length));

    for (int64_t p = 0; p < length; ++p)
      scores[p] = scale_ * dot(query.data(), dtype, keys + row(p), headDim_);
    if (cap_ > 0)
      for (float &score : scores)
        score = cap_ * std::tanh(score / cap_);
    float largest = *std::max_element(scores.begin(), scores.end());
    float sum = 0.0f;
    for (float &score : scores)
      sum += score = std::exp(score - largest);

    std::fill(out.begin(), out.end(), 0.0f);
    for (int64_t p = 0; p < length; ++p)
      accumulate(dtype, values + row(p), scores[p], out);
    for (float &x : out)
      x /= sum;
  }

  /// out += weight * values
  static void accumulate(DType dtype, const std::byte *values, float weight, Segment out) {
    const auto *bits = reinterpret_cast<const uint16_t *>(values);
    const auto *floats = reinterpret_cast<const float *>(values);
    if (dtype == DType::bf16)
      for (size_t i = 0; i < out.size(); ++i)
        out[i] += weight * bf16ToFloat(bits[i]);
    else if (dtype == DType::f16)
      for (size_t i = 0; i < out.size(); ++i)
        out[i] += weight * f16ToFloat(bits[i]);
    else
      for (size_t i = 0; i < out.size(); ++i)
        out[i] += weight * floats[i];
  }

  uint32_t input_;
  Ref cache_;
  std::vector<Ref> window_; // none, or one
  Prologue prologue_;
  int64_t heads_, kvHeads_, headDim_;
  float scale_;
  float cap_;                            // 0: none
  std::vector<float> queries_, results_; // of a batch, which begins at first_: [tokens][heads * headDim]
  int64_t first_ = 0;
  std::vector<float> scores_; // [heads][context]
};

} // namespace

BoundBody bindAttend(BodyBinding b) {
  auto body = std::make_unique<Attend>(std::move(b));
  int64_t size = body->size();
  return {std::move(body), {size}};
}

} // namespace cadenza::cpu
