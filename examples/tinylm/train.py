#!/usr/bin/env python3
"""Train tinylm: a 5M-parameter Qwen3 model of the King James Bible, saved as an ordinary Hugging Face directory.

    sudo apt-get install bible-kjv
    bible -f gen1:1-rev22:21 > kjv.txt
    python3 train.py --text kjv.txt --out .

The text is public domain; `bible -f` prints it one verse a line, each line headed by its reference ("Ge1:1 In the ...").
Chapters are the documents. Two lists of chapters, fixed below, are kept out of training (and out of the tokenizer):
HELDOUT is what perplexity is reported on (written as heldout.txt), VALIDATION chooses the checkpoint to keep.

Needs torch >= 2.4, transformers >= 5 and tokenizers. A GPU takes a few minutes; a CPU takes some hours with the same flags.
Seeds are fixed, but GPU kernels do not promise the same bits on another machine: expect another model of the same quality.
"""

import argparse
import gzip
import json
import math
import random
import re
import time
from pathlib import Path

END = "<|endoftext|>"
VOCAB_SIZE = 4096
CONTEXT = 2048

# Picked by hand from every kind of book; chapters with a parallel elsewhere (Kings and Chronicles, the first three
# gospels) are avoided, because half of their text would have been seen in training.
HELDOUT = """Ge22 Deu8 Ruth2 Job28 Psa91 Psa139 Prv8 Eccl3 Isa40 Jer36 Dan3 Jonah2 Mic6 John4 Acts27 Rom12
Heb11""".split()
VALIDATION = """Ge37 Exo16 Lev19 Num22 Josh7 Jdgs16 2Sm13 Ezra4 Est5 Job7 Job39 Psa27 Psa73 Psa107 Prv15 SSol5 Isa5 Isa58
Jer18 Lam3 Eze18 Hos11 Amos5 Hab2 Zec8 John11 Acts9 1Cor13 Gal5 Eph4 Jas3 1Pet2 1Jn4 Rev12""".split()

# The Split pattern of Qwen2 and Qwen3 (one digit a token; Llama 3 has \p{N}{1,3} there).
QWEN_PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
                r"|\s*[\r\n]+|\s+(?!\S)|\s+")


def read_chapters(path):
    """{"Ge1": "In the beginning ...\\nAnd the earth ...\\n", ...} in the order of the book."""
    raw = Path(path).read_bytes()
    if path.endswith(".gz"):
        raw = gzip.decompress(raw)
    chapters = {}
    for line in raw.decode("ascii").splitlines():
        match = re.match(r"(\d?[A-Za-z]+\d+):\d+ (.*)", line)
        if not match:
            raise SystemExit(f"{path}: not a line of `bible -f`: {line[:60]!r}")
        chapters[match[1]] = chapters.get(match[1], "") + match[2].strip() + "\n"
    return chapters


def join_chapters(chapters, names, seed):
    """One text. A chapter border is a blank line or <|endoftext|>, half of each, so that the model knows both."""
    rng = random.Random(seed)
    return "".join(chapters[name] + rng.choice(["\n", END]) for name in names)


def make_tokenizer(text):
    """Byte-level BPE laid out as Qwen's own tokenizer.json; <|endoftext|> takes the last id."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN_PATTERN), behavior="isolated", invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)])
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCAB_SIZE - 1, show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(text.replace(END, "\n").splitlines(keepends=True), trainer)
    tokenizer.add_special_tokens([AddedToken(END, special=True, normalized=False)])
    assert tokenizer.get_vocab_size() == VOCAB_SIZE and tokenizer.token_to_id(END) == VOCAB_SIZE - 1
    return tokenizer


def save_tokenizer(tokenizer, path):
    data = json.loads(tokenizer.to_str())
    # Where Qwen's own file says the same in other words than the library writes.
    data["model"] |= {"continuing_subword_prefix": "", "end_of_word_suffix": ""}
    data["decoder"] |= {"add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def make_model(args):
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM
    config = Qwen3Config(
        vocab_size=VOCAB_SIZE, hidden_size=256, num_hidden_layers=5, num_attention_heads=4, num_key_value_heads=2,
        head_dim=64, intermediate_size=768, max_position_embeddings=CONTEXT, rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, tie_word_embeddings=True,
        attention_dropout=0.0, bos_token_id=None, eos_token_id=VOCAB_SIZE - 1, pad_token_id=None,
        max_window_layers=5, initializer_range=0.02)
    model = Qwen3ForCausalLM(config)
    # HF's Qwen3 has no dropout on the residual stream; hooks add it for training and leave nothing in the checkpoint.
    def drop(module, _inputs, output):
        return torch.nn.functional.dropout(output, args.dropout, training=module.training)
    model.model.embed_tokens.register_forward_hook(drop)
    for layer in model.model.layers:
        layer.self_attn.o_proj.register_forward_hook(drop)
        layer.mlp.down_proj.register_forward_hook(drop)
        with torch.no_grad():  # residual branches start small, as in GPT-2
            layer.self_attn.o_proj.weight.mul_((2 * config.num_hidden_layers) ** -0.5)
            layer.mlp.down_proj.weight.mul_((2 * config.num_hidden_layers) ** -0.5)
    return model


def mean_nll(model, ids, window):
    """Mean negative log-likelihood in nats over non-overlapping full windows, sixteen at a time."""
    import torch
    windows = ids[:len(ids) // window * window].view(-1, window)
    total = 0.0
    with torch.no_grad():
        for batch in windows.split(16):
            logits = model(batch).logits[:, :-1].float()
            total += torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten(), reduction="sum").item()
    return total / (windows.shape[0] * (window - 1))


def repetition_rows(length, rows, window, generator):
    """Indices into the training text of rows that say one span of it again and again, after up to 63 tokens of what really
    stands before it; with the spans' lengths and the column each first begins at, both [rows, 1]."""
    import torch
    span = (4 * 16 ** torch.rand(rows, 1, generator=generator)).long()  # 4 to 63 tokens, short ones oftener
    begin = torch.randint(64, (rows, 1), generator=generator)
    start = torch.randint(length - 128, (rows, 1), generator=generator)
    column = torch.arange(window)[None]
    return start + torch.where(column < begin, column, begin + (column - begin) % span), span, begin


def repetition_loss(log_probs, span, begin, decay):
    """Each token of a repeated span is to be at most `decay` times as likely as it was one repetition earlier. Greedy
    decoding of a model this small falls into loops otherwise, since every repetition makes the next one likelier. A
    one-sided form of the pseudo-repetition penalty of Xu et al. 2022, "Learning to Break the Loop"."""
    import torch
    probs = log_probs.exp()  # [rows, window - 1]: column t is the probability of token t + 1
    column = torch.arange(probs.shape[1], device=probs.device)[None]
    earlier = column - span
    allowed = decay * probs.gather(1, earlier.clamp(min=0)).detach()
    excess = (probs - allowed).clamp(min=0, max=1 - 1e-5)
    return -torch.log1p(-excess)[(earlier >= 0) & (earlier + 1 >= begin)].mean()


def train(args, train_ids, validation_ids, device):
    import torch
    torch.manual_seed(args.seed)
    model = make_model(args).to(device)
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {len(train_ids)} training tokens, "
          f"{args.steps} steps of {args.batch_tokens} tokens")
    matrices = [p for p in model.parameters() if p.dim() == 2]
    norms = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": args.weight_decay},
                                   {"params": norms, "weight_decay": 0.0}], lr=args.lr, betas=(0.9, 0.98), fused=True)
    generator = torch.Generator().manual_seed(args.seed)
    best, best_state, start = math.inf, None, time.time()
    for step in range(args.steps):
        warmup = min(1.0, (step + 1) / 100)
        rate = args.lr * warmup * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / args.steps)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        # Short windows teach the model to begin from nothing, long ones to use the whole context.
        window = (256, 512, CONTEXT)[step % 3]
        starts = torch.randint(len(train_ids) - window, (args.batch_tokens // window,), generator=generator)
        batch = train_ids[(starts[:, None] + torch.arange(window)).to(device)]
        repeated, span, begin = repetition_rows(len(train_ids), 32, window, generator)
        if window == 256:  # the short step carries the repetition rows as well
            batch = torch.cat([batch, train_ids[repeated.to(device)]])
        model.train()
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            logits = model(batch).logits
        log_probs = -torch.nn.functional.cross_entropy(
            logits[:, :-1].flatten(0, 1).float(), batch[:, 1:].flatten(), reduction="none").view(len(batch), -1)
        text_rows = len(starts)
        loss = text_loss = -log_probs[:text_rows].mean()
        if window == 256:
            loss = text_loss + repetition_loss(log_probs[text_rows:], span.to(device), begin.to(device), args.repeat_decay)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % 100 == 0 or step + 1 == args.steps:
            model.eval()
            validation = mean_nll(model, validation_ids, 512)
            kept = validation < best
            if kept:  # early stopping: the checkpoint with the lowest validation loss is the one that is saved
                best, best_state = validation, {k: v.detach().clone() for k, v in model.state_dict().items()}
            print(f"step {step + 1}: train {text_loss.item():.3f}, validation {validation:.4f}{' *' if kept else ''}, "
                  f"{time.time() - start:.0f} s", flush=True)
    model.load_state_dict(best_state)
    return model.eval(), best


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", required=True, help="output of `bible -f gen1:1-rev22:21`, may be gzipped")
    parser.add_argument("--out", default=".", help="directory to write (default: this one)")
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--batch-tokens", type=int, default=16384)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--dropout", type=float, default=0.25)
    parser.add_argument("--repeat-decay", type=float, default=0.1, help="see repetition_loss")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tokenizer-only", action="store_true", help="write tokenizer.json and heldout.txt, then stop")
    args = parser.parse_args()

    chapters = read_chapters(args.text)
    missing = [name for name in HELDOUT + VALIDATION if name not in chapters]
    if missing:
        raise SystemExit(f"{args.text}: no such chapters: {missing}")
    kept_out = set(HELDOUT + VALIDATION)
    train_text = join_chapters(chapters, [name for name in chapters if name not in kept_out], seed=1)
    validation_text = "\n".join(chapters[name] for name in VALIDATION)
    heldout_text = "\n".join(chapters[name] for name in HELDOUT)  # plain text: chapters parted by a blank line

    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "heldout.txt").write_text(heldout_text)
    tokenizer = make_tokenizer(train_text)
    save_tokenizer(tokenizer, out / "tokenizer.json")
    def encode(text):
        return tokenizer.encode(text, add_special_tokens=False).ids
    print(f"train {len(train_text)} bytes, validation {len(validation_text)}, held out {len(heldout_text)} bytes = "
          f"{len(encode(heldout_text))} tokens")
    if args.tokenizer_only:
        return

    import torch
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model, best = train(args, torch.tensor(encode(train_text), device=device),
                        torch.tensor(encode(validation_text), device=device), device)
    print(f"kept the checkpoint with validation loss {best:.4f}")
    model.to(torch.bfloat16).save_pretrained(out)
    (out / "generation_config.json").write_text(json.dumps(
        {"do_sample": False, "eos_token_id": VOCAB_SIZE - 1}, indent=2) + "\n")
    (out / "tokenizer_config.json").write_text(json.dumps(
        {"add_bos_token": False, "clean_up_tokenization_spaces": False, "eos_token": END, "model_max_length": CONTEXT,
         "tokenizer_class": "PreTrainedTokenizerFast"}, indent=2) + "\n")


if __name__ == "__main__":
    main()
