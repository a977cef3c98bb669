#include "attend_tokens_configs.cuh"
#include "tokens_configs.cuh"

namespace cadenza {

#define CADENZA_TEST_KERNEL(Template, prefix, name)                                                                    \
  CADENZA_KERNEL(prefix##name, Template<tokens::name>::Args, Template<tokens::name>::threads, 1) {                     \
    Template<tokens::name>::run(args);                                                                                 \
  }
#define CADENZA_TEST_PREPARE(name) CADENZA_TEST_KERNEL(PrepareTokens, prepare_, name)
#define CADENZA_TEST_PROJECT(name) CADENZA_TEST_KERNEL(ProjectTokens, project_, name)

CADENZA_TOKEN_PREPARES(CADENZA_TEST_PREPARE)
CADENZA_TOKEN_PRODUCTS(CADENZA_TEST_PROJECT)
CADENZA_TEST_KERNEL(MapTokens, , post_norm)
CADENZA_TEST_KERNEL(MapTokens, , rotate)
CADENZA_TEST_KERNEL(MapTokens, , square_map)
CADENZA_TEST_KERNEL(EmbedTokens, , embed_positioned)
CADENZA_TEST_KERNEL(LastToken, , last_row)

#define CADENZA_TEST_TOKEN_ATTENTION(name)                                                                             \
  CADENZA_KERNEL(name, AttendTokens<phase::name>::Args, AttendTokens<phase::name>::threads, 1) {                       \
    AttendTokens<phase::name>::run(args);                                                                              \
  }
CADENZA_TOKEN_ATTENTIONS(CADENZA_TEST_TOKEN_ATTENTION)

} // namespace cadenza
