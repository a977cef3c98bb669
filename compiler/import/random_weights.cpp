#include "compiler/import/random_weights.h"
#include "compiler/import/convert.h"
#include "runtime/plan/program.h"
#include "runtime/support/fnv1a.h"

#include <algorithm>
#include <cmath>

namespace cadenza {
namespace {

constexpr uint64_t goldenGamma = 0x9e3779b97f4a7c15u;

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

struct Distribution {
  float mean;
  float deviation;
};

Distribution distributionOf(const WeightSpec &spec) {
  if (spec.shape.size() == 1)
    return {(spec.role.ends_with("norm.weight") ? 1.0f : 0.0f) - spec.plus, 0.1f};
  bool logits = spec.role == "embedding.weight" || spec.role == "head.weight";
  return {0.0f, (logits ? 3.0f : 1.0f) / std::sqrt(static_cast<float>(spec.columns()))};
}

class RandomWeights : public WeightSource {
public:
  explicit RandomWeights(uint64_t seed) : seed_(seed) {}
  std::string describe() const override { return "random:" + std::to_string(seed_); }

protected:
  Status readRows(const WeightSpec &spec, int64_t firstRow, int64_t rows, DType dtype,
                  std::span<std::byte> out) const override {
    // The sum of four uniforms on 0..65535 has mean 131070 and variance 4 * (65536^2 - 1) / 12.
    constexpr float sumMean = 131070.0f;
    constexpr float sumDeviation = 37837.2f;
    Distribution distribution = distributionOf(spec);
    float scale = distribution.deviation / sumDeviation;
    float shift = distribution.mean - sumMean * scale;

    uint64_t key = mix(mix(seed_ + goldenGamma) ^ fnv1a(spec.role));
    uint64_t counter = key + static_cast<uint64_t>(firstRow) * static_cast<uint64_t>(spec.columns()) * goldenGamma;
    size_t total = static_cast<size_t>(rows * spec.columns());
    constexpr size_t blockSize = 1024;
    float values[blockSize];
    for (size_t done = 0; done < total; done += blockSize) {
      size_t n = std::min(blockSize, total - done);
      for (size_t i = 0; i < n; ++i, counter += goldenGamma) {
        uint64_t bits = mix(counter);
        uint64_t pairs = (bits & 0x0000ffff0000ffffu) + ((bits >> 16) & 0x0000ffff0000ffffu);
        auto sum = static_cast<int32_t>((pairs & 0xffffffffu) + (pairs >> 32));
        values[i] = static_cast<float>(sum) * scale + shift;
      }
      convert(reinterpret_cast<const std::byte *>(values), DType::f32, spec.dtype, dtype,
              out.data() + done * dtypeSize(dtype), n);
    }
    return Status::ok();
  }

  Status readElements(const WeightSpec &spec, std::span<std::byte> out) const override {
    if (!isActivation(spec.dtype))
      return {StatusCode::Unsupported, "weight '" + spec.role + "' of " + std::string(dtypeName(spec.dtype)) +
                                           ": only floats of 16 and 32 bits are made up"};
    WeightSpec rows = spec; // of the last axis
    const auto elements = static_cast<int64_t>(out.size() / dtypeSize(spec.dtype));
    if (spec.shape.size() != 1)
      rows.shape = {spec.shape.empty() ? 1 : elements / spec.shape.back(), spec.shape.empty() ? 1 : spec.shape.back()};
    return readRows(rows, 0, rows.rows(), spec.dtype, out);
  }

private:
  uint64_t seed_;
};

} // namespace

std::unique_ptr<WeightSource> makeRandomWeights(uint64_t seed) { return std::make_unique<RandomWeights>(seed); }

} // namespace cadenza
