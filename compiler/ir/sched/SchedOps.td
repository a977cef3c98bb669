#ifndef CADENZA_SCHED_OPS
#define CADENZA_SCHED_OPS

include "compiler/ir/sched/SchedDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Sched_Op<string mnemonic, list<Trait> traits = []> : Op<Sched_Dialect, mnemonic, traits>;
/// An op of a schedule's body that concerns one phase of the entry.
class Sched_PhaseUse<string mnemonic, list<Trait> traits = []> : Sched_Op<mnemonic, traits>;
class Sched_Schedule<string mnemonic, list<Trait> traits = []>
    : Sched_Op<mnemonic, traits # [Symbol, IsolatedFromAbove, SingleBlock, NoTerminator,
                                   DeclareOpInterfaceMethods<SymbolUserOpInterface>]>;

class Sched_Keyword<string name, string summary, list<string> words>
    : I32EnumAttr<name, summary, !foreach(i, !range(words), I32EnumAttrCase<words[i], i>)> {
  let cppNamespace = "::cadenza::sched";
}

def Sched_Vector : TypeDef<Sched_Dialect, "Vector"> {
  let mnemonic = "vector";
  let summary = "a vector that blocks have together: each computes a part of it, and has all of it after a hop";
}
/// There is only one type, so the syntax leaves it out.
def Sched_AnyVector : Type<CPred<"::llvm::isa<::cadenza::sched::VectorType>($_self)">, "vector">,
                      BuildableType<"$_builder.getType<::cadenza::sched::VectorType>()">;

//===----------------------------------------------------------------------===//
// A kernel a phase
//===----------------------------------------------------------------------===//

def Sched_SequenceOp : Sched_Schedule<"sequence"> {
  let summary = "launches a kernel a phase, in the order of the entry";
  let description = [{
    `kinds` says who may run it: `launch` (one launch after the other), `graph` (the same launches, captured once). Sums
    are made in the order that the phases carry, or, with `order`, in that of a `sched.grid`: a plan with several divisions has
    a sequence for each.

    ```mlir
    sched.sequence @decode.launch of @decode kinds ["launch", "graph"] {
      sched.launch "embed" blocks 1 threads 128 shared 0
      sched.repeat 28 {
        sched.launch "layer_attend" blocks 128 threads 256 shared 8336 {scratch = 266496 : i64, split_multiple = 16 : i64}
      }
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$entry, StrArrayAttr:$kinds,
                       OptionalAttr<FlatSymbolRefAttr>:$order);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `of` $entry `kinds` $kinds (`order` $order^)? attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Sched_LaunchOp : Sched_PhaseUse<"launch", [ParentOneOf<["SequenceOp", "RepeatOp"]>]> {
  let summary = "one launch of a phase's kernel, and how the phase becomes a grid";
  let description = [{
    Where threads and blocks are: nothing here changes a sum. `min_blocks` is how many blocks must fit on one
    multiprocessor, `cluster` how many are a thread block cluster (`sm_90` and later). Which others there are depends on the phase: a product has `tiles_per_block` (of 16 rows) and
    `steps_in_flight` (32-column steps that a warp requests ahead), a map `block_rows`, attention `split_multiple` (a
    split is that many positions, or a multiple) and `subgroups` (into which the query heads of a KV head are divided), a fusion
    `pack` (elements that a thread takes together) and, if it reduces rows, `lanes` (threads that share a row); `scratch` is bytes of scratch memory that the kernel needs.

    With `tokens` the launch is of a tile of so many tokens: `tiles` is how the kernel divides its product or its attention
    (TokenTiles or AttendTokenTiles in `runtime/shared`), `prepare` blocks, threads and shared memory of the launch before it
    that makes the operand of a product, if it needs one. `wgmma` is another launch of the product or the attention, in
    place of this one on `wgmma_targets`, which have the tensor unit of `sm_90`: blocks, threads, shared memory, blocks of a cluster, and the fields of
    WgmmaTiles or AttendWgmmaTiles.

    ```mlir
    sched.launch "layer_down" blocks 64 threads 256 shared 9216 {min_blocks = 4 : i64, steps_in_flight = 4 : i64, tiles_per_block = 1 : i64}
    sched.launch "layer_gate_up" blocks 192 threads 128 shared 49152 {prepare = array<i64: 128, 128, 256>, tiles = array<i64: 64, 64, 64, 4, 2, 2>, tokens = 128 : i64}
    ```
  }];
  let arguments = (ins StrAttr:$phase, I64Attr:$blocks, I64Attr:$threads, I64Attr:$shared,
                       DefaultValuedAttr<I64Attr, "1">:$min_blocks, DefaultValuedAttr<I64Attr, "1">:$cluster,
                       OptionalAttr<I64Attr>:$tiles_per_block,
                       OptionalAttr<I64Attr>:$steps_in_flight, OptionalAttr<I64Attr>:$block_rows,
                       OptionalAttr<I64Attr>:$split_multiple, OptionalAttr<I64Attr>:$subgroups,
                       OptionalAttr<I64Attr>:$pack, OptionalAttr<I64Attr>:$lanes, OptionalAttr<I64Attr>:$tokens,
                       OptionalAttr<DenseI64ArrayAttr>:$tiles, OptionalAttr<DenseI64ArrayAttr>:$prepare,
                       OptionalAttr<DenseI64ArrayAttr>:$wgmma, OptionalAttr<StrArrayAttr>:$wgmma_targets,
                       DefaultValuedAttr<I64Attr, "0">:$scratch);
  let assemblyFormat = "$phase `blocks` $blocks `threads` $threads `shared` $shared attr-dict";
  let hasVerifier = 1;
}

def Sched_RepeatOp : Sched_Op<"repeat", [ParentOneOf<["SequenceOp"]>, SingleBlock, NoTerminator]> {
  let summary = "launches what it holds `count` times in a row: the layers";
  let description = [{
    ```mlir
    sched.repeat 28 {
      sched.launch "layer_down" blocks 64 threads 256 shared 9216
    }
    ```
  }];
  let arguments = (ins I64Attr:$count);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$count attr-dict-with-keyword $body";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Whole steps in one kernel
//===----------------------------------------------------------------------===//

def Sched_GridOp : Sched_Schedule<"grid"> {
  let summary = "one cooperative kernel that runs whole steps: groups of ranks, a block each";
  let description = [{
    Each block has `warps` warps that compute and one more, its producer, which streams what the block reads from memory
    through a ring of buffers in shared memory, in the order of the `sched.stream` ops. The region is one step as every
    block runs it. A vector that hops or is published is in use until the last op that has it as an operand has ended:
    that is when it may be overwritten. What follows `sched.layers` is the head, which a step whose token nobody needs leaves
    out.

    With `clusters`, ranks of a group are a cluster of the GPU, and what hops goes from shared memory to shared memory.
    Without, it goes through packets in global memory. A module may have several grids of an entry, each a division of the
    work for other `targets` (none: any) or another number of multiprocessors; the phases carry the order of sums of the first.
    `shared` is bytes of shared memory of a block. Its ring has `stages` of `stage` bytes. All weights that stream are stored in one `encoding`. `ahead` is bytes that a
    producer has in flight at most while the ring fills ahead of a layer or of the head: in groups that attend, and in
    others. `packets` is bytes of the memory through which blocks exchange values. `memory_bound`: a layer takes as long as the
    memory needs for it. `traced`: the kernel records what its blocks do.

    A grid in which groups share a long context `continues` another one: it is the second kernel of that one's division, for
    sequences that are long enough. It divides the same work, so a sequence passes from one to the other at any position.

    ```mlir
    sched.grid @decode.3x2 of @decode targets ["sm_90"] groups 3 ranks 2 warps 4 shared 232448 stages 12 of 16384 encoding "tiles16" clusters packets 2400 ahead [49152, 49152] {
      sched.embed "embed"
      sched.layers 2 {
        %attention = sched.part groups 2 {
          %x = sched.hop residual
          sched.stream weights "layer_query_key_value" in_flight 24576
          %q = sched.compute "layer_query_key_value"(%x) query_groups 256 x 64 of 2 at [0, 1]
          %rows = sched.hop rows(%q)
          sched.stream context "layer_attend" in_flight 24576 long 49152
          %a = sched.compute "layer_attend"(%rows) context
          %parts = sched.hop parts(%a)
          sched.stream weights "layer_output" in_flight 24576
          %o = sched.compute "layer_output"(%parts) columns 64 x 128 at [0, 2]
          sched.publish %o
        }
        sched.collect %attention
      }
      %x = sched.hop residual
      sched.stream weights "head" in_flight 32768
      %logits = sched.compute "head"(%x) blocks 144 x 64
      sched.select %logits
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$entry, StrArrayAttr:$targets, I64Attr:$groups, I64Attr:$ranks,
                       I64Attr:$warps, I64Attr:$shared, I64Attr:$stages, I64Attr:$stage, StrAttr:$encoding, UnitAttr:$clusters, I64Attr:$packets,
                       DenseI64ArrayAttr:$ahead, UnitAttr:$memory_bound, UnitAttr:$traced, OptionalAttr<FlatSymbolRefAttr>:$continues);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `of` $entry (`continues` $continues^)? `targets` $targets `groups` $groups `ranks` $ranks `warps` $warps `shared` $shared `stages` $stages `of` $stage `encoding` $encoding (`clusters` $clusters^)?
    `packets` $packets `ahead` $ahead (`memory_bound` $memory_bound^)? (`traced` $traced^)? attr-dict-with-keyword $body
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getBlocks() { return static_cast<int64_t>(getGroups() * getRanks()); }
    /// The symbol without the entry's name: "15x8", or "15x8.long" if it continues that.
    ::llvm::StringRef getDivisionName() { return getSymName().drop_front(getEntry().size() + 1); }
    /// The computation in which groups share a long context; null unless the grid continues another one.
    ComputeOp getSharingCompute();
    /// The ops that a step without a head runs, but for the embedding.
    LayersOp getLayers();
    EmbedOp getEmbed();
    /// Groups that attend: those that take part in all parts.
    int64_t getAttentionGroups();
  }];
}

def Sched_EmbedOp : Sched_PhaseUse<"embed", [ParentOneOf<["GridOp"]>]> {
  let summary = "each rank has its rows of the current token's embedding: the residual stream";
  let description = [{
    ```mlir
    sched.embed "embed"
    ```
  }];
  let arguments = (ins StrAttr:$phase);
  let assemblyFormat = "$phase attr-dict";
}

def Sched_LayersOp : Sched_Op<"layers", [ParentOneOf<["GridOp"]>, SingleBlock, NoTerminator]> {
  let summary = "the layers, one after the other: parts, and the collection of their sums";
  let description = [{
    A part that follows another one without a collection between them begins with the same residual stream: the two are
    parallel branches. The sums of parts are collected in their order.

    ```mlir
    sched.layers 28 {
      %sums = sched.part groups 15 { ... }
      sched.collect %sums
    }
    ```
  }];
  let arguments = (ins I64Attr:$count);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$count attr-dict-with-keyword $body";
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Sched_PartOp : Sched_Op<"part", [ParentOneOf<["LayersOp"]>, SingleBlock]> {
  let summary = "from the residual stream to partial sums of what is added to it, by the first `groups` groups";
  let description = [{
    Its first product is over rows, its last over columns, and what it publishes is that one's: each rank has the
    sums over its group's columns for its rows of the residual stream.

    ```mlir
    %sums = sched.part groups 15 {
      %x = sched.hop residual
      %units = sched.compute "layer_gate_up"(%x) units 208 x 64 of 104 at [0, 1, 2]
      %all = sched.hop units(%units)
      %o = sched.compute "layer_down"(%all) columns 64 x 104 at [0, 1, 2]
      sched.publish %o
    }
    ```
  }];
  let arguments = (ins I64Attr:$groups);
  let regions = (region SizedRegion<1>:$body);
  let results = (outs Sched_AnyVector:$sums);
  let assemblyFormat = "`groups` $groups attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// Its computations, in order.
    ::llvm::SmallVector<ComputeOp> getComputations();
    bool attends();
    StreamOp streamOf(::llvm::StringRef phase);
  }];
}

def Sched_PublishOp : Sched_Op<"publish", [ParentOneOf<["PartOp"]>, Terminator]> {
  let summary = "each rank puts its rows of the group's partial sums where the same rank of every group finds them";
  let description = [{
    A slot belongs to the parity of the layer, the part and the block, so it is written again two layers later.

    ```mlir
    sched.publish %o
    ```
  }];
  let arguments = (ins Sched_AnyVector:$sums);
  let assemblyFormat = "$sums attr-dict";
}

def Sched_CollectOp : Sched_Op<"collect", [ParentOneOf<["LayersOp"]>]> {
  let summary = "each rank adds the partial sums of all groups of the part, in the order of the groups, to its rows";
  let description = [{
    Every block collects, also those whose group takes no part in the part. With a `norm`, the phase of that name, what is
    added is a norm of the sums: the ranks of a group hop the sums of squares of their rows, in chunks of `chunk` elements.

    ```mlir
    sched.collect %sums
    sched.collect %more norm "layer_mlp_post_norm" chunk 16
    ```
  }];
  let arguments = (ins Sched_AnyVector:$sums, OptionalAttr<StrAttr>:$norm, OptionalAttr<I64Attr>:$chunk);
  let assemblyFormat = "$sums (`norm` $norm^)? (`chunk` $chunk^)? attr-dict";
  let hasVerifier = 1;
}

def Sched_Hop : Sched_Keyword<"Hop", "what hops", ["residual", "squares", "rows", "parts", "units"]>;

def Sched_HopOp : Sched_Op<"hop", [ParentOneOf<["PartOp", "GridOp"]>]> {
  let summary = "each rank sends its part of a vector to all ranks of its group, and waits for theirs";
  let description = [{
    `residual`: the rows of the residual stream as the next product reads them (scaled by a norm's weights, rounded),
    with the sums of their squares in chunks of `chunk` elements, if there is a norm. `squares`: those sums alone (and of a layer norm those of the elements), before the
    residual, which has the hop's result as an operand: a norm whose factor is applied before rounding. `rows`: of
    query, key and value. `parts`: attention over each rank's part of the context. `units`: activations of a feed-forward.

    ```mlir
    %x = sched.hop residual {chunk = 64 : i64}
    %rows = sched.hop rows(%q)
    ```
  }];
  let arguments = (ins Sched_Hop:$kind, Optional<Sched_AnyVector>:$input, OptionalAttr<I64Attr>:$chunk);
  let results = (outs Sched_AnyVector:$vector);
  let assemblyFormat = "$kind (`(` $input^ `)`)? attr-dict";
  let hasVerifier = 1;
}

def Sched_FinishOp : Sched_Op<"finish", [ParentOneOf<["PartOp"]>]> {
  let summary = "functions of query, key and value that their product has not absorbed, by each rank on all rows of its group";
  let description = [{
    `phases`: the maps that have these functions, in their order. `norms` are the segments (0: the query, 1: the key) whose norm
    takes the rows of all groups together. For each of them, each rank publishes the sums of squares of its group's rows, in
    chunks of `chunk` elements, and collects those of the same rank of every group. If `sharing` groups have the same KV head,
    the first of them publishes the key's.

    ```mlir
    %rows = sched.hop rows(%q)
    %all = sched.finish ["layer_rms_norm_rope", "layer_rms_norm_rope_kv_append"](%rows) norms [0, 1] chunk 128
    %a = sched.compute "layer_attend"(%all) context
    ```
  }];
  let arguments = (ins StrArrayAttr:$phases, Sched_AnyVector:$rows,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$norms, OptionalAttr<I64Attr>:$chunk,
                       DefaultValuedAttr<I64Attr, "1">:$sharing);
  let results = (outs Sched_AnyVector:$vector);
  let assemblyFormat = [{
    $phases `(` $rows `)` (`norms` $norms^ `chunk` $chunk)? (`sharing` $sharing^)? attr-dict
  }];
  let hasVerifier = 1;
}

def Sched_Source : Sched_Keyword<"Source", "what a producer streams", ["weights", "context"]>;

def Sched_StreamOp : Sched_PhaseUse<"stream", [ParentOneOf<["PartOp", "GridOp"]>]> {
  let summary = "the producer copies what the block needs of a phase's weights, or of the keys and values, into the ring";
  let description = [{
    The producer runs ahead of the computation as far as the ring has room, across parts, layers and steps; keys and
    values of a step it copies once all ranks of the group have begun it. `in_flight` is how many bytes it has in flight
    at most: of groups that attend, and, if there is one, `others` of those that do not; `long` of a context that is longer
    than the ring.

    ```mlir
    sched.stream weights "layer_gate_up" in_flight 49152 others 16384
    sched.stream context "layer_attend" in_flight 49152 long 98304
    ```
  }];
  let arguments = (ins Sched_Source:$source, StrAttr:$phase, I64Attr:$in_flight, OptionalAttr<I64Attr>:$others,
                       OptionalAttr<I64Attr>:$long_context);
  let assemblyFormat = [{
    $source $phase `in_flight` $in_flight (`others` $others^)? (`long` $long_context^)? attr-dict
  }];
}

def Sched_Split : Sched_Keyword<"Split", "how a computation is divided", ["query_groups", "units", "blocks", "columns", "context"]>;

def Sched_ComputeOp : Sched_PhaseUse<"compute", [ParentOneOf<["PartOp", "GridOp"]>]> {
  let summary = "a phase, divided over groups and ranks";
  let description = [{
    A product of `rows` x `columns` is divided over groups at `starts`, one a group of the part, and over the ranks of a
    group by rows (runtime/shared/shares.h):

    | split | groups divide | ranks divide |
    |---|---|---|
    | `query_groups` | query groups, of which there are `of`: the rows of their queries, of their key and value | their tiles of rows |
    | `units` | steps of 32 units, of which there are `of`: a row of gate and a row of up each, or a row alone | their tiles of rows, larger shares going round with the layers |
    | `columns` | steps of 32 columns | the tiles of rows |
    | `blocks` | | the tiles of rows, over all blocks of the grid |
    | `context` | nothing: a group's query groups | the positions of the context |

    A *query group* is query heads that share a KV head: all of them, or if there are more query groups than KV heads, some of them.
    Then several compute the same key and value, and `each` says how many rows that makes of each query group.

    In a grid for long contexts, the `sharing` groups that have the same KV head share its positions in each layer that attends
    to `from` of them or more: a group attends, with the queries of all of these groups, to the chunks that the same one of the
    warps takes in each group otherwise. So sums are made in the same order. The same ranks of these groups exchange queries
    before, and what each has of the others' heads afterwards.

    ```mlir
    %a = sched.compute "layer_attend"(%rows) context sharing 4 from 4096
    %q = sched.compute "layer_query_key_value"(%x) query_groups 4096 x 1024 of 8 at [0, 1, 2, 3, 4, 5, 6, 7]
    %r = sched.compute "layer_query_key_value"(%x) query_groups 1152 x 896 of 14 each 192 at [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
    %o = sched.compute "layer_down"(%all) columns 1024 x 3072 at [0, 32, 64]
    ```
  }];
  let arguments = (ins StrAttr:$phase, Sched_AnyVector:$input, Sched_Split:$split,
                       OptionalAttr<I64Attr>:$rows, OptionalAttr<I64Attr>:$columns, OptionalAttr<I64Attr>:$of,
                       OptionalAttr<I64Attr>:$each, OptionalAttr<DenseI64ArrayAttr>:$starts,
                       OptionalAttr<I64Attr>:$sharing, OptionalAttr<I64Attr>:$from);
  let results = (outs Sched_AnyVector:$vector);
  let assemblyFormat = [{
    $phase `(` $input `)` $split ($rows^ `x` $columns)? (`of` $of^)? (`each` $each^)? (`at` $starts^)?
    (`sharing` $sharing^ `from` $from)? attr-dict
  }];
  let hasVerifier = 1;
}

def Sched_SelectOp : Sched_Op<"select", [ParentOneOf<["GridOp"]>]> {
  let summary = "every block publishes its largest logit, and finds the largest of all: the next token";
  let description = [{
    ```mlir
    sched.select %logits
    ```
  }];
  let arguments = (ins Sched_AnyVector:$logits);
  let assemblyFormat = "$logits attr-dict";
}

#endif
