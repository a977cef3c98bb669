// Chat templates: the part of jinja2 that transformers renders them with (ImmutableSandboxedEnvironment, trim_blocks,
// lstrip_blocks, loop controls, its own tojson), as an interpreter. docs/chat.md says what it has.
#pragma once

#include "runtime/chat/jinja/runtime.h"
#include "runtime/support/status.h"

#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace cadenza::jinja {

/// A template that was parsed. Copies share it; it may be rendered by several threads.
class Template {
public:
  /// Errors, with the line: InvalidInput for what is no template, Unsupported for what the engine does not have.
  static StatusOr<Template> parse(std::string_view source);

  /// The text that the template makes of the fields of `context`, an object. Errors, with the line: InvalidArgument for
  /// what the template itself says of its input (raise_exception), InvalidInput for everything that goes wrong in it,
  /// limits of `options` too, Unsupported for what the engine does not have.
  StatusOr<std::string> render(const nlohmann::ordered_json &context, const RenderOptions &options = {}) const;

private:
  struct Parsed;
  explicit Template(std::shared_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}
  std::shared_ptr<const Parsed> parsed_;
};

} // namespace cadenza::jinja
