// encode_lines TOKENIZER.json: for each line of standard input, a JSON string, a line with its ids and what they decode
// to, with and without special tokens. compare_with_huggingface.py reads them.
#include "runtime/tokenizer/tokenizer.h"

#include <nlohmann/json.hpp>

#include <fstream>
#include <iostream>
#include <iterator>

int main(int argc, char **argv) {
  if (argc != 2) {
    std::cerr << "usage: encode_lines TOKENIZER.json\n";
    return 2;
  }
  std::ifstream file(argv[1], std::ios::binary);
  const std::string document{std::istreambuf_iterator<char>(file), {}};
  const auto tokenizer = cadenza::Tokenizer::parse(document);
  if (!tokenizer.isOk()) {
    std::cerr << tokenizer.status().message() << '\n';
    return 1;
  }
  for (std::string line; std::getline(std::cin, line);) {
    const auto text = nlohmann::json::parse(line).get<std::string>();
    const auto ids = tokenizer->encode(text);
    std::cout << nlohmann::json{{"ids", ids},
                                {"decoded", tokenizer->decode(ids, false)},
                                {"plain", tokenizer->decode(ids)}}
              << '\n';
  }
  return 0;
}
