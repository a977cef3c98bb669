// What the kernel tests share: 16-bit values, packed matrices, launches by configuration.
#pragma once

#include "test/emulation/driver_test.h"
#include "test/emulation_kernels/configs.cuh"
#include "test/packed_matrix.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

namespace cadenza::emulation {

using test::packMatrix;
using Words = std::vector<uint64_t>;

/// A kernel argument: an address or a number.
template <typename T> uint64_t word(T *address) { return reinterpret_cast<uint64_t>(address); }
inline uint64_t word(uint64_t value) { return value; }

/// A float as storage type T holds it, and its bits.
template <class T> uint16_t bits(float x) { return arch::from_float<T>(x).bits; }
template <class T> float rounded(float x) { return arch::to_float(arch::from_float<T>(x)); }
template <class T> std::vector<uint16_t> bits(const std::vector<float> &values) {
  std::vector<uint16_t> result;
  for (float x : values)
    result.push_back(bits<T>(x));
  return result;
}
template <class T> std::vector<float> rounded(std::vector<float> values) {
  for (float &x : values)
    x = rounded<T>(x);
  return values;
}
template <class T> std::vector<float> floats(const std::vector<uint16_t> &values) {
  std::vector<float> result;
  for (uint16_t x : values)
    result.push_back(arch::to_float(T{x}));
  return result;
}

/// A matrix [rows][columns] in packed tiles; see runtime/plan/program.h.
template <class T> std::vector<uint16_t> pack(const std::vector<float> &matrix, int rows, int columns) {
  const int padded = (columns + 31) / 32 * 32;
  std::vector<uint16_t> packed(static_cast<size_t>((rows + 15) / 16 * 16 * padded));
  for (int n = 0; n < rows; ++n)
    for (int k = 0; k < columns; ++k)
      packed[static_cast<size_t>((n / 16 * (padded / 32) + k / 32) * 512 + n % 16 * 32 + k % 32)] =
          bits<T>(matrix[static_cast<size_t>(n * columns + k)]);
  return packed;
}

class KernelTest : public DriverTest {
protected:
  std::vector<float> random(int count, float scale = 1.0f) {
    std::vector<float> values(static_cast<size_t>(count));
    std::uniform_real_distribution<float> uniform(-scale, scale);
    for (float &x : values)
      x = uniform(generator_);
    return values;
  }

  /// What a launch of a kernel has.
  struct Geometry {
    int blocks, threads, sharedBytes, words;
    int cluster = 1;

    template <class Instance> static Geometry of() {
      Geometry geometry{Instance::blocks, Instance::threads, Instance::shared_bytes, Instance::words};
      if constexpr (requires { Instance::cluster; })
        geometry.cluster = Instance::cluster;
      return geometry;
    }
  };
  /// Launches Template<Config>, named `name`, and waits.
  template <class Instance> void run(const std::string &name, const Words &words) {
    run(name, Geometry::of<Instance>(), words, "templates");
  }
  void run(const std::string &name, const Geometry &geometry, const Words &words, const std::string &file) {
    start(name, geometry, words, file);
    ASSERT_EQ(finish(), CUDA_SUCCESS) << message();
  }
  /// Launches a kernel of the module `file`. dependent: it may overlap the launch before it.
  void start(const std::string &name, const Geometry &geometry, Words words, const std::string &file,
             bool dependent = false) {
    ASSERT_EQ(words.size(), static_cast<size_t>(geometry.words));
    words.resize(32);
    std::array<uint64_t, 32> arguments;
    std::copy(words.begin(), words.end(), arguments.begin());
    std::vector<CUlaunchAttribute> attributes;
    if (geometry.cluster > 1) {
      attributes.push_back(attribute(CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION));
      attributes.back().value.clusterDim = {static_cast<unsigned>(geometry.cluster), 1, 1};
    }
    if (dependent)
      attributes.push_back(attribute(CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION));
    const CUfunction function = kernel(name, file);
    if (geometry.sharedBytes > 48 * 1024) {
      ASSERT_EQ(cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, geometry.sharedBytes),
                CUDA_SUCCESS);
    }
    ASSERT_EQ(launch(function, static_cast<unsigned>(geometry.blocks), static_cast<unsigned>(geometry.threads),
                     arguments, static_cast<unsigned>(geometry.sharedBytes), attributes),
              CUDA_SUCCESS)
        << message();
  }

  void reseed() { generator_.seed(1); }

  static DecodeState at(int position) {
    DecodeState state{};
    state.position = position;
    state.next_position = position + 1;
    return state;
  }
  DecodeState *uploadState(const DecodeState &state) { return upload(std::vector<DecodeState>{state}); }

  static void expectNear(const std::vector<float> &actual, const std::vector<double> &expected, double tolerance) {
    ASSERT_EQ(actual.size(), expected.size());
    double difference = 0, norm = 0;
    for (size_t i = 0; i < actual.size(); ++i) {
      difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
      norm += expected[i] * expected[i];
      ASSERT_NEAR(actual[i], expected[i], 20 * tolerance * (1 + std::fabs(expected[i]))) << "element " << i;
    }
    EXPECT_LE(std::sqrt(difference), tolerance * std::sqrt(norm));
  }

private:
  std::mt19937 generator_{1};
};

// References in double precision -------------------------------------------------------------------------------------

inline std::vector<double> multiply(const std::vector<float> &matrix, const std::vector<float> &x) {
  const size_t columns = x.size();
  std::vector<double> y(matrix.size() / columns);
  for (size_t n = 0; n < y.size(); ++n)
    for (size_t k = 0; k < columns; ++k)
      y[n] += static_cast<double>(matrix[n * columns + k]) * x[k];
  return y;
}

template <typename T> double rmsFactor(const T *x, size_t size, double eps) {
  double sum = 0;
  for (size_t i = 0; i < size; ++i)
    sum += static_cast<double>(x[i]) * x[i];
  return 1 / std::sqrt(sum / static_cast<double>(size) + eps);
}

inline std::vector<double> rmsNorm(std::vector<double> x, const std::vector<float> &gamma, double eps) {
  const size_t group = gamma.size();
  for (size_t first = 0; first < x.size(); first += group) {
    const double factor = rmsFactor(&x[first], group, eps);
    for (size_t i = 0; i < group; ++i)
      x[first + i] *= factor * gamma[i];
  }
  return x;
}

/// beta may be empty.
inline std::vector<double> layerNorm(std::vector<double> x, const std::vector<float> &gamma,
                                     const std::vector<float> &beta, double eps) {
  const size_t group = gamma.size();
  for (size_t first = 0; first < x.size(); first += group) {
    double mean = 0;
    for (size_t i = 0; i < group; ++i)
      mean += x[first + i] / static_cast<double>(group);
    for (size_t i = 0; i < group; ++i)
      x[first + i] -= mean;
    const double factor = rmsFactor(&x[first], group, eps);
    for (size_t i = 0; i < group; ++i)
      x[first + i] = x[first + i] * factor * gamma[i] + (beta.empty() ? 0 : beta[i]);
  }
  return x;
}

/// angles: [rotary/2][2], (cos, sin) of one position.
inline std::vector<double> rope(const std::vector<double> &x, const float *angles, size_t headDim, size_t rotary) {
  std::vector<double> y = x;
  for (size_t first = 0; first < x.size(); first += headDim)
    for (size_t i = 0; i < rotary / 2; ++i) {
      const double a = x[first + i], b = x[first + i + rotary / 2], cosine = angles[2 * i], sine = angles[2 * i + 1];
      y[first + i] = a * cosine - b * sine;
      y[first + i + rotary / 2] = b * cosine + a * sine;
    }
  return y;
}

} // namespace cadenza::emulation
