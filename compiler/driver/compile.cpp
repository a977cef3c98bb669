#include "compiler/driver/compile.h"

#include "codegen/host_compiler.h"
#include "codegen/nvrtc.h"
#include "compiler/driver/diagnostics.h"
#include "compiler/driver/present_gpu.h"
#include "compiler/driver/quantization.h"
#include "compiler/driver/schedule_choice.h"
#include "compiler/driver/schedule_text.h"
#include "compiler/driver/source_override.h"
#include "compiler/driver/statistics.h"
#include "compiler/driver/stored_encodings.h"
#include "compiler/import/gguf/file.h"
#include "compiler/import/gguf/import_gguf.h"
#include "compiler/import/gguf/pre_tokenizers.h"
#include "compiler/import/mlir/import_module.h"
#include "compiler/import/model_files.h"
#include "compiler/import/onnx/ir/import_onnx.h"
#include "compiler/ir/sched/Sched.h"
#include "compiler/plan/weight_packer.h"
#include "compiler/schedule/describe.h"
#include "compiler/schedule/division_work.h"
#include "compiler/schedule/exchanges.h"
#include "runtime/plan/plan_bytes.h"
#include "runtime/support/output_file.h"
#include "runtime/support/printable.h"
#include "runtime/support/version.h"

#include "mlir/IR/AsmState.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/SHA256.h"

#include <filesystem>
#include <iostream>
#include <map>
#include <set>

using namespace mlir;
using namespace cadenza;

namespace {

/// Of all source files, names and texts: what code was compiled from.
std::string sourceSha256(const GeneratedSource &source) {
  llvm::SHA256 hash;
  for (const SourceFile &file : source.files) {
    hash.update(file.path);
    hash.update(StringRef("\0", 1));
    hash.update(file.text);
    hash.update(StringRef("\0", 1));
  }
  return llvm::toHex(hash.final(), /*LowerCase=*/true);
}

/// Of tiles in ascending order, those that a context has tokens for: no more than one that has room for all of it.
SmallVector<int64_t> tilesFor(SmallVector<int64_t> tiles, int64_t context) {
  const auto *whole = llvm::find_if(tiles, [&](int64_t tile) { return tile >= context; });
  if (whole != tiles.end())
    tiles.truncate(static_cast<size_t>(whole - tiles.begin()) + 1);
  return tiles;
}

std::string printModule(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  OpPrintingFlags flags;
  flags.elideLargeElementsAttrs(64);
  module.print(stream, flags);
  return text;
}

/// A file of the model that is compiled: the model itself, or what a directory of one holds.
bool isInput(const std::filesystem::path &output, const std::filesystem::path &input) {
  std::error_code unknown;
  if (input.empty() || !std::filesystem::is_regular_file(output, unknown))
    return false;
  if (std::filesystem::equivalent(output, input, unknown))
    return true;
  const std::filesystem::path folder = output.parent_path(), of = input;
  return isModelFileName(output) &&
         std::filesystem::equivalent(folder.empty() ? "." : folder,
                                     std::filesystem::is_directory(of, unknown) ? of : of.parent_path(), unknown);
}

/// No output may replace the model, nor another output.
Status checkOutputNames(const CompileOptions &options) {
  const std::pair<const char *, const std::string *> outputs[] = {{"--output", &options.output},
                                                                  {"--stats-json", &options.statsJson},
                                                                  {"--quantize-report", &options.quantizeReport}};
  std::map<std::filesystem::path, const char *> names;
  for (const auto &[option, path] : outputs) {
    if (path->empty() || isStandardOutput(*path))
      continue;
    if (isInput(*path, options.import.directory))
      return {StatusCode::InvalidArgument, std::string(option) + "=" + *path + ": is a file of the model"};
    std::error_code unknown;
    const auto [other, isNew] = names.emplace(std::filesystem::weakly_canonical(*path, unknown), option);
    if (!isNew)
      return {StatusCode::InvalidArgument,
              std::string(option) + "=" + *path + ": " + other->second + " names the same file"};
  }
  return Status::ok();
}

class Compilation {
public:
  Compilation(const CompileOptions &options, Progress &progress)
      : options(options), progress(progress), quantization(options.quantize), context(MLIRContext::Threading::DISABLED),
        diagnostics(context) {
    context.loadDialect<func::FuncDialect, nn::NNDialect, step::StepDialect, sched::SchedDialect>();
  }

  Status run() {
    CADENZA_RETURN_IF_ERROR(checkOptions());
    if (!options.check) {
      CADENZA_RETURN_IF_ERROR(checkOutputNames(options));
      const bool isPlan = options.emit == Stage::Plan; // a plan is a file
      CADENZA_RETURN_IF_ERROR(isPlan ? AtomicFile::create(options.output).status() : checkOutput(options.output));
      CADENZA_RETURN_IF_ERROR(checkOutput(options.statsJson));
      CADENZA_RETURN_IF_ERROR(checkOutput(options.quantizeReport));
    }
    if (options.check)
      return check();
    CADENZA_RETURN_IF_ERROR(import());
    if (options.emit == Stage::NNGeneric)
      return writeText(printModule(*model.module));
    CADENZA_RETURN_IF_ERROR(raise());
    if (options.emit == Stage::NN)
      return writeText(printModule(*model.module));
    CADENZA_RETURN_IF_ERROR(quantize());
    CADENZA_RETURN_IF_ERROR(runPasses());
    if (options.emit == Stage::Step)
      return reportStatistics(/*hasCode=*/false, printModule(*model.module));
    CADENZA_RETURN_IF_ERROR(generate());
    if (options.emit == Stage::Schedule)
      return reportStatistics(true, describeSchedules());
    if (options.emit == Stage::Cuda)
      return reportStatistics(true, source.model().text);
    CADENZA_RETURN_IF_ERROR(compileTargets());
    if (emitsCode())
      return writeCode();
    return writePlan();
  }

private:
  /// What is wrong on the command line is said before any work.
  Status checkOptions() {
    cpuOnly = options.targets == "cpu";
    if (!options.targets.empty() && !cpuOnly) {
      CADENZA_ASSIGN_OR_RETURN(targets, parseTargets(options.targets));
    }
    if (cpuOnly && (emitsCode() || options.schedules == Schedules::Persistent))
      return {StatusCode::InvalidArgument,
              "--target=cpu: there is no GPU code for the CPU; it runs the plan's program"};
    if (emitsCode() && !targets.empty() &&
        llvm::none_of(targets, [&](const DeviceTarget *target) { return target->kind == emittedKind(); }))
      return noCodeToEmit();
    if (!options.import.weightsFile.empty() && !isModuleFile(options.import.directory))
      return {StatusCode::InvalidArgument, "--weights=" + options.import.weightsFile +
                                               ": only a graph (an .mlir file) takes its weights from a file; a model "
                                               "directory has its own"};
    // With weights that are made up, a directory is one of a configuration.
    isOnnx = isOnnxModel(options.import.directory) &&
             (!options.import.randomSeed || !std::filesystem::is_directory(options.import.directory));
    if (options.import.randomSeed && isOnnx)
      return {StatusCode::InvalidArgument, "--weights: an ONNX model has its own weights"};
    if (!options.import.dims.empty() && !isOnnx)
      return {StatusCode::InvalidArgument, "--dim: only an ONNX model has dimensions that are left open"};
    isGguf = !isOnnx && gguf::isGgufFile(options.import.directory);
    if (!options.import.dtype.empty() && !isOnnx && !isGguf)
      return {StatusCode::InvalidArgument,
              "--dtype: only a graph of an ONNX file, or a GGUF file, is computed in another type"};
    if (!options.import.preTokenizer.empty() && !isGguf)
      return {StatusCode::InvalidArgument, "--pre-tokenizer: only a GGUF file leaves it open"};
    if (const std::string &name = options.import.preTokenizer; !name.empty() && !gguf::findPreTokenizer(name))
      return {StatusCode::InvalidArgument,
              "--pre-tokenizer=" + name + ": there is no such name; there are " + gguf::preTokenizerNames()};
    CADENZA_RETURN_IF_ERROR(checkQuantizeOptions());
    CADENZA_RETURN_IF_ERROR(checkScheduleOptions(options));
    pipeline = options.pipeline;
    if (keepsCodes())
      pipeline.encoding = "tiles16"; // of what gets none of its own
    // Who divides query heads, or shares contexts, asks for the schedule that does.
    pipeline.persistentOptional =
        options.schedules == Schedules::All && options.subgroups == 0 && options.shareContextFrom == 0;
    if (targets.empty() && !cpuOnly)
      CADENZA_RETURN_IF_ERROR(lookForTarget());
    for (const DeviceTarget *target : targets)
      if (target->wgmma() && options.wgmma.value_or(target->kind != ImageKind::Host))
        pipeline.wgmma.push_back(std::string(target->name));
    pipeline.clusters = options.clusters && !targets.empty() &&
                        llvm::all_of(targets, [](const DeviceTarget *target) { return target->clusters; });
    CADENZA_ASSIGN_OR_RETURN(pipeline.persistent, chooseDivisions(options, targets));
    PassManager manager(&context);
    if (isOnnx)
      buildRaising(manager);
    if (llvm::Error error = buildPipeline(manager, pipeline))
      return {StatusCode::InvalidArgument, llvm::toString(std::move(error))};
    buildSchedules(manager, pipeline);
    for (const std::string &name : options.printIrAfter) {
      if (llvm::none_of(manager.getPasses(), [&](Pass &pass) { return pass.getArgument() == name; }))
        return {StatusCode::InvalidArgument, "--print-ir-after: there is no pass '" + name + "' in this pipeline"};
    }
    return Status::ok();
  }

  Status checkQuantizeOptions() const {
    CADENZA_RETURN_IF_ERROR(cadenza::check(options.quantize));
    if (quantization.isAsked() && (options.pipeline.encoding != "tiles16" || !options.pipeline.headEncoding.empty()))
      return {StatusCode::InvalidArgument, "--quantize and --encode exclude each other: --encode rounds by the largest "
                                           "magnitude, --quantize by the least error"};
    if (!options.quantizeReport.empty() && (!quantization.isAsked() || options.emit != Stage::Plan || options.check))
      return {StatusCode::InvalidArgument, "--quantize-report goes with --quantize and a plan"};
    return Status::ok();
  }

  /// The GPU of this machine, where the schedules that are asked for depend on it. If there is none and only code needs
  /// it, that is said once the model has been looked at.
  Status lookForTarget() {
    const bool asked = options.schedules == Schedules::Persistent;
    if (!asked && (options.check || (options.emit != Stage::Plan && !emitsCode())))
      return Status::ok();
    StatusOr<const DeviceTarget *> present = targetOfPresentGpu();
    if (present.isOk())
      targets = {*present};
    return asked ? present.status() : Status::ok();
  }

  /// Everything up to code generation, which is where the last unsupported shapes show; and the values of weights.
  Status check() {
    Status status = import();
    if (status.isOk())
      status = raise();
    if (status.isOk())
      status = quantize();
    if (status.isOk())
      status = runPasses();
    if (status.isOk())
      status = generate();
    if (status.isOk())
      status = readWeights();
    for (const Finding &finding : findings.all())
      std::cout << findingKindName(finding.kind) << ": " << printable(finding.message) << "\n";
    if (status.isOk())
      std::cout << "everything in this model is supported\n";
    if (!findings.hasErrors())
      return status;
    return {status.code(), "this model cannot be compiled (errors: " + std::to_string(findings.errors()) + ")"};
  }

  /// Finds infinities and NaNs: warnings, as in a compilation, but errors in matrices that are to be stored in codes,
  /// which have none. Of a decoder with weights of its own.
  Status readWeights() {
    if (!model.decoder || options.import.randomSeed)
      return Status::ok();
    progress.begin("reading weights");
    std::set<std::string> inCodes;
    for (size_t i = 0; i < built.program.weights.size(); ++i)
      if (const Encoding &encoding = built.program.weights[i].encoding;
          format_of(encoding).matrix() && encoding != Encoding::tiles16)
        for (const WeightSpec &part : built.recipes[i].parts)
          inCodes.insert(part.role);
    for (const bool isError : {true, false}) { // those in codes first: what is found once is counted once
      for (const WeightSpec &spec : model.weightSpecs)
        if (inCodes.contains(spec.role) == isError)
          if (Status status = readAll(spec); !status.isOk())
            findings.add(status);
      Findings found;
      model.weights->reportNonFinite(found);
      for (const Finding &finding : found.all()) {
        if (llvm::any_of(findings.all(), [&](const Finding &known) { return known.message == finding.message; }))
          continue;
        if (isError)
          findings.invalid(finding.message);
        else
          findings.warning(finding.message);
      }
    }
    return findings.toStatus();
  }

  Status readAll(const WeightSpec &spec) const {
    const int64_t rowBytes = std::max<int64_t>(1, spec.columns()) * static_cast<int64_t>(sizeof(float));
    const int64_t rows = std::clamp<int64_t>((int64_t{4} << 20) / rowBytes, 1, std::max<int64_t>(1, spec.rows()));
    std::vector<std::byte> values(static_cast<size_t>(rows * rowBytes));
    for (int64_t row = 0; row < spec.rows(); row += rows) {
      const int64_t count = std::min(rows, spec.rows() - row);
      CADENZA_RETURN_IF_ERROR(model.weights->read(spec, row, count, DType::f32,
                                                  std::span(values).first(static_cast<size_t>(count * rowBytes))));
    }
    return Status::ok();
  }

  Status import() {
    progress.begin("importing");
    std::string report;
    ImportOptions from = options.import;
    from.storesCodes = options.pipeline.encoding != "tiles16";
    StatusOr<ImportedModel> imported = isOnnx                         ? importOnnx(context, from, findings, report)
                                       : isGguf                       ? importGguf(context, from, findings)
                                       : isModuleFile(from.directory) ? importModule(context, from, findings)
                                                                      : importHuggingFace(context, from, findings);
    if (options.check)
      std::cout << report;
    noteFindings(findings);
    if (!imported.isOk())
      return imported.status();
    model = std::move(*imported);
    statistics.countBefore(*model.module);
    return Status::ok();
  }

  /// Whether the module has entries in ops on tensors, or what the pipeline makes of them.
  bool isOnTensors() {
    return llvm::any_of(nn::entriesOf(*model.module), [](func::FuncOp function) {
      return llvm::any_of(function.getBody().front(),
                          [](Operation &op) { return isa<nn::EvaluateTensorsOpInterface, step::FusionOp>(op); });
    });
  }

  /// Whether kernels are made: those of a graph on tensors only where something asks for code.
  bool makesKernels() {
    const bool asksForCode = emitsCode() || options.emit == Stage::Schedule || options.emit == Stage::Cuda ||
                             (options.emit == Stage::Plan && (!options.check || !targets.empty()));
    return !isOnTensors() || (asksForCode && !cpuOnly);
  }

  /// A graph on tensors that is no decoder.
  Status raiseGraph() {
    if (!isOnTensors())
      return Status::ok();
    progress.begin("raising");
    PassManager manager(&context);
    manager.addPass(createCanonicalizerPass()); // as before raising: one form of what means the same
    manager.addPass(createCSEPass());
    instrument(manager);
    return failed(manager.run(*model.module)) ? diagnostics.internalError() : Status::ok();
  }

  /// A graph in ops on tensors to a decoder's ops.
  Status raise() {
    if (!model.tensors)
      return raiseGraph();
    progress.begin("raising");
    PassManager manager(&context);
    const auto readRows = [this](nn::WeightOp weight, int64_t rows) -> FailureOr<nn::Vector> {
      const WeightSpec spec = weightSpec(weight);
      nn::Vector values(static_cast<size_t>(rows * spec.columns()));
      if (!model.weights->read(spec, 0, rows, DType::f32, std::as_writable_bytes(std::span(values))).isOk())
        return failure();
      return values;
    };
    buildRaising(manager, model.tensors, readRows);
    instrument(manager);
    context.printOpOnDiagnostic(false); // what is left is said by node
    if (failed(manager.run(*model.module)))
      return unsupported();
    context.printOpOnDiagnostic(true);
    Findings settled;
    model.finish(model, settled);
    noteFindings(settled);
    return Status::ok();
  }

  /// Those that do not fail the compilation: errors come as the Status.
  void noteFindings(const Findings &findings) {
    for (const Finding &finding : findings.all()) {
      if (finding.kind == Finding::Kind::Warning)
        progress.warn(finding.message);
      else if (finding.kind == Finding::Kind::Notice)
        progress.note("notice: " + finding.message);
    }
  }

  /// What the compiler said of phases that it cannot compile, filed as findings.
  Status unsupported() {
    for (const std::string &error : diagnostics.errors)
      findings.unsupported(error);
    return findings.hasErrors() ? findings.toStatus() : diagnostics.internalError();
  }

  /// --encode=stored
  bool keepsCodes() const { return options.pipeline.encoding == "stored"; }

  /// Chooses encodings of weights, if that is asked for.
  Status quantize() {
    if (keepsCodes()) {
      CADENZA_ASSIGN_OR_RETURN(const StoredEncodings stored, storedEncodings(*model.module, *model.weights));
      if (pipeline.headEncoding.empty())
        pipeline.headEncoding = stored.head;
      progress.note("notice: --encode=stored: " + stored.toText());
    }
    if (!quantization.isAsked())
      return Status::ok();
    CADENZA_RETURN_IF_ERROR(
        quantization.choose(*model.module, *model.weights, !options.check, options.threads, progress));
    quantization.annotate(*model.module);
    pipeline.headEncoding = quantization.headEncoding();
    return Status::ok();
  }

  Status runPasses() {
    progress.begin("fusing");
    PassManager manager(&context);
    if (model.decoder)
      pipeline.tiles = tilesFor(pipeline.tiles, model.decoder->maxContext);
    llvm::cantFail(buildPipeline(manager, pipeline)); // checkOptions saw the names
    instrument(manager);
    const bool isGraph = isOnTensors(); // which may have what no phase does
    if (isGraph && (pipeline.encoding != "tiles16" || !pipeline.headEncoding.empty()))
      return {
          StatusCode::InvalidArgument,
          (pipeline.headEncoding.empty() ? "--encode=" + pipeline.encoding : "--encode-head=" + pipeline.headEncoding) +
              ": only matrices of decoders are encoded; this model is a graph of tensors"};
    context.printOpOnDiagnostic(!isGraph);
    if (failed(manager.run(*model.module)))
      return isGraph ? unsupported() : diagnostics.internalError();
    if (!options.check)
      for (const std::string &note : diagnostics.notes)
        progress.note(note);
    if (!makesKernels())
      return Status::ok();
    // Schedules cannot do everything that the dialects can. What they cannot do is said by module, not by op.
    context.printOpOnDiagnostic(false);
    PassManager schedules(&context);
    pipeline.context = model.decoder ? model.decoder->maxContext : 0;
    buildSchedules(schedules, pipeline);
    instrument(schedules);
    if (failed(schedules.run(*model.module)))
      return unsupported();
    for (sched::GridOp grid : grids()) // no plan whose blocks could wait for ever or read too early
      CADENZA_RETURN_IF_ERROR(verifyExchanges(grid));
    if (!options.check)
      for (const std::string &note : scheduleNotes(*model.module, options, targets, diagnostics.leftOut))
        progress.note(note);
    return Status::ok();
  }

  /// The persistent schedules: divisions, each followed by what continues it.
  SmallVector<sched::GridOp> grids() {
    SmallVector<sched::GridOp> found;
    if (func::FuncOp decode = nn::decodeEntryOf(*model.module))
      for (sched::GridOp grid : sched::gridsOf(decode)) {
        found.push_back(grid);
        if (sched::GridOp continuation = sched::continuationOf(grid))
          found.push_back(continuation);
      }
    return found;
  }

  void instrument(PassManager &manager) {
    if (!options.printIrAfter.empty()) {
      manager.enableIRPrinting([](Pass *, Operation *) { return false; },
                               [this](Pass *pass, Operation *) {
                                 return llvm::is_contained(options.printIrAfter, pass->getArgument().str());
                               },
                               /*printModuleScope=*/true, /*printAfterOnlyOnChange=*/false);
    }
    if (!options.crashReproducer.empty())
      manager.enableCrashReproducerGeneration(options.crashReproducer);
  }

  Status generate() {
    std::optional<GeneratedCode> generated;
    if (makesKernels()) {
      progress.begin("generating kernels");
      FailureOr<GeneratedCode> made = generateCode(*model.module);
      if (failed(made))
        return unsupported();
      generated = std::move(*made);
    }
    FailureOr<BuiltProgram> program =
        buildProgram(*model.module, model.info, model.decoder, generated ? &*generated : nullptr);
    if (failed(program))
      return unsupported();
    built = std::move(*program);
    if (generated)
      source = std::move(generated->source);
    statistics.countAfter(built.program);
    if (!options.overrideSource.empty()) {
      CADENZA_ASSIGN_OR_RETURN(size_t replaced, overrideSource(options.overrideSource, source));
      progress.note("compiling " + std::to_string(replaced) + (replaced == 1 ? " source file" : " source files") +
                    " from " + options.overrideSource);
    }
    return Status::ok();
  }

  std::string describeSchedules() {
    std::string text = describeSchedule(built.program);
    std::string divided;
    for (sched::GridOp grid : grids())
      divided += describe(grid) + "\n";
    return divided.empty() ? text : divided + "in the phases of the " + text;
  }

  Status compileTargets() {
    if (cpuOnly)
      return Status::ok();
    if (targets.empty()) {
      CADENZA_ASSIGN_OR_RETURN(const DeviceTarget *present, targetOfPresentGpu());
      targets = {present};
    }
    progress.begin("compiling kernels");
    auto isHost = [](const DeviceTarget *target) { return target->kind == ImageKind::Host; };
    if (llvm::any_of(targets, isHost)) {
      CADENZA_ASSIGN_OR_RETURN(CompiledCode host, compileForHost(source));
      code.push_back(std::move(host));
      llvm::erase_if(targets, isHost);
    }
    if (targets.empty())
      return Status::ok();
    CADENZA_ASSIGN_OR_RETURN(Nvrtc nvrtc, Nvrtc::load());
    nvrtcVersion = nvrtc.version();
    uint64_t done = 0;
    CADENZA_ASSIGN_OR_RETURN(std::vector<CompiledCode> compiled,
                             nvrtc.compile(source, targets, options.threads, [&](const DeviceTarget &) {
                               progress.update(++done, targets.size(), "targets");
                             }));
    llvm::move(compiled, std::back_inserter(code));
    return Status::ok();
  }

  bool emitsCode() const { return options.emit == Stage::Ptx || options.emit == Stage::Cubin; }
  ImageKind emittedKind() const { return options.emit == Stage::Ptx ? ImageKind::Ptx : ImageKind::Cubin; }
  Status noCodeToEmit() const {
    return {StatusCode::InvalidArgument, "--emit=" + std::string(codeKindName(emittedKind())) +
                                             " needs a --target of that kind, such as " +
                                             (options.emit == Stage::Ptx ? "compute_90" : "sm_90")};
  }

  Status writeCode() {
    auto found = llvm::find_if(code, [&](const CompiledCode &compiled) { return compiled.kind == emittedKind(); });
    if (found == code.end())
      return noCodeToEmit();
    std::string_view bytes(reinterpret_cast<const char *>(found->image.data()), found->image.size());
    if (found->kind == ImageKind::Ptx && !bytes.empty() && bytes.back() == '\0')
      bytes.remove_suffix(1);
    return writeText(bytes);
  }

  Status writePlan() {
    PlanContents contents;
    contents.program = &built.program;
    contents.metadata = metadata();
    for (const CompiledCode &compiled : code)
      contents.code.push_back(compiled.section());
    contents.sources = source.files;
    contents.tokenizerJson = model.tokenizer;
    contents.chatJson = model.chat;
    contents.generationJson = model.generation;
    if (options.embedIr)
      contents.ir = printModule(*model.module);
    SourcePacker packer(built, *model.weights, quantization.isAsked() ? quantization.encoder() : nearestCodes());
    contents.packer = &packer;
    contents.threads = options.threads;
    contents.onProgress = [&](uint64_t done, uint64_t total) { progress.update(done >> 20, total >> 20, "MiB"); };
    std::vector<OutputFile> reports; // which have their names once the plan has its name
    contents.beforeCommit = [&]() -> Status {
      CADENZA_RETURN_IF_ERROR(reportNonFinite());
      CADENZA_ASSIGN_OR_RETURN(reports, writeReports(contents));
      return Status::ok();
    };
    progress.begin("packing weights");
    CADENZA_RETURN_IF_ERROR(cadenza::writePlan(options.output, contents));
    CADENZA_RETURN_IF_ERROR(OutputFile::commit(reports));
    noteStored(packer.storedCount());
    if (quantization.isAsked()) {
      std::error_code unknown;
      progress.note(quantization.report(std::filesystem::file_size(options.output, unknown)).toText());
    }
    progress.finish();
    if (options.stats)
      std::cerr << statistics.toText();
    return Status::ok();
  }

  /// What is written beside a plan, without names yet.
  StatusOr<std::vector<OutputFile>> writeReports(const PlanContents &contents) const {
    std::vector<OutputFile> reports;
    const auto add = [&](const std::string &path, const nlohmann::ordered_json &report) -> Status {
      CADENZA_ASSIGN_OR_RETURN(OutputFile file, OutputFile::create(path));
      reports.push_back(std::move(file));
      return reports.back().append(report.dump(2) + "\n");
    };
    if (!options.quantizeReport.empty()) {
      CADENZA_ASSIGN_OR_RETURN(const uint64_t bytes, planBytes(contents));
      CADENZA_RETURN_IF_ERROR(add(options.quantizeReport, quantization.report(bytes).toJson()));
    }
    if (!options.statsJson.empty())
      CADENZA_RETURN_IF_ERROR(add(options.statsJson, statistics.toJson()));
    return reports;
  }

  /// What became of the codes of a quantised checkpoint, if matrices are stored in codes.
  void noteStored(const SourcePacker::StoredCount &count) {
    if (!keepsCodes() && count.repacked + count.roundedAgain > 0)
      progress.note("notice: --encode=" + options.pipeline.encoding + ": " + std::to_string(count.repacked) +
                    " matrices keep the codes that the checkpoint has, " + std::to_string(count.roundedAgain) +
                    " are rounded again");
  }

  /// Infinities and NaNs among the weights, which are known once all have been read: warnings, or errors if --strict.
  Status reportNonFinite() {
    Findings nonFinite;
    if (options.import.strict)
      nonFinite.beStrict();
    model.weights->reportNonFinite(nonFinite);
    noteFindings(nonFinite);
    return nonFinite.toStatus();
  }

  nlohmann::ordered_json metadata() {
    nlohmann::ordered_json json;
    const ModelInfo &info = model.info;
    json["compiler"] = {{"version", version()}, {"commit", versionCommit()}};
    json["model"] = {{"name", info.name},
                     {"family", model.decoder ? model.decoder->family : ""},
                     {"weights", info.weights},
                     {"source_hash", model.sourceHash}};
    std::vector<std::string> targets;
    targets.reserve(code.size());
    for (const CompiledCode &compiled : code)
      targets.push_back(compiled.target);
    json["targets"] = targets;
    if (!nvrtcVersion.empty()) {
      json["nvrtc"] = nvrtcVersion;
      // Machine code runs on every driver of the compiler's major version, and on later ones.
      json["minimum_driver"] = "CUDA " + nvrtcVersion.substr(0, nvrtcVersion.find('.')) + ".0";
    }
    std::vector<std::string> schedules;
    if (!built.program.kernels.empty())
      schedules = {"launch", "graph"};
    if (!built.program.divisions.empty())
      schedules.push_back("persistent");
    json["schedules"] = schedules;
    for (sched::GridOp grid : grids()) {
      const DivisionWork work = divisionWork(grid);
      json["division_work"][grid.getDivisionName().str()] = {{"phases", work.phases}, {"bytes_of_blocks", work.bytes}};
    }
    std::vector<int64_t> tiles;
    for (uint32_t entry : prefillEntries(built.program))
      tiles.push_back(tileOf(built.program.entries[entry]));
    json["prefill"] = tiles;
    json["encoding"] = quantization.isAsked() ? options.quantize.type : options.pipeline.encoding;
    json["passes"] = enabledPasses(options.pipeline);
    json["source_sha256"] = sourceSha256(source);
    json["source_overridden"] = !options.overrideSource.empty();
    json["statistics"] = statistics.toJson();
    return json;
  }

  /// Prints the statistics that were asked for and writes `text`. Without code there is no program yet: one is built
  /// for its counts.
  Status reportStatistics(bool hasCode, std::string_view text) {
    if (!hasCode && (options.stats || !options.statsJson.empty())) {
      FailureOr<BuiltProgram> program = buildProgram(*model.module, model.info, model.decoder, nullptr);
      if (failed(program))
        return unsupported();
      statistics.countAfter(program->program);
    }
    progress.finish();
    if (options.stats)
      std::cerr << statistics.toText();
    if (!options.statsJson.empty())
      CADENZA_RETURN_IF_ERROR(writeOutput(options.statsJson, statistics.toJson().dump(2) + "\n"));
    return writeText(text);
  }

  Status writeText(std::string_view text) {
    progress.finish();
    return writeOutput(options.output.empty() ? "-" : options.output, text);
  }

  const CompileOptions &options;
  Progress &progress;
  Quantization quantization;
  PipelineOptions pipeline;
  MLIRContext context;
  Diagnostics diagnostics;
  Findings findings; // of the importer and of code generation
  ImportedModel model;
  BuiltProgram built;
  GeneratedSource source;
  std::vector<const DeviceTarget *> targets; // to compile for
  bool isOnnx = false;                       // the model is an ONNX model
  bool isGguf = false;                       // the model is a GGUF file
  bool cpuOnly = false;                      // --target=cpu: no code
  std::vector<CompiledCode> code;
  std::string nvrtcVersion;
  Statistics statistics;
};

} // namespace

Status cadenza::compileModel(const CompileOptions &options, Progress &progress) {
  if (options.emit == Stage::Plan && !options.check && (options.output.empty() || options.output == "-"))
    return {StatusCode::InvalidArgument, "a plan needs a file to go to: -o FILE"};
  return Compilation(options, progress).run();
}
