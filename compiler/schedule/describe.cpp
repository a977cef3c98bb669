#include "compiler/schedule/persistent.h"

#include <cstdarg>
#include <cstdio>

namespace cadenza {
namespace {

[[gnu::format(printf, 1, 2)]] std::string format(const char *text, ...) {
  char buffer[512];
  va_list arguments;
  va_start(arguments, text);
  std::vsnprintf(buffer, sizeof buffer, text, arguments);
  va_end(arguments);
  return buffer;
}

constexpr Product layerProducts[] = {Product::QueryKeyValue, Product::Output, Product::GateUp, Product::Down};

std::string cell(const BlockWork &work) {
  if (work.tiles * work.steps == 0)
    return "-";
  return format("%lld+%lld x %lld+%lld", static_cast<long long>(work.firstTile), static_cast<long long>(work.tiles),
                static_cast<long long>(work.firstStep), static_cast<long long>(work.steps));
}

} // namespace

std::string describe(const PersistentSchedule &s) {
  std::string text = format(
      "persistent schedule: %d groups of %d blocks, %d consumer warps and a producer a block\n"
      "KiB in flight: %d in the attention half, %d in the other half (%d without a KV head), %d in a long context, "
      "%d in the head, %d ahead (%d without a KV head); stages of %d KiB\n"
      "%s\n"
      "packets: %llu bytes, two exchanges a layer, four sets of slots in turn\n"
      "within a group, values go through %s\n",
      s.device.groups, s.device.ranks, s.device.warps, s.inFlight.attention / 1024, s.inFlight.kvGroup / 1024,
      s.inFlight.others / 1024, s.inFlight.context / 1024, s.inFlight.head / 1024, s.inFlight.kvGroupAhead / 1024,
      s.inFlight.othersAhead / 1024, s.stageBytes() / 1024,
      s.memoryBound() ? "the memory bounds a layer" : "the chain of exchanges and products bounds a layer",
      static_cast<unsigned long long>(s.packetBytes()),
      s.device.clusters ? "the shared memory of its cluster" : "packets, too: no clusters");
  text +=
      "\nwork of a block: first tile+tiles (16 rows) x first step+steps (32 columns), in the order of the ring; rows\n"
      "of query_key_value and gate_up count from the group's first\n";
  text += format("%5s %4s  %-18s %-7s %-18s %-18s %-18s %10s  %-18s\n", "group", "rank", "query_key_value", "cache",
                 "output", "gate_up", "down", "bytes", "head");
  int64_t most = 0, all = 0;
  const int64_t layers = s.model.layers;
  for (int group = 0; group < s.device.groups; ++group)
    for (int rank = 0; rank < s.device.ranks; ++rank) {
      int64_t bytes = 0;
      for (int64_t layer = 0; layer < layers; ++layer)
        for (Product product : layerProducts)
          bytes += s.work(product, group, rank, layer).bytes(format_of(s.model.encoding));
      bytes /= layers;
      most = std::max(most, bytes);
      all += bytes;
      const auto work = [&](Product product) { return cell(s.work(product, group, rank, 0)); };
      const std::string cache = group < s.attentionGroups() ? format("%d/%d", rank, s.device.ranks) : "-";
      text += format("%5d %4d  %-18s %-7s %-18s %-18s %-18s %10lld  %-18s\n", group, rank,
                     work(Product::QueryKeyValue).c_str(), cache.c_str(), work(Product::Output).c_str(),
                     work(Product::GateUp).c_str(), work(Product::Down).c_str(), static_cast<long long>(bytes),
                     work(Product::Head).c_str());
    }
  text += format("\nweights of a block a layer, averaged over layers: at most %.1f %% above the mean\n",
                 100.0 * (static_cast<double>(most) * s.blocks() / static_cast<double>(all) - 1.0));
  return text;
}

} // namespace cadenza
