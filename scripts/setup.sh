# Shell functions that examples/quickstart.sh and test/run.sh share: what is installed, how the build is run. Sourced.
# Debian 12 is what they know; elsewhere they name what is missing and leave the installing to you.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv

# A build needs these. MLIR 22 is in Debian 12's security updates.
build_packages=(cmake ninja-build g++ git libmlir-22-dev mlir-22-tools llvm-22-dev llvm-22-tools nlohmann-json3-dev
                libcli11-dev libedit-dev libevent-dev libgtest-dev libpcre2-dev libutf8proc-dev protobuf-compiler libprotobuf-dev python3-venv)

if [[ -t 1 && ${TERM:-dumb} != dumb ]]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold='' plain=''; fi
step() { printf '\n%s==> %s%s\n' "$bold" "$*" "$plain"; }
say() { printf '    %s\n' "$*"; }
fail() { # CODE MESSAGE...
  local code=$1
  shift
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit "$code"
}

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  else
    sudo "$@"
  fi
}

# Which of the packages PACKAGE... are not installed, one a line.
missing_packages() {
  local package
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
  done
}

# Installs what is missing of PACKAGE..., after printing the list. With $install=no it only prints.
install_packages() {
  if ! command -v dpkg-query apt-get >/dev/null; then
    say "no apt here; these Debian packages, or their like, are needed: $*"
    return
  fi
  local missing
  mapfile -t missing < <(missing_packages "$@")
  if [[ ${#missing[@]} == 0 ]]; then
    say "nothing to install"
    return
  fi
  if [[ ${install:-yes} == no ]]; then
    say "--no-install: not installing ${missing[*]}"
    return
  fi
  say "will be installed with apt (and what they depend on):"
  printf '      %s\n' "${missing[@]}"
  local command="apt-get install --no-install-recommends ${missing[*]}"
  [[ $(id -u) == 0 ]] || command -v sudo >/dev/null || fail 1 "neither root nor sudo; run as root: $command"
  as_root apt-get -o DPkg::Lock::Timeout=300 -qq update || fail 1 "apt-get update failed"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -qq -y \
    --no-install-recommends install "${missing[@]}" >/dev/null || fail 1 "'$command' failed. MLIR 22 is in Debian 12's security" \
    "updates (bookworm-security): apt must know them"
  say "installed"
}

# Whether a CUDA compiler (NVRTC) is where cadenza-compile looks: codegen/nvrtc.h.
have_nvrtc() {
  local place
  [[ -n ${CADENZA_NVRTC:-} ]] && return
  for place in "${CUDA_HOME:-/usr/local/cuda}" /usr/local/cuda; do
    compgen -G "$place/lib64/libnvrtc.so*" >/dev/null && return
    compgen -G "$place/targets/x86_64-linux/lib/libnvrtc.so*" >/dev/null && return
  done
  PATH=$PATH:/sbin ldconfig -p 2>/dev/null | grep -q 'libnvrtc\.so\.1[23] ' && return
  use_nvrtc_wheel
}

# Points at the wheel in .venv, if it is there.
use_nvrtc_wheel() {
  local folder
  for folder in "$venv"/lib/python3*/site-packages/nvidia/cu13/lib; do
    if [[ -e $folder/libnvrtc.so.13 ]]; then
      export CADENZA_NVRTC=$folder
      return 0
    fi
  done
  return 1
}

# Fetches NVRTC, a library of 60 MB, into .venv. Returns 1, with the reason said, if that cannot be.
install_nvrtc() {
  if [[ ${install:-yes} == no ]]; then
    say "--no-install: no CUDA compiler (NVRTC); what needs it is skipped"
    return 1
  fi
  say "no CUDA toolkit here: fetching the Python package nvidia-cuda-nvrtc into .venv"
  install_packages python3-venv
  local log
  if log=$({ [[ -x $venv/bin/pip ]] || python3 -m venv "$venv"; } 2>&1 &&
           "$venv/bin/pip" install --disable-pip-version-check --quiet --only-binary :all: 'nvidia-cuda-nvrtc>=13,<14' 2>&1) &&
     use_nvrtc_wheel; then
    return 0
  fi
  say "no CUDA compiler (NVRTC); what needs it is skipped: $(tail -n 1 <<<"$log")"
  return 1
}

# Fetches the schema of ONNX files, a part of the Python package onnx, into .venv: compiler/import/onnx compiles it.
install_onnx_schema() {
  local requirement version log
  requirement=$(<"$root/compiler/import/onnx/requirements.txt")
  version=${requirement#onnx==}
  if compgen -G "$venv/lib/python3*/site-packages/onnx-$version.dist-info" >/dev/null; then
    return
  fi
  [[ ${install:-yes} == no ]] && fail 1 "--no-install: the build needs the Python package $requirement in .venv"
  say "fetching the Python package $requirement, which has the schema of ONNX files, into .venv"
  log=$({ [[ -x $venv/bin/pip ]] || python3 -m venv "$venv"; } 2>&1 &&
        "$venv/bin/pip" install --disable-pip-version-check --quiet --only-binary :all: --no-deps "$requirement" 2>&1) ||
    fail 1 "$requirement cannot be installed in .venv: $(tail -n 1 <<<"$log")"
}

# What the ONNX project's own cases need (the test onnx_plan_cases): without, that test is skipped.
install_onnx_cases() {
  local requirements=$root/test/compiler/onnx/requirements.txt
  "$venv/bin/python" -c 'import numpy, onnx.backend.test' 2>/dev/null && return
  [[ ${install:-yes} == no ]] && return
  say "fetching the Python packages that the ONNX project's cases need into .venv"
  "$venv/bin/pip" install --disable-pip-version-check --quiet --only-binary :all: -r "$requirements" >/dev/null 2>&1 ||
    say "they cannot be installed; the test onnx_plan_cases is skipped"
}

# OpenAI's client (the test e2e/serve/openai.test): without, that test is skipped.
install_openai_client() {
  "$venv/bin/python" -c 'import openai' 2>/dev/null && return
  [[ ${install:-yes} == no ]] && return
  say "fetching OpenAI's Python client into .venv"
  "$venv/bin/pip" install --disable-pip-version-check --quiet --only-binary :all: \
    -r "$root/test/e2e/serve/requirements.txt" >/dev/null 2>&1 || say "it cannot be installed; its test is skipped"
}

# How many compilers at once: one a core, as far as there are 2 GB of memory for each.
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(($(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo) / 2097152))
  ((memory < 1)) && memory=1
  echo $((cores < memory ? cores : memory))
}

# Configures a preset and builds targets (none: everything): build_preset PRESET [TARGET...]
build_preset() {
  local preset=$1 jobs began=$SECONDS
  shift
  command -v cmake ninja >/dev/null || fail 1 "cmake and ninja are needed"
  jobs=$(build_jobs)
  say "cmake --preset $preset && cmake --build build/$preset -j $jobs${*:+ --target $*}"
  local log
  log=$(cd "$root" && cmake --preset "$preset" 2>&1) || fail 1 "configuring failed"$'\n'"$log"
  NINJA_STATUS='[%f/%t %es] ' cmake --build "$root/build/$preset" -j "$jobs" ${@:+--target "$@"} || fail 1 "the build failed"
  say "built in $((SECONDS - began)) s"
}
