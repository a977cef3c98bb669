"""Checks that every file and folder that a Markdown page of the repository links to exists, and every heading.

usage: links.py REPOSITORY
"""
import pathlib
import re
import subprocess
import sys

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: str) -> set[str]:
    """The fragments of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", page, flags=re.DOTALL), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=root, capture_output=True, text=True)
    pages = [root / name for name in listed.stdout.split()] or [root / "README.md", *(root / "docs").rglob("*.md")]
    broken = 0
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for target in LINK.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
            if re.match(r"[a-z]+:", target):
                continue  # elsewhere on the web
            path, _, fragment = target.partition("#")
            file = page.parent / path if path else page
            if not file.exists() or (fragment and file.suffix == ".md" and fragment not in anchors(file.read_text(encoding="utf-8"))):
                print(f"{page.relative_to(root)}: link to '{target}' leads nowhere")
                broken += 1
    return 1 if broken else 0


sys.exit(main())
