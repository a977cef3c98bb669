// Generations that wait for one session: a thread of its own runs them one after another.
#pragma once

#include "runtime/cadenza.h"
#include "runtime/grammar/grammar.h"
#include "runtime/token_constraint.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace cadenza::serve {

/// A generation for somebody who may go away meanwhile. The functions are called on the queue's thread.
struct Job {
  std::vector<int32_t> prompt;
  std::optional<grammar::Grammar> grammar; // that the text has to have
  std::string grammarText;                 // what names it
  GenerateOptions generate;                // its constraint, onToken, onPrompt, onText and onLogprobs are the queue's
  std::function<void(std::string_view text)> onText;
  std::function<void(const TokenLogprobs &)> onLogprobs; // before the text of its token
  /// Always called, once. Cancelled: nobody waits for the answer, or it took too long.
  std::function<void(StatusOr<Generation>)> onEnd;
  std::function<bool()> isWanted; // asked after every token; null: it is
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

class GenerationQueue {
public:
  /// At most `limit` jobs wait. The session is used on the queue's thread from now on, but for const functions.
  GenerationQueue(Session &session, size_t limit);
  /// Ends what runs, and what waits as Cancelled.
  ~GenerationQueue();
  GenerationQueue(const GenerationQueue &) = delete;
  GenerationQueue &operator=(const GenerationQueue &) = delete;

  /// False if as many wait as may.
  bool push(std::unique_ptr<Job> job);
  size_t waiting() const;

private:
  void run();
  void serve(Job &job);
  /// That of the job's grammar, from the last ones if it is among them: it keeps what it has computed.
  StatusOr<std::shared_ptr<TokenConstraint>> constraintOf(const Job &job);

  Session &session_;
  const size_t limit_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Job>> jobs_;
  bool isBusy_ = false;
  std::deque<std::pair<std::string, std::shared_ptr<TokenConstraint>>> constraints_; // by text, the last one first
  std::atomic<bool> ends_ = false;
  std::thread thread_; // last: it uses the others
};

} // namespace cadenza::serve
