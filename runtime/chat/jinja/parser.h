// Tokens to a tree: the grammar of jinja2, without what needs other templates (include, import, extends, block) and
// without recursive loops, which are refused by name.
#pragma once

#include "runtime/chat/jinja/ast.h"
#include "runtime/chat/jinja/runtime.h"

#include <string_view>

namespace cadenza::jinja {

/// Literals of the tree lie on `heap`. An Error, with its line.
Body parse(std::string_view source, Heap &heap);

} // namespace cadenza::jinja
