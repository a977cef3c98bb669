"""Makes an encoder of the BERT kind with random weights, exports it by torch.onnx, and times it in PyTorch.

    encoder.py make FOLDER [--layers 6] [--hidden 384] [--heads 12] [--sequence 128] [--dtype float16]
    encoder.py check FOLDER OUTPUT.npy
    encoder.py time FOLDER [--modes reduce-overhead,max-autotune]

`make` writes model.onnx (inputs input_ids, attention_mask, token_type_ids; output last_hidden_state), one .npy an
input, and the outputs of the same weights in fp32 (f32.npy) and in the model's type (low.npy). `check` prints the
error of OUTPUT.npy beside PyTorch's own in that type, both against fp32, and fails if ours is more than twice as
large. `time` prints the median microseconds of a call by torch.compile, CUDA graphs and all, as JSON. Needs torch >=
2.11 with CUDA, transformers >= 5.17, onnx and onnxscript; no network.
"""
import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig, BertModel

SEED = 20
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def load(folder: Path, dtype: torch.dtype) -> torch.nn.Module:
    return BertModel.from_pretrained(folder / "hf", dtype=dtype, attn_implementation="sdpa").eval().to(DEVICE)


class Encoder(torch.nn.Module):
    """The hidden states alone, as what an application exports."""

    def __init__(self, model: torch.nn.Module):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.model(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state


def inputs_of(folder: Path) -> tuple[torch.Tensor, ...]:
    names = ("input_ids", "attention_mask", "token_type_ids")
    return tuple(torch.from_numpy(np.load(folder / f"{name}.npy")).to(DEVICE) for name in names)


def make(folder: Path, layers: int, hidden: int, heads: int, sequence: int, dtype: torch.dtype) -> None:
    torch.manual_seed(SEED)
    config = BertConfig(num_hidden_layers=layers, hidden_size=hidden, num_attention_heads=heads,
                        intermediate_size=4 * hidden)
    model = BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:  # matrices that keep activations near 1
                parameter.copy_(torch.randn_like(parameter) / parameter.shape[1] ** 0.5)
    model.to(dtype).save_pretrained(folder / "hf")
    numbers = np.random.default_rng(SEED)
    mask = np.ones((1, sequence), np.int64)
    mask[:, sequence - sequence // 8 :] = 0
    for name, value in {
        "input_ids": numbers.integers(0, config.vocab_size, (1, sequence)),
        "attention_mask": mask,
        "token_type_ids": np.zeros((1, sequence), np.int64),
    }.items():
        np.save(folder / f"{name}.npy", value)
    inputs = inputs_of(folder)
    for file, type_ in (("f32", torch.float32), ("low", dtype)):
        with torch.no_grad():
            np.save(folder / f"{file}.npy", Encoder(load(folder, type_))(*inputs).float().cpu().numpy())
    exported = Encoder(load(folder, dtype).cpu())
    program = torch.onnx.export(exported, tuple(value.cpu() for value in inputs), dynamo=True, opset_version=18,
                                input_names=["input_ids", "attention_mask", "token_type_ids"],
                                output_names=["last_hidden_state"])
    program.save(folder / "model.onnx", external_data=True)


def check(folder: Path, output: Path) -> bool:
    exact, low, ours = (np.load(file).astype(np.float64) for file in (folder / "f32.npy", folder / "low.npy", output))
    error = [float(np.sqrt(np.mean((value - exact) ** 2))) for value in (ours, low)]
    print(f"root mean square error {error[0]:.3e}, PyTorch's {error[1]:.3e}: {error[0] / error[1]:.2f} x")
    return ours.shape == exact.shape and error[0] <= 2 * error[1]


def time(folder: Path, modes: list[str], dtype: torch.dtype) -> None:
    inputs = inputs_of(folder)
    result = {}
    for mode in modes:
        torch._dynamo.reset()
        model = torch.compile(Encoder(load(folder, dtype)), mode=mode)
        samples = []
        with torch.no_grad():
            for _ in range(10):
                model(*inputs)
            for _ in range(20):
                torch.cuda.synchronize()
                start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                start.record()
                for _ in range(50):
                    model(*inputs)
                stop.record()
                torch.cuda.synchronize()
                samples.append(start.elapsed_time(stop) * 1000 / 50)
        result[mode] = round(float(np.median(samples)), 1)
        print(json.dumps({"microseconds": result}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["make", "check", "time"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path, nargs="?")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--hidden", type=int, default=384)
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--sequence", type=int, default=128)
    parser.add_argument("--dtype", default="float16", choices=["float16", "bfloat16", "float32"])
    parser.add_argument("--modes", default="reduce-overhead,max-autotune")
    arguments = parser.parse_args()
    dtype = getattr(torch, arguments.dtype)
    if arguments.command == "make":
        arguments.folder.mkdir(parents=True, exist_ok=True)
        make(arguments.folder, arguments.layers, arguments.hidden, arguments.heads, arguments.sequence, dtype)
    elif arguments.command == "check":
        sys.exit(0 if check(arguments.folder, arguments.output) else 1)
    else:
        time(arguments.folder, arguments.modes.split(","), dtype)


if __name__ == "__main__":
    main()
