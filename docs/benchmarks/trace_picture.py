"""Draws one layer of a trace that `cadenza-bench --trace` wrote, as SVG.

    trace_picture.py TRACE.json[.gz] -o PICTURE.svg [--token N] [--layer N] [--blocks 0,119] [--title TEXT]

Without options: the middle layer of the second token, of the first block that has a KV head and the last one that has none.
Consumers are in that layer from one end of the picture to the other; a producer is ahead of them.
"""
import argparse
import collections
import gzip
import html
import json
import sys
import textwrap

# Middle tones and grey text can be read on white and on a dark page.
COLOURS = {
    "computing": "#6fb1e8",
    "waiting for activations": "#e99a55",
    "ring empty": "#e0718b",
    "ring full": "#bda2e6",
    "copying": "#7cc093",
}
UNKNOWN, GREY, INK = "#a0a0a0", "#7a828c", "#0c1722"
LEFT, WIDTH, RIGHT = 150, 1100, 20  # pixels: labels, time, margin
BAR, GAP, TOP = 42, 6, 44
LETTER, LINE, LINES = 5.9, 12, 3  # pixels of a letter and of a line of the names in spans; lines at most


def read(path: str) -> list[dict]:
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path, "rt", encoding="utf-8") if packed else open(path, encoding="utf-8") as file:
        return json.load(file)["traceEvents"]


def rows_of(events: list[dict]) -> dict[tuple[int, str], list[dict]]:
    """Spans by (block, "consumers" or "producer"), in the order of time."""
    names = {}
    for event in events:
        if event["ph"] == "M" and event["name"] == "thread_name":
            _, block, what = event["args"]["name"].split()  # "block 7 producer"
            names[event["pid"], event["tid"]] = (int(block), what)
    rows = collections.defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            rows[names[event["pid"], event["tid"]]].append(event)
    for spans in rows.values():
        spans.sort(key=lambda span: span["ts"])
    return rows


def has_head(spans: list[dict]) -> bool:
    return any(span["name"] == "product q, k, v" for span in spans)


def layer_time(spans: list[dict], token: int, layer: int) -> tuple[float, float]:
    """When consumers are in that layer of that token, both counted from 0."""
    starts = [span["ts"] for span in spans if span["name"] == "begin step"] + [float("inf")]
    if not 0 <= token < len(starts) - 1:
        sys.exit(f"the trace has {len(starts) - 1} tokens")
    inside = [span for span in spans if starts[token] <= span["ts"] < starts[token + 1] and span["args"]["layer"] == layer]
    if not inside:
        sys.exit(f"the trace has nothing of layer {layer}")
    return inside[0]["ts"], inside[-1]["ts"] + inside[-1]["dur"]


def tick_step(length: float) -> float:
    """1, 2 or 5 times a power of ten, for 8 to 20 ticks."""
    step = 1e-3
    while True:
        for factor in (1, 2, 5):
            if length / (step * factor) <= 20:
                return step * factor
        step *= 10


def wrapped(name: str, width: float) -> list[str]:
    """The name in lines that fit into so many pixels; none if it does not fit."""
    letters = int(width / LETTER)
    lines = textwrap.wrap(name, letters, break_long_words=False) if letters > 0 else []
    return lines if len(lines) <= LINES and all(len(line) <= letters for line in lines) else []


class Picture:
    def __init__(self, begin: float, end: float):
        self.begin, self.end = begin, end
        self.parts: list[str] = []
        self.y = TOP

    def x(self, time: float) -> float:
        return LEFT + (time - self.begin) / (self.end - self.begin) * WIDTH

    def text(self, x: float, y: float, text: str, anchor: str = "start", css: str = "") -> None:
        of_class = css and f" class={css!r}"
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{of_class}>{html.escape(text)}</text>')

    def row(self, label: str, spans: list[dict]) -> None:
        self.text(LEFT - 8, self.y + BAR / 2 + 4, label, "end")
        for span in spans:
            left, right = max(span["ts"], self.begin), min(span["ts"] + span["dur"], self.end)
            if right <= left:
                continue
            x, width = self.x(left), self.x(right) - self.x(left)
            name = html.escape(f'{span["name"]}: {span["dur"]:.2f} µs, layer {span["args"]["layer"]} ({span["cat"]})')
            # A line of the page between neighbours of one colour.
            self.parts.append(f'<rect x="{x:.2f}" y="{self.y}" width="{max(width - 0.6, 0.3):.2f}" height="{BAR}" '
                              f'fill="{COLOURS.get(span["cat"], UNKNOWN)}"><title>{name}</title></rect>')
            lines = wrapped(span["name"].removeprefix("wait: "), width - 4)  # what kind of state it is, the colour says
            for i, line in enumerate(lines):
                self.text(x + width / 2, self.y + BAR / 2 + 4 + LINE * (i - (len(lines) - 1) / 2), line, "middle", "s")
        self.y += BAR + GAP

    def axis(self) -> None:
        y, step = self.y + 2, tick_step(self.end - self.begin)
        self.parts.append(f'<path d="M{LEFT} {y}H{LEFT + WIDTH}" class="a"/>')
        for i in range(int((self.end - self.begin) / step + 1e-9) + 1):
            x = self.x(self.begin + i * step)
            self.parts.append(f'<path d="M{x:.1f} {y}v5" class="a"/>')
            self.text(x, y + 18, f"{i * step:g}", "middle")
        self.text(LEFT - 8, y + 18, "µs", "end")
        self.y += 44

    def legend(self) -> None:
        x = LEFT
        for category, colour in COLOURS.items():
            self.parts.append(f'<rect x="{x}" y="{self.y - 10}" width="14" height="14" fill="{colour}"/>')
            self.text(x + 20, self.y + 1, category)
            x += 50 + int(6.8 * len(category))
        self.y += 16

    def svg(self, title: str) -> str:
        style = (f"text{{font-size:12px;fill:{GREY}}}.t{{font-size:14px;font-weight:600}}.s{{font-size:11px;fill:{INK}}}"
                 f".a{{stroke:{GREY};fill:none}}")
        width = LEFT + WIDTH + RIGHT
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {self.y}" font-family="system-ui, sans-serif" '
                f'role="img" aria-label="{html.escape(title)}">')
        return "\n".join([head, f"<style>{style}</style>", f'<text x="{LEFT}" y="24" class="t">{html.escape(title)}</text>',
                          *self.parts, "</svg>"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trace")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--token", type=int, default=2, help="counted from 1")
    parser.add_argument("--layer", type=int, help="counted from 0")
    parser.add_argument("--blocks", type=lambda text: [int(block) for block in text.split(",")])
    parser.add_argument("--title", help="before the layer and the token")
    args = parser.parse_args()

    rows = rows_of(read(args.trace))
    consumers = {block: spans for (block, what), spans in rows.items() if what == "consumers"}
    if not consumers:
        sys.exit(f"{args.trace}: there is no trace of a persistent kernel in it")
    layers = 1 + max(span["args"]["layer"] for span in next(iter(consumers.values())) if span["name"] == "product down")
    layer = layers // 2 if args.layer is None else args.layer
    if not 0 <= layer < layers:
        sys.exit(f"the model has {layers} layers")
    heads = [block for block, spans in consumers.items() if has_head(spans)]
    others = [block for block in consumers if block not in heads]
    blocks = args.blocks or [*heads[:1], *others[-1:]]
    for block in blocks:
        if block not in consumers:
            sys.exit(f"the trace has no block {block}")

    times = [layer_time(consumers[block], args.token - 1, layer) for block in blocks]
    picture = Picture(min(begin for begin, _ in times), max(end for _, end in times))
    for block in blocks:
        picture.text(LEFT, picture.y + 8, f"block {block}, {'with' if block in heads else 'without'} a KV head")
        picture.y += 14
        for what in ("consumers", "producer"):
            picture.row(what, rows.get((block, what), []))
        picture.y += 10
    picture.axis()
    picture.legend()
    title = f"{args.title}: " if args.title else ""
    with open(args.output, "w", encoding="utf-8") as file:
        file.write(picture.svg(f"{title}layer {layer} of {layers} (from 0), token {args.token}"))


if __name__ == "__main__":
    main()
