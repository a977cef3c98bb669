// Fusions as text: generated, compiled for the emulation, run on random inputs, and compared with the references of the
// ops in them.
#pragma once

#include "codegen/emitter.h"
#include "codegen/host_compiler.h"
#include "compiler/ir/nn/TensorValues.h"
#include "compiler/ir/sched/Sched.h"
#include "compiler/schedule/fusion_geometry.h"
#include "test/emulation/driver_test.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <cmath>
#include <random>

namespace cadenza::emulation {

/// The fusions of a module, as one source, and the module of the emulated driver.
class Fusions {
public:
  /// `program`: functions of one step.fusion each. `clusters`: for GPUs that have them.
  explicit Fusions(const std::string &program, bool clusters = true) {
    context.loadDialect<mlir::func::FuncDialect, nn::NNDialect, step::StepDialect, sched::SchedDialect>();
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
      errors += diagnostic.str() + "\n";
      return mlir::success();
    });
    module = mlir::parseSourceString<mlir::ModuleOp>(program, &context);
    if (!module)
      return;
    mlir::OpBuilder builder(&context);
    for (auto function : module->getOps<mlir::func::FuncOp>()) {
      auto fusion = *function.getOps<step::FusionOp>().begin();
      mlir::FailureOr<FusionGeometry> geometry = geometryOf(fusion, clusters);
      if (mlir::failed(geometry))
        continue;
      builder.setInsertionPoint(fusion);
      auto launch = sched::LaunchOp::create(builder, fusion.getLoc(), function.getSymName(), geometry->blocks,
                                            geometry->threads, geometry->sharedBytes, geometry->minBlocks,
                                            geometry->cluster, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, 0);
      launch.setPack(geometry->pack);
      if (geometry->lanes > 0)
        launch.setLanes(geometry->lanes);
      if (mlir::FailureOr<PhaseLaunch> added = emitter.add(fusion, launch); mlir::succeeded(added))
        launches[function.getSymName().str()] = std::move(*added);
      launch->erase();
    }
    source = emitter.source();
    if (!errors.empty())
      return;
    StatusOr<CompiledCode> compiled = compileForHost(source);
    if (compiled.isOk())
      code = std::move(*compiled);
    else
      errors = compiled.status().message();
  }

  step::FusionOp fusion(const std::string &name) {
    return *module->lookupSymbol<mlir::func::FuncOp>(name).getOps<step::FusionOp>().begin();
  }
  const Kernel &kernel(const std::string &name) {
    return *llvm::find_if(source.kernels, [&](const Kernel &k) { return k.name == launches.at(name).kernel; });
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  Emitter emitter;
  GeneratedSource source;
  std::map<std::string, PhaseLaunch> launches;
  CompiledCode code;
  std::string errors;
};

/// What integers an input has: indices and the like.
struct Range {
  int64_t least, most;
};

class FusionTest : public DriverTest {
protected:
  /// Of elements of every kind: with `special`, infinities, NaN and extreme integers among them.
  nn::TensorValue random(const nn::TensorSpec &spec, std::optional<Range> range, bool special) {
    nn::TensorValue value = nn::zeros(spec);
    const auto count = static_cast<size_t>(value.elements());
    if (isFloat(spec.element)) {
      std::vector<double> values(count);
      const double specials[] = {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, 100, -100, 1e-3,
                                 // next to what is a tie in 16 bits
                                 1 + 0x1p-11 - 0x1p-40, 1 + 0x1p-11 + 0x1p-40, 1 + 0x1p-8 - 0x1p-40,
                                 1 + 0x1p-8 + 0x1p-40};
      for (size_t i = 0; i < count; ++i)
        values[i] = special && i < std::size(specials) ? specials[i]
                                                       : std::uniform_real_distribution<double>(-2, 2)(generator_);
      return nn::tensorOf(spec.element, spec.shape, values);
    }
    std::vector<int64_t> values(count);
    const Range own = range.value_or(spec.element == ElementType::boolean ? Range{0, 1} : Range{-9, 9});
    const int64_t specials[] = {INT64_MIN, INT64_MAX, INT32_MIN, INT32_MAX, -128, 127, 255, 65535, 40, 63, 64};
    for (size_t i = 0; i < count; ++i)
      values[i] = special && i < std::size(specials)
                      ? specials[i]
                      : std::uniform_int_distribution<int64_t>(own.least, own.most)(generator_);
    return nn::tensorOf(spec.element, spec.shape, values);
  }

  /// What the references compute.
  static std::vector<nn::TensorValue> reference(mlir::ModuleOp module, step::FusionOp fusion,
                                                const std::vector<nn::TensorValue> &inputs) {
    nn::EvaluationState state(module, nullptr);
    llvm::DenseMap<mlir::Value, nn::TensorValue> values;
    for (auto [argument, input] : llvm::zip_equal(fusion.getBody().getArguments(), inputs))
      values[argument] = input;
    for (mlir::Operation &op : fusion.getOps()) {
      llvm::SmallVector<nn::TensorValue> operands, results;
      for (mlir::Value operand : op.getOperands())
        operands.push_back(values[operand]);
      EXPECT_TRUE(mlir::succeeded(llvm::cast<nn::EvaluateTensorsOpInterface>(op).evaluate(state, operands, results)));
      for (auto [result, value] : llvm::zip_equal(op.getResults(), results))
        values[result] = value;
    }
    std::vector<nn::TensorValue> results;
    for (mlir::Value value : fusion.getYield().getValues())
      results.push_back(values[value]);
    return results;
  }

  /// Launches the kernel of a fusion; `outputs` become where its results are.
  CUresult launchAndFinish(Fusions &fusions, const std::string &name, const std::vector<nn::TensorValue> &inputs,
                           std::map<unsigned, std::byte *> *outputs = nullptr) {
    step::FusionOp fusion = fusions.fusion(name);
    nn::EvaluationState state(*fusions.module, nullptr);
    std::vector<uint64_t> words;
    for (const PhaseArgument &argument : fusions.launches.at(name).arguments) {
      auto result = argument.edge ? llvm::dyn_cast<mlir::OpResult>(argument.edge) : mlir::OpResult();
      const bool isOutput = result && result.getOwner() == fusion;
      std::vector<std::byte> bytes;
      if (argument.kind == ArgumentKind::Weight)
        bytes = state.tensor(fusion, argument.symbol)->bytes;
      else if (isOutput)
        bytes.resize(nn::zeros(nn::specOf(result.getType())).bytes.size());
      else
        bytes = inputs[llvm::find(fusion.getInputs(), argument.edge) - fusion.getInputs().begin()].bytes;
      std::byte *memory = upload(bytes);
      words.push_back(reinterpret_cast<uint64_t>(memory));
      if (isOutput && outputs)
        (*outputs)[result.getResultNumber()] = memory;
    }
    CUmodule module;
    CUfunction function;
    EXPECT_EQ(cuModuleLoadData(&module, fusions.code.image.data()), CUDA_SUCCESS) << message();
    const Kernel &kernel = fusions.kernel(name);
    EXPECT_EQ(cuModuleGetFunction(&function, module, kernel.name.c_str()), CUDA_SUCCESS);
    EXPECT_EQ(cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                                 static_cast<int>(kernel.sharedBytes)),
              CUDA_SUCCESS);
    void *parameters[] = {words.data()};
    CUlaunchAttribute cluster{};
    cluster.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
    cluster.value.clusterDim = {kernel.cluster, 1, 1};
    const CUlaunchConfig config{kernel.blocks, 1, 1, kernel.threads, 1, 1, kernel.sharedBytes, stream_, &cluster, 1};
    EXPECT_EQ(cuLaunchKernelEx(&config, function, parameters, nullptr), CUDA_SUCCESS) << message();
    return finish();
  }

  std::vector<nn::TensorValue> run(Fusions &fusions, const std::string &name,
                                   const std::vector<nn::TensorValue> &inputs) {
    std::map<unsigned, std::byte *> outputs;
    EXPECT_EQ(launchAndFinish(fusions, name, inputs, &outputs), CUDA_SUCCESS) << message();
    std::vector<nn::TensorValue> results;
    for (auto [number, memory] : outputs) {
      nn::TensorValue value = nn::zeros(nn::specOf(fusions.fusion(name).getResult(number).getType()));
      value.bytes = download(memory, value.bytes.size());
      results.push_back(std::move(value));
    }
    return results;
  }

  /// Equal integers; floats within the rounding of their type, `tolerance` times as much.
  static void expectNear(const nn::TensorValue &actual, const nn::TensorValue &expected, double tolerance = 1) {
    if (!isFloat(expected.element)) {
      EXPECT_EQ(nn::integers(actual), nn::integers(expected));
      return;
    }
    const double rounding = expected.element == ElementType::f64   ? 1e-14
                            : expected.element == ElementType::f32 ? 1e-6
                            : expected.element == ElementType::f16 ? 1.0 / 1024
                                                                   : 1.0 / 128;
    const std::vector<double> a = nn::reals(actual), b = nn::reals(expected);
    for (size_t i = 0; i < a.size(); ++i) {
      if (std::isnan(b[i]) || std::isinf(b[i]))
        ASSERT_TRUE(std::isnan(b[i]) ? std::isnan(a[i]) : a[i] == b[i])
            << "element " << i << ": " << a[i] << ", not " << b[i];
      else
        ASSERT_LE(std::fabs(a[i] - b[i]), tolerance * rounding * std::max(1.0, std::fabs(b[i])))
            << "element " << i << ": " << a[i] << ", not " << b[i];
    }
  }

  /// Runs a fusion on random inputs and compares all results.
  void check(Fusions &fusions, const std::string &name, const std::vector<std::optional<Range>> &ranges = {},
             double tolerance = 1, bool special = false) {
    SCOPED_TRACE(name);
    step::FusionOp fusion = fusions.fusion(name);
    std::vector<nn::TensorValue> inputs;
    for (auto [number, type] : llvm::enumerate(fusion.getInputs().getTypes()))
      inputs.push_back(random(nn::specOf(type), number < ranges.size() ? ranges[number] : std::nullopt, special));
    const std::vector<nn::TensorValue> expected = reference(*fusions.module, fusion, inputs);
    const std::vector<nn::TensorValue> actual = run(fusions, name, inputs);
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < actual.size(); ++i) {
      SCOPED_TRACE("result " + std::to_string(i));
      expectNear(actual[i], expected[i], tolerance);
    }
  }

private:
  std::mt19937_64 generator_{1};
};

} // namespace cadenza::emulation
