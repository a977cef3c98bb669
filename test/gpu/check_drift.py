"""Generates 10,000 tokens in one process, 200 and 200 again, and checks that nothing drifts.

    check_drift.py GPU_REPEAT PLAN

The last ten times take as long as the ten after the first one, within 2 %. After the last ones the process has no more
bytes from malloc than after 2,000 tokens (until then, drivers allocate what they keep), within 64 KiB, and the GPU no more
memory, within 1 MB. Memory that the process has resident is shown: pages that malloc keeps make it vary by some MB.
"""
import statistics
import subprocess
import sys

TIMES, TOKENS, WINDOW = 51, 200, 10
gpu_repeat, plan = sys.argv[1:3]


def process_memory(pid: int) -> int:
    """Kilobytes that are not of files."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon:"))


def gpu_memory() -> int:
    """Megabytes."""
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"]
    return int(subprocess.run(query, capture_output=True, text=True, check=True, timeout=30).stdout)


def main() -> None:
    process = subprocess.Popen([gpu_repeat, plan, str(TIMES), str(TOKENS)], stdout=subprocess.PIPE, text=True)
    seconds, allocated, resident, gpu = [], [], [], []
    for line in process.stdout:
        words = line.split()
        if words[1::2] != ["s", "bytes"]:
            continue
        seconds.append(float(words[0]))
        allocated.append(int(words[2]))
        resident.append(process_memory(process.pid))
        if len(seconds) in (WINDOW, TIMES - 2):  # while it still runs
            gpu.append(gpu_memory())
    if process.wait(timeout=30) != 0:
        sys.exit(f"gpu_repeat: exit code {process.returncode}")

    first, last = (statistics.median(part) for part in (seconds[:WINDOW], seconds[-WINDOW:]))
    before, after = max(allocated[WINDOW : 2 * WINDOW]), max(allocated[-WINDOW:])
    print(f"allocated: {before} bytes and {gpu[0]} MB on the GPU, then {after} bytes and {gpu[1]} MB")
    print(f"resident: {min(resident[WINDOW : 2 * WINDOW])} kB, then {min(resident[-WINDOW:])} kB")
    print(f"{TIMES} times {TOKENS} tokens: {first:.4f} s at first, {last:.4f} s at last")
    if abs(last / first - 1) > 0.02 or after - before > 65536 or gpu[1] - gpu[0] > 1:
        sys.exit("drift")


if __name__ == "__main__":
    main()
