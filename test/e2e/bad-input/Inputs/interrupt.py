"""Interrupts a command in the middle of its text, as Ctrl-C does, and says how it ended and what it still printed.

The command is stopped while the signal is sent, so that what comes after it does not depend on how busy the machine is.
"""
import os
import signal
import subprocess
import sys

process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
before = os.read(process.stdout.fileno(), 1 << 16)
process.send_signal(signal.SIGSTOP)
os.waitpid(process.pid, os.WUNTRACED)
os.set_blocking(process.stdout.fileno(), False)
try:
    before += os.read(process.stdout.fileno(), 1 << 16)
except BlockingIOError:
    pass
os.set_blocking(process.stdout.fileno(), True)
process.send_signal(signal.SIGINT)
process.send_signal(signal.SIGCONT)
after, _ = process.communicate(timeout=120)
sys.stdout.buffer.write(before + after)
print(f"ended with {process.returncode}; words before: {len(before.split())}, after: {len(after.split())}")
