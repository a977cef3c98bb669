# name-weights-families.test.sh MODEL FILE: the module of MODEL, renamed and in another order, is itself after
# --name-weights. Files begin with FILE.
set -e
cadenza-compile "$1" --emit=nn -o "$2.mlir"
# Other symbols; declarations in reverse, which changes neither ops nor their order; up's product before gate's and the key's
# before the query's, where they are neighbours.
sed -E 's/@layers\.([0-9]+)\.([a-z_.]*)/@\2.of.\1/g; s/@(embedding|positions|head|final_norm|rope)\./@the_\1./g' \
  "$2.mlir" > "$2.renamed.mlir"
{
  echo 'module {'
  grep '^  nn\.' "$2.renamed.mlir" | tac
  sed '1d; /^  nn\./d' "$2.renamed.mlir" | awk '
    /nn.linear .*@(attention.query|mlp.gate).weight/ { held = $0; next }
    { print }
    held != "" { print held; held = "" }'
} > "$2.other.mlir"
if cmp -s "$2.mlir" "$2.other.mlir"; then
  echo "the module is what it was: nothing is tested" >&2
  exit 1
fi
cadenza-opt "$2.other.mlir" --name-weights -o "$2.named.mlir"
diff -B "$2.mlir" "$2.named.mlir"
