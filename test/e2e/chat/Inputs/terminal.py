"""Talks to `cadenza-run ... --chat` on a terminal: editing, history, Ctrl-C in an answer, Ctrl-D."""

import os
import pty
import select
import signal
import sys
import time


class Terminal:
    def __init__(self, command):
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            os.execvp(command[0], command)

    def until(self, text, seconds=60):
        """Reads up to `text`, which it takes; what stood before it."""
        end = time.time() + seconds
        while text not in self.seen:
            if time.time() > end or not select.select([self.fd], [], [], max(0, end - time.time()))[0]:
                sys.exit(f"no {text!r} in {self.seen!r}")
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                data = b""
            if not data:
                sys.exit(f"the end, and no {text!r} in {self.seen!r}")
            self.seen += data
        before, _, self.seen = self.seen.partition(text)
        return before

    def type(self, text):
        os.write(self.fd, text)

    def exit_code(self):
        while True:
            try:
                if not os.read(self.fd, 4096):
                    break
            except OSError:
                break
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def main():
    terminal = Terminal(sys.argv[1:] + ["-n", "8"])
    terminal.until(b"/help says")
    terminal.until(b"> ")
    terminal.type(b"Let us go upx\x7f\n")  # backspace
    terminal.until(b"to the battle")
    terminal.until(b"> ")
    terminal.type(b"/reset\n")
    terminal.until(b"> ")
    terminal.type(b"\x1b[A\x1b[A\n")  # twice up: the first message again
    terminal.until(b"to the battle")
    terminal.until(b"> ")
    terminal.type(b"\x04")
    assert terminal.exit_code() == 0

    terminal = Terminal(sys.argv[1:])  # until the context is full: time enough to stop
    terminal.until(b"> ")
    terminal.type(b"Let us go up\n")
    terminal.until(b"to the")
    os.kill(terminal.pid, signal.SIGINT)
    terminal.until(b"(stopped; the talk goes on)")
    terminal.until(b"> ")
    terminal.type(b"/save /dev/null\n")
    terminal.until(b"2 messages")
    terminal.until(b"> ")
    terminal.type(b"half a li")
    time.sleep(0.5)
    os.kill(terminal.pid, signal.SIGINT)  # at the prompt it ends the program
    assert terminal.exit_code() == 13


if __name__ == "__main__":
    main()
