/* Checks one request: check POLICY.json DIRECTORY METHOD URI NAME VALUE [NAME VALUE]. Exit code 0 if the request is accepted. */
#include <countersign.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static char policy_text[1 << 20];

static countersign_bytes lend(const char *text) { return (countersign_bytes){(const uint8_t *)text, strlen(text)}; }
static void print_line(void *to, countersign_str line) { fprintf(to, "%.*s\n", (int)line.length, (const char *)line.data); }

int main(int count, char **arguments) {
  FILE *file = count >= 5 ? fopen(arguments[1], "rb") : NULL;
  if (file == NULL) return fprintf(stderr, "usage: check POLICY.json DIRECTORY METHOD URI NAME VALUE...\n"), 2;
  countersign_engine_config config = {.size = sizeof config, .now_seconds = (uint64_t)time(NULL)};
  config.notice = (countersign_notice){print_line, stderr};
  config.policy = (countersign_bytes){(uint8_t *)policy_text, fread(policy_text, 1, sizeof policy_text, file)};
  const countersign_engine *engine; /* one for the process */
  if (countersign_engine_new(&config, &engine) != COUNTERSIGN_RESULT_OK) return 2;
  countersign_engine_watch_trust_files(engine, lend(arguments[2]), config.now_seconds, config.notice, NULL);
  countersign_worker *worker; /* one for each thread */
  uint32_t policy;
  if (countersign_worker_new(engine, &worker) != COUNTERSIGN_RESULT_OK) return 2;
  if (countersign_engine_policy(engine, lend("default"), &policy) != COUNTERSIGN_RESULT_OK) return 2;

  countersign_request request = {.size = sizeof request, .method = lend(arguments[3]), .uri = lend(arguments[4])};
  countersign_header headers[count];
  for (int at = 5; at + 1 < count; at += 2)
    headers[request.header_count++] = (countersign_header){lend(arguments[at]), lend(arguments[at + 1])};
  request.headers = headers;
  request.now_seconds = config.now_seconds;
  const countersign_decision *decision; /* valid until the worker's next call */
  if (countersign_worker_decide(worker, policy, &request, &decision) != COUNTERSIGN_RESULT_OK) return 2;
  countersign_str word = countersign_reason_word(countersign_decision_reason(decision));
  countersign_str subject = countersign_decision_text(decision, COUNTERSIGN_ATTRIBUTE_SUBJECT);
  printf("%.*s %.*s\n", (int)word.length, (const char *)word.data, (int)subject.length, (const char *)subject.data);
  int refused = !countersign_decision_lets_pass(decision);
  return countersign_worker_free(worker), countersign_engine_free(engine), refused;
}
