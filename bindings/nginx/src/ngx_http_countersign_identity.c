/*
 * Identity headers: the names that some countersign_set_header or countersign_certificate_header of the configuration has.
 *
 * What a client sent under such a name is removed before anything else reads it, at every place of the configuration and in every
 * spelling that an upstream may read as the same name: X-User, x-user, X_User. It is written anew only from the decision that lets
 * the request pass. The rule is that of SECURITY.md, "Identity headers".
 *
 * The list of fields is made anew where it changes, because a subrequest shares its parent's.
 */

#include "ngx_http_countersign.h"


static u_char ngx_http_countersign_fold(u_char ch);
static ngx_int_t ngx_http_countersign_keep_certificate(ngx_http_request_t *r, ngx_table_elt_t *field);
static ngx_int_t ngx_http_countersign_take_away(ngx_http_request_t *r, ngx_http_countersign_main_conf_t *mcf,
    ngx_http_countersign_loc_conf_t *removing, ngx_uint_t client, ngx_uint_t copy);
static ngx_int_t ngx_http_countersign_rest(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf, ngx_table_elt_t *field);
static ngx_int_t ngx_http_countersign_push_cookie(ngx_http_request_t *r, ngx_table_elt_t *cookie);
static ngx_uint_t ngx_http_countersign_is_named(ngx_array_t *names, ngx_str_t *name);
static ngx_int_t ngx_http_countersign_push(ngx_http_request_t *r, ngx_table_elt_t *field);


/* Lengths from this one on share a bit. */
#define NGX_HTTP_COUNTERSIGN_LENGTHS  63


/* countersign_set_header NAME FACT */

char *
ngx_http_countersign_set_header(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_countersign_loc_conf_t  *lcf = conf;

    u_char                         ch;
    ngx_int_t                      attribute;
    ngx_str_t                     *value = cf->args->elts;
    ngx_uint_t                     i;
    ngx_http_countersign_header_t *header;
    ngx_http_countersign_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_countersign_module);

    attribute = ngx_http_countersign_attribute_of_name(mcf, &value[2]);
    if (attribute == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "there is no attribute \"%V\"", &value[2]);
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

    if (lcf->headers == NGX_CONF_UNSET_PTR) {
        lcf->headers = ngx_array_create(cf->pool, 4, sizeof(ngx_http_countersign_header_t));
        if (lcf->headers == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    header = lcf->headers->elts;
    for (i = 0; i < lcf->headers->nelts; i++) {
        if (ngx_http_countersign_alike(&header[i].named.name, &value[1])) {
            return "is duplicate";
        }
    }

    header = ngx_array_push(lcf->headers);
    if (header == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_countersign_identity_name(cf, &value[1], 0) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (attribute < (ngx_int_t) NGX_HTTP_COUNTERSIGN_TEXTS) {
        mcf->named |= 1u << attribute;
    }

    header->named.name = value[1];
    header->named.place = ngx_http_countersign_here(cf);
    header->attribute = attribute;
    header->lowcase.len = value[1].len;
    header->lowcase.data = ngx_pnalloc(cf->pool, value[1].len);
    if (header->lowcase.data == NULL) {
        return NGX_CONF_ERROR;
    }

    header->hash = ngx_hash_strlow(header->lowcase.data, value[1].data, value[1].len);

    return NGX_CONF_OK;
}


/* Makes a name one of the identity headers, or says why it cannot be one. */

char *
ngx_http_countersign_identity_name(ngx_conf_t *cf, ngx_str_t *name, ngx_uint_t certificate)
{
    size_t                             i;
    ngx_http_header_t                 *known;
    ngx_http_countersign_identity_t   *identity;
    ngx_http_countersign_main_conf_t  *mcf;

    static ngx_str_t  dpop = ngx_string("DPoP");

    /* Those that nginx itself acts on (Host, Content-Length, Authorization, X-Forwarded-For ...), and the proof. */
    for (known = ngx_http_headers_in; known->name.len != 0; known++) {
        if (ngx_http_countersign_alike(&known->name, name) || ngx_http_countersign_alike(&dpop, name)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" cannot be set, it is read here", name);
            return NGX_CONF_ERROR;
        }
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_countersign_module);

    identity = mcf->identity.elts;
    for (i = 0; i < mcf->identity.nelts; i++) {
        if (ngx_http_countersign_alike(&identity[i].name, name)) {
            if (identity[i].certificate != certificate) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" cannot both be set and hold a certificate", name);
                return NGX_CONF_ERROR;
            }

            return NGX_CONF_OK;
        }
    }

    identity = ngx_array_push(&mcf->identity);
    if (identity == NULL) {
        return NGX_CONF_ERROR;
    }

    identity->certificate = certificate;
    identity->name.len = name->len;
    identity->name.data = ngx_pnalloc(cf->pool, name->len);
    if (identity->name.data == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < name->len; i++) {
        identity->name.data[i] = ngx_http_countersign_fold(name->data[i]);
    }

    mcf->lengths |= (uint64_t) 1 << ngx_min(name->len, NGX_HTTP_COUNTERSIGN_LENGTHS);

    return NGX_CONF_OK;
}


static ngx_http_countersign_named_t *
ngx_http_countersign_named(ngx_array_t *list, ngx_uint_t i)
{
    return (ngx_http_countersign_named_t *) ((u_char *) list->elts + i * list->size);
}


/*
 * Fields, or trusted hops: a place has its own and those of the place around it; for a name in both, its own. Both lists are of the same
 * type, which begins with ngx_http_countersign_named_t. `what` is the word for the log.
 */

ngx_int_t
ngx_http_countersign_merge_names(ngx_conf_t *cf, const char *directive, const char *what, ngx_array_t *inherited, ngx_array_t **joined)
{
    void                          *element;
    ngx_uint_t                     i, k, own;
    ngx_array_t                   *list = *joined;
    ngx_http_countersign_named_t  *known, *from;

    if (inherited == NGX_CONF_UNSET_PTR) {
        inherited = NULL;
    }

    if (list == NGX_CONF_UNSET_PTR || inherited == NULL) {
        *joined = list == NGX_CONF_UNSET_PTR ? inherited : list;
        return NGX_OK;
    }

    own = list->nelts;

    for (i = 0; i < inherited->nelts; i++) {
        from = ngx_http_countersign_named(inherited, i);

        for (k = 0; k < own; k++) {
            known = ngx_http_countersign_named(list, k);
            if (ngx_http_countersign_alike(&known->name, &from->name)) {
                break;
            }
        }

        if (k < own) {
            continue;
        }

        known = ngx_http_countersign_named(list, 0);
        ngx_log_error(NGX_HTTP_COUNTERSIGN_INHERITED, cf->log, 0, "\"%V\" of %V:%ui is %s also where \"%s %V\" is, in %V:%ui",
                      &from->name, &from->place.file, from->place.line, what, directive, &known->name, &known->place.file,
                      known->place.line);

        element = ngx_array_push(list);
        if (element == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(element, from, list->size);
    }

    return NGX_OK;
}


/*
 * A variable $http_… or $cookie_… that was read before its field was removed or written would keep what it was; its index is kept, so
 * that it is read anew.
 */

ngx_int_t
ngx_http_countersign_early_variables(ngx_conf_t *cf, ngx_http_countersign_main_conf_t *mcf)
{
    ngx_str_t                   name;
    ngx_uint_t                  i, *index;
    ngx_http_variable_t        *variable;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    variable = cmcf->variables.elts;
    for (i = 0; i < cmcf->variables.nelts; i++) {
        name = variable[i].name;

        if (name.len > sizeof("cookie_") - 1 && ngx_strncmp(name.data, "cookie_", sizeof("cookie_") - 1) == 0) {
            /* One that holds a credential may be removed. */
            name.len = sizeof("cookie") - 1;

            if (!ngx_http_countersign_is_named(&mcf->removed, &name)) {
                continue;
            }

            index = ngx_array_push(&mcf->early);
            if (index == NULL) {
                return NGX_ERROR;
            }

            *index = i;
            continue;
        }

        if (name.len <= sizeof("http_") - 1 || ngx_strncmp(name.data, "http_", sizeof("http_") - 1) != 0) {
            continue;
        }

        name.data += sizeof("http_") - 1;
        name.len -= sizeof("http_") - 1;

        if (ngx_http_countersign_is_identity(mcf, &name) == NULL && !ngx_http_countersign_is_named(&mcf->removed, &name)) {
            continue;
        }

        index = ngx_array_push(&mcf->early);
        if (index == NULL) {
            return NGX_ERROR;
        }

        *index = i;
    }

    return NGX_OK;
}


/* The first handler of a client's request: nothing has read its fields yet. */

ngx_int_t
ngx_http_countersign_post_read_handler(ngx_http_request_t *r)
{
    ngx_http_countersign_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_countersign_module);

    return ngx_http_countersign_hop_fields(r, mcf) == NGX_OK && ngx_http_countersign_take_away(r, mcf, NULL, 1, 0) == NGX_OK
           ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/*
 * After a redirect and in a subrequest: fields written for the first location are not for this one. A request that nginx
 * gave up before it was read whole comes here first, if it has an error page.
 */

ngx_int_t
ngx_http_countersign_internal_handler(ngx_http_request_t *r)
{
    ngx_http_countersign_main_conf_t  *mcf;

    if (!r->internal) {
        return NGX_DECLINED;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_countersign_module);

    return ngx_http_countersign_take_away(r, mcf, NULL, 0, 0) == NGX_OK ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/*
 * Writes the decision to the header fields of a request, or nothing where no decision let it pass; and the client's
 * certificate, if it is from a hop that this place trusts.
 */

ngx_int_t
ngx_http_countersign_identify(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf,
    ngx_http_countersign_decision_t *decision)
{
    ngx_str_t                            value;
    ngx_uint_t                           i, repeated;
    ngx_table_elt_t                     *sent, field;
    ngx_http_countersign_header_t       *header;
    ngx_http_countersign_record_t       *record;
    ngx_http_countersign_loc_conf_t     *removing;
    ngx_http_countersign_main_conf_t    *mcf;
    ngx_http_countersign_certificate_t  *certificate;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_countersign_module);

    /* Where countersign is off, there may be no policy. */
    removing = lcf->policy == NULL || lcf->enabled == NGX_HTTP_COUNTERSIGN_OFF || lcf->policy->removed == NULL ? NULL : lcf;

    if (mcf->identity.nelts == 0 && removing == NULL) {
        return NGX_OK;
    }

    /* Where another request may share the list, nothing is added to it. */
    if (ngx_http_countersign_take_away(r, mcf, removing, 0, r->internal) != NGX_OK) {
        return NGX_ERROR;
    }

    record = lcf->certificates == NULL ? NULL : ngx_http_countersign_record(r, 0);

    if (record != NULL && record->certificates != NULL) {
        certificate = lcf->certificates->elts;

        for (i = 0; i < lcf->certificates->nelts; i++) {
            sent = ngx_http_countersign_sent_once(record, &certificate[i].named.name, &repeated);

            if (sent != NULL && ngx_http_countersign_from_hop(r, &certificate[i])
                && ngx_http_countersign_push(r, sent) != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    if (decision == NULL || lcf->headers == NULL) {
        return NGX_OK;
    }

    header = lcf->headers->elts;
    for (i = 0; i < lcf->headers->nelts; i++) {

        if (ngx_http_countersign_attribute(r->pool, decision, header[i].attribute, &value) != NGX_OK) {
            return NGX_ERROR;
        }

        if (value.len == 0) {
            continue;
        }

        field.hash = header[i].hash;
        field.key = header[i].named.name;
        field.lowcase_key = header[i].lowcase.data;
        field.value = value;

        if (ngx_http_countersign_push(r, &field) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_countersign_push(ngx_http_request_t *r, ngx_table_elt_t *field)
{
    ngx_table_elt_t  *pushed;

    pushed = ngx_list_push(&r->headers_in.headers);
    if (pushed == NULL) {
        return NGX_ERROR;
    }

    *pushed = *field;
#if (nginx_version >= 1023000)
    pushed->next = NULL;
#endif

    return NGX_OK;
}


/* Variables $http_… of identity headers are read anew: a request shares the variables of its subrequests, whose fields differ. */

void
ngx_http_countersign_forget_variables(ngx_http_request_t *r, ngx_http_countersign_main_conf_t *mcf)
{
    ngx_uint_t  i, *early;

    early = mcf->early.elts;
    for (i = 0; i < mcf->early.nelts; i++) {
        r->variables[early[i]].valid = 0;
        r->variables[early[i]].not_found = 0;
    }
}


/*
 * Removes every identity header from the fields of r, and the credentials that the policy of `removing` has removed, in every spelling; what
 * else is in a field of theirs stays. Of the identity headers that the client sent, what may be a certificate is kept aside for the place
 * that trusts its sender.
 */

static ngx_int_t
ngx_http_countersign_take_away(ngx_http_request_t *r, ngx_http_countersign_main_conf_t *mcf, ngx_http_countersign_loc_conf_t *removing,
    ngx_uint_t client, ngx_uint_t copy)
{
    ngx_list_t                        kept;
    ngx_uint_t                        i, is_removed, is_cookie, cookies;
    ngx_array_t                      *removed;
    ngx_list_part_t                  *part;
    ngx_table_elt_t                  *field, *to, rest;
    ngx_http_countersign_record_t    *record;
    ngx_http_countersign_identity_t  *identity;

    static ngx_str_t  authorization = ngx_string("authorization");
    static ngx_str_t  cookie = ngx_string("cookie");

    removed = removing == NULL ? NULL : removing->policy->removed;
    cookies = 0;

    ngx_http_countersign_forget_variables(r, mcf);

    for (part = &r->headers_in.headers.part; part != NULL && !copy; part = part->next) {
        field = part->elts;
        for (i = 0; i < part->nelts && !copy; i++) {
            copy = ngx_http_countersign_is_identity(mcf, &field[i].key) != NULL
                   || ngx_http_countersign_is_named(removed, &field[i].key);
        }
    }

    if (!copy) {
        return NGX_OK;
    }

    if (ngx_list_init(&kept, r->pool, 16, sizeof(ngx_table_elt_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    for (part = &r->headers_in.headers.part; part != NULL; part = part->next) {
        field = part->elts;
        for (i = 0; i < part->nelts; i++) {

            identity = ngx_http_countersign_is_identity(mcf, &field[i].key);

            if (identity != NULL) {
                if (client && identity->certificate && ngx_http_countersign_keep_certificate(r, &field[i]) != NGX_OK) {
                    return NGX_ERROR;
                }

                continue;
            }

            is_removed = ngx_http_countersign_is_named(removed, &field[i].key);
            is_cookie = is_removed && ngx_http_countersign_alike(&cookie, &field[i].key);

            if (is_removed && ngx_http_countersign_alike(&authorization, &field[i].key)) {
                r->headers_in.authorization = NULL;
            }

            /* What nginx makes $cookie_… of. */
            if (is_cookie && cookies++ == 0) {
#if (nginx_version >= 1023000)
                r->headers_in.cookie = NULL;
#else
                ngx_memzero(&r->headers_in.cookies, sizeof(ngx_array_t));
#endif
            }

            rest = field[i];

            if (is_removed) {
                if (ngx_http_countersign_rest(r, removing, &rest) != NGX_OK) {
                    return NGX_ERROR;
                }

                if (rest.value.len == 0) {
                    continue;
                }
            }

            to = ngx_list_push(&kept);
            if (to == NULL) {
                return NGX_ERROR;
            }

            *to = rest;

            if (is_cookie && ngx_http_countersign_push_cookie(r, to) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    if (removed != NULL && r == r->main) {
        /* Another policy, after a redirect, judges what the client sent. */
        record = ngx_http_countersign_record(r, 1);
        if (record == NULL) {
            return NGX_ERROR;
        }

        if (!record->has_sent) {
            record->sent = r->headers_in.headers;
            record->has_sent = 1;
        }
    }

    r->headers_in.headers = kept;
    if (kept.last == &kept.part) {
        r->headers_in.headers.last = &r->headers_in.headers.part;
    }

    return NGX_OK;
}


/* Takes the credentials that the policy of lcf has removed out of the value of a field. */

static ngx_int_t
ngx_http_countersign_rest(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf, ngx_table_elt_t *field)
{
    u_char      *rest;
    size_t       length;
    ngx_str_t   *name;
    ngx_uint_t   i;

    name = lcf->policy->removed->elts;
    for (i = 0; i < lcf->policy->removed->nelts; i++) {

        if (!ngx_http_countersign_alike(&name[i], &field->key)) {
            continue;
        }

        rest = ngx_pnalloc(r->pool, field->value.len + 1);
        if (rest == NULL) {
            return NGX_ERROR;
        }

        if (countersign_engine_removed_rest(lcf->engine->engine, lcf->policy->number, i,
                                            ngx_http_countersign_bytes(field->value.data, field->value.len), rest, &length)
            != COUNTERSIGN_RESULT_OK)
        {
            return NGX_ERROR;
        }

        rest[length] = '\0';
        field->value.data = rest;
        field->value.len = length;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_countersign_push_cookie(ngx_http_request_t *r, ngx_table_elt_t *cookie)
{
#if (nginx_version >= 1023000)
    ngx_table_elt_t  **last;

    for (last = &r->headers_in.cookie; *last != NULL; last = &(*last)->next) { /* void */ }

    cookie->next = NULL;
    *last = cookie;
#else
    ngx_table_elt_t  **pushed;

    if (r->headers_in.cookies.elts == NULL
        && ngx_array_init(&r->headers_in.cookies, r->pool, 1, sizeof(ngx_table_elt_t *)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    pushed = ngx_array_push(&r->headers_in.cookies);
    if (pushed == NULL) {
        return NGX_ERROR;
    }

    *pushed = cookie;
#endif

    return NGX_OK;
}


static ngx_int_t
ngx_http_countersign_keep_certificate(ngx_http_request_t *r, ngx_table_elt_t *field)
{
    ngx_table_elt_t                *kept;
    ngx_http_countersign_record_t  *record;

    record = ngx_http_countersign_record(r, 1);
    if (record == NULL) {
        return NGX_ERROR;
    }

    if (record->certificates == NULL) {
        record->certificates = ngx_array_create(r->pool, 1, sizeof(ngx_table_elt_t));
        if (record->certificates == NULL) {
            return NGX_ERROR;
        }
    }

    kept = ngx_array_push(record->certificates);
    if (kept == NULL) {
        return NGX_ERROR;
    }

    *kept = *field;

    return NGX_OK;
}


ngx_http_countersign_identity_t *
ngx_http_countersign_is_identity(ngx_http_countersign_main_conf_t *mcf, ngx_str_t *name)
{
    ngx_uint_t                        i;
    ngx_http_countersign_identity_t  *identity;

    if (!(mcf->lengths & ((uint64_t) 1 << ngx_min(name->len, NGX_HTTP_COUNTERSIGN_LENGTHS)))) {
        return NULL;
    }

    identity = mcf->identity.elts;
    for (i = 0; i < mcf->identity.nelts; i++) {
        if (ngx_http_countersign_alike(&identity[i].name, name)) {
            return &identity[i];
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_http_countersign_is_named(ngx_array_t *names, ngx_str_t *name)
{
    ngx_str_t   *known;
    ngx_uint_t   i;

    known = names == NULL ? NULL : names->elts;

    for (i = 0; known != NULL && i < names->nelts; i++) {
        if (ngx_http_countersign_alike(&known[i], name)) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_countersign_push_name(ngx_conf_t *cf, ngx_array_t **names, countersign_str *name)
{
    ngx_str_t  *pushed;

    if (*names == NULL) {
        *names = ngx_array_create(cf->pool, 1, sizeof(ngx_str_t));
        if (*names == NULL) {
            return NGX_ERROR;
        }
    }

    pushed = ngx_array_push(*names);
    if (pushed == NULL) {
        return NGX_ERROR;
    }

    pushed->len = name->length;
    pushed->data = ngx_pnalloc(cf->pool, name->length);
    if (pushed->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(pushed->data, name->data, name->length);

    return NGX_OK;
}


/* The fields that a policy reads credentials from, and those that are removed before the upstream sees them. */

ngx_int_t
ngx_http_countersign_policy_fields(ngx_conf_t *cf, ngx_http_countersign_document_t *document, ngx_http_countersign_policy_t *policy)
{
    size_t           i;
    countersign_str  name;

    for (i = 1; (name = countersign_engine_credential_name(document->checked, policy->number, i)).data != NULL; i++) {
        if (ngx_http_countersign_push_name(cf, &policy->others, &name) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    for (i = 0; (name = countersign_engine_header_field(document->checked, policy->number, i)).data != NULL; i++) {
        if (ngx_http_countersign_push_name(cf, &policy->fields, &name) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    for (i = 0; (name = countersign_engine_removed_field(document->checked, policy->number, i)).data != NULL; i++) {
        if (ngx_http_countersign_push_name(cf, &policy->removed, &name) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* The fields of a policy that decides at a place. */

ngx_int_t
ngx_http_countersign_credential_fields(ngx_conf_t *cf, ngx_http_countersign_loc_conf_t *lcf, ngx_http_countersign_policy_t *policy)
{
    ngx_str_t                         *added, *field;
    ngx_uint_t                         i;
    ngx_http_countersign_named_t      *named;
    ngx_http_countersign_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_countersign_module);

    field = policy->fields == NULL ? NULL : policy->fields->elts;
    for (i = 0; field != NULL && i < policy->fields->nelts; i++) {
        named = ngx_array_push(&mcf->fields);
        if (named == NULL) {
            return NGX_ERROR;
        }

        named->name = field[i];
        named->place = lcf->enabled_place;
    }

    field = policy->removed == NULL ? NULL : policy->removed->elts;
    for (i = 0; field != NULL && i < policy->removed->nelts; i++) {
        if (!ngx_http_countersign_is_named(&mcf->removed, &field[i])) {
            added = ngx_array_push(&mcf->removed);
            if (added == NULL) {
                return NGX_ERROR;
            }

            *added = field[i];
        }
    }

    return NGX_OK;
}


/* A credential that is removed as an identity header could never be read. */

ngx_int_t
ngx_http_countersign_check_fields(ngx_conf_t *cf, ngx_http_countersign_main_conf_t *mcf)
{
    ngx_uint_t                     i;
    ngx_http_countersign_named_t  *field = mcf->fields.elts;

    for (i = 0; i < mcf->fields.nelts; i++) {
        if (ngx_http_countersign_is_identity(mcf, &field[i].name) != NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "\"%V\" cannot be an identity header, the policy of \"countersign\" in %V:%ui "
                          "reads a credential from it", &field[i].name, &field[i].place.file, field[i].place.line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* Two names are the same identity header if they are equal without case and with "-" for whatever is neither letter nor digit. */

ngx_uint_t
ngx_http_countersign_alike(ngx_str_t *one, ngx_str_t *other)
{
    size_t  i;

    if (one->len != other->len) {
        return 0;
    }

    for (i = 0; i < one->len; i++) {
        if (ngx_http_countersign_fold(one->data[i]) != ngx_http_countersign_fold(other->data[i])) {
            return 0;
        }
    }

    return 1;
}


static u_char
ngx_http_countersign_fold(u_char ch)
{
    ch = ngx_tolower(ch);

    return (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') ? ch : '-';
}
