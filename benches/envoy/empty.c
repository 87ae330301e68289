// A module for Envoy that does nothing: what any module costs there. With LINES_OF_CODE it runs through as many cache lines of instructions
// that do nothing: the cost of a call, beside the cost of its work.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *data;
    size_t length;
} text;

#define HOOK(name) envoy_dynamic_module_on_http_filter_##name
#define NOTHING(name, ...) \
    void HOOK(name)(__VA_ARGS__) {}
#define CONTINUE(name, ...) \
    int HOOK(name)(__VA_ARGS__) { return 0; }
#define ANY void *a, const void *b

const char *envoy_dynamic_module_on_program_init(void) { return "v0.2.0"; }

static int config;

const void *HOOK(config_new)(void *envoy, text name, text settings) {
    (void)envoy, (void)name, (void)settings;
    return &config;
}

const void *HOOK(new)(const void *ours, void *envoy) {
    (void)ours;
    return envoy;
}

#ifdef LINES_OF_CODE
#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
__attribute__((noinline)) static void run_through(void) {
    // Eight instructions of eight bytes in each line.
    __asm__ volatile(".p2align 6\n.rept 8 * " TEXT(LINES_OF_CODE) "\n.byte 0x0f, 0x1f, 0x84, 0x00, 0, 0, 0, 0\n.endr\n");
}

int HOOK(request_headers)(ANY, bool end) {
    run_through();
    return 0;
}
#else
CONTINUE(request_headers, ANY, bool end)
#endif
CONTINUE(request_body, ANY, bool end)
CONTINUE(request_trailers, ANY)
CONTINUE(response_headers, ANY, bool end)
CONTINUE(response_body, ANY, bool end)
CONTINUE(response_trailers, ANY)
NOTHING(config_destroy, const void *ours)
NOTHING(destroy, const void *ours)
NOTHING(stream_complete, ANY)
NOTHING(http_callout_done, ANY, uint64_t id, int result, void *headers, size_t count, void *chunks, size_t chunk_count)
NOTHING(http_stream_headers, ANY, uint64_t id, void *headers, size_t count, bool end)
NOTHING(http_stream_data, ANY, uint64_t id, void *chunks, size_t count, bool end)
NOTHING(http_stream_trailers, ANY, uint64_t id, void *headers, size_t count)
NOTHING(http_stream_complete, ANY, uint64_t id)
NOTHING(http_stream_reset, ANY, uint64_t id, int reason)
NOTHING(scheduled, ANY, uint64_t id)
NOTHING(downstream_above_write_buffer_high_watermark, ANY)
NOTHING(downstream_below_write_buffer_low_watermark, ANY)
