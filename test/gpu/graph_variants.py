"""Variants of the graph schedule, measured beside each other: what loses is not built in.

    graph_variants.py BIN_FOLDER WORK_FOLDER [MODEL...]     (default: Qwen3-0.6B Llama-3.2-1B)
    graph_variants.py --check BIN_FOLDER WORK_FOLDER        only compiles the variants, without a GPU

Plans with edited kernels are made with cadenza-inspect --extract and cadenza-compile --override-source. Each line is one
run of cadenza-bench at context 128; bits are compared with those of the launch schedule of the plan as it is.
"""
import json
import os
import shutil
import subprocess
import sys

PREFETCH = ("arch.cuh", "// Last arriver ----", """/// prefetch.global.L2: a hint.
CADENZA_DEVICE void prefetch_l2(const void *address) {
  asm volatile("prefetch.global.L2 [%0];" ::"l"(__cvta_generic_to_global(address)));
}

// Last arriver ----""")
WAIT = "arch::grid_dependency_wait();\n    arch::grid_dependency_trigger();"
LATE = [(file, WAIT, "arch::grid_dependency_trigger();\n    arch::grid_dependency_wait();")
        for file in ("attend.cuh", "map.cuh", "embed.cuh")]
EDITS = {
    # the trigger before the wait; in a product after, or before, its first weights are requested
    "trigger-first": LATE + [("project.cuh", WAIT, "arch::grid_dependency_trigger();\n    arch::grid_dependency_wait();")],
    "trigger-at-top": LATE + [
        ("project.cuh", WAIT, "arch::grid_dependency_wait();"),
        ("project.cuh", "    unsigned char *shared = arch::shared_memory();\n    Weight *activation",
         "    arch::grid_dependency_trigger();\n    unsigned char *shared = arch::shared_memory();\n    Weight *activation")],
    # the weights of a warp's later steps into the L2 cache, before the wait
    "weights-to-l2": [PREFETCH, ("project.cuh", "    Prologue prologue;\n", """    if (depth < Order::most_steps && item < items && arch::lane() < 8)
      for (int step = depth; step < Order::step_count(item % Order::parts); ++step)
        arch::prefetch_l2(stream.next - arch::lane() * 8 + step * (Config::k_ways * 512) + arch::lane() * 64);
    Prologue prologue;
""")],
    # keys and values of a split into the L2 cache, before the wait; the position is a hint there, and looked at again
    "cache-to-l2": [PREFETCH, ("attend.cuh", "    " + WAIT, """    {
      const int kv_head = static_cast<int>(arch::block_index()) / splits;
      const Split hint = split_of(static_cast<int>(arch::load_relaxed(reinterpret_cast<const uint32_t *>(&args.state->position))),
                                  static_cast<int>(arch::block_index()) % splits);
      const uint64_t first = (static_cast<uint64_t>(kv_head) * args.context + hint.begin) * head_dim;
      for (int i = static_cast<int>(arch::thread_index()) * 64; i < (hint.end - hint.begin) * head_dim; i += threads * 64) {
        arch::prefetch_l2(args.key + first + i);
        arch::prefetch_l2(args.value + first + i);
      }
    }
    """ + WAIT)],
}
EDITS["to-l2"] = EDITS["weights-to-l2"] + EDITS["cache-to-l2"][1:]
EDITS["trigger-first,to-l2"] = EDITS["to-l2"] + EDITS["trigger-first"]
EDITS["trigger-at-top,to-l2"] = EDITS["to-l2"] + EDITS["trigger-at-top"]

check = "--check" in sys.argv
arguments = [argument for argument in sys.argv[1:] if argument != "--check"]
bin_folder, work = arguments[:2]
models = arguments[2:] or ["Qwen3-0.6B", "Llama-3.2-1B"]


def tool(name: str, *options: str) -> str:
    return subprocess.run([f"{bin_folder}/{name}", *options], check=True, stdout=subprocess.PIPE, text=True).stdout


def compile_plan(model: str, output: str, *options: str) -> None:
    tool("cadenza-compile", f"--model={model}", "--weights=random:1", "--target=sm_90", "--schedule=launch", "-q",
         "-o", output, *options)


def edited(source: str, edits: list, folder: str) -> str:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    for file, before, after in edits:
        path = f"{folder}/kernels/{file}"
        with open(path, encoding="utf-8") as text:
            old = text.read()
        if old.count(before) != 1:
            sys.exit(f"{file}: {old.count(before)} times: {before}")
        with open(path, "w", encoding="utf-8") as text:
            text.write(old.replace(before, after))
    return folder


def measure(model: str, plan: str, what: str, *options: str) -> None:
    out = json.loads(tool("cadenza-bench", plan, "--context=128", "--quiet", "--json=-", *options))["results"][0]
    rates = [out[f"tokens_per_second{end}"] for end in ("", "_min", "_max")]
    print(f"{model:14} {what:44} {rates[0]:9.1f} tok/s ({rates[1]:.1f} to {rates[2]:.1f})", flush=True)


def logits(plan: str, schedule: str) -> bytes:
    path = f"{work}/variant.npy"
    tool("cadenza-run", plan, "--device=cuda:0", f"--schedule={schedule}", "--tokens=5,6,7,8,9,10,11,12", "-n", "40",
         "--ignore-eos", "--logits", path)
    with open(path, "rb") as file:
        return file.read()


os.makedirs(work, exist_ok=True)
for model in models:
    plan, source = f"{work}/variant.plan", f"{work}/variant-source"
    compile_plan(model, plan)
    shutil.rmtree(source, ignore_errors=True)
    tool("cadenza-inspect", plan, "--extract", source)
    if not check:
        right = logits(plan, "launch")
        for what, options in {
            "launch": ["--schedule=launch"],
            "graph of 1 step, serial": ["--schedule=graph", "--graph-steps=1", "--no-dependent-launch"],
            "graph of 16 steps, serial": ["--schedule=graph", "--graph-steps=16", "--no-dependent-launch"],
            "graph of 1 step": ["--schedule=graph", "--graph-steps=1"],
            "graph of 4 steps": ["--schedule=graph", "--graph-steps=4"],
            "graph of 16 steps": ["--schedule=graph", "--graph-steps=16"],
            "graph of 32 steps": ["--schedule=graph", "--graph-steps=32"],
        }.items():
            measure(model, plan, what, *options)
    for name, edits in EDITS.items():
        override = f"--override-source={edited(source, edits, work + '/variant-edited')}"
        if check:
            compile_plan(model, f"{work}/{model}.{name}.cubin", "--emit=cubin", override)
            continue
        compile_plan(model, plan, override)
        for schedule in "launch", "graph":
            measure(model, plan, f"{schedule}, {name}", f"--schedule={schedule}")
        if logits(plan, "graph") != right:
            print(f"{model}: {name}: OTHER BITS", flush=True)
    os.remove(plan)
