// What makes a program a decoder: all of it is a property of the entry that the decoder section names.
#include "runtime/plan/functions.h"
#include "runtime/plan/program_check.h"

#include <algorithm>
#include <set>

namespace cadenza {
namespace {

std::string text(uint64_t value) { return std::to_string(value); }

void checkTokens(const Decoder &decoder, FieldErrors &errors) {
  const std::string path = "decoder";
  if (!isActivation(decoder.weightDtype))
    errors.add(path + ".weight_dtype", std::string(dtypeName(decoder.weightDtype)) + " is not a type of weights");
  if (decoder.bosToken >= decoder.vocabulary)
    errors.add(path + ".bos_token", text(decoder.bosToken) + " of a vocabulary of " + text(decoder.vocabulary));
  if (decoder.eosTokens.size() > maxEosTokens)
    errors.add(path + ".eos_tokens", text(decoder.eosTokens.size()) + " tokens; at most " + text(maxEosTokens));
  for (size_t i = 0; i < decoder.eosTokens.size(); ++i)
    checkIndex(decoder.eosTokens[i], decoder.vocabulary, "token", at(path + ".eos_tokens", i), errors);
  if (decoder.maxContext >= (int64_t(1) << 31) - 1) // tokens has one more entry, and positions are 32-bit
    errors.add(path + ".max_context", text(decoder.maxContext) + " is too long");
}

const Port *find(const std::vector<Port> &ports, PortKind kind) {
  const auto found = std::find_if(ports.begin(), ports.end(), [&](const Port &port) { return port.kind == kind; });
  return found == ports.end() ? nullptr : &*found;
}

/// It takes the token, or in a prefill the tokens of a tile, and their position and gives the next token; the logits
/// are a result, or nobody's.
void checkStepPorts(const Entry &entry, int64_t tile, const std::string &path, FieldErrors &errors) {
  const auto one = [&](const std::vector<Port> &ports, PortKind kind, const char *list, int64_t tokens = 1) {
    const Port *port = find(ports, kind);
    if (!port)
      errors.add(path + list, "no port " + std::string(portKindName(kind)) + "; a decoder's step takes token and " +
                                  "position and gives next");
    else if (port->shape != std::vector<int64_t>{tokens})
      errors.add(path + list, (tile == 1 ? "a decoder's step works on one token, not on the "
                                         : "the position of a prefill and its next token are one each, not the ") +
                                  text(port->shape[0]) + " of port " + std::string(portKindName(kind)));
  };
  one(entry.inputs, PortKind::Token, ".inputs", tile);
  one(entry.inputs, PortKind::Position, ".inputs");
  one(entry.outputs, PortKind::Next, ".outputs");
  for (const std::vector<Port> *ports : {&entry.inputs, &entry.outputs})
    for (const Port &port : *ports)
      if (port.kind == PortKind::Tensor)
        errors.add(path + (ports == &entry.inputs ? ".inputs" : ".outputs"),
                   "tensor '" + port.name + "'; a decoder's step has none");
}

/// Elements of segment `slot` of a phase that has been checked.
int64_t segmentSize(const Program &program, const Phase &phase, size_t slot) {
  return phase.kind == PhaseKind::Project ? phase.segmentRows[slot] : program.edges[phase.inputs[slot]].elements;
}

/// What `ref` stands for, in a table for the first iteration.
const Weight &firstWeight(const Program &program, const Ref &ref) {
  return program.weights[ref.perLayer ? program.weightTables[ref.index][0] : ref.index];
}

/// Of a phase that takes one token at a time: a launch has its kernel's blocks, and nothing comes before it.
void checkPlainLaunch(const Phase &phase, const std::string &place, FieldErrors &errors) {
  if (phase.prepare)
    errors.add(place + ".prepare", "only a tile has it");
  if (phase.launch.blocks != 0)
    errors.add(place + ".launch.blocks", "only a tile has it");
  if (!phase.variants.empty())
    errors.add(place + ".variants", "only a tile has any");
}

/// A step selects its token once and reads one embedding row, so that position and token advance as they should.
void checkStep(const Program &program, const Entry &entry, const std::string &path, FieldErrors &errors) {
  const Decoder &decoder = *program.decoder;
  size_t embeds = 0, selects = 0;
  for (size_t b = 0; b < entry.blocks.size(); ++b) {
    const Block &block = entry.blocks[b];
    const bool head = b >= decoder.headBlock;
    for (size_t i = 0; i < block.phases.size(); ++i) {
      const Phase &phase = block.phases[i];
      const std::string place = at(at(path + ".blocks", b) + ".phases", i);
      checkPlainLaunch(phase, place, errors);
      if (phase.kind == PhaseKind::Last)
        errors.add(place + ".kind", "last; a decoder's step has none");
      for (uint32_t output : phase.outputs)
        if (program.edges[output].tokens != 1)
          errors.add(place + ".outputs", "edge '" + program.edges[output].name + "' is of " +
                                             text(program.edges[output].tokens) + " tokens; a decoder's step has one");
      if (phase.kind == PhaseKind::Fusion)
        errors.add(place + ".kind", "fusion; a decoder's step has none");
      if (phase.kind == PhaseKind::Embed) {
        if (++embeds > 1 || head || block.count != 1)
          errors.add(place + ".kind", "embed; expected once, before decoder.head_block, in a block of count 1");
        const Weight &table = firstWeight(program, phase.matrix);
        if (table.rows != decoder.vocabulary)
          errors.add(place + ".matrix", "'" + table.name + "' has " + text(table.rows) + " rows; the vocabulary has " +
                                            text(decoder.vocabulary));
        if (phase.positions && firstWeight(program, *phase.positions).rows < decoder.maxContext) {
          const Weight &positions = firstWeight(program, *phase.positions);
          errors.add(place + ".positions", "'" + positions.name + "' has " + text(positions.rows) +
                                               " rows; positions go up to decoder.max_context, " +
                                               text(decoder.maxContext));
        }
      }
      for (const Function &epilogue : phase.epilogues) {
        if (epilogue.name != "argmax")
          continue;
        if (++selects > 1 || !head || block.count != 1)
          errors.add(place + ".epilogues", "argmax; expected once, from decoder.head_block on, in a block of count 1");
        const int64_t size = segmentSize(program, phase, epilogue.parameters.at("segment").get<size_t>());
        if (size != decoder.vocabulary)
          errors.add(place + ".epilogues",
                     "argmax of " + text(size) + " elements; the vocabulary has " + text(decoder.vocabulary));
      }
    }
  }
  if (embeds == 0)
    errors.add(path + ".blocks", "no embed phase; a decoder's step has one");
  if (selects == 0)
    errors.add(path + ".blocks", "no argmax; a decoder's step selects one token");
}

/// The launches of a phase of named tensors. One of a tile reads the state, in which all of its tokens are live.
void checkTensorLaunches(const Entry &entry, const Phase &phase, const KernelsByName &kernels, const std::string &place,
                         FieldErrors &errors) {
  const bool isTile = takesTile(entry, phase);
  if (isTile)
    checkTileLaunches(phase, true, kernels, place, errors);
  else
    checkPlainLaunch(phase, place, errors);
  const auto checkArguments = [&](const Launch &launch, const std::string &field) {
    for (const Argument &argument : launch.arguments) {
      const bool ofTile = argument.kind == ArgumentKind::State || argument.kind == ArgumentKind::Number;
      if (argument.kind != ArgumentKind::Edge && argument.kind != ArgumentKind::Weight &&
          argument.kind != ArgumentKind::Scratch && !(isTile && ofTile))
        errors.add(place + "." + field + ".arguments", "the decode state or a cache; only a decoder's step has them");
    }
  };
  checkArguments(phase.launch, "launch");
  if (phase.prepare)
    checkArguments(*phase.prepare, "prepare");
  for (size_t i = 0; i < phase.variants.size(); ++i)
    checkArguments(phase.variants[i].launch, at("variants", i) + ".launch");
}

/// An entry that is no decoder's step works on named tensors and has no part in the decode state.
void checkStateless(const Entry &entry, const KernelsByName &kernels, const std::string &path, FieldErrors &errors) {
  for (const std::vector<Port> *ports : {&entry.inputs, &entry.outputs})
    for (size_t i = 0; i < ports->size(); ++i)
      if ((*ports)[i].kind != PortKind::Tensor)
        errors.add(at(path + (ports == &entry.inputs ? ".inputs" : ".outputs"), i) + ".kind",
                   std::string(portKindName((*ports)[i].kind)) + "; only a decoder's step has that port");
  for (size_t b = 0; b < entry.blocks.size(); ++b) {
    for (size_t i = 0; i < entry.blocks[b].phases.size(); ++i) {
      const Phase &phase = entry.blocks[b].phases[i];
      const std::string place = at(at(path + ".blocks", b) + ".phases", i);
      checkTensorLaunches(entry, phase, kernels, place, errors);
      if (phase.kind != PhaseKind::Project && phase.kind != PhaseKind::Map && phase.kind != PhaseKind::Fusion)
        errors.add(place + ".kind",
                   std::string(phaseKindName(phase.kind)) + "; only a decoder's step has such a phase");
      for (const Function &epilogue : phase.epilogues)
        if (findFunction(FunctionRole::Epilogue, epilogue.name)->decodes)
          errors.add(place + ".epilogues", epilogue.name + "; only a decoder's step has that function");
    }
  }
}

} // namespace

void checkDecoder(const Program &program, FieldErrors &errors) {
  if (program.decoder) {
    checkTokens(*program.decoder, errors);
    if (!checkIndex(program.decoder->entry, program.entries.size(), "entry", "decoder.entry", errors))
      return;
    const Entry &step = decodeEntry(program);
    const std::string path = at("program.entries", program.decoder->entry);
    checkStepPorts(step, /*tile=*/1, path, errors);
    checkIndex(program.decoder->headBlock, step.blocks.size(), "block", "decoder.head_block", errors);
    checkStep(program, step, path, errors);
  } else {
    if (!program.caches.empty())
      errors.add("program.caches", "not empty; only a decoder has caches");
    if (!program.divisions.empty())
      errors.add("program.divisions", "not empty; only a decoder has the persistent schedule");
    for (size_t i = 0; i < program.weights.size(); ++i)
      if (program.weights[i].encoding == Encoding::rope_table)
        errors.add(at("program.weights", i) + ".encoding", "rope_table; only a decoder has positions");
  }
  KernelsByName kernels;
  for (const Kernel &kernel : program.kernels)
    kernels.emplace(kernel.name, &kernel);
  std::set<int64_t> tiles;
  for (uint32_t e = 0; e < program.entries.size(); ++e) {
    const Entry &entry = program.entries[e];
    const std::string path = at("program.entries", e);
    const int64_t tile = tileOf(entry);
    if (program.decoder && e == program.decoder->entry)
      continue;
    if (!program.decoder || tile <= 1) {
      checkStateless(entry, kernels, path, errors);
      continue;
    }
    if (!tiles.insert(tile).second)
      errors.add(path + ".inputs", "a tile of " + text(static_cast<uint64_t>(tile)) + " tokens, as another entry has");
    checkStepPorts(entry, tile, path, errors);
    if (errors.none())
      checkPrefill(program, e, kernels, errors);
  }
}

} // namespace cadenza
