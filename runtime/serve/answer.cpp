#include "runtime/serve/answer.h"

namespace cadenza::serve {
namespace {

/// ThinkingFilter never cuts a mark.
std::string withoutMarks(std::string_view thought) {
  std::string text(thought);
  for (const std::string_view mark : {"<think>", "</think>"})
    if (const size_t at = text.find(mark); at != std::string::npos)
      text.erase(at, mark.size());
  return text;
}

} // namespace

Answer::Answer(AnswerFacts facts, std::shared_ptr<HttpReply> reply, TokenTexts texts, bool streams, bool includesUsage,
               bool hasLogprobs, std::set<std::string> tools, bool thinks)
    : facts_(std::move(facts)), reply_(std::move(reply)), texts_(std::move(texts)), streams_(streams),
      includesUsage_(includesUsage), hasLogprobs_(hasLogprobs),
      callFilter_(
          std::move(tools), [this](std::string_view text) { pending_.content += text; },
          [this](ToolCall call) {
            pending_.calls.push_back(std::move(call));
            ++callCount_;
          }),
      filter_([this](std::string_view text, bool isThought) { addPart(text, isThought); }, thinks) {}

void Answer::addPart(std::string_view text, bool isThought) {
  if (isThought)
    pending_.reasoning += withoutMarks(text);
  else
    callFilter_.push(text);
}

void Answer::begin() {
  if (reply_->hasBegun())
    return;
  reply_->begin("text/event-stream");
  reply_->write(firstEvent(facts_));
}

void Answer::flush() {
  if (pending_.content.empty() && pending_.reasoning.empty() && pending_.calls.empty() && pending_.logprobs.empty())
    return;
  begin();
  reply_->write(pieceEvent(facts_, pending_, texts_));
  pending_ = {};
  pending_.firstCall = callCount_;
}

void Answer::addText(std::string_view text) {
  if (facts_.isChat)
    filter_.push(text);
  else
    pending_.content += text;
  if (streams_)
    flush();
}

int Answer::fail(const ApiError &error) {
  if (reply_->hasBegun()) { // the status is out already
    reply_->write(event(error.json()));
    reply_->end();
  } else {
    reply_->send(error.status, "application/json", error.json());
  }
  return error.status;
}

int Answer::end(const StatusOr<Generation> &generation) {
  if (!generation.isOk()) {
    ApiError error = apiError(generation.status());
    if (generation.status().code() == StatusCode::Cancelled) { // too late, or the server ends; or nobody reads this
      error.status = 503;
      error.type = "server_error";
      error.code = "cancelled";
    }
    return fail(error);
  }
  filter_.finish();
  callFilter_.finish();
  if (!streams_) {
    reply_->send(200, "application/json", answerJson(facts_, pending_, *generation, hasLogprobs_, texts_));
    return 200;
  }
  flush();
  begin();
  reply_->write(lastEvents(facts_, *generation, callCount_ > 0, includesUsage_) + std::string(doneEvent));
  reply_->end();
  return 200;
}

} // namespace cadenza::serve
