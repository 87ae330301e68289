/*
 * $countersign_…: the decision, for log_format, map, if, set, limit_req and proxy_set_header.
 *
 * A variable that is asked for in a protected place before the access phase (if, set, limit_req) has the decision made then. In a
 * server's own `if`, no location is known yet, and the server's settings decide.
 */

#include "ngx_http_countersign.h"


static ngx_int_t ngx_http_countersign_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);


/* Attributes that are no text of the decision; the others are numbered as the library numbers them. */
enum {
    NGX_HTTP_COUNTERSIGN_ATTRIBUTE_DECISION = NGX_HTTP_COUNTERSIGN_TEXTS,
    NGX_HTTP_COUNTERSIGN_ATTRIBUTE_REASON,
    NGX_HTTP_COUNTERSIGN_ATTRIBUTE_STATUS,
    NGX_HTTP_COUNTERSIGN_ATTRIBUTE_EXPIRES_AT,
    NGX_HTTP_COUNTERSIGN_ATTRIBUTE_AUDIT,
    NGX_HTTP_COUNTERSIGN_ATTRIBUTE_BODY_DIGEST,
    /* and those after it, by their places in the attributes that the configuration names */
    NGX_HTTP_COUNTERSIGN_ATTRIBUTE_NAMED
};


static const struct {
    ngx_str_t   name;
    ngx_uint_t  attribute;
} ngx_http_countersign_attributes[] = {
    NGX_HTTP_COUNTERSIGN_ATTRIBUTES
    { ngx_string("countersign_audit"), NGX_HTTP_COUNTERSIGN_ATTRIBUTE_AUDIT }
};

#define NGX_HTTP_COUNTERSIGN_VARIABLES  (sizeof(ngx_http_countersign_attributes) / sizeof(ngx_http_countersign_attributes[0]))

#define NGX_HTTP_COUNTERSIGN_PREFIX  (sizeof("countersign_") - 1)

static ngx_str_t  ngx_http_countersign_attribute_prefix = ngx_string("countersign_attribute_");


/* The place of an attribute, which gets one if `add`; NGX_ERROR if there is none. */

static ngx_int_t
ngx_http_countersign_named_attribute(ngx_http_countersign_main_conf_t *mcf, ngx_str_t *name, ngx_uint_t add)
{
    ngx_str_t   *known;
    ngx_uint_t   i;

    known = mcf->attributes.elts;
    for (i = 0; i < mcf->attributes.nelts; i++) {
        if (known[i].len == name->len && ngx_strncmp(known[i].data, name->data, name->len) == 0) {
            return i;
        }
    }

    known = add && name->len != 0 ? ngx_array_push(&mcf->attributes) : NULL;
    if (known == NULL) {
        return NGX_ERROR;
    }

    *known = *name;

    return i;
}


/* `name` without `prefix`; empty if it begins otherwise. */

static ngx_str_t
ngx_http_countersign_after(ngx_str_t *name, u_char *prefix, size_t length)
{
    ngx_str_t  rest = ngx_null_string;

    if (name->len > length && ngx_strncmp(name->data, prefix, length) == 0) {
        rest.data = name->data + length;
        rest.len = name->len - length;
    }

    return rest;
}


/* $countersign_attribute_NAME */

static ngx_int_t
ngx_http_countersign_attribute_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_int_t                          place;
    ngx_str_t                          attribute;
    ngx_http_countersign_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_countersign_module);
    attribute = ngx_http_countersign_after((ngx_str_t *) data, ngx_http_countersign_attribute_prefix.data,
                                           ngx_http_countersign_attribute_prefix.len);
    place = ngx_http_countersign_named_attribute(mcf, &attribute, 0);

    return ngx_http_countersign_variable(r, v, place == NGX_ERROR ? NGX_HTTP_COUNTERSIGN_ATTRIBUTE_NAMED + mcf->attributes.nelts
                                                                  : NGX_HTTP_COUNTERSIGN_ATTRIBUTE_NAMED + (ngx_uint_t) place);
}


ngx_int_t
ngx_http_countersign_add_variables(ngx_conf_t *cf)
{
    ngx_str_t             name;
    ngx_uint_t            i;
    ngx_http_variable_t  *variable;

    for (i = 0; i < NGX_HTTP_COUNTERSIGN_VARIABLES; i++) {

        name = ngx_http_countersign_attributes[i].name;
        variable = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
        if (variable == NULL) {
            return NGX_ERROR;
        }

        variable->get_handler = ngx_http_countersign_variable;
        variable->data = ngx_http_countersign_attributes[i].attribute;
    }

    name = ngx_http_countersign_attribute_prefix;
    variable = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX);
    if (variable == NULL) {
        return NGX_ERROR;
    }

    variable->get_handler = ngx_http_countersign_attribute_variable;

    return NGX_OK;
}


/* A text of a decision is copied only if the configuration names it. */

ngx_int_t
ngx_http_countersign_used_variables(ngx_conf_t *cf, ngx_http_countersign_main_conf_t *mcf)
{
    ngx_str_t                  *name, attribute;
    ngx_uint_t                  i, k;
    ngx_http_variable_t        *variable;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    variable = cmcf->variables.elts;
    for (i = 0; i < cmcf->variables.nelts; i++) {

        attribute = ngx_http_countersign_after(&variable[i].name, ngx_http_countersign_attribute_prefix.data,
                                               ngx_http_countersign_attribute_prefix.len);
        if (attribute.len != 0 && ngx_http_countersign_named_attribute(mcf, &attribute, 1) == NGX_ERROR) {
            return NGX_ERROR;
        }

        for (k = 0; k < NGX_HTTP_COUNTERSIGN_VARIABLES; k++) {
            name = (ngx_str_t *) &ngx_http_countersign_attributes[k].name;

            if (variable[i].name.len != name->len || ngx_strncmp(variable[i].name.data, name->data, name->len) != 0) {
                continue;
            }

            if (ngx_http_countersign_attributes[k].attribute == NGX_HTTP_COUNTERSIGN_ATTRIBUTE_AUDIT) {
                mcf->audit = 1;

            } else if (ngx_http_countersign_attributes[k].attribute < NGX_HTTP_COUNTERSIGN_TEXTS) {
                mcf->named |= 1u << ngx_http_countersign_attributes[k].attribute;
            }
        }
    }

    return NGX_OK;
}


/* The name of an attribute as countersign_set_header has it: that of its variable without "countersign_". */

ngx_int_t
ngx_http_countersign_attribute_of_name(ngx_http_countersign_main_conf_t *mcf, ngx_str_t *name)
{
    ngx_int_t   place;
    ngx_str_t   known, attribute;
    ngx_uint_t  i;

    attribute = ngx_http_countersign_after(name, (u_char *) "attribute_", sizeof("attribute_") - 1);
    if (attribute.len != 0) {
        place = ngx_http_countersign_named_attribute(mcf, &attribute, 1);
        return place == NGX_ERROR ? NGX_ERROR : (ngx_int_t) NGX_HTTP_COUNTERSIGN_ATTRIBUTE_NAMED + place;
    }

    for (i = 0; i < NGX_HTTP_COUNTERSIGN_VARIABLES; i++) {
        known = ngx_http_countersign_attributes[i].name;
        known.data += NGX_HTTP_COUNTERSIGN_PREFIX;
        known.len -= NGX_HTTP_COUNTERSIGN_PREFIX;

        if (ngx_http_countersign_attributes[i].attribute != NGX_HTTP_COUNTERSIGN_ATTRIBUTE_AUDIT && known.len == name->len
            && ngx_strncmp(known.data, name->data, known.len) == 0)
        {
            return ngx_http_countersign_attributes[i].attribute;
        }
    }

    return NGX_ERROR;
}


static ngx_str_t *
ngx_http_countersign_name_of_attribute(ngx_uint_t attribute)
{
    ngx_uint_t  i;

    static ngx_str_t  named = ngx_string("countersign_attribute_…");

    if (attribute >= NGX_HTTP_COUNTERSIGN_ATTRIBUTE_NAMED) {
        return &named;
    }

    for (i = 0; i < NGX_HTTP_COUNTERSIGN_VARIABLES - 1 && ngx_http_countersign_attributes[i].attribute != attribute; i++) { /* void */ }

    return (ngx_str_t *) &ngx_http_countersign_attributes[i].name;
}


/* Empty where there is no such attribute. */

ngx_int_t
ngx_http_countersign_attribute(ngx_pool_t *pool, ngx_http_countersign_decision_t *decision, ngx_uint_t attribute,
    ngx_str_t *value)
{
    countersign_str  word;

    if (attribute < NGX_HTTP_COUNTERSIGN_TEXTS) {
        *value = decision->texts[attribute];
        return NGX_OK;
    }

    if (attribute >= NGX_HTTP_COUNTERSIGN_ATTRIBUTE_NAMED) {
        if (decision->attributes == NULL) {
            ngx_str_null(value);
        } else {
            *value = decision->attributes[attribute - NGX_HTTP_COUNTERSIGN_ATTRIBUTE_NAMED];
        }
        return NGX_OK;
    }

    switch (attribute) {

    case NGX_HTTP_COUNTERSIGN_ATTRIBUTE_DECISION:
        if (decision->reason == COUNTERSIGN_REASON_ACCEPTED) {
            ngx_str_set(value, "accept");
        } else {
            ngx_str_set(value, "refuse");
        }
        return NGX_OK;

    case NGX_HTTP_COUNTERSIGN_ATTRIBUTE_REASON:
        word = countersign_reason_word(decision->reason);
        value->data = (u_char *) word.data;
        value->len = word.length;
        return NGX_OK;

    case NGX_HTTP_COUNTERSIGN_ATTRIBUTE_AUDIT:
        *value = decision->audit;
        return NGX_OK;

    case NGX_HTTP_COUNTERSIGN_ATTRIBUTE_BODY_DIGEST:
        *value = decision->body_digest;
        return NGX_OK;

    default:
        break;
    }

    ngx_str_null(value);

    if (attribute == NGX_HTTP_COUNTERSIGN_ATTRIBUTE_EXPIRES_AT && decision->expires_at == 0) {
        return NGX_OK;
    }

    value->data = ngx_pnalloc(pool, NGX_INT64_LEN);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    value->len = ngx_sprintf(value->data, "%uL",
                             attribute == NGX_HTTP_COUNTERSIGN_ATTRIBUTE_STATUS ? (uint64_t) decision->status
                                                                      : decision->expires_at)
                 - value->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_countersign_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                          value;
    const char                        *action = r->connection->log->action;
    ngx_http_countersign_record_t     *record;
    ngx_http_countersign_loc_conf_t   *lcf;
    ngx_http_countersign_decision_t   *decision;
    ngx_http_countersign_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_countersign_module);
    lcf = ngx_http_countersign_chosen(r);

    decision = NULL;

    if (data == NGX_HTTP_COUNTERSIGN_ATTRIBUTE_AUDIT ? !mcf->audit
        : data >= NGX_HTTP_COUNTERSIGN_ATTRIBUTE_NAMED
          ? data - NGX_HTTP_COUNTERSIGN_ATTRIBUTE_NAMED >= mcf->attributes.nelts
          : data < NGX_HTTP_COUNTERSIGN_TEXTS && !(mcf->named & (1u << data)))
    {
        /* By a script, or a name put together while requests run: the configuration does not name it. */
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "countersign: a variable is read that the configuration does not name, "
                      "and is empty: name it there, as in \"set $name $countersign_subject\"");
    }

    if (ngx_http_countersign_answer_of(r) != NULL) {
        /* A question has no decision, and those of the client's request are not for a store or issuer. */
        v->not_found = 1;
        return NGX_OK;
    }

    if (lcf != NULL && lcf->enabled != NGX_HTTP_COUNTERSIGN_OFF) {
        decision = ngx_http_countersign_known(r, lcf);

        /* Where a rewrite then leads to another policy, that one decides as well. After its answer, it is too late. */
        if (decision == NULL && !r->header_sent && r->err_status == 0 && r->headers_out.status == 0
            && r->phase_handler >= mcf->rewriting && (action == NULL || ngx_strcmp(action, "logging request") != 0))
        {
            decision = ngx_http_countersign_decide(r, lcf);
            record = ngx_http_countersign_record(r, 0);

            if (decision != NULL && decision->waiting != NULL && !lcf->configured->is_too_early) {
                /* No answer can be waited for here. A rule that denies would let pass, and the access phase decides all the same. */
                lcf->configured->is_too_early = 1;
                ngx_log_error(NGX_LOG_WARN, r->connection->log, 0, "countersign: $%V is asked for before the access phase, where the "
                              "decision has to wait for an answer, and is empty", ngx_http_countersign_name_of_attribute(data));
            }

            if (decision != NULL && decision->waiting == NULL && decision->reason != COUNTERSIGN_REASON_ACCEPTED && !decision->lets_pass
                && lcf->enabled == NGX_HTTP_COUNTERSIGN_ON && r == r->main && record->answer == NULL)
            {
                /* A rule such as `if ($countersign_decision = refuse) { return 401; }` answers for the access phase. */
                record->answer = decision;
                record->refused_with = decision->status;
                record->is_early = 1;
            }
        }
    }

    if (decision != NULL && decision->waiting != NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    if (decision == NULL) {
        record = ngx_http_countersign_record(r, 0);
        decision = record == NULL ? NULL : record->newest;

        while (decision != NULL && decision->waiting != NULL) {
            decision = decision->next;
        }
    }

    if (decision == NULL) {

        if (lcf != NULL && lcf->enabled == NGX_HTTP_COUNTERSIGN_OFF && !lcf->configured->is_warned && r->phase_handler >= mcf->rewriting
            && r->phase_handler < mcf->rewritten)
        {
            /* A rule that denies would let pass. */
            lcf->configured->is_warned = 1;
            ngx_log_error(NGX_LOG_WARN, r->connection->log, 0, "countersign: $%V is asked for before the access phase where "
                          "\"countersign\" is off, and is empty: a rule that compares it needs \"countersign\" at the same "
                          "place", ngx_http_countersign_name_of_attribute(data));
        }

        v->not_found = 1;
        return NGX_OK;
    }

    if (data >= NGX_HTTP_COUNTERSIGN_ATTRIBUTE_NAMED + mcf->attributes.nelts) {
        v->not_found = 1;
        return NGX_OK;
    }

    if (ngx_http_countersign_attribute(r->pool, decision, data, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (data == COUNTERSIGN_ATTRIBUTE_MODE && lcf != NULL && lcf->enabled == NGX_HTTP_COUNTERSIGN_SHADOW) {
        ngx_str_set(&value, "shadow");
    }

    if (value.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->data = value.data;
    v->len = value.len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}
