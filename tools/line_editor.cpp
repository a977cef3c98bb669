#include "tools/line_editor.h"

#include <histedit.h>

#include <clocale>
#include <cstdio>
#include <iostream>
#include <string_view>
#include <unistd.h>

namespace cadenza {
namespace {

constexpr int historyLines = 1000;

} // namespace

struct LineEditor::Editor {
  Editor() : edit(el_init("cadenza-run", stdin, stdout, stderr)), lines(history_init()) {
    HistEvent event;
    history(lines, &event, H_SETSIZE, historyLines);
    history(lines, &event, H_SETUNIQUE, 1);
    el_set(edit, EL_CLIENTDATA, this);
    el_set(
        edit, EL_PROMPT, +[](EditLine *which) {
          Editor *self = nullptr;
          el_get(which, EL_CLIENTDATA, &self);
          return self->prompt.data();
        });
    el_set(edit, EL_EDITOR, "emacs");
    el_set(edit, EL_HIST, history, lines);
    el_set(edit, EL_SIGNAL, 1); // a signal that ends the program leaves the terminal as it was
    el_set(edit, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  }
  ~Editor() {
    history_end(lines);
    el_end(edit);
  }
  Editor(const Editor &) = delete;
  Editor &operator=(const Editor &) = delete;

  EditLine *edit;
  History *lines;
  std::string prompt;
};

LineEditor::LineEditor() {
  if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0)
    return;
  // Characters of several bytes are edited as one if the locale knows them.
  if (!std::setlocale(LC_CTYPE, "") || std::string_view(std::setlocale(LC_CTYPE, nullptr)) == "C")
    std::setlocale(LC_CTYPE, "C.UTF-8");
  editor_ = std::make_unique<Editor>();
}

LineEditor::~LineEditor() = default;

std::optional<std::string> LineEditor::read(const std::string &prompt) {
  std::string line;
  if (!editor_) {
    if (!std::getline(std::cin, line))
      return std::nullopt;
    if (line.ends_with('\r')) // of a file with such line ends
      line.pop_back();
    return line;
  }
  editor_->prompt = prompt;
  int length = 0;
  const char *typed = el_gets(editor_->edit, &length);
  if (!typed || length <= 0)
    return std::nullopt;
  line.assign(typed, static_cast<size_t>(length));
  if (line.ends_with('\n'))
    line.pop_back();
  if (!line.empty()) {
    HistEvent event;
    history(editor_->lines, &event, H_ENTER, line.c_str());
  }
  return line;
}

} // namespace cadenza
