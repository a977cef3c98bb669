#include "runtime/plan/describe.h"

#include "runtime/plan/format.h"
#include "runtime/plan/text_table.h"
#include "runtime/support/json.h"

#include <cstdio>
#include <map>

namespace cadenza {
namespace {

using Json = nlohmann::ordered_json;

template <typename... Arguments> std::string print(const char *format, Arguments... arguments) {
  std::string text(static_cast<size_t>(std::snprintf(nullptr, 0, format, arguments...)), '\0');
  std::snprintf(text.data(), text.size() + 1, format, arguments...);
  return text;
}

std::string decimal(uint64_t value) { return std::to_string(value); }

std::string headLine(const Plan &plan) {
  const Program &program = plan.program();
  std::string text = plan.path() + ": " + formatBytes(plan.fileBytes()) + ", plan format " + decimal(format::version) +
                     "\n\nmodel   " + program.model.name;
  if (const std::optional<Decoder> &decoder = program.decoder)
    text += " (" + decoder->family + "): " + decimal(decoder->layers) + " layers, hidden size " +
            decimal(decoder->hiddenSize) + ", vocabulary " + decimal(decoder->vocabulary) + ", context up to " +
            decimal(decoder->maxContext) + ", " + std::string(dtypeName(decoder->weightDtype));
  else
    text += ": no decoder, " + decimal(program.entries.size()) +
            (program.entries.size() == 1 ? " entry of named tensors" : " entries of named tensors");
  return text + "\nweights " + program.model.weights + "\n";
}

/// One line a field; JSON keeps control characters of a string away from the terminal.
std::string metadataLines(const nlohmann::json &metadata) {
  TextTable table("ll");
  for (const auto &[name, value] : metadata.items()) {
    std::string text = value.dump();
    if (text.size() > 100)
      text = text.substr(0, 97) + "...";
    table.row({nlohmann::json(name).dump(), std::move(text)});
  }
  return table.text("  ");
}

Json jsonOrNull(std::string_view text) {
  const auto json = parseJson(text);
  return json.isOk() ? Json(*json) : Json();
}

/// Templates, special tokens and defaults, each cut to a line.
std::string chatLines(const Plan &plan) {
  TextTable table("lrl");
  const auto shortened = [](std::string text) { return text.size() > 100 ? text.substr(0, 97) + "..." : text; };
  if (const auto chat = parseJson(plan.chatJson()); chat.isOk()) {
    const nlohmann::json templates = chat->value("templates", nlohmann::json::array());
    for (const nlohmann::json &entry : templates.is_array() ? templates : nlohmann::json::array())
      if (entry.is_object() && entry.contains("name") && entry.contains("text") && entry["text"].is_string())
        table.row(
            {"template " + entry["name"].dump(), formatBytes(entry["text"].get_ref<const std::string &>().size()), ""});
    table.row({"special tokens", "", shortened(chat->value("special_tokens", nlohmann::json::object()).dump())});
  }
  if (!plan.generationJson().empty())
    table.row({"generation defaults", "", shortened(std::string(plan.generationJson()))});
  return table.text("  ");
}

std::string sectionLines(const Plan &plan) {
  TextTable table("lrrl");
  for (const SectionInfo &section : plan.sections())
    table.row({section.name, decimal(section.offset), formatBytes(section.bytes), print("%08x", section.crc)});
  return table.text("  ");
}

std::string edgeList(const Program &program, const std::vector<uint32_t> &edges) {
  std::string text;
  for (uint32_t index : edges) {
    const Edge &edge = program.edges[index];
    text += (text.empty() ? "" : ", ") + edge.name + " " + std::string(dtypeName(edge.dtype)) + "[" +
            (edge.tokens == 1 ? "" : decimal(edge.tokens) + " x ") + decimal(edge.elements) + "]";
  }
  return text.empty() ? "-" : text;
}

/// "rms_norm > project > silu mul"
std::string chain(const Phase &phase) {
  std::string text = phase.prologue.empty() ? "" : phase.prologue[0].name + " > ";
  text += phaseKindName(phase.kind);
  for (size_t i = 0; i < phase.epilogues.size(); ++i)
    text += (i ? " " : " > ") + phase.epilogues[i].name;
  return text;
}

std::string blockLines(const Program &program, const Entry &entry, size_t headBlock, const std::string &indent) {
  std::string text;
  for (size_t b = 0; b < entry.blocks.size(); ++b) {
    const Block &block = entry.blocks[b];
    text += indent + block.name + " x " + decimal(block.count) + (b >= headBlock ? " (head)\n" : "\n");
    TextTable table("lll");
    for (const Phase &phase : block.phases)
      table.row(
          {phase.name, chain(phase), edgeList(program, phase.inputs) + " -> " + edgeList(program, phase.outputs)});
    text += table.text(indent + "  ");
  }
  return text;
}

std::string portList(const Program &program, const std::vector<Port> &ports) {
  std::string text;
  for (const Port &port : ports)
    text += (text.empty() ? "" : ", ") + describePort(program, port);
  return text.empty() ? "-" : text;
}

std::string programLines(const Program &program) {
  std::string text;
  for (size_t e = 0; e < program.entries.size(); ++e) {
    const Entry &entry = program.entries[e];
    const bool decodes = program.decoder && program.decoder->entry == e;
    text += "  " + entry.name + ": " + portList(program, entry.inputs) + " -> " + portList(program, entry.outputs) +
            (decodes             ? " (the decoder's step)\n"
             : tileOf(entry) > 1 ? " (prefill: " + decimal(launchesPerRun(program, entry)) + " launches a tile)\n"
                                 : "\n");
    text += blockLines(program, entry, headBlock(program, static_cast<uint32_t>(e)), "    ");
  }
  return text;
}

std::string memoryLines(const Program &program) {
  const MemoryNeeds needs = memoryNeeds(program);
  TextTable table("lrl");
  table.row({"weights", formatBytes(needs.weights), ""});
  if (program.decoder) {
    table.row({"keys and values", formatBytes(1024 * needs.cachePerPosition), "per 1024 positions"});
    if (needs.windowCaches != 0)
      table.row({"  of windows", formatBytes(needs.cacheOfWindows),
                 decimal(needs.windowCaches) + " of " + decimal(program.caches.size()) + " caches keep a window"});
    table.row({"rope tables, tokens", formatBytes(1024 * needs.tablesPerPosition), "per 1024 positions"});
  }
  table.row({"activations", formatBytes(needs.activations), ""});
  return table.text("  ");
}

/// Registers and spills of a kernel in each code section that reports them: "sm_90 64+16".
std::string resourceList(const Plan &plan, const std::string &kernel) {
  std::string text;
  for (const CodeSection &code : plan.code()) {
    for (const KernelResources &resources : code.resources) {
      if (resources.kernel == kernel)
        text += (text.empty() ? "" : ", ") + code.target + " " + decimal(resources.registers) +
                (resources.localBytes ? "+" + decimal(resources.localBytes) + " B local" : "");
    }
  }
  return text.empty() ? "-" : text;
}

std::string kernelLines(const Plan &plan) {
  TextTable table("lrrrrrl");
  table.row({"name", "blocks", "threads", "shared", "weights", "activations", "registers"});
  for (const Kernel &kernel : plan.program().kernels)
    table.row({kernel.name, decimal(kernel.blocks), decimal(kernel.threads), formatBytes(kernel.sharedBytes),
               formatBytes(kernel.weightBytes), formatBytes(kernel.activationBytes), resourceList(plan, kernel.name)});
  return table.text("  ");
}

/// The divisions of the persistent schedule, their kernels, and which phases each sums in another order than they
/// carry.
std::string divisionLines(const Program &program) {
  TextTable table("lrrlll");
  table.row({"name", "blocks", "packets", "targets", "kernels", "other sums"});
  const auto join = [](const std::vector<std::string> &names, const char *none) {
    std::string text;
    for (const std::string &name : names)
      text += (text.empty() ? "" : ", ") + name;
    return text.empty() ? none : text;
  };
  const auto kernels = [](const Division &division) {
    if (!division.longContext)
      return division.kernel;
    return division.kernel + ", from position " + decimal(division.longContext->fromPosition) + " " +
           division.longContext->kernel;
  };
  for (const Division &division : program.divisions) {
    std::vector<std::string> phases;
    phases.reserve(division.orders.size());
    for (const PhaseOrder &order : division.orders)
      phases.push_back(decodeEntry(program).blocks[order.block].phases[order.phase].name);
    table.row({division.name + (division.clusters ? "" : ", no clusters"), decimal(division.blocks()),
               formatBytes(division.packetBytes), join(division.targets, "all"), kernels(division), join(phases, "-")});
  }
  return table.text("  ");
}

} // namespace

uint64_t positionBytes(const Cache &cache) {
  return 2 * static_cast<uint64_t>(cache.kvHeads * cache.headDim) * dtypeSize(cache.dtype);
}

uint64_t positionBytes(const Weight &ropeTable) { return static_cast<uint64_t>(ropeTable.rows) * 2 * sizeof(float); }

MemoryNeeds memoryNeeds(const Program &program) {
  MemoryNeeds needs;
  needs.activations = program.arenaBytes;
  needs.tablesPerPosition = program.decoder ? sizeof(int32_t) : 0; // the token id
  for (const Scratch &scratch : program.scratch)
    needs.activations += scratch.bytes;
  for (const Weight &weight : program.weights) {
    needs.weights += weight.bytes;
    if (weight.encoding == Encoding::rope_table)
      needs.tablesPerPosition += positionBytes(weight);
  }
  for (const Cache &cache : program.caches) {
    if (cache.positions == 0) {
      needs.cachePerPosition += positionBytes(cache);
      continue;
    }
    const int64_t longest = program.decoder ? program.decoder->maxContext : cache.positions;
    needs.cacheOfWindows += static_cast<uint64_t>(cachePositions(cache, longest)) * positionBytes(cache);
    ++needs.windowCaches;
  }
  return needs;
}

uint64_t launchesPerRun(const Program &program, const Entry &entry) {
  uint64_t launches = 0;
  for (const Block &block : entry.blocks)
    for (const Phase &phase : block.phases)
      launches += static_cast<uint64_t>(block.count) * static_cast<uint64_t>(launchesOf(program, entry, phase));
  return launches;
}

uint64_t weightBytesPerRun(const Program &program, const Entry &entry) {
  std::map<std::string_view, uint64_t> bytes;
  for (const Kernel &kernel : program.kernels)
    bytes[kernel.name] = kernel.weightBytes;
  uint64_t total = 0;
  for (const Block &block : entry.blocks) {
    for (const Phase &phase : block.phases) {
      const int64_t tokens = tileOf(entry) > 1 ? 1 : phaseTokens(program, phase); // a tile reads a weight once
      total += static_cast<uint64_t>(block.count) * (static_cast<uint64_t>(tokens) * bytes[phase.launch.kernel] +
                                                     (phase.prepare ? bytes[phase.prepare->kernel] : 0));
    }
  }
  return total;
}

std::string formatBytes(uint64_t bytes) {
  constexpr const char *units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < std::size(units); ++unit)
    value /= 1000;
  const int digits = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return print("%.*f %s", digits, value, units[unit]);
}

std::string describePlan(const Plan &plan) {
  const Program &program = plan.program();
  std::string text = headLine(plan) + "\ncode\n";
  TextTable code("llr");
  for (const CodeSection &section : plan.code())
    code.row({section.target, std::string(codeKindName(section.kind)), formatBytes(section.image.size())});
  text += plan.code().empty() ? "  none: for the CPU only\n" : code.text("  ");
  if (program.decoder)
    text += "\nprogram: " + decimal(launchesPerRun(program, decodeEntry(program))) + " launches and " +
            formatBytes(weightBytesPerRun(program, decodeEntry(program))) + " of weights a token\n";
  else
    text += "\nprogram\n";
  text += programLines(program);
  text += "\nmemory\n" + memoryLines(program);
  text += "\nkernels (bytes a launch)\n" + kernelLines(plan);
  if (!program.divisions.empty())
    text += "\ndivisions of the persistent schedule\n" + divisionLines(program);
  if (!plan.chatJson().empty() || !plan.generationJson().empty())
    text += "\nchat (docs/chat.md)\n" + chatLines(plan);
  text += "\nsections (offset, length, CRC-32C)\n" + sectionLines(plan);
  text += "\nmetadata\n" + metadataLines(plan.metadata());
  return text;
}

Json planToJson(const Plan &plan) {
  const Program &program = plan.program();
  const MemoryNeeds needs = memoryNeeds(program);
  const Json programJson = toJson(program);
  Json json = {{"path", plan.path()},
               {"file_bytes", plan.fileBytes()},
               {"format_version", format::version},
               {"model", programJson["model"]},
               {"decoder", program.decoder ? toJson(*program.decoder) : Json()},
               {"metadata", plan.metadata()},
               {"chat", jsonOrNull(plan.chatJson())},
               {"generation", jsonOrNull(plan.generationJson())},
               {"sections", Json::array()},
               {"code", Json::array()},
               {"sources", Json::array()},
               {"memory",
                {{"weights", needs.weights},
                 {"activations", needs.activations},
                 {"cache_per_position", needs.cachePerPosition},
                 {"cache_of_windows", needs.cacheOfWindows},
                 {"tables_per_position", needs.tablesPerPosition}}},
               {"kernels", programJson["kernels"]},
               {"divisions", programJson["divisions"]},
               {"entries", Json::array()}};
  for (const SectionInfo &section : plan.sections())
    json["sections"].push_back(
        {{"name", section.name}, {"offset", section.offset}, {"bytes", section.bytes}, {"crc32c", section.crc}});
  for (const CodeSection &code : plan.code()) {
    Json resources = Json::array();
    for (const KernelResources &kernel : code.resources)
      resources.push_back(
          {{"kernel", kernel.kernel}, {"registers", kernel.registers}, {"local_bytes", kernel.localBytes}});
    json["code"].push_back({{"target", code.target},
                            {"kind", codeKindName(code.kind)},
                            {"bytes", code.image.size()},
                            {"resources", std::move(resources)}});
  }
  for (const SourceFile &source : plan.sources())
    json["sources"].push_back({{"path", source.path}, {"bytes", source.text.size()}});
  for (size_t e = 0; e < program.entries.size(); ++e) {
    const Entry &entry = program.entries[e];
    Json blocks = Json::array();
    for (const Block &block : entry.blocks) {
      Json phases = Json::array();
      for (const Phase &phase : block.phases) {
        phases.push_back({{"name", phase.name}, {"kernel", phase.launch.kernel}, {"computes", chain(phase)}});
        if (phase.prepare)
          phases.back()["prepare"] = phase.prepare->kernel;
      }
      blocks.push_back({{"name", block.name}, {"count", block.count}, {"phases", std::move(phases)}});
    }
    json["entries"].push_back({{"name", entry.name},
                               {"inputs", programJson["entries"][e]["inputs"]},
                               {"outputs", programJson["entries"][e]["outputs"]},
                               {"launches", launchesPerRun(program, entry)},
                               {"weight_bytes", weightBytesPerRun(program, entry)},
                               {"blocks", std::move(blocks)}});
  }
  return json;
}

} // namespace cadenza
