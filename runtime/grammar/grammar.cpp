#include "runtime/grammar/grammar.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>
#include <utility>

namespace cadenza::grammar {
namespace {

constexpr uint32_t never = ~uint32_t{0};

} // namespace

Node GrammarBuilder::node() {
  if (firstEdge_.size() >= maximumNodes) {
    isFull_ = true;
    return 0;
  }
  firstEdge_.push_back(0);
  return static_cast<Node>(firstEdge_.size() - 1);
}

void GrammarBuilder::add(Node from, Edge edge) {
  if (isFull_)
    return;
  edge.next = firstEdge_[from];
  firstEdge_[from] = static_cast<uint32_t>(edges_.size());
  edges_.push_back(edge);
}

void GrammarBuilder::byteEdge(Node from, uint8_t first, uint8_t last, Node to) {
  add(from, {Edge::Bytes, first, last, 0, to, 0});
}
void GrammarBuilder::emptyEdge(Node from, Node to) { add(from, {Edge::Empty, 0, 0, 0, to, 0}); }
void GrammarBuilder::callEdge(Node from, Rule rule, Node to) { add(from, {Edge::Call, 0, 0, rule, to, 0}); }

Fragment GrammarBuilder::empty() {
  const Fragment result = nothing();
  emptyEdge(result.begin, result.end);
  return result;
}

Fragment GrammarBuilder::nothing() {
  const Node begin = node();
  return {begin, node()};
}

Fragment GrammarBuilder::text(std::string_view bytes) {
  const Node begin = node();
  Node end = begin;
  for (char c : bytes) {
    const Node next = node();
    byteEdge(end, static_cast<uint8_t>(c), static_cast<uint8_t>(c), next);
    end = next;
  }
  return bytes.empty() ? empty() : Fragment{begin, end};
}

Fragment GrammarBuilder::call(Rule rule) {
  const Fragment result = nothing();
  callEdge(result.begin, rule, result.end);
  return result;
}

Fragment GrammarBuilder::sequence(std::initializer_list<Fragment> parts) {
  Node end = parts.begin()->end;
  for (auto part = parts.begin() + 1; part != parts.end(); ++part) {
    emptyEdge(end, part->begin);
    end = part->end;
  }
  return {parts.begin()->begin, end};
}

Fragment GrammarBuilder::choice(std::span<const Fragment> parts) {
  if (parts.size() == 1)
    return parts[0];
  const Fragment result = nothing();
  for (const Fragment &part : parts) {
    emptyEdge(result.begin, part.begin);
    emptyEdge(part.end, result.end);
  }
  return result;
}

Fragment GrammarBuilder::optional(Fragment part) { return choice({part, empty()}); }

Fragment GrammarBuilder::oneOf(std::span<const std::string> texts) {
  const Fragment result = nothing();
  std::map<std::pair<Node, char>, Node> children;
  for (const std::string &text : texts) {
    Node at = result.begin;
    for (char c : text) {
      if (isFull_)
        return result;
      auto [child, isNew] = children.try_emplace({at, c}, 0);
      if (isNew) {
        child->second = node();
        byteEdge(at, static_cast<uint8_t>(c), static_cast<uint8_t>(c), child->second);
      }
      at = child->second;
    }
    emptyEdge(at, result.end);
  }
  return result;
}

Fragment GrammarBuilder::repeat(const std::function<Fragment()> &make, int64_t least, int64_t most) {
  const Fragment result = nothing();
  Node at = result.begin;
  const auto append = [&] {
    const Fragment part = make();
    emptyEdge(at, part.begin);
    at = part.end;
  };
  for (int64_t i = 0; i < least && !isFull_; ++i)
    append();
  if (most < 0) {
    const Node loop = node(); // `at` may be a begin, to which nothing leads
    emptyEdge(at, loop);
    const Fragment part = make();
    emptyEdge(loop, part.begin);
    emptyEdge(part.end, loop);
    emptyEdge(loop, result.end);
    return result;
  }
  for (int64_t i = least; i < most && !isFull_; ++i) {
    emptyEdge(at, result.end);
    append();
  }
  emptyEdge(at, result.end);
  return result;
}

Rule GrammarBuilder::rule() {
  rules_.push_back({never, never});
  return static_cast<Rule>(rules_.size() - 1);
}

void GrammarBuilder::define(Rule rule, Fragment body) { rules_[rule] = body; }

/// Knuth's generalisation of Dijkstra's algorithm: nodes become final in ascending order of what they need. What a call
/// needs is the larger of two numbers, so it is known once both are final.
std::vector<uint32_t> GrammarBuilder::needs() const {
  struct Step {
    Node from, to, begin; // begin: of the rule that is called; `to` itself if none is
  };
  std::vector<Step> steps;
  std::vector<std::vector<uint32_t>> waiting(firstEdge_.size()); // steps, by the nodes that they lead to
  for (Node from = 0; from < firstEdge_.size(); ++from)
    forEach(from, [&](const Edge &edge) {
      const Node begin = edge.kind == Edge::Call ? rules_[edge.rule].begin : edge.to;
      if (begin == never)
        return;
      waiting[edge.to].push_back(static_cast<uint32_t>(steps.size()));
      if (begin != edge.to)
        waiting[begin].push_back(static_cast<uint32_t>(steps.size()));
      steps.push_back({from, edge.to, begin});
    });
  std::vector<uint32_t> result(firstEdge_.size(), never);
  std::vector<bool> isFinal(firstEdge_.size());
  using Entry = std::pair<uint32_t, Node>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
  const auto lower = [&](Node node, uint32_t need) {
    if (need < result[node])
      queue.emplace(result[node] = need, node);
  };
  for (const Fragment &rule : rules_)
    if (rule.end != never)
      lower(rule.end, 0);
  while (!queue.empty()) {
    const Node node = queue.top().second;
    queue.pop();
    if (isFinal[node])
      continue;
    isFinal[node] = true;
    for (uint32_t i : waiting[node])
      if (const Step &step = steps[i]; isFinal[step.to] && isFinal[step.begin])
        lower(step.from, std::max(result[step.to], step.begin == step.to ? 0 : result[step.begin] + 1));
  }
  return result;
}

std::vector<Rule> GrammarBuilder::firstCalls(Rule rule, bool &isNullable) const {
  std::vector<Rule> result;
  std::vector<Node> left = {rules_[rule].begin};
  std::set<Node> seen(left.begin(), left.end());
  while (!left.empty()) {
    const Node node = left.back();
    left.pop_back();
    isNullable |= node == rules_[rule].end;
    forEach(node, [&](const Edge &edge) {
      if (edge.kind == Edge::Call)
        result.push_back(edge.rule);
      else if (edge.kind == Edge::Empty && seen.insert(edge.to).second)
        left.push_back(edge.to);
    });
  }
  return result;
}

Status GrammarBuilder::checkCalls(Rule root) const {
  std::vector<std::vector<Rule>> first(rules_.size());
  for (Rule rule = 0; rule < rules_.size(); ++rule) {
    bool isNullable = false;
    first[rule] = firstCalls(rule, isNullable);
    if (isNullable && rule != root)
      return {StatusCode::Internal, "a rule of a grammar that others call reads the empty text"};
  }
  enum : uint8_t { New, Open, Done };
  std::vector<uint8_t> state(rules_.size(), New);
  for (Rule start = 0; start < rules_.size(); ++start) {
    std::vector<std::pair<Rule, size_t>> path; // a rule, and how many of its calls were looked at
    if (state[start] == New)
      path.emplace_back(start, 0);
    while (!path.empty()) {
      auto &[rule, next] = path.back();
      state[rule] = next == first[rule].size() ? Done : Open;
      if (state[rule] == Done) {
        path.pop_back();
        continue;
      }
      const Rule called = first[rule][next++];
      if (state[called] == Open)
        return {StatusCode::InvalidInput, "a definition refers to itself before anything of it is written"};
      if (state[called] == New)
        path.emplace_back(called, 0);
    }
  }
  return Status::ok();
}

StatusOr<Grammar> GrammarBuilder::finish(Fragment body) {
  const Rule root = rule();
  define(root, body);
  const GrammarBuilder done = std::exchange(*this, {});
  if (done.isFull_)
    return Status(StatusCode::Unsupported, "a grammar of more than " + std::to_string(maximumNodes) +
                                               " nodes: there are too many values, or counts are too large");
  CADENZA_RETURN_IF_ERROR(done.checkCalls(root));
  auto tables = std::make_shared<Grammar::Tables>();
  tables->needs = done.needs();
  if (tables->needs[body.begin] == never)
    return Status(StatusCode::InvalidInput, "no text fits");
  if (tables->needs[body.begin] > maximumDepth)
    return Status(StatusCode::Unsupported,
                  "every text that fits nests deeper than " + std::to_string(maximumDepth) + " levels");
  done.fill(*tables, root);
  Grammar grammar;
  grammar.tables_ = std::move(tables);
  return grammar;
}

void GrammarBuilder::fill(Grammar::Tables &tables, Rule root) const {
  const auto leadsOn = [&](Node node) { return tables.needs[node] <= maximumDepth; };
  bool startsClass[257] = {};
  startsClass[0] = true;
  tables.root = root;
  tables.isEnd.resize(firstEdge_.size());
  for (const Fragment &rule : rules_) {
    tables.begins.push_back(rule.begin);
    if (rule.end != never)
      tables.isEnd[rule.end] = true;
  }
  for (Node node = 0; node < firstEdge_.size(); ++node) {
    tables.firstByte.push_back(static_cast<uint32_t>(tables.bytes.size()));
    tables.firstCall.push_back(static_cast<uint32_t>(tables.calls.size()));
    tables.firstEmpty.push_back(static_cast<uint32_t>(tables.empties.size()));
    forEach(node, [&](const Edge &edge) {
      if (!leadsOn(edge.to))
        return;
      if (edge.kind == Edge::Empty) {
        tables.empties.push_back(edge.to);
      } else if (edge.kind == Edge::Call) {
        if (rules_[edge.rule].begin != never && leadsOn(rules_[edge.rule].begin))
          tables.calls.push_back({edge.rule, edge.to});
      } else {
        tables.bytes.push_back({edge.first, edge.last, edge.to});
        startsClass[edge.first] = startsClass[edge.last + 1] = true;
      }
    });
  }
  tables.firstByte.push_back(static_cast<uint32_t>(tables.bytes.size()));
  tables.firstCall.push_back(static_cast<uint32_t>(tables.calls.size()));
  tables.firstEmpty.push_back(static_cast<uint32_t>(tables.empties.size()));
  for (int byte = 0; byte < 256; ++byte) {
    if (startsClass[byte])
      tables.representative.push_back(static_cast<uint8_t>(byte));
    tables.classOf[byte] = static_cast<uint8_t>(tables.representative.size() - 1);
  }
}

} // namespace cadenza::grammar
