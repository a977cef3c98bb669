"""Writes the tables of models.md that follow from other files, between its marks; the prose around them is written by hand.

    models.py [--check]

With --check, nothing is written: it fails if a table is not what the files say, if a family has no fixture, or if the page
does not speak of one of its architectures. Read are compiler/import/hf/families and published, test/fixtures/models,
test/gpu/run.sh and benchmarks/h200.json.
"""
import json
import pathlib
import re
import sys

DOCS = pathlib.Path(__file__).parent
ROOT = DOCS.parent
PAGE = DOCS / "models.md"
RECORDS = DOCS / "benchmarks/h200.json"
INITIALISER = r'Family family\{(?:\.name = )?"(\w+)",\s*(?:\.architectures = )?\{([^}]*)\}'
LOOP = r'for model in ([^;]*); do\n\s*check \d+ "numerics-\$model" numerics "\$model" (\d+)'
MARK = "<!-- {} of {} by docs/models.py -->"


def families() -> dict[str, list[str]]:
    """The architectures of each family, by its name; by the initialiser that ends each file of families/."""
    found = {}
    for file in sorted((ROOT / "compiler/import/hf/families").glob("*.cpp")):
        match = re.search(INITIALISER, file.read_text())
        if not match:
            sys.exit(f"{file}: no initialiser of a Family was found")
        found[match[1]] = re.findall(r'"(\w+)"', match[2])
    return found


def models_in(folder: pathlib.Path, family_of: dict[str, str]) -> dict[str, str]:
    """The family of each model of a folder, by the name of its own folder."""
    found = {}
    for config in sorted(folder.glob("*/config.json")):
        architecture = json.loads(config.read_text())["architectures"][0]
        if architecture not in family_of:
            sys.exit(f"{config}: {architecture} is no family's")
        found[config.parent.name] = family_of[architecture]
    return found


def compared_on_gpu() -> dict[str, int]:
    """Positions whose logits test/gpu/run.sh compares with transformers', by model."""
    script = (ROOT / "test/gpu/run.sh").read_text()
    found = {name: int(positions) for name, positions in re.findall(r"numerics-\S+ numerics (\S+) (\d+)", script)}
    for names, positions in re.findall(LOOP, script):
        found |= dict.fromkeys(names.split(), int(positions))
    if not found:
        sys.exit("test/gpu/run.sh: no model is compared with transformers")
    return {name: positions for name, positions in found.items() if not name.startswith("$")}


def speeds() -> dict[tuple[str, int], dict]:
    """The record of 16-bit weights of each model and context: of the last commit that was measured, the fastest of `persistent`."""
    found: dict[tuple[str, int], dict] = {}
    for record in json.loads(RECORDS.read_text()):
        if record["schedule"].split()[0] != "persistent" or record["dtype"] not in ("bf16", "f16"):
            continue
        key = record["model"], record["context"]
        before = found.get(key)
        newer = not before or before["commit"] != record["commit"]
        if newer or before["tokens_per_second"] < record["tokens_per_second"]:
            found[key] = record
    return found


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in [head, *rows]]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def tables(found: dict[str, list[str]]) -> dict[str, str]:
    family_of = {architecture: name for name, architectures in found.items() for architecture in architectures}
    fixtures = models_in(ROOT / "test/fixtures/models", family_of)
    published = models_in(ROOT / "compiler/import/hf/published", family_of)
    tested, timed = compared_on_gpu(), speeds()
    for name in found:
        if name not in fixtures.values():
            sys.exit(f"family {name} has no fixture in test/fixtures/models")

    def of(models: dict[str, str], family: str) -> str:
        return ", ".join(model for model in models if models[model] == family)

    def speed(model: str, context: int, share: bool = True) -> str:
        record = timed.get((model, context))
        if not record:
            return ""
        floor = record["floor_share"]
        return f"{record['tokens_per_second']:,.0f}" + (f" ({floor:.0%} of the floor)" if share and floor else "")

    return {
        "Families": table(["family", "`architectures`", "fixtures in test/fixtures/models"],
                          [[name, ", ".join(found[name]), of(fixtures, name)] for name in sorted(found)]),
        "Configurations": table(
            ["name", "family", "positions compared with transformers on a GPU", "tok/s, context 128", "context 4,096",
             "context 32,000"],
            [[model, family, str(tested.get(model, "")), speed(model, 128), speed(model, 4096, share=False),
              speed(model, 32000, share=False)]
             for model, family in sorted(published.items(), key=lambda item: (item[1], item[0]))])}


def main() -> int:
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    found = families()
    before = page = PAGE.read_text()
    for name, text in tables(found).items():
        begin, end = MARK.format("Table", name), MARK.format("End", name)
        if page.count(begin) != 1 or page.count(end) != 1:
            sys.exit(f"{PAGE}: needs '{begin}' and '{end}' once")
        start = page.index(begin) + len(begin)
        page = page[:start] + "\n" + text + "\n" + page[page.index(end):]
    prose = re.sub(r"<!-- Table.*?<!-- End", "", page, flags=re.DOTALL)
    if missing := [name for names in found.values() for name in names if name not in prose]:
        sys.exit(f"{PAGE}: does not say what differs from Llama in {', '.join(missing)}")
    if check and page != before:
        sys.exit(f"{PAGE}: is not what the families, fixtures and records say; run docs/models.py and commit the result")
    if page != before:
        PAGE.write_text(page)
    return 0


sys.exit(main())
