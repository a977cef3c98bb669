"""Makes a full-size random checkpoint of a published configuration, and the same model exported by torch.onnx.

    export_onnx.py CONFIG_FOLDER CHECKPOINT_FOLDER ONNX_FOLDER [--opset 18] [--dtype bfloat16] [--device cuda]

CONFIG_FOLDER holds config.json (compiler/import/hf/published/<name>); its weights are those of make_checkpoint.py. A
CHECKPOINT_FOLDER that has weights already is exported as it is. ONNX_FOLDER gets model.onnx, model.onnx.data with all
weights, and config.json. Inputs are input_ids, attention_mask, position_ids and past_key_values.N.{key,value}. Needs
torch >= 2.11, transformers >= 5.17, onnx and onnxscript; no network. The export itself runs on the CPU, without
computing the model.
"""
import argparse
import shutil
import sys
import time
from pathlib import Path

import torch

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "fixtures/onnx")]
import make_checkpoint  # noqa: E402
import torch_export  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("config")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("onnx", type=Path)
    parser.add_argument("--opset", type=int, default=18)
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float16", "float32"])
    parser.add_argument("--device", default="cuda", help="where the random weights are drawn")
    arguments = parser.parse_args()
    if not list(arguments.checkpoint.glob("*.safetensors")):
        make_checkpoint.make_checkpoint(arguments.config, arguments.checkpoint, arguments.device)
    start = time.perf_counter()
    model = torch_export.load(arguments.checkpoint, getattr(torch, arguments.dtype))
    program = torch_export.export_decoder(model, arguments.opset)
    arguments.onnx.mkdir(parents=True, exist_ok=True)
    program.save(arguments.onnx / "model.onnx", external_data=True)
    shutil.copy(arguments.checkpoint / "config.json", arguments.onnx)
    sizes = {file.name: file.stat().st_size for file in sorted(arguments.onnx.iterdir())}
    print(f"exported in {time.perf_counter() - start:.0f} s: {len(program.model.graph)} nodes, {sizes}")


if __name__ == "__main__":
    main()
