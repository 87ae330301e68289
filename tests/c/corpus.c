/* Runs a script of steps (see tests/c_corpus.rs) through the C ABI and prints the result of each, one fact a line. */
#include "script.h"

#include <inttypes.h>
#include <string.h>

static char buffer[1 << 20];

static void print(const char *name, countersign_str text) {
  if (text.data != NULL) printf("%s %.*s\n", name, (int)text.length, (const char *)text.data);
}

static void tell(void *context, countersign_str line) {
  (void)context;
  NEED(line.data != NULL && line.length > 0);
}

static const countersign_notice NOTICE = {tell, NULL};

static void answer(const countersign_decision *decision) {
  countersign_reason reason = countersign_decision_reason(decision);
  print("reason", countersign_reason_word(reason));
  printf("number %" PRIu32 "\n", (uint32_t)reason);
  printf("status %u\n", countersign_decision_status(decision));
  NEED(countersign_reason_status(reason) == countersign_decision_status(decision));
  printf("lets_pass %d\n", countersign_decision_lets_pass(decision));
  print("cache", countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_CACHE));
  print("kind", countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_KIND));
  print("issuer", countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_ISSUER));
  print("subject", countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_SUBJECT));
  print("key_id", countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_KEY_ID));
  print("rpc_method", countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_RPC_METHOD));
  print("tool", countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_TOOL));
  countersign_str name, value;
  size_t count = countersign_decision_header_count(decision);
  for (size_t at = 0; at < count; at++) {
    WORKS(countersign_decision_header(decision, at, &name, &value));
    printf("header %.*s: %.*s\n", (int)name.length, (const char *)name.data, (int)value.length, (const char *)value.data);
  }
  NEED(countersign_decision_header(decision, count, &name, &value) == COUNTERSIGN_RESULT_NOT_FOUND);
  countersign_authority_kind kind;
  if (countersign_decision_wants_refresh(decision, &kind, &name) == COUNTERSIGN_RESULT_OK) print("refresh", name);
  size_t length = 0, again = 0;
  NEED(countersign_decision_audit(decision, NULL, 0, &length) == COUNTERSIGN_RESULT_BUFFER_TOO_SMALL);
  uint8_t *line = malloc(length);
  NEED(line != NULL);
  NEED(countersign_decision_audit(decision, line, length - 1, &again) == COUNTERSIGN_RESULT_BUFFER_TOO_SMALL);
  NEED(again == length);
  WORKS(countersign_decision_audit(decision, line, length, &length));
  printf("audit %.*s\n", (int)length, (const char *)line);
  free(line);
}

/* What the host answers to the questions of the next request, in their order. */
static struct {
  countersign_bytes name, value;
} answers[8];
static size_t answer_count;

static int is(countersign_bytes text, const char *word) {
  return text.length == strlen(word) && memcmp(text.data, word, text.length) == 0;
}

/* Gives the answer at `at`, and sets one of `decision` and `pending` as each step does. */
static void go_on(countersign_worker *worker, const countersign_request *asked, size_t at, const countersign_decision **decision,
                  countersign_pending **pending) {
  countersign_bytes name = answers[at].name, value = answers[at].value;
  countersign_pending *waits = *pending;
  if (is(name, "use_once")) {
    uint32_t answer = is(value, "first")  ? COUNTERSIGN_USE_ONCE_FIRST
                      : is(value, "used") ? COUNTERSIGN_USE_ONCE_USED
                                          : COUNTERSIGN_USE_ONCE_UNAVAILABLE;
    WORKS(countersign_worker_resume_use_once(worker, waits, asked, answer, decision, pending));
  } else if (is(name, "introspected")) {
    WORKS(countersign_worker_resume_introspected(worker, waits, asked, value, decision, pending));
  } else if (is(name, "introspection")) {
    WORKS(countersign_worker_resume_introspection_failed(worker, waits, asked, decision, pending));
  } else {
    NEED(is(name, "body"));
    countersign_body *body = NULL;
    WORKS(countersign_body_new(waits, &body));
    const size_t piece = 57;
    for (size_t from = 0; from < value.length; from += piece) {
      size_t left = value.length - from;
      if (!countersign_body_feed(body, (countersign_bytes){value.data + from, left < piece ? left : piece})) break;
    }
    WORKS(countersign_worker_resume_body(worker, waits, asked, body, decision, pending));
  }
}

/* `waiting`: a policy of the vector asks something. */
static void request(const countersign_engine *engine, countersign_worker *worker, int waiting) {
  countersign_bytes policy_name = bytes();
  countersign_request asked = read_request();
  uint32_t policy;
  WORKS(countersign_engine_policy(engine, policy_name, &policy));
  const countersign_decision *decision = NULL;
  countersign_pending *pending = NULL;
  if (waiting) {
    WORKS(countersign_worker_begin(worker, policy, &asked, &decision, &pending));
  } else {
    WORKS(countersign_worker_decide(worker, policy, &asked, &decision));
  }
  for (size_t at = 0; pending != NULL && at < answer_count; at++) go_on(worker, &asked, at, &decision, &pending);
  /* A host without an answer gives up. */
  if (pending != NULL) WORKS(countersign_worker_abandon(worker, pending, &decision));
  /* The request is gone before the decision is read: nothing of it may be kept. */
  release_request(&asked);
  release(policy_name);
  for (size_t at = 0; at < answer_count; at++) {
    release(answers[at].name);
    release(answers[at].value);
  }
  answer_count = 0;
  answer(decision);
}

int main(void) {
  const countersign_engine *engine = NULL;
  countersign_worker *worker = NULL;
  char word[16];
  NEED(countersign_abi() == COUNTERSIGN_ABI);
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  while (scanf("%15s", word) == 1) {
    NEED(getchar() != EOF);
    if (strcmp(word, "vector") == 0) {
      countersign_worker_free(worker);
      countersign_engine_free(engine);
      countersign_engine_config config = {.size = sizeof config, .notice = NOTICE};
      countersign_bytes name = bytes();
      printf("vector %.*s\n", (int)name.length, (const char *)name.data);
      release(name);
      config.policy = bytes();
      config.now_seconds = number();
      WORKS(countersign_engine_new(&config, &engine));
      WORKS(countersign_worker_new(engine, &worker));
      release(config.policy);
    } else if (strcmp(word, "answer") == 0) {
      NEED(answer_count < sizeof answers / sizeof *answers);
      answers[answer_count].name = bytes();
      answers[answer_count++].value = bytes();
    } else if (strcmp(word, "request") == 0 || strcmp(word, "begin") == 0) {
      request(engine, worker, word[0] == 'b');
    } else if (strcmp(word, "trust") == 0) {
      uint32_t kind = (uint32_t)number();
      countersign_bytes name = bytes(), document = bytes();
      countersign_result result =
          countersign_engine_push_trust(engine, kind, name, document, number(), NOTICE, NULL);
      NEED(result == COUNTERSIGN_RESULT_OK || result == COUNTERSIGN_RESULT_TRUST_FAULTY);
      printf("trust %d\n", result == COUNTERSIGN_RESULT_OK);
      release(name);
      release(document);
    } else if (strcmp(word, "withdraw") == 0) {
      uint32_t kind = (uint32_t)number();
      countersign_bytes name = bytes();
      WORKS(countersign_engine_withdraw_trust(engine, kind, name));
      release(name);
    } else if (strcmp(word, "revoke") == 0) {
      countersign_bytes document = bytes();
      WORKS(countersign_engine_replace_revocations(engine, document, NOTICE));
      release(document);
    } else if (strcmp(word, "nonces") == 0) {
      countersign_bytes current = bytes(), previous = bytes();
      NEED(current.length == 32);
      WORKS(countersign_engine_set_nonce_keys(engine, current.data, previous.length ? previous.data : NULL));
      release(current);
      release(previous);
    } else {
      fprintf(stderr, "no such step: %s\n", word);
      return 1;
    }
  }
  countersign_worker_free(worker);
  countersign_engine_free(engine);
  return 0;
}
