#include "runtime/serve/generation_queue.h"

namespace cadenza::serve {

GenerationQueue::GenerationQueue(Session &session, size_t limit)
    : session_(session), limit_(limit), thread_([this] { run(); }) {}

GenerationQueue::~GenerationQueue() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool GenerationQueue::push(std::unique_ptr<Job> job) {
  {
    const std::lock_guard lock(mutex_);
    if (ends_ || jobs_.size() >= limit_ + (isBusy_ ? 0 : 1))
      return false;
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
  return true;
}

size_t GenerationQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size();
}

void GenerationQueue::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ends_ || !jobs_.empty(); });
    if (jobs_.empty())
      return;
    const std::unique_ptr<Job> job = std::move(jobs_.front());
    jobs_.pop_front();
    isBusy_ = true;
    lock.unlock();
    serve(*job);
    lock.lock();
    isBusy_ = false;
  }
}

void GenerationQueue::serve(Job &job) {
  bool isLate = false;
  const auto goesOn = [&] {
    isLate = std::chrono::steady_clock::now() > job.deadline;
    return !isLate && !ends_ && (!job.isWanted || job.isWanted());
  };
  bool cancelled = !goesOn(); // while it waited
  GenerateOptions &options = job.generate;
  options.onText = [&](std::string_view text) { job.onText(text); };
  if (options.logprobs)
    options.onLogprobs = [&](const TokenLogprobs &logprobs) { job.onLogprobs(logprobs); };
  options.onToken = [&](int32_t) {
    cancelled = !goesOn();
    return !cancelled;
  };
  options.onPrompt = [&](int64_t) {
    if (!cancelled && !goesOn()) {
      cancelled = true;
      session_.requestCancel();
    }
  };
  StatusOr<Generation> result = Status(StatusCode::Cancelled, "");
  if (!cancelled && job.grammar) {
    auto constraint = session_.constrain(*job.grammar);
    if (!constraint.isOk())
      return job.onEnd(constraint.status());
    options.constraint = std::move(*constraint);
  }
  if (!cancelled)
    result = session_.generate(job.prompt, options);
  if (cancelled)
    result = Status(StatusCode::Cancelled, isLate  ? "the request took longer than the server allows"
                                           : ends_ ? "the server ends"
                                                   : "the client went away");
  job.onEnd(std::move(result));
}

} // namespace cadenza::serve
