#!/usr/bin/env python3
"""The software bill of materials of a portable build, in SPDX 2.3 JSON.

What is linked is asked of the build, not listed by hand: the linker wrote which archives each tool took
(bin/TOOL.link.d, lib/LIBRARY.link.d), and ninja knows the headers that were compiled in. Files of the system belong to Debian packages,
whose names, versions and licences dpkg knows.
"""

import argparse
import hashlib
import json
import pathlib
import re
import subprocess
import sys

# Of the C library and the kernel nothing is copied into a tool: they are linked when it starts, or are declarations.
NOT_LINKED = re.compile(r"^(libc6-dev|linux-libc-dev|libcrypt-dev)$")


def linked_files(build, tools):
    """What the linker read for the tools, but for shared libraries, of which nothing is copied."""
    files = set()
    for tool in tools:
        record = build / ("lib" if tool.startswith("lib") else "bin") / f"{tool}.link.d"
        if not record.exists():
            sys.exit(f"sbom.py: {record} is missing: build the preset portable anew")
        text = record.read_text().replace("\\\n", " ").split(":", 1)[1]
        text = text.split("\n\n", 1)[0]  # what follows are empty rules, so that make does not stop
        files.update(name for name in text.split() if not re.search(r"\.so(\.|$)", name))
    return files


def included_files(build):
    """Headers outside the repository that were compiled in."""
    lines = subprocess.run(["ninja", "-C", str(build), "-t", "deps"], check=True, capture_output=True, text=True).stdout
    return {line.strip() for line in lines.splitlines() if line.startswith("    ")}


def packages_of(files):
    """The Debian packages that the files are of, with name, version, source and home page."""
    files = sorted({str(pathlib.Path(f).resolve()) for f in files if f.startswith("/usr/") or f.startswith("/lib/")})
    names = set()
    for first in range(0, len(files), 500):
        found = subprocess.run(["dpkg-query", "-S", *files[first : first + 500]], capture_output=True, text=True).stdout
        for line in found.splitlines():
            names.update(name.strip().split(":")[0] for name in line.rsplit(": ", 1)[0].split(","))
    names = sorted(name for name in names if not NOT_LINKED.match(name))
    if not names:
        return []
    form = "${Package}\t${Version}\t${source:Package}\t${Homepage}\t${Architecture}\n"
    shown = subprocess.run(["dpkg-query", "-W", "-f", form, *names], check=True, capture_output=True, text=True).stdout
    keys = ("name", "version", "source", "home", "architecture")
    return [dict(zip(keys, line.split("\t"))) for line in shown.splitlines()]


def spdx(version, created, packages):
    """The document, as https://spdx.github.io/spdx-spec/v2.3 has it."""

    def entry(identifier, name, number, **more):
        return {
            "SPDXID": f"SPDXRef-{identifier}",
            "name": name,
            "versionInfo": number,
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": False,
            "licenseConcluded": "NOASSERTION",
            "licenseDeclared": "NOASSERTION",
            "copyrightText": "NOASSERTION",
            **more,
        }

    own = entry("cadenza", "cadenza", version, licenseDeclared="MIT", primaryPackagePurpose="APPLICATION")
    parts = []
    for package in packages:
        reference = {
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": f"pkg:deb/debian/{package['name']}@{package['version']}?arch={package['architecture']}",
        }
        more = {"homepage": package["home"]} if package["home"] else {}
        parts.append(
            entry(
                "deb-" + re.sub(r"[^A-Za-z0-9.-]", "-", package["name"]),
                package["name"],
                package["version"],
                sourceInfo=f"built from the Debian source package {package['source']}",
                licenseComments=f"licenses/{package['name']}, beside this file",
                externalRefs=[reference],
                **more,
            )
        )
    content = json.dumps([own, parts], sort_keys=True).encode()
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"cadenza-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/cadenza-{version}-{hashlib.sha256(content).hexdigest()[:16]}",
        "creationInfo": {"created": created, "creators": ["Tool: scripts/sbom.py"]},
        "packages": [own, *parts],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": own["SPDXID"]}
        ]
        + [
            {"spdxElementId": own["SPDXID"], "relationshipType": "STATIC_LINK", "relatedSpdxElement": part["SPDXID"]}
            for part in parts
        ],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, help="the folder of the preset portable")
    parser.add_argument("tools", nargs="+", help="whose parts are listed")
    parser.add_argument("--version", required=True)
    parser.add_argument("--licenses", type=pathlib.Path, help="a folder that gets the licence texts of the parts")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    options = parser.parse_args()
    packages = packages_of(linked_files(options.build, options.tools) | included_files(options.build))
    root = pathlib.Path(__file__).resolve().parent.parent
    shown = ["git", "-C", str(root), "log", "-1", "--format=%cd", "--date=format-local:%Y-%m-%dT%H:%M:%SZ"]
    created = subprocess.run(shown, capture_output=True, text=True, env={"TZ": "UTC", "PATH": "/usr/bin:/bin"}).stdout.strip()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    if options.licenses:
        options.licenses.mkdir(parents=True, exist_ok=True)
        for package in packages:
            text = pathlib.Path("/usr/share/doc") / package["name"] / "copyright"
            (options.licenses / package["name"]).write_bytes(text.read_bytes())
    document = spdx(options.version, created or "1970-01-01T00:00:00Z", packages)
    options.output.write_text(json.dumps(document, indent=2) + "\n")
    print(f"    {len(packages)} Debian packages are linked: " + ", ".join(p["name"] for p in packages))


if __name__ == "__main__":
    main()
