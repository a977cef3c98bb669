// The tokens of a vocabulary by their bytes, as a tree in the order of a walk through it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cadenza::grammar {

class TokenTrie {
public:
  /// bytes[id]: what the token adds to a text; none for tokens that a text never has.
  explicit TokenTrie(std::vector<std::optional<std::string>> bytes);

  struct Node {
    uint16_t depth; // 1 for a first byte
    uint8_t byte;
    /// 0, or the largest number of characters (254: or more) of it and what is below, if all of that is text: valid
    /// UTF-8, which may end within a character, without '"', '\' and control characters.
    uint8_t characters;
    uint32_t end;        // of the nodes below: the next one that is not
    uint32_t firstToken; // in tokens(); those of the node, then those below, up to the firstToken of `end`
  };
  /// Every node before those below it; one more at the end.
  std::span<const Node> nodes() const { return nodes_; }
  std::span<const int32_t> tokens() const { return tokens_; }
  /// How many of tokens() from its firstToken on are the node's own.
  uint32_t tokensOf(size_t node) const { return nodes_[node + 1].firstToken - nodes_[node].firstToken; }
  size_t depth() const { return depth_; }
  size_t size() const { return bytes_.size(); }
  /// nullptr for what is none.
  const std::string *bytesOf(int32_t token) const {
    const auto index = static_cast<size_t>(token);
    return token >= 0 && index < bytes_.size() && bytes_[index] ? &*bytes_[index] : nullptr;
  }

private:
  std::vector<std::optional<std::string>> bytes_;
  std::vector<Node> nodes_;
  std::vector<int32_t> tokens_;
  size_t depth_ = 0;

  void addNodes();
};

} // namespace cadenza::grammar
