#!/usr/bin/env python3
"""Perplexity of a text under a Hugging Face model, by the definition in README.md ("Scoring").

    python3 score.py [--model DIR] [--text heldout.txt] [--window 512] [--dtype float32|bfloat16] [--json FILE]
    python3 score.py --generate "In the beginning" -n 100        # greedy continuation, for comparison

`cadenza-run PLAN --score FILE` computes the same figure.
"""

import argparse
import json
import math
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM


def score(model, tokenizer, text, window):
    encoding = tokenizer.encode(text, add_special_tokens=False)
    ids = torch.tensor(encoding.ids, device=model.device)
    # A byte-level token is spelled with one character a byte; an added token is not, but plain text holds none.
    token_bytes = [len(token) for token in encoding.tokens]
    nll, tokens, scored_bytes = 0.0, 0, 0
    for start in range(0, len(ids), window):
        piece = ids[start:start + window]
        if len(piece) < 2:
            continue
        logits = model(piece[None], use_cache=False).logits[0, :-1].float()
        log_probs = torch.log_softmax(logits, dim=-1).gather(1, piece[1:, None])
        nll -= log_probs.double().sum().item()
        tokens += len(piece) - 1
        scored_bytes += sum(token_bytes[start + 1:start + len(piece)])
    return {"window": window, "text_bytes": len(text.encode()), "text_tokens": len(ids), "scored_tokens": tokens,
            "scored_bytes": scored_bytes, "nll_nats": nll, "perplexity_per_token": math.exp(nll / tokens),
            "perplexity_per_byte": math.exp(nll / scored_bytes), "bits_per_byte": nll / scored_bytes / math.log(2)}


def generate(model, tokenizer, prompt, count, stop):
    ids = tokenizer.encode(prompt, add_special_tokens=False).ids
    for _ in range(count):
        token = int(model(torch.tensor([ids], device=model.device), use_cache=False).logits[0, -1].argmax())
        if token in stop:
            break
        ids.append(token)
    return tokenizer.decode(ids, skip_special_tokens=False), ids


def main():
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=str(here))
    parser.add_argument("--text", default=str(here / "heldout.txt"))
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", help="also write the result here")
    parser.add_argument("--generate", metavar="PROMPT", action="append", help="continue PROMPT greedily instead")
    parser.add_argument("-n", type=int, default=100, help="tokens to generate")
    args = parser.parse_args()
    tokenizer = Tokenizer.from_file(f"{args.model}/tokenizer.json")
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=getattr(torch, args.dtype)).eval().to(args.device)
    with torch.no_grad():
        if args.generate:
            for prompt in args.generate:
                text, ids = generate(model, tokenizer, prompt, args.n, {model.config.eos_token_id})
                ngrams = [tuple(ids[i:i + 8]) for i in range(len(ids) - 7)]
                print(f"{text}\n[distinct 8-grams: {len(set(ngrams))} of {len(ngrams)}]\n")
            return
        result = {"dtype": args.dtype} | score(
            model, tokenizer, Path(args.text).read_bytes().decode(), args.window)
    print(json.dumps(result, indent=2))
    if args.json:
        Path(args.json).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
