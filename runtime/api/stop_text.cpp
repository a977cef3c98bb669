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
  size_t begin = std::string::npos, end = std::string::npos; // of the stop text that is complete first
  size_t held = 0;                                           // the longest end of the text that begins a stop text
  for (const std::string &text : stopTexts_) {
    size_t found = held_.find(text);
    if (found != std::string::npos && std::pair(found + text.size(), found) < std::pair(end, begin))
      begin = found, end = found + text.size();
    size_t length = std::min(text.size() - 1, held_.size());
    while (!held_.ends_with(std::string_view(text).substr(0, length)))
      --length;
    held = std::max(held, length);
  }
  if (begin != std::string::npos) {
    found_ = true;
    held_.resize(begin);
    return std::exchange(held_, {});
  }
  std::string released = held_.substr(0, held_.size() - held);
  held_.erase(0, released.size());
  return released;
}

std::string StopTextFilter::finish() { return std::exchange(held_, {}); }

} // namespace cadenza
