"""Measures what each fusion pass is worth: Qwen3-0.6B with random weights, context 128, `launch` schedule.

    ablation.py BIN_FOLDER WORK_FOLDER [RECORD.json]

From --passes=none upwards, one more pass of the pipeline at a time, then all passes with each one left out in turn. Prints
Markdown; every row is appended to RECORD.json as cadenza-bench --record does. The passes are asked of the compiler.
"""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

MODEL = ["--model=Qwen3-0.6B", "--weights=random:1"]
FIXTURE = pathlib.Path(__file__).parents[1] / "fixtures/models/qwen3-gqa2-tied"
AT_ONCE = 4  # plans of 1.2 GB that exist at a time
bin_folder, work = sys.argv[1:3]
record = sys.argv[3:4]


def compile_plan(path: str, model: list[str], options: list[str]) -> None:
    subprocess.run([f"{bin_folder}/cadenza-compile", *model, "--schedule=launch", "-q", "--threads=4", "-o", path, *options],
                   check=True, timeout=120)


def passes_with(options: list[str]) -> list[str]:
    path = f"{work}/ablation.plan"
    compile_plan(path, [str(FIXTURE)], options)
    described = subprocess.run([f"{bin_folder}/cadenza-inspect", "--json", path], check=True, timeout=60, capture_output=True)
    os.remove(path)
    return json.loads(described.stdout)["metadata"]["passes"]


def rows(passes: list[str]) -> list[tuple[str, list[str]]]:
    """(label, options of cadenza-compile) for the passes that can be disabled, in the order of the pipeline."""
    upwards = [("+ " + name, [f"--disable-pass={later}" for later in passes[i + 1:]]) for i, name in enumerate(passes)]
    each = [("all without " + name, [f"--disable-pass={name}"]) for name in passes]
    return [("--passes=none", ["--passes=none"]), *upwards, *each]


def measure(label: str, path: str) -> None:
    result = f"{path}.json"
    subprocess.run([f"{bin_folder}/cadenza-bench", path, "--context=128", "--tokens=128", "--repeat=5", "--quiet", "--schedule=launch",
                    f"--json={result}", *(f"--record={name}" for name in record)],
                   check=True, timeout=120, stdout=subprocess.DEVNULL)
    with open(result, encoding="utf-8") as file:
        row = json.load(file)["results"][0]
    share = "-" if row["floor_share"] is None else f"{100 * row['floor_share']:.1f} %"
    print(f"| {label} | {row['launches_per_token']} | {row['tokens_per_second']:.0f} | {row['ms_per_token']:.3f} | {share} |",
          flush=True)


def main() -> None:
    required = passes_with(["--passes=none"])
    jobs = rows([name for name in passes_with([]) if name not in required])
    print("| passes | kernels a token | tok/s | ms a token | share of the floor |\n|---|---|---|---|---|")
    for start in range(0, len(jobs), AT_ONCE):
        batch = {f"{work}/ablation-{start + i}.plan": job for i, job in enumerate(jobs[start:start + AT_ONCE])}
        # All compilers end before a measurement starts: launches are timed on the same CPU.
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda path: compile_plan(path, MODEL, batch[path][1]), batch))
        for path, (label, _) in batch.items():
            measure(label, path)
            os.remove(path)


main()
