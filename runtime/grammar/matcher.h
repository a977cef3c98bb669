// What a grammar lets follow a text: a pushdown automaton, run as the set of all its configurations. Such a set is a
// state; states and the steps between them are kept, so that most steps are a look into a table.
#pragma once

#include "runtime/grammar/grammar.h"

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace cadenza::grammar {

/// Of one matcher, until it forgets states. 0: nothing fits any more.
using State = uint32_t;
constexpr State deadState = 0;

class Matcher {
public:
  explicit Matcher(Grammar grammar);

  State start() { return start_; }
  /// After one more byte; deadState if that does not fit. From any other state the text can be completed.
  State step(State state, uint8_t byte) {
    const State next = next_[state * classes_ + grammar_.classOf(byte)];
    return next != unknown ? next : compute(state, byte);
  }
  /// Whether the text may end here.
  bool mayEnd(State state) const { return states_[state].mayEnd; }
  /// How many characters of any text fit, at most `longestRun` or all: a text of valid UTF-8 without '"', '\' and
  /// control characters, which may end within a character. Only where all characters lead to the same state.
  uint32_t textRun(State state);
  static constexpr uint32_t longestRun = 32, endlessRun = 255;

  /// Whether so much is kept that states should be forgotten.
  bool isLarge() const { return next_.size() + 2 * configurations_.size() + 8 * frames_.size() > maximumWords; }
  /// Forgets everything but these states (and the start), whose names change.
  void forget(std::span<State> kept);
  /// Configurations that steps have looked at so far: what computing costs.
  uint64_t work() const { return worked_; }

private:
  static constexpr State unknown = ~uint32_t{0};
  static constexpr size_t maximumWords = size_t(8) << 20;
  /// Where a text stands in the rules: a node, and what is called there. Frame 0: the root rule.
  struct Configuration {
    Node node;
    uint32_t frame;
    auto operator<=>(const Configuration &) const = default;
  };
  struct Frame {
    Node returnTo;
    uint32_t parent;
    uint32_t depth;
  };
  struct StateData {
    size_t first; // of configurations_
    uint32_t count;
    bool mayEnd;
    State afterCharacter; // any one; deadState if there is no such state, `unknown` if that is
  };

  State compute(State state, uint8_t byte);
  State afterAnyCharacter(State state);
  /// Whether all of `count` more bytes of a character, the first of them from first to last, lead to `to`.
  bool leadsTo(State state, uint8_t first, uint8_t last, int count, State to);
  /// The state of what is in `pending_`, which is emptied.
  State close();
  void reach(Node node, uint32_t frame);
  uint32_t frameOf(Node returnTo, uint32_t parent);
  State intern(bool mayEnd);

  Grammar grammar_;
  size_t classes_;
  State start_ = deadState;
  std::vector<StateData> states_;
  std::vector<Configuration> configurations_;
  std::vector<State> next_; // [states, classes]
  std::vector<Frame> frames_;
  std::unordered_map<uint64_t, uint32_t> frameIds_;
  std::unordered_multimap<uint64_t, State> stateIds_; // by hash
  uint64_t worked_ = 0;
  // While a state is computed:
  std::vector<Configuration> pending_, work_;
  std::vector<uint32_t> seenAt_; // by node: where in frames seen_ begins a chain
  struct Seen {
    uint32_t frame, next;
  };
  std::vector<Seen> seen_;
  std::vector<Node> touched_;
};

} // namespace cadenza::grammar
