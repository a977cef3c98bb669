"""signal_when.py SIGNAL TEXT COMMAND...: sends the signal once the command's standard error has the text (empty: soon
after it started; @PATH: once there is such a file), and says how it ended and what it said last.
"""
import os
import signal
import subprocess
import sys
import time

# A shell that runs tests in the background may have them ignore what Ctrl-C sends.
for ignored in (signal.SIGINT, signal.SIGHUP):
    signal.signal(ignored, signal.SIG_DFL)
process = subprocess.Popen(sys.argv[3:], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
said = b""
while sys.argv[2].startswith("@") and not os.path.exists(sys.argv[2][1:]) and process.poll() is None:
    time.sleep(0.01)
while not sys.argv[2].startswith("@") and sys.argv[2].encode() not in said:
    byte = process.stderr.read(1)
    if not byte:
        break
    said += byte
time.sleep(0.2)
process.send_signal(getattr(signal, sys.argv[1]))
_, rest = process.communicate(timeout=120)
lines = (said + rest).decode().strip().split("\n")
print(f"{sys.argv[1]}: ended with {process.returncode}: {lines[-1]}")
