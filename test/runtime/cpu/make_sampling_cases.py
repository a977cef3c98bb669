#!/usr/bin/env python3
"""Records what the logits processors of transformers make of logits: sampling_cases.json, which sampler_test.cpp reads.

Needs transformers and torch. The order is that of GenerationMixin: repetition penalty, temperature, top-k, top-p, min-p.
Logits are multiples of 1/1024, all different, and no cut is close: both sides keep the same rows, whatever the last
bits are.
"""

import json
import pathlib
import random

import torch
from transformers.generation.logits_process import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)


def processors(options):
    if options["repetition_penalty"] != 1:
        yield RepetitionPenaltyLogitsProcessor(options["repetition_penalty"])
    yield TemperatureLogitsWarper(options["temperature"])
    if options["top_k"]:
        yield TopKLogitsWarper(options["top_k"])
    if options["top_p"] < 1:
        yield TopPLogitsWarper(options["top_p"])
    if options["min_p"]:
        yield MinPLogitsWarper(options["min_p"])


def probabilities(logits, seen, options):
    scores = torch.tensor([logits], dtype=torch.float64)
    for processor in processors(options):
        scores = processor(torch.tensor([seen], dtype=torch.int64), scores)
    return scores.softmax(-1)[0].tolist()


def kept(row):
    return [index for index, share in enumerate(row) if share > 0]


def case(generator):
    size = generator.randint(3, 60)
    logits = [value / 1024 for value in generator.sample(range(-6 * 1024, 6 * 1024), size)]
    seen = sorted(generator.sample(range(size), generator.randint(1, min(size, 8))))
    options = {
        "temperature": generator.choice([0.5, 0.75, 1.0, 1.5]),
        "top_k": generator.choice([0, 0, 1, 5, 20]),
        "top_p": generator.choice([1, 0.95, 0.8, 0.3, 0.05]),
        "min_p": generator.choice([0, 0, 0.02, 0.1, 0.5]),
        "repetition_penalty": generator.choice([1, 1, 1.25, 0.75]),
    }
    row = probabilities(logits, seen, options)
    for shift in (1 - 1e-5, 1 + 1e-5):
        near = options | {name: options[name] * shift for name in ("top_p", "min_p") if 0 < options[name] < 1}
        if kept(probabilities(logits, seen, near)) != kept(row):
            return None
    return {"logits": logits, "seen": seen, "options": options, "kept": kept(row), "probabilities": [row[i] for i in kept(row)]}


def main():
    generator = random.Random(20)
    cases = []
    while len(cases) < 60:
        if (found := case(generator)) is not None:
            cases.append(found)
    path = pathlib.Path(__file__).parent / "sampling_cases.json"
    lines = ",\n".join(json.dumps(entry) for entry in cases)
    path.write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
