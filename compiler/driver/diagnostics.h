// What MLIR says while a module is compiled.
#pragma once

#include "compiler/driver/schedule_choice.h"
#include "compiler/schedule/phase_names.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <array>
#include <string>
#include <vector>

namespace cadenza {

/// Collects MLIR's errors, so that those of any stage come out as one Status.
class Diagnostics {
public:
  explicit Diagnostics(mlir::MLIRContext &context)
      : handler(&context, [this](mlir::Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Remark && diagnostic.getNotes().empty()) {
            notes.push_back(describe(diagnostic)); // derive-prefill's
            return mlir::success();
          }
          if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Remark) { // lower-to-persistent's
            leftOut.push_back({describe(diagnostic), {}, {}});
            for (auto [text, note] :
                 llvm::zip(std::array{&leftOut.back().target, &leftOut.back().name}, diagnostic.getNotes()))
              *text = note.str();
            return mlir::success();
          }
          if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error)
            return mlir::failure();
          std::string text = describe(diagnostic);
          for (mlir::Diagnostic &note : diagnostic.getNotes())
            text += "\n  note: " + describe(note);
          errors.push_back(std::move(text));
          return mlir::success();
        }) {}
  Status internalError() const {
    return {StatusCode::Internal,
            errors.empty() ? "compilation failed without a diagnostic: this is a bug" : llvm::join(errors, "\n")};
  }

  std::vector<std::string> errors; // each with its notes on lines of their own
  std::vector<DivisionLeftOut> leftOut;
  std::vector<std::string> notes; // what else is left out, and why

private:
  /// "model.layers.*.self_attn: 'step.attend' op has a head_dim of 20; ...": what the op computes, if it is known.
  static std::string describe(mlir::Diagnostic &diagnostic) {
    std::string modules = llvm::join(fusedNames(diagnostic.getLocation()), ", ");
    return modules.empty() ? diagnostic.str() : modules + ": " + diagnostic.str();
  }

  mlir::ScopedDiagnosticHandler handler;
};

} // namespace cadenza
