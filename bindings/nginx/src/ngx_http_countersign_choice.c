/*
 * countersign and countersign_policy: the mode and the policy of a place, each a word of the configuration or the value of variables.
 *
 * A value that is no mode or no policy refuses the request: a request never passes because a variable is empty or misspelled. The values
 * count that the variables have in the access phase; a variable of this module that is read before has the decision of that moment.
 */

#include "ngx_http_countersign.h"


/* So much of a value is logged. */
#define NGX_HTTP_COUNTERSIGN_SHOWN  64

/* Compiles the parameter of a directive if variables are in it; it is NULL where it is a word. */

static char *
ngx_http_countersign_by_variable(ngx_conf_t *cf, ngx_http_complex_value_t **compiled)
{
    ngx_str_t                         *value = cf->args->elts, name;
    ngx_http_compile_complex_value_t   ccv;
    ngx_http_countersign_chooser_t    *chooser;
    ngx_http_countersign_main_conf_t  *mcf;

    static ngx_str_t  own = ngx_string("countersign_");

    if (ngx_http_script_variables_count(&value[1]) == 0) {
        return NGX_CONF_OK;
    }

    if (ngx_http_countersign_reads(&value[1], &own, 1, &name)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"$%V\" is known after the decision and cannot choose its policy or its mode", &name);
        return NGX_CONF_ERROR;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_countersign_module);
    *compiled = ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t));
    chooser = ngx_array_push(&mcf->choosers);

    if (*compiled == NULL || chooser == NULL) {
        return NGX_CONF_ERROR;
    }

    chooser->directive = value[0];
    chooser->value = value[1];
    chooser->place = ngx_http_countersign_here(cf);

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));
    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = *compiled;

    return ngx_http_compile_complex_value(&ccv) == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* The mode of a word; NGX_CONF_UNSET_UINT if it is none. */

static ngx_uint_t
ngx_http_countersign_mode(ngx_str_t *word)
{
    ngx_uint_t  i;

    static const struct {
        ngx_str_t   word;
        ngx_uint_t  mode;
    } modes[] = {
        { ngx_string("on"), NGX_HTTP_COUNTERSIGN_ON },
        { ngx_string("off"), NGX_HTTP_COUNTERSIGN_OFF },
        { ngx_string("shadow"), NGX_HTTP_COUNTERSIGN_SHADOW }
    };

    for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (word->len == modes[i].word.len && ngx_strncmp(word->data, modes[i].word.data, word->len) == 0) {
            return modes[i].mode;
        }
    }

    return NGX_CONF_UNSET_UINT;
}


/* countersign on | off | shadow | $variable */

char *
ngx_http_countersign_enable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_countersign_loc_conf_t  *lcf = conf;
    ngx_str_t                        *value = cf->args->elts;

    if (lcf->enabled != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    if (ngx_http_countersign_by_variable(cf, &lcf->enabled_value) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    lcf->enabled = lcf->enabled_value != NULL ? NGX_HTTP_COUNTERSIGN_BY_VARIABLE : ngx_http_countersign_mode(&value[1]);

    if (lcf->enabled == NGX_CONF_UNSET_UINT) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"countersign\" is \"on\", \"off\" or \"shadow\", not \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    lcf->enabled_place = ngx_http_countersign_here(cf);

    return NGX_CONF_OK;
}


/* countersign_policy NAME | $variable */

char *
ngx_http_countersign_policy(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_countersign_loc_conf_t  *lcf = conf;
    ngx_str_t                        *value = cf->args->elts;

    if (lcf->policy_name.data != NULL) {
        return "is duplicate";
    }

    if (value[1].len == 0) {
        return "must not be empty";
    }

    if (ngx_http_countersign_by_variable(cf, &lcf->policy_value) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    lcf->policy_name = value[1];
    lcf->policy_place = ngx_http_countersign_here(cf);

    return NGX_CONF_OK;
}


/* Logs why a request is refused before any decision. The value may be a client's: only printable ASCII of it is shown. */

static void
ngx_http_countersign_no_choice(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf, ngx_http_countersign_place_t *place,
    ngx_str_t *setting, ngx_str_t *value, const char *expected)
{
    size_t  i, length;
    u_char  shown[NGX_HTTP_COUNTERSIGN_SHOWN];

    (void) ngx_atomic_fetch_add(&lcf->engine->zone->shared->faults, 1);

    length = ngx_min(value->len, sizeof(shown));
    for (i = 0; i < length; i++) {
        shown[i] = value->data[i] >= 0x20 && value->data[i] < 0x7f && value->data[i] != '"' ? value->data[i] : '?';
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "countersign: \"%V\" is \"%*s\"%s, which is %s: the request is refused, by "
                  "%V:%ui", setting, length, shown, length < value->len ? " and more" : "", expected, &place->file, place->line);
}


/* What the variables of a place say for a request. NGX_DECLINED: a value is none that may be; NGX_ERROR: out of memory. */

static ngx_int_t
ngx_http_countersign_read_choice(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf, ngx_uint_t log,
    ngx_http_countersign_loc_conf_t *place)
{
    ngx_str_t  value;

    *place = *lcf;

    if (lcf->enabled_value != NULL) {
        if (ngx_http_complex_value(r, lcf->enabled_value, &value) != NGX_OK) {
            return NGX_ERROR;
        }

        place->enabled = ngx_http_countersign_mode(&value);

        if (place->enabled == NGX_HTTP_COUNTERSIGN_OFF && !lcf->off_by_variable) {
            place->enabled = NGX_CONF_UNSET_UINT;
        }

        if (place->enabled == NGX_CONF_UNSET_UINT) {
            if (log) {
                ngx_http_countersign_no_choice(r, lcf, &lcf->enabled_place, &lcf->enabled_value->value, &value, lcf->off_by_variable
                    ? "neither \"on\" nor \"shadow\" nor \"off\""
                    : "neither \"on\" nor \"shadow\" (\"off\" needs \"countersign_off_by_variable on\")");
            }

            return NGX_DECLINED;
        }
    }

    if (place->enabled == NGX_HTTP_COUNTERSIGN_OFF || lcf->policy_value == NULL) {
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, lcf->policy_value, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    place->policy = ngx_http_countersign_find_policy(lcf->engine->engine, lcf->document, &value);

    if (place->policy == NULL) {
        if (log) {
            ngx_http_countersign_no_choice(r, lcf, &lcf->policy_place, &lcf->policy_value->value, &value,
                                           "no policy of \"countersign_policy_file\"");
        }

        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* The place of a request with its choice, made anew if `renew`. NULL: there is none. */

static ngx_http_countersign_loc_conf_t *
ngx_http_countersign_choice(ngx_http_request_t *r, ngx_uint_t renew)
{
    ngx_int_t                         rc;
    ngx_http_countersign_choice_t    *choice, *same;
    ngx_http_countersign_record_t    *record;
    ngx_http_countersign_loc_conf_t  *lcf, place;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_countersign_module);

    if (lcf->enabled == NGX_HTTP_COUNTERSIGN_OFF || (lcf->enabled_value == NULL && lcf->policy_value == NULL)) {
        return lcf;
    }

    record = ngx_http_countersign_record(r, 1);

    /* A variable that chooses reads one that a decision gives: there is none yet. */
    if (record == NULL || record->is_choosing) {
        return NULL;
    }

    for (choice = record->choices; choice != NULL && !renew; choice = choice->next) {
        if (choice->enforced && choice->request == r && choice->place.configured == lcf) {
            return &choice->place;
        }
    }

    record->is_choosing = 1;
    rc = ngx_http_countersign_read_choice(r, lcf, renew, &place);
    record->is_choosing = 0;

    same = NULL;
    for (choice = record->choices; choice != NULL; choice = choice->next) {
        if (choice->request != r || choice->place.configured != lcf) {
            continue;
        }

        if (renew) {
            choice->enforced = 0;
        }

        if (rc == NGX_OK && choice->place.enabled == place.enabled && choice->place.policy == place.policy) {
            same = choice;
        }
    }

    if (rc != NGX_OK) {
        return NULL;
    }

    if (same == NULL) {
        /* A decision points to it, which lives as long as the client's request. */
        same = ngx_palloc(r->main->pool, sizeof(ngx_http_countersign_choice_t));
        if (same == NULL) {
            return NULL;
        }

        same->request = r;
        same->place = place;
        same->enforced = 0;
        same->next = record->choices;
        record->choices = same;
    }

    same->enforced = same->enforced || renew;

    return &same->place;
}


/* In the access phase: what holds for the request from here on. NULL refuses it; why is in the log. */

ngx_http_countersign_loc_conf_t *
ngx_http_countersign_fix_choice(ngx_http_request_t *r)
{
    return ngx_http_countersign_choice(r, 1);
}


/* What the access phase decided by, or before it, what it would decide by at this moment. NULL: nothing that may be. */

ngx_http_countersign_loc_conf_t *
ngx_http_countersign_chosen(ngx_http_request_t *r)
{
    return ngx_http_countersign_choice(r, 0);
}
