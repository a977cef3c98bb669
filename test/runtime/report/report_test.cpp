// The page about a plan: it carries all of its data, nothing of it is taken as markup, and nothing is fetched.
#include "runtime/report/report.h"
#include "test/runtime/plan/mutate.h"
#include "test/runtime/plan/small_plan.h"

#include <gtest/gtest.h>

namespace cadenza::testing {
namespace {

using nlohmann::json;

std::shared_ptr<const Plan> planNamed(const std::string &name) {
  const TemporaryFolder folder;
  SmallPlan small;
  small.program.model.name = name;
  EXPECT_TRUE(writePlan(folder.path("a.plan"), small.contents).isOk());
  return *Plan::open(folder.path("a.plan"));
}

json dataOf(const std::string &page) {
  const std::string mark = "<script type=\"application/json\" id=\"data\">";
  const size_t begin = page.find(mark) + mark.size();
  return json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

json traceOf(double duration) {
  return {{"traceEvents",
           {{{"ph", "M"}, {"name", "thread_name"}, {"pid", 0}, {"tid", 1}, {"args", {{"name", "block 0 producer"}}}},
            {{"ph", "X"},
             {"name", "copy"},
             {"cat", "copying"},
             {"pid", 0},
             {"tid", 1},
             {"ts", 2.5},
             {"dur", duration},
             {"args", {{"layer", 3}}}}}}};
}

TEST(Report, CarriesThePlan) {
  const auto plan = planNamed("small");
  const StatusOr<std::string> page = htmlReport(*plan, {}, {});
  ASSERT_TRUE(page.isOk()) << page.status().message();
  const json data = dataOf(*page);
  EXPECT_EQ(data["plan"]["model"]["name"], "small");
  EXPECT_EQ(data["plan"]["kernels"].size(), plan->program().kernels.size());
  EXPECT_EQ(data["program"]["entries"].size(), plan->program().entries.size());
  EXPECT_FALSE(data.contains("bench") || data.contains("trace"));
  EXPECT_EQ(page->find("http://"), page->find("http://www.w3.org/2000/svg")) << "a name, not an address to fetch";
  EXPECT_EQ(page->find("https://"), std::string::npos);
  EXPECT_EQ(page->find(" src="), std::string::npos);
}

TEST(Report, DataIsNotMarkup) {
  const std::string name = "a</script><script>alert(1)</script><!--";
  const auto page = htmlReport(*planNamed(name), {}, {});
  ASSERT_TRUE(page.isOk());
  EXPECT_EQ(page->find("alert(1)</script>"), std::string::npos);
  EXPECT_EQ(dataOf(*page)["plan"]["model"]["name"], name);
}

TEST(Report, Measurements) {
  const auto plan = planNamed("small");
  const json bench = {{"results", {{{"schedule", "graph"}, {"tokens_per_second", 12.5}}}}};
  const auto page = htmlReport(*plan, bench, traceOf(1.25));
  ASSERT_TRUE(page.isOk()) << page.status().message();
  const json data = dataOf(*page);
  EXPECT_EQ(data["bench"], bench);
  EXPECT_EQ(data["trace"]["rows"], json({"block 0 producer"}));
  EXPECT_EQ(data["trace"]["names"], json({"copy"}));
  EXPECT_EQ(data["trace"]["spans"], json::array({json::array({0, 0, 2.5, 1.25, 3})}));
}

TEST(Report, OtherFilesAreRefused) {
  const auto plan = planNamed("small");
  for (const json &bench : {json::array(), json{{"results", 1}}, json("text")}) {
    const Status status = htmlReport(*plan, bench, {}).status();
    EXPECT_EQ(status.code(), StatusCode::InvalidArgument);
    EXPECT_EQ(status.message(), "--bench: is not what cadenza-bench --json writes");
  }
  json unknownRow = traceOf(1);
  unknownRow["traceEvents"][1]["tid"] = 7;
  json withoutTime = traceOf(1);
  withoutTime["traceEvents"][1].erase("ts");
  for (const json &trace : {json(1), json{{"traceEvents", 2}}, json{{"traceEvents", {1}}}, unknownRow, withoutTime})
    EXPECT_EQ(htmlReport(*plan, {}, trace).status().message(), "--trace: is not what cadenza-bench --trace writes");
}

} // namespace
} // namespace cadenza::testing
