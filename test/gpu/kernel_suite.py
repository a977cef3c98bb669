"""Times single kernels with cadenza-bench --kernel and the same shapes in PyTorch, in one run, and prints one table.

    kernel_suite.py BIN [--out FILE.json] [--only attention,linear,...] [--no-wgmma] [--no-torch]

BIN holds cadenza-bench and cadenza-compile. Both sides rotate over as many sets of operands as are 4 times the L2 cache,
queue launches as a CUDA graph and take the median of repeats, in microseconds a launch. PyTorch is measured eager
(cuBLAS) and, of products with an activation, compiled (torch.compile, max-autotune-no-cudagraphs); attention with each
backend of scaled_dot_product_attention that takes it. Its products are bf16; the encodings are compared with them.
FILE.json gets an array: the record of cadenza-bench, and under "pytorch" the microseconds of each way. Needs torch with
CUDA, unless --no-torch; no network. Exit code 1: a kernel failed, or gave wrong results.
"""
import argparse
import json
import statistics
import subprocess
import sys

# name: kernel, shapes, further arguments of cadenza-bench
SUITES = {
    "attention": ("attention", "1x16x2048x128,16x32x512x64", []),
    "attention_causal": ("attention", "1x16x2048x128,16x32x512x64", ["--causal"]),
    "linear_silu": ("linear_silu", "128x16384x4096,128x11008x4096", ["--encoding", "plain,tiles16"]),
    "linear_gelu": ("linear_gelu", "128x16384x4096,128x11008x4096", ["--encoding", "plain,tiles16"]),
    # y = x W^T with W [4096, 14336] and [4096, 4096]
    "linear": ("linear", ",".join(f"{m}x4096x{k}" for k in (4096, 14336) for m in (1, 16, 128, 512)),
               ["--encoding", "tiles16,int8,int4,fp8"]),
    "linear_plain": ("linear", "16x4096x4096,128x4096x4096,512x4096x4096", []),
}
REPEATS = 7


def cadenza(binaries: str, suite: str, wgmma: bool) -> list | None:
    """The records of a suite; None if it failed."""
    kernel, shapes, arguments = SUITES[suite]
    command = [f"{binaries}/cadenza-bench", "--kernel", kernel, "--shape", shapes, *arguments, "--json", "-",
               "--repeat", str(REPEATS)] + ([] if wgmma or kernel == "attention" else ["--no-wgmma"])
    print("==", " ".join(command), file=sys.stderr, flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)["results"] if done.returncode == 0 else None


class Torch:
    """PyTorch on the first GPU."""

    def __init__(self):
        import torch
        self.torch = torch
        self.l2 = torch.cuda.get_device_properties(0).L2_cache_size
        self.known = {}

    def sets_for(self, bytes_of_set: int, most: int = 256) -> int:
        return max(2, min(most, -(-4 * self.l2 // bytes_of_set)))

    def microseconds(self, run, sets: list) -> float:
        """Of run(*operands), a launch of a CUDA graph that takes all sets in turn."""
        torch = self.torch
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                results = [run(*operands) for operands in sets]
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            results = [run(*operands) for operands in sets]  # all live: each has memory of its own
        replays = max(1, 200 // len(sets))
        times = []
        for repeat in range(REPEATS + 1):
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            start.record()
            for _ in range(replays):
                graph.replay()
            end.record()
            end.synchronize()
            if repeat > 0:
                times.append(start.elapsed_time(end) * 1e3 / replays / len(sets))
        del results
        return statistics.median(times)

    def attention(self, shape: list, causal: bool) -> dict:
        torch = self.torch
        from torch.nn.attention import SDPBackend, sdpa_kernel
        bytes_of_set = 8 * shape[0] * shape[1] * shape[2] * shape[3]
        sets = [[torch.randn(shape, dtype=torch.bfloat16, device="cuda") for _ in range(3)]
                for _ in range(self.sets_for(bytes_of_set))]
        times = {}
        for name, backend in (("cudnn", SDPBackend.CUDNN_ATTENTION), ("flash", SDPBackend.FLASH_ATTENTION),
                              ("efficient", SDPBackend.EFFICIENT_ATTENTION)):
            def run(q, k, v, backend=backend):
                with sdpa_kernel(backend):
                    return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
            try:
                times[name] = self.microseconds(run, sets)
            except RuntimeError as error:
                print(f"   {name}: {str(error).splitlines()[0]}", file=sys.stderr)
        return times

    def linear(self, shape: list, kernel: str) -> dict:
        torch = self.torch
        rows, outputs, depth = shape
        function = {"linear": lambda y: y, "linear_silu": torch.nn.functional.silu,
                    "linear_gelu": torch.nn.functional.gelu}[kernel]
        bytes_of_set = 2 * (outputs * depth + rows * (outputs + depth))
        sets = [[torch.randn(rows, depth, dtype=torch.bfloat16, device="cuda"),
                 torch.randn(outputs, depth, dtype=torch.bfloat16, device="cuda") / depth**0.5]
                for _ in range(self.sets_for(bytes_of_set))]

        def run(x, w):
            return function(torch.nn.functional.linear(x, w))

        times = {"eager": self.microseconds(run, sets)}
        if kernel == "linear":
            return times
        try:
            torch._dynamo.reset()
            compiled = torch.compile(run, mode="max-autotune-no-cudagraphs", dynamic=False)
            times["compiled"] = self.microseconds(compiled, sets)
        except Exception as error:  # whatever its compiler raises
            print(f"   compiled: {str(error).splitlines()[0]}", file=sys.stderr)
        return times

    def times(self, record: dict) -> dict:
        """Of the kernel that a record of cadenza-bench is of, each once."""
        key = (record["kernel"], tuple(record["shape"]), record["causal"])
        if key not in self.known:
            with self.torch.inference_mode():
                self.known[key] = (self.attention(record["shape"], bool(record["causal"]))
                                   if record["kernel"] == "attention"
                                   else self.linear(record["shape"], record["kernel"]))
            self.torch.cuda.empty_cache()
        return self.known[key]


def print_table(records: list) -> None:
    print("| kernel | shape | type | Cadenza us | GB/s | TFLOP/s | PyTorch us | speed-up |")
    print("|:--|:--|:--|--:|--:|--:|:--|--:|")
    for record in records:
        name = record["kernel"] + (", causal" if record["causal"] else "")
        shape = "x".join(map(str, record["shape"]))
        times = record.get("pytorch", {})
        others = ", ".join(f"{way} {time:.2f}" for way, time in times.items()) or "-"
        speedup = f"{min(times.values()) / record['microseconds']:.2f}" if times else "-"
        print(f"| {name} | {shape} | {record['dtype']} {record['encoding'] or ''} | {record['microseconds']:.2f} | "
              f"{record['gb_per_second']:.0f} | {record['teraflops']:.1f} | {others} | {speedup} |")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries")
    parser.add_argument("--out")
    parser.add_argument("--only", default=",".join(SUITES))
    parser.add_argument("--no-wgmma", action="store_true")
    parser.add_argument("--no-torch", action="store_true")
    arguments = parser.parse_args()
    pytorch = None if arguments.no_torch else Torch()
    records, failed = [], []
    for suite in arguments.only.split(","):
        if suite not in SUITES:
            parser.error(f"there is no suite '{suite}'; choose from {', '.join(SUITES)}")
        measured = cadenza(arguments.binaries, suite, not arguments.no_wgmma)
        if measured is None:
            failed.append(suite)
            continue
        for record in measured:
            if pytorch:
                record["pytorch"] = {way: round(time, 3) for way, time in pytorch.times(record).items()}
            records.append(record)
        if arguments.out:  # after each suite: a run that is cut short leaves what it has
            with open(arguments.out, "w") as file:
                json.dump(records, file, indent=2)
    print_table(records)
    for suite in failed:
        print(f"kernel_suite.py: {suite} failed", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
