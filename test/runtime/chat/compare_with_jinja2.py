#!/usr/bin/env python3
"""Compares chat_render with jinja2 on random templates, character for character.

compare_with_jinja2.py chat_render --seed 1 --count 2000. Where jinja2 gives an error, the engine must, too. What the
engine says it does not support, and the few differences that docs/chat.md names, are counted apart.
"""

import argparse
import ast
import collections
import json
import pathlib
import re
import subprocess
import sys

import jinja2_reference
import make_cases
import random_templates

# Addresses of objects, and what a lazy generator has not come to.
UNCOMPARABLE = re.compile(r"<(built-in method|generator|list_reverseiterator|function|bound method|Macro|map) ?[^>]*>|range\(|<jinja2")


def published(folder):
    """(name, template) of what is below a folder: *.jinja, chat templates of tokenizer_config.json, and those that Python
    packages have as texts in their processors (transformers)."""
    for path in sorted(pathlib.Path(folder).rglob("*.jinja")):
        yield str(path), path.read_text()
    for path in sorted(pathlib.Path(folder).rglob("tokenizer_config.json")):
        template = json.loads(path.read_text()).get("chat_template")
        named = template if isinstance(template, list) else [{"name": "", "template": template}] if template else []
        for entry in named:
            yield f"{path} {entry['name']}", entry["template"]
    for path in sorted(pathlib.Path(folder).rglob("processing_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "{% for" in node.value.replace("{%-", "{%"):
                yield f"{path}:{node.lineno}", node.value


def published_cases(folder):
    """Each of them with the talks of make_cases."""
    for name, template in published(folder):
        for talk, messages in make_cases.CONVERSATIONS.items():
            for options in make_cases.OPTIONS:
                context = {"messages": messages, "bos_token": "<s>", "eos_token": "</s>", **options}
                yield {"name": f"{name}, {talk}", "template": template, "context": context, "now": 1700000000}


def random_cases(seed, count, env):
    """Random ones; most are wrong somewhere: of those, a few."""
    generator = random_templates.Generator(seed)
    made = 0
    while made < count:
        case = generator.case()
        if "text" in jinja2_reference.render(case, env) or made % 4 == 0:
            made += 1
            yield case


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chat_render")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--templates", metavar="FOLDER", help="published templates, in place of random ones")
    parser.add_argument("--show", type=int, default=5, help="differences to show")
    arguments = parser.parse_args()
    env = jinja2_reference.environment(1700000000)
    if arguments.templates:
        cases = list(published_cases(arguments.templates))
    else:
        cases = list(random_cases(arguments.seed, arguments.count, env))
    expected = [jinja2_reference.render(case, env) for case in cases]
    run = subprocess.run([arguments.chat_render], input=json.dumps(cases), capture_output=True, text=True, check=True)
    counts = collections.Counter()
    for case, want, got in zip(cases, expected, json.loads(run.stdout)):
        if got.get("kind") == "unsupported":
            counts["unsupported: " + re.sub(r"line \d+: ", "", got["error"])[:60]] += 1
        elif "text" in want and UNCOMPARABLE.search(want["text"]):
            counts["not comparable"] += 1
        elif ("error" in want and "error" in got) or ("text" in want and want.get("text") == got.get("text")):
            counts["equal, errors" if "error" in want else "equal"] += 1
        else:
            counts["different"] += 1
            if counts["different"] <= arguments.show:
                print(case.get("name", ""), json.dumps(case, ensure_ascii=False))
                print("  jinja2:", want)
                print("  engine:", got)
    for what, count in counts.most_common():
        print(f"{count:6} {what}")
    return 1 if counts["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
