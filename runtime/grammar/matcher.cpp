#include "runtime/grammar/matcher.h"

#include <algorithm>

namespace cadenza::grammar {

Matcher::Matcher(Grammar grammar) : grammar_(std::move(grammar)), classes_(grammar_.classes()) {
  seenAt_.assign(grammar_.nodes(), 0);
  forget({});
}

void Matcher::forget(std::span<State> kept) {
  std::vector<std::vector<std::pair<Node, std::vector<Node>>>> stacks; // a node, and where its callers go on
  for (State state : kept) {
    auto &of = stacks.emplace_back();
    for (uint32_t i = 0; i < states_[state].count; ++i) {
      const Configuration &configuration = configurations_[states_[state].first + i];
      auto &[node, stack] = of.emplace_back(configuration.node, std::vector<Node>());
      for (uint32_t frame = configuration.frame; frame != 0; frame = frames_[frame].parent)
        stack.push_back(frames_[frame].returnTo);
    }
  }
  std::vector<bool> ends;
  for (State state : kept)
    ends.push_back(states_[state].mayEnd);
  states_.clear();
  configurations_.clear();
  next_.clear();
  frames_.assign(1, Frame{});
  frameIds_.clear();
  stateIds_.clear();
  work_.clear();
  intern(false); // deadState
  std::fill(next_.begin(), next_.end(), deadState);
  pending_.assign(1, {grammar_.begin(grammar_.root()), 0});
  start_ = close();
  for (size_t i = 0; i < kept.size(); ++i) {
    work_.clear();
    for (const auto &[node, stack] : stacks[i]) {
      uint32_t frame = 0;
      for (auto returnTo = stack.rbegin(); returnTo != stack.rend(); ++returnTo)
        frame = frameOf(*returnTo, frame);
      work_.push_back({node, frame});
    }
    kept[i] = intern(ends[i]);
  }
}

uint32_t Matcher::textRun(State state) {
  for (uint32_t length = 0; length < longestRun; ++length) {
    if (states_[state].afterCharacter == unknown) {
      const State next = afterAnyCharacter(state);
      states_[state].afterCharacter = next;
    }
    const State next = states_[state].afterCharacter;
    if (next == deadState)
      return length;
    if (next == state)
      return endlessRun;
    state = next;
  }
  return longestRun;
}

State Matcher::afterAnyCharacter(State state) {
  const State to = step(state, ' ');
  if (to == deadState)
    return deadState;
  for (uint8_t byte = 0x21; byte < 0x80; ++byte)
    if (byte != '"' && byte != '\\' && step(state, byte) != to)
      return deadState;
  State before = deadState; // after the lead byte before, which need not be looked at again
  for (uint8_t lead = 0xc2; lead < 0xf5; ++lead) {
    const State next = step(state, lead);
    const uint8_t first = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const uint8_t last = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (next != before && !leadsTo(next, first, last, lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3, to))
      return deadState;
    before = first == 0x80 && last == 0xbf && lead != 0xdf && lead != 0xef ? next : deadState;
  }
  return to;
}

bool Matcher::leadsTo(State state, uint8_t first, uint8_t last, int count, State to) {
  State before = deadState;
  for (uint8_t byte = first; byte <= last && state != deadState; ++byte) {
    const State next = step(state, byte);
    if (count == 1 ? next != to : next != before && !leadsTo(next, 0x80, 0xbf, count - 1, to))
      return false;
    before = next;
  }
  return state != deadState;
}

State Matcher::compute(State state, uint8_t byte) {
  const size_t first = states_[state].first, count = states_[state].count;
  worked_ += count + 1;
  pending_.clear();
  for (size_t i = first; i < first + count; ++i)
    for (const ByteEdge &edge : grammar_.bytes(configurations_[i].node))
      if (edge.first <= byte && byte <= edge.last)
        pending_.push_back({edge.to, configurations_[i].frame});
  const State next = close();
  next_[state * classes_ + grammar_.classOf(byte)] = next;
  return next;
}

/// Adds a configuration to pending_ unless it was there, or the rest of its rule nests too deep.
void Matcher::reach(Node node, uint32_t frame) {
  if (frames_[frame].depth + grammar_.need(node) > maximumDepth)
    return;
  for (uint32_t i = seenAt_[node]; i != 0; i = seen_[i].next)
    if (seen_[i].frame == frame)
      return;
  if (seenAt_[node] == 0)
    touched_.push_back(node);
  seen_.push_back({frame, seenAt_[node]});
  seenAt_[node] = static_cast<uint32_t>(seen_.size() - 1);
  pending_.push_back({node, frame});
}

State Matcher::close() {
  bool mayEnd = false;
  work_.clear();
  seen_.assign(1, Seen{});
  std::vector<Configuration> begins;
  begins.swap(pending_);
  for (const Configuration &configuration : begins)
    reach(configuration.node, configuration.frame);
  while (!pending_.empty()) {
    const auto [node, frame] = pending_.back();
    pending_.pop_back();
    ++worked_;
    if (grammar_.isEnd(node)) {
      if (frame == 0)
        mayEnd = true;
      else
        reach(frames_[frame].returnTo, frames_[frame].parent);
      continue;
    }
    if (!grammar_.bytes(node).empty())
      work_.push_back({node, frame});
    for (Node to : grammar_.empties(node))
      reach(to, frame);
    for (const CallEdge &call : grammar_.calls(node))
      if (frames_[frame].depth + grammar_.need(call.to) <= maximumDepth)
        reach(grammar_.begin(call.rule), frameOf(call.to, frame));
  }
  for (Node node : touched_)
    seenAt_[node] = 0;
  touched_.clear();
  std::sort(work_.begin(), work_.end());
  return intern(mayEnd);
}

uint32_t Matcher::frameOf(Node returnTo, uint32_t parent) {
  const auto [found, isNew] =
      frameIds_.try_emplace(uint64_t{returnTo} << 32 | parent, static_cast<uint32_t>(frames_.size()));
  if (isNew)
    frames_.push_back({returnTo, parent, frames_[parent].depth + 1});
  return found->second;
}

/// The state of the configurations in work_, in ascending order.
State Matcher::intern(bool mayEnd) {
  uint64_t hash = mayEnd;
  for (const Configuration &configuration : work_)
    hash = (hash ^ (uint64_t{configuration.node} << 32 | configuration.frame)) * 0x9e3779b97f4a7c15u + (hash >> 29);
  for (auto [found, last] = stateIds_.equal_range(hash); found != last; ++found) {
    const StateData &data = states_[found->second];
    if (data.mayEnd == mayEnd && data.count == work_.size() &&
        std::equal(work_.begin(), work_.end(), configurations_.begin() + static_cast<ptrdiff_t>(data.first)))
      return found->second;
  }
  const auto state = static_cast<State>(states_.size());
  states_.push_back({configurations_.size(), static_cast<uint32_t>(work_.size()), mayEnd, unknown});
  configurations_.insert(configurations_.end(), work_.begin(), work_.end());
  next_.resize(states_.size() * classes_, unknown);
  stateIds_.emplace(hash, state);
  return state;
}

} // namespace cadenza::grammar
