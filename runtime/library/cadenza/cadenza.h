/* Cadenza's C API: opens a plan and generates text from it, or runs a graph on tensors, on a GPU or on the CPU.
 *
 *   cadenza_session *session = NULL;
 *   if (cadenza_open("qwen.plan", NULL, &session) != CADENZA_OK)
 *     fprintf(stderr, "%s\n", cadenza_last_error());
 *
 * Errors. A function that can fail returns a cadenza_status; cadenza_last_error() is then what is wrong, where, and
 * what to do about it. A call that failed wrote nothing to its results and left the session usable, but for
 * CADENZA_DEVICE_LOST. No exception leaves the library.
 *
 * Threads. Different sessions are independent. One session is used by one thread at a time: a call that finds another
 * one at work, of another thread or of the callback that it is made from, does nothing and returns CADENZA_BUSY.
 * "Any thread" at a function says that it is free of that.
 *
 * Options. A struct with a `size` is filled by its _init function, then changed. Programs that were compiled with an
 * older or a newer header work: fields that one side does not know have their defaults, or the call is refused.
 *
 * Memory. What a function gives as `char **` or `int32_t **` is freed by cadenza_free. Texts are UTF-8; those with a
 * number of bytes may contain NUL.
 *
 * Executing a plan is running its author's code on your machine: open plans that you trust. */
#ifndef CADENZA_CADENZA_H
#define CADENZA_CADENZA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this interface. A program works with every library of the same major version that is not older. */
#define CADENZA_VERSION_MAJOR 0
#define CADENZA_VERSION_MINOR 1

/* What kind of failure it is. Those below 100 are the exit codes of the tools, docs/exit-codes.md. */
typedef enum cadenza_status {
  CADENZA_OK = 0,
  CADENZA_INTERNAL = 1,          /* a bug in Cadenza */
  CADENZA_INVALID_ARGUMENT = 2,  /* an argument of the call */
  CADENZA_INVALID_INPUT = 3,     /* a malformed tokenizer, chat template, talk, or value of a tensor */
  CADENZA_UNSUPPORTED = 4,       /* well-formed, but not something that this version or this plan can do */
  CADENZA_INVALID_PLAN = 5,      /* a malformed or corrupted plan */
  CADENZA_INCOMPATIBLE_PLAN = 6, /* a sound plan of another format version, or without code for this GPU */
  CADENZA_NO_DEVICE = 7,         /* no GPU, no driver, or a driver that is too old */
  CADENZA_OUT_OF_MEMORY = 8,     /* host or device memory */
  CADENZA_CACHE_FULL = 9,        /* the context has no room */
  CADENZA_DEVICE_LOST = 10,      /* a GPU fault: every later call of the session fails */
  CADENZA_IO = 11,               /* a file cannot be read or written */
  CADENZA_NO_COMPILER = 12,      /* of the tools */
  CADENZA_CANCELLED = 13,        /* cadenza_cancel */
  CADENZA_NUMERIC_MISMATCH = 14, /* of the tools */
  CADENZA_BUSY = 100             /* another call is using the session */
} cadenza_status;

/* Any thread. "invalid argument", ... */
const char *cadenza_status_name(cadenza_status status);
/* Any thread. The message of the last call of this thread that failed; "" before there was one. Valid until the next
 * call of this thread fails. */
const char *cadenza_last_error(void);
/* Any thread. "0.1.0 (commit 0123abcd4567)". */
const char *cadenza_version(void);
/* Any thread. Frees what a function gave as text or tokens; NULL is fine. */
void cadenza_free(void *memory);

typedef enum cadenza_log_level { CADENZA_LOG_INFO = 0, CADENZA_LOG_WARNING = 1 } cadenza_log_level;
/* One line, without its newline; called by the thread whose call it is about. It must not call cadenza_set_log. */
typedef void (*cadenza_log_callback)(void *user, cadenza_log_level level, const char *message);
/* Any thread. From now on, `log` gets what there is to say: what a plan was opened on, why not on a GPU. NULL, as it
 * is at the start: nobody does. One for the whole process. */
void cadenza_set_log(cadenza_log_callback log, void *user);

/* ---- A plan on a device ------------------------------------------------------------------------------------------ */

typedef struct cadenza_session cadenza_session;

typedef struct cadenza_open_options {
  size_t size;
  /* "auto": the first GPU that the plan has code for, else the CPU; "cpu"; "cuda", "cuda:N". NULL: "auto". */
  const char *device;
  const char *schedule; /* on a GPU: "auto", "launch", "graph", "persistent". NULL: "auto" */
  const char *division; /* of the persistent schedule, by its name ("15x8"). NULL: the largest that fits */
  int64_t context;      /* positions to allocate; 0: the model's maximum, at most 4096 */
  int32_t threads;      /* on the CPU; 0: as many as there are cores */
  int32_t logits;       /* not 0: keep logits, for cadenza_step, cadenza_logits and log-probabilities */
  int32_t prefill;      /* 0: prompts token by token, like decoding. Default 1 */
} cadenza_open_options;

/* Fills `options`, of `size` bytes, sizeof *options, with defaults. */
cadenza_status cadenza_open_options_init(cadenza_open_options *options, size_t size);

/* Opens and validates a plan and loads it. `options` NULL: the defaults. */
cadenza_status cadenza_open(const char *path, const cadenza_open_options *options, cadenza_session **session);
/* Frees a session; NULL is fine. CADENZA_BUSY, and the session stays open, while a call uses it. */
cadenza_status cadenza_close(cadenza_session *session);

/* Any thread. Facts as a JSON object: path, model, weights, device, schedule, notice, decoder (null, or family,
 * vocabulary, context, eos_tokens, tokenizer, chat_template), and entries: the graphs that cadenza_run_graph can run,
 * with name, type and shape of their inputs and outputs. */
cadenza_status cadenza_info(const cadenza_session *session, char **json);

/* Any thread, signal handlers, too. Ends the call that uses the session (generate, chat, step, logits) within a few
 * tokens; if none does, nothing happens. */
void cadenza_cancel(cadenza_session *session);

/* ---- Text and tokens --------------------------------------------------------------------------------------------- */

/* Any thread. The ids of a text. `add_special`: not 0: with what the tokenizer puts around a text. CADENZA_UNSUPPORTED
 * if the plan carries no tokenizer. */
cadenza_status cadenza_tokenize(const cadenza_session *session, const char *text, size_t bytes, int32_t add_special,
                                int32_t **tokens, size_t *count);
/* Any thread. The text of ids, without special tokens; it ends with a NUL that `bytes`, which may be NULL, does not
 * count. */
cadenza_status cadenza_detokenize(const cadenza_session *session, const int32_t *tokens, size_t count, char **text,
                                  size_t *bytes);

typedef struct cadenza_chat_options {
  size_t size;
  const char *chat_template;     /* Jinja source in place of the plan's; NULL: the plan's */
  const char *variables;         /* a JSON object of what else the template sees: {"enable_thinking": false}; or NULL */
  int32_t add_generation_prompt; /* not 0: ends where the answer begins. Default 1 */
} cadenza_chat_options;
cadenza_status cadenza_chat_options_init(cadenza_chat_options *options, size_t size);

/* Any thread. The prompt of a talk by the model's chat template; it has the tokens that begin a text, so tokenize it
 * without adding special ones. `talk` is JSON: a list of {"role", "content"}, or an object with "messages" and
 * "tools". */
cadenza_status cadenza_render_chat(const cadenza_session *session, const char *talk,
                                   const cadenza_chat_options *options, char **text, size_t *bytes);

/* ---- Generating -------------------------------------------------------------------------------------------------- */

typedef struct cadenza_logit_bias {
  int32_t token;
  double bias; /* -infinity: never that token */
} cadenza_logit_bias;

/* How tokens are chosen, docs/sampling.md. The defaults are greedy decoding: the most likely token. */
typedef struct cadenza_sampling {
  size_t size;
  double temperature; /* 0: the most likely token; 1: drawn from the model's own distribution */
  int64_t top_k;      /* 0: all */
  double top_p;       /* in (0, 1]; 1: all */
  double min_p;       /* in [0, 1]; 0: all */
  double repetition_penalty;
  double presence_penalty;
  double frequency_penalty;
  const cadenza_logit_bias *logit_biases;
  size_t logit_bias_count;
  uint64_t seed;    /* of the draws */
  int32_t has_seed; /* 0: a random seed, which cadenza_generation_seed says */
} cadenza_sampling;
cadenza_status cadenza_sampling_init(cadenza_sampling *sampling, size_t size);
/* Any thread. What the model's directory recommends (generation_config.json); `sampling` was initialised. */
cadenza_status cadenza_sampling_defaults(const cadenza_session *session, cadenza_sampling *sampling);

typedef enum cadenza_reuse {
  CADENZA_REUSE_OFF = 0,   /* process the whole prompt */
  CADENZA_REUSE_EXACT = 1, /* keep what was processed as a prompt: the result has the bits of OFF */
  CADENZA_REUSE_ON = 2     /* keep everything that the prompt shares with the generation before */
} cadenza_reuse;

typedef struct cadenza_generate_options {
  size_t size;
  /* -1, the default: 128; of cadenza_chat: until the context is full, as INT64_MAX. 0: only process the prompt. */
  int64_t max_tokens;
  int32_t ignore_eos; /* not 0: go on after the model's stop tokens */
  int32_t reuse;      /* a cadenza_reuse; -1, the default: OFF; of cadenza_chat: ON */
  const int32_t *stop_tokens;
  size_t stop_token_count;
  const char *const *stop_texts; /* NUL-terminated; each ends the text where it appears, and is no part of it */
  size_t stop_text_count;
  const cadenza_sampling *sampling; /* NULL: greedy; of cadenza_chat: as the model's directory recommends */
  int32_t logprobs;                 /* -1: none; N: log-probabilities of each token and the N most likely ones, in
                                       cadenza_generation_json. Needs cadenza_open_options.logits */
  /* What the text must be, docs/grammar.md; at most one of them, NULL: anything. It ends where it is complete. */
  const char *json_schema; /* JSON of this schema; {"type": "object"} is any object */
  const char *regex;       /* what this expression matches as a whole */
  /* Callbacks run in the thread of the call. A result that is not 0 ends the generation after the current token. They
   * must return: no longjmp, no exception. NULL: none. */
  int (*on_text)(void *user, const char *text, size_t bytes); /* complete characters, as they become final */
  int (*on_token)(void *user, int32_t token);                 /* each one, a final stop token included */
  void (*on_prompt)(void *user, int64_t tokens); /* now and then while a prompt is processed: how many are done */
  void *user;
} cadenza_generate_options;
cadenza_status cadenza_generate_options_init(cadenza_generate_options *options, size_t size);

/* What a generation made, also one that ended early. */
typedef struct cadenza_generation cadenza_generation;

/* Continues a prompt of ids. `options` NULL: the defaults. `generation` may be NULL; else it is freed by
 * cadenza_generation_free. That the context became full, or a cancel, is no error but a finish reason. */
cadenza_status cadenza_generate(cadenza_session *session, const int32_t *prompt, size_t count,
                                const cadenza_generate_options *options, cadenza_generation **generation);
/* The same for a text, tokenised with special tokens. */
cadenza_status cadenza_generate_text(cadenza_session *session, const char *prompt, size_t bytes,
                                     const cadenza_generate_options *options, cadenza_generation **generation);
/* The answer to a talk: renders it, tokenises it, and generates. The template's eos_token ends the answer, too. */
cadenza_status cadenza_chat(cadenza_session *session, const char *talk, const cadenza_chat_options *chat,
                            const cadenza_generate_options *options, cadenza_generation **generation);

typedef enum cadenza_finish_reason {
  CADENZA_FINISH_LENGTH = 0,       /* max_tokens were made */
  CADENZA_FINISH_STOP_TOKEN = 1,   /* the model ended the text */
  CADENZA_FINISH_STOP_TEXT = 2,    /* one of the stop texts appeared */
  CADENZA_FINISH_CONTEXT_FULL = 3, /* no position is left */
  CADENZA_FINISH_CANCELLED = 4,    /* cadenza_cancel */
  CADENZA_FINISH_CALLBACK = 5,     /* a callback asked for it */
  CADENZA_FINISH_COMPLETE = 6      /* the text is all that json_schema or regex let it be */
} cadenza_finish_reason;

/* What these give is valid as long as the generation. */
const char *cadenza_generation_text(const cadenza_generation *generation, size_t *bytes); /* bytes: may be NULL */
const int32_t *cadenza_generation_tokens(const cadenza_generation *generation, size_t *count);
cadenza_finish_reason cadenza_generation_finish_reason(const cadenza_generation *generation);
/* Whether tokens were drawn (1, and `seed` is with what) or not (0). */
int32_t cadenza_generation_seed(const cadenza_generation *generation, uint64_t *seed);
/* Everything but text and tokens as JSON: finish_reason, seed, prompt_tokens, kept_tokens, prompt_tiles,
 * prompt_seconds, decode_tokens, decode_seconds, advice, logprobs. */
const char *cadenza_generation_json(const cadenza_generation *generation);
void cadenza_generation_free(cadenza_generation *generation); /* NULL is fine */

/* Writes what the last generation, or the steps since, left in the cache to a file, which appears whole or not at all:
 * keys and values of its tokens, to go on with in another session of the same plan. `note`: any text, such as the
 * talk, that cadenza_load gives back; or NULL. The file is as private as the text is. */
cadenza_status cadenza_save(cadenza_session *session, const char *path, const char *note);
/* Reads such a file. A step, or a generation whose `reuse` is not OFF, then processes what its tokens do not share with
 * the saved ones. `note` may be NULL; else it is freed by cadenza_free. CADENZA_INCOMPATIBLE_PLAN for the file of
 * another plan or of a longer context, CADENZA_INVALID_INPUT for one that is damaged. */
cadenza_status cadenza_load(cadenza_session *session, const char *path, char **note);

/* ---- Step by step ------------------------------------------------------------------------------------------------ */

/* Processes tokens behind those of the steps before and gives the logits of the token that follows: `vocabulary`
 * floats, valid until the next step, reset or close. What was given before the first sample is the prompt, for
 * penalties. A step that fails leaves the sequence as it was. Needs cadenza_open_options.logits. */
cadenza_status cadenza_step(cadenza_session *session, const int32_t *tokens, size_t count, const float **logits,
                            size_t *vocabulary);
/* Chooses the token that follows the last step; it is not processed: give it to cadenza_step. `sampling` NULL: greedy.
 * The token is the one that cadenza_generate chooses at this position for these logits and this seed, which is needed
 * (has_seed) where tokens are drawn. CADENZA_INVALID_ARGUMENT if there was no step. */
cadenza_status cadenza_sample(cadenza_session *session, const cadenza_sampling *sampling, int32_t *token);
/* Forgets the sequence of steps: the next one begins a new text. */
cadenza_status cadenza_reset(cadenza_session *session);

/* Teacher-forced logits of all positions: row i of `logits` is what follows tokens [0, i]. `capacity` is how many
 * floats there is room for: count * vocabulary at least. Needs cadenza_open_options.logits. */
cadenza_status cadenza_logits(cadenza_session *session, const int32_t *tokens, size_t count, float *logits,
                              size_t capacity);

/* ---- Graphs ------------------------------------------------------------------------------------------------------ */

/* Element types; the numbers are those of ONNX. A boolean is one byte, 0 or 1. */
typedef enum cadenza_type {
  CADENZA_F32 = 1,
  CADENZA_U8 = 2,
  CADENZA_I8 = 3,
  CADENZA_U16 = 4,
  CADENZA_I16 = 5,
  CADENZA_I32 = 6,
  CADENZA_I64 = 7,
  CADENZA_BOOL = 9,
  CADENZA_F16 = 10,
  CADENZA_F64 = 11,
  CADENZA_U32 = 12,
  CADENZA_U64 = 13,
  CADENZA_BF16 = 16
} cadenza_type;
/* Any thread. "f32", "bf16", ...; NULL for a number that is none of these. */
const char *cadenza_type_name(cadenza_type type);

/* A tensor in host memory, row-major without gaps. */
typedef struct cadenza_tensor {
  const char *name;
  cadenza_type type;
  const int64_t *shape;
  size_t rank; /* 0: a scalar */
  void *data;  /* of inputs: only read */
  size_t bytes;
} cadenza_tensor;

typedef struct cadenza_tensors cadenza_tensors;

/* Runs an entry of named tensors. `entry` NULL or "": the only one, or, of several, the one for the inputs' shapes.
 * Floats are rounded to the type of the entry's input; integers may be of a narrower one. The results are all that the
 * entry gives, in the order of their names. */
cadenza_status cadenza_run_graph(cadenza_session *session, const char *entry, const cadenza_tensor *inputs,
                                 size_t count, cadenza_tensors **outputs);
size_t cadenza_tensors_count(const cadenza_tensors *tensors);
/* Number `index`; what it points to is valid as long as `tensors`. NULL behind the last one. */
const cadenza_tensor *cadenza_tensors_at(const cadenza_tensors *tensors, size_t index);
void cadenza_tensors_free(cadenza_tensors *tensors); /* NULL is fine */

#ifdef __cplusplus
}
#endif

#endif
