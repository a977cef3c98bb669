#include "runtime/report/report.h"

#include "runtime/plan/describe.h"

#include <map>

namespace cadenza {

extern const std::string_view report_page;

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view dataMark = "{\"data\": \"of a plan\"}"; // in report.html

Status notOf(const char *option, const char *what) {
  return {StatusCode::InvalidArgument, std::string(option) + ": is not what cadenza-bench " + what + " writes"};
}

/// What a kernel is in the generated source: from its heading to the next one.
Json kernelSources(const Plan &plan) {
  Json kernels = Json::object();
  for (const SourceFile &source : plan.sources()) {
    if (source.path != "model.cu")
      continue;
    const std::string_view mark = "// ==== ", text = source.text;
    for (size_t at = text.find(mark); at != std::string_view::npos;) {
      const size_t next = text.find(mark, at + mark.size());
      const std::string_view part = text.substr(at, next == std::string_view::npos ? next : next - at);
      const std::string_view name = part.substr(mark.size(), part.find(' ', mark.size()) - mark.size());
      kernels[std::string(name)] = part;
      at = next;
    }
  }
  return kernels;
}

/// The spans of a trace, a row each: [block's row, name, begin, duration, layer], names by index, times in us.
StatusOr<Json> timeline(const nlohmann::json &trace) {
  const nlohmann::json events = trace.is_object() ? trace.value("traceEvents", nlohmann::json()) : trace;
  if (!events.is_array())
    return notOf("--trace", "--trace");
  Json rows = Json::array(), names = Json::array(), spans = Json::array();
  std::map<std::pair<int64_t, int64_t>, size_t> rowOf;
  std::map<std::string, size_t> nameOf;
  try {
    for (const nlohmann::json &event : events) {
      const std::pair<int64_t, int64_t> place{event.at("pid").get<int64_t>(), event.at("tid").get<int64_t>()};
      if (event.at("ph") == "M" && event.at("name") == "thread_name") {
        rowOf[place] = rows.size();
        rows.push_back(event.at("args").at("name").get<std::string>());
      } else if (event.at("ph") == "X") {
        const auto [name, isNew] = nameOf.try_emplace(event.at("name").get<std::string>(), names.size());
        if (isNew)
          names.push_back(name->first);
        spans.push_back({rowOf.at(place), name->second, event.at("ts").get<double>(), event.at("dur").get<double>(),
                         event.at("args").value("layer", 0)});
      }
    }
  } catch (const std::exception &) { // of nlohmann::json, or a row that was not announced
    return notOf("--trace", "--trace");
  }
  return Json{{"rows", rows}, {"names", names}, {"spans", spans}};
}

/// Inside <script> nothing may look like markup.
std::string scriptText(const Json &json) {
  const std::string text = json.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    if (c == '<')
      safe += "\\u003c"; // '<' is in strings only
    else
      safe += c;
  }
  return safe;
}

} // namespace

StatusOr<std::string> htmlReport(const Plan &plan, const nlohmann::json &bench, const nlohmann::json &trace) {
  Json data = {{"plan", planToJson(plan)}, {"program", toJson(plan.program())}, {"sources", kernelSources(plan)}};
  data["plan"].erase("sections");
  data["program"].erase("weights");
  if (!bench.is_null()) {
    if (!bench.is_object() || !bench.contains("results") || !bench["results"].is_array())
      return notOf("--bench", "--json");
    data["bench"] = bench;
  }
  if (!trace.is_null()) {
    CADENZA_ASSIGN_OR_RETURN(data["trace"], timeline(trace));
  }
  std::string page(report_page);
  const size_t at = page.find(dataMark);
  page.replace(at, dataMark.size(), scriptText(data));
  return page;
}

} // namespace cadenza
