// The extents that inputs of a decoder have in a step. What a model calls them is replaced wherever it stands.
#pragma once

#include "compiler/import/onnx/graph.h"
#include "compiler/import/onnx/shapes/analysis.h"
#include "runtime/support/status.h"

#include <map>
#include <string>
#include <string_view>

namespace cadenza::onnx {

/// Whether the text of a dimension is one name and no expression.
bool isName(std::string_view symbol);

class StepShapes {
public:
  /// `given` is what the user says of names (--dim).
  StepShapes(std::string file, std::map<std::string, std::string> given)
      : file(std::move(file)), given(std::move(given)) {}

  /// The name of the length that stays open. InvalidInput if the user says what it is.
  Status keepOpen(const std::string &name);
  const std::string &past() const { return open; }

  /// Axis `axis` of an input has the extent `text`, a number or an expression over past(). A number that is declared
  /// has to be that one, unless it `replaces` what is declared. Unsupported, or InvalidInput if a name would have to be
  /// two things.
  Status set(const Port &input, size_t axis, const std::string &text, bool replaces = false);
  /// Writes all that was set into the declarations of inputs.
  void apply(Model &model) const;
  /// By name of a dimension, the user's, too: AnalysisOptions::dims.
  std::map<std::string, std::string> dims() const;

private:
  std::string file;
  std::map<std::string, std::string> given, found;
  std::string open;
  std::map<std::string, std::vector<Dimension>> changed; // by input
};

/// Unsupported if an extent of what is needed is neither a number nor a polynomial in `past` alone: names the input it
/// comes from.
Status checkExtents(const Model &model, const Analysis &analysis, const std::string &past);

} // namespace cadenza::onnx
