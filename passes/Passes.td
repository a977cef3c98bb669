// Every pass, in the order of the pipeline (Pipelines.cpp says why each stands where it does). One pass a file; the file's
// name, the pass's argument and the test's name are the same.
#ifndef CADENZA_PASSES
#define CADENZA_PASSES

include "mlir/Pass/PassBase.td"

class Cadenza_Pass<string argument> : Pass<argument, "::mlir::ModuleOp"> {
  let dependentDialects = ["::cadenza::nn::NNDialect", "::cadenza::step::StepDialect"];
}

//===----------------------------------------------------------------------===//
// Raising: ops on tensors, as graphs are imported, to the ops of a decoder
//===----------------------------------------------------------------------===//

class Cadenza_RaisePass<string argument> : Pass<argument, "::mlir::ModuleOp"> {
  let dependentDialects = ["::cadenza::nn::NNDialect"];
}

def RaiseTypes : Cadenza_RaisePass<"raise-types"> {
  let summary = "makes the activations of a decoder's step fp32";
  let description = [{
    An activation promises no rounding. In functions of a decoder's step every f16 and bf16 value becomes f32 and casts
    between these types drop; constants are widened. A weight keeps the type that it is stored in: nn.get_weight yields
    that, and an nn.cast widens it. Values of f64 stay.
  }];
}

def RaiseNorms : Cadenza_RaisePass<"raise-norms"> {
  let summary = "recognises RMSNorm and LayerNorm, whole or in pieces";
  let description = [{
    nn.rms_normalization and nn.layer_normalization over the last axis whose scale and bias are weights; and what
    exporters write for them: x / sqrt(mean(x^2) + eps), times a weight (plus a bias), with the square as a power or a
    product, 1/sqrt as a reciprocal, a quotient or a power, and operands in any order. Layer norm is that of x -
    mean(x). An eps that is fp32's of a short decimal number is given as that number.
  }];
}

def RaiseLinear : Cadenza_RaisePass<"raise-linear"> {
  let summary = "makes products of rows with weights nn.linear, with their bias";
  let description = [{
    nn.linear wants its weight as [outputs][inputs]. One that the graph transposes is stored so; of one that it does
    not, the weight becomes a transposed view of the tensor (#nn.view), under a symbol of its own. The head of a model
    whose head is tied names the embedding. An addition of a vector that is a weight becomes the bias.
  }];
}

def RaiseRope : Cadenza_RaisePass<"raise-rope"> {
  let summary = "turns rotary embeddings of a graph into nn.rope";
  let description = [{
    Exporters write a rotation as products with cosines and sines and their sum, in many ways: halves or pairs, all elements of a
    head or the first ones, angles computed from frequencies or gathered from tables. What is recognised is what it computes: the
    ops between a value and the candidate are run at several positions, and have to be nn.rope's formula. The frequencies are the
    angles at position 1, or those of the formula by which tables are made; numbers that differ from a formula of
    theta only by roundings of fp32 become the formula's. They are one nn.weight for all that rotate alike. Tables that follow
    no known formula are an error.
  }];
  let statistics = [Statistic<"rotations", "rotations", "Rotations that became nn.rope">];
}

def RaiseAttention : Cadenza_RaisePass<"raise-attention"> {
  let summary = "turns attention over what is read of a cache into nn.kv_append and nn.attention";
  let description = [{
    Softmax of scores of keys that are concatenated to an nn.read_cache, times such values, is attention. How scores are scaled,
    capped and masked is found out by running those ops: on one query and key for scale and cap, on scores of 0 at several
    positions for the mask, which has to be causal, or a window of the last tokens. The result is checked on made-up
    keys and values. Attention over a cache that is anything else is an error that says what it does.
  }];
  let statistics = [Statistic<"attentions", "attentions", "Attentions that became nn.attention">];
}

def SplitLinear : Cadenza_RaisePass<"split-linear"> {
  let summary = "makes a product that is used in parts a product for each of them";
  let description = [{
    Query, key and value, or gate and up, may be one product whose result is cut into slices. Each slice becomes a
    product with the rows of the weight (and of the bias) that make it: a view (#nn.view), of one run of rows, or of
    several, as where queries, keys and values alternate by head. After raise-rope: the rotation of a part of each head
    cuts a product's result, too.
  }];
}

def RaiseEmbedding : Cadenza_RaisePass<"raise-embedding"> {
  let summary = "makes the row of a weight by the token nn.embedding, with its scale and learned positions";
  let description = [{
    In a decoder's step, a gather from a weight at the token. A product of it with a constant becomes its scale; the
    addition of a row of another weight becomes its positions, if the index of that row, evaluated at positions of the
    table, is the position. After raise-types; before raise-activations, for which the scale is a scale and the addition
    a sum.
  }];
}

def RaiseActivations : Cadenza_RaisePass<"raise-activations"> {
  let summary = "recognises SiLU, GELU, softcap, scales, and sums and products of activations";
  let description = [{
    SiLU as x * sigmoid(x) or x / (1 + exp(-x)); both forms of GELU by name or as a product in any grouping and order,
    with constants within a unit in the last place of fp32 (or rounded to 16 bits); softcap as cap * tanh(x / cap). Then
    what is left: products with a constant (nn.scale), sums (nn.add, whose left operand is the residual stream: the one
    that is there first) and products (nn.mul, whose left operand is the activation function). Last of the passes that
    recognise something, as rotation and attention consist of sums and products, too.
  }];
}

def FlattenRows : Cadenza_RaisePass<"flatten-rows"> {
  let summary = "makes the activations of a decoder's step one row each";
  let description = [{
    A graph has axes of batch, sequence and heads. In the step of a decoder the first two are 1: each op of a decoder
    takes and makes tensor<1xN>, with reshapes around it that fold. A norm of several rows, which are heads, gets their
    elements as its group_size.
  }];
}

def RaiseDecoder : Cadenza_RaisePass<"raise-decoder"> {
  let summary = "makes a decoder's step return the next token, and refuses what is no op of a decoder";
  let description = [{
    The logits' largest is the next token (nn.argmax), which takes their place as a result, at the port `next`. Reshapes
    that undo each other, ops that nothing needs and weights, caches and numbers that nothing names are dropped. A norm
    of one head gets its group_size. An op on tensors that is left is an error, one for all of them, with the names of
    the nodes that they come from. A module without a decoder's step stays as it is.
  }];
}

def NarrowWeights : Cadenza_RaisePass<"narrow-weights"> {
  let summary = "makes matrices that a graph stores in fp32 those of 16 bits that kernels take";
  let description = [{
    As the Hugging Face importer does: matrices of f32 that products and embeddings name are read as bf16, or as f16 if
    that is the type that all of them were widened from (their numbers are of f16, but not of bf16). Vectors stay, but
    for those that hold numbers of that type alone. Caches get the type of the matrices. A model that has matrices in 16
    bits already keeps to their type. Without a reader of weights no number is known: matrices become bf16.
  }];
  let options = [Option<"type", "type", "std::string", /*default=*/"", "bf16 or f16; none: by the numbers">];
}

def NameWeights : Cadenza_RaisePass<"name-weights"> {
  let summary = "gives weights, caches and numbers their canonical roles as symbols, and orders ops and symbols by them";
  let description = [{
    The role says what consumes a weight: `embedding.weight`, `layers.3.attention.query.weight`,
    `layers.3.mlp.down.bias`, `final_norm.weight`. Layers count the attentions. Ops stand in the order of a layer: what
    is as far from the beginning stands together, query before key before value, gate before up; symbols stand in the
    order of their first use. So the module does not depend on the order of nodes in a graph, and is the one that the
    Hugging Face importer makes. A weight in no role keeps its symbol.
  }];
}

def ConvertNNToStep : Cadenza_Pass<"convert-nn-to-step"> {
  let summary = "turns every nn op into one phase";
  let description = [{
    The one conversion between the levels, one op to one phase, so that the unfused program exists, runs and is the
    baseline that every fusion is measured against. Activations become tokens (rows) x elements; ports keep the shape that
    they had.
  }];
}

def RollLayers : Cadenza_Pass<"roll-layers"> {
  let summary = "folds isomorphic layers into one body with per-layer tables";
  let description = [{
    Finds the longest run of equal bodies that differ only in the weights, caches and scalars they name, keeps one, and replaces
    each name that differs by a table. It comes first, so that fusion sees one body and nothing grows with depth.
  }];
  let statistics = [Statistic<"layers", "layers", "Layers folded into one body">];
}

def MergeProjections : Cadenza_Pass<"merge-projections"> {
  let summary = "merges products with one vector into one phase";
  let description = [{
    Query, key and value, or gate and up, read the same activation: one phase reads it once. The matrices are packed one
    after the other, in whole tiles of 16 rows, so that a block's rows belong to one of them; fuse-activation-mul interleaves
    them where a later function needs both at once. Matrices of other heights stay apart: gate and up of a feed-forward size
    that is no multiple of 16 are two phases, and their product is a third.
  }];
}

def FuseNormProject : Cadenza_Pass<"fuse-norm-project"> {
  let summary = "makes a norm the prologue of the products that read it";
  let description = [{
    Every block of a product reads the whole activation anyway, so it can normalise it: the intermediate vector and its
    phase disappear, also where several products read it.
  }];
}

def DeferNormScale : Cadenza_Pass<"defer-norm-scale"> {
  let summary = "applies a norm's 1/rms after the products instead of before";
  let description = [{
    A product is linear, so the factor can wait: the reduction over the vector leaves the critical path. gamma stays on
    the activation and is never folded into weights, which are rounded and may be tied. Not for f16, whose range the
    unscaled activation can leave.
  }];
}

def FuseQueryKeyValue : Cadenza_Pass<"fuse-query-key-value"> {
  let summary = "moves query and key norms, RoPE and the KV append into the projection's epilogues";
  let description = [{
    A block that holds whole heads can normalise and rotate them and write them to the cache in place. A norm of all heads
    together (OLMo) stays a map, with what follows it.
  }];
}

def FuseActivationMul : Cadenza_Pass<"fuse-activation-mul"> {
  let summary = "moves activations, gate * up, scales and caps into the projection's epilogues";
  let description = [{
    An element of the result needs one element of the product, which the block holds, or one of each of two products:
    gate and up are interleaved in eights of rows, so that a block holds both factors; half the outputs are stored. A scale
    between a product and the residual addition, or a cap between the head and the selection, would keep those from fusing.
  }];
}

def FuseResidual : Cadenza_Pass<"fuse-residual"> {
  let summary = "moves the residual addition into the projection's epilogues";
  let description = [{
    The branch may be either addend. The other one must be there before the branch's projection is computed.
  }];
}

def FuseHeadSelect : Cadenza_Pass<"fuse-head-select"> {
  let summary = "moves the selection of the next token into the head's epilogues";
  let description = [{
    Each block keeps its best logit, the last block picks the best of those: the vector of logits, as long as the
    vocabulary, makes no round trip through memory.
  }];
}

def FuseMaps : Cadenza_Pass<"fuse-maps"> {
  let summary = "moves a map into the map that reads what it computes";
  let description = [{
    What no product absorbed, such as the norm of a whole product's result and the residual addition after it (post-norm), is
    one phase instead of two. A norm over a whole vector makes one block hold all of it, and what else is done with that vector
    costs nothing more there.
  }];
}

//===----------------------------------------------------------------------===//
// Graphs: fusions of ops on tensors
//===----------------------------------------------------------------------===//

def SinkMovement : Cadenza_Pass<"sink-movement"> {
  let summary = "moves reshapes and transposes behind elementwise ops";
  let description = [{
    f(transpose(x), number) becomes transpose(f(x, number)), which is the same. So the scale of an attention follows the
    product that makes its queries, and what moves them stands where attention can take it as strides.
  }];
}

def FuseAttention : Cadenza_Pass<"fuse-attention"> {
  let summary = "the product of queries and keys, softmax and the product with values become one fusion";
  let description = [{
    What lies between the two products, and nothing else uses: scales, masks, softmax along the last axis, a guard
    against its NaN. Queries, keys and values are taken by strides from where they lie, and what only moves the result
    says where it is stored. Scores never travel through memory.
  }];
}

def FuseProducts : Cadenza_Pass<"fuse-products"> {
  let summary = "products take their operands by strides, and what is done with their elements";
  let description = [{
    What only moves an operand becomes its strides. Elementwise ops on the result, such as a bias, an activation and a
    residual sum, are computed while an element is in registers, where the result is used for them only.
  }];
}

def FuseRows : Cadenza_Pass<"fuse-rows"> {
  let summary = "reductions take what is done with elements of their rows";
  let description = [{
    Elementwise ops and movement before a softmax, a normalisation or another reduction, and elementwise ops after it,
    where their results are used for it only.
  }];
}

def FuseElementwise : Cadenza_Pass<"fuse-elementwise"> {
  let summary = "elementwise ops and movement become one fusion";
  let description = [{
    A fusion of elementwise ops and movement takes in those that compute what it alone reads. What only moves elements
    is taken in by each of its readers.
  }];
}

def MergeProducts : Cadenza_Pass<"merge-products"> {
  let summary = "products of one left operand become one fusion";
  let description = [{
    Queries, keys and values of an encoder are products of the same rows: as one fusion they fill the GPU together. Each
    keeps its matrix, its functions and its result.
  }];
}

def NarrowEdges : Cadenza_Pass<"narrow-edges"> {
  let summary = "stores a vector in 16 bits where its readers round it anyway";
  let description = [{
    A product rounds its input to the type of its matrix. If all readers of a vector do that and none needs it in fp32
    (a norm, a residual), the writer may round instead: the same values, half the bytes.
  }];
}

def BoundCaches : Cadenza_Pass<"bound-caches"> {
  let summary = "a cache that is read through a window keeps no more than the window";
  let description = [{
    Gives such a cache the attribute `step.positions`: a position lies at its number modulo that, and what lay there is
    overwritten. The tokens of a tile are computed together: the first query of a tile still needs what the key of its
    last one would overwrite, so that a cache keeps window + tile - 1 positions, of the largest tile that reads it. A
    sequence can go back to a position p only if it has come no further than p + tile - 1. Layers of one body may differ in
    it: the table of caches has the sizes.
  }];
}

def EncodeWeights : Cadenza_Pass<"encode-weights"> {
  let summary = "chooses how the matrices of products are stored";
  let description = [{
    Gives every weight that a product names the attribute `step.encoding`. The embedding, of which a step reads one row,
    stays as it is; if the head shares its matrix, the head gets a copy of its own (`step.copy_of`). The head is the last
    product of a decoder. A weight that has the attribute already keeps its encoding, whatever the options say:
    `cadenza-compile --quantize` chooses encodings so.
  }];
  let options = [Option<"encoding", "encoding", "std::string", /*default=*/"\"tiles16\"", "the name of an encoding">,
                 Option<"head", "head", "std::string", /*default=*/"\"\"", "that of the head; empty: the same">];
}

def OrderSums : Cadenza_Pass<"order-sums"> {
  let summary = "fixes the order of sums: groups and ways of products, context splits of attention";
  let description = [{
    A schedule chooses where a sum is computed but never its order: bits must not depend on the schedule.
  }];
}

def WrapLayers : Cadenza_Pass<"wrap-layers"> {
  let summary = "makes layers that are in no loop a loop that runs once";
  let description = [{
    There is nothing for roll-layers to fold in a model of one layer, and before the fusions nothing that says where it
    ends. The persistent schedule needs a loop. What lies between the embedding and the head becomes one.
  }];
}

def DerivePrefill : Cadenza_Pass<"derive-prefill"> {
  let summary = "makes the step of a decoder one on tiles: several tokens of a prompt at once";
  let description = [{
    For each size T of a tile, `@prefill_T` is the step as the fusions have left it, with T tokens to a vector. After the last
    use of a cache, where one vector is all that the rest needs, stands `step.last`; what follows, the head, works on that
    one token. So nothing of a family is written twice. Sums of a tile have one order, whatever the step's is: products over K and
    attention over positions, ascending. Tiles that kernels cannot do have no function, but a remark that says why.

    ```mlir
    func.func @prefill_16(%tokens: tensor<16xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
        -> (tensor<1xi32> {nn.port = #nn.port<next>}) {
      %0 = step.embed %tokens, @embedding.weight : tensor<16x64xf32>
      %1 = step.layers count 2 (%x = %0) : tensor<16x64xf32> { ... }
      %2 = step.last %1 at %position : tensor<16x64xf32> -> tensor<1x64xf32>
      %3 = step.project %2 matrices [@head.weight] epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
    ```
  }];
  let options = [ListOption<"tiles", "tiles", "int64_t", "tokens of a tile, multiples of 16; none: no prefill">];
}

def AssignBuffers : Cadenza_Pass<"assign-buffers"> {
  let summary = "gives every vector its bytes in the activation arena";
  let description = [{
    Vectors whose lifetimes do not overlap share bytes. A value that the layers carry stays in one place; where its
    old value is still needed when the new one is made, a copy is inserted. Annotates each phase with `offsets`, one a
    vector it makes, and the function with `arena_bytes` and, if it is an entry with named tensors, `input_offsets`,
    one an argument.
  }];
}

def NamePhases : Cadenza_Pass<"name-phases"> {
  let summary = "gives every phase a name: `embed`, `layer_query_key_value`, `head`";
  let description = [{
    By it schedules, kernels, plans, dumps and people know a phase. It comes from the last parts of the roles of the phase's
    matrices, else from its functions; never from a checkpoint's names. It is unique in its function.
  }];
}

def LowerToPersistent : Cadenza_Pass<"lower-to-persistent"> {
  let summary = "makes a `sched.grid` of a decoder: whole steps in one persistent kernel";
  let description = [{
    Divides the step over groups of ranks. The pass may run several times, for several divisions; one that is there
    already gets further targets. The order of sums follows the division; that of the first is set in the phases: the
    output projection's columns are cut at the groups' query heads, down's at the groups' shares of the feed-forward units,
    the context into as many splits as a group has ranks, sums of squares into chunks that one rank has. Where groups share
    KV heads and long contexts pay for it, a second grid continues the first one: in it they share the contexts, too. A program that
    has no place in the schedule is an error that says what would be needed. The phases must have names. Entries that
    are no decoder's step stay as they are, but for the head of a prefill, which sums as that of the step does; functions
    without ports count as steps.
  }];
  let dependentDialects = ["::cadenza::sched::SchedDialect"];
  let options = [
    Option<"groups", "groups", "int", /*default=*/"15", "groups of blocks that exchange values quickly">,
    Option<"ranks", "ranks", "int", /*default=*/"8", "blocks of a group">,
    Option<"warps", "warps", "int", /*default=*/"8", "warps of a block that consume">,
    Option<"sharedBytes", "shared-bytes", "int", /*default=*/"232448", "shared memory of a block">,
    Option<"clusters", "clusters", "bool", /*default=*/"true",
           "groups are clusters of the GPU, else they exchange values through global memory">,
    Option<"subgroups", "subgroups", "int64_t", /*default=*/"0",
           "into which the query heads of a KV head are divided; 0: as the model of cost says">,
    Option<"shareFrom", "share-context-from", "int64_t", /*default=*/"0",
           "positions, from which on groups with the same KV head share them; 0: as the model of cost says">,
    Option<"groupsWithoutClusters", "groups-without-clusters", "int", /*default=*/"0",
           "as many groups, without clusters, if a model of cost prefers them; 0: never">,
    Option<"context", "context", "int64_t", /*default=*/"0", "positions that a sequence has at most; 0: any number">,
    Option<"traced", "traced", "bool", /*default=*/"false", "the kernel records when its blocks do what">,
    ListOption<"targets", "targets", "std::string", "that the kernel is for; none: any">,
    Option<"optional", "optional", "bool", /*default=*/"false", "a program without a place in the schedule is a remark">,
  ];
}

def LowerToLaunch : Cadenza_Pass<"lower-to-launch"> {
  let summary = "makes a `sched.sequence` of a function: a kernel a phase";
  let description = [{
    Decides how each phase becomes a grid: blocks, threads, shared memory. A division of the persistent schedule that sums in
    another order than the phases carry gets a sequence of its own. Every phase that kernels cannot do has its
    error, not only the first. The phases must have names, and the order of their sums must be settled.
  }];
  let dependentDialects = ["::cadenza::sched::SchedDialect"];
  let options = [
    Option<"clusters", "clusters", "bool", /*default=*/"false",
           "every GPU that runs them has thread block clusters: their blocks may divide the depth of a product">,
    ListOption<"wgmma", "wgmma", "std::string",
               "targets with the tensor unit of sm_90: products of tiles get another launch for them">,
  ];
}

#endif
