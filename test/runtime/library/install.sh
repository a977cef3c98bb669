#!/usr/bin/env bash
# install.sh BUILD SOURCE: an installed library is found by pkg-config and CMake, wherever it was moved to, and the
# example in C, compiled as C11, generates what cadenza-run does.
set -euo pipefail
build=$1 source=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cmake --install "$build" --component cadenza-library --prefix "$folder/first" >/dev/null
mv "$folder/first" "$folder/prefix"
prefix=$folder/prefix
readelf -d "$prefix"/lib/libcadenza.so | grep -q 'SONAME.*\[libcadenza\.so\.0\]'

"$build/bin/cadenza-compile" "$source/examples/tinylm" -o "$folder/tiny.plan" --target=cpu -q
expected=$("$build/bin/cadenza-run" "$folder/tiny.plan" --prompt "Let us go up" -n 64 2>/dev/null)
check() { # PROGRAM
  local text
  text=$(LD_LIBRARY_PATH=$prefix/lib "$1" "$folder/tiny.plan" "Let us go up" 2>"$folder/log") || { cat "$folder/log"; return 1; }
  [[ $text == "$expected" ]] || { echo "$1 says '$text', not '$expected'"; return 1; }
  grep -q '"finish_reason":"length"' "$folder/log"
  if LD_LIBRARY_PATH=$prefix/lib "$1" "$folder/none.plan" x 2>"$folder/log"; then return 1; else [[ $? == 11 ]]; fi
  grep -q 'none\.plan' "$folder/log"
}

warnings=(-Wall -Wextra -Wpedantic -Werror)
if command -v pkg-config >/dev/null; then
  export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
  # shellcheck disable=SC2046
  cc -std=c11 "${warnings[@]}" "$source/examples/c/generate.c" $(pkg-config --cflags --libs cadenza) -o "$folder/generate"
  check "$folder/generate"
fi
mkdir "$folder/project"
cat >"$folder/project/CMakeLists.txt" <<PROJECT
cmake_minimum_required(VERSION 3.25)
project(example C)
find_package(cadenza 0.1 REQUIRED)
add_executable(generate $source/examples/c/generate.c)
set_target_properties(generate PROPERTIES C_STANDARD 11 C_EXTENSIONS OFF)
target_compile_options(generate PRIVATE ${warnings[*]})
target_link_libraries(generate PRIVATE cadenza::cadenza)
PROJECT
cmake -S "$folder/project" -B "$folder/built" -DCMAKE_PREFIX_PATH="$prefix" >"$folder/log" || { cat "$folder/log"; exit 1; }
cmake --build "$folder/built" >"$folder/log" || { cat "$folder/log"; exit 1; }
check "$folder/built/generate"
# The header is C++, too.
echo '#include <cadenza/cadenza.h>' | c++ -std=c++11 "${warnings[@]}" -I"$prefix/include" -fsyntax-only -x c++ -
