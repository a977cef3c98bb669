// Keeping a conversation's cache in a file.
#include "runtime/library/memory.h"
#include "runtime/library/session.h"

using namespace cadenza;
using namespace cadenza::library;

cadenza_status cadenza_save(cadenza_session *session, const char *path, const char *note) {
  return exclusively(session, [&]() -> Status {
    CADENZA_REQUIRE(path);
    CADENZA_ASSIGN_OR_RETURN(Session *const decoder, decoderOf(*session));
    return decoder->saveState(path, note ? note : "null");
  });
}

cadenza_status cadenza_load(cadenza_session *session, const char *path, char **note) {
  return exclusively(session, [&]() -> Status {
    CADENZA_REQUIRE(path);
    CADENZA_ASSIGN_OR_RETURN(Session *const decoder, decoderOf(*session));
    CADENZA_ASSIGN_OR_RETURN(const std::string saved, decoder->loadState(path));
    if (note)
      *note = copyOf(saved);
    return Status::ok();
  });
}
