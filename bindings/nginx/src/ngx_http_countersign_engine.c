/*
 * Engines: a policy file compiled in the master, its trust read again by each worker process.
 *
 * A process that starts trusts nothing that the master read long ago: it reads all files for itself. So a key that was removed
 * stays removed in a worker that replaces a dead one.
 */

#include "ngx_http_countersign.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>


static ngx_int_t ngx_http_countersign_make_engine(ngx_http_countersign_engine_t *engine, uint32_t place,
    countersign_result *result);
static void ngx_http_countersign_free_engine(void *data);
static void ngx_http_countersign_free_document(void *data);
static ngx_int_t ngx_http_countersign_policies(ngx_conf_t *cf, ngx_http_countersign_document_t *document);
static ngx_int_t ngx_http_countersign_read_trust(ngx_http_countersign_engine_t *engine, ngx_uint_t reload);
static ngx_int_t ngx_http_countersign_nonce(ngx_http_countersign_engine_t *engine);
static ngx_uint_t ngx_http_countersign_look(ngx_http_countersign_engine_t *engine);
static ngx_msec_t ngx_http_countersign_pause(ngx_http_countersign_engine_t *engine, struct timespec *begun);
static void ngx_http_countersign_look_handler(ngx_event_t *event);


/* The longest life of a nonce that a policy can ask for: a key stays good for one such time after its last use. */
#define NGX_HTTP_COUNTERSIGN_NONCE_PERIOD  3600

/* How many point additions of a key's table are made in one go while nothing else is to do: about a millisecond. */
#define NGX_HTTP_COUNTERSIGN_TABLE_STEP  3000

/* A worker spends at most one part in this many of its time on looks that tokens of unknown keys cause. */
#define NGX_HTTP_COUNTERSIGN_LOOK_SHARE  20

/* How often it is logged that the replay store refuses proofs, in seconds, of all workers together. */
#define NGX_HTTP_COUNTERSIGN_NOTICE_PERIOD  60

/* The longest pause after a look, in milliseconds: then such a token causes the next one, at any cost. */
#define NGX_HTTP_COUNTERSIGN_LOOK_PAUSE  1000


typedef struct {
    ngx_log_t    *log;
    ngx_uint_t    level;
    ngx_str_t    *whose;
    ngx_conf_t   *cf;
} ngx_http_countersign_teller_t;


static void
ngx_http_countersign_tell(void *context, countersign_str line)
{
    ngx_http_countersign_teller_t  *teller = context;

    if (teller->cf != NULL) {
        ngx_conf_log_error(teller->level, teller->cf, 0, "\"%V\": %*s", teller->whose, line.length, line.data);
        return;
    }

    ngx_log_error(teller->level, teller->log, 0, "countersign: %*s", line.length, line.data);
}


static countersign_notice
ngx_http_countersign_notice(ngx_http_countersign_teller_t *teller)
{
    countersign_notice  notice;

    notice.report = ngx_http_countersign_tell;
    notice.context = teller;

    return notice;
}


/* Logs that the replay store refuses proofs, if this is why: the operator's concern, not only the client's. */

void
ngx_http_countersign_notice_refusal(ngx_http_countersign_engine_t *engine, countersign_reason reason)
{
    time_t                          now;
    ngx_atomic_t                   *noticed;
    ngx_atomic_uint_t               before;
    ngx_http_countersign_teller_t   teller;

    switch (reason) {

    case COUNTERSIGN_REASON_REPLAY_STORE_FULL:
    case COUNTERSIGN_REASON_REPLAY_STORE_UNAVAILABLE:
    case COUNTERSIGN_REASON_PROOF_HISTORY_UNKNOWN:
    case COUNTERSIGN_REASON_PROOF_SHARE_EXCEEDED:
        break;

    default:
        return;
    }

    now = ngx_time();
    noticed = &engine->zone->shared->noticed[countersign_reason_index(reason)];
    before = *noticed;

    /* A clock that went back must not silence the log until it catches up. */
    if (before != 0 && (time_t) before <= now && now - (time_t) before < NGX_HTTP_COUNTERSIGN_NOTICE_PERIOD) {
        return;
    }

    if (!ngx_atomic_cmp_set(noticed, before, (ngx_atomic_uint_t) now)) {
        return;
    }

    ngx_memzero(&teller, sizeof(ngx_http_countersign_teller_t));
    teller.level = NGX_LOG_WARN;
    teller.log = ngx_cycle->log;

    (void) countersign_engine_replay_notice(engine->engine, reason, now, ngx_http_countersign_notice(&teller));
}


/* Reads a policy file and reports all its faults; each file is read once. */

ngx_http_countersign_document_t *
ngx_http_countersign_document(ngx_conf_t *cf, ngx_str_t *path)
{
    off_t                               size;
    ssize_t                             n;
    ngx_file_t                          file;
    ngx_uint_t                          i;
    ngx_file_info_t                     info;
    countersign_result                  result;
    ngx_pool_cleanup_t                 *cleanup;
    countersign_engine_config           config;
    ngx_http_countersign_teller_t       teller;
    ngx_http_countersign_document_t    *document, **documents;
    ngx_http_countersign_main_conf_t   *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_countersign_module);

    documents = mcf->documents.elts;
    for (i = 0; i < mcf->documents.nelts; i++) {
        if (documents[i]->path.len == path->len && ngx_strcmp(documents[i]->path.data, path->data) == 0) {
            return documents[i];
        }
    }

    if (countersign_abi() != COUNTERSIGN_ABI || countersign_reason_count() > NGX_HTTP_COUNTERSIGN_REASONS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "the module was built for another countersign");
        return NULL;
    }

    document = ngx_pcalloc(cf->pool, sizeof(ngx_http_countersign_document_t));
    cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    documents = ngx_array_push(&mcf->documents);
    if (document == NULL || cleanup == NULL || documents == NULL) {
        return NULL;
    }

    *documents = document;
    document->path = *path;
    cleanup->handler = ngx_http_countersign_free_document;
    cleanup->data = document;

    ngx_memzero(&file, sizeof(ngx_file_t));
    file.name = *path;
    file.log = cf->log;
    file.fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno, "cannot read \"%V\"", path);
        return NULL;
    }

    n = NGX_ERROR;
    size = 0;
    if (ngx_fd_info(file.fd, &info) != NGX_FILE_ERROR) {
        size = ngx_file_size(&info);
        if (size <= (off_t) countersign_policy_document_bytes()) {
            document->text.data = ngx_pnalloc(cf->pool, size + 1);
            if (document->text.data != NULL) {
                n = ngx_read_file(&file, document->text.data, size, 0);
            }
        }
    }

    (void) ngx_close_file(file.fd);

    if (n != size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" cannot be read whole, or is longer than %uz bytes", path,
                           countersign_policy_document_bytes());
        return NULL;
    }

    document->text.len = size;

    ngx_memzero(&teller, sizeof(ngx_http_countersign_teller_t));
    teller.level = NGX_LOG_EMERG;
    teller.whose = path;
    teller.cf = cf;

    ngx_memzero(&config, sizeof(countersign_engine_config));
    config.size = sizeof(countersign_engine_config);
    config.policy = ngx_http_countersign_bytes(document->text.data, document->text.len);
    config.now_seconds = ngx_time();
    config.notice = ngx_http_countersign_notice(&teller);

    result = countersign_engine_new(&config, &document->checked);
    if (result != COUNTERSIGN_RESULT_OK) {
        countersign_str  text = countersign_result_text(result);

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is no policy: %*s", path, text.length, text.data);
        return NULL;
    }

    return ngx_http_countersign_policies(cf, document) == NGX_OK ? document : NULL;
}


/* What a place needs to know of each policy: it is looked up before engines are made. */

static ngx_int_t
ngx_http_countersign_policies(ngx_conf_t *cf, ngx_http_countersign_document_t *document)
{
    uint32_t                        number;
    ngx_str_t                       text;
    countersign_str                 name;
    ngx_http_countersign_policy_t  *policy;

    if (ngx_array_init(&document->policies, cf->pool, 4, sizeof(ngx_http_countersign_policy_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    for (number = 0; (name = countersign_engine_policy_name(document->checked, number)).data != NULL; number++) {
        policy = ngx_array_push(&document->policies);
        if (policy == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(policy, sizeof(ngx_http_countersign_policy_t));
        text.data = (u_char *) name.data;
        text.len = name.length;

        policy->number = number;
        policy->name.len = name.length;
        policy->name.data = ngx_pstrdup(cf->pool, &text);
        policy->has_origin = countersign_engine_policy_has_origin(document->checked, number);

        if (policy->name.data == NULL || ngx_http_countersign_policy_fields(cf, document, policy) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* The policy of a name; NULL if there is none. `engine` is made of this document. */

ngx_http_countersign_policy_t *
ngx_http_countersign_find_policy(const countersign_engine *engine, ngx_http_countersign_document_t *document, ngx_str_t *name)
{
    uint32_t                        number;
    ngx_http_countersign_policy_t  *policies = document->policies.elts;

    return countersign_engine_policy(engine, ngx_http_countersign_bytes(name->data, name->len), &number) == COUNTERSIGN_RESULT_OK
           ? &policies[number] : NULL;
}


static void
ngx_http_countersign_free_document(void *data)
{
    ngx_http_countersign_document_t  *document = data;

    countersign_engine_free(document->checked);
    document->checked = NULL;
}


void
ngx_http_countersign_forget_documents(ngx_http_countersign_main_conf_t *mcf)
{
    ngx_uint_t                         i;
    ngx_http_countersign_document_t  **documents = mcf->documents.elts;

    for (i = 0; i < mcf->documents.nelts; i++) {
        ngx_http_countersign_free_document(documents[i]);
    }
}


static ngx_uint_t
ngx_http_countersign_same(ngx_str_t *one, ngx_str_t *other)
{
    return one->len == other->len && ngx_strncmp(one->data, other->data, one->len) == 0;
}


/* The engine for a location: one for all that ask for the same. It is made when its zone has its memory. */

ngx_http_countersign_engine_t *
ngx_http_countersign_find_engine(ngx_conf_t *cf, ngx_http_countersign_loc_conf_t *lcf,
    ngx_http_countersign_zone_t *zone)
{
    u_char                             *slash;
    ngx_str_t                           directory;
    ngx_uint_t                          i;
    ngx_pool_cleanup_t                 *cleanup;
    ngx_http_countersign_engine_t      *engine, **engines, **slot;
    ngx_http_countersign_main_conf_t   *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_countersign_module);

    directory = lcf->trust_directory;
    if (directory.len == 0) {
        directory = lcf->document->path;
        for (slash = directory.data + directory.len; slash > directory.data && slash[-1] != '/'; slash--) { /* void */ }
        directory.len = slash - directory.data;
    }

    engines = mcf->engines.elts;
    for (i = 0; i < mcf->engines.nelts; i++) {
        engine = engines[i];

        if (engine->document == lcf->document && engine->zone == zone && engine->trust_poll == lcf->trust_poll
            && ngx_http_countersign_same(&engine->trust_directory, &directory)
            && ngx_http_countersign_same(&engine->revocations, &lcf->revocations)
            && ngx_http_countersign_same(&engine->nonce_keys, &lcf->nonce_keys))
        {
            return engine;
        }
    }

    engine = ngx_pcalloc(cf->pool, sizeof(ngx_http_countersign_engine_t));
    cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    slot = ngx_array_push(&zone->engines);
    engines = ngx_array_push(&mcf->engines);
    if (engine == NULL || cleanup == NULL || slot == NULL || engines == NULL) {
        return NULL;
    }

    *slot = engine;
    *engines = engine;

    engine->document = lcf->document;
    engine->zone = zone;
    engine->trust_directory = directory;
    engine->trust_poll = lcf->trust_poll;
    engine->revocations = lcf->revocations;
    engine->nonce_keys = lcf->nonce_keys;
    engine->place = lcf->document_place;

    cleanup->handler = ngx_http_countersign_free_engine;
    cleanup->data = engine;

    return engine;
}


static void
ngx_http_countersign_free_engine(void *data)
{
    ngx_http_countersign_engine_t  *engine = data;

    /* The store's memory may be unmapped already; without a worker nothing reads it any more. */
    countersign_engine_free(engine->engine);
    engine->engine = NULL;
}


static ngx_int_t
ngx_http_countersign_engine_fault(ngx_http_countersign_engine_t *engine, countersign_result result)
{
    countersign_str  text = countersign_result_text(result);

    ngx_log_error(NGX_LOG_EMERG, engine->zone->cycle->log, 0, "\"%V\" with zone \"%V\": %*s, in %V:%ui",
                  &engine->document->path, &engine->zone->name, text.length, text.data, &engine->place.file,
                  engine->place.line);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_countersign_make_engine(ngx_http_countersign_engine_t *engine, uint32_t place, countersign_result *result)
{
    countersign_engine_config      config;
    ngx_http_countersign_teller_t  teller;

    ngx_http_countersign_free_engine(engine);

    ngx_memzero(&teller, sizeof(ngx_http_countersign_teller_t));
    teller.level = NGX_LOG_WARN;
    teller.log = engine->zone->cycle->log;

    ngx_memzero(&config, sizeof(countersign_engine_config));
    config.size = sizeof(countersign_engine_config);
    config.policy = ngx_http_countersign_bytes(engine->document->text.data, engine->document->text.len);
    config.now_seconds = ngx_time();
    config.replay.place = place;
    config.replay.memory = engine->zone->replay;
    config.replay.memory_bytes = engine->zone->replay_bytes;
    config.notice = ngx_http_countersign_notice(&teller);

    *result = countersign_engine_new(&config, &engine->engine);

    return *result == COUNTERSIGN_RESULT_OK ? NGX_OK : NGX_ERROR;
}


/*
 * All engines of a zone share one store of used proofs, so that none is used once for each. The store must remember for as long
 * as the most patient policy accepts: whichever engine has the widest window makes it.
 */

static ngx_int_t
ngx_http_countersign_share_store(ngx_http_countersign_zone_t *zone, countersign_result *result)
{
    ngx_uint_t                       i, first;
    ngx_http_countersign_engine_t  **engines = zone->engines.elts;

    for (first = 0; first < (zone->fresh ? zone->engines.nelts : 1); first++) {

        if (zone->fresh && ngx_http_countersign_make_engine(engines[first], COUNTERSIGN_REPLAY_PLACE_INITIALISE,
                                                            result)
                           != NGX_OK)
        {
            return ngx_http_countersign_engine_fault(engines[first], *result);
        }

        for (i = 0; i < zone->engines.nelts; i++) {

            if (zone->fresh && i == first) {
                continue;
            }

            if (ngx_http_countersign_make_engine(engines[i], COUNTERSIGN_REPLAY_PLACE_ATTACH, result) != NGX_OK) {
                break;
            }
        }

        if (i == zone->engines.nelts) {
            zone->unaware |= zone->fresh;
            zone->fresh = 0;
            return NGX_OK;
        }

        if (*result != COUNTERSIGN_RESULT_REPLAY_WINDOW_TOO_NARROW) {
            break;
        }
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_countersign_make_engines(ngx_http_countersign_zone_t *zone)
{
    ngx_int_t                        rc;
    ngx_uint_t                       i, reload;
    countersign_result               result;
    ngx_http_countersign_engine_t  **engines = zone->engines.elts;

    if (zone->engines.nelts == 0) {
        return NGX_OK;
    }

    result = COUNTERSIGN_RESULT_OK;
    rc = ngx_http_countersign_share_store(zone, &result);

    while (rc == NGX_DECLINED && zone->path.len != 0 && !zone->fresh) {
        /* Of another version of the store, or of narrower policies, or without a store since no policy used the zone. */
        if (ngx_http_countersign_renew_file_zone(zone) != NGX_OK) {
            return NGX_ERROR;
        }

        rc = ngx_http_countersign_share_store(zone, &result);
    }

    if (rc == NGX_DECLINED) {
        (void) ngx_http_countersign_engine_fault(engines[0], result);
        ngx_log_error(NGX_LOG_EMERG, zone->cycle->log, 0, "zone \"%V\" %s in %V:%ui", &zone->name,
                      zone->fresh ? "cannot serve all its policy files, give each a zone of its own"
                                  : "is in use with other policies, give it another name",
                      &zone->place.file, zone->place.line);
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    reload = zone->cycle->old_cycle != NULL && !ngx_is_init_cycle(zone->cycle->old_cycle);

    for (i = 0; i < zone->engines.nelts; i++) {
        if (ngx_http_countersign_read_trust(engines[i], reload) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* In the master: faults are reported now, and not when a worker starts. */

static ngx_int_t
ngx_http_countersign_read_trust(ngx_http_countersign_engine_t *engine, ngx_uint_t reload)
{
    countersign_notice             notice;
    countersign_result             result;
    countersign_look_report        report;
    ngx_http_countersign_teller_t  teller;

    ngx_memzero(&teller, sizeof(ngx_http_countersign_teller_t));
    teller.level = NGX_LOG_WARN;
    teller.log = engine->zone->cycle->log;
    notice = ngx_http_countersign_notice(&teller);

    ngx_memzero(&report, sizeof(countersign_look_report));
    result = countersign_engine_watch_trust_files(engine->engine,
                 ngx_http_countersign_bytes(engine->trust_directory.data, engine->trust_directory.len), ngx_time(),
                 notice, &report);
    if (result != COUNTERSIGN_RESULT_OK) {
        return ngx_http_countersign_engine_fault(engine, result);
    }

    if (report.refused != 0 && reload) {
        /* The workers that run have the last good document. New ones would have none. */
        ngx_log_error(NGX_LOG_EMERG, teller.log, 0, "a trust file of \"%V\" cannot be used, and the running workers have "
                      "its last good version: not reloaded, in %V:%ui", &engine->document->path, &engine->place.file,
                      engine->place.line);
        return NGX_ERROR;
    }

    if (engine->revocations.len != 0) {
        teller.level = NGX_LOG_EMERG;
        result = countersign_engine_watch_revocations(engine->engine,
                     ngx_http_countersign_bytes(engine->revocations.data, engine->revocations.len), notice);
        if (result != COUNTERSIGN_RESULT_OK) {
            return ngx_http_countersign_engine_fault(engine, result);
        }
    }

    if (engine->nonce_keys.len != 0 && ngx_http_countersign_nonce(engine) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, teller.log, 0, "\"%V\" must hold one or two lines, each 32 bytes in base64url, in "
                      "%V:%ui", &engine->nonce_keys, &engine->place.file, engine->place.line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_countersign_count(ngx_http_countersign_engine_t *engine, countersign_look_report *report)
{
    ngx_http_countersign_shared_t  *shared = engine->zone->shared;

    (void) ngx_atomic_fetch_add(&shared->trust_loaded, report->loaded);
    (void) ngx_atomic_fetch_add(&shared->trust_refused, report->refused);
    (void) ngx_atomic_fetch_add(&shared->trust_unreadable, report->unreadable);
}


/* In a worker process, before its first request. */

ngx_int_t
ngx_http_countersign_start_engine(ngx_http_countersign_engine_t *engine, ngx_cycle_t *cycle)
{
    size_t                         i;
    countersign_notice             notice;
    countersign_result             result;
    countersign_look_report        report;
    countersign_trust_source       source;
    ngx_http_countersign_teller_t  teller;

    ngx_memzero(&teller, sizeof(ngx_http_countersign_teller_t));
    teller.level = NGX_LOG_WARN;
    teller.log = cycle->log;
    notice = ngx_http_countersign_notice(&teller);

    for (i = 0; countersign_engine_trust_source(engine->engine, i, &source) == COUNTERSIGN_RESULT_OK; i++) {
        if (source.place == COUNTERSIGN_TRUST_PLACE_FILE) {
            (void) countersign_engine_withdraw_trust(engine->engine, source.kind,
                       ngx_http_countersign_bytes((u_char *) source.name.data, source.name.length));
        }
    }

    ngx_memzero(&report, sizeof(countersign_look_report));
    result = countersign_engine_watch_trust_files(engine->engine,
                 ngx_http_countersign_bytes(engine->trust_directory.data, engine->trust_directory.len), ngx_time(),
                 notice, &report);
    if (result != COUNTERSIGN_RESULT_OK) {
        return ngx_http_countersign_engine_fault(engine, result);
    }

    ngx_http_countersign_count(engine, &report);

    engine->unready = engine->revocations.len != 0
                      && countersign_engine_watch_revocations(engine->engine,
                             ngx_http_countersign_bytes(engine->revocations.data, engine->revocations.len), notice)
                         != COUNTERSIGN_RESULT_OK;

    if (engine->unready) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0, "countersign: \"%V\" cannot be used: every request is refused until "
                      "it can", &engine->revocations);
    }

    engine->nonce_epoch = 0;
    engine->nonce_modified = 0;
    (void) ngx_http_countersign_nonce(engine);

    result = countersign_worker_new(engine->engine, &engine->worker);
    if (result != COUNTERSIGN_RESULT_OK) {
        return ngx_http_countersign_engine_fault(engine, result);
    }

    engine->looked_at = ngx_current_msec;
    engine->pause = 1;
    engine->look.handler = ngx_http_countersign_look_handler;
    engine->look.data = engine;
    engine->look.log = cycle->log;
    engine->look.cancelable = 1;
    ngx_add_timer(&engine->look, ngx_max(engine->trust_poll, 10));

    return NGX_OK;
}


void
ngx_http_countersign_stop_engine(ngx_http_countersign_engine_t *engine)
{
    if (engine->look.timer_set) {
        ngx_del_timer(&engine->look);
    }

    countersign_worker_free(engine->worker);
    engine->worker = NULL;
}


/* Reads changed files again; returns whether any had changed. */

static ngx_uint_t
ngx_http_countersign_look(ngx_http_countersign_engine_t *engine)
{
    ngx_uint_t                     changed;
    struct timespec                begun;
    countersign_notice             notice;
    countersign_look_report        report;
    ngx_http_countersign_teller_t  teller;

    ngx_memzero(&teller, sizeof(ngx_http_countersign_teller_t));
    teller.level = NGX_LOG_WARN;
    teller.log = ngx_cycle->log;
    notice = ngx_http_countersign_notice(&teller);

    engine->looked_at = ngx_current_msec;
    engine->looks++;
    (void) clock_gettime(CLOCK_MONOTONIC, &begun);

    ngx_memzero(&report, sizeof(countersign_look_report));
    (void) countersign_engine_look(engine->engine, ngx_time(), notice, &report);

    changed = report.loaded != 0;

    if (report.loaded != 0 || report.refused != 0 || report.unreadable != 0) {
        ngx_http_countersign_count(engine, &report);

        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0, "countersign: \"%V\": %uD documents loaded, %uD refused, %uD "
                      "unreadable", &engine->document->path, report.loaded, report.refused, report.unreadable);
    }

    if (engine->unready
        && countersign_engine_watch_revocations(engine->engine,
               ngx_http_countersign_bytes(engine->revocations.data, engine->revocations.len), notice)
           == COUNTERSIGN_RESULT_OK)
    {
        engine->unready = 0;
        changed = 1;
    }

    if (ngx_http_countersign_nonce(engine) == NGX_DECLINED) {
        (void) ngx_atomic_fetch_add(&engine->zone->shared->trust_refused, 1);
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0, "countersign: \"%V\" must hold one or two lines, each 32 bytes in "
                      "base64url; the last good keys stay in use", &engine->nonce_keys);
    }

    engine->pause = ngx_http_countersign_pause(engine, &begun);

    return changed;
}


/*
 * How long no token of an unknown key, which any client can send, causes another look after one that began at `begun`. The engines of a
 * worker share its time for looks.
 */

static ngx_msec_t
ngx_http_countersign_pause(ngx_http_countersign_engine_t *engine, struct timespec *begun)
{
    uint64_t                           microseconds, pause;
    struct timespec                    now;
    ngx_http_countersign_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(engine->zone->cycle, ngx_http_countersign_module);

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    microseconds = (now.tv_sec - begun->tv_sec) * 1000000 + (now.tv_nsec - begun->tv_nsec) / 1000;
    pause = microseconds * NGX_HTTP_COUNTERSIGN_LOOK_SHARE * mcf->engines.nelts / 1000 + 1;

    return ngx_min(pause, NGX_HTTP_COUNTERSIGN_LOOK_PAUSE);
}


/* Looks before the poll, unless the pause after the last look is not over; returns whether anything has changed. */

ngx_uint_t
ngx_http_countersign_look_early(ngx_http_countersign_engine_t *engine)
{
    return ngx_current_msec - engine->looked_at >= engine->pause && ngx_http_countersign_look(engine);
}


/* The timer does it where no request comes; under load it may be late, so requests see to it too. */

void
ngx_http_countersign_look_if_due(ngx_http_countersign_engine_t *engine)
{
    if (ngx_current_msec - engine->looked_at >= engine->trust_poll) {
        (void) ngx_http_countersign_look(engine);

    } else if (engine->nonce_keys.len == 0
               && engine->nonce_epoch != (uint64_t) ngx_time() / NGX_HTTP_COUNTERSIGN_NONCE_PERIOD)
    {
        (void) ngx_http_countersign_nonce(engine);
    }
}


static void
ngx_http_countersign_look_handler(ngx_event_t *event)
{
    ngx_uint_t                      more;
    ngx_http_countersign_engine_t  *engine = event->data;

    if (ngx_current_msec - engine->looked_at >= engine->trust_poll) {
        (void) ngx_http_countersign_look(engine);
    }

    more = countersign_worker_build_tables(engine->worker, NGX_HTTP_COUNTERSIGN_TABLE_STEP);

    if (!ngx_exiting) {
        ngx_add_timer(event, more ? 2 : ngx_max(engine->trust_poll, 10));
    }
}


/* One line: 32 bytes in base64url. */

static ngx_int_t
ngx_http_countersign_nonce_key(u_char **at, u_char *last, u_char key[32])
{
    u_char     *end, decoded[48];
    ngx_str_t   text, bytes;

    for (end = *at; end < last && *end != LF; end++) { /* void */ }

    text.data = *at;
    text.len = end - *at;
    if (text.len != 43) {
        return NGX_ERROR;
    }

    bytes.data = decoded;
    if (ngx_decode_base64url(&bytes, &text) != NGX_OK || bytes.len != 32) {
        return NGX_ERROR;
    }

    ngx_memcpy(key, decoded, 32);
    *at = end < last ? end + 1 : end;

    return NGX_OK;
}


static ngx_int_t
ngx_http_countersign_nonce_file(ngx_http_countersign_engine_t *engine)
{
    u_char           text[128], keys[2][32], *at;
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_int_t        rc;
    ngx_uint_t       count;
    ngx_file_info_t  info;

    fd = ngx_open_file(engine->nonce_keys.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        /* Reported once, as any other change. */
        rc = engine->nonce_modified == -1 ? NGX_OK : NGX_DECLINED;
        engine->nonce_modified = -1;
        return rc;
    }

    if (ngx_fd_info(fd, &info) == NGX_FILE_ERROR
        || (engine->nonce_modified == ngx_file_mtime(&info) && engine->nonce_inode == ngx_file_uniq(&info)))
    {
        (void) ngx_close_file(fd);
        return NGX_OK;
    }

    engine->nonce_modified = ngx_file_mtime(&info);
    engine->nonce_inode = ngx_file_uniq(&info);

    n = ngx_read_fd(fd, text, sizeof(text));
    (void) ngx_close_file(fd);

    rc = NGX_DECLINED;
    at = text;

    for (count = 0; n > 0 && count < 2 && at < text + n; count++) {
        if (ngx_http_countersign_nonce_key(&at, text + n, keys[count]) != NGX_OK) {
            count = 0;
            break;
        }
    }

    if (count != 0 && at == text + n) {
        (void) countersign_engine_set_nonce_keys(engine->engine, keys[0], count == 2 ? keys[1] : NULL);
        rc = NGX_OK;
    }

    ngx_explicit_memzero(text, sizeof(text));
    ngx_explicit_memzero(keys, sizeof(keys));

    return rc;
}


/*
 * The keys of nonces: from a file that several machines share, or else derived from the zone's secret and the hour, so that all
 * workers agree without a word. A nonce of the hour before is still good.
 */

static ngx_int_t
ngx_http_countersign_nonce(ngx_http_countersign_engine_t *engine)
{
    u_char    keys[2][EVP_MAX_MD_SIZE];
    uint64_t  epoch, i, number;

    if (engine->nonce_keys.len != 0) {
        return ngx_http_countersign_nonce_file(engine);
    }

    epoch = (uint64_t) ngx_time() / NGX_HTTP_COUNTERSIGN_NONCE_PERIOD;
    if (epoch == engine->nonce_epoch) {
        return NGX_OK;
    }

    for (i = 0; i < 2; i++) {
        number = epoch - i;
        if (HMAC(EVP_sha256(), engine->zone->shared->nonce_secret, sizeof(engine->zone->shared->nonce_secret),
                 (u_char *) &number, sizeof(number), keys[i], NULL)
            == NULL)
        {
            return NGX_ERROR;
        }
    }

    (void) countersign_engine_set_nonce_keys(engine->engine, keys[0], keys[1]);
    ngx_explicit_memzero(keys, sizeof(keys));
    engine->nonce_epoch = epoch;

    return NGX_OK;
}
