/*
 * Fields for one hop: a client's Upgrade and Connection, which a location may pass on to its upstream for WebSocket.
 *
 * An upgrade to a protocol that carries HTTP requests makes the connection a tunnel in which the client sends requests that nothing
 * judges, with identity headers of its own, to any path of the upstream. The client's Connection may name identity headers, which the next
 * hop then removes. Both are mended before anything reads them, in every location: the upstream of one location may be that of another.
 */

#include "ngx_http_countersign.h"


/* Letters, digits, "-", "." and "_": what can be in the name of a protocol or field here. */

static ngx_uint_t
ngx_http_countersign_in_name(u_char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '-' || ch == '.' || ch == '_';
}


/* The next name in a field's value, however its list is written; an empty one after the last. */

static ngx_str_t
ngx_http_countersign_next_name(u_char **p, u_char *last)
{
    ngx_str_t  name;

    while (*p < last && !ngx_http_countersign_in_name(**p)) { (*p)++; }

    name.data = *p;

    while (*p < last && ngx_http_countersign_in_name(**p)) { (*p)++; }

    name.len = *p - name.data;

    return name;
}


/*
 * HTTP/2 by upgrade in all its versions ("h2c" and drafts), any HTTP, and TLS (RFC 2817), in which HTTP continues. RFC 9110 section 7.8: "A
 * server MAY ignore a received Upgrade header field", and RFC 9113 section 3.1 deprecates "h2c" and HTTP2-Settings.
 */

static ngx_uint_t
ngx_http_countersign_carries_requests(ngx_str_t *value)
{
    u_char     *p = value->data, *last = value->data + value->len;
    ngx_str_t   name;

    for ( ;; ) {
        name = ngx_http_countersign_next_name(&p, last);

        if (name.len == 0) {
            return 0;
        }

        if ((name.len >= 2 && ngx_strncasecmp(name.data, (u_char *) "h2", 2) == 0)
            || (name.len == 4 && ngx_strncasecmp(name.data, (u_char *) "http", 4) == 0)
            || (name.len == 3 && ngx_strncasecmp(name.data, (u_char *) "tls", 3) == 0))
        {
            return 1;
        }
    }
}


/* Writes Connection without the identity headers that it names; one that names nothing else becomes empty. */

static ngx_int_t
ngx_http_countersign_unname(ngx_http_request_t *r, ngx_http_countersign_main_conf_t *mcf, ngx_table_elt_t *connection)
{
    u_char      *p, *last, *text;
    ngx_str_t    name;
    ngx_uint_t   names_identity;

    p = connection->value.data;
    last = p + connection->value.len;
    names_identity = 0;

    while ((name = ngx_http_countersign_next_name(&p, last)).len != 0 && !names_identity) {
        names_identity = ngx_http_countersign_is_identity(mcf, &name) != NULL;
    }

    if (!names_identity) {
        return NGX_OK;
    }

    /* Each name is followed by two bytes at most, of which its list has one at least. */
    text = ngx_pnalloc(r->pool, 2 * connection->value.len + 2);
    if (text == NULL) {
        return NGX_ERROR;
    }

    p = connection->value.data;
    connection->value.data = text;

    while ((name = ngx_http_countersign_next_name(&p, last)).len != 0) {

        if (ngx_http_countersign_is_identity(mcf, &name) != NULL) {
            continue;
        }

        if (text != connection->value.data) {
            text = ngx_cpymem(text, ", ", 2);
        }

        text = ngx_cpymem(text, name.data, name.len);
    }

    connection->value.len = text - connection->value.data;

    return NGX_OK;
}


ngx_int_t
ngx_http_countersign_hop_fields(ngx_http_request_t *r, ngx_http_countersign_main_conf_t *mcf)
{
    ngx_list_t        kept;
    ngx_uint_t        i, tunnels;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *field, *to;

    static ngx_str_t  upgrade = ngx_string("upgrade"), settings = ngx_string("http2-settings"), connection = ngx_string("connection");

    if (r->headers_in.upgrade == NULL && r->headers_in.connection == NULL) {
        return NGX_OK;
    }

    tunnels = 0;

    for (part = &r->headers_in.headers.part; part != NULL; part = part->next) {
        field = part->elts;
        for (i = 0; i < part->nelts; i++) {

            if (ngx_http_countersign_alike(&upgrade, &field[i].key) && ngx_http_countersign_carries_requests(&field[i].value)) {
                tunnels = 1;
            }

            if (mcf->identity.nelts != 0 && ngx_http_countersign_alike(&connection, &field[i].key)
                && ngx_http_countersign_unname(r, mcf, &field[i]) != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    if (!tunnels) {
        return NGX_OK;
    }

    if (ngx_list_init(&kept, r->pool, 16, sizeof(ngx_table_elt_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    for (part = &r->headers_in.headers.part; part != NULL; part = part->next) {
        field = part->elts;
        for (i = 0; i < part->nelts; i++) {

            if (ngx_http_countersign_alike(&upgrade, &field[i].key) || ngx_http_countersign_alike(&settings, &field[i].key)) {
                continue;
            }

            to = ngx_list_push(&kept);
            if (to == NULL) {
                return NGX_ERROR;
            }

            *to = field[i];
        }
    }

    r->headers_in.headers = kept;
    if (kept.last == &kept.part) {
        r->headers_in.headers.last = &r->headers_in.headers.part;
    }

    /* Without it nginx passes no 101 of an upstream on, whatever the location sends there. */
    r->headers_in.upgrade = NULL;

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0, "countersign: Upgrade is removed, its protocol carries requests that no policy "
                  "would judge");

    return NGX_OK;
}
