#include "runtime/bench/command.h"

#include "runtime/bench/report.h"
#include "runtime/decode/sequence_sampling.h"
#include "runtime/plan/plan.h"
#include "runtime/support/output_file.h"
#include "runtime/support/printable.h"

#include <sstream>

namespace cadenza::bench {

namespace {

using Progress = std::function<void(const std::string &)>;

ReportStyle styleOf(const BenchCommand &command) {
  return command.markdown ? ReportStyle::Markdown : ReportStyle::Text;
}

/// The report and the files that are asked for. What cannot be recorded is an error before anything is written.
template <typename Result>
Status report(const BenchCommand &command, const Result &result, const Progress &say, std::ostream &out) {
  if (!command.recordPath.empty() && result.emulated)
    return {StatusCode::InvalidArgument, "--record: times on the emulated device mean nothing"};
  std::string json;
  if (!command.jsonPath.empty())
    json = toJson(result).dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  if (!isStandardOutput(command.jsonPath))
    out << printable(formatReport(result, styleOf(command))) << std::flush;
  if (!json.empty())
    CADENZA_RETURN_IF_ERROR(writeOutput(command.jsonPath, json));
  if (!command.recordPath.empty()) {
    CADENZA_RETURN_IF_ERROR(appendRecords(command.recordPath, toRecords(result)));
    say("recorded in " + command.recordPath);
  }
  return Status::ok();
}

Status benchDecoder(const BenchCommand &command, const Plan &plan, const Progress &say, std::ostream &out) {
  if (!command.graph.inputs.files.empty() || !command.graph.inputs.ranges.empty())
    return {StatusCode::InvalidArgument, plan.path() + ": is a decoder, which takes no --input of tensors"};
  if (!command.recordPath.empty() && command.options.sampling.draws())
    return {StatusCode::InvalidArgument, "--record: with --temperature; what is recorded is greedy decoding"};
  CADENZA_RETURN_IF_ERROR(checkSampling(command.options.sampling, plan.program().decoder->vocabulary));
  CADENZA_ASSIGN_OR_RETURN(BenchResult result, measure(plan, command.device, command.options, say));
  if (!command.recordPath.empty() && result.traced && !result.emulated)
    return {StatusCode::InvalidArgument, "--record: the kernel of a plan of cadenza-compile --traced is slower than "
                                         "that of the plan without it"};
  CADENZA_RETURN_IF_ERROR(report(command, result, say, out));
  if (command.tracePath.empty())
    return Status::ok();
  const std::string trace = chromeTrace(result.trace, result.traceRanks).dump() + "\n";
  CADENZA_RETURN_IF_ERROR(writeOutput(command.tracePath, trace));
  if (!isStandardOutput(command.jsonPath) && !isStandardOutput(command.tracePath))
    out << "\n" << formatTraceTable(result.trace, traceTokens, styleOf(command)) << std::flush;
  return Status::ok();
}

Status benchKernels(const BenchCommand &command, const Progress &say, std::ostream &out) {
  if (!command.plan.empty())
    return {StatusCode::InvalidArgument, "--kernel compiles a plan of its own; leave '" + command.plan + "' out"};
  KernelBenchOptions options{.kernels = command.kernels, .repeats = command.options.repeats};
  options.schedule = command.options.schedule;
  CADENZA_ASSIGN_OR_RETURN(const KernelBenchResult result, measureKernels(command.device, options, say));
  if (!command.csv)
    return report(command, result, say, out);
  std::ostringstream nowhere; // but for the files
  CADENZA_RETURN_IF_ERROR(report(command, result, say, nowhere));
  out << formatCsv(result) << std::flush;
  return Status::ok();
}

Status benchGraph(const BenchCommand &command, const Plan &plan, const Progress &say, std::ostream &out) {
  const BenchOptions &options = command.options;
  if (options.phases || options.trace || !options.division.empty())
    return {StatusCode::InvalidArgument, plan.path() + ": --phases, --trace and --division are for decoders"};
  GraphBenchOptions graph = command.graph;
  graph.schedule = options.schedule;
  CADENZA_ASSIGN_OR_RETURN(const GraphBenchResult result, measureGraph(plan, command.device, graph, say));
  return report(command, result, say, out);
}

} // namespace

Status runBench(const BenchCommand &command, std::ostream &out, std::ostream &progress) {
  const auto say = [&](const std::string &what) {
    if (!command.quiet)
      progress << "cadenza-bench: " << what << "\n" << std::flush;
  };
  for (const std::string &output : {command.jsonPath, command.recordPath, command.tracePath})
    CADENZA_RETURN_IF_ERROR(checkOutput(output));
  if (!command.kernels.kernel.empty())
    return benchKernels(command, say, out);
  if (command.plan.empty())
    return {StatusCode::InvalidArgument, "give a .plan file, or --kernel; --help says more"};
  if (!command.kernels.shapes.empty() || !command.kernels.encodings.empty() || command.kernels.causal ||
      !command.kernels.wgmma || command.csv)
    return {StatusCode::InvalidArgument, "--shape, --encoding, --causal, --no-wgmma and --csv go with --kernel"};
  CADENZA_ASSIGN_OR_RETURN(std::shared_ptr<const Plan> plan, Plan::open(command.plan));
  const bool decodes = plan->program().decoder.has_value() && command.graph.entry.empty();
  return (decodes ? benchDecoder : benchGraph)(command, *plan, say, out);
}

} // namespace cadenza::bench
