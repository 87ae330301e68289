/*
 * The client's certificate: of the TLS connection, or from a header field of a named trusted hop.
 *
 * A hop's own connection says nothing about its client: a request of a trusted hop is validated by the header field alone.
 */

#include "ngx_http_countersign.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>


static ngx_int_t ngx_http_countersign_of_connection(ngx_connection_t *c, countersign_request *request);
static ngx_int_t ngx_http_countersign_of_header(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf,
    countersign_request *request);
static ngx_int_t ngx_http_countersign_der(ngx_pool_t *pool, ngx_str_t *text, ngx_str_t *der);
static void ngx_http_countersign_digest_cleanup(void *data);


typedef struct {
    u_char      sha256[32];
    ngx_uint_t  present;
} ngx_http_countersign_digest_t;


/* countersign_certificate_header NAME from=CIDR ... | from=unix: */

char *
ngx_http_countersign_certificate_header(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_countersign_loc_conf_t  *lcf = conf;

    ngx_int_t                            rc;
    ngx_str_t                           *value = cf->args->elts, text;
    ngx_uint_t                           i;
    ngx_cidr_t                          *hop;
    ngx_http_countersign_certificate_t  *certificate;

    if (lcf->certificates == NGX_CONF_UNSET_PTR) {
        lcf->certificates = ngx_array_create(cf->pool, 1, sizeof(ngx_http_countersign_certificate_t));
        if (lcf->certificates == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    certificate = lcf->certificates->elts;
    for (i = 0; i < lcf->certificates->nelts; i++) {
        if (ngx_http_countersign_alike(&certificate[i].named.name, &value[1])) {
            return "is duplicate";
        }
    }

    if (value[1].len != 0 && ngx_http_countersign_identity_name(cf, &value[1], 1) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    certificate = ngx_array_push(lcf->certificates);
    if (certificate == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(certificate, sizeof(ngx_http_countersign_certificate_t));
    certificate->named.name = value[1];
    certificate->named.place = ngx_http_countersign_here(cf);
    certificate->hops = ngx_array_create(cf->pool, 4, sizeof(ngx_cidr_t));
    if (certificate->hops == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "from=", 5) != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\", expected \"from=ADDRESS\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (ngx_strcmp(value[i].data, "from=unix:") == 0) {
            certificate->unix_hop = 1;
            continue;
        }

        text.data = value[i].data + 5;
        text.len = value[i].len - 5;

        hop = ngx_array_push(certificate->hops);
        if (hop == NULL) {
            return NGX_CONF_ERROR;
        }

        rc = ngx_ptocidr(&text, hop);
        if (rc == NGX_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is no address", &text);
            return NGX_CONF_ERROR;
        }

        if (rc == NGX_DONE) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0, "low address bits of %V are meaningless", &text);
        }
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_countersign_certificate(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf,
    countersign_request *request)
{
    ngx_int_t  rc;

    rc = lcf->certificates == NULL ? NGX_DECLINED : ngx_http_countersign_of_header(r, lcf, request);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (r->connection->ssl == NULL) {
        return NGX_OK;
    }

    return ngx_http_countersign_of_connection(r->connection, request);
}


/* Whether the peer of the connection, and not whom it speaks for (realip), is a trusted hop. */

ngx_uint_t
ngx_http_countersign_from_hop(ngx_http_request_t *r, ngx_http_countersign_certificate_t *certificate)
{
    ngx_addr_t                         peer;
    ngx_connection_t                  *c = r->connection;
    ngx_http_variable_value_t         *original;
    ngx_http_countersign_main_conf_t  *mcf;

    peer.sockaddr = c->sockaddr;
    peer.socklen = c->socklen;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_countersign_module);

    if (mcf->realip_index != NGX_ERROR) {
        original = ngx_http_get_flushed_variable(r->main, mcf->realip_index);

        if (original == NULL || original->not_found) {
            return 0;
        }

        if (original->len == c->addr_text.len && ngx_strncmp(original->data, c->addr_text.data, original->len) == 0) {
            /* Nothing was changed. */

        } else if (original->len == sizeof("unix:") - 1 && ngx_strncmp(original->data, "unix:", original->len) == 0) {
            return certificate->unix_hop;

        } else if (ngx_parse_addr(r->pool, &peer, original->data, original->len) != NGX_OK) {
            return 0;
        }
    }

    if (peer.sockaddr->sa_family == AF_UNIX) {
        return certificate->unix_hop;
    }

    return ngx_cidr_match(peer.sockaddr, certificate->hops) == NGX_OK;
}


/* Its SHA-256, computed once for a connection: it does not change. */

static ngx_int_t
ngx_http_countersign_of_connection(ngx_connection_t *c, countersign_request *request)
{
    X509                           *certificate;
    unsigned int                    length;
    ngx_pool_cleanup_t             *cleanup;
    ngx_http_countersign_digest_t  *digest;

    digest = NULL;

    for (cleanup = c->pool->cleanup; cleanup != NULL; cleanup = cleanup->next) {
        if (cleanup->handler == ngx_http_countersign_digest_cleanup) {
            digest = cleanup->data;
            break;
        }
    }

    if (digest == NULL) {
        cleanup = ngx_pool_cleanup_add(c->pool, sizeof(ngx_http_countersign_digest_t));
        if (cleanup == NULL) {
            return NGX_ERROR;
        }

        digest = cleanup->data;
        digest->present = 0;

        certificate = SSL_get_peer_certificate(c->ssl->connection);

        if (certificate != NULL) {
            digest->present = X509_digest(certificate, EVP_sha256(), digest->sha256, &length) == 1
                              && length == sizeof(digest->sha256);
            X509_free(certificate);

            if (!digest->present) {
                return NGX_ERROR;
            }
        }

        /* Only now is it found by the next request. */
        cleanup->handler = ngx_http_countersign_digest_cleanup;
    }

    if (digest->present) {
        request->certificate_form = COUNTERSIGN_CERTIFICATE_FORM_SHA256;
        request->certificate = ngx_http_countersign_bytes(digest->sha256, sizeof(digest->sha256));
    }

    return NGX_OK;
}


static void
ngx_http_countersign_digest_cleanup(void *data)
{
    /* The digest lives in the pool; this only marks where. */
}


/*
 * NGX_DECLINED: the peer is no hop of this place. A field that is repeated or malformed, or beside another one that may hold the
 * certificate, is as good as none: a bound token is then refused.
 */

static ngx_int_t
ngx_http_countersign_of_header(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf, countersign_request *request)
{
    ngx_int_t                            rc;
    ngx_str_t                            der, *name;
    ngx_uint_t                           i, hop, repeated;
    ngx_table_elt_t                     *found, *sent;
    ngx_http_countersign_record_t       *record;
    ngx_http_countersign_certificate_t  *certificate;

    record = ngx_http_countersign_record(r, 0);
    hop = 0;
    found = NULL;
    name = NULL;

    certificate = lcf->certificates->elts;
    for (i = 0; i < lcf->certificates->nelts; i++) {

        if (!ngx_http_countersign_from_hop(r, &certificate[i])) {
            continue;
        }

        hop = 1;
        sent = ngx_http_countersign_sent_once(record, &certificate[i].named.name, &repeated);

        if (repeated) {
            ngx_log_error(NGX_LOG_WARN, r->connection->log, 0, "countersign: repeated \"%V\"", &certificate[i].named.name);
            return NGX_OK;
        }

        if (sent == NULL) {
            continue;
        }

        if (found != NULL) {
            ngx_log_error(NGX_LOG_WARN, r->connection->log, 0, "countersign: both \"%V\" and \"%V\"", name,
                          &certificate[i].named.name);
            return NGX_OK;
        }

        found = sent;
        name = &certificate[i].named.name;
    }

    if (!hop) {
        return NGX_DECLINED;
    }

    if (found == NULL || found->value.len == 0) {
        return NGX_OK;
    }

    rc = ngx_http_countersign_der(r->pool, &found->value, &der);

    if (rc == NGX_OK) {
        request->certificate_form = COUNTERSIGN_CERTIFICATE_FORM_DER;
        request->certificate = ngx_http_countersign_bytes(der.data, der.len);

    } else if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0, "countersign: malformed \"%V\"", name);
        rc = NGX_OK;
    }

    return rc;
}


/* The field of this name, in any case but in no other spelling, that the client sent exactly once. */

ngx_table_elt_t *
ngx_http_countersign_sent_once(ngx_http_countersign_record_t *record, ngx_str_t *name, ngx_uint_t *repeated)
{
    ngx_uint_t        i;
    ngx_table_elt_t  *field, *found;

    *repeated = 0;
    found = NULL;

    if (record == NULL || record->certificates == NULL) {
        return NULL;
    }

    field = record->certificates->elts;
    for (i = 0; i < record->certificates->nelts; i++) {

        if (field[i].key.len != name->len
            || ngx_strncasecmp(field[i].key.data, name->data, name->len) != 0)
        {
            continue;
        }

        if (found != NULL) {
            *repeated = 1;
            return NULL;
        }

        found = &field[i];
    }

    return found;
}


/* `:base64:`, a byte sequence of RFC 8941 as RFC 9440 has it, or PEM with % escapes as nginx writes $ssl_client_escaped_cert. */

static ngx_int_t
ngx_http_countersign_der(ngx_pool_t *pool, ngx_str_t *text, ngx_str_t *der)
{
    size_t                    padding;
    u_char                   *p, *last, *to;
    ngx_str_t                 base64;

    static const ngx_str_t    begin = ngx_string("-----BEGIN CERTIFICATE-----");
    static const ngx_str_t    end = ngx_string("-----END CERTIFICATE-----");

    base64.data = ngx_pnalloc(pool, text->len);
    der->data = ngx_pnalloc(pool, ngx_base64_decoded_length(text->len));
    if (base64.data == NULL || der->data == NULL) {
        return NGX_ERROR;
    }

    if (text->len > 2 && text->data[0] == ':' && text->data[text->len - 1] == ':') {
        base64.len = text->len - 2;
        ngx_memcpy(base64.data, text->data + 1, base64.len);

    } else {
        p = text->data;
        to = base64.data;
        ngx_unescape_uri(&to, &p, text->len, 0);
        last = to;

        while (last > base64.data && (last[-1] == LF || last[-1] == CR)) {
            last--;
        }

        if ((size_t) (last - base64.data) < begin.len + end.len
            || ngx_memcmp(base64.data, begin.data, begin.len) != 0
            || ngx_memcmp(last - end.len, end.data, end.len) != 0)
        {
            return NGX_DECLINED;
        }

        to = base64.data;
        last -= end.len;

        for (p = base64.data + begin.len; p < last; p++) {
            if (*p != LF && *p != CR && *p != ' ' && *p != '\t') {
                *to++ = *p;
            }
        }

        base64.len = to - base64.data;
    }

    /* nginx's decoder stops at the first "=": what follows the padding, such as a second certificate, must not go unseen. */
    for (p = base64.data; p < base64.data + base64.len && *p != '='; p++) { /* void */ }

    padding = base64.data + base64.len - p;
    if (padding > 2 || base64.len % 4 != 0 || (padding == 2 && p[1] != '=')) {
        return NGX_DECLINED;
    }

    return base64.len != 0 && ngx_decode_base64(der, &base64) == NGX_OK && der->len != 0 ? NGX_OK : NGX_DECLINED;
}
