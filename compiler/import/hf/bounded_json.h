// JSON from untrusted files. nlohmann's parser does the lexing; the handlers here decide how much may be built from it,
// so that nesting, duplicate keys and amplification (two bytes of text, a hundred bytes of tree) are refused while
// reading instead of afterwards.
#pragma once

#include "runtime/support/status.h"

#include <nlohmann/json.hpp>

#include <string_view>

namespace cadenza {

constexpr size_t maxJsonDepth = 64;

/// The part of nlohmann's SAX interface that all handlers here share: nesting depth, and the first error. A handler
/// returns false from an event to stop.
class BoundedJsonHandler : public nlohmann::json_sax<nlohmann::json> {
public:
  const std::string &error() const { return error_; }

  bool start_object(size_t) override { return enter(); }
  bool start_array(size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }
  bool binary(nlohmann::json::binary_t &) override { return fail("binary value"); }
  bool parse_error(size_t position, const std::string &token, const nlohmann::json::exception &exception) override;

protected:
  bool fail(std::string message) {
    if (error_.empty())
      error_ = std::move(message);
    return false;
  }
  size_t depth() const { return depth_; }
  bool enter();
  bool leave() {
    --depth_;
    return true;
  }

private:
  size_t depth_ = 0;
  std::string error_;
};

/// Feeds `text` to a handler; InvalidInput with the handler's or the parser's error.
Status parseJson(std::string_view text, BoundedJsonHandler &handler);

/// A document whose root is an object, as a tree. Refuses more than 16 MiB of text, more than 2^20 values, nesting
/// deeper than maxJsonDepth, and a key that occurs twice in one object.
StatusOr<nlohmann::json> parseJsonObject(std::string_view text);

/// The first `shown` characters of `text`, control characters and what is not ASCII as \xNN: a hostile file can neither
/// garble a terminal nor flood it.
std::string escaped(std::string_view text, size_t shown);
/// A name from a file for an error message: escaped, 80 characters at most, in single quotes.
std::string quoted(std::string_view text);

} // namespace cadenza
