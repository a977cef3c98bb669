#include "runtime/api/npy.h"

namespace cadenza {

std::string npyHeader(int64_t rows, int64_t columns) {
  constexpr size_t prefix = 10; // magic, version, length of the rest
  std::string text = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", " +
                     std::to_string(columns) + "), }";
  text.append(63 - (prefix + text.size()) % 64, ' ');
  text += '\n';
  std::string header = "\x93NUMPY";
  header += {'\1', '\0', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return header + text;
}

} // namespace cadenza
