/* Where decisions take effect: phase handlers, and the header filter that writes challenges. */

#include "ngx_http_countersign.h"


static ngx_int_t ngx_http_countersign_access_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_countersign_location_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_countersign_precontent_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_countersign_header_filter(ngx_http_request_t *r);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;


ngx_int_t
ngx_http_countersign_access_init(ngx_conf_t *cf)
{
    ngx_uint_t                         i;
    ngx_http_handler_pt               *handler;
    ngx_http_core_main_conf_t         *cmcf;
    ngx_http_countersign_main_conf_t  *mcf;

    static const struct {
        ngx_uint_t              phase;
        ngx_http_handler_pt     handler;
    } handlers[] = {
        { NGX_HTTP_POST_READ_PHASE, ngx_http_countersign_post_read_handler },
        { NGX_HTTP_SERVER_REWRITE_PHASE, ngx_http_countersign_internal_handler },
        { NGX_HTTP_REWRITE_PHASE, ngx_http_countersign_location_handler },
        { NGX_HTTP_ACCESS_PHASE, ngx_http_countersign_access_handler },
        { NGX_HTTP_PRECONTENT_PHASE, ngx_http_countersign_precontent_handler }
    };

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_countersign_module);

    for (i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
        if (handlers[i].phase < NGX_HTTP_REWRITE_PHASE && mcf->identity.nelts == 0
            && (handlers[i].phase != NGX_HTTP_POST_READ_PHASE || mcf->engines.nelts == 0))
        {
            continue;
        }

        handler = ngx_array_push(&cmcf->phases[handlers[i].phase].handlers);
        if (handler == NULL) {
            return NGX_ERROR;
        }

        *handler = handlers[i].handler;
    }

    if (mcf->asks) {
        ngx_http_countersign_question_init();
    }

    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_countersign_header_filter;

    return NGX_OK;
}


/*
 * NGX_AGAIN and NGX_DONE: the request waits, and comes here again. NGX_OK lets in, also by "satisfy any". A refusal in shadow mode is NGX_DECLINED: it neither lets in nor keeps out, so that other
 * access rules hold as before.
 */

static ngx_int_t
ngx_http_countersign_judge(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf)
{
    ngx_int_t                         rc;
    ngx_http_countersign_decision_t  *decision;

    decision = ngx_http_countersign_decide(r, lcf);
    if (decision == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (decision->waiting != NULL) {
        rc = ngx_http_countersign_wait(r, decision);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_http_countersign_enforce(r, lcf, decision);
}


ngx_int_t
ngx_http_countersign_enforce(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf,
    ngx_http_countersign_decision_t *decision)
{
    ngx_uint_t                      passes;
    ngx_http_countersign_record_t  *record;

    passes = decision->reason == COUNTERSIGN_REASON_ACCEPTED || lcf->enabled == NGX_HTTP_COUNTERSIGN_SHADOW
             || decision->lets_pass;

    /* By "satisfy any" another rule may let a refused request pass: then that request has no identity. */
    if (ngx_http_countersign_identify(r, lcf, passes ? decision : NULL) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    record = ngx_http_countersign_record(r, 0);
    record->is_early = 0;

    if (decision->reason == COUNTERSIGN_REASON_ACCEPTED) {
        record->answer = decision;
        return NGX_OK;
    }

    if (passes) {
        return NGX_DECLINED;
    }

    record->answer = decision;
    record->refused_with = decision->status;

    return decision->status;
}


static ngx_int_t
ngx_http_countersign_access_handler(ngx_http_request_t *r)
{
    ngx_http_countersign_loc_conf_t  *lcf;

    lcf = ngx_http_countersign_fix_choice(r);
    if (lcf == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (lcf->enabled == NGX_HTTP_COUNTERSIGN_OFF) {
        return ngx_http_countersign_identify(r, lcf, NULL) == NGX_OK ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_countersign_judge(r, lcf);
}


/*
 * The first handler of a request's location. nginx has no access phase for subrequests: one that reaches a protected location
 * (auth_request, SSI, mirror) is judged here by what the client sent, before a `return` of the location answers it. So no page includes
 * what its reader may not see, and auth_request gets no `return 204` without a decision. Mostly that is the decision made before.
 */

static ngx_int_t
ngx_http_countersign_location_handler(ngx_http_request_t *r)
{
    ngx_int_t                         rc;
    ngx_http_core_loc_conf_t         *clcf;
    ngx_http_countersign_answer_t    *answer;
    ngx_http_countersign_record_t    *record;
    ngx_http_countersign_loc_conf_t  *lcf;

    if (r == r->main) {
        record = ngx_http_countersign_record(r, 0);

        if (record != NULL && record->is_early && !r->error_page) {
            /* Asked for at another place, which did not answer. */
            record->answer = NULL;
            record->is_early = 0;
        }

        return ngx_http_countersign_internal_handler(r);
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_countersign_module);
    answer = ngx_http_countersign_answer_of(r);

    if (answer != NULL) {
        clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

        if (answer->placed || ngx_http_get_module_ctx(r, ngx_http_countersign_module) != answer) {
            /* A redirect clears the context. No other location gets a question, nor is asked in its name. */
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "countersign: a question to a store or issuer is redirected to \"%V\": it is "
                          "not followed, only the location that is asked may answer", &r->uri);
            answer->failed = 1;
            return NGX_HTTP_SERVICE_UNAVAILABLE;
        }

        if (!clcf->internal) {
            ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0, "countersign: the location of \"%V\" is not asked, it must be "
                          "\"internal\"", &r->uri);
            return NGX_HTTP_SERVICE_UNAVAILABLE;
        }

        answer->placed = 1;
    }

    /* A question is this server's, of no client: it is not judged, and so never waits for another one. */
    if (answer == NULL) {
        lcf = ngx_http_countersign_fix_choice(r);
        if (lcf == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (lcf->enabled == NGX_HTTP_COUNTERSIGN_OFF || answer != NULL) {
        return ngx_http_countersign_identify(r, lcf, NULL) == NGX_OK ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_countersign_judge(r, lcf);

    if (rc == NGX_AGAIN) {
        /* The word for it in this phase. */
        return NGX_DONE;
    }

    if (rc >= NGX_HTTP_BAD_REQUEST && rc < NGX_HTTP_INTERNAL_SERVER_ERROR && rc != NGX_HTTP_FORBIDDEN) {
        /* auth_request knows 401 and 403 as refusals; of another status it makes 500, as if this were the server's fault. */
        rc = NGX_HTTP_UNAUTHORIZED;
        record = ngx_http_countersign_record(r, 0);
        record->refused_with = rc;
    }

    return rc == NGX_OK ? NGX_DECLINED : rc;
}


/* Only accepted requests come here: by "satisfy any", also those this module refused, whose refusal is then not sent. */

static ngx_int_t
ngx_http_countersign_precontent_handler(ngx_http_request_t *r)
{
    ngx_http_countersign_record_t    *record;
    ngx_http_countersign_loc_conf_t  *lcf;

    if (r != r->main) {
        return NGX_DECLINED;
    }

    /* A subrequest of the access phase (auth_request) may have been the last to read them. */
    ngx_http_countersign_forget_variables(r, ngx_http_get_module_main_conf(r, ngx_http_countersign_module));

    lcf = ngx_http_countersign_chosen(r);

    if (lcf != NULL && lcf->enabled != NGX_HTTP_COUNTERSIGN_OFF) {
        record = ngx_http_countersign_record(r, 0);

        if (record != NULL && record->answer != NULL && record->answer->reason != COUNTERSIGN_REASON_ACCEPTED
            && record->answer == ngx_http_countersign_known(r, lcf))
        {
            record->answer = NULL;
        }
    }

    return NGX_DECLINED;
}


/* Challenges go with the status that they explain, on an error page too; a nonce goes with every answer. */

static ngx_int_t
ngx_http_countersign_header_filter(ngx_http_request_t *r)
{
    ngx_uint_t                        i;
    ngx_table_elt_t                  *header;
    ngx_http_countersign_record_t    *record;
    ngx_http_countersign_decision_t  *answer;

    if (r != r->main) {
        return ngx_http_next_header_filter(r);
    }

    record = ngx_http_countersign_record(r, 0);
    answer = record == NULL ? NULL : record->answer;

    if (answer == NULL || answer->header_count == 0
        || (answer->reason != COUNTERSIGN_REASON_ACCEPTED && record->refused_with != r->headers_out.status))
    {
        return ngx_http_next_header_filter(r);
    }

    for (i = 0; i < answer->header_count; i++) {
        header = ngx_list_push(&r->headers_out.headers);
        if (header == NULL) {
            return NGX_ERROR;
        }

        header->hash = 1;
        header->key = answer->headers[i].key;
        header->value = answer->headers[i].value;
        header->lowcase_key = header->key.data;
#if (nginx_version >= 1023000)
        header->next = NULL;
#endif
    }

    return ngx_http_next_header_filter(r);
}
