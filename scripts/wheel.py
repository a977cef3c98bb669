#!/usr/bin/env python3
"""Makes the wheel of the Python package from an installed Cadenza: cadenza-VERSION-py3-none-manylinux_2_36_x86_64.whl.

usage: wheel.py PREFIX --version VERSION [-o FOLDER] [--time SECONDS]

PREFIX has lib/libcadenza.so.0, bin/cadenza-compile and share/doc/cadenza, as `cmake --install` of the portable build
writes them. The same files and the same time make the same bytes.
"""

import argparse
import base64
import csv
import hashlib
import io
import pathlib
import time
import zipfile

TAG = "py3-none-manylinux_2_36_x86_64"  # scripts/check_package.sh checks the glibc that the files ask for
ROOT = pathlib.Path(__file__).resolve().parents[1]


def contents(prefix, info, version):
    """Names in the wheel, what is in them, and whether they are programs."""
    for file in sorted((ROOT / "python" / "cadenza").iterdir()):
        if file.suffix == ".py" or file.name == "py.typed":
            yield f"cadenza/{file.name}", file.read_bytes(), False
    yield "cadenza/lib/libcadenza.so.0", (prefix / "lib" / "libcadenza.so.0").read_bytes(), False
    yield "cadenza/bin/cadenza-compile", (prefix / "bin" / "cadenza-compile").read_bytes(), True
    documents = prefix / "share" / "doc" / "cadenza"
    licenses = [documents / "LICENSE", documents / "sbom.spdx.json", *sorted((documents / "licenses").glob("*"))]
    for file in filter(pathlib.Path.exists, licenses):
        yield f"{info}/licenses/{file.relative_to(documents)}", file.read_bytes(), False
    page = (ROOT / "docs" / "library.md").read_text()
    metadata = f"""Metadata-Version: 2.1
Name: cadenza
Version: {version}
Summary: Runs language models that are compiled ahead of time, on a GPU or a CPU
License: MIT
Requires-Python: >=3.9
Provides-Extra: numpy
Requires-Dist: numpy; extra == "numpy"
Description-Content-Type: text/markdown

{page}"""
    yield f"{info}/METADATA", metadata.encode(), False
    wheel = f"Wheel-Version: 1.0\nGenerator: cadenza {version}\nRoot-Is-Purelib: false\nTag: {TAG}\n"
    yield f"{info}/WHEEL", wheel.encode(), False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prefix", type=pathlib.Path)
    parser.add_argument("--version", required=True)
    parser.add_argument("-o", "--output", type=pathlib.Path, default=pathlib.Path("."))
    parser.add_argument("--time", type=int, default=0, help="of the files, in seconds since 1970")
    arguments = parser.parse_args()

    info = f"cadenza-{arguments.version}.dist-info"
    moment = max(time.gmtime(arguments.time)[:6], (1980, 1, 1, 0, 0, 0))  # a zip's first year
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    arguments.output.mkdir(parents=True, exist_ok=True)
    file = arguments.output / f"cadenza-{arguments.version}-{TAG}.whl"
    part = file.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as wheel:

        def write(name, data, is_program):
            entry = zipfile.ZipInfo(name, moment)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if is_program else 0o100644) << 16
            wheel.writestr(entry, data)

        for name, data, is_program in contents(arguments.prefix, info, arguments.version):
            write(name, data, is_program)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.writerow([name, f"sha256={digest}", len(data)])
        rows.writerow([f"{info}/RECORD", "", ""])
        write(f"{info}/RECORD", record.getvalue().encode(), False)
    part.replace(file)
    print(file)


main()
