#include "compiler/import/onnx/opsets.h"
#include "compiler/import/onnx/onnx_proto.h"
#include "compiler/import/onnx/operators.h"
#include "compiler/import/text.h"

namespace cadenza::onnx {

std::string plainDomain(const std::string &domain) { return domain == "ai.onnx" ? "" : domain; }
std::string domainName(const std::string &domain) { return domain.empty() ? "ai.onnx" : escaped(domain, 80); }

Opsets readOpsets(const google::protobuf::RepeatedPtrField<::onnx::OperatorSetIdProto> &imports,
                  const std::string &where, Findings &findings) {
  Opsets opsets;
  for (const auto &import : imports) {
    const std::string domain = plainDomain(import.domain());
    const std::string what = where + "opset_import: " + domainName(domain) + " " + std::to_string(import.version());
    if (import.version() < 1)
      findings.invalid(what + " is no version");
    else if (!opsets.emplace(domain, import.version()).second && opsets[domain] != import.version())
      findings.invalid(what + " contradicts " + std::to_string(opsets[domain]) + ", which is there too");
    else if (domain.empty() && import.version() < oldestOpset)
      findings.unsupported(what + " is older than " + std::to_string(oldestOpset) +
                           "; convert the model with onnx.version_converter, or export it again");
    else if (domain.empty() && import.version() > newestOpset)
      findings.unsupported(what + " is newer than " + std::to_string(newestOpset) +
                           ", the last one whose operators this version knows");
  }
  return opsets;
}

} // namespace cadenza::onnx
