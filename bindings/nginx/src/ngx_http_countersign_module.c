/* The directives, how they are inherited and what must hold among them. */

#include "ngx_http_countersign.h"


static ngx_int_t ngx_http_countersign_postconfiguration(ngx_conf_t *cf);
static void *ngx_http_countersign_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_countersign_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_countersign_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child);
static ngx_int_t ngx_http_countersign_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_countersign_init_process(ngx_cycle_t *cycle);
static void ngx_http_countersign_exit_process(ngx_cycle_t *cycle);
static char *ngx_http_countersign_policy_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_http_countersign_path(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#define NGX_HTTP_COUNTERSIGN_ANYWHERE  (NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF)

static ngx_command_t  ngx_http_countersign_commands[] = {

    { ngx_string("countersign_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_countersign_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("countersign"),
      NGX_HTTP_COUNTERSIGN_ANYWHERE|NGX_HTTP_LMT_CONF|NGX_CONF_TAKE1,
      ngx_http_countersign_enable,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("countersign_policy_file"),
      NGX_HTTP_COUNTERSIGN_ANYWHERE|NGX_CONF_TAKE12,
      ngx_http_countersign_policy_file,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("countersign_policy"),
      NGX_HTTP_COUNTERSIGN_ANYWHERE|NGX_HTTP_LMT_CONF|NGX_CONF_TAKE1,
      ngx_http_countersign_policy,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("countersign_off_by_variable"),
      NGX_HTTP_COUNTERSIGN_ANYWHERE|NGX_HTTP_LMT_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_countersign_loc_conf_t, off_by_variable),
      NULL },

    { ngx_string("countersign_trust_directory"),
      NGX_HTTP_COUNTERSIGN_ANYWHERE|NGX_CONF_TAKE1,
      ngx_http_countersign_path,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_countersign_loc_conf_t, trust_directory),
      NULL },

    { ngx_string("countersign_trust_poll"),
      NGX_HTTP_COUNTERSIGN_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_countersign_loc_conf_t, trust_poll),
      NULL },

    { ngx_string("countersign_revocations"),
      NGX_HTTP_COUNTERSIGN_ANYWHERE|NGX_CONF_TAKE1,
      ngx_http_countersign_path,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_countersign_loc_conf_t, revocations),
      NULL },

    { ngx_string("countersign_nonce_keys"),
      NGX_HTTP_COUNTERSIGN_ANYWHERE|NGX_CONF_TAKE1,
      ngx_http_countersign_path,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_countersign_loc_conf_t, nonce_keys),
      NULL },

    { ngx_string("countersign_origin"),
      NGX_HTTP_COUNTERSIGN_ANYWHERE|NGX_CONF_1MORE,
      ngx_http_countersign_origin,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("countersign_set_header"),
      NGX_HTTP_COUNTERSIGN_ANYWHERE|NGX_CONF_TAKE2,
      ngx_http_countersign_set_header,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("countersign_certificate_header"),
      NGX_HTTP_COUNTERSIGN_ANYWHERE|NGX_CONF_2MORE,
      ngx_http_countersign_certificate_header,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("countersign_use_once"),
      NGX_HTTP_COUNTERSIGN_ANYWHERE|NGX_CONF_TAKE1,
      ngx_http_countersign_question_uri,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_countersign_loc_conf_t, use_once),
      NULL },

    { ngx_string("countersign_introspect"),
      NGX_HTTP_COUNTERSIGN_ANYWHERE|NGX_CONF_TAKE1,
      ngx_http_countersign_question_uri,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_countersign_loc_conf_t, introspect),
      NULL },

    { ngx_string("countersign_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_countersign_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_countersign_module_ctx = {
    ngx_http_countersign_add_variables,        /* preconfiguration */
    ngx_http_countersign_postconfiguration,    /* postconfiguration */

    ngx_http_countersign_create_main_conf,     /* create main configuration */
    NULL,                                      /* init main configuration */

    NULL,                                      /* create server configuration */
    NULL,                                      /* merge server configuration */

    ngx_http_countersign_create_loc_conf,      /* create location configuration */
    ngx_http_countersign_merge_loc_conf        /* merge location configuration */
};


ngx_module_t  ngx_http_countersign_module = {
    NGX_MODULE_V1,
    &ngx_http_countersign_module_ctx,          /* module context */
    ngx_http_countersign_commands,             /* module directives */
    NGX_HTTP_MODULE,                           /* module type */
    NULL,                                      /* init master */
    ngx_http_countersign_init_module,          /* init module */
    ngx_http_countersign_init_process,         /* init process */
    NULL,                                      /* init thread */
    NULL,                                      /* exit thread */
    ngx_http_countersign_exit_process,         /* exit process */
    NULL,                                      /* exit master */
    NGX_MODULE_V1_PADDING
};


static void *
ngx_http_countersign_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_countersign_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_countersign_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&mcf->zones, cf->pool, 1, sizeof(void *)) != NGX_OK
        || ngx_array_init(&mcf->documents, cf->pool, 1, sizeof(void *)) != NGX_OK
        || ngx_array_init(&mcf->engines, cf->pool, 1, sizeof(void *)) != NGX_OK
        || ngx_array_init(&mcf->identity, cf->pool, 4, sizeof(ngx_http_countersign_identity_t)) != NGX_OK
        || ngx_array_init(&mcf->warned, cf->pool, 4, sizeof(ngx_http_countersign_warned_t)) != NGX_OK
        || ngx_array_init(&mcf->early, cf->pool, 4, sizeof(ngx_uint_t)) != NGX_OK
        || ngx_array_init(&mcf->fields, cf->pool, 4, sizeof(ngx_http_countersign_named_t)) != NGX_OK
        || ngx_array_init(&mcf->removed, cf->pool, 4, sizeof(ngx_str_t)) != NGX_OK
        || ngx_array_init(&mcf->attributes, cf->pool, 4, sizeof(ngx_str_t)) != NGX_OK
        || ngx_array_init(&mcf->choosers, cf->pool, 1, sizeof(ngx_http_countersign_chooser_t)) != NGX_OK)
    {
        return NULL;
    }

    mcf->realip_index = NGX_ERROR;

    return mcf;
}


static void *
ngx_http_countersign_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_countersign_loc_conf_t  *lcf;

    lcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_countersign_loc_conf_t));
    if (lcf == NULL) {
        return NULL;
    }

    lcf->enabled = NGX_CONF_UNSET_UINT;
    lcf->off_by_variable = NGX_CONF_UNSET;
    lcf->configured = lcf;
    lcf->document = NGX_CONF_UNSET_PTR;
    lcf->trust_poll = NGX_CONF_UNSET_MSEC;
    lcf->origins = NGX_CONF_UNSET_PTR;
    lcf->headers = NGX_CONF_UNSET_PTR;
    lcf->certificates = NGX_CONF_UNSET_PTR;

    return lcf;
}


static char *
ngx_http_countersign_fault(ngx_conf_t *cf, ngx_http_countersign_place_t *place, const char *what, ngx_str_t *name)
{
    ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%s \"%V\" in %V:%ui", what, name, &place->file, place->line);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_countersign_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_countersign_loc_conf_t  *prev = parent;
    ngx_http_countersign_loc_conf_t  *conf = child;

    ngx_uint_t                         i, count;
    ngx_http_countersign_zone_t       *zone;
    ngx_http_countersign_policy_t     *policies;
    ngx_http_countersign_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_countersign_module);

    if (conf->enabled == NGX_CONF_UNSET_UINT) {
        conf->enabled_value = prev->enabled_value;
        conf->enabled_place = prev->enabled_place;
    }
    ngx_conf_merge_uint_value(conf->enabled, prev->enabled, NGX_HTTP_COUNTERSIGN_OFF);
    ngx_conf_merge_value(conf->off_by_variable, prev->off_by_variable, 0);

    if (conf->document == NGX_CONF_UNSET_PTR) {
        conf->zone = prev->zone;
        conf->document_place = prev->document_place;
    }
    ngx_conf_merge_ptr_value(conf->document, prev->document, NULL);

    if (conf->policy_name.data == NULL) {
        conf->policy_value = prev->policy_value;
        conf->policy_place = prev->policy_place;
    }
    ngx_conf_merge_str_value(conf->policy_name, prev->policy_name, "");
    ngx_conf_merge_str_value(conf->trust_directory, prev->trust_directory, "");
    ngx_conf_merge_msec_value(conf->trust_poll, prev->trust_poll, 1000);
    ngx_conf_merge_str_value(conf->revocations, prev->revocations, "");
    ngx_conf_merge_str_value(conf->nonce_keys, prev->nonce_keys, "");
    ngx_conf_merge_ptr_value(conf->origins, prev->origins, NULL);
    ngx_conf_merge_str_value(conf->use_once, prev->use_once, "");
    ngx_conf_merge_str_value(conf->introspect, prev->introspect, "");

    if (ngx_http_countersign_merge_names(cf, "countersign_set_header", "set", prev->headers, &conf->headers) != NGX_OK
        || ngx_http_countersign_merge_names(cf, "countersign_certificate_header", "taken", prev->certificates,
                                            &conf->certificates)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (conf->enabled == NGX_HTTP_COUNTERSIGN_OFF) {
        return NGX_CONF_OK;
    }

    /* From here on, a missing part is a fault: no request passes by mistake. */

    if (conf->document == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "\"countersign\" needs a \"countersign_policy_file\" in %V:%ui",
                      &conf->enabled_place.file, conf->enabled_place.line);
        return NGX_CONF_ERROR;
    }

    zone = ngx_http_countersign_find_zone(mcf, &conf->zone);
    if (zone == NULL) {
        if (conf->zone.len != 0) {
            return ngx_http_countersign_fault(cf, &conf->document_place, "there is no \"countersign_zone\"",
                                              &conf->zone);
        }

        return ngx_http_countersign_fault(cf, &conf->document_place,
                                          mcf->zones.nelts == 0 ? "a \"countersign_zone\" is needed for"
                                                                : "\"zone=\" must say which zone is meant for",
                                          &conf->document->path);
    }

    if (conf->policy_name.len == 0) {
        ngx_str_set(&conf->policy_name, "default");
        conf->policy_place = conf->enabled_place;
    }

    policies = conf->document->policies.elts;
    count = conf->document->policies.nelts;

    if (conf->policy_value == NULL) {
        conf->policy = ngx_http_countersign_find_policy(conf->document->checked, conf->document, &conf->policy_name);
        if (conf->policy == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "there is no policy \"%V\" in \"%V\" in %V:%ui", &conf->policy_name,
                          &conf->document->path, &conf->policy_place.file, conf->policy_place.line);
            return NGX_CONF_ERROR;
        }

        policies = conf->policy;
        count = 1;
    }

    conf->engine = ngx_http_countersign_find_engine(cf, conf, zone);
    if (conf->engine == NULL) {
        return NGX_CONF_ERROR;
    }

    /* A variable may name each policy of the document, so each must be fit for this place. */
    for (i = 0; i < count; i++) {
        if (ngx_http_countersign_check_questions(cf, conf, &policies[i]) != NGX_OK
            || ngx_http_countersign_credential_fields(cf, conf, &policies[i]) != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        ngx_http_countersign_check_origins(cf, conf, &policies[i]);
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_countersign_postconfiguration(ngx_conf_t *cf)
{
    ngx_str_t                          name;
    ngx_uint_t                         i;
    ngx_module_t                     **modules;
    ngx_http_countersign_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_countersign_module);

    if (mcf->engines.nelts == 0) {
        ngx_http_countersign_forget_documents(mcf);
    }

    /* The variable exists only with that module, and naming one that does not exist is an error. */

    modules = cf->cycle->modules;
    for (i = 0; modules[i] != NULL; i++) {
        if (ngx_strcmp(modules[i]->name, "ngx_http_realip_module") == 0) {
            ngx_str_set(&name, "realip_remote_addr");
            mcf->realip_index = ngx_http_get_variable_index(cf, &name);
            if (mcf->realip_index == NGX_ERROR) {
                return NGX_ERROR;
            }
        }
    }

    if (ngx_http_countersign_check_fields(cf, mcf) != NGX_OK
        || ngx_http_countersign_check_choices(cf, mcf) != NGX_OK
        || ngx_http_countersign_used_variables(cf, mcf) != NGX_OK
        || ngx_http_countersign_early_variables(cf, mcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* `nginx -s` reads the configuration only to find the process number; it has no zones. */
    if (ngx_process != NGX_PROCESS_SIGNALLER && ngx_http_countersign_open_file_zones(cf, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_countersign_access_init(cf);
}


static ngx_int_t
ngx_http_countersign_init_module(ngx_cycle_t *cycle)
{
    ngx_http_countersign_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_countersign_module);
    if (mcf == NULL) {
        return NGX_OK;
    }

    ngx_http_countersign_forget_documents(mcf);

    return ngx_http_countersign_put_zones_to_use(cycle);
}


static ngx_int_t
ngx_http_countersign_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                          i;
    ngx_http_core_main_conf_t          *cmcf;
    ngx_http_phase_handler_t           *handlers;
    ngx_http_countersign_engine_t     **engines;
    ngx_http_countersign_main_conf_t   *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_countersign_module);

    if (mcf == NULL || (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)) {
        return NGX_OK;
    }

    cmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_core_module);
    handlers = cmcf->phase_engine.handlers;

    mcf->rewriting = -1;

    for (i = 0; handlers[i].checker != NULL; i++) {
        if (handlers[i].checker == ngx_http_core_rewrite_phase || handlers[i].checker == ngx_http_core_find_config_phase) {
            mcf->rewriting = mcf->rewriting == -1 ? (ngx_int_t) i : mcf->rewriting;
            mcf->rewritten = i + 1;
        }
    }

    engines = mcf->engines.elts;
    for (i = 0; i < mcf->engines.nelts; i++) {
        if (ngx_http_countersign_start_engine(engines[i], cycle) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_http_countersign_exit_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                          i;
    ngx_http_countersign_engine_t     **engines;
    ngx_http_countersign_main_conf_t   *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_countersign_module);
    if (mcf == NULL) {
        return;
    }

    engines = mcf->engines.elts;
    for (i = 0; i < mcf->engines.nelts; i++) {
        ngx_http_countersign_stop_engine(engines[i]);
    }
}


static char *
ngx_http_countersign_policy_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_countersign_loc_conf_t  *lcf = conf;
    ngx_str_t                        *value = cf->args->elts;

    if (lcf->document != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    if (cf->args->nelts == 3) {
        if (ngx_strncmp(value[2].data, "zone=", 5) != 0 || value[2].len == 5) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\", expected \"zone=NAME\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        lcf->zone.data = value[2].data + 5;
        lcf->zone.len = value[2].len - 5;
    }

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    lcf->document = ngx_http_countersign_document(cf, &value[1]);
    lcf->document_place = ngx_http_countersign_here(cf);

    return lcf->document == NULL ? NGX_CONF_ERROR : NGX_CONF_OK;
}


/* A path relative to the configuration's folder. */

static char *
ngx_http_countersign_path(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t  *value = cf->args->elts;
    ngx_str_t  *path = (ngx_str_t *) ((u_char *) conf + cmd->offset);

    if (path->data != NULL) {
        return "is duplicate";
    }

    if (value[1].len == 0) {
        return "must not be empty";
    }

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    *path = value[1];

    return NGX_CONF_OK;
}
