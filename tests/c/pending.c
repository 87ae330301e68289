/* Decisions that wait: each question asked and answered, left unanswered, and answered wrongly; then requests with several credentials.
 * Reads the requests that `c_corpus pending` writes. */
#include "script.h"

#include <pthread.h>
#include <string.h>

#define IS(call, result) NEED((call) == COUNTERSIGN_RESULT_##result)

enum { ONCE, OPAQUE, BODY, BOTH, TXN, TXN_OF_ANOTHER, TXN_ABSENT, REQUESTS };

static countersign_engine_config config;
static countersign_request asked[REQUESTS];
static uint32_t policies[REQUESTS];

static const countersign_engine *engine;
static countersign_worker *worker;
static const countersign_decision *decision;
static countersign_pending *pending;

static countersign_bytes lend(const char *text) { return (countersign_bytes){(const uint8_t *)text, strlen(text)}; }

static int is(countersign_str text, const char *expected) {
  return text.data != NULL && text.length == strlen(expected) && memcmp(text.data, expected, text.length) == 0;
}

/* An engine knows no proof that another one has seen. */
static void fresh(void) {
  countersign_worker_free(worker);
  countersign_engine_free(engine);
  WORKS(countersign_engine_new(&config, &engine));
  WORKS(countersign_worker_new(engine, &worker));
}

static uint64_t abandoned(void) { return countersign_engine_refused(engine, COUNTERSIGN_REASON_DECISION_ABANDONED); }

/* Exactly one of the outputs is set by each step. */
static const countersign_decision *const NO_DECISION = (const countersign_decision *)&config;
static countersign_pending *const NO_PENDING = (countersign_pending *)asked;
static void unset(void) {
  decision = NO_DECISION;
  pending = NO_PENDING;
}

static countersign_question begin(int which) {
  unset();
  WORKS(countersign_worker_begin(worker, policies[which], &asked[which], &decision, &pending));
  NEED(decision != NO_DECISION && pending != NO_PENDING && (decision == NULL) != (pending == NULL));
  return countersign_pending_question(pending);
}

static countersign_reason made(countersign_result result) {
  NEED(result == COUNTERSIGN_RESULT_OK && pending == NULL && decision != NULL);
  return countersign_decision_reason(decision);
}

static countersign_result answer_use_once(int which, uint32_t answer) {
  countersign_pending *waits = pending;
  unset();
  return countersign_worker_resume_use_once(worker, waits, &asked[which], answer, &decision, &pending);
}

static countersign_result answer_introspected(const char *answer) {
  countersign_pending *waits = pending;
  unset();
  return countersign_worker_resume_introspected(worker, waits, &asked[OPAQUE], lend(answer), &decision, &pending);
}

static countersign_result answer_body(int which, countersign_body *body) {
  countersign_pending *waits = pending;
  unset();
  return countersign_worker_resume_body(worker, waits, &asked[which], body, &decision, &pending);
}

static countersign_body *body_of(const char *text, size_t chunk) {
  countersign_body *body = NULL;
  WORKS(countersign_body_new(pending, &body));
  for (size_t at = 0, length = strlen(text); at < length; at += chunk) {
    countersign_bytes part = {(const uint8_t *)text + at, length - at < chunk ? length - at : chunk};
    NEED(countersign_body_feed(body, part));
  }
  return body;
}

static void a_store_is_asked(void) {
  const uint32_t expected[][2] = {
      {COUNTERSIGN_USE_ONCE_FIRST, COUNTERSIGN_REASON_ACCEPTED},
      {COUNTERSIGN_USE_ONCE_USED, COUNTERSIGN_REASON_PROOF_REPLAYED},
      {COUNTERSIGN_USE_ONCE_UNAVAILABLE, COUNTERSIGN_REASON_REPLAY_STORE_UNAVAILABLE},
  };
  uint8_t first[32] = {0}, proof[32] = {0};
  uint64_t seconds = 0;
  for (size_t at = 0; at < sizeof expected / sizeof *expected; at++) {
    fresh();
    NEED(begin(ONCE) == COUNTERSIGN_QUESTION_USE_ONCE);
    WORKS(countersign_pending_use_once(pending, at == 0 ? &first : &proof, &seconds));
    NEED(seconds > 0 && seconds < 3600);
    NEED(countersign_pending_introspection_uri(pending).data == NULL && countersign_pending_body_limit(pending) == 0);
    countersign_body *body = NULL;
    IS(countersign_body_new(pending, &body), NOT_FOUND);
    NEED(made(answer_use_once(ONCE, expected[at][0])) == expected[at][1]);
    NEED(is(countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_SCHEME), "DPoP"));
    NEED(abandoned() == 0);
  }
  NEED(memcmp(first, proof, sizeof proof) == 0 && memcmp(first, (uint8_t[32]){0}, sizeof first) != 0);
  IS(countersign_pending_use_once(NULL, &proof, &seconds), NULL_PARAMETER);

  /* This engine's own store comes first. */
  NEED(begin(ONCE) == COUNTERSIGN_QUESTION_NONE && pending == NULL);
  NEED(countersign_decision_reason(decision) == COUNTERSIGN_REASON_PROOF_REPLAYED);

  /* A host that answers nothing is refused. */
  fresh();
  WORKS(countersign_worker_decide(worker, policies[ONCE], &asked[ONCE], &decision));
  NEED(countersign_decision_reason(decision) == COUNTERSIGN_REASON_DECISION_ABANDONED);
  NEED(!countersign_decision_lets_pass(decision) && abandoned() == 1);
}

static void an_issuer_is_asked(void) {
  fresh();
  NEED(begin(OPAQUE) == COUNTERSIGN_QUESTION_INTROSPECT);
  NEED(is(countersign_pending_introspection_uri(pending), "https://as.example/introspect"));
  uint8_t proof[32];
  uint64_t seconds;
  IS(countersign_pending_use_once(pending, &proof, &seconds), NOT_FOUND);
  NEED(made(answer_introspected("{\"active\":true,\"sub\":\"carol\",\"aud\":\"https://api.example\"}")) == COUNTERSIGN_REASON_ACCEPTED);
  NEED(countersign_decision_kind(decision) == COUNTERSIGN_TOKEN_KIND_INTROSPECTED);
  NEED(is(countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_KIND), "introspected"));
  NEED(is(countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_SUBJECT), "carol"));
  NEED(is(countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_ISSUER), "https://as.example"));

  NEED(begin(OPAQUE) == COUNTERSIGN_QUESTION_INTROSPECT);
  NEED(made(answer_introspected("{\"active\":false}")) == COUNTERSIGN_REASON_TOKEN_INACTIVE);
  NEED(countersign_decision_kind(decision) == COUNTERSIGN_TOKEN_KIND_NONE);
  NEED(begin(OPAQUE) == COUNTERSIGN_QUESTION_INTROSPECT);
  NEED(made(answer_introspected("")) == COUNTERSIGN_REASON_INTROSPECTION_UNAVAILABLE);
  NEED(begin(OPAQUE) == COUNTERSIGN_QUESTION_INTROSPECT);
  countersign_pending *waits = pending;
  unset();
  NEED(made(countersign_worker_resume_introspection_failed(worker, waits, &asked[OPAQUE], &decision, &pending)) ==
       COUNTERSIGN_REASON_INTROSPECTION_UNAVAILABLE);
  NEED(countersign_decision_status(decision) == 503 && abandoned() == 0);
  WORKS(countersign_worker_decide(worker, policies[OPAQUE], &asked[OPAQUE], &decision));
  NEED(countersign_decision_reason(decision) == COUNTERSIGN_REASON_INTROSPECTION_UNAVAILABLE);
}

static const char CALL[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"search.web\"}}";
/* sha256sum of CALL. */
static const uint8_t DIGEST[32] = {0x19, 0x8b, 0xc2, 0x88, 0x85, 0xb2, 0x69, 0x65, 0x39, 0x94, 0x3f, 0x60, 0x52, 0x6e, 0x54, 0x02,
                                   0xd2, 0xb6, 0x8e, 0xb4, 0xd4, 0x38, 0x10, 0xf1, 0x97, 0x77, 0xad, 0x64, 0x25, 0x00, 0x9a, 0xfc};

static void a_body_is_read(void) {
  fresh();
  uint8_t digest[32] = {0};
  for (size_t chunk = 1; chunk <= sizeof CALL; chunk += 19) {
    NEED(begin(BODY) == COUNTERSIGN_QUESTION_BODY && countersign_pending_body_limit(pending) == 100);
    NEED(made(answer_body(BODY, body_of(CALL, chunk))) == COUNTERSIGN_REASON_ACCEPTED);
    WORKS(countersign_decision_body_digest(decision, &digest));
    NEED(memcmp(digest, DIGEST, sizeof digest) == 0);
    NEED(is(countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_RPC_METHOD), "tools/call"));
    NEED(is(countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_TOOL), "search.web"));
  }
  NEED(begin(BODY) == COUNTERSIGN_QUESTION_BODY);
  NEED(made(answer_body(BODY, body_of("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"delete.all\"}}", 7))) ==
       COUNTERSIGN_REASON_TOOL_REFUSED);
  NEED(is(countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_TOOL), "delete.all"));
  NEED(countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_SUBJECT).data == NULL);
  NEED(begin(BODY) == COUNTERSIGN_QUESTION_BODY);
  NEED(made(answer_body(BODY, body_of("[]", 1))) == COUNTERSIGN_REASON_BODY_MALFORMED);
  IS(countersign_decision_body_digest(decision, &digest), NOT_FOUND);
  NEED(begin(BODY) == COUNTERSIGN_QUESTION_BODY);
  NEED(made(answer_body(BODY, body_of("", 1))) == COUNTERSIGN_REASON_ACCEPTED);

  uint8_t many[101] = {0};
  NEED(begin(BODY) == COUNTERSIGN_QUESTION_BODY);
  countersign_body *body = body_of("", 1);
  NEED(countersign_body_feed(body, (countersign_bytes){many, 100}) && !countersign_body_feed(body, (countersign_bytes){many, 1}));
  NEED(!countersign_body_feed(body, (countersign_bytes){NULL, 0}));
  NEED(made(answer_body(BODY, body)) == COUNTERSIGN_REASON_BODY_TOO_LARGE);

  /* A chunk that could not be taken is not left out. */
  NEED(begin(BODY) == COUNTERSIGN_QUESTION_BODY);
  body = body_of(CALL, 10);
  NEED(!countersign_body_feed(body, (countersign_bytes){NULL, 1}) && !countersign_body_feed(body, (countersign_bytes){many, 1}));
  IS(answer_body(BODY, body), NULL_PARAMETER);
  NEED(decision == NO_DECISION && pending == NO_PENDING && abandoned() == 1);

  NEED(begin(BODY) == COUNTERSIGN_QUESTION_BODY);
  body = body_of(CALL, 10);
  countersign_pending_free(pending);
  countersign_body_free(body);
  NEED(abandoned() == 2);
  IS(countersign_body_new(NULL, &body), NULL_PARAMETER);
  NEED(!countersign_body_feed(NULL, lend("x")));
  IS(countersign_decision_body_digest(NULL, &digest), NULL_PARAMETER);
}

/* Begins in this thread, with the body; goes on in another, with another worker of the engine. */
static void *in_another_thread(void *unused) {
  (void)unused;
  countersign_worker_free(worker);
  WORKS(countersign_worker_new(engine, &worker));
  NEED(made(answer_use_once(BOTH, COUNTERSIGN_USE_ONCE_FIRST)) == COUNTERSIGN_REASON_ACCEPTED);
  uint8_t digest[32] = {0};
  WORKS(countersign_decision_body_digest(decision, &digest));
  NEED(memcmp(digest, DIGEST, sizeof digest) == 0);
  NEED(is(countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_BINDING), "dpop"));
  return NULL;
}

static void two_questions_one_after_the_other(void) {
  fresh();
  NEED(begin(BOTH) == COUNTERSIGN_QUESTION_BODY);
  WORKS(answer_body(BOTH, body_of(CALL, 40)));
  NEED(decision == NULL && countersign_pending_question(pending) == COUNTERSIGN_QUESTION_USE_ONCE);
  pthread_t other;
  NEED(pthread_create(&other, NULL, in_another_thread, NULL) == 0 && pthread_join(other, NULL) == 0);
  NEED(countersign_engine_accepted(engine) == 1 && abandoned() == 0);
}

static countersign_pending *waits_in_callback;
static uint32_t resume_in_callback(void *context, const uint8_t *proof, uint64_t issued_at_seconds, uint64_t now_seconds) {
  NEED(context == NULL && proof != NULL && issued_at_seconds <= now_seconds);
  const countersign_decision *none = NULL;
  countersign_pending *other = NULL;
  IS(countersign_worker_resume_introspection_failed(worker, waits_in_callback, &asked[OPAQUE], &none, &other), WORKER_BUSY);
  IS(countersign_worker_begin(worker, policies[OPAQUE], &asked[OPAQUE], &none, &other), WORKER_BUSY);
  NEED(none == NULL && other == NULL);
  return COUNTERSIGN_FIRST_USE_RECORDED;
}

static void wrong_calls(void) {
  fresh();
  unset();
  IS(countersign_worker_begin(NULL, 0, asked, &decision, &pending), NULL_PARAMETER);
  IS(countersign_worker_begin(worker, 0, NULL, &decision, &pending), NULL_PARAMETER);
  IS(countersign_worker_begin(worker, 0, asked, NULL, &pending), NULL_PARAMETER);
  IS(countersign_worker_begin(worker, 0, asked, &decision, NULL), NULL_PARAMETER);
  IS(countersign_worker_begin(worker, 0, asked, &decision, (countersign_pending **)((char *)&pending + 1)), MISALIGNED);
  IS(countersign_worker_begin(worker, 1000, asked, &decision, &pending), POLICY_UNKNOWN);
  IS(countersign_worker_resume_use_once(worker, NULL, asked, COUNTERSIGN_USE_ONCE_FIRST, &decision, &pending), NULL_PARAMETER);
  NEED(decision == NO_DECISION && pending == NO_PENDING);
  NEED(countersign_pending_question(NULL) == COUNTERSIGN_QUESTION_NONE && countersign_pending_body_limit(NULL) == 0);
  NEED(countersign_pending_introspection_uri(NULL).data == NULL);
  countersign_pending_free(NULL);
  countersign_body_free(NULL);

  /* Whatever a call returns, it freed its argument: the sanitizers report leaks. */
  NEED(begin(OPAQUE) == COUNTERSIGN_QUESTION_INTROSPECT);
  IS(answer_use_once(OPAQUE, 0), INVALID_VALUE);
  NEED(begin(OPAQUE) == COUNTERSIGN_QUESTION_INTROSPECT);
  IS(countersign_worker_resume_use_once(NULL, pending, asked, COUNTERSIGN_USE_ONCE_FIRST, &decision, &pending), NULL_PARAMETER);
  NEED(begin(OPAQUE) == COUNTERSIGN_QUESTION_INTROSPECT);
  IS(countersign_worker_resume_introspected(worker, pending, &asked[OPAQUE], (countersign_bytes){NULL, 1}, &decision, &pending),
     NULL_PARAMETER);
  NEED(begin(BODY) == COUNTERSIGN_QUESTION_BODY);
  IS(answer_body(BODY, NULL), NULL_PARAMETER);
  NEED(begin(BODY) == COUNTERSIGN_QUESTION_BODY);
  countersign_body *body = body_of(CALL, 40);
  countersign_pending_free(pending);
  pending = NULL;
  IS(answer_body(BODY, body), NULL_PARAMETER);
  NEED(abandoned() == 5 && countersign_engine_accepted(engine) == 0);

  /* An answer to another question accepts nothing, whatever the question. */
  NEED(begin(OPAQUE) == COUNTERSIGN_QUESTION_INTROSPECT);
  NEED(made(answer_use_once(OPAQUE, COUNTERSIGN_USE_ONCE_FIRST)) == COUNTERSIGN_REASON_INTERNAL_ERROR);
  NEED(begin(BODY) == COUNTERSIGN_QUESTION_BODY);
  NEED(made(answer_use_once(BODY, COUNTERSIGN_USE_ONCE_FIRST)) == COUNTERSIGN_REASON_INTERNAL_ERROR);
  NEED(begin(BODY) == COUNTERSIGN_QUESTION_BODY);
  body = body_of(CALL, 40);
  countersign_pending_free(pending);
  NEED(begin(ONCE) == COUNTERSIGN_QUESTION_USE_ONCE);
  NEED(made(answer_body(ONCE, body)) == COUNTERSIGN_REASON_INTERNAL_ERROR);
  NEED(countersign_decision_status(decision) == 500);

  /* Nor does an answer to a decision of another engine. */
  fresh();
  NEED(begin(ONCE) == COUNTERSIGN_QUESTION_USE_ONCE);
  countersign_pending *waits = pending;
  fresh();
  unset();
  NEED(made(countersign_worker_resume_use_once(worker, waits, &asked[ONCE], COUNTERSIGN_USE_ONCE_FIRST, &decision, &pending)) ==
       COUNTERSIGN_REASON_INTERNAL_ERROR);

  /* A waiting decision may outlive its worker and its engine. */
  NEED(begin(BODY) == COUNTERSIGN_QUESTION_BODY);
  waits = pending;
  fresh();
  pending = waits;
  body = body_of(CALL, 40);
  countersign_body_free(body);
  countersign_pending_free(waits);

  /* Not while the worker decides. */
  countersign_engine_config with = config;
  with.replay = (countersign_replay){.place = COUNTERSIGN_REPLAY_PLACE_CALLBACK, .record_use = resume_in_callback};
  countersign_worker_free(worker);
  countersign_engine_free(engine);
  WORKS(countersign_engine_new(&with, &engine));
  WORKS(countersign_worker_new(engine, &worker));
  NEED(begin(OPAQUE) == COUNTERSIGN_QUESTION_INTROSPECT);
  waits_in_callback = pending;
  NEED(begin(ONCE) == COUNTERSIGN_QUESTION_USE_ONCE);
  NEED(made(answer_use_once(ONCE, COUNTERSIGN_USE_ONCE_FIRST)) == COUNTERSIGN_REASON_ACCEPTED);
  NEED(abandoned() == 1);
}

static countersign_str of(const char *credential, uint32_t field) {
  return countersign_decision_credential_text(decision, lend(credential), field);
}

/* Only the credential goes out of a field. */
static void rests(void) {
  uint32_t page;
  uint8_t rest[64];
  size_t length = 1;
  fresh();
  WORKS(countersign_engine_policy(engine, lend("page"), &page));
  NEED(is(countersign_engine_header_field(engine, page, 0), "cookie"));
  NEED(is(countersign_engine_header_field(engine, page, 1), "sec-websocket-protocol"));
  NEED(is(countersign_engine_removed_field(engine, page, 0), "cookie"));
  NEED(is(countersign_engine_removed_field(engine, page, 1), "sec-websocket-protocol"));
  WORKS(countersign_engine_removed_rest(engine, page, 0, lend("a=1; token=x; b=2"), rest, &length));
  NEED(length == 8 && memcmp(rest, "a=1; b=2", length) == 0);
  WORKS(countersign_engine_removed_rest(engine, page, 1, lend("chat, bearer.x"), rest, &length));
  NEED(length == 4 && memcmp(rest, "chat", length) == 0);
  WORKS(countersign_engine_removed_rest(engine, page, 0, lend("token=x"), NULL, &length));
  NEED(length == 0);
  WORKS(countersign_engine_removed_rest(engine, policies[TXN], 0, lend("x"), NULL, &length));
  NEED(length == 0);
  IS(countersign_engine_removed_rest(engine, page, 2, lend("a=1"), rest, &length), NOT_FOUND);
  IS(countersign_engine_removed_rest(engine, 1000, 0, lend("a=1"), rest, &length), NOT_FOUND);
  IS(countersign_engine_removed_rest(engine, page, 0, lend("a=1"), NULL, &length), NULL_PARAMETER);
  IS(countersign_engine_removed_rest(engine, page, 0, lend("a=1"), rest, NULL), NULL_PARAMETER);
  IS(countersign_engine_removed_rest(NULL, page, 0, lend("a=1"), rest, &length), NULL_PARAMETER);
}

static void several_credentials(void) {
  fresh();
  NEED(is(countersign_engine_header_field(engine, policies[TXN], 0), "txn-token"));
  NEED(countersign_engine_header_field(engine, policies[TXN], 1).data == NULL);
  NEED(is(countersign_engine_removed_field(engine, policies[TXN], 0), "txn-token"));
  NEED(countersign_engine_removed_field(engine, policies[TXN], 1).data == NULL);
  NEED(countersign_engine_header_field(engine, policies[ONCE], 0).data == NULL);
  NEED(countersign_engine_header_field(engine, 1000, 0).data == NULL && countersign_engine_header_field(NULL, 0, 0).data == NULL);
  NEED(countersign_engine_removed_field(engine, 1000, 0).data == NULL && countersign_engine_removed_field(NULL, 0, 0).data == NULL);

  for (int cached = 0; cached < 2; cached++) {
    NEED(begin(TXN) == COUNTERSIGN_QUESTION_NONE && decision != NULL);
    NEED(countersign_decision_reason(decision) == COUNTERSIGN_REASON_ACCEPTED);
    NEED(countersign_decision_kind(decision) == COUNTERSIGN_TOKEN_KIND_ACCESS_TOKEN);
    NEED(is(of("access", COUNTERSIGN_ATTRIBUTE_KIND), "at+jwt") && is(of("access", COUNTERSIGN_ATTRIBUTE_CLIENT_ID), "shop"));
    NEED(is(of("txn", COUNTERSIGN_ATTRIBUTE_KIND), "txntoken+jwt") && is(of("txn", COUNTERSIGN_ATTRIBUTE_SUBJECT), "alice"));
    NEED(is(of("txn", COUNTERSIGN_ATTRIBUTE_ISSUER), "https://tts.example") && is(of("txn", COUNTERSIGN_ATTRIBUTE_SCOPE), "trade.stocks"));
    NEED(is(of("txn", COUNTERSIGN_ATTRIBUTE_TRANSACTION), "97053963-771d-49cc-a4e3-20aad399c312"));
    NEED(is(of("txn", COUNTERSIGN_ATTRIBUTE_REQUESTING_WORKLOAD), "apigateway.example.org"));
    NEED(is(of("txn", COUNTERSIGN_ATTRIBUTE_KEY_ID), "plain-p256") && is(of("access", COUNTERSIGN_ATTRIBUTE_KEY_ID), "server-p256"));
    NEED(of("txn", COUNTERSIGN_ATTRIBUTE_CLIENT_ID).data == NULL && of("txn", COUNTERSIGN_ATTRIBUTE_POLICY).data == NULL);
    NEED(of("other", COUNTERSIGN_ATTRIBUTE_KIND).data == NULL && of("\xff", COUNTERSIGN_ATTRIBUTE_KIND).data == NULL);
    NEED(of("txn", 0).data == NULL && of("txn", 999).data == NULL);
    NEED(countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_TRANSACTION).data == NULL);

    countersign_str value = {NULL, 0};
    bool is_json = true;
    WORKS(countersign_decision_attribute(decision, lend("tenant"), &value, &is_json));
    NEED(is(value, "abc") && !is_json);
    WORKS(countersign_decision_attribute(decision, lend("quota"), &value, &is_json));
    NEED(is(value, "{\"rate\":7}") && is_json);
    IS(countersign_decision_attribute(decision, lend("other"), &value, &is_json), NOT_FOUND);
    IS(countersign_decision_attribute(decision, lend("\xff"), &value, &is_json), NOT_UTF8);
    IS(countersign_decision_attribute(decision, lend("tenant"), NULL, &is_json), NULL_PARAMETER);
    IS(countersign_decision_attribute(decision, lend("tenant"), &value, NULL), NULL_PARAMETER);
    IS(countersign_decision_attribute(NULL, lend("tenant"), &value, &is_json), NULL_PARAMETER);
    NEED(is(value, "{\"rate\":7}"));
  }
  WORKS(countersign_worker_decide(worker, policies[TXN], &asked[TXN_OF_ANOTHER], &decision));
  NEED(countersign_decision_reason(decision) == COUNTERSIGN_REASON_CREDENTIALS_UNTIED);
  NEED(of("txn", COUNTERSIGN_ATTRIBUTE_SUBJECT).data == NULL);
  countersign_str value;
  bool is_json;
  IS(countersign_decision_attribute(decision, lend("tenant"), &value, &is_json), NOT_FOUND);
  WORKS(countersign_worker_decide(worker, policies[TXN], &asked[TXN_ABSENT], &decision));
  NEED(countersign_decision_reason(decision) == COUNTERSIGN_REASON_CREDENTIAL_MISSING);
  decision = NULL;
  NEED(of("txn", COUNTERSIGN_ATTRIBUTE_SUBJECT).data == NULL && countersign_decision_kind(NULL) == COUNTERSIGN_TOKEN_KIND_NONE);
}

int main(void) {
  char word[16];
  NEED(scanf("%15s", word) == 1 && getchar() == ' ' && strcmp(word, "vector") == 0);
  release(bytes());
  config = (countersign_engine_config){.size = sizeof config, .policy = bytes(), .now_seconds = number()};
  countersign_bytes names[REQUESTS];
  for (int at = 0; at < REQUESTS; at++) {
    NEED(scanf("%15s", word) == 1 && getchar() == ' ' && strcmp(word, "request") == 0);
    names[at] = bytes();
    asked[at] = read_request();
  }
  fresh();
  for (int at = 0; at < REQUESTS; at++) WORKS(countersign_engine_policy(engine, names[at], &policies[at]));
  a_store_is_asked();
  an_issuer_is_asked();
  a_body_is_read();
  two_questions_one_after_the_other();
  wrong_calls();
  rests();
  several_credentials();
  countersign_worker_free(worker);
  countersign_engine_free(engine);
  for (int at = 0; at < REQUESTS; at++) {
    release(names[at]);
    release_request(&asked[at]);
  }
  release(config.policy);
  puts("pending: every question was asked and answered");
  return 0;
}
