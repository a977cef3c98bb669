// What a fuzzer runs: any bytes as an ONNX file. Aborts if an invariant of the result does not hold. fuzz_test.cpp
// replays mutations of a small corpus as ordinary tests.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
