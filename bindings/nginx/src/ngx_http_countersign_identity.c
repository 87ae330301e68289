/*
 * Identity for the upstream, in header fields that only we may write.
 *
 * What a client sent under such a name is taken away first, also under names that an upstream may read as the same one:
 * X-User, x-user, X_User. The list of fields is made anew, because a subrequest shares its parent's.
 */

#include "ngx_http_countersign.h"


static ngx_uint_t ngx_http_countersign_alike(ngx_str_t *one, ngx_str_t *other);
static ngx_uint_t ngx_http_countersign_is_ours(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf,
    ngx_uint_t from_hop, ngx_str_t *name);
static ngx_int_t ngx_http_countersign_take_away(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf);


/* countersign_set_header NAME FACT */

char *
ngx_http_countersign_set_header(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_countersign_loc_conf_t  *lcf = conf;

    u_char                         ch;
    ngx_int_t                      fact;
    ngx_str_t                     *value = cf->args->elts;
    ngx_uint_t                     i;
    ngx_http_header_t             *known;
    ngx_http_countersign_header_t *header;
    static ngx_str_t               dpop = ngx_string("DPoP");
    ngx_http_countersign_main_conf_t  *mcf;

    fact = ngx_http_countersign_fact_of_name(&value[2]);
    if (fact == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "there is no fact \"%V\"", &value[2]);
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < value[1].len; i++) {
        ch = value[1].data[i];
        if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '-')) {
            break;
        }
    }

    if (i == 0 || i != value[1].len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is no header name of letters, digits and \"-\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    /* Those that nginx itself acts on (Host, Content-Length, Authorization, X-Forwarded-For ...), and the proof. */
    for (known = ngx_http_headers_in; known->name.len != 0; known++) {
        if (ngx_http_countersign_alike(&known->name, &value[1]) || ngx_http_countersign_alike(&dpop, &value[1])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" cannot be set, it is read here", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    if (lcf->headers == NGX_CONF_UNSET_PTR) {
        lcf->headers = ngx_array_create(cf->pool, 4, sizeof(ngx_http_countersign_header_t));
        if (lcf->headers == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    header = lcf->headers->elts;
    for (i = 0; i < lcf->headers->nelts; i++) {
        if (ngx_http_countersign_alike(&header[i].name, &value[1])) {
            return "is duplicate";
        }
    }

    header = ngx_array_push(lcf->headers);
    if (header == NULL) {
        return NGX_CONF_ERROR;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_countersign_module);
    if (fact <= COUNTERSIGN_FIELD_KEY_THUMBPRINT) {
        mcf->named |= 1u << fact;
    }

    header->name = value[1];
    header->fact = fact;
    header->lowcase.len = value[1].len;
    header->lowcase.data = ngx_pnalloc(cf->pool, value[1].len);
    if (header->lowcase.data == NULL) {
        return NGX_CONF_ERROR;
    }

    header->hash = ngx_hash_strlow(header->lowcase.data, value[1].data, value[1].len);

    return NGX_CONF_OK;
}


/* Makes the header fields of a request say what was decided, or nothing. */

ngx_int_t
ngx_http_countersign_identify(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf,
    ngx_http_countersign_decision_t *decision)
{
    ngx_str_t                       value;
    ngx_uint_t                      i;
    ngx_table_elt_t                *field;
    ngx_http_countersign_header_t  *header;

    if (lcf->headers == NULL && lcf->certificate == NULL) {
        return NGX_OK;
    }

    if (ngx_http_countersign_take_away(r, lcf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (decision == NULL || lcf->headers == NULL) {
        return NGX_OK;
    }

    header = lcf->headers->elts;
    for (i = 0; i < lcf->headers->nelts; i++) {

        if (ngx_http_countersign_fact(r->pool, decision, header[i].fact, &value) != NGX_OK) {
            return NGX_ERROR;
        }

        if (value.len == 0) {
            continue;
        }

        field = ngx_list_push(&r->headers_in.headers);
        if (field == NULL) {
            return NGX_ERROR;
        }

        field->hash = header[i].hash;
        field->key = header[i].name;
        field->lowcase_key = header[i].lowcase.data;
        field->value = value;
#if (nginx_version >= 1023000)
        field->next = NULL;
#endif
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_countersign_take_away(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf)
{
    ngx_list_t        kept;
    ngx_uint_t        i, from_hop, found;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *field, *copy;

    from_hop = lcf->certificate != NULL && ngx_http_countersign_from_hop(r, lcf->certificate);
    found = r != r->main;

    for (part = &r->headers_in.headers.part; part != NULL && !found; part = part->next) {
        field = part->elts;
        for (i = 0; i < part->nelts && !found; i++) {
            found = ngx_http_countersign_is_ours(r, lcf, from_hop, &field[i].key);
        }
    }

    if (!found) {
        return NGX_OK;
    }

    if (ngx_list_init(&kept, r->pool, 16, sizeof(ngx_table_elt_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    for (part = &r->headers_in.headers.part; part != NULL; part = part->next) {
        field = part->elts;
        for (i = 0; i < part->nelts; i++) {

            if (ngx_http_countersign_is_ours(r, lcf, from_hop, &field[i].key)) {
                continue;
            }

            copy = ngx_list_push(&kept);
            if (copy == NULL) {
                return NGX_ERROR;
            }

            *copy = field[i];
        }
    }

    r->headers_in.headers = kept;
    if (kept.last == &kept.part) {
        r->headers_in.headers.last = &r->headers_in.headers.part;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_countersign_is_ours(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf, ngx_uint_t from_hop,
    ngx_str_t *name)
{
    ngx_uint_t                      i;
    ngx_http_countersign_header_t  *header;

    if (lcf->headers != NULL) {
        header = lcf->headers->elts;
        for (i = 0; i < lcf->headers->nelts; i++) {
            if (ngx_http_countersign_alike(&header[i].name, name)) {
                return 1;
            }
        }
    }

    /* RFC 9440 section 2.4: a certificate's header field from anybody else must not reach the upstream. */
    return lcf->certificate != NULL && lcf->certificate->name.len != 0 && !from_hop
           && ngx_http_countersign_alike(&lcf->certificate->name, name);
}


/* Equal in every reader's eyes: without case, and with whatever is no letter or digit for "-". */

static ngx_uint_t
ngx_http_countersign_alike(ngx_str_t *one, ngx_str_t *other)
{
    size_t  i;
    u_char  a, b;

    if (one->len != other->len) {
        return 0;
    }

    for (i = 0; i < one->len; i++) {
        a = ngx_tolower(one->data[i]);
        b = ngx_tolower(other->data[i]);

        if (!((a >= 'a' && a <= 'z') || (a >= '0' && a <= '9'))) {
            a = '-';
        }

        if (!((b >= 'a' && b <= 'z') || (b >= '0' && b <= '9'))) {
            b = '-';
        }

        if (a != b) {
            return 0;
        }
    }

    return 1;
}
