// One more copy of a hot loop for CPUs with AVX2, chosen when the program starts; the results are the same. Sanitizers
// run too late for that choice.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define CADENZA_MULTIVERSION [[gnu::target_clones("avx2", "default")]]
#else
#define CADENZA_MULTIVERSION
#endif
