#include "runtime/library/options.h"

using namespace cadenza;
using namespace cadenza::library;

cadenza_status cadenza_open_options_init(cadenza_open_options *options, size_t size) {
  return guarded([&]() -> Status {
    CADENZA_REQUIRE(options);
    return fill(options, size, openDefaults, "cadenza_open_options");
  });
}

cadenza_status cadenza_chat_options_init(cadenza_chat_options *options, size_t size) {
  return guarded([&]() -> Status {
    CADENZA_REQUIRE(options);
    return fill(options, size, chatDefaults, "cadenza_chat_options");
  });
}

cadenza_status cadenza_sampling_init(cadenza_sampling *sampling, size_t size) {
  return guarded([&]() -> Status {
    CADENZA_REQUIRE(sampling);
    return fill(sampling, size, library::samplingDefaults, "cadenza_sampling");
  });
}

cadenza_status cadenza_generate_options_init(cadenza_generate_options *options, size_t size) {
  return guarded([&]() -> Status {
    CADENZA_REQUIRE(options);
    return fill(options, size, generateDefaults, "cadenza_generate_options");
  });
}
