"""Generates 10,000 tokens in one process and checks that nothing drifts.

    check_drift.py CADENZA_RUN PLAN

The time of every 1,000 tokens must lie on a line over their number (keys and values to read grow with the context), within
2 %; the process's memory and the GPU's must be the same after 2,000 and after 10,000 tokens, within 1 MB.
"""
import subprocess
import sys
import time

TOKENS, EACH = 10_000, 1_000
cadenza_run, plan = sys.argv[1:3]


def memory(pid: int) -> tuple[int, int]:
    """Kilobytes of the process, megabytes of the GPU."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        resident = next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"]
    return resident, int(subprocess.run(query, capture_output=True, text=True, check=True, timeout=30).stdout)


def main() -> None:
    command = [cadenza_run, plan, "--device=cuda:0", "--tokens", "5,6,7", "-n", str(TOKENS + EACH), "--ignore-eos",
               "--context", str(TOKENS + EACH + 16)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    times, samples = [], {}
    tail, count = b"", 0
    while chunk := process.stdout.read1(1 << 16):  # "12 345 "
        now = time.perf_counter()
        count += chunk.count(b" ")
        tail = chunk[-20:]
        while len(times) <= TOKENS // EACH and count >= len(times) * EACH + 1:
            times.append(now)
            if len(times) - 1 in (2, TOKENS // EACH):
                samples[len(times) - 1] = memory(process.pid)
    if process.wait(timeout=30) != 0 or count != TOKENS + EACH:
        sys.exit(f"exit code {process.returncode} after {count} tokens: {tail!r}")

    took = [b - a for a, b in zip(times, times[1:])]
    took.pop(2)  # in which memory was looked at
    numbers = [i + 0.5 for i in range(TOKENS // EACH) if i != 2]
    middle, mean = sum(numbers) / len(numbers), sum(took) / len(took)
    slope = sum((n - middle) * (t - mean) for n, t in zip(numbers, took)) / sum((n - middle) ** 2 for n in numbers)
    worst = max(abs(t / (mean + slope * (n - middle)) - 1) for n, t in zip(numbers, took))
    (resident, gpu), (resident_end, gpu_end) = samples[2], samples[TOKENS // EACH]
    print("seconds for 1,000 tokens:", *(f"{t:.3f}" for t in took))
    print(f"memory: {resident} kB and {gpu} MB on the GPU, then {resident_end} kB and {gpu_end} MB")
    print(f"{TOKENS} tokens: off the line by {worst:.1%} at most")
    if worst > 0.02 or abs(resident_end - resident) > 1000 or abs(gpu_end - gpu) > 1:
        sys.exit("drift")


if __name__ == "__main__":
    main()
