#include "runtime/support/encoding_name.h"

#include <array>

namespace cadenza {
namespace {

constexpr std::array<std::string_view, encoding_kind_count> kinds = {"vector", "rope_table", "tiles16", "int8", "int4",
                                                                     "fp8",    "tensor",     "q4_k",    "q5_k", "q6_k"};
constexpr std::array<std::string_view, 3> scales = {"f32", "f16", "bf16"};

} // namespace

std::string encodingName(const Encoding &encoding) {
  std::string name(kinds[encoding.kind]);
  if (encoding.group != Encoding(encoding.kind).group)
    name += ":g" + std::to_string(encoding.group);
  if (encoding.zeros)
    name += has_super_blocks(encoding) ? ":minima" : ":zeros";
  if (encoding.scale != Encoding::usual_scale(encoding.kind, encoding.group))
    name += ":" + std::string(scales[encoding.scale]);
  return name;
}

std::vector<Encoding> matrixEncodings() {
  std::vector<Encoding> encodings;
  for (const Encoding::Kind kind : {Encoding::tiles16, Encoding::int8, Encoding::int4, Encoding::fp8})
    for (const int group : {0, 32, 64, 128})
      for (const bool zeros : {false, true})
        for (const Encoding::Scale scale : {Encoding::f32, Encoding::f16, Encoding::bf16})
          if (const Encoding encoding(kind, group, zeros, scale); is_valid(encoding))
            encodings.push_back(encoding);
  for (const Encoding::Kind kind : {Encoding::q4_k, Encoding::q5_k, Encoding::q6_k})
    encodings.emplace_back(kind);
  encodings.emplace_back(Encoding::q6_k, 16, true, Encoding::f16);
  return encodings;
}

std::optional<Encoding> encodingNamed(std::string_view name) {
  for (const Encoding::Kind kind : {Encoding::vector, Encoding::rope_table, Encoding::tensor})
    if (name == kinds[kind])
      return Encoding(kind);
  for (const Encoding &encoding : matrixEncodings())
    if (name == encodingName(encoding))
      return encoding;
  return std::nullopt;
}

std::string_view matrixEncodingSyntax() {
  return "tiles16, int8, int8:g32, int4 (of groups of 128 columns), int4:g64, int4:zeros, fp8, fp8:g128: groups of 32, "
         "64 or 128 (:g32, :g64, :g128), then zeros of int4 (:zeros), then the type of groups' scales (:f16, :bf16, "
         ":f32); q4_k, q5_k, q6_k, q6_k:minima";
}

} // namespace cadenza
