"""Measures what each fusion pass is worth: Qwen3-0.6B with random weights, context 128, `launch` schedule.

    ablation.py BIN_FOLDER WORK_FOLDER [RECORD.json]

From --passes=none upwards, one more pass of the pipeline at a time, then all passes with each one left out in turn. Prints
Markdown; every row is appended to RECORD.json as cadenza-bench --record does.
"""
import concurrent.futures
import json
import os
import subprocess
import sys

PASSES = ["roll-layers", "merge-projections", "fuse-norm-project", "defer-norm-scale", "fuse-rope-append",
          "fuse-activation-mul", "fuse-residual", "fuse-head-select", "narrow-edges"]


def rows():
    """(label, options of cadenza-compile)."""
    yield "--passes=none", ["--passes=none"]
    for count in range(1, len(PASSES) + 1):
        yield "+ " + PASSES[count - 1], [f"--disable-pass={name}" for name in PASSES[count:]]
    for name in PASSES:
        yield "all without " + name, [f"--disable-pass={name}"]


def main() -> None:
    bin_folder, work = sys.argv[1:3]
    record = sys.argv[3:4]

    def plan_of(job):
        index, (_, options) = job
        path = f"{work}/ablation-{index}.plan"
        subprocess.run([f"{bin_folder}/cadenza-compile", "--model=Qwen3-0.6B", "--weights=random:1", "-q", "--threads=4",
                        "-o", path, *options], check=True, timeout=120)
        return path

    jobs = list(enumerate(rows()))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:  # before any measurement: launches are timed on this CPU
        paths = list(pool.map(plan_of, jobs))
    print("| passes | kernels a token | tok/s | ms a token | share of the floor |\n|---|---|---|---|---|")
    for (_, (label, _)), path in zip(jobs, paths):
        result = f"{path}.json"
        subprocess.run([f"{bin_folder}/cadenza-bench", path, "--context=128", "--tokens=128", "--repeat=5", "--quiet",
                        f"--json={result}", *(f"--record={name}" for name in record)],
                       check=True, timeout=120, stdout=subprocess.DEVNULL)
        with open(result, encoding="utf-8") as file:
            row = json.load(file)["results"][0]
        print(f"| {label} | {row['launches_per_token']} | {row['tokens_per_second']:.0f} | {row['ms_per_token']:.3f} | "
              f"{100 * row['floor_share']:.1f} % |", flush=True)
        os.remove(path)


main()
