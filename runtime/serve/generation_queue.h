// Generations that wait for one session: a thread of its own runs them one after another.
#pragma once

#include "runtime/cadenza.h"
#include "runtime/grammar/grammar.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

namespace cadenza::serve {

/// A generation for somebody who may go away meanwhile. The functions are called on the queue's thread.
struct Job {
  std::vector<int32_t> prompt;
  GenerateOptions generate;                // its onToken, onPrompt, onText, onLogprobs and constraint are the queue's
  std::optional<grammar::Grammar> grammar; // of the answer
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

  Session &session_;
  const size_t limit_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Job>> jobs_;
  bool isBusy_ = false;
  std::atomic<bool> ends_ = false;
  std::thread thread_; // last: it uses the others
};

} // namespace cadenza::serve
