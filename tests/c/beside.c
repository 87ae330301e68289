/* A program with two Rust libraries. Each decides or panics, and catches its panics, before and after the other one does.
 * Reads the script of one vector whose request is accepted. */
#include "script.h"

#include <string.h>

uint32_t other_catches(uint32_t number);
#ifdef PANICS
/* A library that was made as libcountersign.a is made, and panics when it is asked to. */
uint32_t countersign_catches(uint32_t number);
#endif

int main(void) {
  char word[16];
  NEED(scanf("%15s", word) == 1 && getchar() == ' ' && strcmp(word, "vector") == 0);
  release(bytes());
  countersign_engine_config config = {.size = sizeof config, .policy = bytes(), .now_seconds = number()};
  NEED(scanf("%15s", word) == 1 && getchar() == ' ' && strcmp(word, "request") == 0);
  release(bytes());
  countersign_request asked = read_request();
  for (uint32_t round = 0; round < 3; round++) {
#ifdef PANICS
    NEED(countersign_catches(round) == 2);
#else
    const countersign_engine *engine;
    countersign_worker *worker;
    const countersign_decision *decision;
    WORKS(countersign_engine_new(&config, &engine));
    WORKS(countersign_worker_new(engine, &worker));
    WORKS(countersign_worker_decide(worker, 0, &asked, &decision));
    NEED(countersign_decision_lets_pass(decision) && countersign_decision_reason(decision) == COUNTERSIGN_REASON_ACCEPTED);
    countersign_worker_free(worker);
    countersign_engine_free(engine);
#endif
    NEED(other_catches(round) == 2);
  }
  release_request(&asked);
  release(config.policy);
  return 0;
}
