#include "runtime/serve/metrics.h"

#include <cstdio>

namespace cadenza::serve {
namespace {

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.9g", value);
  return text;
}

std::string heading(const std::string &name, const char *type, const char *help) {
  return "# HELP " + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
}

std::string metric(const std::string &name, const char *type, const char *help, double value) {
  return heading(name, type, help) + name + " " + number(value) + "\n";
}

} // namespace

void Metrics::add(const Timing &timing, size_t generated) {
  ++generations_;
  prompt_ += static_cast<uint64_t>(timing.promptTokens);
  kept_ += static_cast<uint64_t>(timing.keptTokens);
  generated_ += generated;
  promptSeconds_ += timing.promptSeconds;
  decodeSeconds_ += timing.decodeSeconds;
}

std::string Metrics::text(size_t waiting, bool running) const {
  const auto count = [](uint64_t value) { return static_cast<double>(value); };
  std::string text = heading("cadenza_requests_total", "counter", "Requests of HTTP, by status.");
  for (const auto &[status, requests] : requests_)
    text += "cadenza_requests_total{status=\"" + std::to_string(status) + "\"} " + std::to_string(requests) + "\n";
  return text +
         metric("cadenza_generations_total", "counter", "Generations that came to their end.", count(generations_)) +
         metric("cadenza_cancelled_total", "counter", "Generations that nobody waited for, or that took too long.",
                count(cancelled_)) +
         metric("cadenza_prompt_tokens_total", "counter", "Tokens of prompts.", count(prompt_)) +
         metric("cadenza_prompt_tokens_kept_total", "counter",
                "Of them, those that were not processed again, since a prompt before began with them.", count(kept_)) +
         metric("cadenza_generated_tokens_total", "counter", "Generated tokens.", count(generated_)) +
         metric("cadenza_prompt_seconds_total", "counter", "Time to first tokens, without waiting.", promptSeconds_) +
         metric("cadenza_decode_seconds_total", "counter", "Time of the tokens after the first ones.", decodeSeconds_) +
         metric("cadenza_waiting", "gauge", "Generations that wait.", count(waiting)) +
         metric("cadenza_running", "gauge", "1 while a generation runs.", running ? 1 : 0);
}

} // namespace cadenza::serve
