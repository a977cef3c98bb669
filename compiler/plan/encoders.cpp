#include "compiler/plan/encoders.h"

namespace cadenza {
namespace {

constexpr Encoder asRead{std::nullopt, nullptr};

} // namespace

const Encoder &encoderOf(Encoding encoding) {
  switch (encoding) {
  case Encoding::vector:
  case Encoding::rope_table:
  case Encoding::tiles16:
    break;
  }
  return asRead;
}

} // namespace cadenza
