// One rendering: its heap, and what bounds it.
#pragma once

#include "runtime/chat/jinja/error.h"
#include "runtime/chat/jinja/value.h"

#include <ctime>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace cadenza::jinja {

struct RenderOptions {
  /// Steps: expressions and statements, and 16 bytes each of texts and lists that they make. It bounds time (below ten
  /// seconds) and memory (256 MiB), of templates that loop for ever, too.
  int64_t steps = int64_t{16} << 20;
  size_t outputBytes = size_t{64} << 20;
  /// What strftime_now says; 0: the time.
  std::time_t now = 0;
};

/// Values that live as long as it does.
class Heap {
public:
  template <typename T, typename... Parts> T *make(Parts &&...parts) {
    auto object = std::make_unique<T>(std::forward<Parts>(parts)...);
    T *raw = object.get();
    objects_.push_back(std::move(object));
    return raw;
  }

private:
  std::deque<std::unique_ptr<Object>> objects_;
};

class Runtime {
public:
  explicit Runtime(const RenderOptions &options) : options_(options) {}
  Runtime(const Runtime &) = delete;
  Runtime &operator=(const Runtime &) = delete;

  const RenderOptions &options() const { return options_; }
  Heap &heap() { return heap_; }

  /// Counts a step, and what it makes. An Error if there are too many.
  void charge(size_t bytes = 0);
  /// The same before `count` things of `bytes` each are made.
  void chargeMany(size_t count, size_t bytes);

  Value text(std::string bytes, bool isMarkup = false);
  Value sequence(std::vector<Value> items, Sequence::Kind kind = Sequence::Kind::List);
  Value dict();
  Value undefined(std::string message);

  /// One level deeper in statements, expressions and macros.
  class Level {
  public:
    explicit Level(Runtime &runtime) : depth_(runtime.depth_) {
      if (++depth_ > maxDepth) {
        --depth_;
        fail("statements, expressions and macros are nested more than " + std::to_string(maxDepth) + " deep");
      }
    }
    ~Level() { --depth_; }
    Level(const Level &) = delete;
    Level &operator=(const Level &) = delete;

  private:
    int &depth_;
  };

private:
  static constexpr int maxDepth = 800; // what fits a stack of 8 MiB, with the sanitizers' frames

  RenderOptions options_;
  Heap heap_;
  int64_t steps_ = 0;
  int depth_ = 0;
};

/// The items of a value that can be iterated over, as Python would: keys of a dict, characters of a text, what is left
/// of an iterator, which then is empty. An Error if it cannot.
std::vector<Value> itemsOf(Runtime &runtime, const Value &value);
/// len(value)
int64_t lengthOf(const Value &value);

} // namespace cadenza::jinja
