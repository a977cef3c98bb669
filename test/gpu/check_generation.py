"""Checks how generations end: at the requested length, at a stop text, at a full context, at the model's end token.

    check_generation.py BIN_FOLDER MODEL_FOLDER WORK_FOLDER [SCHEDULE]

MODEL_FOLDER has a tokenizer. All of them must be the same tokens as one longer generation, cut off. For the end token the
model is compiled again with a token that it generates as another end token, so that no luck is needed.
"""
import json
import os
import shutil
import subprocess
import sys

PROMPT = "Let us go up"
CACHE_FULL = 9  # docs/exit-codes.md
bin_folder, model, work = sys.argv[1:4]
schedule = sys.argv[4] if len(sys.argv) > 4 else "auto"


def compile_plan(folder: str, plan: str) -> None:
    subprocess.run([f"{bin_folder}/cadenza-compile", "-q", folder, "-o", plan], check=True, timeout=60)


def generate(plan: str, *options: str, expected_code: int = 0) -> dict:
    stats = f"{work}/generation.json"
    command = [f"{bin_folder}/cadenza-run", plan, "--device=cuda:0", f"--schedule={schedule}", "--prompt", PROMPT, "--stats-json", stats, *options]
    code = subprocess.run(command, stdout=subprocess.DEVNULL, timeout=60, check=False).returncode
    if code != expected_code:
        sys.exit(f"exit code {code}, expected {expected_code}: {' '.join(command)}")
    with open(stats, encoding="utf-8") as file:
        return json.load(file)


def expect(what: str, result: dict, reason: str, tokens: list[int] | None = None) -> None:
    if result["finish_reason"] != reason:
        sys.exit(f"{what}: ended with '{result['finish_reason']}', expected '{reason}'")
    if tokens is not None and result["generated_ids"] != tokens:
        sys.exit(f"{what}: generated {result['generated_ids']}, expected {tokens}")


def main() -> None:
    plan, other = f"{work}/generation.plan", f"{work}/generation-model"
    compile_plan(model, plan)
    whole = generate(plan, "-n", "60", "--ignore-eos")
    ids, text, prompt = whole["generated_ids"], whole["text"], whole["prompt_tokens"]
    expect("60 tokens", whole, "length")
    if len(ids) != 60:
        sys.exit(f"60 tokens: {len(ids)} were generated")

    stop = text.split()[5]
    stopped = generate(plan, "-n", "60", "--ignore-eos", "--stop", stop)
    expect("--stop", stopped, "stop_text", ids[:len(stopped["generated_ids"])])
    if stopped["text"] != text[:text.index(stop)]:
        sys.exit(f"--stop '{stop}': the text is {stopped['text']!r}, without it {text!r}")

    # The last token that is selected needs no position of its own.
    full = generate(plan, "-n", "60", "--ignore-eos", "--context", str(prompt + 20), expected_code=CACHE_FULL)
    expect("full context", full, "context_full", ids[:21])

    end = max(i for i in range(20) if ids.index(ids[i]) == i)  # its token appears there for the first time
    shutil.copytree(model, other)
    with open(f"{other}/generation_config.json", encoding="utf-8") as file:
        config = json.load(file)
    config["eos_token_id"] = [ids[end], config["eos_token_id"]]
    with open(f"{other}/generation_config.json", "w", encoding="utf-8") as file:
        json.dump(config, file)
    compile_plan(other, plan)
    expect("end token", generate(plan, "-n", "60"), "stop_token", ids[:end + 1])
    expect("--ignore-eos", generate(plan, "-n", "60", "--ignore-eos"), "length", ids)
    shutil.rmtree(other)
    os.remove(plan)
    print("length, stop text, full context, end token: the same tokens, cut off where they should be")


main()
