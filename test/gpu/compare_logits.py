"""Judges teacher-forced logits against transformers: our error against the fp32 model may be at most twice that of
transformers in the checkpoint's 16-bit type.

    compare_logits.py reference CHECKPOINT POSITIONS FOLDER   writes tokens.txt, f32.npy and low.npy to FOLDER
    compare_logits.py judge OURS.npy F32.npy LOW.npy          prints one line; exit code 1 beyond the limit

Compared are the largest and the mean absolute error and the mean Kullback-Leibler divergence from the fp32 distribution.
"""
import sys

import numpy as np

LIMIT = 2.0


def reference(checkpoint: str, positions: int, folder: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype="auto", attn_implementation="eager").cuda().eval()
    embedding = model.get_input_embeddings()
    if hasattr(embedding, "embed_scale"):  # Gemma's constant, which the model rounds as its weights are
        embedding.embed_scale = embedding.embed_scale.to(embedding.weight.dtype)
    tokens = np.random.default_rng(7).integers(0, model.config.vocab_size, positions)
    with open(f"{folder}/tokens.txt", "w", encoding="ascii") as file:
        file.write(",".join(map(str, tokens)))
    ids = torch.tensor(tokens, device="cuda")[None]
    with torch.no_grad():
        np.save(f"{folder}/low.npy", model(ids).logits[0].float().cpu().numpy())
        np.save(f"{folder}/f32.npy", model.float()(ids).logits[0].float().cpu().numpy())


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def errors(got: np.ndarray, expected: np.ndarray) -> dict[str, float]:
    difference = np.abs(got - expected)
    p, q = log_softmax(expected), log_softmax(got)
    return {"max": difference.max(), "mean": difference.mean(), "KL": (np.exp(p) * (p - q)).sum(-1).mean()}


def judge(paths: list[str]) -> int:
    arrays = [np.load(path).astype(np.float64) for path in paths]
    for path, array in zip(paths, arrays):
        if array.shape != arrays[0].shape or not np.isfinite(array).all():
            print(f"{path}: shape {array.shape}, expected {arrays[0].shape} with all values finite")
            return 1
    ours, exact, low = arrays
    mine, theirs = errors(ours, exact), errors(low, exact)
    print(f"logit std {exact.std():.2f}; " + ", ".join(
        f"{name} {mine[name]:.3g} (transformers {theirs[name]:.3g}, {mine[name] / theirs[name]:.2f} x)" for name in mine))
    return int(not all(mine[name] <= LIMIT * theirs[name] for name in mine))


if sys.argv[1] == "reference":
    reference(sys.argv[2], int(sys.argv[3]), sys.argv[4])
else:
    sys.exit(judge(sys.argv[2:5]))
