/* Continues a prompt with a plan, or answers a question with --chat.
 *
 *   cc -std=c11 generate.c $(pkg-config --cflags --libs cadenza) -o generate
 *   ./generate qwen.plan "The capital of France is"
 *   ./generate --chat qwen.plan '[{"role": "user", "content": "Why is the sky blue?"}]'
 */
#include <cadenza/cadenza.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

static cadenza_session *session;

static void interrupt(int signal) {
  (void)signal;
  cadenza_cancel(session);
}

static int print_text(void *user, const char *text, size_t bytes) {
  (void)user;
  fwrite(text, 1, bytes, stdout);
  fflush(stdout);
  return 0; /* go on */
}

static cadenza_status answer(int is_chat, const char *prompt, cadenza_generation **generation) {
  cadenza_generate_options options;
  cadenza_generate_options_init(&options, sizeof options);
  options.max_tokens = 64;
  options.on_text = print_text;
  return is_chat ? cadenza_chat(session, prompt, NULL, &options, generation)
                 : cadenza_generate_text(session, prompt, strlen(prompt), &options, generation);
}

int main(int argc, char **argv) {
  const int is_chat = argc > 1 && strcmp(argv[1], "--chat") == 0;
  if (argc != 3 + is_chat) {
    fprintf(stderr, "usage: %s [--chat] PLAN PROMPT\n", argv[0]);
    return CADENZA_INVALID_ARGUMENT;
  }
  cadenza_status status = cadenza_open(argv[1 + is_chat], NULL, &session);
  if (status == CADENZA_OK) {
    signal(SIGINT, interrupt);
    cadenza_generation *generation = NULL;
    status = answer(is_chat, argv[2 + is_chat], &generation);
    signal(SIGINT, SIG_DFL);
    if (status == CADENZA_OK)
      fprintf(stderr, "\n%s\n", cadenza_generation_json(generation));
    cadenza_generation_free(generation);
  }
  if (status != CADENZA_OK)
    fprintf(stderr, "%s: %s\n", argv[0], cadenza_last_error());
  cadenza_close(session);
  return (int)status;
}
