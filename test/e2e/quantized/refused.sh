#!/bin/sh
# refused.sh CODE FOLDER: cadenza-compile must refuse the model with this exit code and one error, and write no plan.
cadenza-compile "$2" --target=cpu -o refused.plan > refused.txt 2>&1
status=$?
cat refused.txt
[ "$status" = "$1" ] || { echo "exit code $status instead of $1"; exit 1; }
[ ! -e refused.plan ] || { echo "a plan was written"; exit 1; }
[ "$(grep -c 'tensor ' refused.txt)" = 1 ] || { echo "not one error"; exit 1; }
