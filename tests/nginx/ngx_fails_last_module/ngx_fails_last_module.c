/* fails_last: a module that fails when every module before it has initialised itself; nginx then ends its master process. */

#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    ngx_flag_t  fails;
} ngx_fails_last_conf_t;


static void *ngx_fails_last_create_conf(ngx_cycle_t *cycle);
static char *ngx_fails_last(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static ngx_int_t ngx_fails_last_init_module(ngx_cycle_t *cycle);


static ngx_command_t  ngx_fails_last_commands[] = {

    { ngx_string("fails_last"),
      NGX_MAIN_CONF|NGX_DIRECT_CONF|NGX_CONF_NOARGS,
      ngx_fails_last,
      0,
      0,
      NULL },

      ngx_null_command
};


static ngx_core_module_t  ngx_fails_last_module_ctx = {
    ngx_string("fails_last"),
    ngx_fails_last_create_conf,
    NULL
};


ngx_module_t  ngx_fails_last_module = {
    NGX_MODULE_V1,
    &ngx_fails_last_module_ctx,                /* module context */
    ngx_fails_last_commands,                   /* module directives */
    NGX_CORE_MODULE,                           /* module type */
    NULL,                                      /* init master */
    ngx_fails_last_init_module,                /* init module */
    NULL,                                      /* init process */
    NULL,                                      /* init thread */
    NULL,                                      /* exit thread */
    NULL,                                      /* exit process */
    NULL,                                      /* exit master */
    NGX_MODULE_V1_PADDING
};


static void *
ngx_fails_last_create_conf(ngx_cycle_t *cycle)
{
    return ngx_pcalloc(cycle->pool, sizeof(ngx_fails_last_conf_t));
}


static char *
ngx_fails_last(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_fails_last_conf_t  *flcf = conf;

    flcf->fails = 1;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_fails_last_init_module(ngx_cycle_t *cycle)
{
    ngx_fails_last_conf_t  *conf;

    conf = (ngx_fails_last_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_fails_last_module);

    return conf->fails ? NGX_ERROR : NGX_OK;
}
