#!/bin/sh
# fails.sh CODE COMMAND...: runs a command that must end with exactly this exit code (docs/exit-codes.md).
expected=$1
shift
"$@"
status=$?
[ "$status" = "$expected" ] || {
  echo "exit code $status instead of $expected: $*"
  exit 1
}
