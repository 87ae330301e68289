/*
 * Origins: what clients see in front of a request's path, which the `htu` of DPoP proofs is compared with.
 *
 * One origin is meant for every request. Of several, or of a wildcard, the one is meant whose name the client asked for: a client can
 * choose among them, and invent none. The `origin` of a policy goes before all of these.
 */

#include "ngx_http_countersign.h"


static char *ngx_http_countersign_add_origin(ngx_conf_t *cf, ngx_http_countersign_origins_t *origins, ngx_str_t *text);
static ngx_int_t ngx_http_countersign_split(ngx_str_t *authority, ngx_str_t *name);
static ngx_uint_t ngx_http_countersign_is_asked_for(ngx_http_countersign_origin_t *origin, ngx_str_t *name, ngx_int_t port);
static void ngx_http_countersign_absolute_target(ngx_http_request_t *r, ngx_str_t *target);
static void ngx_http_countersign_asked_for(ngx_http_request_t *r, ngx_str_t *target, ngx_str_t *authority);
static ngx_int_t ngx_http_countersign_join(ngx_http_request_t *r, ngx_str_t pieces[3], countersign_bytes *uri);


/* No port: the default one of whatever scheme it is. */
#define NGX_HTTP_COUNTERSIGN_NO_PORT  0


/* countersign_origin URI … */

char *
ngx_http_countersign_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_countersign_loc_conf_t  *lcf = conf;

    ngx_str_t                       *value = cf->args->elts;
    ngx_uint_t                       i;
    ngx_http_countersign_origins_t  *origins;

    if (lcf->origins != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    origins = ngx_pcalloc(cf->pool, sizeof(ngx_http_countersign_origins_t));
    if (origins == NULL
        || ngx_array_init(&origins->list, cf->pool, cf->args->nelts - 1, sizeof(ngx_http_countersign_origin_t)) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

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
    size_t                          i, stars;
    ngx_str_t                       checked, authority;
    ngx_int_t                       port, usual;
    ngx_uint_t                      k;
    ngx_http_countersign_origin_t  *origin, *known;

    stars = 0;

    for (i = 0; i < text->len; i++) {
        if (text->data[i] == '$') {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is compared as it is written, no variable is read: list the origins "
                               "that clients use, as in \"countersign_origin https://api.example https://*.example.com\"", text);
            return NGX_CONF_ERROR;
        }

        stars += text->data[i] == '*';
    }

    origin = ngx_array_push(&origins->list);
    if (origin == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(origin, sizeof(ngx_http_countersign_origin_t));
    origin->text = *text;

    usual = ngx_strncasecmp(text->data, (u_char *) "https://", 8) == 0 ? 443 : 80;
    origin->scheme = usual == 443 ? 8 : 7;
    origin->is_wildcard = text->len > origin->scheme && text->data[origin->scheme] == '*';

    checked.len = text->len;
    checked.data = ngx_pstrdup(cf->pool, text);
    if (checked.data == NULL) {
        return NGX_CONF_ERROR;
    }

    if (origin->is_wildcard) {
        /* As the name that some client asks for. */
        checked.data[origin->scheme] = 'a';
    }

    if (!countersign_is_origin(ngx_http_countersign_bytes(checked.data, checked.len))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is no origin such as \"https://api.example\"", text);
        return NGX_CONF_ERROR;
    }

    for (i = origin->scheme; i < text->len && text->data[i] != '/'; i++) { /* void */ }

    authority.data = text->data + origin->scheme;
    authority.len = i - origin->scheme;
    port = ngx_http_countersign_split(&authority, &origin->name);
    origin->port = port == NGX_HTTP_COUNTERSIGN_NO_PORT ? usual : port;
    origin->is_usual_port = origin->port == usual;

    if (stars > origin->is_wildcard
        || (origin->is_wildcard && (origin->name.len < 3 || origin->name.data[1] != '.' || origin->name.data[2] == '.')))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\": \"*\" stands for one whole label at the front of a name, as in "
                           "\"https://*.example.com\"", text);
        return NGX_CONF_ERROR;
    }

    /* A base path may follow, where a proxy in front strips one; the request's path and query come after it. */

    origin->head = *text;
    while (origin->head.data[origin->head.len - 1] == '/') {
        origin->head.len--;
    }

    known = origins->list.elts;
    for (k = 0; k + 1 < origins->list.nelts; k++) {
        if (known[k].name.len == origin->name.len
            && ngx_strncasecmp(known[k].name.data, origin->name.data, origin->name.len) == 0
            && (known[k].port == origin->port || (known[k].is_usual_port && origin->is_usual_port)))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" and \"%V\" are for the same \"Host\"", &known[k].text, text);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* The name and the port of an authority; an error for a port that is no number. */

static ngx_int_t
ngx_http_countersign_split(ngx_str_t *authority, ngx_str_t *name)
{
    u_char     *p, *last;
    ngx_int_t   port;

    *name = *authority;
    last = authority->data + authority->len;

    for (p = last; p > authority->data && p[-1] >= '0' && p[-1] <= '9'; p--) { /* void */ }

    if (p == authority->data || p[-1] != ':') {
        return NGX_HTTP_COUNTERSIGN_NO_PORT;
    }

    name->len = p - 1 - authority->data;
    port = ngx_atoi(p, last - p);

    return port > 0 && port <= 65535 ? port : NGX_ERROR;
}


/* Whether a client that asks for this name and port may mean an origin of the configuration. */

static ngx_uint_t
ngx_http_countersign_is_asked_for(ngx_http_countersign_origin_t *origin, ngx_str_t *name, ngx_int_t port)
{
    u_char     ch;
    size_t     label;
    ngx_str_t  rest;

    if (port == NGX_HTTP_COUNTERSIGN_NO_PORT ? !origin->is_usual_port : port != origin->port) {
        return 0;
    }

    if (!origin->is_wildcard) {
        return origin->name.len == name->len && ngx_strncasecmp(origin->name.data, name->data, name->len) == 0;
    }

    /* One label, as in the name of a certificate (RFC 9525 §6.3), of characters that mean nothing else in a URI. */

    for (label = 0; label < name->len && name->data[label] != '.'; label++) {
        ch = ngx_tolower(name->data[label]);

        if (!((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '-' || ch == '_')) {
            return 0;
        }
    }

    rest.data = name->data + label;
    rest.len = name->len - label;

    return label != 0 && rest.len == origin->name.len - 1
           && ngx_strncasecmp(rest.data, origin->name.data + 1, rest.len) == 0;
}


/* Whether nothing was said of this policy and this directive before: other places may have both too. */

static ngx_uint_t
ngx_http_countersign_is_new_warning(ngx_conf_t *cf, ngx_http_countersign_loc_conf_t *lcf, ngx_http_countersign_place_t *place)
{
    ngx_uint_t                         i;
    ngx_http_countersign_warned_t     *warned;
    ngx_http_countersign_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_countersign_module);

    warned = mcf->warned.elts;
    for (i = 0; i < mcf->warned.nelts; i++) {
        if (warned[i].document == lcf->document && warned[i].policy_number == lcf->policy_number
            && warned[i].place.line == place->line && warned[i].place.file.data == place->file.data)
        {
            return 0;
        }
    }

    warned = ngx_array_push(&mcf->warned);
    if (warned != NULL) {
        warned->document = lcf->document;
        warned->policy_number = lcf->policy_number;
        warned->place = *place;
    }

    return 1;
}


/*
 * Which origin counts at a place: the policy's, or else that of countersign_origin. Of two, one is not used; without one, a client says
 * what its proofs are compared with.
 */

void
ngx_http_countersign_check_origins(ngx_conf_t *cf, ngx_http_countersign_loc_conf_t *lcf)
{
    const countersign_engine      *policies = lcf->document->checked;
    ngx_http_countersign_place_t  *place;

    lcf->has_policy_origin = countersign_engine_policy_has_origin(policies, lcf->policy_number);

    if (lcf->has_policy_origin) {

        if (lcf->origins != NULL && ngx_http_countersign_is_new_warning(cf, lcf, &lcf->origins->place)) {
            place = &lcf->origins->place;
            ngx_log_error(NGX_LOG_WARN, cf->log, 0, "\"countersign_origin\" is not used with policy \"%V\" of \"%V\", the policy has an "
                          "\"origin\" of its own in %V:%ui", &lcf->policy, &lcf->document->path, &place->file, place->line);
        }

        return;
    }

    if (lcf->origins == NULL && countersign_engine_policy_takes_proofs(policies, lcf->policy_number)
        && ngx_http_countersign_is_new_warning(cf, lcf, &lcf->enabled_place))
    {
        place = &lcf->enabled_place;
        ngx_log_error(NGX_LOG_WARN, cf->log, 0, "policy \"%V\" of \"%V\" takes DPoP proofs and has no origin: the \"Host\" that a "
                      "client sends decides which URI they must be for; set \"countersign_origin\", or \"origin\" in the policy, for "
                      "\"countersign\" in %V:%ui", &lcf->policy, &lcf->document->path, &place->file, place->line);
    }
}


/* Whether two places with one policy have the same origins, so that a decision of one is one of the other. */

ngx_uint_t
ngx_http_countersign_same_origins(ngx_http_countersign_loc_conf_t *one, ngx_http_countersign_loc_conf_t *other)
{
    ngx_str_t                      *left, *right;
    ngx_uint_t                      i;
    ngx_http_countersign_origin_t  *origin, *its;

    if (one->has_policy_origin || one->origins == other->origins) {
        return 1;
    }

    if (one->origins == NULL || other->origins == NULL || one->origins->list.nelts != other->origins->list.nelts) {
        return 0;
    }

    origin = one->origins->list.elts;
    its = other->origins->list.elts;

    for (i = 0; i < one->origins->list.nelts; i++) {
        left = &origin[i].head;
        right = &its[i].head;

        if (left->len != right->len || ngx_strncmp(left->data, right->data, left->len) != 0) {
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
    ngx_int_t                       port;
    ngx_str_t                       target, authority, name, pieces[3];
    ngx_uint_t                      i;
    ngx_http_countersign_origin_t  *origin, *chosen;

    if (lcf->has_policy_origin) {
        *uri = ngx_http_countersign_bytes(r->unparsed_uri.data, r->unparsed_uri.len);
        return NGX_OK;
    }

    ngx_str_null(&pieces[1]);
    ngx_str_null(&pieces[2]);

    if (lcf->origins != NULL && lcf->origins->list.nelts == 1) {
        origin = lcf->origins->list.elts;

        if (!origin->is_wildcard) {
            pieces[0] = origin->head;
            return ngx_http_countersign_join(r, pieces, uri);
        }
    }

    ngx_http_countersign_absolute_target(r, &target);

    if (lcf->origins == NULL && target.len != 0) {
        *uri = ngx_http_countersign_bytes(target.data, target.len);
        return NGX_OK;
    }

    ngx_http_countersign_asked_for(r, &target, &authority);

    if (lcf->origins == NULL) {

        if (r->connection->ssl != NULL) {
            ngx_str_set(&pieces[0], "https://");
        } else {
            ngx_str_set(&pieces[0], "http://");
        }

        pieces[1] = authority;
        return ngx_http_countersign_join(r, pieces, uri);
    }

    chosen = NULL;
    port = ngx_http_countersign_split(&authority, &name);
    origin = lcf->origins->list.elts;

    for (i = 0; i < lcf->origins->list.nelts; i++) {
        if (ngx_http_countersign_is_asked_for(&origin[i], &name, port) && (chosen == NULL || chosen->is_wildcard)) {
            chosen = &origin[i];
        }
    }

    if (chosen == NULL) {
        ngx_str_set(&pieces[0], "https://");

    } else if (!chosen->is_wildcard) {
        pieces[0] = chosen->head;

    } else {
        pieces[0].data = chosen->head.data;
        pieces[0].len = chosen->scheme;
        pieces[1].data = name.data;
        pieces[1].len = name.len - (chosen->name.len - 1);
        pieces[2].data = chosen->head.data + chosen->scheme + 1;
        pieces[2].len = chosen->head.len - chosen->scheme - 1;
    }

    return ngx_http_countersign_join(r, pieces, uri);
}


/* These, and the target as the client sent it. */

static ngx_int_t
ngx_http_countersign_join(ngx_http_request_t *r, ngx_str_t pieces[3], countersign_bytes *uri)
{
    u_char      *p;
    ngx_uint_t   i;

    uri->length = pieces[0].len + pieces[1].len + pieces[2].len + r->unparsed_uri.len;
    p = ngx_pnalloc(r->pool, uri->length);
    if (p == NULL) {
        return NGX_ERROR;
    }

    uri->data = p;

    for (i = 0; i < 3; i++) {
        p = ngx_cpymem(p, pieces[i].data, pieces[i].len);
    }

    ngx_memcpy(p, r->unparsed_uri.data, r->unparsed_uri.len);

    return NGX_OK;
}
