// Every mutant of a list must be refused by the checks that it names (README.md).
#include "compiler/driver/compile.h"
#include "compiler/verify/reference_comparison.h"
#include "runtime/cadenza.h"
#include "runtime/plan/plan.h"
#include "test/compiler/verify/fixture_program.h"
#include "test/runtime/cuda/emulator.h"
#include "test/temporary_folder.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <regex>
#include <set>

namespace cadenza {
namespace {

using namespace mlir;
using nlohmann::json;

/// One entry of the list, for one model.
struct Case {
  std::string name, model;
  json mutant;
};

std::vector<Case> cases() {
  const char *list = std::getenv("CADENZA_MUTANTS");
  std::vector<Case> cases;
  for (const json &mutant : json::parse(test::contents(list ? list : CADENZA_SOURCE_DIR "/test/mutation/mutants.json")))
    for (const std::string model : mutant.at("models"))
      cases.push_back({mutant.at("name"), model, mutant});
  return cases;
}

void PrintTo(const Case &c, std::ostream *stream) { *stream << c.mutant.dump(); }

std::string caseName(const Case &c) {
  std::string name = c.name + "_in_" + c.model;
  std::replace_if(name.begin(), name.end(), [](unsigned char letter) { return !std::isalnum(letter); }, '_');
  return name;
}

/// What one check says of a mutant: empty if it sees nothing wrong.
using Objection = std::string;

Objection describe(const Comparison &comparison) {
  if (!comparison.firstMismatch)
    return "";
  const PhaseDifference &d = *comparison.firstMismatch;
  std::ostringstream text;
  text << "phase '" << d.phase << "', iteration " << d.iteration << ", token " << d.position << ": relative L2 "
       << d.relativeL2 << ", tolerance " << d.tolerance;
  return text.str();
}

/// Replaces the first match of a pattern, or all of them; the pattern must be there.
void substitute(std::string &text, const json &substitution, bool all) {
  const std::regex pattern(substitution.at(0).get<std::string>());
  ASSERT_TRUE(std::regex_search(text, pattern))
      << "there is no " << substitution.at(0) << ": the mutant is out of date";
  const std::string before = text;
  text = std::regex_replace(text, pattern, substitution.at(1).get<std::string>(),
                            all ? std::regex_constants::format_default : std::regex_constants::format_first_only);
  ASSERT_NE(text, before) << "the replacement changes nothing";
}

std::string printed(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, OpPrintingFlags().enableDebugInfo()); // names of modules are locations
  return text;
}

std::vector<float> logitsOfReference(ModuleOp nn, const WeightSource &weights, std::span<const int32_t> tokens) {
  nn::EvaluationState state(nn, [&](Operation *op) { return *weights.readFloats(weightSpec(cast<nn::WeightOp>(op))); });
  std::vector<float> logits;
  const auto onValue = [&](Operation *op, ArrayRef<nn::Vector> values) {
    if (op->hasOneUse() && isa<nn::ArgmaxOp>(*op->user_begin()))
      logits.insert(logits.end(), values[0].begin(), values[0].end());
  };
  state.length = static_cast<int64_t>(tokens.size());
  for (size_t position = 0; position < tokens.size(); ++position)
    EXPECT_TRUE(succeeded(nn::evaluateFunction(
        test::decodeOf(nn), state,
        nn::decodeArguments(test::decodeOf(nn), tokens[position], static_cast<int64_t>(position)), onValue)));
  return logits;
}

/// A model of the fixtures, imported once.
struct Original {
  MLIRContext context{MLIRContext::Threading::DISABLED};
  std::string directory;
  std::vector<int32_t> tokens;
  ImportedModel model;
  std::string diagnostics; // since they were last cleared
  std::unique_ptr<ScopedDiagnosticHandler> handler;

  explicit Original(const std::string &name)
      : directory(test::fixtureModels() / name), tokens(test::tokensOf(name)),
        handler(std::make_unique<ScopedDiagnosticHandler>(&context, [this](Diagnostic &diagnostic) {
          llvm::raw_string_ostream(diagnostics) << diagnostic << "\n";
        })) {
    context.loadDialect<func::FuncDialect, nn::NNDialect, step::StepDialect>();
    Findings findings;
    auto imported = importHuggingFace(context, {.directory = directory}, findings);
    EXPECT_TRUE(imported.isOk()) << imported.status().message();
    model = std::move(*imported);
  }
};

Original &original(const std::string &name) {
  static std::map<std::string, std::unique_ptr<Original>> originals;
  std::unique_ptr<Original> &entry = originals[name];
  if (!entry)
    entry = std::make_unique<Original>(name);
  return *entry;
}

/// How a model is compiled for the emulated GPU.
struct Build {
  bool unfused = false;
  int multiprocessors = 0; // of the persistent schedule; 0: there is none
  std::string encoding = "tiles16";
  auto operator<=>(const Build &) const = default;

  static Build of(const json &mutant) {
    return {mutant.value("passes", "default") == "none", mutant.value("persistent_sms", 0),
            mutant.value("encode", "tiles16")};
  }
};

/// What can be asked about a mutant of one model, built in one way.
class Checks {
public:
  Checks(std::string name, Build build) : name(std::move(name)), build(build) {}

  Original &model() const { return original(name); }
  int64_t context() const { return static_cast<int64_t>(model().tokens.size()); }

  OwningOpRef<ModuleOp> lowered() const {
    PipelineOptions options;
    options.none = build.unfused;
    options.encoding = build.encoding;
    return test::lower(*model().model.module, options);
  }

  /// The plan of the model with host code, made of edited sources if there is a folder of them.
  StatusOr<std::shared_ptr<const Plan>> compile(const std::string &sources = "") const {
    test::TemporaryFolder folder;
    CompileOptions options;
    options.import.directory = model().directory;
    options.output = folder.path("model.plan");
    options.targets = "host";
    options.pipeline.none = build.unfused;
    options.pipeline.encoding = build.encoding;
    options.schedules = build.multiprocessors > 0 ? Schedules::Persistent : Schedules::Launch;
    options.multiprocessors = build.multiprocessors;
    options.overrideSource = sources;
    Progress progress(/*quiet=*/true);
    CADENZA_RETURN_IF_ERROR(compileModel(options, progress));
    return Plan::open(options.output); // stays mapped when the folder goes
  }
  /// The same of the original, made once.
  std::shared_ptr<const Plan> originalPlan() const {
    static std::map<std::pair<std::string, Build>, std::shared_ptr<const Plan>> plans;
    std::shared_ptr<const Plan> &plan = plans[{name, build}];
    if (!plan) {
      auto compiled = compile();
      EXPECT_TRUE(compiled.isOk()) << compiled.status().message();
      if (compiled.isOk())
        plan = *compiled;
    }
    return plan;
  }
  /// transformers: the nn reference against the fp32 model.
  Objection byTransformers(ModuleOp nn, const WeightSource &weights) const {
    EXPECT_TRUE(test::hasExactWeights(name));
    const std::vector<float> logits = logitsOfReference(nn, weights, model().tokens);
    const std::vector<float> exact = test::readNpy(model().directory + "/logits_f32.npy");
    EXPECT_EQ(logits.size(), exact.size());
    double largest = 0;
    for (size_t i = 0; i < std::min(logits.size(), exact.size()); ++i)
      largest = std::max(largest, std::abs(double(logits[i]) - double(exact[i])));
    return largest <= test::exactLogits ? "" : "a logit is off by " + std::to_string(largest);
  }

  /// reference: the program on the CPU against the nn reference of the original, phase by phase.
  Objection byReference(ModuleOp step) const {
    auto program = test::makeCpuProgram(step, model().model, context());
    EXPECT_TRUE(program.isOk()) << program.status().message() << model().diagnostics;
    if (!program.isOk())
      return "";
    auto comparison = compareWithReference(test::decodeOf(*model().model.module), *model().model.weights,
                                           test::decodeOf(step), *program->executor, model().tokens);
    EXPECT_TRUE(comparison.isOk()) << comparison.status().message();
    return comparison.isOk() ? describe(*comparison) : "";
  }

  /// device: the emulated GPU, with the code of `plan`, against the program on the CPU, phase by phase.
  Objection byDevice(const Plan &plan, CpuExecutor &program) const {
    auto device = onDevice(plan, Schedule::Launch);
    EXPECT_TRUE(device.isOk()) << device.status().message();
    if (!device.isOk())
      return "";
    auto comparison = compareExecutors(**device, program, model().tokens);
    if (comparison.isOk())
      return describe(*comparison);
    EXPECT_EQ(comparison.status().code(), StatusCode::DeviceLost) << comparison.status().message();
    return comparison.status().message();
  }

  /// persistent: bits of the persistent schedule of `plan` against those of the launch schedule of the original.
  Objection byPersistent(const Plan &plan) const {
    const auto logits = [&](const Plan &plan, Schedule schedule) -> StatusOr<std::vector<float>> {
      CADENZA_ASSIGN_OR_RETURN(auto device, onDevice(plan, schedule));
      CADENZA_RETURN_IF_ERROR(device->begin(model().tokens, {}));
      std::vector<float> all;
      for (int64_t position = 0; position < std::min<int64_t>(20, context()); ++position) {
        CADENZA_RETURN_IF_ERROR(device->enqueueStep(/*withHead=*/true));
        CADENZA_ASSIGN_OR_RETURN(std::span<const float> values, device->logits());
        all.insert(all.end(), values.begin(), values.end());
      }
      return all;
    };
    auto expected = logits(*originalPlan(), Schedule::Launch), got = logits(plan, Schedule::Persistent);
    EXPECT_TRUE(expected.isOk()) << expected.status().message();
    if (!got.isOk()) {
      EXPECT_EQ(got.status().code(), StatusCode::DeviceLost) << got.status().message();
      return got.status().message();
    }
    const auto [a, b] = std::ranges::mismatch(
        *expected, *got, [](float a, float b) { return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b); });
    const auto token = (a - expected->begin()) / model().model.decoder->vocabulary;
    return a == expected->end() ? ""
                                : "a logit of token " + std::to_string(token) + " is " + std::to_string(*b) + ", not " +
                                      std::to_string(*a);
  }

private:
  StatusOr<std::unique_ptr<Executor>> onDevice(const Plan &plan, Schedule schedule) const {
    if (build.multiprocessors > 0)
      setenv("CADENZA_EMULATED_SMS", std::to_string(build.multiprocessors).c_str(), 1);
    test::resetEmulator();
    return makeCudaExecutor(plan, {.context = context(), .logits = true, .schedule = schedule});
  }

  std::string name;
  Build build;
};

class Mutation : public testing::TestWithParam<Case> {
protected:
  const json &mutant() const { return GetParam().mutant; }
  Original &model() const { return original(GetParam().model); }

  // The mutants ------------------------------------------------------------------------------------------------------

  /// What each check says of this mutant.
  std::map<std::string, Objection> objections() {
    if (mutant().contains("config"))
      return ofConfig();
    if (mutant().contains("nn"))
      return ofNN();
    if (mutant().contains("step"))
      return ofStep();
    return ofSource();
  }

  std::map<std::string, Objection> ofConfig() {
    for (const auto &file : std::filesystem::directory_iterator(model().directory))
      if (file.path().filename() != "config.json")
        std::filesystem::copy_file(file.path(), folder.path() / file.path().filename());
    json config = json::parse(test::contents(model().directory + "/config.json"));
    const json before = config;
    config.merge_patch(mutant().at("config"));
    EXPECT_NE(config, before) << "the mutant changes nothing";
    folder.write("config.json", config.dump());
    MLIRContext context(MLIRContext::Threading::DISABLED);
    Findings findings;
    auto imported = importHuggingFace(context, {.directory = folder.path()}, findings);
    if (!imported.isOk())
      return {{"importer", imported.status().message()}};
    return {{"transformers", checks.byTransformers(*imported->module, *imported->weights)}};
  }

  std::map<std::string, Objection> ofNN() {
    std::string text = printed(*model().model.module);
    substitute(text, mutant().at("nn"), mutant().value("all", false));
    model().diagnostics.clear();
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &model().context);
    if (!module)
      return {{"verifier", model().diagnostics}};
    return {{"transformers", checks.byTransformers(*module, *model().model.weights)}};
  }

  std::map<std::string, Objection> ofStep() {
    OwningOpRef<ModuleOp> lowered = checks.lowered();
    EXPECT_TRUE(lowered);
    std::string text = printed(*lowered);
    substitute(text, mutant().at("step"), mutant().value("all", false));
    model().diagnostics.clear();
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &model().context);
    if (!module)
      return {{"verifier", model().diagnostics}};
    auto program = test::makeCpuProgram(*module, model().model, checks.context());
    if (!program.isOk())
      return {{"plan", program.status().message()}};
    std::map<std::string, Objection> result = {{"reference", checks.byReference(*module)}};
    // The other way round, it is the device's code that would be wrong: the original's goes with the mutant's program.
    std::shared_ptr<const Plan> plan = checks.originalPlan();
    if (plan)
      result["device"] = checks.byDevice(*plan, *program->executor);
    return result;
  }

  std::map<std::string, Objection> ofSource() {
    std::shared_ptr<const Plan> plan = checks.originalPlan();
    if (!plan)
      return {};
    const std::string edited = mutant().at("file");
    for (const SourceFile &file : plan->sources()) {
      std::string text = file.text;
      if (file.path == edited)
        substitute(text, mutant().at("source"), mutant().value("all", false));
      folder.write(file.path, text);
    }
    auto compiled = checks.compile(folder.path());
    EXPECT_TRUE(compiled.isOk()) << compiled.status().message();
    if (!compiled.isOk())
      return {};
    if (Build::of(mutant()).multiprocessors > 0)
      return {{"persistent", checks.byPersistent(**compiled)}};
    auto program = makeCpuExecutor(plan->program(), plan->weights(), {.context = checks.context(), .logits = true}, 1);
    EXPECT_TRUE(program.isOk()) << program.status().message();
    return {{"device", checks.byDevice(**compiled, **program)}};
  }

  Checks checks{GetParam().model, Build::of(mutant())};
  test::TemporaryFolder folder;
};

TEST_P(Mutation, IsRefused) {
  const std::map<std::string, Objection> objections = this->objections();
  if (HasFailure())
    return;
  for (const std::string check : mutant().at("by")) {
    auto found = objections.find(check);
    ASSERT_NE(found, objections.end()) << "the check '" << check << "' was not made: " << json(objections);
    EXPECT_NE(found->second.find(mutant().value("says", "")), std::string::npos) << found->second;
    EXPECT_NE(found->second, "") << "SURVIVED: " << check << " sees nothing wrong in " << mutant().dump();
  }
  for (const auto &[check, objection] : objections)
    std::printf("%s: %s: %s\n", caseName(GetParam()).c_str(), check.c_str(),
                objection.empty() ? "sees nothing wrong" : objection.c_str());
}

/// Whether a mutant of the model is judged by its program.
bool hasProgramMutants(const std::string &name, const Build &build) {
  return std::ranges::any_of(cases(), [&](const Case &c) {
    return c.model == name && Build::of(c.mutant) == build && !c.mutant.contains("config") && !c.mutant.contains("nn");
  });
}

// A check that refuses everything would refuse every mutant, too.
using ModelBuild = std::pair<std::string, Build>;
class Originals : public testing::TestWithParam<ModelBuild> {};

TEST_P(Originals, AreNot) {
  const auto &[name, build] = GetParam();
  const Checks checks(name, build);
  const ImportedModel &model = checks.model().model;
  EXPECT_EQ(checks.byTransformers(*model.module, *model.weights), "");
  if (!hasProgramMutants(name, build))
    return;
  OwningOpRef<ModuleOp> step = checks.lowered();
  ASSERT_TRUE(step);
  if (build.encoding == "tiles16") { // the reference knows the model's own weights only
    EXPECT_EQ(checks.byReference(*step), "");
  }
  std::shared_ptr<const Plan> plan = checks.originalPlan();
  ASSERT_TRUE(plan);
  auto program = makeCpuExecutor(plan->program(), plan->weights(), {.context = checks.context(), .logits = true}, 1);
  ASSERT_TRUE(program.isOk()) << program.status().message();
  EXPECT_EQ(checks.byDevice(*plan, **program), "");
  if (build.multiprocessors > 0) {
    EXPECT_EQ(checks.byPersistent(*plan), "");
  }
}

std::set<ModelBuild> originals() {
  std::set<ModelBuild> all;
  for (const Case &c : cases())
    all.insert({c.model, Build::of(c.mutant)});
  return all;
}

INSTANTIATE_TEST_SUITE_P(List, Originals, testing::ValuesIn(originals()), [](const auto &info) {
  const ModelBuild &original = info.param;
  return test::testName(original.first) + (original.second.unfused ? "_unfused" : "") +
         (original.second.multiprocessors > 0 ? "_persistent" : "") +
         (original.second.encoding == "tiles16" ? "" : "_" + original.second.encoding);
});
INSTANTIATE_TEST_SUITE_P(List, Mutation, testing::ValuesIn(cases()),
                         [](const auto &info) { return caseName(info.param); });

} // namespace
} // namespace cadenza
