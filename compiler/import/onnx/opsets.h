// Which version of each domain's operators a model, or a function of it, imports.
#pragma once

#include "compiler/import/findings.h"

#include <google/protobuf/repeated_field.h>

#include <cstdint>
#include <map>
#include <string>

namespace onnx {
class OperatorSetIdProto;
}

namespace cadenza::onnx {

/// By domain; the standard one is "".
using Opsets = std::map<std::string, int64_t>;

/// "ai.onnx" is another name of "".
std::string plainDomain(const std::string &domain);
/// "ai.onnx" for "", so that messages have a word.
std::string domainName(const std::string &domain);

/// Files what is wrong with the imports: twice the same domain, versions below 1, and of the standard domain those that
/// are older or newer than the operators' table. `where` begins each message.
Opsets readOpsets(const google::protobuf::RepeatedPtrField<::onnx::OperatorSetIdProto> &imports,
                  const std::string &where, Findings &findings);

} // namespace cadenza::onnx
