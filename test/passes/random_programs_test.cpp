// assign-buffers and roll-layers on random programs: values that change places, that are carried twice, that come from
// outside, that are needed again. A mistake there is silent corruption.
#include "passes/Passes.h"
#include "test/passes/symbolic_step.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include <random>

using namespace mlir;
using namespace cadenza;
using namespace cadenza::test;

namespace {

const char *const declarations = R"(
nn.weight @w.0 : tensor<128x128xbf16> from "w"
nn.weight @w.1 : tensor<128x128xbf16> from "w"
nn.weight @w.2 : tensor<128x128xbf16> from "w"
nn.weight @w.3 : tensor<128x128xbf16> from "w"
nn.weight @w.4 : tensor<128x128xbf16> from "w"
nn.cache @c.0 heads 1 head_dim 128 : bf16
nn.cache @c.1 heads 1 head_dim 128 : bf16
nn.cache @c.2 heads 1 head_dim 128 : bf16
nn.cache @c.3 heads 1 head_dim 128 : bf16
nn.cache @c.4 heads 1 head_dim 128 : bf16
)";
const std::string vec = "tensor<1x128xf32>";

class RandomProgram {
public:
  explicit RandomProgram(unsigned seed) : random(seed) {}

  int below(size_t limit) { return static_cast<int>(random() % limit); }
  template <typename T> const T &pick(const std::vector<T> &list) { return list[below(list.size())]; }
  std::string fresh() { return "%v" + std::to_string(next++); }

  /// Appends a phase that reads some of `values` and makes one or two more.
  void phase(std::vector<std::string> &values) {
    std::string result = fresh(), a = pick(values), b = pick(values);
    switch (below(4)) {
    case 0:
      text += result + " = step.map " + a + " epilogues [#step.silu<segment = 0>] : (" + vec + ") -> " + vec + "\n";
      break;
    case 1:
      text += result + " = step.map " + a + ", " + b + " epilogues [#step.mul<lhs = 0, rhs = 1>] : (" + vec + ", " +
              vec + ") -> " + vec + "\n";
      break;
    case 2:
      text += result + " = step.project " + a + " with (" + b +
              ") matrices [@w.0] epilogues [#step.add<segment = 0>] : (" + vec + ", " + vec + ") -> " + vec + "\n";
      break;
    default:
      values.push_back(fresh());
      text += values.back() + ", " + result + " = step.project " + a + " matrices [@w.0, @w.1] : (" + vec + ") -> (" +
              vec + ", " + vec + ")\n";
    }
    values.push_back(result);
  }

  void layers(std::vector<std::string> &values) {
    int carried = below(4);
    std::vector<std::string> inner = values, arguments, inits, types(carried, vec);
    for (int i = 0; i < carried; ++i) {
      arguments.push_back(fresh());
      inits.push_back(arguments.back() + " = " + pick(values));
      inner.push_back(arguments.back());
      inner.push_back(arguments.back()); // twice as likely
    }
    std::string result = fresh();
    if (carried)
      text += result + ":" + std::to_string(carried) + " = ";
    text += "step.layers count " + std::to_string(1 + below(3)) + " (" + llvm::join(inits, ", ") + ")" +
            (carried ? " : " + llvm::join(types, ", ") : "") + " {\n";
    for (int i = below(5); i-- > 0;)
      phase(inner);
    std::vector<std::string> yielded;
    for (int i = 0; i < carried; ++i)
      yielded.push_back(below(3) ? inner[inner.size() - 1 - below(std::min<size_t>(inner.size(), 4))] : pick(inner));
    if (carried)
      text += "step.yield " + llvm::join(yielded, ", ") + " : " + llvm::join(types, ", ") + "\n";
    text += "}\n";
    for (int i = 0; i < carried; ++i)
      values.push_back(result + "#" + std::to_string(i));
  }

  std::string withLayers() {
    text = "%v0 = step.embed %token, @w.0 : " + vec + "\n%v1 = step.embed %token, @w.1 : " + vec + "\n";
    std::vector<std::string> values = {"%v0", "%v1"};
    next = 2;
    for (int i = 1 + below(4); i-- > 0;) {
      for (int j = below(3); j-- > 0;)
        phase(values);
      layers(values);
    }
    return function(values);
  }

  /// `count` iterations of the same ops; with luck, all take their operands in the same way.
  std::string unrolled() {
    text = "%v0 = step.embed %token, @w.0 : " + vec + "\n%v1 = step.embed %token, @w.1 : " + vec + "\n";
    next = 2;
    struct Operand {
      int kind, index; // 0: %v0 or %v1; 1: of this iteration; 2: of the one before
    };
    struct Op {
      int kind;
      Operand a, b;
      bool sameWeight;
    };
    const int period = 1 + below(3), count = 2 + below(4);
    const auto operand = [&](int at) {
      int kind = below(3);
      return Operand{at == 0 && kind == 1 ? 2 : kind, kind == 0             ? below(2)
                                                      : kind == 1 && at > 0 ? below(at)
                                                                            : below(period)};
    };
    std::vector<Op> ops;
    for (int i = 0; i < period; ++i)
      ops.push_back({below(4), operand(i), operand(i), below(4) == 0});
    std::vector<std::string> starts;
    for (int i = 0; i < period; ++i)
      starts.push_back("%v" + std::to_string(below(2)));
    std::vector<std::string> before = starts, all = {"%v0", "%v1"};
    for (int i = below(2); i-- > 0;)
      phase(all);
    for (int iteration = 0; iteration < count; ++iteration) {
      std::vector<std::string> current;
      for (const Op &op : ops) {
        const auto value = [&](Operand operand) {
          if (below(60) == 0)
            return pick(all);
          return operand.kind == 0   ? "%v" + std::to_string(operand.index)
                 : operand.kind == 1 ? current[operand.index]
                                     : before[operand.index];
        };
        std::string a = value(op.a), b = value(op.b), result = fresh();
        const std::string number = std::to_string(op.sameWeight || below(60) == 0 ? 0 : iteration);
        if (op.kind == 0)
          text += result + " = step.map " + a + " epilogues [#step.silu<segment = 0>] : (" + vec + ") -> " + vec + "\n";
        else if (op.kind == 1)
          text += result + " = step.project " + a + " with (" + b + ") matrices [@w." + number +
                  "] epilogues [#step.add<segment = 0>] : (" + vec + ", " + vec + ") -> " + vec + "\n";
        else if (op.kind == 2)
          text += "step.map " + a + ", " + b +
                  " at %position epilogues [#step.kv_append<key = 0, value = 1, cache = @c." + number +
                  ", kv_heads = 1, head_dim = 128>] : (" + vec + ", " + vec + ", tensor<1xi32>) -> ()\n" + result +
                  " = step.attend " + a + " at %position, @c." + number + " heads 1 scale 0.5 : " + vec + " -> " + vec +
                  "\n";
        else
          text += result + " = step.map " + a + ", " + b + " epilogues [#step.mul<lhs = 0, rhs = 1>] : (" + vec + ", " +
                  vec + ") -> " + vec + "\n";
        current.push_back(result);
        all.push_back(result);
      }
      before = current;
    }
    std::vector<std::string> seen = {pick(before)};
    if (below(8) == 0)
      seen.push_back(pick(all));
    phase(seen);
    return function({seen.back()});
  }

private:
  std::string function(const std::vector<std::string> &values) {
    std::vector<std::string> results;
    for (int i = 0; i < 2; ++i)
      results.push_back(pick(values));
    return declarations +
           ("func.func @decode(%token: tensor<1xi32>, %position: tensor<1xi32>) -> (" + vec + ", " + vec) + ") {\n" +
           text + "return " + llvm::join(results, ", ") + " : " + vec + ", " + vec + "\n}\n";
  }

  std::mt19937 random;
  std::string text;
  int next = 0;
};

class RandomPrograms : public testing::Test {
protected:
  RandomPrograms() { context.loadDialect<func::FuncDialect, nn::NNDialect, step::StepDialect>(); }

  /// Runs `passes`; expects the same results and caches as without them. Returns the module.
  OwningOpRef<ModuleOp> check(const std::string &source, llvm::ArrayRef<std::unique_ptr<Pass> (*)()> passes) {
    Terms terms;
    auto module = parseSourceString<ModuleOp>(source, &context);
    EXPECT_TRUE(module);
    if (!module)
      return nullptr;
    func::FuncOp decode = *module->getOps<func::FuncOp>().begin();
    auto expected = SymbolicStep(decode, terms).run();
    PassManager manager(&context);
    for (auto create : passes)
      manager.addPass(create());
    EXPECT_TRUE(succeeded(manager.run(*module)));
    EXPECT_TRUE(succeeded(verify(*module)));
    EXPECT_EQ(SymbolicStep(decode, terms).run(), expected);
    if (HasFailure())
      llvm::errs() << source << "\nbecame\n" << *module;
    return module;
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
};

TEST_F(RandomPrograms, BuffersHoldWhatIsRead) {
  for (unsigned seed = 0; seed < 3000 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    check(RandomProgram(seed).withLayers(), {createAssignBuffers});
  }
}

TEST_F(RandomPrograms, RolledLayersComputeTheSame) {
  size_t rolled = 0;
  for (unsigned seed = 0; seed < 3000 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    auto module = check(RandomProgram(seed).unrolled(), {createRollLayers, createAssignBuffers});
    if (module)
      module->walk([&](step::LayersOp) { ++rolled; });
  }
  EXPECT_GT(rolled, 200u); // the test tests something
}

} // namespace
