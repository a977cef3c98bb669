#!/usr/bin/env bash
# Tries a released archive where nothing is installed: a root file system with the C library, the archive and a model.
#   scripts/check_package.sh ARCHIVE.tar.gz
# Needs root, or a kernel that lets users make namespaces.
set -euo pipefail

if (($# != 1)) || [[ $1 == -* ]]; then
  sed -n '2,4s/^# \?//p' "${BASH_SOURCE[0]}"
  [[ ${1:-} == -h || ${1:-} == --help ]] && exit 0
  exit 2
fi
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
newest_glibc=2.36 # of Debian 12

bare=$(mktemp -d)
trap 'rm -rf "$bare"' EXIT
mkdir -p "$bare"/{lib64,lib/x86_64-linux-gnu,dev,tmp}
cp -L /lib64/ld-linux-x86-64.so.2 "$bare/lib64/"
cp -L /lib/x86_64-linux-gnu/{libc,libm}.so.6 "$bare/lib/x86_64-linux-gnu/"
tar -C "$bare" -xzf "$1"
mv "$bare"/cadenza-* "$bare/cadenza"
cp -R "$root/examples/tinylm" "$bare/model"

inside() {
  if [[ $(id -u) == 0 ]]; then
    chroot "$bare" "$@"
  else
    unshare --user --map-root-user chroot "$bare" "$@"
  fi
}

for file in "$bare"/cadenza/bin/* "$bare/cadenza/lib/libcadenza.so.0"; do
  needed=$(objdump -T "$file" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1)
  [[ $(printf '%s\n' "$needed" "GLIBC_$newest_glibc" | sort -V | tail -n 1) == "GLIBC_$newest_glibc" ]] ||
    fail 1 "$(basename "$file") needs $needed; GLIBC_$newest_glibc is the newest that may be asked for"
  [[ $file == */lib/* ]] && continue
  inside "/cadenza/bin/$(basename "$file")" --version >/dev/null || fail 1 "$(basename "$file") does not start"
done
inside /cadenza/bin/cadenza-compile /model -o /tiny.plan --target=cpu -q
inside /cadenza/bin/cadenza-inspect /tiny.plan --verify >/dev/null
text=$(inside /cadenza/bin/cadenza-run /tiny.plan --device=cpu --prompt "Let us go up" -n 16 2>/dev/null)
[[ $text == " to the battle"* ]] || fail 1 "the model says '$text'"
# A program in C that was compiled here, of which the archive has all but the C library.
cc -std=c11 -I"$bare/cadenza/include" "$root/examples/c/generate.c" -L"$bare/cadenza/lib" -lcadenza \
  -Wl,-rpath,/cadenza/lib -o "$bare/generate"
text=$(inside /generate /tiny.plan "Let us go up" 2>/dev/null)
[[ $text == " to the battle"* ]] || fail 1 "libcadenza.so says '$text'"
say "tools and library start, compile and run with glibc alone"
