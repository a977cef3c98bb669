// Lines from whoever types them: with editing and history on a terminal (libedit), as they come otherwise.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace cadenza {

class LineEditor {
public:
  /// Edits if standard input and output are terminals.
  LineEditor();
  ~LineEditor();
  LineEditor(const LineEditor &) = delete;
  LineEditor &operator=(const LineEditor &) = delete;

  /// Whether somebody types: a prompt is shown then.
  bool isInteractive() const { return editor_ != nullptr; }
  /// The next line, without its end. Nothing at the end of the input.
  std::optional<std::string> read(const std::string &prompt);

private:
  struct Editor;
  std::unique_ptr<Editor> editor_;
};

} // namespace cadenza
