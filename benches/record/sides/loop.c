/* One side of `benches/record/run`: as loop.rs, through the C ABI of either revision. */
#define _GNU_SOURCE
#include "../../../tests/c/script.h"

#include <time.h>
#include <unistd.h>

#define WARMING 1000

static countersign_worker *worker;
static countersign_request *requests;
static size_t count, next;

static void judge(void) {
  const countersign_decision *decision;
  NEED(count == 1 || next < count);
  WORKS(countersign_worker_decide(worker, 0, &requests[count == 1 ? 0 : next], &decision));
  NEED(countersign_decision_lets_pass(decision) && countersign_decision_reason(decision) == COUNTERSIGN_REASON_ACCEPTED);
  next++;
}

/* Nanoseconds for which this thread had a processor. */
static double processor_time(void) {
  struct timespec spent;
  NEED(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent) == 0);
  return (double)spent.tv_sec * 1e9 + (double)spent.tv_nsec;
}

int main(int arguments, char **argument) {
  NEED(arguments == 2);
  FILE *commands = fdopen(dup(0), "r");
  NEED(commands != NULL && freopen(argument[1], "rb", stdin) != NULL);
  countersign_engine_config config = {.size = sizeof config, .policy = bytes(), .now_seconds = number()};
  count = (size_t)number();
  requests = calloc(count, sizeof *requests);
  NEED(requests != NULL);
  for (size_t at = 0; at < count; at++) requests[at] = read_request();
  const countersign_engine *engine;
  WORKS(countersign_engine_new(&config, &engine));
  WORKS(countersign_worker_new(engine, &worker));
  for (int call = 0; call < WARMING; call++) {
    judge();
    while (countersign_worker_build_tables(worker, 10000)) continue;
  }
  unsigned calls;
  while (fscanf(commands, "%u", &calls) == 1) {
    double before = processor_time();
    for (unsigned call = 0; call < calls; call++) judge();
    printf("%.2f\n", (processor_time() - before) / calls);
    fflush(stdout);
  }
  countersign_worker_free(worker);
  countersign_engine_free(engine);
  for (size_t at = 0; at < count; at++) release_request(&requests[at]);
  free(requests);
  release(config.policy);
  fclose(commands);
  return 0;
}
