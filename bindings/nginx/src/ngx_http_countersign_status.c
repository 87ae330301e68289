/* The status location: the counters of all workers, in JSON or in Prometheus' text format. */

#include "ngx_http_countersign.h"


static ngx_int_t ngx_http_countersign_status_handler(ngx_http_request_t *r);


#define NGX_HTTP_COUNTERSIGN_JSON        0
#define NGX_HTTP_COUNTERSIGN_PROMETHEUS  1

/* Enough for one line of either format, names not counted. */
#define NGX_HTTP_COUNTERSIGN_LINE_BYTES  256


/* The gauges of a zone's replay store. */

static const struct {
    const char  *name;
    const char  *help;
    size_t       offset;
} ngx_http_countersign_gauges[] = {
    { "live_proofs", "Used proofs that could still be replayed.", offsetof(countersign_replay_state, live_proofs) },
    { "slots", "How many proofs the store can hold.", offsetof(countersign_replay_state, slots) },
    { "refusing_permille", "In how many of 1000 buckets a proof dated now is refused; 0 in good order.",
      offsetof(countersign_replay_state, refusing_permille) },
    { "refusing_until_seconds", "Until when, in seconds since 1970; 0 in good order.",
      offsetof(countersign_replay_state, refusing_until_seconds) },
};


/* countersign_status [json|prometheus] */

char *
ngx_http_countersign_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_countersign_loc_conf_t  *lcf = conf;
    ngx_str_t                        *value = cf->args->elts;
    ngx_http_core_loc_conf_t         *clcf;

    lcf->status_format = NGX_HTTP_COUNTERSIGN_JSON;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "prometheus") == 0) {
        lcf->status_format = NGX_HTTP_COUNTERSIGN_PROMETHEUS;

    } else if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "json") != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"countersign_status\" is \"json\" or \"prometheus\", not \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_countersign_status_handler;

    return NGX_CONF_OK;
}


/* The number of bytes that a text takes in quotes, and the text itself if `to` is there. Both formats escape these alike. */

static size_t
ngx_http_countersign_quote(u_char *to, const u_char *data, size_t length)
{
    size_t  i, written;
    u_char  ch;

    written = 0;
    for (i = 0; i < length; i++) {
        ch = data[i];
        if (ch == '"' || ch == '\\') {
            if (to != NULL) {
                to[written] = '\\';
            }
            written++;
        }

        if (to != NULL) {
            to[written] = ch < 0x20 ? ' ' : ch;
        }
        written++;
    }

    return written;
}


static ngx_int_t
ngx_http_countersign_quoted(ngx_pool_t *pool, const u_char *data, size_t length, ngx_str_t *quoted)
{
    quoted->len = ngx_http_countersign_quote(NULL, data, length);
    quoted->data = ngx_pnalloc(pool, quoted->len + 1);
    if (quoted->data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_http_countersign_quote(quoted->data, data, length);

    return NGX_OK;
}


/* How the replay store of a zone is; zeros if no engine uses it. */

static countersign_replay_state
ngx_http_countersign_replay_state(ngx_http_countersign_zone_t *zone)
{
    countersign_replay_state          state;
    ngx_http_countersign_engine_t   **engines = zone->engines.elts;

    ngx_memzero(&state, sizeof(countersign_replay_state));

    if (zone->engines.nelts != 0) {
        (void) countersign_engine_replay_state(engines[0]->engine, ngx_time(), &state);
    }

    if (state.refusing_permille == 0) {
        state.refusing_until_seconds = 0;
    }

    return state;
}


static ngx_int_t
ngx_http_countersign_json(ngx_http_request_t *r, ngx_http_countersign_main_conf_t *mcf, ngx_buf_t *b)
{
    size_t                           i, k, shadow;
    uint32_t                         policy;
    ngx_str_t                        text;
    countersign_str                  word;
    countersign_replay_state         replay;
    countersign_worker_counts        counts;
    ngx_http_countersign_zone_t    **zones = mcf->zones.elts;
    ngx_http_countersign_engine_t  **engines = mcf->engines.elts;

    word = countersign_version();
    b->last = ngx_sprintf(b->last, "{\"version\":\"%*s\",\"zones\":[", word.length, word.data);

    for (i = 0; i < mcf->zones.nelts; i++) {
        ngx_http_countersign_shared_t  *shared = zones[i]->shared;

        if (ngx_http_countersign_quoted(r->pool, zones[i]->name.data, zones[i]->name.len, &text) != NGX_OK) {
            return NGX_ERROR;
        }

        replay = ngx_http_countersign_replay_state(zones[i]);

        b->last = ngx_sprintf(b->last, "%s{\"zone\":\"%V\",\"replay_bytes\":%uz,\"replay\":{\"slots\":%uL,"
                              "\"live_proofs\":%uL,\"refusing_permille\":%uL,\"refusing_until\":%uL}", i ? "," : "",
                              &text, zones[i]->replay_bytes, replay.slots, replay.live_proofs,
                              replay.refusing_permille, replay.refusing_until_seconds);

        for (shadow = 0; shadow < 2; shadow++) {
            b->last = ngx_sprintf(b->last, ",\"%s\":{\"accepted\":%uA,\"refused\":{", shadow ? "shadow" : "enforce",
                                  shared->accepted[shadow]);

            for (k = 0; k < countersign_reason_count(); k++) {
                word = countersign_reason_word(countersign_reason_at(k));
                b->last = ngx_sprintf(b->last, "%s\"%*s\":%uA", k ? "," : "", word.length, word.data,
                                      shared->refused[shadow][k]);
            }

            b->last = ngx_sprintf(b->last, "}}");
        }

        b->last = ngx_sprintf(b->last, ",\"trust\":{\"loaded\":%uA,\"refused\":%uA,\"unreadable\":%uA},\"faults\":%uA}",
                              shared->trust_loaded, shared->trust_refused, shared->trust_unreadable, shared->faults);
    }

    b->last = ngx_sprintf(b->last, "],\"worker\":{\"pid\":%P,\"policy_files\":[", ngx_pid);

    for (i = 0; i < mcf->engines.nelts; i++) {
        ngx_memzero(&counts, sizeof(countersign_worker_counts));
        (void) countersign_worker_count(engines[i]->worker, &counts);

        if (ngx_http_countersign_quoted(r->pool, engines[i]->document->path.data, engines[i]->document->path.len,
                                        &text)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        b->last = ngx_sprintf(b->last, "%s{\"policy_file\":\"%V\",\"policies\":[", i ? "," : "", &text);

        for (policy = 0; /* void */ ; policy++) {
            word = countersign_engine_policy_name(engines[i]->engine, policy);
            if (word.data == NULL) {
                break;
            }

            if (ngx_http_countersign_quoted(r->pool, word.data, word.length, &text) != NGX_OK) {
                return NGX_ERROR;
            }

            b->last = ngx_sprintf(b->last, "%s\"%V\"", policy ? "," : "", &text);
        }

        b->last = ngx_sprintf(b->last, "],\"ready\":%s,\"looks\":%uL,\"cached_tokens\":%uL,\"promoted_keys\":%uL,"
                              "\"table_checks\":%uL,\"evicted_keys\":%uL,\"banned_keys\":%uL,\"table_bytes\":%uL}",
                              engines[i]->unready ? "false" : "true", engines[i]->looks, counts.cached_tokens,
                              counts.promoted_keys, counts.table_checks, counts.evicted_keys, counts.banned_keys,
                              counts.table_bytes);
    }

    b->last = ngx_sprintf(b->last, "]}}\n");

    return NGX_OK;
}


static ngx_int_t
ngx_http_countersign_prometheus(ngx_http_request_t *r, ngx_http_countersign_main_conf_t *mcf, ngx_buf_t *b)
{
    size_t                          i, k, shadow;
    ngx_str_t                       text;
    countersign_str                 word;
    countersign_replay_state        replay;
    ngx_http_countersign_zone_t   **zones = mcf->zones.elts;
    ngx_http_countersign_shared_t  *shared;

    b->last = ngx_sprintf(b->last, "# HELP countersign_decisions_total Decisions by mode and reason.\n"
                          "# TYPE countersign_decisions_total counter\n");

    for (i = 0; i < mcf->zones.nelts; i++) {
        shared = zones[i]->shared;

        if (ngx_http_countersign_quoted(r->pool, zones[i]->name.data, zones[i]->name.len, &text) != NGX_OK) {
            return NGX_ERROR;
        }

        for (shadow = 0; shadow < 2; shadow++) {
            b->last = ngx_sprintf(b->last, "countersign_decisions_total{zone=\"%V\",mode=\"%s\",decision=\"accept\","
                                  "reason=\"accepted\"} %uA\n", &text, shadow ? "shadow" : "enforce",
                                  shared->accepted[shadow]);

            for (k = 0; k < countersign_reason_count(); k++) {
                word = countersign_reason_word(countersign_reason_at(k));
                b->last = ngx_sprintf(b->last, "countersign_decisions_total{zone=\"%V\",mode=\"%s\","
                                      "decision=\"refuse\",reason=\"%*s\"} %uA\n", &text,
                                      shadow ? "shadow" : "enforce", word.length, word.data,
                                      shared->refused[shadow][k]);
            }
        }
    }

    b->last = ngx_sprintf(b->last, "# HELP countersign_trust_documents_total Trust documents read, by every worker for "
                          "itself.\n# TYPE countersign_trust_documents_total counter\n");

    for (i = 0; i < mcf->zones.nelts; i++) {
        shared = zones[i]->shared;

        if (ngx_http_countersign_quoted(r->pool, zones[i]->name.data, zones[i]->name.len, &text) != NGX_OK) {
            return NGX_ERROR;
        }

        b->last = ngx_sprintf(b->last, "countersign_trust_documents_total{zone=\"%V\",outcome=\"loaded\"} %uA\n"
                              "countersign_trust_documents_total{zone=\"%V\",outcome=\"refused\"} %uA\n"
                              "countersign_trust_documents_total{zone=\"%V\",outcome=\"unreadable\"} %uA\n", &text,
                              shared->trust_loaded, &text, shared->trust_refused, &text, shared->trust_unreadable);
    }

    for (k = 0; k < sizeof(ngx_http_countersign_gauges) / sizeof(ngx_http_countersign_gauges[0]); k++) {
        b->last = ngx_sprintf(b->last, "# HELP countersign_replay_%s %s\n# TYPE countersign_replay_%s gauge\n",
                              ngx_http_countersign_gauges[k].name, ngx_http_countersign_gauges[k].help,
                              ngx_http_countersign_gauges[k].name);

        for (i = 0; i < mcf->zones.nelts; i++) {
            if (ngx_http_countersign_quoted(r->pool, zones[i]->name.data, zones[i]->name.len, &text) != NGX_OK) {
                return NGX_ERROR;
            }

            replay = ngx_http_countersign_replay_state(zones[i]);

            b->last = ngx_sprintf(b->last, "countersign_replay_%s{zone=\"%V\"} %uL\n",
                                  ngx_http_countersign_gauges[k].name, &text,
                                  *(uint64_t *) ((u_char *) &replay + ngx_http_countersign_gauges[k].offset));
        }
    }

    b->last = ngx_sprintf(b->last, "# HELP countersign_faults_total Requests that could not be judged.\n"
                          "# TYPE countersign_faults_total counter\n");

    for (i = 0; i < mcf->zones.nelts; i++) {
        if (ngx_http_countersign_quoted(r->pool, zones[i]->name.data, zones[i]->name.len, &text) != NGX_OK) {
            return NGX_ERROR;
        }

        b->last = ngx_sprintf(b->last, "countersign_faults_total{zone=\"%V\"} %uA\n", &text,
                              zones[i]->shared->faults);
    }

    return NGX_OK;
}


/* More than either text can take. */

static size_t
ngx_http_countersign_room(ngx_http_countersign_main_conf_t *mcf)
{
    size_t                           room, i;
    uint32_t                         policy;
    countersign_str                  word;
    ngx_http_countersign_zone_t    **zones = mcf->zones.elts;
    ngx_http_countersign_engine_t  **engines = mcf->engines.elts;

    room = 16 * NGX_HTTP_COUNTERSIGN_LINE_BYTES;

    for (i = 0; i < mcf->zones.nelts; i++) {
        room += (2 * countersign_reason_count() + 24) * (NGX_HTTP_COUNTERSIGN_LINE_BYTES + 2 * zones[i]->name.len);
    }

    for (i = 0; i < mcf->engines.nelts; i++) {
        room += 4 * NGX_HTTP_COUNTERSIGN_LINE_BYTES + 2 * engines[i]->document->path.len;

        for (policy = 0; /* void */ ; policy++) {
            word = countersign_engine_policy_name(engines[i]->engine, policy);
            if (word.data == NULL) {
                break;
            }
            room += 2 * word.length + 4;
        }
    }

    return room;
}


static ngx_int_t
ngx_http_countersign_status_handler(ngx_http_request_t *r)
{
    ngx_int_t                          rc;
    ngx_buf_t                         *b;
    ngx_chain_t                        out;
    ngx_http_countersign_loc_conf_t   *lcf;
    ngx_http_countersign_main_conf_t  *mcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_countersign_module);
    mcf = ngx_http_get_module_main_conf(r, ngx_http_countersign_module);

    b = ngx_create_temp_buf(r->pool, ngx_http_countersign_room(mcf));
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (lcf->status_format == NGX_HTTP_COUNTERSIGN_PROMETHEUS) {
        rc = ngx_http_countersign_prometheus(r, mcf, b);
        ngx_str_set(&r->headers_out.content_type, "text/plain; version=0.0.4; charset=utf-8");
    } else {
        rc = ngx_http_countersign_json(r, mcf, b);
        ngx_str_set(&r->headers_out.content_type, "application/json");
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = b->last - b->pos;

    b->last_buf = (r == r->main);
    b->last_in_chain = 1;
    out.buf = b;
    out.next = NULL;

    rc = ngx_http_send_header(r);
    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, &out);
}
