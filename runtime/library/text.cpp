// Text, tokens and talks.
#include "runtime/library/memory.h"
#include "runtime/library/options.h"
#include "runtime/library/session.h"

namespace cadenza::library {

StatusOr<std::string> renderTalk(const cadenza_session &session, const char *talk,
                                 const cadenza_chat_options *options) {
  CADENZA_REQUIRE(talk);
  CADENZA_RETURN_IF_ERROR(decoderOf(session).status());
  CADENZA_ASSIGN_OR_RETURN(const cadenza_chat_options asked, read(options, chatDefaults, "cadenza_chat_options"));
  CADENZA_ASSIGN_OR_RETURN(ChatRequest request, parseTalk(talk));
  request.addGenerationPrompt = asked.add_generation_prompt != 0;
  if (asked.variables) {
    CADENZA_ASSIGN_OR_RETURN(request.variables, parseVariables(asked.variables));
  }
  CADENZA_RETURN_IF_ERROR(session.templatesError);
  if (asked.chat_template) {
    ChatTemplates replaced = *session.templates;
    replaced.replace(asked.chat_template);
    return replaced.render(request);
  }
  if (session.templates->empty())
    return Status(StatusCode::InvalidArgument,
                  session.plan->path() + ": has no chat template: its model's directory has none. Give one as "
                                         "cadenza_chat_options.chat_template, or continue a text");
  return session.templates->render(request);
}

} // namespace cadenza::library

using namespace cadenza;
using namespace cadenza::library;

cadenza_status cadenza_tokenize(const cadenza_session *session, const char *text, size_t bytes, int32_t add_special,
                                int32_t **tokens, size_t *count) {
  return guarded([&]() -> Status {
    CADENZA_REQUIRE(session);
    CADENZA_REQUIRE_IF(bytes > 0, text);
    CADENZA_REQUIRE(tokens);
    CADENZA_REQUIRE(count);
    CADENZA_ASSIGN_OR_RETURN(const Session *decoder, decoderOf(*session));
    CADENZA_ASSIGN_OR_RETURN(const std::vector<int32_t> ids,
                             decoder->tokenize(std::string_view(text, bytes), add_special != 0));
    *tokens = copyOf(std::span<const int32_t>(ids));
    *count = ids.size();
    return Status::ok();
  });
}

cadenza_status cadenza_detokenize(const cadenza_session *session, const int32_t *tokens, size_t count, char **text,
                                  size_t *bytes) {
  return guarded([&]() -> Status {
    CADENZA_REQUIRE(session);
    CADENZA_REQUIRE_IF(count > 0, tokens);
    CADENZA_REQUIRE(text);
    CADENZA_ASSIGN_OR_RETURN(const Session *decoder, decoderOf(*session));
    CADENZA_ASSIGN_OR_RETURN(const std::string result, decoder->detokenize(std::span(tokens, count)));
    *text = copyOf(result);
    if (bytes)
      *bytes = result.size();
    return Status::ok();
  });
}

cadenza_status cadenza_render_chat(const cadenza_session *session, const char *talk,
                                   const cadenza_chat_options *options, char **text, size_t *bytes) {
  return guarded([&]() -> Status {
    CADENZA_REQUIRE(session);
    CADENZA_REQUIRE(text);
    CADENZA_ASSIGN_OR_RETURN(const std::string prompt, renderTalk(*session, talk, options));
    *text = copyOf(prompt);
    if (bytes)
      *bytes = prompt.size();
    return Status::ok();
  });
}
