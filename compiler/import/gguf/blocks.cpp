#include "compiler/import/gguf/blocks.h"
#include "compiler/import/convert.h"

#include <array>
#include <cmath>
#include <cstring>

namespace cadenza::gguf {
namespace {

/// One block: its bytes, and where what is in it goes.
struct Block {
  const uint8_t *bytes;
  int16_t *codes;
  float *scales;
  float *minima;
  // Of super-blocks alone:
  float *d, *dmin; // one each
  int16_t *subScales, *subMinima;

  float half(size_t at) const {
    float value;
    convert(reinterpret_cast<const std::byte *>(bytes + at), DType::f16, DType::f32, DType::f32,
            reinterpret_cast<std::byte *>(&value), 1);
    return value;
  }
};

/// Of a super-block, in which groups have integers for scales, and perhaps for minima.
void setFactors(const Block &block, float d, float dmin) {
  *block.d = d;
  if (block.dmin)
    *block.dmin = dmin;
}
void setScale(const Block &block, int group, int scale) {
  block.subScales[group] = static_cast<int16_t>(scale);
  block.scales[group] = *block.d * static_cast<float>(scale);
}
void setMinimum(const Block &block, int group, int minimum) {
  block.subMinima[group] = static_cast<int16_t>(minimum);
  block.minima[group] = -(*block.dmin * static_cast<float>(minimum));
}

int low(uint8_t byte) { return byte & 15; }
int high(uint8_t byte) { return byte >> 4; }

/// 32 codes of 4 bits: the low halves of 16 bytes, then the high ones.
void readNibbles(const uint8_t *bytes, int16_t *codes) {
  for (int i = 0; i < 16; ++i) {
    codes[i] = static_cast<int16_t>(low(bytes[i]));
    codes[i + 16] = static_cast<int16_t>(high(bytes[i]));
  }
}

/// Adds a fifth bit to 32 codes, code i's being bit i of a little-endian word.
void addFifthBits(const uint8_t *bytes, int16_t *codes) {
  for (int i = 0; i < 32; ++i)
    codes[i] = static_cast<int16_t>(codes[i] | (bytes[i / 8] >> (i % 8) & 1) << 4);
}

void add(int16_t *codes, int count, int offset) {
  for (int i = 0; i < count; ++i)
    codes[i] = static_cast<int16_t>(codes[i] + offset);
}

void readQ4_0(const Block &block) { // half d, 16 bytes; value d * (code - 8)
  block.scales[0] = block.half(0);
  readNibbles(block.bytes + 2, block.codes);
  add(block.codes, 32, -8);
}

void readQ4_1(const Block &block) { // half d, half m, 16 bytes
  block.scales[0] = block.half(0);
  block.minima[0] = block.half(2);
  readNibbles(block.bytes + 4, block.codes);
}

void readQ5_0(const Block &block) { // half d, 4 bytes of fifth bits, 16 bytes; value d * (code - 16)
  block.scales[0] = block.half(0);
  readNibbles(block.bytes + 6, block.codes);
  addFifthBits(block.bytes + 2, block.codes);
  add(block.codes, 32, -16);
}

void readQ5_1(const Block &block) { // half d, half m, 4 bytes of fifth bits, 16 bytes
  block.scales[0] = block.half(0);
  block.minima[0] = block.half(2);
  readNibbles(block.bytes + 8, block.codes);
  addFifthBits(block.bytes + 4, block.codes);
}

void readQ8_0(const Block &block) { // half d, 32 int8
  block.scales[0] = block.half(0);
  for (int i = 0; i < 32; ++i)
    block.codes[i] =
        static_cast<int16_t>(static_cast<int8_t>(block.bytes[2 + i])); // NOLINT(bugprone-signed-char-misuse): signed
}

void readIq4Nl(const Block &block) { // half d, 16 bytes of indices of a table
  block.scales[0] = block.half(0);
  readNibbles(block.bytes + 2, block.codes);
}

/// An exponent of base 2, bias 127, and 16 bytes of e2m1.
void readMxfp4(const Block &block) {
  block.scales[0] = block.bytes[0] == 255 ? std::nanf("") : std::ldexp(1.0F, block.bytes[0] - 127);
  readNibbles(block.bytes + 1, block.codes);
  for (int i = 0; i < 32; ++i)
    if (block.codes[i] == 8) // the negative zero: ggml's table of integers has none
      block.codes[i] = 0;
}

/// 16 bytes of a 4-bit scale and a 4-bit minimum, 64 bytes, half d, half dmin. Byte 32 h + i has columns 128 h + i,
/// + 32, + 64 and + 96.
void readQ2K(const Block &block) {
  const float d = block.half(80), dmin = block.half(82);
  for (int group = 0; group < 16; ++group) {
    block.scales[group] = d * static_cast<float>(low(block.bytes[group]));
    block.minima[group] = -(dmin * static_cast<float>(high(block.bytes[group])));
  }
  for (int column = 0; column < 256; ++column)
    block.codes[column] =
        static_cast<int16_t>(block.bytes[16 + column / 128 * 32 + column % 32] >> (column % 128 / 32 * 2) & 3);
}

/// 32 bytes of third bits, 64 bytes as in Q2_K, 12 bytes of 6-bit scales, half d. Value d * (scale - 32) * (code - 4).
void readQ3K(const Block &block) {
  const uint8_t *scales = block.bytes + 96;
  const float d = block.half(108);
  for (int group = 0; group < 16; ++group) {
    const int lowBits = group < 8 ? low(scales[group]) : high(scales[group - 8]);
    const int highBits = scales[8 + group % 4] >> (group / 4 * 2) & 3;
    block.scales[group] = d * static_cast<float>((lowBits | highBits << 4) - 32);
  }
  for (int column = 0; column < 256; ++column) {
    const int lowBits = block.bytes[32 + column / 128 * 32 + column % 32] >> (column % 128 / 32 * 2) & 3;
    const int highBit = block.bytes[column % 32] >> (column / 32) & 1;
    block.codes[column] = static_cast<int16_t>((lowBits | highBit << 2) - 4);
  }
}

/// The 6-bit scales and minima of 8 groups in 12 bytes, as Q4_K and Q5_K have them, times d and dmin.
void readScalesOf8(const Block &block, const uint8_t *bytes) {
  setFactors(block, block.half(0), block.half(2));
  for (int group = 0; group < 4; ++group) {
    const uint8_t first = bytes[group], second = bytes[4 + group], rest = bytes[8 + group];
    setScale(block, group, first & 63);
    setMinimum(block, group, second & 63);
    setScale(block, group + 4, low(rest) | (first >> 6) << 4);
    setMinimum(block, group + 4, high(rest) | (second >> 6) << 4);
  }
}

/// 256 codes of 4 bits: 32 bytes have the low halves of 32 columns and the high ones of the next 32.
void readNibblesOf256(const uint8_t *bytes, int16_t *codes) {
  for (int column = 0; column < 256; ++column) {
    const uint8_t byte = bytes[column / 64 * 32 + column % 32];
    codes[column] = static_cast<int16_t>(column % 64 < 32 ? low(byte) : high(byte));
  }
}

void readQ4K(const Block &block) { // half d, half dmin, 12 bytes of scales, 128 bytes
  readScalesOf8(block, block.bytes + 4);
  readNibblesOf256(block.bytes + 16, block.codes);
}

void readQ5K(const Block &block) { // half d, half dmin, 12 bytes of scales, 32 bytes of fifth bits, 128 bytes
  readScalesOf8(block, block.bytes + 4);
  readNibblesOf256(block.bytes + 48, block.codes);
  for (int column = 0; column < 256; ++column)
    block.codes[column] =
        static_cast<int16_t>(block.codes[column] | (block.bytes[16 + column % 32] >> (column / 32) & 1) << 4);
}

/// 128 bytes of low halves, 64 bytes of two high bits, 16 int8 scales, half d. Value d * scale * (code - 32).
void readQ6K(const Block &block) {
  setFactors(block, block.half(208), 0);
  for (int group = 0; group < 16; ++group)
    setScale(block, group,
             static_cast<int8_t>(block.bytes[192 + group])); // NOLINT(bugprone-signed-char-misuse): signed
  for (int column = 0; column < 256; ++column) {
    const int half = column / 128, inHalf = column % 128;
    const uint8_t byte = block.bytes[half * 64 + inHalf % 64];
    const int lowBits = inHalf < 64 ? low(byte) : high(byte);
    const int highBits = block.bytes[128 + half * 32 + column % 32] >> (inHalf / 32 * 2) & 3;
    block.codes[column] = static_cast<int16_t>((lowBits | highBits << 4) - 32);
  }
}

struct Layout {
  std::string_view name;
  StoredFormat format;
  void (*read)(const Block &block);
};

constexpr StoredFormat integers(int bits, bool isSigned, int64_t group, bool minima, DType scales) {
  return {.bits = bits, .is_signed = isSigned, .group = group, .has_minima = minima, .scales = scales};
}

/// The same of a super-block with factors of its own.
constexpr StoredFormat superBlock(StoredFormat format) {
  format.super_block = 256;
  return format;
}

constexpr std::array layouts = {
    Layout{"Q4_0", integers(4, true, 32, false, DType::f16), readQ4_0},
    Layout{"Q4_1", integers(4, false, 32, true, DType::f16), readQ4_1},
    Layout{"Q5_0", integers(5, true, 32, false, DType::f16), readQ5_0},
    Layout{"Q5_1", integers(5, false, 32, true, DType::f16), readQ5_1},
    Layout{"Q8_0", integers(8, true, 32, false, DType::f16), readQ8_0},
    // Products of a half and an integer of up to 8 bits: exact in fp32.
    Layout{"Q2_K", integers(2, false, 16, true, DType::f32), readQ2K},
    Layout{"Q3_K", integers(3, true, 16, false, DType::f32), readQ3K},
    Layout{"Q4_K", superBlock(integers(4, false, 32, true, DType::f32)), readQ4K},
    Layout{"Q5_K", superBlock(integers(5, false, 32, true, DType::f32)), readQ5K},
    Layout{"Q6_K", superBlock(integers(6, true, 16, false, DType::f32)), readQ6K},
    Layout{"IQ4_NL", {.kind = CodeKind::iq4_nl, .bits = 4, .group = 32, .scales = DType::f16}, readIq4Nl},
    // Powers of two from 2^-127 on, which bf16 holds, the smallest as a subnormal number.
    Layout{"MXFP4", {.kind = CodeKind::e2m1, .bits = 4, .group = 32, .scales = DType::bf16}, readMxfp4},
};

const Layout *findLayout(std::string_view name) {
  for (const Layout &layout : layouts)
    if (layout.name == name)
      return &layout;
  return nullptr;
}

bool allFinite(const std::vector<float> &values) {
  for (float value : values)
    if (!std::isfinite(value))
      return false;
  return true;
}

} // namespace

std::optional<StoredFormat> blockFormat(const TensorType &type) {
  const Layout *layout = findLayout(type.name);
  return layout ? std::optional(layout->format) : std::nullopt;
}

bool readBlocks(const TensorType &type, std::span<const std::byte> blocks, StoredRows &rows) {
  const Layout &layout = *findLayout(type.name);
  const size_t count = blocks.size() / type.blockBytes;
  const auto groups = static_cast<size_t>(type.blockElements / layout.format.group);
  rows.codes.resize(count * static_cast<size_t>(type.blockElements));
  rows.scales.resize(count * groups);
  rows.minima.resize(layout.format.has_minima ? count * groups : 0);
  rows.zeros.clear();
  const bool supers = layout.format.super_block != 0, minima = layout.format.has_minima;
  rows.super_scales.resize(supers ? count : 0);
  rows.sub_scales.resize(supers ? count * groups : 0);
  rows.super_minima.resize(supers && minima ? count : 0);
  rows.sub_minima.resize(supers && minima ? count * groups : 0);
  for (size_t i = 0; i < count; ++i)
    layout.read({.bytes = reinterpret_cast<const uint8_t *>(blocks.data()) + i * type.blockBytes,
                 .codes = rows.codes.data() + i * static_cast<size_t>(type.blockElements),
                 .scales = rows.scales.data() + i * groups,
                 .minima = minima ? rows.minima.data() + i * groups : nullptr,
                 .d = supers ? rows.super_scales.data() + i : nullptr,
                 .dmin = supers && minima ? rows.super_minima.data() + i : nullptr,
                 .subScales = supers ? rows.sub_scales.data() + i * groups : nullptr,
                 .subMinima = supers && minima ? rows.sub_minima.data() + i * groups : nullptr});
  return allFinite(rows.scales) && allFinite(rows.minima);
}

} // namespace cadenza::gguf
