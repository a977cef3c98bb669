"""Runs a command, interrupts it when it has printed something, and says how it ended."""
import signal
import subprocess
import sys

process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
first = process.stdout.read(1)
process.send_signal(signal.SIGINT)
rest, log = process.communicate(timeout=60)
part = "part of the text" if first and len(rest) < 6000 else f"{len(rest)} bytes"
print(f"ended with {process.returncode} after {part}")
print(log.decode())
