#include "runtime/grammar/grammar_constraint.h"

#include <string>

namespace cadenza::grammar {
namespace {

constexpr size_t maximumMaskBytes = size_t(32) << 20;
constexpr uint64_t maximumWork = 20000000; // of one mask: a fraction of a second

void allow(std::vector<uint32_t> &mask, int32_t token) {
  mask[static_cast<size_t>(token) / 32] |= 1u << static_cast<uint32_t>(token) % 32;
}

} // namespace

GrammarConstraint::GrammarConstraint(Grammar grammar, std::shared_ptr<const TokenTrie> tokens)
    : matcher_(std::move(grammar)), tokens_(std::move(tokens)), state_(matcher_.start()), path_(tokens_->depth() + 1) {
  maximumMasks_ = std::max<size_t>(maximumMaskBytes / (tokens_->size() / 8 + 64), 16);
}

StatusOr<std::span<const uint32_t>> GrammarConstraint::allowed() {
  if (const auto found = masks_.find(state_); found != masks_.end())
    return std::span<const uint32_t>(found->second);
  if (masks_.size() >= maximumMasks_)
    masks_.clear();
  Mask mask((tokens_->size() + 31) / 32);
  CADENZA_RETURN_IF_ERROR(walk(mask));
  return std::span<const uint32_t>(masks_[state_] = std::move(mask));
}

/// Through all tokens that the state lets follow. A subtree of text is taken at once where any text fits.
Status GrammarConstraint::walk(Mask &mask) {
  const std::span<const TokenTrie::Node> nodes = tokens_->nodes();
  const std::span<const int32_t> tokens = tokens_->tokens();
  const uint64_t start = matcher_.work();
  path_[0] = state_;
  for (uint32_t i = 0; i + 1 < nodes.size();) {
    const TokenTrie::Node &node = nodes[i];
    const State before = path_[node.depth - 1];
    if (node.characters != 0 && node.characters <= matcher_.textRun(before)) {
      for (uint32_t token = node.firstToken; token < nodes[node.end].firstToken; ++token)
        allow(mask, tokens[token]);
      i = node.end;
      continue;
    }
    const State state = matcher_.step(before, node.byte);
    if (state == deadState) {
      i = node.end;
      continue;
    }
    path_[node.depth] = state;
    for (uint32_t token = node.firstToken; token < nodes[i + 1].firstToken; ++token)
      allow(mask, tokens[token]);
    if (matcher_.work() - start > maximumWork)
      return {StatusCode::Unsupported, "the grammar is too ambiguous: too many of its parts fit the same text"};
    if (matcher_.isLarge()) {
      masks_.clear();
      matcher_.forget(std::span(path_).first(node.depth + 1));
      state_ = path_[0];
    }
    ++i;
  }
  return Status::ok();
}

Status GrammarConstraint::accept(int32_t token) {
  const std::string *bytes = tokens_->bytesOf(token);
  State state = bytes && !bytes->empty() ? state_ : deadState;
  for (size_t i = 0; state != deadState && i < bytes->size(); ++i)
    state = matcher_.step(state, static_cast<uint8_t>((*bytes)[i]));
  if (state == deadState)
    return {StatusCode::InvalidArgument, "token " + std::to_string(token) + " does not follow by the grammar"};
  state_ = state;
  if (matcher_.isLarge()) {
    masks_.clear();
    matcher_.forget(std::span(&state_, 1));
  }
  return Status::ok();
}

} // namespace cadenza::grammar
