/*
 * Deciding: once for each client request and policy.
 *
 * A proof is claimed with the decision, so an internal redirect, a subrequest or a variable that asks again is given the decision
 * that was made. It is always about the client's request: method, URI and header fields of the main request.
 */

#include "ngx_http_countersign.h"


static ngx_int_t ngx_http_countersign_ask(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf,
    ngx_http_countersign_decision_t *made);
static countersign_bytes ngx_http_countersign_method(ngx_http_request_t *r);
static ngx_int_t ngx_http_countersign_copy(ngx_http_request_t *r, const countersign_decision *decision,
    ngx_http_countersign_decision_t *made);
static ngx_int_t ngx_http_countersign_copy_headers(ngx_pool_t *pool, const countersign_decision *decision,
    ngx_http_countersign_decision_t *made);
static ngx_int_t ngx_http_countersign_copy_audit(ngx_pool_t *pool, const countersign_decision *decision,
    ngx_http_countersign_decision_t *made);
static ngx_int_t ngx_http_countersign_copy_attributes(ngx_http_request_t *r, const countersign_decision *decision,
    ngx_array_t *names, ngx_http_countersign_decision_t *made);
static ngx_int_t ngx_http_countersign_begin(ngx_http_request_t *r, ngx_http_countersign_decision_t *made,
    countersign_request *request, countersign_pending *pending);
static void ngx_http_countersign_no_decision(ngx_http_request_t *r, ngx_http_countersign_engine_t *engine,
    countersign_result result);
static void ngx_http_countersign_settle(ngx_http_request_t *r, ngx_http_countersign_decision_t *made, ngx_int_t rc);
static void ngx_http_countersign_drop(void *data);
static void ngx_http_countersign_record_cleanup(void *data);


/* Of Authorization and DPoP: a repeated field is refused, so more than these need not be shown. */
#define NGX_HTTP_COUNTERSIGN_FIELDS  8


typedef struct {
    ngx_http_request_t               *request;
    ngx_http_countersign_decision_t  *made;
} ngx_http_countersign_dropped_t;


/*
 * What was decided for the client's request of r. nginx forgets a module's context at an internal redirect, so it is found again
 * by its cleanup.
 */

ngx_http_countersign_record_t *
ngx_http_countersign_record(ngx_http_request_t *r, ngx_uint_t create)
{
    ngx_http_request_t             *main = r->main;
    ngx_pool_cleanup_t             *cleanup;
    ngx_http_countersign_record_t  *record;

    record = ngx_http_get_module_ctx(main, ngx_http_countersign_module);
    if (record != NULL) {
        return record;
    }

    if (main->internal || main->filter_finalize) {
        for (cleanup = main->pool->cleanup; cleanup != NULL; cleanup = cleanup->next) {
            if (cleanup->handler == ngx_http_countersign_record_cleanup) {
                record = cleanup->data;
                ngx_http_set_ctx(main, record, ngx_http_countersign_module);
                return record;
            }
        }
    }

    if (!create) {
        return NULL;
    }

    cleanup = ngx_pool_cleanup_add(main->pool, sizeof(ngx_http_countersign_record_t));
    if (cleanup == NULL) {
        return NULL;
    }

    cleanup->handler = ngx_http_countersign_record_cleanup;
    record = cleanup->data;
    ngx_memzero(record, sizeof(ngx_http_countersign_record_t));
    ngx_http_set_ctx(main, record, ngx_http_countersign_module);

    return record;
}


static void
ngx_http_countersign_record_cleanup(void *data)
{
    /* The record lives in the pool; this only marks where. */
}


/*
 * The decision of this location's policy, if it was made. Of one policy there may be several: where the origin or the trusted hops
 * differ, the same request is another one.
 */

ngx_http_countersign_decision_t *
ngx_http_countersign_known(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf)
{
    ngx_http_countersign_record_t    *record;
    ngx_http_countersign_loc_conf_t  *judged;
    ngx_http_countersign_decision_t  *made;

    record = ngx_http_countersign_record(r, 0);
    if (record == NULL) {
        return NULL;
    }

    for (made = record->newest; made != NULL; made = made->next) {
        judged = made->judged;

        if (judged == lcf
            || (judged->engine == lcf->engine && judged->policy == lcf->policy
                && judged->certificates == lcf->certificates
                && ngx_http_countersign_same_origins(judged, lcf)))
        {
            return made;
        }
    }

    return NULL;
}


/* The decision of this location's policy, made or begun now unless it was before. NULL: out of memory. */

ngx_http_countersign_decision_t *
ngx_http_countersign_decide(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf)
{
    ngx_int_t                         rc;
    ngx_http_countersign_record_t    *record;
    ngx_http_countersign_decision_t  *made;

    made = ngx_http_countersign_known(r, lcf);
    if (made != NULL) {
        return made;
    }

    record = ngx_http_countersign_record(r, 1);
    made = ngx_pcalloc(r->main->pool, sizeof(ngx_http_countersign_decision_t));
    if (record == NULL || made == NULL) {
        return NULL;
    }

    made->judged = lcf;

    ngx_http_countersign_look_if_due(lcf->engine);

    rc = lcf->engine->unready ? NGX_ERROR : ngx_http_countersign_ask(r->main, lcf, made);

    made->next = record->newest;
    record->newest = made;

    if (rc != NGX_AGAIN) {
        ngx_http_countersign_settle(r, made, rc);
    }

    return made;
}


/* There is a decision, unless `rc` is a fault: it is counted, and the requests that wait for it go on. */

static void
ngx_http_countersign_settle(ngx_http_request_t *r, ngx_http_countersign_decision_t *made, ngx_int_t rc)
{
    ngx_uint_t                         i, shadow;
    ngx_http_request_t               **others;
    ngx_http_countersign_shared_t     *shared;
    ngx_http_countersign_waiting_t    *waiting;
    ngx_http_countersign_loc_conf_t   *lcf = made->judged;

    shared = lcf->engine->zone->shared;
    waiting = made->waiting;
    made->waiting = NULL;

    others = waiting == NULL ? NULL : waiting->others.elts;
    for (i = 0; others != NULL && i < waiting->others.nelts; i++) {
        (void) ngx_http_post_request(others[i], NULL);
    }

    if (rc != NGX_OK) {
        (void) ngx_atomic_fetch_add(&shared->faults, 1);
        ngx_memzero(made->texts, sizeof(made->texts));
        made->attributes = NULL;
        ngx_str_null(&made->body_digest);
        made->reason = COUNTERSIGN_REASON_INTERNAL_ERROR;
        made->status = NGX_HTTP_INTERNAL_SERVER_ERROR;
        made->lets_pass = 0;
        made->header_count = 0;
    }

    shadow = lcf->enabled == NGX_HTTP_COUNTERSIGN_SHADOW
             || (made->lets_pass && made->reason != COUNTERSIGN_REASON_ACCEPTED);

    if (made->reason == COUNTERSIGN_REASON_ACCEPTED) {
        (void) ngx_atomic_fetch_add(&shared->accepted[shadow], 1);
        return;
    }

    (void) ngx_atomic_fetch_add(&shared->refused[shadow][countersign_reason_index(made->reason)], 1);

    ngx_http_countersign_notice_refusal(lcf->engine, made->reason);

    if (r->connection->log->log_level >= NGX_LOG_INFO) {
        countersign_str  word = countersign_reason_word(made->reason);
        countersign_str  policy = countersign_engine_policy_name(lcf->engine->engine, lcf->policy->number);

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0, "countersign: refused%s by policy \"%*s\": %*s",
                      shadow ? " in shadow" : "", policy.length, policy.data, word.length, word.data);
    }
}


/* Whether the engine reads a field of this name. */

static ngx_uint_t
ngx_http_countersign_is_read(ngx_http_countersign_loc_conf_t *lcf, ngx_str_t *name, ngx_uint_t *proofs)
{
    ngx_str_t   *field;
    ngx_uint_t   i;

    if (name->len == sizeof("dpop") - 1 && ngx_strncasecmp(name->data, (u_char *) "dpop", sizeof("dpop") - 1) == 0) {
        (*proofs)++;
        return 1;
    }

    if (name->len == sizeof("authorization") - 1
        && ngx_strncasecmp(name->data, (u_char *) "authorization", sizeof("authorization") - 1) == 0)
    {
        return 1;
    }

    field = lcf->policy->fields == NULL ? NULL : lcf->policy->fields->elts;
    for (i = 0; field != NULL && i < lcf->policy->fields->nelts; i++) {
        if (field[i].len == name->len && ngx_strncasecmp(name->data, field[i].data, name->len) == 0) {
            return 1;
        }
    }

    return 0;
}


/* Shows the engine what the client sent. NGX_AGAIN: the decision waits for an answer. */

static ngx_int_t
ngx_http_countersign_ask(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf,
    ngx_http_countersign_decision_t *made)
{
    ngx_uint_t                        i, count, most, proofs, again;
    ngx_list_part_t                  *part;
    ngx_table_elt_t                  *header;
    countersign_header                usual[NGX_HTTP_COUNTERSIGN_FIELDS], *fields;
    countersign_result                result;
    countersign_pending              *pending;
    countersign_request               request;
    const countersign_decision       *decision;
    ngx_http_countersign_engine_t    *engine = lcf->engine;
    ngx_http_countersign_record_t    *record;
    ngx_http_countersign_decision_t  *before;

    ngx_memzero(&request, sizeof(countersign_request));
    request.size = sizeof(countersign_request);
    request.method = ngx_http_countersign_method(r);
    request.now_seconds = ngx_time();

    record = ngx_http_countersign_record(r, 0);
    part = record != NULL && record->has_sent ? &record->sent.part : &r->headers_in.headers.part;
    fields = usual;
    most = NGX_HTTP_COUNTERSIGN_FIELDS;

    if (lcf->policy->fields != NULL) {
        /* As many as the client sent, which nginx limits. */
        ngx_list_part_t  *counted;

        most = 0;
        for (counted = part; counted != NULL; counted = counted->next) {
            most += counted->nelts;
        }

        fields = ngx_palloc(r->pool, (most + 1) * sizeof(countersign_header));
        if (fields == NULL) {
            return NGX_ERROR;
        }
    }

    header = part->elts;
    count = 0;
    proofs = 0;

    for (i = 0; count < most; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            header = part->elts;
            i = 0;
        }

        if (!ngx_http_countersign_is_read(lcf, &header[i].key, &proofs)) {
            continue;
        }

        fields[count].name = ngx_http_countersign_bytes(header[i].key.data, header[i].key.len);
        fields[count].value = ngx_http_countersign_bytes(header[i].value.data, header[i].value.len);
        count++;
    }

    request.headers = fields;
    request.header_count = count;

    /* Only a proof says anything of scheme and host. */
    request.uri = ngx_http_countersign_bytes(r->unparsed_uri.data, r->unparsed_uri.len);

    if ((proofs && ngx_http_countersign_uri(r, lcf, &request.uri) != NGX_OK)
        || ngx_http_countersign_certificate(r, lcf, &request) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /*
     * Where this store took the proof of this request for another policy, that is no replay. What another store took proves nothing. The
     * bytes say whether the store of several machines was asked too: a policy that needs it asks then, and no second time.
     */
    for (before = proofs && record != NULL ? record->newest : NULL; before != NULL; before = before->next) {
        if (before->has_proof && before->judged->engine->zone == engine->zone) {
            request.used_proof = ngx_http_countersign_bytes(before->proof, sizeof(before->proof));
            break;
        }
    }

    for (again = 0; /* void */ ; again++) {

        result = countersign_worker_begin(engine->worker, lcf->policy->number, &request, &decision, &pending);
        if (result != COUNTERSIGN_RESULT_OK) {
            break;
        }

        if (pending != NULL) {
            return ngx_http_countersign_begin(r, made, &request, pending);
        }

        made->reason = countersign_decision_reason(decision);

        /*
         * A key that was published a moment ago may be in its file already, and no proof is claimed before a token's key is known:
         * one more look, one more decision, so that no request is refused for coming early.
         */
        if (again || (made->reason != COUNTERSIGN_REASON_KEY_UNKNOWN && made->reason != COUNTERSIGN_REASON_KEYS_STALE)
            || !ngx_http_countersign_look_early(engine))
        {
            return ngx_http_countersign_copy(r, decision, made);
        }
    }

    ngx_http_countersign_no_decision(r, engine, result);

    return NGX_ERROR;
}


static void
ngx_http_countersign_no_decision(ngx_http_request_t *r, ngx_http_countersign_engine_t *engine, countersign_result result)
{
    countersign_str  text = countersign_result_text(result);

    ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0, "countersign: no decision: %*s", text.length, text.data);

    if (result == COUNTERSIGN_RESULT_PANIC) {
        /* It would return nothing else any more. */
        countersign_worker_free(engine->worker);
        engine->worker = NULL;
        (void) countersign_worker_new(engine->engine, &engine->worker);
    }
}


/* A waiting decision is resumed with the request that it began with, so that is kept. */

static ngx_int_t
ngx_http_countersign_begin(ngx_http_request_t *r, ngx_http_countersign_decision_t *made, countersign_request *request,
    countersign_pending *pending)
{
    countersign_header              *fields;
    ngx_http_cleanup_t              *cleanup;
    ngx_http_countersign_waiting_t  *waiting;

    waiting = ngx_pcalloc(r->pool, sizeof(ngx_http_countersign_waiting_t));
    fields = ngx_palloc(r->pool, (request->header_count + 1) * sizeof(countersign_header));
    cleanup = ngx_http_cleanup_add(r, sizeof(ngx_http_countersign_dropped_t));

    if (waiting == NULL || fields == NULL || cleanup == NULL
        || ngx_array_init(&waiting->others, r->pool, 1, sizeof(ngx_http_request_t *)) != NGX_OK)
    {
        if (cleanup != NULL) {
            cleanup->handler = NULL;
        }

        countersign_pending_free(pending);
        return NGX_ERROR;
    }

    ngx_memcpy(fields, request->headers, request->header_count * sizeof(countersign_header));

    waiting->pending = pending;
    waiting->request = *request;
    waiting->request.headers = fields;
    made->waiting = waiting;
    made->reason = 0;

    ((ngx_http_countersign_dropped_t *) cleanup->data)->request = r;
    ((ngx_http_countersign_dropped_t *) cleanup->data)->made = made;
    cleanup->handler = ngx_http_countersign_drop;

    return NGX_AGAIN;
}


/* The request ends while its decision waits: the client is gone, or nginx gave the request up. */

static void
ngx_http_countersign_drop(void *data)
{
    ngx_http_countersign_dropped_t  *dropped = data;

    if (dropped->made->waiting != NULL) {
        dropped->made->waiting->others.nelts = 0;
        ngx_http_countersign_abandon(dropped->request, dropped->made);
    }
}


void
ngx_http_countersign_abandon(ngx_http_request_t *r, ngx_http_countersign_decision_t *made)
{
    ngx_int_t                       rc;
    countersign_result              result;
    countersign_pending            *pending = made->waiting->pending;
    const countersign_decision     *decision;
    ngx_http_countersign_engine_t  *engine = made->judged->engine;

    made->waiting->pending = NULL;

    result = countersign_worker_abandon(engine->worker, pending, &decision);

    if (result == COUNTERSIGN_RESULT_OK) {
        rc = ngx_http_countersign_copy(r->main, decision, made);

    } else {
        ngx_http_countersign_no_decision(r, engine, result);
        rc = NGX_ERROR;
    }

    ngx_http_countersign_settle(r, made, rc);
}


/* Goes on with the answer to the question: the body, or what the subrequest came to. NGX_AGAIN: it waits for another answer. */

ngx_int_t
ngx_http_countersign_resume(ngx_http_request_t *r, ngx_http_countersign_decision_t *made, countersign_body *body)
{
    uint32_t                         use_once;
    ngx_int_t                        rc;
    countersign_result               result;
    countersign_pending             *pending, *next;
    countersign_request             *request;
    const countersign_decision      *decision;
    ngx_http_countersign_engine_t   *engine = made->judged->engine;
    ngx_http_countersign_answer_t   *answer;
    ngx_http_countersign_waiting_t  *waiting = made->waiting;

    pending = waiting->pending;
    answer = waiting->answer;
    request = &waiting->request;
    request->now_seconds = ngx_time();

    waiting->pending = NULL;
    waiting->answer = NULL;
    waiting->asked = 0;

    decision = NULL;
    next = NULL;

    ngx_http_countersign_look_if_due(engine);

    if (body != NULL) {
        result = countersign_worker_resume_body(engine->worker, pending, request, body, &decision, &next);

    } else if (countersign_pending_question(pending) == COUNTERSIGN_QUESTION_USE_ONCE) {
        use_once = COUNTERSIGN_USE_ONCE_UNAVAILABLE;

        if (answer != NULL && !answer->failed && answer->status == NGX_HTTP_CREATED) {
            use_once = COUNTERSIGN_USE_ONCE_FIRST;

        } else if (answer != NULL && !answer->failed && answer->status == NGX_HTTP_CONFLICT) {
            use_once = COUNTERSIGN_USE_ONCE_USED;
        }

        result = countersign_worker_resume_use_once(engine->worker, pending, request, use_once, &decision, &next);

    } else if (answer != NULL && !answer->failed && answer->whole && answer->status == NGX_HTTP_OK) {
        result = countersign_worker_resume_introspected(engine->worker, pending, request,
                     ngx_http_countersign_bytes(answer->data, answer->length), &decision, &next);

    } else {
        /* Also where a body is wanted and there is no way to read it: that is refused with 500. */
        result = countersign_worker_resume_introspection_failed(engine->worker, pending, request, &decision, &next);
    }

    if (result != COUNTERSIGN_RESULT_OK) {
        ngx_http_countersign_no_decision(r, engine, result);
        ngx_http_countersign_settle(r, made, NGX_ERROR);
        return NGX_OK;
    }

    if (next != NULL) {
        waiting->pending = next;
        return NGX_AGAIN;
    }

    rc = ngx_http_countersign_copy(r->main, decision, made);
    ngx_http_countersign_settle(r, made, rc);

    return NGX_OK;
}


/*
 * The method as the client sent it: a redirect makes r->method_name GET. It is the first word of the request line, which nginx puts
 * together for HTTP/2 and HTTP/3. A request that was given up before its line was read has none, and no proof is for that.
 */

static countersign_bytes
ngx_http_countersign_method(ngx_http_request_t *r)
{
    size_t  length;

    for (length = 0; length < r->request_line.len && r->request_line.data[length] != ' '; length++) { /* void */ }

    return ngx_http_countersign_bytes(r->request_line.data, length);
}


/* What only a transaction token says, where that is not the first credential of the policy. */

static void
ngx_http_countersign_of_others(ngx_http_countersign_loc_conf_t *lcf, const countersign_decision *decision, uint32_t named,
    countersign_str *texts)
{
    ngx_str_t   *name;
    uint32_t     field;
    ngx_uint_t   i;

    name = lcf->policy->others == NULL ? NULL : lcf->policy->others->elts;

    for (i = 0; name != NULL && i < lcf->policy->others->nelts; i++) {
        for (field = COUNTERSIGN_ATTRIBUTE_TRANSACTION; field <= COUNTERSIGN_ATTRIBUTE_REQUESTING_WORKLOAD; field++) {
            if ((named & (1u << field)) && texts[field].data == NULL) {
                texts[field] = countersign_decision_credential_text(decision,
                                   ngx_http_countersign_bytes(name[i].data, name[i].len), field);
            }
        }
    }
}


/*
 * Copies what variables and header fields need. A text that is no value of a header field is as good as none: it could end a field
 * and begin another one, or be read as another text. In an actor chain, which is JSON, a control character can only be white space.
 */

static ngx_int_t
ngx_http_countersign_copy(ngx_http_request_t *r, const countersign_decision *decision,
    ngx_http_countersign_decision_t *made)
{
    size_t                             i, total;
    u_char                            *p;
    uint8_t                            digest[32];
    ngx_str_t                          bytes;
    uint32_t                           field;
    ngx_uint_t                         bad;
    countersign_bytes                  text;
    countersign_str                    texts[NGX_HTTP_COUNTERSIGN_TEXTS];
    ngx_http_countersign_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_countersign_module);

    made->reason = countersign_decision_reason(decision);
    made->has_proof = countersign_decision_used_proof(decision, &made->proof) == COUNTERSIGN_RESULT_OK;
    made->status = countersign_decision_status(decision);
    made->lets_pass = countersign_decision_lets_pass(decision);
    made->expires_at = countersign_decision_expires_at_seconds(decision);

    if (countersign_decision_body_digest(decision, &digest) == COUNTERSIGN_RESULT_OK) {
        bytes.data = digest;
        bytes.len = sizeof(digest);
        made->body_digest.data = ngx_pnalloc(r->pool, ngx_base64_encoded_length(sizeof(digest)));
        if (made->body_digest.data == NULL) {
            return NGX_ERROR;
        }

        ngx_encode_base64url(&made->body_digest, &bytes);
    }

    if (mcf->named == 0) {
        goto headers;
    }

    if (countersign_decision_texts(decision, mcf->named, texts, NGX_HTTP_COUNTERSIGN_TEXTS)
        != COUNTERSIGN_RESULT_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_countersign_of_others(made->judged, decision, mcf->named, texts);

    total = 0;
    for (field = COUNTERSIGN_ATTRIBUTE_POLICY; field < NGX_HTTP_COUNTERSIGN_TEXTS; field++) {
        total += texts[field].length;
    }

    p = ngx_pnalloc(r->pool, total);
    if (p == NULL) {
        return NGX_ERROR;
    }

    for (field = COUNTERSIGN_ATTRIBUTE_POLICY; field < NGX_HTTP_COUNTERSIGN_TEXTS; field++) {

        if (texts[field].data == NULL) {
            continue;
        }

        made->texts[field].data = p;
        made->texts[field].len = texts[field].length;
        ngx_memcpy(p, texts[field].data, texts[field].length);

        text = ngx_http_countersign_bytes(p, texts[field].length);
        bad = texts[field].length != 0 && !countersign_is_field_value(text);

        if (bad && field == COUNTERSIGN_ATTRIBUTE_ACTOR) {
            for (i = 0; i < texts[field].length; i++) {
                p[i] = (p[i] < 0x20 || p[i] == 0x7f) ? ' ' : p[i];
            }

        } else if (bad) {
            ngx_log_error(NGX_LOG_WARN, r->connection->log, 0, "countersign: field %uD of an accepted token is no value of a "
                          "header field (a control character, or a space at an end) and is left out", field);
            ngx_str_null(&made->texts[field]);
        }

        p += texts[field].length;
    }

headers:

    if (mcf->attributes.nelts != 0
        && ngx_http_countersign_copy_attributes(r, decision, &mcf->attributes, made) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_countersign_copy_headers(r->pool, decision, made) != NGX_OK) {
        return NGX_ERROR;
    }

    return mcf->audit ? ngx_http_countersign_copy_audit(r->pool, decision, made) : NGX_OK;
}


static ngx_int_t
ngx_http_countersign_copy_attributes(ngx_http_request_t *r, const countersign_decision *decision, ngx_array_t *names,
    ngx_http_countersign_decision_t *made)
{
    bool              is_json;
    ngx_str_t        *name;
    ngx_uint_t        i;
    countersign_str   value;

    made->attributes = ngx_pcalloc(r->pool, names->nelts * sizeof(ngx_str_t));
    if (made->attributes == NULL) {
        return NGX_ERROR;
    }

    name = names->elts;
    for (i = 0; i < names->nelts; i++) {

        if (countersign_decision_attribute(decision, ngx_http_countersign_bytes(name[i].data, name[i].len), &value, &is_json)
            != COUNTERSIGN_RESULT_OK
            || value.length == 0)
        {
            continue;
        }

        if (!countersign_is_field_value(ngx_http_countersign_bytes((u_char *) value.data, value.length))) {
            ngx_log_error(NGX_LOG_WARN, r->connection->log, 0, "countersign: attribute \"%V\" of an accepted token is no value of a "
                          "header field (a control character, or a space at an end) and is left out", &name[i]);
            continue;
        }

        made->attributes[i].data = ngx_pnalloc(r->pool, value.length);
        if (made->attributes[i].data == NULL) {
            return NGX_ERROR;
        }

        made->attributes[i].len = value.length;
        ngx_memcpy(made->attributes[i].data, value.data, value.length);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_countersign_copy_headers(ngx_pool_t *pool, const countersign_decision *decision,
    ngx_http_countersign_decision_t *made)
{
    u_char           *p;
    size_t            i, count;
    countersign_str   name, value;

    count = countersign_decision_header_count(decision);
    if (count == 0) {
        return NGX_OK;
    }

    made->headers = ngx_pcalloc(pool, count * sizeof(ngx_keyval_t));
    if (made->headers == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < count; i++) {
        if (countersign_decision_header(decision, i, &name, &value) != COUNTERSIGN_RESULT_OK) {
            return NGX_ERROR;
        }

        p = ngx_pnalloc(pool, name.length + value.length);
        if (p == NULL) {
            return NGX_ERROR;
        }

        made->headers[i].key.data = p;
        made->headers[i].key.len = name.length;
        made->headers[i].value.data = ngx_cpymem(p, name.data, name.length);
        made->headers[i].value.len = value.length;
        ngx_memcpy(made->headers[i].value.data, value.data, value.length);
    }

    made->header_count = count;

    return NGX_OK;
}


static ngx_int_t
ngx_http_countersign_copy_audit(ngx_pool_t *pool, const countersign_decision *decision,
    ngx_http_countersign_decision_t *made)
{
    u_char              room[2048];
    size_t              length;
    countersign_result  result;

    result = countersign_decision_audit(decision, room, sizeof(room), &length);
    if (result != COUNTERSIGN_RESULT_OK && result != COUNTERSIGN_RESULT_BUFFER_TOO_SMALL) {
        return NGX_ERROR;
    }

    made->audit.data = ngx_pnalloc(pool, length);
    if (made->audit.data == NULL) {
        return NGX_ERROR;
    }

    made->audit.len = length;

    if (result == COUNTERSIGN_RESULT_OK) {
        ngx_memcpy(made->audit.data, room, length);
        return NGX_OK;
    }

    return countersign_decision_audit(decision, made->audit.data, length, &length) == COUNTERSIGN_RESULT_OK
           ? NGX_OK : NGX_ERROR;
}
