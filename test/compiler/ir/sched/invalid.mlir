// RUN: cadenza-opt %s -split-input-file -verify-diagnostics

// A schedule places the phases of its entry, all of them, in their order.
// expected-error @+1 {{runs @decode, which is no function}}
sched.sequence @decode.launch of @decode kinds ["launch"] {
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
func.func @decode(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  // expected-note @+1 {{the phase}}
  %y = step.project %x matrices [@w] {phase = "first"} : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}
sched.sequence @decode.launch of @decode kinds ["launch"] {
  // expected-error @+1 {{places 'second' where @decode has 'first'}}
  sched.launch "second" blocks 1 threads 32 shared 0
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
func.func @decode(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  // expected-note @+1 {{the phase}}
  %y = step.project %x matrices [@w] {phase = "first"} : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}
// expected-error @+1 {{leaves out phase 'first' of @decode}}
sched.sequence @decode.launch of @decode kinds ["launch"] {
}

// -----

func.func @decode() {
  return
}
sched.sequence @decode.launch of @decode kinds ["launch"] {
  // expected-error @+1 {{places 'first' where @decode has no more phases}}
  sched.launch "first" blocks 1 threads 32 shared 0
}

// -----

sched.sequence @decode.launch of @decode kinds ["launch"] {
  // expected-error @+1 {{has tiles or something to prepare, but no tokens}}
  sched.launch "first" blocks 1 threads 32 shared 0 {tiles = array<i64: 16, 8, 32, 2, 1, 1>}
}

// -----

sched.sequence @prefill_16.launch of @prefill_16 kinds ["launch"] {
  // expected-error @+1 {{prepares with blocks, threads and shared memory, three numbers, not 2}}
  sched.launch "first" blocks 1 threads 32 shared 0 {tokens = 16 : i64, prepare = array<i64: 16, 64>}
}

// -----

sched.sequence @decode.launch of @decode kinds ["launch"] {
  // expected-error @+1 {{needs whole warps, 32 at most: 48 threads are not}}
  sched.launch "first" blocks 1 threads 48 shared 0
}

// -----

sched.sequence @decode.launch of @decode kinds ["launch"] {
  // expected-error @+1 {{needs a positive number of blocks, not 0}}
  sched.launch "first" blocks 0 threads 32 shared 0
}

// -----

sched.sequence @decode.launch of @decode kinds ["launch"] {
  // expected-error @+1 {{needs a positive number of times, not -1}}
  sched.repeat -1 {
  }
}

// -----

// expected-error @+1 {{needs a positive number of ranks, not 0}}
sched.grid @decode.g of @decode targets [] groups 1 ranks 0 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
}

// -----

// expected-error @+1 {{in two numbers what its producers have in flight ahead, not in 1}}
sched.grid @decode.g of @decode targets [] groups 1 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1] {
}

// -----

// expected-error @+1 {{begins with the embedding and the layers}}
sched.grid @decode.g of @decode targets [] groups 1 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
}

// -----

// expected-error @+1 {{ends with the selection}}
sched.grid @decode.g of @decode targets [] groups 1 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  sched.layers 1 {
    %s = sched.part groups 1 {
      %x = sched.hop residual
      %u = sched.compute "up"(%x) units 64 x 32 of 32 at [0]
      %a = sched.hop units(%u)
      %o = sched.compute "down"(%a) columns 32 x 32 at [0]
      sched.publish %o
    }
    sched.collect %s
  }
}

// -----

sched.grid @decode.g of @decode targets [] groups 1 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  // expected-error @+1 {{needs a positive number of layers, not 0}}
  sched.layers 0 {
  }
}

// -----

sched.grid @decode.g of @decode targets [] groups 1 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  // expected-error @+1 {{ends with a collection}}
  sched.layers 1 {
    %s = sched.part groups 1 {
      %x = sched.hop residual
      %u = sched.compute "up"(%x) units 64 x 32 of 32 at [0]
      %a = sched.hop units(%u)
      %o = sched.compute "down"(%a) columns 32 x 32 at [0]
      sched.publish %o
    }
  }
}

// -----

sched.grid @decode.g of @decode targets [] groups 1 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  sched.layers 1 {
    // expected-error @+1 {{takes 2 of 1 groups}}
    %s = sched.part groups 2 {
      %x = sched.hop residual
      %u = sched.compute "up"(%x) units 128 x 32 of 64 at [0, 1]
      %a = sched.hop units(%u)
      %o = sched.compute "down"(%a) columns 32 x 64 at [0, 1]
      sched.publish %o
    }
    sched.collect %s
  }
}

// -----

sched.grid @decode.g of @decode targets [] groups 1 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  sched.layers 1 {
    // expected-error @+1 {{begins with a product over rows and ends with one over columns}}
    %s = sched.part groups 1 {
      %x = sched.hop residual
      %o = sched.compute "down"(%x) columns 32 x 32 at [0]
      sched.publish %o
    }
    sched.collect %s
  }
}

// -----

sched.grid @decode.g of @decode targets [] groups 1 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  sched.layers 1 {
    // expected-error @+1 {{publishes something else than its last product}}
    %s = sched.part groups 1 {
      %x = sched.hop residual
      %u = sched.compute "up"(%x) units 64 x 32 of 32 at [0]
      %a = sched.hop units(%u)
      %o = sched.compute "down"(%a) columns 32 x 32 at [0]
      sched.publish %u
    }
    sched.collect %s
  }
}

// -----

sched.grid @decode.g of @decode targets [] groups 1 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  sched.layers 1 {
    %s = sched.part groups 1 {
      %x = sched.hop residual
      // expected-error @+1 {{of the residual stream has sums of squares as its operand, or none}}
      %y = sched.hop residual(%x)
      sched.publish %y
    }
    sched.collect %s
  }
}

// -----

sched.grid @decode.g of @decode targets [] groups 1 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  sched.layers 1 {
    %s = sched.part groups 1 {
      // expected-error @+1 {{sends what a computation has made, and has no other operand}}
      %y = sched.hop units
      sched.publish %y
    }
    sched.collect %s
  }
}

// -----

sched.grid @decode.g of @decode targets [] groups 2 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  sched.layers 1 {
    %s = sched.part groups 2 {
      %x = sched.hop residual
      // expected-error @+1 {{has 1 starts for 2 groups}}
      %u = sched.compute "up"(%x) units 64 x 32 of 32 at [0]
      sched.publish %u
    }
    sched.collect %s
  }
}

// -----

sched.grid @decode.g of @decode targets [] groups 2 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  sched.layers 1 {
    %s = sched.part groups 2 {
      %x = sched.hop residual
      // expected-error @+1 {{has starts that do not ascend from 0 to less than 2}}
      %u = sched.compute "up"(%x) units 128 x 32 of 64 at [0, 2]
      sched.publish %u
    }
    sched.collect %s
  }
}

// -----

sched.grid @decode.g of @decode targets [] groups 1 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  sched.layers 1 {
    %s = sched.part groups 1 {
      %x = sched.hop residual
      // expected-error @+1 {{says how many query groups or units there are if they divide it, and only then}}
      %u = sched.compute "up"(%x) query_groups 64 x 32 at [0]
      sched.publish %u
    }
    sched.collect %s
  }
}

// -----

sched.grid @decode.g of @decode targets [] groups 1 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  sched.layers 1 {
    %s = sched.part groups 1 {
      %x = sched.hop residual
      // expected-error @+1 {{attends: it has no rows and columns}}
      %u = sched.compute "attend"(%x) context 64 x 32
      sched.publish %u
    }
    sched.collect %s
  }
}

// -----

sched.grid @decode.g of @decode targets [] groups 1 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  sched.layers 1 {
    %s = sched.part groups 1 {
      %x = sched.hop residual
      // expected-error @+1 {{says how many groups share a context, and from how many positions on, if some do, and only then}}
      %u = sched.compute "up"(%x) units 64 x 32 of 32 at [0] sharing 2 from 64
      sched.publish %u
    }
    sched.collect %s
  }
}

// -----

sched.grid @decode.g of @decode targets [] groups 2 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  sched.layers 1 {
    %s = sched.part groups 2 {
      %x = sched.hop residual
      // expected-error @+1 {{says how many groups share a context, and from how many positions on, if some do, and only then}}
      %u = sched.compute "attend"(%x) context sharing 1 from 64
      sched.publish %u
    }
    sched.collect %s
  }
}

// -----

sched.grid @decode.g of @decode targets [] groups 3 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  sched.layers 1 {
    %s = sched.part groups 3 {
      %x = sched.hop residual
      // expected-error @+1 {{shares a context among 2 groups, which do not divide the 3 groups of the part}}
      %u = sched.compute "attend"(%x) context sharing 2 from 64
      sched.publish %u
    }
    sched.collect %s
  }
}

// -----

// expected-error @+1 {{continues another grid if groups share a context in it, and only then}}
sched.grid @decode.g of @decode targets [] groups 2 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  sched.layers 1 {
    %s = sched.part groups 2 {
      %x = sched.hop residual
      %q = sched.compute "up"(%x) query_groups 64 x 32 of 2 at [0, 1]
      %a = sched.compute "attend"(%q) context sharing 2 from 64
      %u = sched.compute "out"(%a) columns 32 x 64 at [0, 1]
      sched.publish %u
    }
    sched.collect %s
  }
  %y = sched.hop residual
  %l = sched.compute "head"(%y) blocks 64 x 32
  sched.select %l
}

// -----

// expected-error @+1 {{continues another grid if groups share a context in it, and only then}}
sched.grid @decode.g.long of @decode continues @decode.g targets [] groups 2 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  sched.layers 1 {
    %s = sched.part groups 2 {
      %x = sched.hop residual
      %q = sched.compute "up"(%x) query_groups 64 x 32 of 2 at [0, 1]
      %a = sched.compute "attend"(%q) context
      %u = sched.compute "out"(%a) columns 32 x 64 at [0, 1]
      sched.publish %u
    }
    sched.collect %s
  }
  %y = sched.hop residual
  %l = sched.compute "head"(%y) blocks 64 x 32
  sched.select %l
}

// -----

func.func @decode() {
  return
}
// expected-error @+1 {{continues @decode.g, which is no division of @decode}}
sched.grid @decode.g.long of @decode continues @decode.g targets [] groups 2 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  sched.layers 1 {
    %s = sched.part groups 2 {
      %x = sched.hop residual
      %q = sched.compute "up"(%x) query_groups 64 x 32 of 2 at [0, 1]
      %a = sched.compute "attend"(%q) context sharing 2 from 64
      %u = sched.compute "out"(%a) columns 32 x 64 at [0, 1]
      sched.publish %u
    }
    sched.collect %s
  }
  %y = sched.hop residual
  %l = sched.compute "head"(%y) blocks 64 x 32
  sched.select %l
}

// -----

// expected-error @+1 {{has weights in an encoding 'int3', which does not exist}}
sched.grid @decode.g of @decode targets [] groups 1 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "int3" packets 16 ahead [1, 1] {
}

// -----

// expected-error @+1 {{is named after its entry: @decode.NAME}}
sched.grid @other.g of @decode targets [] groups 1 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
}

// -----

func.func @decode() {
  return
}
// expected-error @+1 {{has the order of @decode.g, which is no division of @decode}}
sched.sequence @decode.launch.g of @decode kinds ["launch"] order @decode.g {
}

// -----

sched.grid @decode.g of @decode targets [] groups 1 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  sched.layers 1 {
    %s = sched.part groups 1 {
      %x = sched.hop residual
      // expected-error @+1 {{has 64 rows, which 24 query groups or units do not divide}}
      %u = sched.compute "up"(%x) units 64 x 32 of 24 at [0]
      sched.publish %u
    }
    sched.collect %s
  }
}

// -----

sched.grid @decode.g of @decode targets [] groups 1 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  sched.layers 1 {
    %s = sched.part groups 1 {
      %x = sched.hop residual
      %u = sched.compute "qkv"(%x) query_groups 64 x 32 of 1 at [0]
      %rows = sched.hop rows(%u)
      // expected-error @+1 {{works on the rows of query, key and value, once they have hopped}}
      %f = sched.finish ["map"](%u) norms [0] chunk 16
      sched.publish %u
    }
    sched.collect %s
  }
}

// -----

sched.grid @decode.g of @decode targets [] groups 1 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  sched.layers 1 {
    %s = sched.part groups 1 {
      %x = sched.hop residual
      %u = sched.compute "qkv"(%x) query_groups 64 x 32 of 1 at [0]
      %rows = sched.hop rows(%u)
      // expected-error @+1 {{names no phase}}
      %f = sched.finish [](%rows)
      sched.publish %u
    }
    sched.collect %s
  }
}

// -----

sched.grid @decode.g of @decode targets [] groups 1 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  sched.layers 1 {
    %s = sched.part groups 1 {
      %x = sched.hop residual
      %u = sched.compute "qkv"(%x) query_groups 64 x 32 of 1 at [0]
      %rows = sched.hop rows(%u)
      // expected-error @+1 {{has norms and the chunk of their sums, or neither}}
      %f = sched.finish ["map"](%rows) {chunk = 16 : i64}
      sched.publish %u
    }
    sched.collect %s
  }
}

// -----

sched.grid @decode.g of @decode targets [] groups 1 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  sched.layers 1 {
    %s = sched.part groups 1 {
      %x = sched.hop residual
      %u = sched.compute "qkv"(%x) query_groups 64 x 32 of 1 at [0]
      %rows = sched.hop rows(%u)
      // expected-error @+1 {{has a norm of the query (0) or of the key (1), once each, not of 1}}
      %f = sched.finish ["map"](%rows) norms [1, 1] chunk 16
      sched.publish %u
    }
    sched.collect %s
  }
}

// -----

sched.grid @decode.g of @decode targets [] groups 1 ranks 1 warps 4 shared 1024 stages 2 of 512 encoding "tiles16" packets 16 ahead [1, 1] {
  sched.embed "embed"
  sched.layers 1 {
    %s = sched.part groups 1 {
      %x = sched.hop residual
      %u = sched.compute "qkv"(%x) query_groups 64 x 32 of 1 at [0]
      %rows = sched.hop rows(%u)
      // expected-error @+1 {{needs a positive number of sharing groups, not 0}}
      %f = sched.finish ["map"](%rows) norms [0, 1] chunk 16 sharing 0
      sched.publish %u
    }
    sched.collect %s
  }
}
