/* Every way of calling that a C program can get wrong and the library can see: a result, never a crash, and no output touched.
 * Then the replay store in memory that processes share. Reads the script of one vector whose request is accepted. */
#include "script.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define IS(call, result) NEED((call) == COUNTERSIGN_RESULT_##result)

static countersign_bytes lend(const char *text) { return (countersign_bytes){(const uint8_t *)text, strlen(text)}; }

static int told;
static void tell(void *context, countersign_str line) {
  NEED(context == &told && line.length > 0);
  told++;
}
static const countersign_notice NOTICE = {tell, &told};
static const countersign_notice SILENT = {NULL, NULL};

static countersign_engine_config config;
static countersign_request asked;
static uint8_t name_of_policy[] = "default";

static const countersign_engine *engine_with(countersign_replay replay) {
  const countersign_engine *engine = NULL;
  countersign_engine_config with = config;
  with.replay = replay;
  WORKS(countersign_engine_new(&with, &engine));
  return engine;
}

static countersign_reason decide(countersign_worker *worker) {
  const countersign_decision *decision = NULL;
  WORKS(countersign_worker_decide(worker, 0, &asked, &decision));
  return countersign_decision_reason(decision);
}

static void engines(void) {
  const countersign_engine *engine = (const countersign_engine *)&told, *untouched = engine;
  countersign_engine_config wrong = config;
  IS(countersign_engine_new(NULL, &engine), NULL_PARAMETER);
  IS(countersign_engine_new(&config, NULL), NULL_PARAMETER);
  IS(countersign_engine_new((const countersign_engine_config *)((const char *)&config + 1), &engine), MISALIGNED);
  IS(countersign_engine_new(&config, (const countersign_engine **)((char *)&engine + 1)), MISALIGNED);
  wrong.size = sizeof wrong - 1;
  IS(countersign_engine_new(&wrong, &engine), WRONG_SIZE);
  wrong.size = 0;
  IS(countersign_engine_new(&wrong, &engine), WRONG_SIZE);
  wrong = config;
  wrong.policy.data = NULL;
  IS(countersign_engine_new(&wrong, &engine), NULL_PARAMETER);
  wrong.policy = (countersign_bytes){name_of_policy, SIZE_MAX};
  IS(countersign_engine_new(&wrong, &engine), INVALID_LENGTH);
  wrong.policy = lend("{\"policies\":{},\"trust\":7,\"more\":1}");
  told = 0;
  IS(countersign_engine_new(&wrong, &engine), POLICY_FAULTY);
  NEED(told >= 3);
  wrong.notice = SILENT;
  IS(countersign_engine_new(&wrong, &engine), POLICY_FAULTY);
  wrong = config;
  wrong.replay.place = 77;
  IS(countersign_engine_new(&wrong, &engine), INVALID_VALUE);
  wrong.replay.place = COUNTERSIGN_REPLAY_PLACE_CALLBACK;
  IS(countersign_engine_new(&wrong, &engine), NULL_PARAMETER);
  NEED(engine == untouched);
  countersign_engine_free(NULL);
  countersign_worker_free(NULL);
}

static void policies_and_trust(const countersign_engine *engine) {
  uint32_t policy = 99;
  IS(countersign_engine_policy(NULL, lend("default"), &policy), NULL_PARAMETER);
  IS(countersign_engine_policy(engine, lend("default"), NULL), NULL_PARAMETER);
  IS(countersign_engine_policy(engine, lend("\xff"), &policy), NOT_UTF8);
  IS(countersign_engine_policy(engine, lend("nobody"), &policy), POLICY_UNKNOWN);
  IS(countersign_engine_policy(engine, (countersign_bytes){NULL, 1}, &policy), NULL_PARAMETER);
  NEED(policy == 99);
  WORKS(countersign_engine_policy(engine, lend("default"), &policy));
  NEED(countersign_engine_policy_name(engine, policy).length == 7);
  NEED(countersign_engine_policy_name(engine, 1000).data == NULL);
  NEED(countersign_engine_policy_name(NULL, 0).data == NULL);
  NEED(countersign_engine_policy_takes_proofs(engine, policy) && !countersign_engine_policy_takes_proofs(engine, 1000));
  NEED(!countersign_engine_policy_takes_proofs(NULL, 0));
  NEED(countersign_engine_credential_name(engine, policy, 0).length == 6);
  NEED(countersign_engine_credential_name(engine, policy, 1).data == NULL);
  NEED(countersign_engine_credential_name(engine, 1000, 0).data == NULL && countersign_engine_credential_name(NULL, 0, 0).data == NULL);
  for (uint32_t question = COUNTERSIGN_QUESTION_NONE; question < 5; question++) {
    NEED(!countersign_engine_policy_asks(engine, policy, question) && !countersign_engine_policy_asks(NULL, policy, question));
    NEED(!countersign_engine_policy_asks(engine, 1000, question));
  }
  NEED(!countersign_engine_policy_has_origin(engine, 1000) && !countersign_engine_policy_has_origin(NULL, 0));

  countersign_load_report report = {.kept = 42};
  const uint32_t issuer = COUNTERSIGN_AUTHORITY_KIND_ISSUER;
  countersign_bytes name = lend("https://as.example");
  IS(countersign_engine_push_trust(NULL, issuer, name, name, 0, NOTICE, &report), NULL_PARAMETER);
  IS(countersign_engine_push_trust(engine, 3, name, name, 0, NOTICE, &report), INVALID_VALUE);
  IS(countersign_engine_push_trust(engine, issuer, lend("https://other.example"), name, 0, NOTICE, &report), AUTHORITY_UNKNOWN);
  told = 0;
  IS(countersign_engine_push_trust(engine, issuer, name, lend("{}"), 0, NOTICE, &report), TRUST_FAULTY);
  NEED(told == 1 && report.kept == 42);
  IS(countersign_engine_withdraw_trust(engine, issuer, lend("https://other.example")), AUTHORITY_UNKNOWN);
  IS(countersign_engine_withdraw_trust(engine, 0, name), INVALID_VALUE);
  countersign_trust_source source;
  WORKS(countersign_engine_trust_source(engine, 0, &source));
  NEED(source.place == COUNTERSIGN_TRUST_PLACE_INLINE && source.name.length > 0 && source.location.data == NULL);
  IS(countersign_engine_trust_source(engine, 1000, &source), NOT_FOUND);
  IS(countersign_engine_trust_source(engine, 0, NULL), NULL_PARAMETER);

  told = 0;
  IS(countersign_engine_revoke(engine, lend("{\"authorities\":[{}]}"), NOTICE), REVOCATIONS_FAULTY);
  IS(countersign_engine_revoke(engine, lend("\xff"), NOTICE), REVOCATIONS_FAULTY);
  IS(countersign_engine_watch_revocations(engine, lend("/nowhere/at/all"), NOTICE), REVOCATIONS_FAULTY);
  WORKS(countersign_engine_revoke(engine, lend("{\"authorities\":[{\"issuer\":\"https://unknown.example\"}]}"), NOTICE));
  NEED(told == 4);
  IS(countersign_engine_revoke(NULL, lend("{}"), NOTICE), NULL_PARAMETER);
  WORKS(countersign_engine_replace_revocations(engine, lend("{}"), SILENT));
  IS(countersign_engine_set_revocations_known(NULL, 0), NULL_PARAMETER);
  WORKS(countersign_engine_set_revocations_known(engine, UINT64_MAX));
  IS(countersign_engine_set_nonce_keys(engine, NULL, NULL), NULL_PARAMETER);
  IS(countersign_engine_look(NULL, 0, NOTICE, NULL), NULL_PARAMETER);
  WORKS(countersign_engine_look(engine, 0, NOTICE, NULL));
  WORKS(countersign_engine_watch_trust_files(engine, lend("/nowhere"), 0, NOTICE, NULL));
  NEED(countersign_engine_accepted(NULL) == 0 && countersign_engine_refused(NULL, 1101) == 0);
  NEED(countersign_engine_refused(engine, 7) == 0);
}

static void requests(const countersign_engine *engine) {
  countersign_worker *worker = NULL;
  IS(countersign_worker_new(NULL, &worker), NULL_PARAMETER);
  IS(countersign_worker_new(engine, NULL), NULL_PARAMETER);
  NEED(worker == NULL);
  WORKS(countersign_worker_new(engine, &worker));
  const countersign_decision *decision = NULL;
  countersign_request wrong = asked;
  IS(countersign_worker_decide(NULL, 0, &asked, &decision), NULL_PARAMETER);
  IS(countersign_worker_decide((countersign_worker *)((char *)worker + 1), 0, &asked, &decision), MISALIGNED);
  IS(countersign_worker_decide(worker, 0, NULL, &decision), NULL_PARAMETER);
  IS(countersign_worker_decide(worker, 0, &asked, NULL), NULL_PARAMETER);
  IS(countersign_worker_decide(worker, 1000, &asked, &decision), POLICY_UNKNOWN);
  wrong.size = 8;
  IS(countersign_worker_decide(worker, 0, &wrong, &decision), WRONG_SIZE);
  wrong = asked;
  wrong.headers = NULL;
  IS(countersign_worker_decide(worker, 0, &wrong, &decision), NULL_PARAMETER);
  wrong = asked;
  wrong.header_count = SIZE_MAX / 2;
  IS(countersign_worker_decide(worker, 0, &wrong, &decision), INVALID_LENGTH);
  wrong = asked;
  wrong.method = (countersign_bytes){NULL, 3};
  IS(countersign_worker_decide(worker, 0, &wrong, &decision), NULL_PARAMETER);
  countersign_header hollow[2] = {asked.headers[0], {lend("x"), {NULL, 9}}};
  wrong = asked;
  wrong.headers = hollow;
  wrong.header_count = 2;
  IS(countersign_worker_decide(worker, 0, &wrong, &decision), NULL_PARAMETER);
  wrong = asked;
  wrong.certificate_form = 9;
  IS(countersign_worker_decide(worker, 0, &wrong, &decision), INVALID_VALUE);
  wrong.certificate_form = COUNTERSIGN_CERTIFICATE_FORM_SHA256;
  IS(countersign_worker_decide(worker, 0, &wrong, &decision), INVALID_LENGTH);
  wrong.certificate_form = COUNTERSIGN_CERTIFICATE_FORM_DER;
  wrong.certificate.length = 0;
  IS(countersign_worker_decide(worker, 0, &wrong, &decision), INVALID_LENGTH);
  wrong = asked;
  wrong.used_proof = lend("31 bytes are no proof that was u");
  wrong.used_proof.length = 31;
  IS(countersign_worker_decide(worker, 0, &wrong, &decision), INVALID_LENGTH);
  wrong.used_proof.data = NULL;
  IS(countersign_worker_decide(worker, 0, &wrong, &decision), NULL_PARAMETER);
  wrong.used_proof.length = 0;
  NEED(decision == NULL);

  /* None of these used up the proof. */
  WORKS(countersign_worker_decide(worker, 0, &asked, &decision));
  NEED(countersign_decision_reason(decision) == COUNTERSIGN_REASON_ACCEPTED && countersign_decision_lets_pass(decision));
  NEED(countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_SUBJECT).length > 0);
  uint8_t proof[32] = {0};
  IS(countersign_decision_used_proof(decision, NULL), NULL_PARAMETER);
  IS(countersign_decision_used_proof(NULL, &proof), NULL_PARAMETER);
  WORKS(countersign_decision_used_proof(decision, &proof));
  NEED(countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_BOUND_KEY).length == 43);
  NEED(countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_BOUND_CERTIFICATE).length == 43);
  NEED(countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_KEY_THUMBPRINT).length == 43);
  NEED(memcmp(countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_BINDING).data, "dpop+mtls", 9) == 0);
  NEED(countersign_decision_text(decision, 0).data == NULL && countersign_decision_text(decision, 999).data == NULL);
  /* The same texts at once, those that were asked for. */
  countersign_str texts[COUNTERSIGN_ATTRIBUTE_KEY_THUMBPRINT + 1];
  const uint32_t but_subject = ~(UINT32_C(1) << COUNTERSIGN_ATTRIBUTE_SUBJECT);
  const size_t places = sizeof texts / sizeof *texts;
  WORKS(countersign_decision_texts(decision, but_subject, texts, places));
  for (uint32_t field = 0; field < places; field++) {
    const countersign_str alone = countersign_decision_text(decision, field);
    if (field == COUNTERSIGN_ATTRIBUTE_SUBJECT) {
      NEED(texts[field].data == NULL);
    } else {
      NEED(texts[field].length == alone.length && (texts[field].data == NULL) == (alone.data == NULL));
      NEED(alone.length == 0 || memcmp(texts[field].data, alone.data, alone.length) == 0);
    }
  }
  WORKS(countersign_decision_texts(decision, UINT32_MAX, texts, COUNTERSIGN_ATTRIBUTE_SUBJECT));
  NEED(texts[COUNTERSIGN_ATTRIBUTE_SUBJECT].data == NULL && texts[COUNTERSIGN_ATTRIBUTE_POLICY].length > 0);
  IS(countersign_decision_texts(decision, 1, NULL, places), NULL_PARAMETER);
  IS(countersign_decision_texts(NULL, 1, texts, places), NULL_PARAMETER);
  IS(countersign_decision_texts(decision, 1, texts, 33), INVALID_LENGTH);
  NEED(countersign_decision_audience(decision, 0).length > 0 && countersign_decision_audience(decision, 64).data == NULL);
  NEED(countersign_decision_expires_at_seconds(decision) > asked.now_seconds);
  NEED(countersign_decision_header_count(decision) == 0);
  uint8_t line[8];
  size_t length = 7;
  IS(countersign_decision_audit(decision, NULL, 9, &length), NULL_PARAMETER);
  IS(countersign_decision_audit(decision, line, SIZE_MAX, &length), INVALID_LENGTH);
  IS(countersign_decision_audit(decision, line, sizeof line, NULL), NULL_PARAMETER);
  NEED(length == 7);

  /* The SHA-256 of a certificate is as good as the certificate; here it is another one's. */
  wrong.certificate_form = COUNTERSIGN_CERTIFICATE_FORM_SHA256;
  wrong.certificate = (countersign_bytes){(const uint8_t *)"01234567890123456789012345678901", 32};
  WORKS(countersign_worker_decide(worker, 0, &wrong, &decision));
  NEED(countersign_decision_reason(decision) == COUNTERSIGN_REASON_CERTIFICATE_MISMATCH);
  NEED(countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_SUBJECT).data == NULL);
  NEED(countersign_decision_expires_at_seconds(decision) == 0 && !countersign_decision_lets_pass(decision));
  NEED(decide(worker) == COUNTERSIGN_REASON_PROOF_REPLAYED);
  NEED(countersign_engine_accepted(engine) == 1);
  NEED(countersign_engine_refused(engine, COUNTERSIGN_REASON_PROOF_REPLAYED) == 1);

  /* A failed call leaves the decision of the one before; a NULL decision says no. */
  NEED(countersign_decision_reason(NULL) == COUNTERSIGN_REASON_INTERNAL_ERROR && !countersign_decision_lets_pass(NULL));
  NEED(countersign_decision_status(NULL) == 500 && countersign_decision_header_count(NULL) == 0);
  NEED(countersign_decision_text(NULL, COUNTERSIGN_ATTRIBUTE_SUBJECT).data == NULL);
  countersign_worker_counts counts;
  WORKS(countersign_worker_count(worker, &counts));
  NEED(counts.cached_tokens == 1 && counts.banned_keys == 0);
  IS(countersign_worker_count(worker, NULL), NULL_PARAMETER);
  NEED(!countersign_worker_build_tables(NULL, 10) && !countersign_worker_build_tables(worker, 10));
  countersign_worker_free(worker);
}

static void numbers(void) {
  NEED(countersign_reason_count() >= 55);
  for (size_t at = 0; at < countersign_reason_count(); at++) {
    countersign_reason reason = countersign_reason_at(at);
    NEED(countersign_reason_index(reason) == at && countersign_reason_word(reason).length > 0);
    NEED(countersign_reason_status(reason) >= 400);
  }
  NEED(countersign_reason_at(SIZE_MAX) == COUNTERSIGN_REASON_INTERNAL_ERROR);
  NEED(countersign_reason_status(COUNTERSIGN_REASON_ACCEPTED) == 200 && countersign_reason_status(0) == 500);
  NEED(countersign_reason_word(0).data == NULL && countersign_result_text(0).length > 0);
  NEED(countersign_version().length >= 5);
}

static void field_values(void) {
  for (size_t at = 0; at < 3; at++) {
    NEED(countersign_is_field_value(lend((const char *[]){"root", "Alice Liddell", "Zo\xc3\xab"}[at])));
  }
  for (size_t at = 0; at < 7; at++) {
    NEED(!countersign_is_field_value(lend((const char *[]){"", "root ", " root", "ro\tot", "a\nb: c", "\x7f", "\xff"}[at])));
  }
  NEED(!countersign_is_field_value((countersign_bytes){NULL, 0}));
  NEED(!countersign_is_field_value((countersign_bytes){NULL, 4}));
  NEED(!countersign_is_field_value((countersign_bytes){(const uint8_t *)"root", SIZE_MAX}));
  NEED(!countersign_is_field_value((countersign_bytes){(const uint8_t *)"ro\0t", 4}));
}

static void origins(void) {
  for (size_t at = 0; at < 2; at++) {
    NEED(countersign_is_origin(lend((const char *[]){"https://api.example", "http://[::1]:8080/base/"}[at])));
  }
  for (size_t at = 0; at < 4; at++) {
    NEED(!countersign_is_origin(lend((const char *[]){"", "api.example", "https://api.example?a", "https://a:99999"}[at])));
  }
  NEED(!countersign_is_origin((countersign_bytes){NULL, 0}));
  NEED(!countersign_is_origin((countersign_bytes){NULL, 4}));
  NEED(!countersign_is_origin((countersign_bytes){(const uint8_t *)"https://a", SIZE_MAX}));

  countersign_origins *list = NULL;
  const countersign_bytes good[] = {lend("https://api.example/base/"), lend("https://*.example.com")};
  const countersign_bytes repeated[] = {good[0], lend("HTTPS://API.example:443")};
  const countersign_bytes wildcard[] = {lend("https://*")}, invalid[] = {lend("api.example")}, overlong[] = {{good[0].data, SIZE_MAX}};
  const countersign_bytes not_utf8[] = {lend("https://\xff")}, absent[] = {{NULL, 4}};
  IS(countersign_origins_new(repeated, 2, &list), ORIGIN_REPEATED);
  IS(countersign_origins_new(wildcard, 1, &list), ORIGIN_WILDCARD);
  IS(countersign_origins_new(invalid, 1, &list), ORIGIN_INVALID);
  IS(countersign_origins_new(not_utf8, 1, &list), NOT_UTF8);
  IS(countersign_origins_new(absent, 1, &list), NULL_PARAMETER);
  IS(countersign_origins_new(overlong, 1, &list), INVALID_LENGTH);
  IS(countersign_origins_new(good, SIZE_MAX, &list), INVALID_LENGTH);
  IS(countersign_origins_new(NULL, 2, &list), NULL_PARAMETER);
  IS(countersign_origins_new(good, 0, &list), NOT_FOUND);
  IS(countersign_origins_new(good, 2, NULL), NULL_PARAMETER);
  NEED(list == NULL);
  WORKS(countersign_origins_new(good, 2, &list));
  uint8_t uri[64];
  size_t length = 0;
  const countersign_bytes host = lend("api.example:443"), target = lend("/a?b");
  WORKS(countersign_origins_uri(list, host, target, uri, sizeof uri, &length));
  NEED(length == 28 && memcmp(uri, "https://api.example/base/a?b", length) == 0);
  WORKS(countersign_origins_uri(list, lend("x.example.com"), target, uri, 25, &length));
  NEED(length == 25 && memcmp(uri, "https://x.example.com/a?b", length) == 0);
  length = 0;
  IS(countersign_origins_uri(list, host, target, uri, 27, &length), BUFFER_TOO_SMALL);
  NEED(length == 28);
  IS(countersign_origins_uri(list, host, target, NULL, 0, &length), BUFFER_TOO_SMALL);
  IS(countersign_origins_uri(list, lend("other.example"), target, uri, sizeof uri, &length), NOT_FOUND);
  IS(countersign_origins_uri(list, (countersign_bytes){NULL, 0}, target, uri, sizeof uri, &length), NOT_FOUND);
  IS(countersign_origins_uri(NULL, host, target, uri, sizeof uri, &length), NULL_PARAMETER);
  IS(countersign_origins_uri(list, (countersign_bytes){NULL, 1}, target, uri, sizeof uri, &length), NULL_PARAMETER);
  IS(countersign_origins_uri(list, host, (countersign_bytes){target.data, SIZE_MAX}, uri, sizeof uri, &length), INVALID_LENGTH);
  IS(countersign_origins_uri(list, host, target, NULL, 64, &length), NULL_PARAMETER);
  IS(countersign_origins_uri(list, host, target, uri, SIZE_MAX, &length), INVALID_LENGTH);
  IS(countersign_origins_uri(list, host, target, uri, sizeof uri, NULL), NULL_PARAMETER);
  countersign_origins_free(list);
  countersign_origins_free(NULL);
}

/* A store whose answer is chosen by the test, and which tries to use the worker that waits for it. */
static countersign_worker *waiting;
static uint32_t answer_of_store;
static uint32_t claim(void *context, const uint8_t *proof, uint64_t issued_at_seconds, uint64_t now_seconds) {
  const countersign_decision *decision = NULL;
  countersign_worker_counts counts;
  NEED(context == &told && proof[0] + proof[31] >= 0 && issued_at_seconds <= now_seconds + 60);
  IS(countersign_worker_decide(waiting, 0, &asked, &decision), WORKER_BUSY);
  IS(countersign_worker_count(waiting, &counts), WORKER_BUSY);
  NEED(!countersign_worker_build_tables(waiting, 1));
  return answer_of_store;
}

static void callback_store(void) {
  const countersign_engine *engine = engine_with(
      (countersign_replay){.place = COUNTERSIGN_REPLAY_PLACE_CALLBACK, .record_use = claim, .context = &told});
  WORKS(countersign_worker_new(engine, &waiting));
  const uint32_t expected[][2] = {
      {COUNTERSIGN_FIRST_USE_RECORDED, COUNTERSIGN_REASON_ACCEPTED},
      {COUNTERSIGN_FIRST_USE_REPLAYED, COUNTERSIGN_REASON_PROOF_REPLAYED},
      {COUNTERSIGN_FIRST_USE_UNKNOWABLE, COUNTERSIGN_REASON_PROOF_HISTORY_UNKNOWN},
      {COUNTERSIGN_FIRST_USE_FULL, COUNTERSIGN_REASON_REPLAY_STORE_FULL},
      {COUNTERSIGN_FIRST_USE_OVER_SHARE, COUNTERSIGN_REASON_PROOF_SHARE_EXCEEDED},
      {COUNTERSIGN_FIRST_USE_UNAVAILABLE, COUNTERSIGN_REASON_REPLAY_STORE_UNAVAILABLE},
      {0, COUNTERSIGN_REASON_REPLAY_STORE_UNAVAILABLE},
      {4711, COUNTERSIGN_REASON_REPLAY_STORE_UNAVAILABLE},
  };
  for (size_t at = 0; at < sizeof expected / sizeof *expected; at++) {
    answer_of_store = expected[at][0];
    NEED(decide(waiting) == expected[at][1]);
  }
  countersign_replay_state state;
  IS(countersign_engine_replay_state(engine, asked.now_seconds, &state), NOT_FOUND);
  told = 0;
  WORKS(countersign_engine_replay_notice(engine, COUNTERSIGN_REASON_REPLAY_STORE_FULL, asked.now_seconds, NOTICE));
  IS(countersign_engine_replay_notice(engine, COUNTERSIGN_REASON_REPLAY_STORE_FULL, asked.now_seconds + 59, NOTICE), NOT_FOUND);
  NEED(told == 1);
  /* The engine may go first. */
  countersign_engine_free(engine);
  answer_of_store = COUNTERSIGN_FIRST_USE_RECORDED;
  NEED(decide(waiting) == COUNTERSIGN_REASON_ACCEPTED);
  countersign_worker_free(waiting);
}

#define PROCESSES 8

/* Each process attaches on its own and presents the same proof at once: one of them is accepted. */
static int accepted_by_processes(countersign_replay attach) {
  pid_t children[PROCESSES];
  int gate[2];
  atomic_int *accepted = mmap(NULL, sizeof *accepted, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  NEED(accepted != MAP_FAILED && pipe(gate) == 0);
  for (int at = 0; at < PROCESSES; at++) {
    children[at] = fork();
    NEED(children[at] >= 0);
    if (children[at] == 0) {
      const countersign_engine *engine = engine_with(attach);
      countersign_worker *worker;
      char go;
      WORKS(countersign_worker_new(engine, &worker));
      close(gate[1]);
      NEED(read(gate[0], &go, 1) == 0);
      countersign_reason reason = decide(worker);
      NEED(reason == COUNTERSIGN_REASON_ACCEPTED || reason == COUNTERSIGN_REASON_PROOF_REPLAYED);
      atomic_fetch_add(accepted, reason == COUNTERSIGN_REASON_ACCEPTED);
      /* Half of them are killed at once, without freeing anything. */
      if (at % 2 == 0) raise(SIGKILL);
      countersign_worker_free(worker);
      countersign_engine_free(engine);
      exit(0);
    }
  }
  close(gate[0]);
  close(gate[1]);
  for (int at = 0; at < PROCESSES; at++) {
    int status;
    NEED(waitpid(children[at], &status, 0) == children[at]);
    NEED(at % 2 == 0 ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL : WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  int count = atomic_load(accepted);
  NEED(munmap(accepted, sizeof *accepted) == 0);
  return count;
}

static void shared_store(void) {
  size_t size = countersign_replay_required_bytes(1000);
  NEED(size >= 16000 && size < 20000);
  uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  NEED(memory != MAP_FAILED);
  countersign_replay attach = {.place = COUNTERSIGN_REPLAY_PLACE_ATTACH, .memory = memory, .memory_bytes = size};
  countersign_engine_config with = config;
  const countersign_engine *engine = NULL;
#define FAILS(change, result)                                                  \
  do {                                                                         \
    with.replay = attach;                                                      \
    change;                                                                    \
    IS(countersign_engine_new(&with, &engine), result);                        \
    NEED(engine == NULL);                                                      \
  } while (0)
  FAILS((void)0, REPLAY_NOT_INITIALISED);
  FAILS(with.replay.memory = NULL, NULL_PARAMETER);
  FAILS(with.replay.memory = memory + 4, MISALIGNED);
  FAILS(with.replay.memory_bytes = 7, REPLAY_TOO_SMALL);
  FAILS(with.replay.memory_bytes = 512, REPLAY_TOO_SMALL);
  FAILS((with.replay.place = COUNTERSIGN_REPLAY_PLACE_INITIALISE, with.replay.memory_bytes = 512), REPLAY_TOO_SMALL);

  /* A new store refuses proofs made before it began: here, an hour later than the proof. */
  with.now_seconds = config.now_seconds + 3600;
  with.replay = attach;
  with.replay.place = COUNTERSIGN_REPLAY_PLACE_INITIALISE;
  WORKS(countersign_engine_new(&with, &engine));
  countersign_worker *worker;
  WORKS(countersign_worker_new(engine, &worker));
  NEED(decide(worker) == COUNTERSIGN_REASON_PROOF_HISTORY_UNKNOWN);
  countersign_worker_free(worker);
  countersign_engine_free(engine);

  /* One that began an hour before the proof takes it. */
  with.now_seconds = config.now_seconds - 3600;
  engine = NULL;
  WORKS(countersign_engine_new(&with, &engine));
  countersign_engine_free(engine);
  engine = NULL;
  with.now_seconds = config.now_seconds;
  FAILS(with.replay.memory_bytes = size - 1024, REPLAY_OTHER_SIZE);
  FAILS(memory[0] ^= 0xff, REPLAY_OTHER_VERSION);
  memory[0] ^= 0xff;

  NEED(accepted_by_processes(attach) == 1);
  engine = engine_with(attach);
  WORKS(countersign_worker_new(engine, &worker));
  NEED(decide(worker) == COUNTERSIGN_REASON_PROOF_REPLAYED);
  countersign_worker_free(worker);
  countersign_engine_free(engine);
  NEED(munmap(memory, size) == 0);
}

/* Threads with a worker each decide while another one changes keys and revocations: the key that signed is never away. */
static const countersign_engine *shared_engine;
static void *deciding(void *unused) {
  (void)unused;
  countersign_worker *worker;
  WORKS(countersign_worker_new(shared_engine, &worker));
  for (int at = 0; at < 2000; at++) {
    countersign_reason reason = decide(worker);
    NEED(reason == COUNTERSIGN_REASON_ACCEPTED || reason == COUNTERSIGN_REASON_PROOF_REPLAYED);
  }
  countersign_worker_free(worker);
  return NULL;
}

static void threads(void) {
  shared_engine = engine_with((countersign_replay){.place = COUNTERSIGN_REPLAY_PLACE_OWN});
  pthread_t each[4];
  for (int at = 0; at < 4; at++) NEED(pthread_create(&each[at], NULL, deciding, NULL) == 0);
  uint8_t key[32] = {1};
  for (int at = 0; at < 200; at++) {
    WORKS(countersign_engine_set_nonce_keys(shared_engine, key, at % 2 ? key : NULL));
    WORKS(countersign_engine_replace_revocations(shared_engine, lend("{\"all_before\":1}"), SILENT));
    WORKS(countersign_engine_look(shared_engine, config.now_seconds, SILENT, NULL));
  }
  for (int at = 0; at < 4; at++) NEED(pthread_join(each[at], NULL) == 0);
  NEED(countersign_engine_accepted(shared_engine) == 1);
  NEED(countersign_engine_refused(shared_engine, COUNTERSIGN_REASON_PROOF_REPLAYED) == 4 * 2000 - 1);
  countersign_engine_free(shared_engine);
}

/* A child goes on with what its parent made, where no other thread was in a call: those of `threads` have ended. */
static void forks(void) {
  const countersign_engine *engine = engine_with((countersign_replay){.place = COUNTERSIGN_REPLAY_PLACE_OWN});
  countersign_worker *worker;
  WORKS(countersign_worker_new(engine, &worker));
  NEED(decide(worker) == COUNTERSIGN_REASON_ACCEPTED);
  pid_t child = fork();
  NEED(child >= 0);
  if (child == 0) {
    alarm(60);
    countersign_worker *own;
    uint8_t key[32] = {1};
    WORKS(countersign_worker_new(engine, &own));
    NEED(decide(own) == COUNTERSIGN_REASON_PROOF_REPLAYED);
    WORKS(countersign_engine_set_nonce_keys(engine, key, NULL));
    WORKS(countersign_engine_look(engine, config.now_seconds, SILENT, NULL));
    NEED(decide(own) == COUNTERSIGN_REASON_PROOF_REPLAYED);
    countersign_worker_free(own);
  }
  countersign_worker_free(worker);
  countersign_engine_free(engine);
  if (child == 0) exit(0);
  int status;
  NEED(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void) {
  char word[16];
  NEED(scanf("%15s", word) == 1 && getchar() == ' ' && strcmp(word, "vector") == 0);
  release(bytes());
  config = (countersign_engine_config){.size = sizeof config, .policy = bytes(), .now_seconds = number(), .notice = NOTICE};
  NEED(scanf("%15s", word) == 1 && getchar() == ' ' && strcmp(word, "request") == 0);
  release(bytes());
  asked = read_request();
  numbers();
  field_values();
  origins();
  engines();
  const countersign_engine *engine = engine_with((countersign_replay){.place = COUNTERSIGN_REPLAY_PLACE_OWN});
  policies_and_trust(engine);
  requests(engine);
  countersign_engine_free(engine);
  callback_store();
  shared_store();
  threads();
  forks();
  release_request(&asked);
  release(config.policy);
  puts("misuse: every wrong call got its result");
  return 0;
}
