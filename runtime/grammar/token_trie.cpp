#include "runtime/grammar/token_trie.h"

#include <algorithm>
#include <array>

namespace cadenza::grammar {
namespace {

constexpr size_t longestToken = 4096; // a longer one is never allowed

/// What may come next in valid UTF-8: a character, or the rest of one.
enum Phase : uint8_t { Character, One, Two, Three, AfterE0, AfterEd, AfterF0, AfterF4, Phases };

/// The phase after a byte of text; Phases if it does not fit.
constexpr Phase after(Phase phase, uint8_t byte) {
  const auto in = [&](uint8_t first, uint8_t last, Phase next) {
    return first <= byte && byte <= last ? next : Phases;
  };
  switch (phase) {
  case Character:
    if (byte < 0x80)
      return byte >= 0x20 && byte != '"' && byte != '\\' ? Character : Phases;
    if (byte < 0xe0)
      return in(0xc2, 0xdf, One);
    if (byte < 0xf0)
      return byte == 0xe0 ? AfterE0 : byte == 0xed ? AfterEd : Two;
    return byte == 0xf0 ? AfterF0 : byte == 0xf4 ? AfterF4 : in(0xf1, 0xf3, Three);
  case One:
    return in(0x80, 0xbf, Character);
  case Two:
    return in(0x80, 0xbf, One);
  case Three:
    return in(0x80, 0xbf, Two);
  case AfterE0:
    return in(0xa0, 0xbf, One);
  case AfterEd:
    return in(0x80, 0x9f, One);
  case AfterF0:
    return in(0x90, 0xbf, Two);
  case AfterF4:
    return in(0x80, 0x8f, Two);
  case Phases:
    break;
  }
  return Phases;
}

constexpr auto phaseAfter = [] {
  std::array<std::array<Phase, 256>, Phases> table{};
  for (uint8_t phase = 0; phase < Phases; ++phase)
    for (size_t byte = 0; byte < 256; ++byte)
      table[phase][byte] = after(static_cast<Phase>(phase), static_cast<uint8_t>(byte));
  return table;
}();

/// Of a node, for each phase before it: how many characters begin with it and below at most; none: not all is text.
using Counts = std::array<int, Phases>;
constexpr int notText = -1;

Counts countsOf(uint8_t byte, const Counts &below) {
  Counts result;
  for (uint8_t phase = 0; phase < Phases; ++phase) {
    const Phase next = phaseAfter[phase][byte];
    result[phase] = next == Phases || below[next] == notText ? notText : below[next] + (phase == Character ? 1 : 0);
  }
  return result;
}

} // namespace

TokenTrie::TokenTrie(std::vector<std::optional<std::string>> bytes) : bytes_(std::move(bytes)) {
  for (size_t id = 0; id < bytes_.size(); ++id)
    if (bytes_[id] && !bytes_[id]->empty() && bytes_[id]->size() <= longestToken)
      tokens_.push_back(static_cast<int32_t>(id));
  std::sort(tokens_.begin(), tokens_.end(), [&](int32_t a, int32_t b) {
    const int order = bytesOf(a)->compare(*bytesOf(b)); // as unsigned bytes
    return order != 0 ? order < 0 : a < b;
  });
  addNodes();
}

void TokenTrie::addNodes() {
  struct Open {
    uint32_t node;
    Counts below; // of those below that are complete
  };
  std::vector<Open> path; // from the first byte on
  const auto close = [&](size_t depth) {
    while (path.size() > depth) {
      Node &node = nodes_[path.back().node];
      const Counts counts = countsOf(node.byte, path.back().below);
      path.pop_back();
      node.end = static_cast<uint32_t>(nodes_.size());
      node.characters = static_cast<uint8_t>(std::clamp(counts[Character], 0, 254));
      for (size_t phase = 0; !path.empty() && phase < Phases; ++phase) {
        int &above = path.back().below[phase];
        above = above == notText || counts[phase] == notText ? notText : std::max(above, counts[phase]);
      }
    }
  };
  std::string_view before;
  for (size_t i = 0; i < tokens_.size(); ++i) {
    const std::string &text = *bytesOf(tokens_[i]);
    const auto common =
        static_cast<size_t>(std::mismatch(text.begin(), text.end(), before.begin(), before.end()).first - text.begin());
    close(common);
    for (size_t at = common; at < text.size(); ++at) {
      path.push_back({static_cast<uint32_t>(nodes_.size()), {}});
      nodes_.push_back({static_cast<uint16_t>(at + 1), static_cast<uint8_t>(text[at]), 0, 0, static_cast<uint32_t>(i)});
    }
    depth_ = std::max(depth_, text.size());
    before = text;
  }
  close(0);
  nodes_.push_back({0, 0, 0, 0, static_cast<uint32_t>(tokens_.size())});
}

} // namespace cadenza::grammar
