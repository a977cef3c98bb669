"""Generates 10,000 tokens in one process, 200 and 200 again, and checks that nothing drifts.

    check_drift.py GPU_REPEAT PLAN

The last ten times take as long as the ten after the first one, within 2 %. The process and the GPU have no more memory in the
last ten times than after 2,000 tokens (until then, drivers allocate what they keep), within 1 MB; of the process it is the least
of ten samples that counts, because it has up to 120 MB of logits for a while each time.
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
    seconds, memory, gpu = [], [], []
    for line in process.stdout:
        if not line.endswith(" s\n"):
            continue
        seconds.append(float(line.split()[0]))
        memory.append(process_memory(process.pid))
        if len(seconds) in (WINDOW, TIMES - 2):  # while it still runs
            gpu.append(gpu_memory())
    if process.wait(timeout=30) != 0:
        sys.exit(f"gpu_repeat: exit code {process.returncode}")

    first, last = (statistics.median(part) for part in (seconds[:WINDOW], seconds[-WINDOW:]))
    before, after = min(memory[WINDOW : 2 * WINDOW]), min(memory[-WINDOW:])
    print(f"memory: {before} kB and {gpu[0]} MB on the GPU, then {after} kB and {gpu[1]} MB")
    print(f"{TIMES} times {TOKENS} tokens: {first:.4f} s at first, {last:.4f} s at last")
    if abs(last / first - 1) > 0.02 or after - before > 1000 or gpu[1] - gpu[0] > 1:
        sys.exit("drift")


if __name__ == "__main__":
    main()
