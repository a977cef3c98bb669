// What a fuzzer runs: each takes any bytes and aborts if an invariant of the result does not hold. fuzz_entry.cpp makes
// a libFuzzer binary of them, fuzz_test.cpp replays mutations of a small corpus as ordinary tests.
#pragma once

#include <string_view>

namespace cadenza::test {

/// parseSafetensorsHeader: entries lie inside the file, in order, of the size that their shape says.
void fuzzSafetensors(std::string_view file);
/// parseJson and the config.json reader: a configuration without findings is within its ranges.
void fuzzConfig(std::string_view text);
/// The reader of GGUF files, its metadata as a configuration and a tokenizer: tensors lie inside the file and do not
/// overlap, what is made of the keys has no errors or a status that says so.
void fuzzGguf(std::string_view file);

} // namespace cadenza::test
