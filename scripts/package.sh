#!/usr/bin/env bash
# Makes what is released: cadenza-VERSION-linux-x86_64.tar.gz with the tools, the C library, documentation, a list of what
# is linked (SBOM) and the licences of that; and the wheel of the Python package. Then tries the archive in a root file
# system that has nothing but the C library, and the wheel in a fresh virtual environment.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: scripts/package.sh [--no-install] [--no-check] [--output DIR]

  --no-install    install nothing
  --no-check      do not try them (trying the archive needs root, or user namespaces)
  --output DIR    where they go (default: build/packages)

Archive and wheel run on x86-64 Linux with glibc 2.36 or newer. The same commit, built in a folder of the same name
with the same packages, makes the same bytes.
Exit codes: 0, or nonzero if installing, building or trying failed.
USAGE
}

install=yes check=yes output=
while (($#)); do
  case $1 in
    --no-install) install=no ;;
    --no-check) check=no ;;
    --output)
      if (($# < 2)); then
        usage >&2
        exit 2
      fi
      output=$2
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
  shift
done
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
output=$(realpath -m "${output:-$root/build/packages}")
tools=(cadenza-compile cadenza-run cadenza-serve cadenza-bench cadenza-inspect)

step "Install"
install_packages "${build_packages[@]}"
install_onnx_schema

step "Build"
build_preset portable "${tools[@]}" cadenza_shared

step "Pack"
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
version=$("$root/build/portable/bin/cadenza-run" --version | awk '{ print $1; exit }')
name=cadenza-$version-linux-x86_64
for component in cadenza cadenza-library; do
  cmake --install "$root/build/portable" --component "$component" --strip --prefix "$stage/$name" >/dev/null
done
python3 "$root/scripts/sbom.py" "$root/build/portable" --version "$version" --licenses "$stage/$name/share/doc/cadenza/licenses" \
  -o "$stage/$name/share/doc/cadenza/sbom.spdx.json" "${tools[@]}" libcadenza
# Names, owners and times that do not depend on where and when: those of the commit.
when=$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 0)
mkdir -p "$output"
tar --sort=name --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw --mtime="@$when" -C "$stage" -cf - "$name" |
  gzip -9n >"$output/$name.tar.gz.part"
mv "$output/$name.tar.gz.part" "$output/$name.tar.gz"
(cd "$output" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
say "$output/$name.tar.gz: $(du -h "$output/$name.tar.gz" | cut -f1), SHA-256 beside it"

wheel=$(python3 "$root/scripts/wheel.py" "$stage/$name" --version "$version" --time "$when" -o "$output")
say "$wheel: $(du -h "$wheel" | cut -f1)"

if [[ $check == yes ]]; then
  step "Try"
  "$root/scripts/check_package.sh" "$output/$name.tar.gz"
  "$root/scripts/check_wheel.sh" "$wheel"
fi
