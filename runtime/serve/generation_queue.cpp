#include "runtime/serve/generation_queue.h"

#include <algorithm>

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

StatusOr<std::shared_ptr<TokenConstraint>> GenerationQueue::constraintOf(const Job &job) {
  constexpr size_t kept = 8;
  const auto known = std::ranges::find(constraints_, job.grammarText, &decltype(constraints_)::value_type::first);
  if (known != constraints_.end()) {
    std::rotate(constraints_.begin(), known, known + 1);
    return constraints_.front().second;
  }
  CADENZA_ASSIGN_OR_RETURN(std::shared_ptr<TokenConstraint> constraint, session_.constrain(*job.grammar));
  constraints_.emplace_front(job.grammarText, constraint);
  if (constraints_.size() > kept)
    constraints_.pop_back();
  return constraint;
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
  Status constrained;
  if (job.grammar && !cancelled) {
    StatusOr<std::shared_ptr<TokenConstraint>> constraint = constraintOf(job);
    constrained = constraint.status();
    if (constraint.isOk())
      options.constraint = std::move(*constraint);
  }
  StatusOr<Generation> result = constrained.isOk() ? Status(StatusCode::Cancelled, "") : constrained;
  if (!cancelled && constrained.isOk())
    result = session_.generate(job.prompt, options);
  if (cancelled)
    result = Status(StatusCode::Cancelled, isLate  ? "the request took longer than the server allows"
                                           : ends_ ? "the server ends"
                                                   : "the client went away");
  job.onEnd(std::move(result));
}

} // namespace cadenza::serve
