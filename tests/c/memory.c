/* What a policy document sizes, in a process that may not have as much: a result, and the process goes on. */
#include <countersign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define NEED(condition)                                                        \
  do {                                                                         \
    if (!(condition)) {                                                        \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);          \
      exit(1);                                                                 \
    }                                                                          \
  } while (0)

static countersign_result make(const char *memory, const countersign_engine **engine) {
  char text[512];
  int length = snprintf(text, sizeof text,
                        "{\"trust\":[{\"issuer\":\"https://as.example\",\"jwks\":{\"keys\":[]}}],\"policies\":{\"default\":"
                        "{\"accept\":[\"at+jwt\"],\"audience\":\"https://api.example\"}},\"memory\":{%s}}",
                        memory);
  NEED(length > 0 && (size_t)length < sizeof text);
  countersign_engine_config config = {.size = sizeof config, .policy = {(const uint8_t *)text, (size_t)length}, .now_seconds = 1800000000};
  return countersign_engine_new(&config, engine);
}

int main(void) {
  const countersign_engine *engine = NULL;
  countersign_worker *worker = NULL;
  /* The policies are good ones, where there is memory. The caches of a worker take no memory before they hold something. */
  NEED(make("\"token_cache_bytes\":1073741824,\"hot_key_bytes\":1073741824", &engine) == COUNTERSIGN_RESULT_OK);
  NEED(countersign_worker_new(engine, &worker) == COUNTERSIGN_RESULT_OK);
  struct rusage used;
  NEED(getrusage(RUSAGE_SELF, &used) == 0);
  NEED(used.ru_maxrss < 512 * 1024);
  countersign_worker_free(worker);
  countersign_engine_free(engine);
  engine = NULL;
  worker = NULL;

  const struct rlimit most = {512 << 20, 512 << 20};
  NEED(setrlimit(RLIMIT_AS, &most) == 0);
  NEED(make("\"replay_proofs\":67108864", &engine) == COUNTERSIGN_RESULT_OUT_OF_MEMORY);
  NEED(engine == NULL);
  NEED(make("\"token_cache_bytes\":1073741824", &engine) == COUNTERSIGN_RESULT_OK);
  for (int again = 0; again < 3; again++)
    NEED(countersign_worker_new(engine, &worker) == COUNTERSIGN_RESULT_OUT_OF_MEMORY && worker == NULL);
  countersign_engine_free(engine);

  /* A partial allocation was freed. */
  NEED(make("\"token_cache_bytes\":134217728,\"replay_proofs\":1000000", &engine) == COUNTERSIGN_RESULT_OK);
  NEED(countersign_worker_new(engine, &worker) == COUNTERSIGN_RESULT_OK);
  countersign_header header = {{(const uint8_t *)"authorization", 13}, {(const uint8_t *)"Bearer x", 8}};
  countersign_request asked = {.size = sizeof asked,
                               .method = {(const uint8_t *)"GET", 3},
                               .uri = {(const uint8_t *)"https://api.example/", 20},
                               .headers = &header,
                               .header_count = 1,
                               .now_seconds = 1800000000};
  const countersign_decision *decision = NULL;
  NEED(countersign_worker_decide(worker, 0, &asked, &decision) == COUNTERSIGN_RESULT_OK);
  NEED(countersign_decision_reason(decision) == COUNTERSIGN_REASON_TOKEN_MALFORMED);
  countersign_worker_free(worker);
  countersign_engine_free(engine);
  puts("memory: what cannot be had is a result");
  return 0;
}
