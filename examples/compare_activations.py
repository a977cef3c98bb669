#!/usr/bin/env python3
"""Compares the activations that `cadenza-run --dump` wrote with those of transformers, module by module.

    cadenza-run model.plan --tokens 1,2,3 --device cpu --dump dump/
    python3 compare_activations.py MODEL_DIR dump/ --tokens 1,2,3

Each DIR/MODULE.npy is a float32 array [tokens, n]: what the Hugging Face module of that name put out. The model runs in
fp32 (or --dtype) on the CPU with the same tokens; forward hooks collect what modules take and put out. A module that a
fused phase swallows has no file. What lies between modules (attention before its output projection, say) is compared with
what the next module takes. Prints each relative L2 difference, in the order in which transformers runs the modules; exits
with 14 if one is above --tolerance.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM


# What cadenza-run names that is no module's output: it is the input of this module beside it.
TAKEN_BY = {"attention": "o_proj", "product": "down_proj", "post_attention_residual": "post_attention_layernorm"}


def collect(model, token_ids):
    """Name of an activation -> its values [tokens, n], in execution order (the last call counts)."""
    activations = {}
    names_of_inputs = {module: name for name, module in TAKEN_BY.items()}

    def keep(name, value):
        tensor = value[0] if isinstance(value, tuple) and value else value
        if isinstance(tensor, torch.Tensor) and tensor.dim() >= 2:
            activations[name] = tensor.detach().float().reshape(len(token_ids), -1).numpy()

    def input_hook(name):
        return lambda module, inputs: keep(name, inputs)

    def output_hook(name):
        return lambda module, inputs, output: keep(name, output)

    for name, module in model.named_modules():
        parent, _, own = name.rpartition(".")
        if own in names_of_inputs:
            module.register_forward_pre_hook(input_hook(f"{parent}.{names_of_inputs[own]}"))
        if name:
            module.register_forward_hook(output_hook(name))
    with torch.no_grad():
        model(torch.tensor([token_ids]), use_cache=False)
    return activations


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="the Hugging Face directory that the plan was compiled from")
    parser.add_argument("dump", type=Path, help="the folder that cadenza-run --dump wrote")
    parser.add_argument("--tokens", required=True, help="the token ids that were run, such as 1,2,3")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="for transformers")
    parser.add_argument("--tolerance", type=float, default=0.05,
                        help="largest relative L2 difference; bf16 rounding alone makes 0.003 to 0.02")
    args = parser.parse_args()

    token_ids = [int(token) for token in args.tokens.split(",")]
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=getattr(torch, args.dtype),
                                                 attn_implementation="eager").eval()
    expected = collect(model, token_ids)
    dumped = {path.name.removesuffix(".npy"): np.load(path) for path in sorted(args.dump.glob("*.npy"))}
    if not dumped:
        sys.exit(f"{args.dump}: no .npy file")

    compared = [name for name in expected if name in dumped]
    if not compared:
        sys.exit(f"{args.dump}: nothing in it is named as a module of {args.model}")

    worst = 0.0
    for name in compared:
        ours, theirs = dumped[name], expected[name]
        if ours.shape != theirs.shape:
            sys.exit(f"{name}: dumped {ours.shape}, transformers {theirs.shape}")
        error = np.linalg.norm(ours - theirs) / max(np.linalg.norm(theirs), 1e-30)
        worst = np.maximum(worst, error)  # unlike max, of NaN NaN
        print(f"{name:40} {error:10.3e}{'' if error <= args.tolerance else '  <-- above tolerance'}")
    for name in sorted(set(dumped) - set(expected)):
        print(f"{name:40} not a module of this model")
    print(f"{len(compared)} activations compared, largest relative L2 difference: {worst:.3e}")
    sys.exit(0 if worst <= args.tolerance else 14)


if __name__ == "__main__":
    main()
