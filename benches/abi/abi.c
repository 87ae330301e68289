/* How long one decision about a cached token takes through the C ABI: nanoseconds a call, on standard output. */
#include "../../tests/c/script.h"

#include <string.h>
#include <time.h>

#define CALLS 400000

int main(void) {
  char word[16];
  NEED(scanf("%15s", word) == 1 && getchar() == ' ' && strcmp(word, "vector") == 0);
  release(bytes());
  countersign_engine_config config = {.size = sizeof config, .policy = bytes(), .now_seconds = number()};
  NEED(scanf("%15s", word) == 1 && getchar() == ' ' && strcmp(word, "request") == 0);
  release(bytes());
  countersign_request asked = read_request();
  const countersign_engine *engine;
  countersign_worker *worker;
  const countersign_decision *decision;
  WORKS(countersign_engine_new(&config, &engine));
  WORKS(countersign_worker_new(engine, &worker));
  WORKS(countersign_worker_decide(worker, 0, &asked, &decision));
  struct timespec begin, end;
  NEED(clock_gettime(CLOCK_MONOTONIC, &begin) == 0);
  for (int call = 0; call < CALLS; call++) {
    WORKS(countersign_worker_decide(worker, 0, &asked, &decision));
    NEED(countersign_decision_lets_pass(decision) && countersign_decision_reason(decision) == COUNTERSIGN_REASON_ACCEPTED);
  }
  NEED(clock_gettime(CLOCK_MONOTONIC, &end) == 0);
  printf("%.1f\n", ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) / CALLS);
  countersign_worker_free(worker);
  countersign_engine_free(engine);
  release_request(&asked);
  release(config.policy);
  return 0;
}
