// A grammar as a constraint on tokens.
#pragma once

#include "runtime/grammar/matcher.h"
#include "runtime/grammar/token_trie.h"
#include "runtime/token_constraint.h"

#include <memory>
#include <unordered_map>
#include <vector>

namespace cadenza::grammar {

class GrammarConstraint final : public TokenConstraint {
public:
  GrammarConstraint(Grammar grammar, std::shared_ptr<const TokenTrie> tokens);

  void reset() override { state_ = matcher_.start(); }
  /// Unsupported where the grammar is so ambiguous that this would take long.
  StatusOr<std::span<const uint32_t>> allowed() override;
  bool mayEnd() const override { return matcher_.mayEnd(state_); }
  Status accept(int32_t token) override;

private:
  using Mask = std::vector<uint32_t>;
  Status walk(Mask &mask);

  Matcher matcher_;
  std::shared_ptr<const TokenTrie> tokens_;
  State state_;
  std::vector<State> path_; // of a walk, by depth
  std::unordered_map<State, Mask> masks_;
  size_t maximumMasks_;
};

} // namespace cadenza::grammar
