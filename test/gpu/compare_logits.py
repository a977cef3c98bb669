"""Judges teacher-forced logits against transformers: our error against the fp32 model may be at most twice that of
transformers in the checkpoint's 16-bit type.

    compare_logits.py reference CHECKPOINT POSITIONS FOLDER   writes tokens.txt, f32.npy and low.npy to FOLDER
    compare_logits.py judge OURS.npy F32.npy LOW.npy          prints one line; exit code 1 beyond the limit
"""
import sys

import numpy as np
import torch

LIMIT = 2.0


def reference(checkpoint: str, positions: int, folder: str) -> None:
    from transformers import AutoModelForCausalLM

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype="auto", attn_implementation="eager").cuda().eval()
    tokens = np.random.default_rng(7).integers(0, model.config.vocab_size, positions)
    with open(f"{folder}/tokens.txt", "w", encoding="ascii") as file:
        file.write(",".join(map(str, tokens)))
    ids = torch.tensor(tokens, device="cuda")[None]
    with torch.no_grad():
        np.save(f"{folder}/low.npy", model(ids).logits[0].float().cpu().numpy())
        np.save(f"{folder}/f32.npy", model.float()(ids).logits[0].float().cpu().numpy())


def errors(got: torch.Tensor, expected: torch.Tensor) -> dict[str, float]:
    difference = (got - expected).abs()
    p, q = torch.log_softmax(expected, -1), torch.log_softmax(got, -1)
    return {"max": difference.max().item(), "mean": difference.mean().item(), "KL": (p.exp() * (p - q)).sum(-1).mean().item()}


def judge(paths: list[str]) -> int:
    ours, exact, low = (torch.from_numpy(np.load(path)).double() for path in paths)
    if ours.shape != exact.shape or not torch.isfinite(ours).all():
        print(f"shape {tuple(ours.shape)}, expected {tuple(exact.shape)}, all finite")
        return 1
    mine, theirs = errors(ours, exact), errors(low, exact)
    print(f"logit std {exact.std().item():.2f}; " + ", ".join(
        f"{name} {mine[name]:.3g} (transformers {theirs[name]:.3g}, {mine[name] / theirs[name]:.2f} x)" for name in mine))
    return int(any(mine[name] > LIMIT * theirs[name] for name in mine))


if sys.argv[1] == "reference":
    reference(sys.argv[2], int(sys.argv[3]), sys.argv[4])
else:
    sys.exit(judge(sys.argv[2:5]))
