"""Generates 10,000 tokens in one process, 200 and 200 again, and checks that nothing drifts.

    check_drift.py GPU_REPEAT PLAN

The last ten times take as long as the ten after the first one, within 2 %; the process and the GPU have as much memory at the
end as after 2,000 tokens (until then, drivers allocate what they keep), within 1 MB.
"""
import statistics
import subprocess
import sys

TIMES, TOKENS, WINDOW = 51, 200, 10
gpu_repeat, plan = sys.argv[1:3]


def memory(pid: int) -> tuple[int, int]:
    """Kilobytes of the process, megabytes of the GPU."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        resident = next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"]
    return resident, int(subprocess.run(query, capture_output=True, text=True, check=True, timeout=30).stdout)


def main() -> None:
    process = subprocess.Popen([gpu_repeat, plan, str(TIMES), str(TOKENS)], stdout=subprocess.PIPE, text=True)
    seconds, samples = [], []
    for line in process.stdout:
        if not line.endswith(" s\n"):
            continue
        seconds.append(float(line.split()[0]))
        if len(seconds) in (WINDOW, TIMES - 2):  # while it still runs
            samples.append(memory(process.pid))
    if process.wait(timeout=30) != 0:
        sys.exit(f"gpu_repeat: exit code {process.returncode}")

    first, last = (statistics.median(part) for part in (seconds[:WINDOW], seconds[-WINDOW:]))
    (resident, gpu), (resident_end, gpu_end) = samples
    print(f"memory: {resident} kB and {gpu} MB on the GPU, then {resident_end} kB and {gpu_end} MB")
    print(f"{TIMES} times {TOKENS} tokens: {first:.4f} s at first, {last:.4f} s at last")
    if abs(last / first - 1) > 0.02 or abs(resident_end - resident) > 1000 or abs(gpu_end - gpu) > 1:
        sys.exit("drift")


if __name__ == "__main__":
    main()
