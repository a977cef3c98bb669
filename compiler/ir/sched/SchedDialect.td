// The `sched` dialect: what runs a step program, where and in which order. See docs/ops (generated).
#ifndef CADENZA_SCHED_DIALECT
#define CADENZA_SCHED_DIALECT

include "mlir/IR/OpBase.td"

def Sched_Dialect : Dialect {
  let name = "sched";
  let cppNamespace = "::cadenza::sched";
  let summary = "Schedules: what is launched, streamed, hopped, published, collected and computed, by whom, in which order";
  let description = [{
    A schedule is a symbol that names the function it runs (its entry) and places the phases of that function, each of
    which it knows by its name (attribute `phase`, which name-phases sets). `sched.sequence` launches a kernel a phase.
    `sched.grid` is one kernel that runs whole steps, its blocks in groups of ranks; what its region holds is what every
    block does, in this order.

    A schedule is made once, by a lowering, and is what everything after it walks: the proof of the exchanges, the
    emitter, the description for people, the plan. It chooses where and when, never in which order a sum is made: that
    is the order which the phases say (`k_groups`, `k_ways`, `norm_chunk`, `splits`, `warps`), and a lowering that needs
    another one sets it there.
  }];
  let dependentDialects = ["::cadenza::step::StepDialect"];
  let useDefaultTypePrinterParser = 1;
}

#endif
