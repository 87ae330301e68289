/*
 * Origins: what clients see in front of a request's path, which the `htu` of DPoP proofs is compared with.
 *
 * One origin is meant for every request. Of several, or of a wildcard, the one is meant whose name the client asked for: a client can
 * choose among them, and invent none. The `origin` of a policy goes before all of these.
 */

#include "ngx_http_countersign.h"


static char *ngx_http_countersign_add_origin(ngx_conf_t *cf, ngx_http_countersign_origins_t *origins, ngx_str_t *text);
static void ngx_http_countersign_free_origins(void *data);
static void ngx_http_countersign_absolute_target(ngx_http_request_t *r, ngx_str_t *target);
static void ngx_http_countersign_asked_for(ngx_http_request_t *r, ngx_str_t *target, ngx_str_t *authority);
static ngx_int_t ngx_http_countersign_join(ngx_http_request_t *r, ngx_str_t *scheme, ngx_str_t *authority, countersign_bytes *uri);
static ngx_int_t ngx_http_countersign_choose(ngx_http_request_t *r, ngx_http_countersign_origins_t *origins, ngx_str_t *authority,
    countersign_bytes *uri);


/* countersign_origin URI … */

char *
ngx_http_countersign_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_countersign_loc_conf_t  *lcf = conf;

    ngx_str_t                       *value = cf->args->elts;
    ngx_uint_t                       i;
    ngx_pool_cleanup_t              *cleanup;
    ngx_http_countersign_origins_t  *origins;

    if (lcf->origins != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    origins = ngx_pcalloc(cf->pool, sizeof(ngx_http_countersign_origins_t));
    cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    if (origins == NULL || cleanup == NULL
        || ngx_array_init(&origins->texts, cf->pool, cf->args->nelts - 1, sizeof(countersign_bytes)) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    cleanup->handler = ngx_http_countersign_free_origins;
    cleanup->data = origins;

    origins->place = ngx_http_countersign_here(cf);

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_countersign_add_origin(cf, origins, &value[i]) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    lcf->origins = origins;

    return NGX_CONF_OK;
}


static char *
ngx_http_countersign_add_origin(ngx_conf_t *cf, ngx_http_countersign_origins_t *origins, ngx_str_t *text)
{
    size_t                i;
    ngx_uint_t            k, count;
    countersign_bytes    *texts, pair[2];
    countersign_result    result;
    countersign_origins  *read;

    for (i = 0; i < text->len; i++) {
        if (text->data[i] == '$') {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is compared as it is written, no variable is read: list the origins "
                               "that clients use, as in \"countersign_origin https://api.example https://*.example.com\"", text);
            return NGX_CONF_ERROR;
        }
    }

    texts = ngx_array_push(&origins->texts);
    if (texts == NULL) {
        return NGX_CONF_ERROR;
    }

    *texts = ngx_http_countersign_bytes(text->data, text->len);
    origins->longest = ngx_max(origins->longest, text->len);

    texts = origins->texts.elts;
    count = origins->texts.nelts;

    /* The list so far: it is this origin that a fault is about. */
    result = countersign_origins_new(texts, count, &read);

    switch (result) {

    case COUNTERSIGN_RESULT_OK:
        countersign_origins_free(origins->allowed);
        origins->allowed = read;
        return NGX_CONF_OK;

    case COUNTERSIGN_RESULT_ORIGIN_WILDCARD:
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\": \"*\" matches one whole label at the front of a name, as in "
                           "\"https://*.example.com\"", text);
        return NGX_CONF_ERROR;

    case COUNTERSIGN_RESULT_ORIGIN_REPEATED:
        pair[1] = texts[count - 1];

        for (k = 0; k + 2 < count; k++) {
            pair[0] = texts[k];

            if (countersign_origins_new(pair, 2, &read) == COUNTERSIGN_RESULT_ORIGIN_REPEATED) {
                break;
            }

            countersign_origins_free(read);
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%*s\" and \"%V\" are for the same \"Host\"", texts[k].length, texts[k].data, text);
        return NGX_CONF_ERROR;

    default:
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is no origin such as \"https://api.example\"", text);
        return NGX_CONF_ERROR;
    }
}


static void
ngx_http_countersign_free_origins(void *data)
{
    ngx_http_countersign_origins_t  *origins = data;

    countersign_origins_free(origins->allowed);
}


/* Whether nothing was said of this policy and this directive before: other places may have both too. */

static ngx_uint_t
ngx_http_countersign_is_new_warning(ngx_conf_t *cf, ngx_http_countersign_loc_conf_t *lcf, ngx_http_countersign_policy_t *policy,
    ngx_http_countersign_place_t *place)
{
    ngx_uint_t                         i;
    ngx_http_countersign_warned_t     *warned;
    ngx_http_countersign_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_countersign_module);

    warned = mcf->warned.elts;
    for (i = 0; i < mcf->warned.nelts; i++) {
        if (warned[i].document == lcf->document && warned[i].policy_number == policy->number
            && warned[i].place.line == place->line && warned[i].place.file.data == place->file.data)
        {
            return 0;
        }
    }

    warned = ngx_array_push(&mcf->warned);
    if (warned != NULL) {
        warned->document = lcf->document;
        warned->policy_number = policy->number;
        warned->place = *place;
    }

    return 1;
}


/*
 * Which origin counts at a place: the policy's, or else that of countersign_origin. Of two, one is not used; without one, a client says
 * what its proofs are compared with.
 */

void
ngx_http_countersign_check_origins(ngx_conf_t *cf, ngx_http_countersign_loc_conf_t *lcf, ngx_http_countersign_policy_t *policy)
{
    const countersign_engine      *policies = lcf->document->checked;
    ngx_http_countersign_place_t  *place;

    if (policy->has_origin) {

        if (lcf->origins != NULL && ngx_http_countersign_is_new_warning(cf, lcf, policy, &lcf->origins->place)) {
            place = &lcf->origins->place;
            ngx_log_error(NGX_LOG_WARN, cf->log, 0, "\"countersign_origin\" is not used with policy \"%V\" of \"%V\", the policy has an "
                          "\"origin\" of its own in %V:%ui", &policy->name, &lcf->document->path, &place->file, place->line);
        }

        return;
    }

    if (lcf->origins == NULL && countersign_engine_policy_takes_proofs(policies, policy->number)
        && ngx_http_countersign_is_new_warning(cf, lcf, policy, &lcf->enabled_place))
    {
        place = &lcf->enabled_place;
        ngx_log_error(NGX_LOG_WARN, cf->log, 0, "policy \"%V\" of \"%V\" takes DPoP proofs and has no origin: the \"Host\" that a "
                      "client sends decides which URI they must be for; set \"countersign_origin\", or \"origin\" in the policy, for "
                      "\"countersign\" in %V:%ui", &policy->name, &lcf->document->path, &place->file, place->line);
    }
}


/* Whether two places with one policy have the same origins, so that a decision of one is one of the other. */

ngx_uint_t
ngx_http_countersign_same_origins(ngx_http_countersign_loc_conf_t *one, ngx_http_countersign_loc_conf_t *other)
{
    ngx_uint_t          i;
    countersign_bytes  *left, *right;

    if (one->policy->has_origin || one->origins == other->origins) {
        return 1;
    }

    if (one->origins == NULL || other->origins == NULL || one->origins->texts.nelts != other->origins->texts.nelts) {
        return 0;
    }

    left = one->origins->texts.elts;
    right = other->origins->texts.elts;

    for (i = 0; i < one->origins->texts.nelts; i++) {
        if (left[i].length != right[i].length || ngx_memcmp(left[i].data, right[i].data, left[i].length) != 0) {
            return 0;
        }
    }

    return 1;
}


/* The target if it is a URI of its own, as in "GET http://host/path HTTP/1.1", or else nothing. */

static void
ngx_http_countersign_absolute_target(ngx_http_request_t *r, ngx_str_t *target)
{
    u_char  *p, *last = r->request_line.data + r->request_line.len;

    ngx_str_null(target);

    if (r->http_version < NGX_HTTP_VERSION_20 && r->host_start != NULL && r->schema_start != NULL
        && r->schema_start >= r->request_line.data && r->schema_start < last)
    {
        for (p = r->schema_start; p < last && *p != ' '; p++) { /* void */ }

        target->data = r->schema_start;
        target->len = p - r->schema_start;
    }
}


/* The server that the client asked for: by the target, which goes before Host (RFC 9112 §3.2.2); none is empty. */

static void
ngx_http_countersign_asked_for(ngx_http_request_t *r, ngx_str_t *target, ngx_str_t *authority)
{
    u_char  *p, *last;

    ngx_str_set(authority, "");

    if (target->len != 0) {
        last = target->data + target->len;
        for (p = r->host_start; p < last && *p != '/' && *p != '?' && *p != '#'; p++) { /* void */ }

        authority->data = r->host_start;
        authority->len = p - r->host_start;

    } else if (r->headers_in.host != NULL) {
        *authority = r->headers_in.host->value;

    } else if (r->http_version >= NGX_HTTP_VERSION_20 && r->host_start != NULL && r->host_end != NULL) {
        /* ":authority", which HTTP/3 leaves where it was read: r->headers_in.server is without the port. */
        authority->data = r->host_start;
        authority->len = r->host_end - r->host_start;
    }

    /* In an authority these would end it, and make a query of the path: a proof for "/" would be one for every path. */
    for (p = authority->data, last = p + authority->len; p < last; p++) {
        if (*p == '/' || *p == '?' || *p == '#') {
            authority->len = 0;
            return;
        }
    }
}


/*
 * The URI as the client sees it. Forwarding header fields are never looked at. A request that names no server, or none of the list, has
 * an empty authority: no proof is for that URI, and the request is refused as its client's fault.
 */

ngx_int_t
ngx_http_countersign_uri(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf, countersign_bytes *uri)
{
    ngx_str_t  target, authority, scheme;

    if (lcf->policy->has_origin) {
        *uri = ngx_http_countersign_bytes(r->unparsed_uri.data, r->unparsed_uri.len);
        return NGX_OK;
    }

    ngx_http_countersign_absolute_target(r, &target);

    if (lcf->origins == NULL && target.len != 0) {
        *uri = ngx_http_countersign_bytes(target.data, target.len);
        return NGX_OK;
    }

    ngx_http_countersign_asked_for(r, &target, &authority);

    if (lcf->origins != NULL) {
        return ngx_http_countersign_choose(r, lcf->origins, &authority, uri);
    }

    if (r->connection->ssl != NULL) {
        ngx_str_set(&scheme, "https://");
    } else {
        ngx_str_set(&scheme, "http://");
    }

    return ngx_http_countersign_join(r, &scheme, &authority, uri);
}


/* The origin of the list that the client asked for, and the target as it sent it. */

static ngx_int_t
ngx_http_countersign_choose(ngx_http_request_t *r, ngx_http_countersign_origins_t *origins, ngx_str_t *authority,
    countersign_bytes *uri)
{
    u_char              *p;
    size_t               size, length;
    ngx_str_t            scheme, none;
    countersign_bytes    asked_for, target;
    countersign_result   result;

    size = origins->longest + authority->len + r->unparsed_uri.len;
    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    asked_for = ngx_http_countersign_bytes(authority->data, authority->len);
    target = ngx_http_countersign_bytes(r->unparsed_uri.data, r->unparsed_uri.len);
    result = countersign_origins_uri(origins->allowed, asked_for, target, p, size, &length);

    if (result == COUNTERSIGN_RESULT_OK) {
        *uri = ngx_http_countersign_bytes(p, length);
        return NGX_OK;
    }

    if (result != COUNTERSIGN_RESULT_NOT_FOUND) {
        return NGX_ERROR;
    }

    ngx_str_set(&scheme, "https://");
    ngx_str_set(&none, "");

    return ngx_http_countersign_join(r, &scheme, &none, uri);
}


/* These, and the target as the client sent it. */

static ngx_int_t
ngx_http_countersign_join(ngx_http_request_t *r, ngx_str_t *scheme, ngx_str_t *authority, countersign_bytes *uri)
{
    u_char  *p;

    uri->length = scheme->len + authority->len + r->unparsed_uri.len;
    p = ngx_pnalloc(r->pool, uri->length);
    if (p == NULL) {
        return NGX_ERROR;
    }

    uri->data = p;

    p = ngx_cpymem(p, scheme->data, scheme->len);
    p = ngx_cpymem(p, authority->data, authority->len);
    ngx_memcpy(p, r->unparsed_uri.data, r->unparsed_uri.len);

    return NGX_OK;
}
