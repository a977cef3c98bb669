#include "compiler/import/onnx/decoder/decoder.h"
#include "compiler/import/onnx/decoder/data_flow.h"
#include "compiler/import/onnx/decoder/step_shapes.h"
#include "compiler/import/onnx/node_attributes.h"
#include "compiler/import/text.h"

#include <algorithm>
#include <cctype>

namespace cadenza::onnx {
namespace {

/// A past and what becomes of it.
struct CachePair {
  const Port *past, *present;
  size_t axis; // of the positions
  Attended role;
};

class Recogniser {
public:
  Recogniser(const Model &model, const std::map<std::string, std::string> &dims, const DecoderHints &hints,
             Findings &findings)
      : original(model), hints(hints), findings(findings), shapes(model.file, dims) {
    step.model = model;
  }

  bool isMeant(const std::map<std::string, std::string> &dims) {
    const bool hasCache = std::ranges::any_of(original.graph.outputs, [&](const Port &output) {
      const auto pair = pairOf(output);
      return pair && (pair->role.attention != none || !flow.attentionsOf(flow.source(output.value)).empty());
    });
    return hasCache && (!tokenInputs().empty() || hasOpenExtents(dims));
  }

  StatusOr<DecoderStep> run() {
    CADENZA_RETURN_IF_ERROR(findCaches());
    CADENZA_RETURN_IF_ERROR(findTokens());
    CADENZA_RETURN_IF_ERROR(findLogits());
    CADENZA_RETURN_IF_ERROR(classifyOthers());
    CADENZA_RETURN_IF_ERROR(setShapes());
    CADENZA_RETURN_IF_ERROR(analyse());
    CADENZA_RETURN_IF_ERROR(measure());
    return std::move(step);
  }

private:
  Graph &graph() { return step.model.graph; }

  Status noDecoder(const std::string &why) const {
    return {StatusCode::Unsupported, original.file + ": is no decoder that can be compiled: " + why};
  }
  static std::string text(const Port &port) { return quotedName(port.name) + " (" + typeText(port.type.get()) + ")"; }

  // Caches

  const Port *inputOf(ValueId value) const {
    for (const Port &input : original.graph.inputs)
      if (input.value == value)
        return &input;
    return nullptr;
  }

  /// The past that `present` extends, by the node that makes it.
  std::optional<CachePair> pairOf(const Port &present) {
    const ValueId made = flow.source(present.value);
    const Node *node = flow.producer(made);
    if (!node)
      return std::nullopt;
    const NodeId id = original.graph.values[made].producer;
    const auto output = static_cast<size_t>(std::ranges::find(node->outputs, made) - node->outputs.begin());
    const auto pair = [&](size_t input, int64_t axis) -> std::optional<CachePair> {
      const Port *past = input < node->inputs.size() ? inputOf(flow.source(node->inputs[input])) : nullptr;
      if (!past || !past->type->shape)
        return std::nullopt;
      const auto rank = static_cast<int64_t>(past->type->shape->size());
      axis += axis < 0 ? rank : 0;
      if (axis < 1 || axis >= rank)
        return std::nullopt;
      return CachePair{past, &present, static_cast<size_t>(axis), {none, false}};
    };
    const auto ofOperator = [&](size_t keyOutput, size_t pastKey) -> std::optional<CachePair> {
      if (output < keyOutput || output > keyOutput + 1)
        return std::nullopt;
      auto found = pair(pastKey + output - keyOutput, 2);
      if (found)
        found->role = {id, output != keyOutput};
      return found;
    };
    if (isStandard(*node, "Concat") && node->inputs.size() == 2)
      return pair(0, NodeAttributes(*node).integer("axis", 0));
    if (isStandard(*node, "TensorScatter"))
      return pair(0, NodeAttributes(*node).integer("axis", -2));
    if (isMicrosoft(*node, "GroupQueryAttention"))
      return ofOperator(1, 3);
    if (isStandard(*node, "Attention"))
      return ofOperator(1, 4);
    if (isMicrosoft(*node, "MultiHeadAttention"))
      return ofOperator(1, 6);
    return std::nullopt;
  }

  Status findCaches() {
    for (const Port &output : original.graph.outputs)
      if (auto pair = pairOf(output))
        pairs.push_back(*pair);
    if (pairs.empty())
      return noDecoder("no output is a past that grew by the new tokens");
    for (CachePair &pair : pairs) {
      if (pair.role.attention == none) {
        const std::vector<Attended> roles = flow.attentionsOf(flow.source(pair.present->value));
        if (roles.size() != 1)
          return noDecoder("output " + quotedName(pair.present->name) + ", which is input " +
                           quotedName(pair.past->name) + " grown, goes into " +
                           (roles.empty() ? "no attention" : "several attentions"));
        pair.role = roles.front();
      }
      const bool isTwice = std::ranges::count(pairs, pair.past, &CachePair::past) > 1;
      if (isTwice)
        return noDecoder("input " + quotedName(pair.past->name) + " grows into several outputs");
    }
    std::map<NodeId, DecoderLayer> layers; // nodes are in order, so layers are
    for (const CachePair &pair : pairs) {
      DecoderLayer &layer = layers[pair.role.attention];
      layer.attention = pair.role.attention;
      ValueId &place = pair.role.asValues ? layer.pastValue : layer.pastKey;
      if (place != none)
        return noDecoder("input " + quotedName(pair.past->name) + " goes where input " +
                         quotedName(original.graph.values[place].name) + " does, as the " +
                         (pair.role.asValues ? "values" : "keys") + " of one attention");
      place = pair.past->value;
      const size_t rank = pair.past->type->shape->size();
      const CacheLayout layout = rank == 3        ? CacheLayout::Flat
                                 : pair.axis == 1 ? CacheLayout::PositionsFirst
                                                  : CacheLayout::HeadsFirst;
      const bool isFirst = layer.pastKey == none || layer.pastValue == none;
      if ((rank != 3 && rank != 4) || (rank == 3 && pair.axis != 1) || pair.axis == 3 ||
          (!isFirst && layout != layer.layout))
        return noDecoder("input " + text(*pair.past) + " grows along axis " + std::to_string(pair.axis) +
                         ": caches are [batch, heads, positions, size], [batch, positions, heads, size] or "
                         "[batch, positions, heads * size]");
      layer.layout = layout;
    }
    for (auto &[node, layer] : layers) {
      if (layer.pastKey == none || layer.pastValue == none)
        return noDecoder(
            "input " + quotedName(original.graph.values[layer.pastKey == none ? layer.pastValue : layer.pastKey].name) +
            " holds " + (layer.pastKey == none ? "values" : "keys") + " of " + describe(original.graph, node) +
            ", which takes no past " + (layer.pastKey == none ? "keys" : "values"));
      step.layers.push_back(layer);
    }
    return checkNames();
  }

  /// Where names say which output is fed to which input, as ONNX Runtime's users do, they have to say what the graph
  /// does: else those users and a plan would compute different things of one file.
  Status checkNames() const {
    std::map<std::string, const Port *> pasts, presents; // by the part of a name that tells caches apart
    for (const CachePair &pair : pairs) {
      pasts.emplace(partOfName(pair.past->name), pair.past);
      presents.emplace(partOfName(pair.present->name), pair.present);
    }
    const bool areNamed = pasts.size() == pairs.size() && presents.size() == pairs.size() &&
                          std::ranges::equal(
                              pasts, presents, {}, [](const auto &entry) { return entry.first; },
                              [](const auto &entry) { return entry.first; });
    for (const CachePair &pair : pairs)
      if (areNamed && partOfName(pair.past->name) != partOfName(pair.present->name))
        return {
            StatusCode::InvalidInput,
            original.file + ": output " + quotedName(pair.present->name) + " is input " + quotedName(pair.past->name) +
                " grown, but is named as if it belonged to input " +
                quotedName(pasts.at(partOfName(pair.present->name))->name) +
                ": who feeds outputs to inputs by their names computes something else than the graph does by itself"};
    return Status::ok();
  }

  /// "1k" of past_key_values.1.key, "12v" of present.12.value: its numbers, and whether it is of keys or values.
  static std::string partOfName(std::string_view name) {
    std::string part;
    for (size_t i = 0; i < name.size(); ++i)
      if (std::isdigit(static_cast<unsigned char>(name[i])))
        part += name[i];
      else if (!part.empty() && part.back() != '.')
        part += '.';
    if (!part.empty() && part.back() == '.')
      part.pop_back();
    const size_t key = name.rfind("key"), value = name.rfind("value");
    const bool isValue = value != std::string_view::npos && (key == std::string_view::npos || value > key);
    return part + (isValue ? "v" : key != std::string_view::npos ? "k" : "");
  }

  bool isCache(const Port &input) const {
    return std::ranges::any_of(pairs, [&](const CachePair &pair) { return pair.past == &input; });
  }
  bool isPresent(const Port &output) const {
    return std::ranges::any_of(pairs, [&](const CachePair &pair) { return pair.present == &output; });
  }

  // Tokens and logits

  /// The gather of rows of a constant that `input` indexes; null if there is none.
  const Node *tableOf(const Port &input) const {
    for (const Use &use : flow.reached(input.value)) {
      const Node &node = original.graph.nodes[use.node];
      const bool isGather = isStandard(node, "Gather") || isMicrosoft(node, "GatherBlockQuantized");
      if (isGather && use.input == 1 && original.graph.values[flow.source(node.inputs[0])].constant)
        return &node;
    }
    return nullptr;
  }
  /// Whether the table has a row for each of as many logits as an output declares.
  bool hasRowForEachLogit(const Node &gather) const {
    const Tensor &table = *original.graph.values[flow.source(gather.inputs[0])].constant;
    return std::ranges::any_of(original.graph.outputs, [&](const Port &output) {
      const bool isShaped = output.type && output.type->shape && !output.type->shape->empty();
      return isShaped && !isPresent(output) && output.type->shape->back().extent &&
             std::ranges::find(table.shape, *output.type->shape->back().extent) != table.shape.end();
    });
  }

  std::vector<const Port *> tokenInputs() const {
    std::vector<const Port *> inputs;
    for (const Port &input : original.graph.inputs)
      if (input.type && isInteger(input.type->element) && tableOf(input))
        inputs.push_back(&input);
    return inputs;
  }

  bool hasOpenExtents(const std::map<std::string, std::string> &dims) const {
    Symbols symbols(dims);
    const auto isOpen = [&](const Dimension &dimension) {
      return !dimension.extent && !(!dimension.symbol.empty() && symbols.read(dimension.symbol).number());
    };
    return std::ranges::any_of(original.graph.inputs, [&](const Port &input) {
      return !input.type || !input.type->shape || std::ranges::any_of(*input.type->shape, isOpen);
    });
  }

  Status findTokens() {
    std::vector<const Port *> candidates = tokenInputs();
    if (candidates.empty())
      return noDecoder("no input of integers chooses rows of a constant, as tokens do" + integerInputs());
    const auto keep = [&](auto &&isBetter) {
      std::vector<const Port *> better;
      std::ranges::copy_if(candidates, std::back_inserter(better), isBetter);
      if (!better.empty())
        candidates = better;
    };
    keep([&](const Port *port) { return hasRowForEachLogit(*tableOf(*port)); });
    if (candidates.size() > 1)
      keep([&](const Port *port) { return port->name == (hints.tokens.empty() ? "input_ids" : hints.tokens); });
    if (candidates.size() > 1)
      return noDecoder("inputs " + quotedName(candidates[0]->name) + " and " + quotedName(candidates[1]->name) +
                       " may both be the tokens: name one of them input_ids");
    tokens = candidates.front();
    gather = tableOf(*tokens);
    if (!hints.tokens.empty() && hints.tokens != tokens->name)
      return {StatusCode::InvalidInput, hints.file + ": the tokens are input " + quotedName(hints.tokens) +
                                            ", but in " + original.file + " it is input " + quotedName(tokens->name) +
                                            " that chooses embeddings"};
    step.inputs.push_back({tokens->value, Feed::Token});
    return Status::ok();
  }

  std::string integerInputs() const {
    std::string names;
    for (const Port &input : original.graph.inputs)
      if (isInteger(input.type->element))
        names += (names.empty() ? "; there are " : ", ") + text(input);
    return names;
  }

  Status findLogits() {
    std::vector<const Port *> candidates;
    for (const Port &output : original.graph.outputs)
      if (!isPresent(output))
        candidates.push_back(&output);
    if (candidates.empty())
      return noDecoder("all outputs are keys and values, none is the logits");
    const Port *logits = candidates.front();
    if (candidates.size() > 1) {
      const auto named = std::ranges::find(candidates, std::string("logits"), &Port::name);
      if (named == candidates.end())
        return noDecoder("outputs " + quotedName(candidates[0]->name) + " and " + quotedName(candidates[1]->name) +
                         " may both be the logits: name one of them logits");
      logits = *named;
      for (const Port *other : candidates)
        if (other != logits)
          findings.notice(original.file + ": output " + quotedName(other->name) +
                          " is left out: a decoder has logits, and keys and values that it keeps");
    }
    step.logits = logits->value;
    graph().outputs = {*logits};
    return Status::ok();
  }

  // Masks, positions, lengths

  Status classifyOthers() {
    for (const Port &input : original.graph.inputs) {
      if (&input == tokens || isCache(input))
        continue;
      const auto feed = feedOf(input);
      if (!feed)
        return noDecoder("input " + text(input) +
                         " is neither the tokens nor, by its name, their positions (position_ids), no mask over past "
                         "and present, no length that "
                         "an attention takes, and no keys or values of the past");
      step.inputs.push_back({input.value, *feed});
    }
    return Status::ok();
  }

  std::optional<Feed> feedOf(const Port &input) const {
    const ElementType type = input.type->element;
    if ((!isInteger(type) && type != ElementType::boolean) || !input.type->shape)
      return std::nullopt;
    for (const Use &use : flow.reached(input.value)) {
      const Node &node = original.graph.nodes[use.node];
      if (isStandard(node, "TensorScatter") && use.input == 2)
        return Feed::Past;
      if (isMicrosoft(node, "GroupQueryAttention") && use.input == 5)
        return Feed::Past;
      if ((isMicrosoft(node, "GroupQueryAttention") || isStandard(node, "Attention")) && use.input == 6)
        return Feed::Total;
    }
    if (type == ElementType::boolean)
      return Feed::Ones;
    if (input.type->shape->empty())
      return std::nullopt;
    const Dimension &last = input.type->shape->back(), &sequence = tokens->type->shape->back();
    if (!last.symbol.empty() && !sequence.symbol.empty()) {
      // Nothing else tells positions from what else there may be of each token, such as the number of a speaker.
      if (last.symbol == sequence.symbol)
        return input.name.find("position") != std::string::npos ? std::optional(Feed::Past) : std::nullopt;
      if (input.type->shape->size() > 1)
        return Feed::Ones;
    }
    if (input.name.find("mask") != std::string::npos)
      return Feed::Ones;
    return input.name.find("position") != std::string::npos ? std::optional(Feed::Past) : std::nullopt;
  }

  // Shapes

  /// Declares the extents of a step: one sequence, one token, an open past.
  Status setShapes() {
    CADENZA_RETURN_IF_ERROR(shapes.keepOpen(nameOfPast()));
    step.past = shapes.past();
    for (const CachePair &pair : pairs) {
      std::vector<Dimension> shape = *pair.past->type->shape;
      const Dimension &positions = shape[pair.axis];
      if (positions.extent) {
        const Node &maker = *flow.producer(flow.source(pair.present->value));
        if (isStandard(maker, "Concat"))
          return noDecoder("input " + text(*pair.past) + " has room for " + std::to_string(*positions.extent) +
                           " positions and grows, so its length has to be open");
        step.capacity = std::min(step.capacity.value_or(*positions.extent), *positions.extent);
      }
      CADENZA_RETURN_IF_ERROR(shapes.set(*pair.past, 0, "1"));
      CADENZA_RETURN_IF_ERROR(shapes.set(*pair.past, pair.axis, shapes.past(), /*replaces=*/true));
      if (shape.size() == 4) {
        const size_t heads = pair.axis == 1 ? 2 : 1;
        CADENZA_RETURN_IF_ERROR(setHinted(*pair.past, heads, hints.kvHeads));
        CADENZA_RETURN_IF_ERROR(setHinted(*pair.past, 3, hints.headDim));
      }
    }
    for (const DecoderInput &input : step.inputs) {
      const Port &port = *inputOf(input.value);
      for (size_t axis = 0; axis < port.type->shape->size(); ++axis) {
        const bool isTotal = input.feed == Feed::Ones && axis + 1 == port.type->shape->size();
        const Dimension &declared = (*port.type->shape)[axis];
        if (input.feed != Feed::Token && input.feed != Feed::Ones && declared.extent)
          continue; // three positions a token, say
        CADENZA_RETURN_IF_ERROR(shapes.set(port, axis, isTotal ? shapes.past() + " + 1" : "1", isTotal));
      }
    }
    shapes.apply(step.model);
    growCaches();
    return Status::ok();
  }

  /// The name that the model has for the length of the past.
  std::string nameOfPast() const {
    for (const CachePair &pair : pairs)
      if (const Dimension &positions = (*pair.past->type->shape)[pair.axis]; isName(positions.symbol))
        return positions.symbol;
    return "past_sequence_length";
  }

  Status setHinted(const Port &past, size_t axis, std::optional<int64_t> hint) {
    const Dimension &declared = (*past.type->shape)[axis];
    if (!hint || declared.extent)
      return Status::ok(); // measure() compares
    return shapes.set(past, axis, std::to_string(*hint));
  }

  /// A cache of fixed size that is written into is one that grows, as far as one step can tell: what lies behind the
  /// positions that are taken is never looked at.
  void growCaches() {
    for (const CachePair &pair : pairs) {
      Node &node = graph().nodes[graph().values[flow.source(pair.present->value)].producer];
      if (isStandard(node, "TensorScatter")) {
        const OperatorVersion *concat = findOperator(standardDomain, "Concat", node.opset);
        node.op = "Concat";
        node.version = concat;
        node.inputs.resize(2);
        node.attributes = {{"axis", static_cast<int64_t>(pair.axis)}};
      }
      // That a cache keeps a window only is a matter of storage: local_window_size says what is looked at.
      if (isMicrosoft(node, "GroupQueryAttention"))
        std::erase_if(node.attributes, [](const Attribute &a) { return a.name == "sliding_window_cache"; });
    }
  }

  Status analyse() {
    AnalysisOptions options{.dims = shapes.dims()};
    if (step.capacity)
      options.limits[step.past] = *step.capacity - 1;
    step.analysis = onnx::analyse(step.model, options, findings);
    CADENZA_RETURN_IF_ERROR(findings.toStatus());
    return checkExtents(step.model, step.analysis, step.past);
  }

  Status contradiction(const std::string &what, int64_t said, int64_t found) const {
    return {StatusCode::InvalidInput, hints.file + ": " + what + " is " + std::to_string(said) + ", but " +
                                          std::to_string(found) + " in " + original.file};
  }
  Status compare(const std::string &what, std::optional<int64_t> said, int64_t found) const {
    return said && *said != found ? contradiction(what, *said, found) : Status::ok();
  }

  /// What operators say of their attention; of a decomposed one raising finds it out.
  Status compareAttentions() {
    for (size_t i = 0; i < step.layers.size(); ++i) {
      const Node &node = original.graph.nodes[step.layers[i].attention];
      const bool isGrouped = isMicrosoft(node, "GroupQueryAttention");
      if (!isGrouped && !isMicrosoft(node, "MultiHeadAttention"))
        continue;
      const NodeAttributes attributes(node);
      const std::string layer = " of layer " + std::to_string(i);
      CADENZA_RETURN_IF_ERROR(compare("the number of heads" + layer, hints.heads, attributes.integer("num_heads", 0)));
      if (!isGrouped || !hints.window || !hints.windowed)
        continue;
      const bool isWindowed = std::ranges::count(*hints.windowed, static_cast<int64_t>(i)) != 0;
      const int64_t window = std::max<int64_t>(0, attributes.integer("local_window_size", -1));
      CADENZA_RETURN_IF_ERROR(compare("the window" + layer, isWindowed ? *hints.window : 0, window));
    }
    if (hints.window && hints.windowed && hints.windowed->empty())
      findings.warning(hints.file + ": there is a window of " + std::to_string(*hints.window) +
                       ", but no layer has it, nor has one in " + original.file +
                       ": the builder may have exported the model without its window, and texts of more tokens are not "
                       "those of the original");
    return Status::ok();
  }

  /// A table with a row a position, of a rotation or of learned positions, has no more of them than rows.
  void limitByTables() {
    for (NodeId id = 0; id < original.graph.nodes.size(); ++id) {
      const Node &node = original.graph.nodes[id];
      const auto limitBy = [&](size_t input) {
        const bool isThere = input < node.inputs.size() && node.inputs[input] != none;
        const auto &facts = isThere ? step.analysis.facts[node.inputs[input]] : std::optional<Facts>();
        const bool isTable = facts && original.graph.values[flow.source(node.inputs[input])].constant;
        if (!isTable || facts->shape.size() != 2 || isInteger(facts->type))
          return;
        if (const auto rows = facts->shape[0].number(); rows && *rows > 0)
          step.capacity = std::min(step.capacity.value_or(*rows), *rows);
      };
      if (!step.analysis.isLive(id) || &node == gather)
        continue;
      if (isStandard(node, "Gather") && NodeAttributes(node).integer("axis", 0) == 0)
        limitBy(0);
      else if (isMicrosoft(node, "GroupQueryAttention"))
        limitBy(7);
      else if (isMicrosoft(node, "RotaryEmbedding"))
        limitBy(2);
      else if (isStandard(node, "RotaryEmbedding") && node.inputs.size() > 3)
        limitBy(1);
    }
  }

  /// Reads sizes off the shapes that follow.
  Status measure() {
    limitByTables();
    const auto shapeOf = [&](ValueId value) -> const Shape & { return step.analysis.facts[value]->shape; };
    for (DecoderLayer &layer : step.layers) {
      const Shape &key = shapeOf(layer.pastKey), &value = shapeOf(layer.pastValue);
      const std::string &name = original.graph.values[layer.pastKey].name;
      if (numbers(key) != numbers(value) || key.back().number() != value.back().number())
        return noDecoder("inputs " + quotedName(name) + " and " +
                         quotedName(original.graph.values[layer.pastValue].name) + " are of different shapes");
      if (layer.layout == CacheLayout::Flat) {
        layer.kvHeads =
            NodeAttributes(original.graph.nodes[layer.attention]).integer("kv_num_heads", hints.kvHeads.value_or(0));
        if (layer.kvHeads < 1 || key.back().number().value_or(0) % layer.kvHeads != 0)
          return noDecoder("nothing says how many heads are in the rows of input " + quotedName(name));
        layer.headDim = key.back().number().value_or(0) / layer.kvHeads;
      } else {
        layer.kvHeads = key[layer.layout == CacheLayout::HeadsFirst ? 1 : 2].number().value_or(0);
        layer.headDim = key[3].number().value_or(0);
      }
      if (layer.kvHeads < 1 || layer.headDim < 1)
        return noDecoder("input " + quotedName(name) + " is " + step.analysis.symbols->text(key) +
                         ": nothing says how many heads of how many elements that is");
      CADENZA_RETURN_IF_ERROR(compare("the number of key-value heads", hints.kvHeads, layer.kvHeads));
      CADENZA_RETURN_IF_ERROR(compare("the size of a head", hints.headDim, layer.headDim));
    }
    CADENZA_RETURN_IF_ERROR(compareAttentions());
    const Shape &logits = shapeOf(step.logits);
    const Facts &facts = *step.analysis.facts[step.logits];
    step.vocabulary = logits.empty() ? 0 : logits.back().number().value_or(0);
    const bool isFloat = !isInteger(facts.type) && facts.type != ElementType::boolean;
    if (!isFloat || step.vocabulary < 2 || !elementCount(logits).is(step.vocabulary))
      return noDecoder("output " + quotedName(graph().outputs[0].name) + " is " +
                       std::string(elementTypeName(facts.type)) + " " + step.analysis.symbols->text(logits) +
                       ", and not a number for each token that may follow");
    const ValueId embedding = gather->outputs[0];
    step.hiddenSize = shapeOf(embedding).empty() ? 0 : shapeOf(embedding).back().number().value_or(0);
    CADENZA_RETURN_IF_ERROR(compare("the number of layers", hints.layers, static_cast<int64_t>(step.layers.size())));
    CADENZA_RETURN_IF_ERROR(compare("the hidden size", hints.hiddenSize, step.hiddenSize));
    return compare("the vocabulary", hints.vocabulary, step.vocabulary);
  }

  const Model &original; // what ports and nodes are looked up in
  const DecoderHints &hints;
  Findings &findings;
  DataFlow flow{original.graph};
  StepShapes shapes;
  std::vector<CachePair> pairs;
  const Port *tokens = nullptr;
  const Node *gather = nullptr; // of embeddings
  DecoderStep step;
};

std::string_view feedName(Feed feed) {
  switch (feed) {
  case Feed::Token:
    return "the token";
  case Feed::Past:
    return "its position";
  case Feed::Total:
    return "the number of tokens";
  case Feed::Ones:
    break;
  }
  return "ones";
}

} // namespace

bool isDecoder(const Model &model, const std::map<std::string, std::string> &dims) {
  const DecoderHints hints;
  Findings findings;
  return Recogniser(model, dims, hints, findings).isMeant(dims);
}

StatusOr<DecoderStep> recogniseDecoder(const Model &model, const std::map<std::string, std::string> &dims,
                                       const DecoderHints &hints, Findings &findings) {
  return Recogniser(model, dims, hints, findings).run();
}

std::string summarize(const DecoderStep &step) {
  std::string text = "decoder: " + std::to_string(step.layers.size()) + " layers";
  const DecoderLayer &first = step.layers.front();
  text += ", " + std::to_string(first.kvHeads) + " key-value heads of " + std::to_string(first.headDim) +
          " elements, hidden size " + std::to_string(step.hiddenSize) + ", vocabulary " +
          std::to_string(step.vocabulary) +
          (step.capacity ? ", room for " + std::to_string(*step.capacity) + " tokens" : "") + "\n";
  for (const DecoderInput &input : step.inputs)
    text += "  " + quotedName(step.model.graph.values[input.value].name) + " takes " +
            std::string(feedName(input.feed)) + "\n";
  return text;
}

} // namespace cadenza::onnx
