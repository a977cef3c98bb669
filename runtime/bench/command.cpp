#include "runtime/bench/command.h"

#include "runtime/bench/report.h"
#include "runtime/plan/plan.h"
#include "runtime/support/output_file.h"
#include "runtime/support/printable.h"

namespace cadenza::bench {

Status runBench(const BenchCommand &command, std::ostream &out, std::ostream &progress) {
  CADENZA_ASSIGN_OR_RETURN(std::shared_ptr<const Plan> plan, Plan::open(command.plan));
  auto say = [&](const std::string &what) {
    if (!command.quiet)
      progress << "cadenza-bench: " << what << "\n" << std::flush;
  };
  for (const std::string &output : {command.jsonPath, command.recordPath, command.tracePath})
    CADENZA_RETURN_IF_ERROR(checkOutput(output));
  CADENZA_ASSIGN_OR_RETURN(BenchResult result, measure(*plan, command.device, command.options, say));

  // Before anything is written: a file is there only if all went well.
  if (!command.recordPath.empty() && result.emulated)
    return Status(StatusCode::InvalidArgument, "--record: times on the emulated device mean nothing");
  if (!command.recordPath.empty() && result.traced)
    return Status(StatusCode::InvalidArgument, "--record: the kernel of a plan of cadenza-compile --traced is slower "
                                               "than that of the plan without it");

  std::string json;
  if (!command.jsonPath.empty())
    json = toJson(result).dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  const ReportStyle style = command.markdown ? ReportStyle::Markdown : ReportStyle::Text;
  const bool onlyJson = isStandardOutput(command.jsonPath);
  if (!onlyJson)
    out << printable(formatReport(result, style)) << std::flush;
  if (!json.empty())
    CADENZA_RETURN_IF_ERROR(writeOutput(command.jsonPath, json));
  if (!command.recordPath.empty()) {
    CADENZA_RETURN_IF_ERROR(appendRecords(command.recordPath, toRecords(result)));
    say("recorded in " + command.recordPath);
  }
  if (!command.tracePath.empty()) {
    const std::string trace = chromeTrace(result.trace, result.traceRanks).dump() + "\n";
    CADENZA_RETURN_IF_ERROR(writeOutput(command.tracePath, trace));
    if (!onlyJson && !isStandardOutput(command.tracePath))
      out << "\n" << formatTraceTable(result.trace, traceTokens, style) << std::flush;
  }
  return Status::ok();
}

} // namespace cadenza::bench
