"""Draws the time of a token against the context and against the number of layers, from records of `cadenza-bench --record`.

    figures.py RECORDS.json FOLDER

Writes FOLDER/context.svg and FOLDER/layers.svg (and makes FOLDER): a panel a model, a line a schedule, and the memory floor. A line is of one
commit, the last one with two points at least; a figure without lines is not written. The number of layers is in the name of
the model: README.md says how such records are made. Of records that differ only in their passes, those with most passes count.
"""
import html
import json
import math
import pathlib
import re
import sys

# Middle tones and grey text can be read on white and on a dark page.
COLOURS = {"persistent": "#3f8fd2", "launch": "#dd8035", "memory floor": "#7a828c"}
GREY, GRID = "#7a828c", "#7a828c40"
PANEL, LEFT, GAP, TOP, HEIGHT = 420, 60, 80, 66, 260  # pixels
FEWER_LAYERS = re.compile(r"(.+)-(\d+)-layers")
PUBLISHED = pathlib.Path(__file__).parents[2] / "compiler/import/hf/published"


def layers_of(model: str) -> tuple[str, int | None]:
    """Qwen3-0.6B-7-layers: the model whose configuration it is, and 7."""
    if match := FEWER_LAYERS.fullmatch(model):
        return match[1], int(match[2])
    file = PUBLISHED / model / "config.json"
    if not file.exists():
        return model, None
    config = json.loads(file.read_text(encoding="utf-8"))
    config = config.get("text_config", config)
    return model, config.get("num_hidden_layers") or config["n_layer"]  # GPT-2's name


def lines(records: list[dict], place) -> dict[str, dict[str, dict[float, dict]]]:
    """{model: {schedule: {x: record}}}; place(record) is the model and x, or None."""
    by_commit: dict[tuple, dict] = {}  # in the order in which commits come last
    for record in records:
        if where := place(record):
            model, x = where
            key = model, record["schedule"], record["commit"]
            points = by_commit.pop(key, {})
            before = points.get(x)
            if before is None or len(record["passes"]) >= len(before["passes"]):
                points[x] = record
            by_commit[key] = points
    found: dict[str, dict] = {where[0]: {} for where in map(place, records) if where}  # in the order of the records
    for (model, schedule, _), points in by_commit.items():
        if len(points) >= 2:
            found[model][schedule] = dict(sorted(points.items()))
    return {model: schedules for model, schedules in found.items() if schedules}


def floor_of(schedules: dict[str, dict]) -> dict[float, float]:
    """Milliseconds by x, from the schedule with most points that knows its floor."""
    known = [{x: r["bytes_per_token"] / r["floor_gb_per_second"] / 1e6 for x, r in points.items() if r["floor_gb_per_second"]}
             for points in schedules.values()]
    return max(known, key=len)


def slope(points: list[tuple[float, float]]) -> float:
    x0, y0 = (sum(values) / len(points) for values in zip(*points))
    return sum((x - x0) * (y - y0) for x, y in points) / sum((x - x0) ** 2 for x, _ in points)


def between(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """With more points between: what is linear in x is no straight line on a logarithmic axis."""
    return [*((x + (x1 - x) * i / 32, y + (y1 - y) * i / 32) for (x, y), (x1, y1) in zip(points, points[1:]) for i in range(32)),
            points[-1]]


def step_of(largest: float) -> float:
    """Of a grid of 4 to 8 lines."""
    power = 10 ** math.floor(math.log10(largest))
    return next(power * part for part in (0.1, 0.2, 0.5, 1, 2) if largest / (power * part) <= 8)


def text(x: float, y: float, what: str, anchor: str = "middle", css: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{css and f" class={css!r}"}>{html.escape(what)}</text>'


def panel(left: float, model: str, schedules: dict[str, dict], axis: str, logarithmic: bool, note) -> list[str]:
    curves = {name: {x: r["ms_per_token"] for x, r in schedules[name].items()} for name in COLOURS if name in schedules}
    if floor := floor_of(schedules):
        curves["memory floor"] = floor
    xs = sorted({x for points in curves.values() for x in points})
    step = step_of(max(y for points in curves.values() for y in points.values()))
    top = step * math.ceil(1.05 * max(y for points in curves.values() for y in points.values()) / step)
    scale = (lambda x: math.log2(max(x, 1))) if logarithmic else (lambda x: x)
    low, high = scale(xs[0]) if logarithmic else 0, scale(xs[-1])
    # Room for the points at the ends.
    px = lambda x: left + 12 + (scale(x) - low) / ((high - low) or 1) * (PANEL - 24)
    py = lambda y: TOP + HEIGHT * (1 - y / top)

    parts = [text(left, 46, model, "start", "t")]
    for i in range(round(top / step) + 1):
        parts.append(f'<path d="M{left} {py(i * step):.1f}h{PANEL}" stroke="{GRID}"/>')
        parts.append(text(left - 8, py(i * step) + 4, f"{i * step:g}", "end"))
    last = -math.inf
    for x in xs:
        parts.append(f'<path d="M{px(x):.1f} {TOP + HEIGHT}v5" stroke="{GREY}"/>')
        if px(x) - last > 34:
            parts.append(text(px(x), TOP + HEIGHT + 20, f"{x:,}"))
            last = px(x)
    parts.append(text(left + PANEL / 2, TOP + HEIGHT + 40, axis))
    for name, points in curves.items():
        dashes = ' stroke-dasharray="5 4"' if name == "memory floor" else ""
        path = " ".join(f"{px(x):.1f},{py(y):.1f}" for x, y in between(list(points.items())))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"{dashes}/>')
        for x, y in points.items() if not dashes else ():
            record = schedules[name][x]
            what = f"{x:,}: {y:.3f} ms, {record['tokens_per_second']:,.0f} tok/s, commit {record['commit']}, {record['date']}"
            parts.append(f'<circle cx="{px(x):.1f}" cy="{py(y):.1f}" r="4" fill="{COLOURS[name]}"><title>{what}</title></circle>')
    if note:
        for i, (name, points) in enumerate((n, p) for n, p in curves.items() if len(p) >= 2):
            parts.append(text(left + 8, TOP + 16 + 16 * i, f"{name}: {note(list(points.items()))}", "start"))
    return parts


def figure(path: pathlib.Path, title: str, models: dict[str, dict], axis: str, logarithmic: bool, note=None) -> None:
    if not models:
        print(f"{path}: no records for it")
        return
    width = max(LEFT + len(models) * (PANEL + GAP) - GAP + 20, LEFT + 7 * len(title))
    bottom = TOP + HEIGHT + 66
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom + 10}" font-family="system-ui, sans-serif" '
             f'role="img" aria-label="{html.escape(title)}">',
             f"<style>text{{font-size:12px;fill:{GREY}}}.t{{font-size:14px;font-weight:600}}</style>",
             text(LEFT, 20, title, "start")]
    for i, (model, schedules) in enumerate(models.items()):
        parts += panel(LEFT + i * (PANEL + GAP), model, schedules, axis, logarithmic, note)
    x = LEFT
    for name, colour in COLOURS.items():
        dashes = ' stroke-dasharray="5 4"' if name == "memory floor" else ""
        parts.append(f'<path d="M{x} {bottom - 4}h24" stroke="{colour}" stroke-width="2"{dashes}/>')
        parts.append(text(x + 30, bottom, name, "start"))
        x += 60 + 7 * len(name)
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")
    print(path)


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    records = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    records = [record for record in records if "context" in record]  # those of decoders
    folder = pathlib.Path(sys.argv[2])
    devices = {record["device"] for record in records}
    if len(devices) != 1:
        sys.exit(f"{sys.argv[1]}: records of {len(devices)} devices, where there should be one")
    device = devices.pop()
    folder.mkdir(parents=True, exist_ok=True)

    def at_context(record: dict):
        return None if FEWER_LAYERS.fullmatch(record["model"]) else (record["model"], record["context"])

    def at_layers(record: dict):
        model, layers = layers_of(record["model"])
        return (model, layers) if layers and record["context"] == 128 else None

    figure(folder / "context.svg", f"Milliseconds a token against the context, {device}", lines(records, at_context),
           "positions in the cache (logarithmic)", logarithmic=True)
    figure(folder / "layers.svg", f"Milliseconds a token against the number of layers, context 128, {device}",
           lines(records, at_layers), "layers", logarithmic=False,
           note=lambda points: f"{1e3 * slope(points):.1f} µs a layer")


main()
