"""Times prompts in PyTorch, to compare `cadenza-bench --prompt` with.

    prefill.py CONFIG_FOLDER [--prompts 16,128,512,2048] [--compile]

CONFIG_FOLDER holds config.json (compiler/import/hf/published/<name>); weights are random, bf16. Prints, as JSON, the
median milliseconds of a forward pass over so many tokens, with a cache that it fills and the logits of the last one:
eager, in a CUDA graph, and, if asked for, by torch.compile (max-autotune-no-cudagraphs in a graph of our own). Needs
torch with CUDA and transformers; no network.
"""
import argparse
import json
import statistics

import torch
from transformers import AutoConfig, AutoModelForCausalLM


def milliseconds(run, repeats: int = 20) -> float:
    times = []
    for _ in range(repeats):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return round(statistics.median(times), 3)


def captured(run):
    """`run` as a replay of a CUDA graph."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("config")
    parser.add_argument("--prompts", default="16,128,512,2048")
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    config = AutoConfig.from_pretrained(arguments.config)
    with torch.device("cuda"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16, attn_implementation="sdpa").eval()
    for parameter in model.parameters():
        parameter.normal_(0, 0.02)
    results = {}
    for tokens in map(int, arguments.prompts.split(",")):
        ids = torch.randint(0, config.vocab_size, (1, tokens), device="cuda")

        def run(forward=model):
            return forward(input_ids=ids, use_cache=True, logits_to_keep=1).logits

        for _ in range(3):
            run()
        row = {"eager": milliseconds(run)}
        row["graph"] = milliseconds(captured(run))
        if arguments.compile:
            compiled = torch.compile(model, mode="max-autotune-no-cudagraphs")
            run(compiled)
            row["compile"] = milliseconds(captured(lambda: run(compiled)))
        results[tokens] = row
    print(json.dumps({"milliseconds": results}))


if __name__ == "__main__":
    main()
