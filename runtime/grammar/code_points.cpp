#include "runtime/grammar/code_points.h"

#include <algorithm>
#include <array>
#include <optional>

namespace cadenza::grammar {
namespace {

std::string utf8Of(uint32_t code) {
  std::string out;
  const auto more = [&](int shift) { out += static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    more(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    more(6), more(0);
  } else {
    out += static_cast<char>(0xf0 | code >> 18);
    more(12), more(6), more(0);
  }
  return out;
}

/// The edges of ranges of characters with the same number of bytes, with common ends.
class Utf8Edges {
public:
  Utf8Edges(GrammarBuilder &builder, Node to) : builder_(builder), to_(to) {}

  /// first and last have `bytes` bytes.
  void add(Node from, uint32_t first, uint32_t last, int bytes) { range(from, first, last, bytes, bytes); }

private:
  /// The last `left` of `bytes` bytes: characters from first to last, in the bits of those bytes.
  void range(Node from, uint32_t first, uint32_t last, int left, int bytes) {
    const int shift = 6 * (left - 1);
    const uint32_t mask = (1u << shift) - 1;
    const bool isWhole = (first & mask) == 0 && (last & mask) == mask; // all that may follow the lead byte
    if (first >> shift == last >> shift && !isWhole) {
      const Node next = builder_.node();
      byte(from, first >> shift, first >> shift, left == bytes, bytes, next);
      range(next, first & mask, last & mask, left - 1, bytes);
      return;
    }
    if ((first & mask) != 0) { // the first lead byte does not go with all that may follow
      range(from, first, first | mask, left, bytes);
      first = (first | mask) + 1;
    }
    if ((last & mask) != mask) {
      range(from, last & ~mask, last, left, bytes);
      if ((last & ~mask) == 0)
        return;
      last = (last & ~mask) - 1;
    }
    if (first <= last)
      byte(from, first >> shift, last >> shift, left == bytes, bytes, any(left - 1));
  }

  void byte(Node from, uint32_t first, uint32_t last, bool isLead, int bytes, Node next) {
    constexpr std::array<uint32_t, 5> leads = {0, 0, 0xc0, 0xe0, 0xf0};
    const uint32_t base = isLead ? leads[static_cast<size_t>(bytes)] : 0x80;
    builder_.byteEdge(from, static_cast<uint8_t>(base + first), static_cast<uint8_t>(base + last), next);
  }

  /// The node from which any `count` more bytes lead to `to`.
  Node any(int count) {
    if (count == 0)
      return to_;
    std::optional<Node> &node = any_[static_cast<size_t>(count)];
    if (!node) {
      node = builder_.node();
      builder_.byteEdge(*node, 0x80, 0xbf, any(count - 1));
    }
    return *node;
  }

  GrammarBuilder &builder_;
  Node to_;
  std::array<std::optional<Node>, 4> any_;
};

void addPath(GrammarBuilder &builder, Node from, Node to, std::string_view bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    const Node next = i + 1 == bytes.size() ? to : builder.node();
    builder.byteEdge(from, static_cast<uint8_t>(bytes[i]), static_cast<uint8_t>(bytes[i]), next);
    from = next;
  }
}

bool needsEscape(uint32_t code) { return code < 0x20 || code == '"' || code == '\\'; }

} // namespace

std::vector<uint32_t> codePoints(std::string_view text) {
  std::vector<uint32_t> result;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i++]);
    const int more = lead < 0xc0 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    uint32_t code = more > 0 ? lead & (0x3fu >> more) : lead;
    for (int left = more; left > 0 && i < text.size(); --left)
      code = code << 6 | (static_cast<uint8_t>(text[i++]) & 0x3f);
    result.push_back(code);
  }
  return result;
}

CodeSet normalized(CodeSet ranges) {
  std::sort(ranges.begin(), ranges.end(), [](CodeRange a, CodeRange b) { return a.first < b.first; });
  CodeSet result;
  for (CodeRange range : ranges) {
    if (!result.empty() && range.first <= result.back().last + 1)
      result.back().last = std::max(result.back().last, range.last);
    else
      result.push_back(range);
  }
  return result;
}

CodeSet complement(const CodeSet &set) {
  CodeSet result;
  uint32_t next = 0;
  for (CodeRange range : set) {
    if (range.first > next)
      result.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= lastCodePoint)
    result.push_back({next, lastCodePoint});
  return result;
}

std::string spell(uint32_t code, Spelling spelling) {
  if (spelling == Spelling::Utf8 || !needsEscape(code))
    return utf8Of(code);
  constexpr std::string_view escaped = "\"\\\b\f\n\r\t", letters = "\"\\bfnrt";
  if (const size_t at = escaped.find(static_cast<char>(code)); at != std::string_view::npos)
    return {'\\', letters[at]};
  constexpr std::string_view digits = "0123456789abcdef";
  return std::string("\\u00") + digits[code >> 4] + digits[code & 15];
}

std::string spellJson(std::string_view text) {
  std::string result;
  for (char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    result += byte < 0x80 ? spell(byte, Spelling::JsonString) : std::string(1, c);
  }
  return result;
}

void addCodePoints(GrammarBuilder &builder, Node from, Node to, const CodeSet &set, Spelling spelling) {
  struct Length {
    uint32_t first, last;
    int bytes;
  };
  constexpr Length lengths[] = {
      {0, 0x7f, 1}, {0x80, 0x7ff, 2}, {0x800, 0xd7ff, 3}, {0xe000, 0xffff, 3}, {0x10000, lastCodePoint, 4}};
  Utf8Edges edges(builder, to);
  const auto addAsIs = [&](uint32_t first, uint32_t last) {
    for (const Length &length : lengths)
      if (const uint32_t begin = std::max(first, length.first), end = std::min(last, length.last); begin <= end)
        edges.add(from, begin, end, length.bytes);
  };
  for (CodeRange range : set) {
    uint32_t first = range.first;
    for (uint32_t code = range.first; spelling == Spelling::JsonString && code <= std::min(range.last, uint32_t{'\\'});
         ++code) {
      if (!needsEscape(code))
        continue;
      if (first < code)
        addAsIs(first, code - 1);
      addPath(builder, from, to, spell(code, spelling));
      first = code + 1;
    }
    if (first <= range.last)
      addAsIs(first, range.last);
  }
}

} // namespace cadenza::grammar
