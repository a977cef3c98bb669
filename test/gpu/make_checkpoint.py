"""Makes a full-size random checkpoint of a published configuration with transformers.

    make_checkpoint.py CONFIG_FOLDER OUTPUT_FOLDER

CONFIG_FOLDER holds config.json (compiler/import/hf/published/<name>). The weights are seeded, bf16, and scaled so that
activations stay near 1 through the layers and logits spread over several nats: matrices N(0, 1/inputs), the embedding
N(0, 9/columns), norms multiply by 1 + N(0, 0.01), biases N(0, 0.01).
"""
import shutil
import sys

import torch
from transformers import AutoConfig, AutoModelForCausalLM

SEED = 20
EMBEDDINGS = ("embed_tokens", "lm_head", "wte", "embed_in", "embed_out")
TRANSPOSED = ("c_attn.weight", "c_fc.weight", "c_proj.weight")  # GPT-2's: [inputs, outputs]


def make_checkpoint(source: str, folder: str, device: str = "cuda") -> None:
    """The values depend on the kind of `device`."""
    config = AutoConfig.from_pretrained(source)
    generator = torch.Generator(device=device).manual_seed(SEED)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator, device=device, dtype=torch.float32)
            if parameter.dim() == 1:
                # Gemma's norms multiply by 1 + what is stored.
                value = 0.1 * noise + (0 if name.endswith("bias") or config.model_type.startswith("gemma") else 1)
            else:
                spread = 3.0 if any(part in name for part in EMBEDDINGS) else 1.0
                value = noise * (spread / parameter.shape[0 if name.endswith(TRANSPOSED) else 1] ** 0.5)
            parameter.copy_(value)
    model.save_pretrained(folder, max_shard_size="50GB")
    shutil.copy(f"{source}/config.json", f"{folder}/config.json")


if __name__ == "__main__":
    make_checkpoint(*sys.argv[1:3])
