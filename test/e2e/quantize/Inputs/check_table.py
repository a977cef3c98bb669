#!/usr/bin/env python3
"""check_table.py DOC NAME=SCORES.json...: whether the table of docs/quantization.md says what cadenza-run measured.

The rows of DOC that begin with "| `NAME`" have perplexity, mean and 99.9th percentile KL divergence and the share of equal top tokens in
their last columns. Prints the rows as they should be, if one is not."""
import json
import re
import sys

LIMITS = (0.0002, 0.03, 0.05, 0.002)  # relative: of perplexity, both divergences, and the share


def measured(path):
    with open(path, encoding="utf-8") as file:
        scores = json.load(file)
    against = scores["against"]
    return [scores["perplexity_per_token"], against["kl_mean_nats"], against["kl_p999_nats"], against["same_top_share"]]


def documented(doc, name):
    for line in doc.splitlines():
        if line.startswith(f"| `{name}`") and line.endswith("% |"):
            cells = [cell.strip() for cell in line.strip("| ").split("|")]
            perplexity, mean, high, share = (float(re.sub(r"[^0-9.e-]", "", cell)) for cell in cells[-4:])
            return [perplexity, mean, high, share / 100]
    return None


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        doc = file.read()
    wrong = []
    for argument in sys.argv[2:]:
        name, path = argument.rsplit("=", 1)
        found, expected = measured(path), documented(doc, name)
        print(f"| `{name}` | {found[0]:.3f} | {found[1]:.2e} | {found[2]:.2e} | {100 * found[3]:.2f} % |")
        if expected is None:
            wrong.append(f"{name}: no row")
        elif any(abs(f - e) > limit * e for f, e, limit in zip(found, expected, LIMITS)):
            wrong.append(f"{name}: {found} instead of {expected}")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
