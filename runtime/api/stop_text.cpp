#include "runtime/api/stop_text.h"

#include <algorithm>
#include <utility>

namespace cadenza {

StopTextFilter::StopTextFilter(std::vector<std::string> stopTexts) : stopTexts_(std::move(stopTexts)) {
  std::erase_if(stopTexts_, [](const std::string &text) { return text.empty(); });
}

std::string StopTextFilter::push(std::string_view piece) {
  if (found_)
    return {};
  held_ += piece;
  size_t stop = std::string::npos;
  size_t held = 0; // the longest end of the text that begins a stop text
  for (const std::string &text : stopTexts_) {
    stop = std::min(stop, held_.find(text));
    size_t length = std::min(text.size() - 1, held_.size());
    while (!held_.ends_with(std::string_view(text).substr(0, length)))
      --length;
    held = std::max(held, length);
  }
  if (stop != std::string::npos) {
    found_ = true;
    held_.resize(stop);
    return std::exchange(held_, {});
  }
  std::string released = held_.substr(0, held_.size() - held);
  held_.erase(0, released.size());
  return released;
}

std::string StopTextFilter::finish() { return std::exchange(held_, {}); }

} // namespace cadenza
