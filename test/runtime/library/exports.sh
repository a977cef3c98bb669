#!/usr/bin/env bash
# exports.sh NM LIBRARY HEADER: the library exports the functions of the header, in version CADENZA_0, and nothing else.
set -euo pipefail
nm=$1 library=$2 header=$3
diff <(sed -E '/^ ?\*|^\/\*/d; s@/\*.*@@' "$header" | grep -oE '^[a-z].*\bcadenza_[a-z_]+\(' | grep -oE 'cadenza_[a-z_]+\(' |
         sed 's/($/@@CADENZA_0/' | sort) \
     <("$nm" -D --defined-only --with-symbol-versions "$library" | awk '$2 != "A" { print $3 }' | sort)
