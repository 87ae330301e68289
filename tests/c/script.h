/* Reads the script of steps that the tests run: see c_corpus.rs. Each piece that it reads is on the heap by itself, so that a
 * sanitizer sees every byte that is read past an end or after it was given back. */
#include <countersign.h>
#include <stdio.h>
#include <stdlib.h>

#define NEED(condition)                                                        \
  do {                                                                         \
    if (!(condition)) {                                                        \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);          \
      exit(1);                                                                 \
    }                                                                          \
  } while (0)

#define WORKS(call) NEED((call) == COUNTERSIGN_RESULT_OK)

static unsigned long long number(void) {
  unsigned long long value;
  NEED(scanf("%llu", &value) == 1);
  NEED(getchar() != EOF);
  return value;
}

/* A length, one blank, so many bytes, a line feed. */
static countersign_bytes bytes(void) {
  size_t length = (size_t)number();
  uint8_t *data = malloc(length ? length : 1);
  NEED(data != NULL && fread(data, 1, length, stdin) == length && getchar() == '\n');
  return (countersign_bytes){data, length};
}

static void release(countersign_bytes lent) { free((void *)(uintptr_t)lent.data); }

static countersign_request read_request(void) {
  countersign_request asked = {.size = sizeof asked};
  asked.method = bytes();
  asked.uri = bytes();
  asked.now_seconds = number();
  asked.certificate_form = (uint32_t)number();
  asked.certificate = bytes();
  asked.header_count = (size_t)number();
  countersign_header *headers = calloc(asked.header_count + 1, sizeof *headers);
  NEED(headers != NULL);
  for (size_t at = 0; at < asked.header_count; at++) {
    headers[at].name = bytes();
    headers[at].value = bytes();
  }
  asked.headers = headers;
  return asked;
}

static void release_request(countersign_request *asked) {
  for (size_t at = 0; at < asked->header_count; at++) {
    release(asked->headers[at].name);
    release(asked->headers[at].value);
  }
  free((void *)(uintptr_t)asked->headers);
  release(asked->method);
  release(asked->uri);
  release(asked->certificate);
}
