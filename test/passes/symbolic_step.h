// Runs a step program symbolically: a value is the term that computes it ("mul(silu(matrix(@gate, x)), ...)"), interned
// to a number. Fusing, merging, rolling and copying must not change the terms of the selected token, of returned
// vectors and of the caches. After assign-buffers it also executes the program in its arena: what a phase reads must be
// in memory.
#pragma once

#include "compiler/ir/step/Step.h"

#include <gtest/gtest.h>
#include <llvm/ADT/StringExtras.h>

#include <map>
#include <string>
#include <vector>

namespace cadenza::test {

using Term = int;

/// Numbers for terms: equal terms have equal numbers, also in two programs that share this.
class Terms {
public:
  Term get(const std::string &text) {
    return numbers.try_emplace(text, static_cast<Term>(numbers.size()) + 1).first->second;
  }

private:
  std::map<std::string, Term> numbers;
};

class SymbolicStep {
public:
  SymbolicStep(mlir::func::FuncOp function, Terms &terms)
      : function(function), symbols(function->getParentOfType<mlir::ModuleOp>()), terms(terms),
        inMemory(function->hasAttr("arena_bytes")) {
    if (inMemory)
      arena.resize(function->getAttrOfType<mlir::IntegerAttr>("arena_bytes").getInt() / unit, 0);
  }

  /// What the function returns, then the caches by name.
  std::vector<std::pair<std::string, Term>> run() {
    for (mlir::BlockArgument argument : function.getArguments())
      values[argument] = terms.get("argument " + std::to_string(argument.getArgNumber()));
    std::vector<std::pair<std::string, Term>> results;
    for (mlir::Operation &op : function.getBody().front()) {
      if (auto layers = mlir::dyn_cast<step::LayersOp>(op)) {
        runLayers(layers);
      } else if (mlir::isa<step::PhaseOpInterface>(op)) {
        runPhase(&op);
      } else {
        for (mlir::Value value : op.getOperands())
          results.emplace_back("result", read(value, &op));
      }
    }
    results.insert(results.end(), caches.begin(), caches.end());
    return results;
  }

private:
  static constexpr int64_t unit = 256; // bytes: arena offsets are multiples of it

  void runLayers(step::LayersOp layers) {
    mlir::Block &body = layers.getBody().front();
    mlir::Operation *yield = body.getTerminator();
    std::vector<Term> carried;
    for (mlir::Value init : layers.getInits())
      carried.push_back(read(init, layers));
    for (iteration = 0; iteration < static_cast<int64_t>(layers.getCount()); ++iteration) {
      for (auto [argument, init, term] : llvm::zip_equal(body.getArguments(), layers.getInits(), carried)) {
        values[argument] = term;
        places[argument] = places.lookup(init);
      }
      for (mlir::Operation &op : body.without_terminator())
        runPhase(&op);
      carried.clear();
      for (auto [value, init] : llvm::zip_equal(yield->getOperands(), layers.getInits())) {
        carried.push_back(read(value, yield));
        EXPECT_EQ(places.lookup(value), places.lookup(init)) << "a carried value moves";
      }
    }
    iteration = 0;
    for (auto [result, init, term] : llvm::zip_equal(layers.getResults(), layers.getInits(), carried)) {
      values[result] = term;
      places[result] = places.lookup(init);
    }
  }

  void runPhase(mlir::Operation *op) {
    auto phase = mlir::cast<step::PhaseOpInterface>(op);
    std::vector<Term> slots;
    mlir::ValueRange sideInputs;
    std::string position = "?";
    Term token = 0;
    llvm::ArrayRef<mlir::Attribute> functions;
    if (auto embed = mlir::dyn_cast<step::EmbedOp>(op)) {
      std::vector<std::string> parts = {name(embed.getMatrixAttr()), text(embed.getScaleAttr()),
                                        number(embed.getToken())};
      if (embed.getPositionsAttr())
        parts.insert(parts.end(), {name(embed.getPositionsAttr()), number(embed.getPosition())});
      slots = {get("embed", parts)};
    } else if (auto attend = mlir::dyn_cast<step::AttendOp>(op)) {
      std::string cache = name(attend.getCacheAttr());
      slots = {get("attend", {cache, std::to_string(caches[cache]), text(attend.getHeadsAttr()),
                              text(attend.getScaleAttr()), attend.getWindow() ? name(attend.getWindowAttr()) : "",
                              number(attend.getPosition()), std::to_string(read(attend.getQuery(), op))})};
    } else if (auto select = mlir::dyn_cast<step::SelectOp>(op)) {
      token = get("argmax", {std::to_string(read(select.getLogits(), op))});
    } else if (auto project = mlir::dyn_cast<step::ProjectOp>(op)) {
      std::vector<Term> input = {read(project.getInput(), op)};
      if (auto prologue = project.getPrologueAttr())
        apply(prologue, input, {}, "", token);
      for (mlir::FlatSymbolRefAttr matrix : phase.getMatrixSymbols())
        slots.push_back(get("matrix", {name(matrix), std::to_string(input[0])}));
      sideInputs = project.getSideInputs();
      functions = project.getEpilogues().getValue();
      if (project.getPosition())
        position = number(project.getPosition());
    } else {
      auto map = mlir::cast<step::MapOp>(op);
      for (mlir::Value input : map.getInputs())
        slots.push_back(read(input, op));
      sideInputs = map.getSideInputs();
      functions = map.getEpilogues().getValue();
      if (map.getPosition())
        position = number(map.getPosition());
    }
    for (mlir::Attribute attribute : functions) {
      auto function = mlir::cast<step::FunctionAttrInterface>(attribute);
      std::vector<Term> operands;
      for (mlir::Value sideInput : sideInputs.take_front(function.getNumOperands()))
        operands.push_back(read(sideInput, op));
      sideInputs = sideInputs.drop_front(function.getNumOperands());
      apply(function, slots, operands, position, token);
    }
    llvm::erase(slots, 0); // consumed
    writeResults(op, slots, token);
  }

  void apply(step::FunctionAttrInterface function, std::vector<Term> &slots, std::vector<Term> operands,
             const std::string &position, Term &token) {
    std::vector<std::string> parts;
    for (mlir::NamedAttribute parameter : function.getParameters()) {
      if (parameter.getName() != "defer_scale") // where the factor is applied changes no value
        parts.push_back(text(parameter.getValue()));
    }
    for (mlir::FlatSymbolRefAttr symbol : function.getSymbols())
      parts.push_back(name(symbol));
    if (function.usesPosition() && !function.selectsToken())
      parts.push_back(position);
    llvm::SmallVector<int64_t> own = function.getSlots(), consumed = function.getConsumedSlots();
    for (int64_t slot : own)
      operands.push_back(slots[slot]);
    if (function.addsOperand())
      llvm::sort(operands); // a sum of two
    for (Term operand : operands)
      parts.push_back(std::to_string(operand));
    if (function.writesCache()) {
      Term &cache = caches[name(function.getSymbols()[0])];
      parts.push_back(std::to_string(cache));
      cache = get(function.getFunctionName().str(), parts);
    }
    Term result = get(function.getFunctionName().str(), parts);
    if (function.selectsToken())
      token = result;
    for (int64_t slot : own)
      slots[slot] = llvm::is_contained(consumed, slot) ? 0 : result;
  }

  void writeResults(mlir::Operation *op, llvm::ArrayRef<Term> slots, Term token) {
    auto offsets = op->getAttrOfType<mlir::DenseI64ArrayAttr>("offsets");
    ASSERT_TRUE(!inMemory || offsets);
    std::vector<std::pair<int64_t, int64_t>> written;
    for (mlir::OpResult result : op->getResults()) {
      if (result.getResultNumber() >= slots.size()) {
        values[result] = token;
        continue;
      }
      values[result] = slots[result.getResultNumber()];
      if (!inMemory)
        continue;
      int64_t begin = offsets[result.getResultNumber()] / unit, end = begin + units(result);
      EXPECT_EQ(offsets[result.getResultNumber()] % unit, 0);
      ASSERT_TRUE(begin >= 0 && end <= static_cast<int64_t>(arena.size()));
      for (auto [otherBegin, otherEnd] : written)
        EXPECT_TRUE(end <= otherBegin || otherEnd <= begin) << "two results overlap: " << text(op);
      for (mlir::Value operand : op->getOperands()) { // other blocks of the kernel may not have read it yet
        auto place = places.find(operand);
        EXPECT_TRUE(place == places.end() || end <= place->second || place->second + units(operand) <= begin)
            << "overwrites an input: " << text(op);
      }
      std::fill(arena.begin() + begin, arena.begin() + end, values[result]);
      places[result] = begin;
      written.emplace_back(begin, end);
    }
  }

  /// The term of `value`, which memory must hold if it is a vector.
  Term read(mlir::Value value, mlir::Operation *reader) {
    auto entry = values.find(value);
    EXPECT_TRUE(entry != values.end());
    if (auto place = places.find(value); inMemory && place != places.end()) {
      for (int64_t i = 0; i < units(value); ++i)
        EXPECT_EQ(arena[place->second + i], entry->second) << "overwritten before it is read: " << text(reader);
    }
    return entry->second;
  }

  static int64_t units(mlir::Value value) {
    auto type = mlir::cast<mlir::RankedTensorType>(value.getType());
    return llvm::divideCeil(type.getNumElements() * type.getElementTypeBitWidth() / 8, unit);
  }

  std::string number(mlir::Value value) { return std::to_string(values.lookup(value)); }
  Term get(const std::string &function, const std::vector<std::string> &parts) {
    return terms.get(function + "(" + llvm::join(parts, ", ") + ")");
  }
  /// The name of a weight or cache, of this iteration if it is a table's.
  std::string name(mlir::FlatSymbolRefAttr symbol) {
    if (auto table = mlir::dyn_cast<step::TableOp>(symbols.lookup(symbol.getValue())))
      symbol = mlir::cast<mlir::FlatSymbolRefAttr>(table.getEntries()[iteration]);
    return symbol.getValue().str();
  }
  template <typename T> static std::string text(T thing) {
    std::string result;
    llvm::raw_string_ostream stream(result);
    if constexpr (std::is_pointer_v<T>)
      stream << *thing;
    else
      stream << thing;
    return result;
  }

  mlir::func::FuncOp function;
  mlir::SymbolTable symbols;
  Terms &terms;
  bool inMemory;
  int64_t iteration = 0;
  llvm::DenseMap<mlir::Value, Term> values;
  llvm::DenseMap<mlir::Value, int64_t> places; // in the arena, in units
  std::vector<Term> arena;
  std::map<std::string, Term> caches;
};

} // namespace cadenza::test
