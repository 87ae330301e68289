/*
 * What a decision waits for, asked in nginx's own way: no thread and no other request waits meanwhile.
 *
 * The body is read in the access phase, as nginx reads it for an upstream, which gets it then. A shared store and an issuer are asked by a
 * subrequest to an internal location, which the operator proxies; the request is woken when that ends, as auth_request does it.
 */

#include "ngx_http_countersign.h"


static ngx_int_t ngx_http_countersign_ask_location(ngx_http_request_t *r, ngx_http_countersign_decision_t *made);
static ngx_int_t ngx_http_countersign_ask_body(ngx_http_request_t *r, ngx_http_countersign_decision_t *made);
static ngx_int_t ngx_http_countersign_answered(ngx_http_request_t *r, void *data, ngx_int_t rc);
static ngx_int_t ngx_http_countersign_answer_filter(ngx_http_request_t *r, ngx_chain_t *in);
static ngx_int_t ngx_http_countersign_received_filter(ngx_http_request_t *r, ngx_chain_t *in);


/* The longest answer of an issuer. */
#define NGX_HTTP_COUNTERSIGN_ANSWER  65536

/* A body in a temporary file is read in chunks of this size. */
#define NGX_HTTP_COUNTERSIGN_CHUNK  8192


static ngx_http_output_body_filter_pt   ngx_http_next_body_filter;
static ngx_http_request_body_filter_pt  ngx_http_next_request_body_filter;


/* countersign_use_once URI, countersign_introspect URI */

char *
ngx_http_countersign_question_uri(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t  *value = cf->args->elts;
    ngx_str_t  *uri = (ngx_str_t *) ((u_char *) conf + cmd->offset);

    if (uri->data != NULL) {
        return "is duplicate";
    }

    if (value[1].len == 0 || value[1].data[0] != '/' || ngx_strlchr(value[1].data, value[1].data + value[1].len, '?') != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is no path of a location, such as /name", &value[1]);
        return NGX_CONF_ERROR;
    }

    *uri = value[1];

    return NGX_CONF_OK;
}


/* A policy that asks what its place cannot answer would refuse each request that it asks about. */

ngx_int_t
ngx_http_countersign_check_questions(ngx_conf_t *cf, ngx_http_countersign_loc_conf_t *lcf, ngx_http_countersign_policy_t *policy)
{
    ngx_uint_t                         i;
    ngx_http_countersign_main_conf_t  *mcf;

    static const struct {
        uint32_t     question;
        const char  *asks;
        const char  *directive;
        size_t       uri;
    } questions[] = {
        { COUNTERSIGN_QUESTION_USE_ONCE, "asks a shared store (\"shared_store\")", "countersign_use_once",
          offsetof(ngx_http_countersign_loc_conf_t, use_once) },
        { COUNTERSIGN_QUESTION_INTROSPECT, "asks issuers about their tokens (\"introspected\")", "countersign_introspect",
          offsetof(ngx_http_countersign_loc_conf_t, introspect) },
        { COUNTERSIGN_QUESTION_BODY, NULL, NULL, 0 }
    };

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_countersign_module);

    for (i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {

        if (!countersign_engine_policy_asks(lcf->document->checked, policy->number, questions[i].question)) {
            continue;
        }

        mcf->asks = 1;

        if (questions[i].directive == NULL || ((ngx_str_t *) ((u_char *) lcf + questions[i].uri))->len != 0) {
            continue;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "policy \"%V\" of \"%V\" %s: \"countersign\" needs \"%s\" in %V:%ui", &policy->name,
                      &lcf->document->path, questions[i].asks, questions[i].directive, &lcf->enabled_place.file,
                      lcf->enabled_place.line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_countersign_question_init(void)
{
    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_countersign_answer_filter;

    ngx_http_next_request_body_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = ngx_http_countersign_received_filter;
}


/*
 * NGX_OK: there is a decision. NGX_AGAIN: the phase handler is called again when there is an answer; NGX_DONE too, and the request was
 * given up for now. Everything else is an error of nginx.
 */

ngx_int_t
ngx_http_countersign_wait(ngx_http_request_t *r, ngx_http_countersign_decision_t *made)
{
    ngx_int_t                         rc;
    ngx_http_request_t              **other;
    ngx_http_countersign_waiting_t   *waiting;

    for ( ;; ) {
        waiting = made->waiting;

        if (waiting == NULL) {
            return NGX_OK;
        }

        if (waiting->asker != NULL && waiting->asker != r) {
            other = ngx_array_push(&waiting->others);
            if (other == NULL) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            *other = r;
            return NGX_AGAIN;
        }

        waiting->asker = r;

        if (!waiting->asked) {
            rc = countersign_pending_question(waiting->pending) == COUNTERSIGN_QUESTION_BODY
                 ? ngx_http_countersign_ask_body(r, made) : ngx_http_countersign_ask_location(r, made);

            if (rc != NGX_OK) {
                return rc;
            }

            continue;
        }

        if (waiting->answer != NULL) {
            if (!waiting->answer->done) {
                return NGX_AGAIN;
            }

            (void) ngx_http_countersign_resume(r, made, NULL);
            continue;
        }

        if (waiting->body_read) {
            waiting->asked = 0;
            continue;
        }

        /* The body could not be read, and an error page led here: the client's fault. */
        ngx_http_countersign_abandon(r, made);
        made->status = NGX_HTTP_BAD_REQUEST;
    }
}


/* What follows the scheme in Authorization. */

static ngx_str_t
ngx_http_countersign_token(countersign_request *request)
{
    size_t              i;
    u_char             *p, *last;
    ngx_str_t           token = ngx_null_string;
    countersign_bytes   name, value;

    for (i = 0; i < request->header_count; i++) {
        name = request->headers[i].name;
        value = request->headers[i].value;

        if (name.length != sizeof("authorization") - 1
            || ngx_strncasecmp((u_char *) name.data, (u_char *) "authorization", name.length) != 0)
        {
            continue;
        }

        p = (u_char *) value.data;
        last = p + value.length;

        while (p < last && *p != ' ') { p++; }
        while (p < last && *p == ' ') { p++; }
        while (p < last && last[-1] == ' ') { last--; }

        token.data = p;
        token.len = last - p;
        break;
    }

    return token;
}


/* The form of RFC 7662 section 2.1: `token` MUST be there. */

static ngx_buf_t *
ngx_http_countersign_form(ngx_pool_t *pool, ngx_str_t *token)
{
    size_t      length;
    ngx_buf_t  *form;

    length = sizeof("token=") - 1 + token->len + 2 * ngx_escape_uri(NULL, token->data, token->len, NGX_ESCAPE_URI_COMPONENT);

    form = ngx_create_temp_buf(pool, length);
    if (form == NULL) {
        return NULL;
    }

    form->last = ngx_cpymem(form->last, "token=", sizeof("token=") - 1);
    form->last = (u_char *) ngx_escape_uri(form->last, token->data, token->len, NGX_ESCAPE_URI_COMPONENT);

    form->last_buf = 1;

    return form;
}


static ngx_table_elt_t *
ngx_http_countersign_field(ngx_http_request_t *sr, const char *name, u_char *value, size_t length)
{
    ngx_table_elt_t  *field;

    field = ngx_list_push(&sr->headers_in.headers);
    if (field == NULL) {
        return NULL;
    }

    ngx_memzero(field, sizeof(ngx_table_elt_t));
    field->key.data = (u_char *) name;
    field->key.len = ngx_strlen(name);
    field->value.data = value;
    field->value.len = length;
    field->lowcase_key = ngx_pnalloc(sr->pool, field->key.len);
    if (field->lowcase_key == NULL) {
        return NULL;
    }

    field->hash = ngx_hash_strlow(field->lowcase_key, field->key.data, field->key.len);

    return field;
}


/*
 * A subrequest of nginx shares its parent's variables. What a question read would be kept for the client's request (an empty $http_...,
 * a map of it), and what the client's request read would go to the store or issuer: the question gets variables of its own.
 *
 * For the same reason it begins where its location is looked up, as a clone does. The rules of the server are for a client's request:
 * `if ($http_x_forwarded_proto != https) { return 301 ...; }` would answer each question.
 */

static ngx_int_t
ngx_http_countersign_separate(ngx_http_request_t *sr)
{
    ngx_uint_t                  i;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(sr, ngx_http_core_module);

    sr->variables = ngx_pcalloc(sr->pool, cmcf->variables.nelts * sizeof(ngx_http_variable_value_t));
    if (sr->variables == NULL) {
        return NGX_ERROR;
    }

    /* Every nginx has this phase, once. */
    for (i = 0; cmcf->phase_engine.handlers[i].checker != ngx_http_core_find_config_phase; i++) { /* void */ }

    sr->phase_handler = i;
    sr->valid_location = 1;
    sr->write_event_handler = ngx_http_core_run_phases;

    return NGX_OK;
}


/* The request is this server's own: it has nothing of the client's request but the token or proof. */

static ngx_int_t
ngx_http_countersign_pose(ngx_http_request_t *sr, countersign_pending *pending, countersign_request *request)
{
    u_char                  *text, proof[32];
    uint64_t                 seconds;
    ngx_buf_t               *form;
    ngx_str_t                server, token, bytes, encoded;
    countersign_str          uri;
    ngx_http_request_body_t *body;

    static ngx_str_t  method = ngx_string("POST");
    static u_char     type[] = "application/x-www-form-urlencoded";
    static u_char     json[] = "application/json";

    sr->method = NGX_HTTP_POST;
    sr->method_name = method;
    sr->filter_need_in_memory = 1;

    server = sr->headers_in.server;
    ngx_memzero(&sr->headers_in, sizeof(ngx_http_headers_in_t));
    sr->headers_in.server = server;
    sr->headers_in.content_length_n = 0;
    sr->headers_in.keep_alive_n = -1;

    body = ngx_pcalloc(sr->pool, sizeof(ngx_http_request_body_t));

    if (body == NULL || ngx_http_countersign_separate(sr) != NGX_OK
        || ngx_list_init(&sr->headers_in.headers, sr->pool, 4, sizeof(ngx_table_elt_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    sr->request_body = body;

    if (countersign_pending_use_once(pending, &proof, &seconds) == COUNTERSIGN_RESULT_OK) {
        sr->header_only = 1;

        text = ngx_pnalloc(sr->pool, ngx_base64_encoded_length(sizeof(proof)) + NGX_INT64_LEN);
        if (text == NULL) {
            return NGX_ERROR;
        }

        bytes.data = proof;
        bytes.len = sizeof(proof);
        encoded.data = text;
        ngx_encode_base64url(&encoded, &bytes);
        text += encoded.len;

        return ngx_http_countersign_field(sr, "Countersign-Proof", encoded.data, encoded.len) == NULL
               || ngx_http_countersign_field(sr, "Countersign-Seconds", text, ngx_sprintf(text, "%uL", seconds) - text) == NULL
               ? NGX_ERROR : NGX_OK;
    }

    uri = countersign_pending_introspection_uri(pending);
    text = ngx_pnalloc(sr->pool, uri.length);
    token = ngx_http_countersign_token(request);
    form = ngx_http_countersign_form(sr->pool, &token);
    body->bufs = ngx_alloc_chain_link(sr->pool);

    if (text == NULL || form == NULL || body->bufs == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(text, uri.data, uri.length);

    body->buf = form;
    body->bufs->buf = form;
    body->bufs->next = NULL;
    sr->headers_in.content_length_n = form->last - form->pos;
    sr->headers_in.content_type = ngx_http_countersign_field(sr, "Content-Type", type, sizeof(type) - 1);

    return sr->headers_in.content_type == NULL
           || ngx_http_countersign_field(sr, "Accept", json, sizeof(json) - 1) == NULL
           || ngx_http_countersign_field(sr, "Countersign-Introspection", text, uri.length) == NULL
           ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_http_countersign_ask_location(ngx_http_request_t *r, ngx_http_countersign_decision_t *made)
{
    ngx_str_t                       *uri;
    ngx_http_request_t              *sr;
    ngx_http_post_subrequest_t      *post;
    ngx_http_countersign_answer_t   *answer;
    ngx_http_countersign_waiting_t  *waiting = made->waiting;

    uri = countersign_pending_question(waiting->pending) == COUNTERSIGN_QUESTION_USE_ONCE ? &made->judged->use_once
                                                                                          : &made->judged->introspect;

    answer = ngx_pcalloc(r->pool, sizeof(ngx_http_countersign_answer_t));
    post = ngx_palloc(r->pool, sizeof(ngx_http_post_subrequest_t));
    if (answer == NULL || post == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    post->handler = ngx_http_countersign_answered;
    post->data = answer;

    if (ngx_http_subrequest(r, uri, NULL, &sr, post, NGX_HTTP_SUBREQUEST_WAITED) != NGX_OK) {
        return NGX_ERROR;
    }

    waiting->asked = 1;
    waiting->answer = answer;

    /* Gone once the question is redirected: see the location handler, and where it ends. */
    ngx_http_set_ctx(sr, answer, ngx_http_countersign_module);

    return ngx_http_countersign_pose(sr, waiting->pending, &waiting->request) == NGX_OK ? NGX_AGAIN : NGX_ERROR;
}


/* The answer to the question that this request asks; NULL for any other request. */

ngx_http_countersign_answer_t *
ngx_http_countersign_answer_of(ngx_http_request_t *r)
{
    return r != r->main && r->post_subrequest != NULL && r->post_subrequest->handler == ngx_http_countersign_answered
           ? r->post_subrequest->data : NULL;
}


/*
 * The subrequest ends. An answer without a page of its own (`return 409`, an upstream that is down) would get an error page now, often one
 * that the location inherits and that leads to an application: the status is the answer, and the question ends here.
 */

static ngx_int_t
ngx_http_countersign_answered(ngx_http_request_t *r, void *data, ngx_int_t rc)
{
    ngx_http_countersign_answer_t  *answer = data;

    answer->done = 1;
    answer->status = r->headers_out.status;

    if (ngx_http_get_module_ctx(r, ngx_http_countersign_module) != answer) {
        /* Redirected: what it was answered with is not the location's. */
        answer->failed = 1;
    }

    if (rc == NGX_OK || r->connection->error) {
        return rc;
    }

    if (rc == NGX_ERROR || rc == NGX_HTTP_REQUEST_TIME_OUT || rc == NGX_HTTP_CLIENT_CLOSED_REQUEST || rc == NGX_HTTP_CLOSE) {
        /* It ends alone: what nginx does with these is for a client's own request. */
        answer->failed = 1;
        return NGX_OK;
    }

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE || rc == NGX_HTTP_CREATED || rc == NGX_HTTP_NO_CONTENT) {
        answer->status = rc;
        return NGX_OK;
    }

    return rc;
}


/* Keeps the body of an answer; it goes to no client. */

static ngx_int_t
ngx_http_countersign_answer_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    size_t                          size;
    ngx_buf_t                      *b;
    ngx_http_countersign_answer_t  *answer;

    answer = ngx_http_countersign_answer_of(r);
    if (answer == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    for ( /* void */ ; in != NULL; in = in->next) {
        b = in->buf;

        if (b->last_buf || b->last_in_chain) {
            answer->whole = 1;
        }

        size = ngx_buf_in_memory(b) ? (size_t) (b->last - b->pos) : 0;

        if ((size == 0 && ngx_buf_size(b) != 0) || size > NGX_HTTP_COUNTERSIGN_ANSWER - answer->length) {
            answer->failed = 1;

        } else if (size != 0 && !answer->failed && !r->header_only) {

            if (answer->data == NULL) {
                answer->data = ngx_pnalloc(r->pool, NGX_HTTP_COUNTERSIGN_ANSWER);
                if (answer->data == NULL) {
                    return NGX_ERROR;
                }
            }

            ngx_memcpy(answer->data + answer->length, b->pos, size);
            answer->length += size;
        }

        b->pos = b->last;
        b->file_pos = b->file_last;
    }

    return NGX_OK;
}


/* A body that is longer than the policy takes: as good as so many zeros, without a byte of it. */

static ngx_int_t
ngx_http_countersign_too_long(ngx_http_request_t *r, ngx_http_countersign_decision_t *made)
{
    countersign_body  *body;

    static u_char  zeros[NGX_HTTP_COUNTERSIGN_CHUNK];

    if (countersign_body_new(made->waiting->pending, &body) != COUNTERSIGN_RESULT_OK) {
        return NGX_ERROR;
    }

    while (countersign_body_feed(body, ngx_http_countersign_bytes(zeros, sizeof(zeros)))) { /* void */ }

    return ngx_http_countersign_resume(r, made, body);
}


/* Shows the engine the body as the upstream will get it. NGX_DECLINED: it is not there any more, or not whole. */

static ngx_int_t
ngx_http_countersign_feed(ngx_http_request_t *r, countersign_body *body)
{
    off_t                     at;
    u_char                    chunk[NGX_HTTP_COUNTERSIGN_CHUNK];
    ssize_t                   n;
    ngx_buf_t                *b;
    ngx_chain_t              *in;
    ngx_http_request_body_t  *rb = r->main->request_body;

    if (rb == NULL) {
        return NGX_OK;
    }

    if (r->main->reading_body || r->main->request_body_no_buffering || rb->rest > 0) {
        return NGX_DECLINED;
    }

    for (in = rb->bufs; in != NULL; in = in->next) {
        b = in->buf;

        if (ngx_buf_in_memory(b)) {
            if (b->last != b->pos) {
                (void) countersign_body_feed(body, ngx_http_countersign_bytes(b->pos, b->last - b->pos));
            }

            continue;
        }

        for (at = b->in_file ? b->file_pos : b->file_last; at < b->file_last; at += n) {
            n = ngx_read_file(b->file, chunk, (size_t) ngx_min(b->file_last - at, (off_t) sizeof(chunk)), at);
            if (n <= 0) {
                return NGX_DECLINED;
            }

            (void) countersign_body_feed(body, ngx_http_countersign_bytes(chunk, n));
        }
    }

    return NGX_OK;
}


static void
ngx_http_countersign_body_handler(ngx_http_request_t *r)
{
    ngx_http_countersign_record_t  *record;

    record = ngx_http_countersign_record(r, 0);

    if (record->reading->waiting != NULL) {
        record->reading->waiting->body_read = 1;
    }

    record->reading = NULL;

    /* A redirect may lead to another policy, or to another upstream. */
    r->preserve_body = 1;

    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}


static ngx_int_t
ngx_http_countersign_ask_body(ngx_http_request_t *r, ngx_http_countersign_decision_t *made)
{
    size_t                           limit;
    ngx_int_t                        rc;
    ngx_uint_t                       is_there;
    countersign_body                *body;
    ngx_http_request_t              *main = r->main;
    ngx_http_countersign_record_t   *record;
    ngx_http_countersign_waiting_t  *waiting = made->waiting;

    limit = countersign_pending_body_limit(waiting->pending);
    is_there = main->headers_in.content_length_n > 0 || main->headers_in.chunked;

    if (is_there && main->headers_in.content_length_n > (off_t) limit) {
        rc = ngx_http_countersign_too_long(r, made);
        return rc == NGX_AGAIN ? NGX_OK : rc;
    }

    if (is_there && main->request_body == NULL && !main->discard_body && r == main) {
        record = ngx_http_countersign_record(r, 0);
        record->reading = made;
        waiting->asked = 1;

        rc = ngx_http_read_client_request_body(r, ngx_http_countersign_body_handler);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            return rc;
        }

        ngx_http_finalize_request(r, NGX_DONE);
        return NGX_DONE;
    }

    if (countersign_body_new(waiting->pending, &body) != COUNTERSIGN_RESULT_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (is_there && (main->request_body == NULL || ngx_http_countersign_feed(r, body) != NGX_OK)) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "countersign: the policy judges the body of the request, which cannot be read "
                      "here: in a subrequest before its request was judged, or after the body went on");
        countersign_body_free(body);
        body = NULL;
    }

    (void) ngx_http_countersign_resume(r, made, body);

    return NGX_OK;
}


/* A body without Content-Length is refused as soon as it is longer than the policy takes. */

static ngx_int_t
ngx_http_countersign_received_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_int_t                         rc;
    ngx_chain_t                      *cl;
    ngx_http_countersign_record_t    *record;
    ngx_http_countersign_waiting_t   *waiting;
    ngx_http_countersign_loc_conf_t  *lcf;
    ngx_http_countersign_decision_t  *made;

    record = r == r->main ? ngx_http_countersign_record(r, 0) : NULL;
    made = record == NULL ? NULL : record->reading;
    waiting = made == NULL ? NULL : made->waiting;

    if (waiting == NULL) {
        return ngx_http_next_request_body_filter(r, in);
    }

    for (cl = in; cl != NULL; cl = cl->next) {
        waiting->body_received += ngx_buf_size(cl->buf);
    }

    if (waiting->body_received > (off_t) countersign_pending_body_limit(waiting->pending)) {

        if (ngx_http_countersign_too_long(r, made) == NGX_ERROR || made->waiting != NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        lcf = ngx_http_countersign_chosen(r);
        rc = lcf == NULL ? NGX_HTTP_INTERNAL_SERVER_ERROR : ngx_http_countersign_enforce(r, lcf, made);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            return rc;
        }
    }

    return ngx_http_next_request_body_filter(r, in);
}
