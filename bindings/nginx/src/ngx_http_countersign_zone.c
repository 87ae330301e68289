/*
 * The memory that all workers share: counters, the secret of nonces, and which proofs were used.
 *
 * A zone of nginx survives a reload. A zone with file= is a mapped file and survives a restart and a binary upgrade too. A new,
 * empty store refuses all proofs that were made before it, so none passes twice.
 */

#include "ngx_http_countersign.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>


static ngx_int_t ngx_http_countersign_init_zone(ngx_shm_zone_t *shm_zone, void *data);
static ngx_int_t ngx_http_countersign_adopt(ngx_http_countersign_zone_t *zone, u_char *memory, size_t bytes);
static ngx_int_t ngx_http_countersign_map(ngx_http_countersign_zone_t *zone, ngx_uint_t anew);
static void ngx_http_countersign_unmap(void *data);
static void ngx_http_countersign_unlock(ngx_http_countersign_zone_t *zone);


/* Another layout of the shared structure, of another build, must not be read as this one. */
#define NGX_HTTP_COUNTERSIGN_LAYOUT  \
    (((uint64_t) 0x63736e67 << 32) | (1 << 16) | (sizeof(ngx_http_countersign_shared_t) & 0xffff))

/* What the replay store is aligned to, and what the counters are padded to. */
#define NGX_HTTP_COUNTERSIGN_LINE  64


typedef struct {
    void    *memory;
    size_t   bytes;
} ngx_http_countersign_mapping_t;


/* countersign_zone NAME:SIZE [file=PATH] */

char *
ngx_http_countersign_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_countersign_main_conf_t  *mcf = conf;

    u_char                        *colon;
    ssize_t                        size;
    ngx_str_t                     *value = cf->args->elts, name, text;
    ngx_uint_t                     i;
    ngx_shm_zone_t                *shm_zone;
    ngx_http_countersign_zone_t   *zone, **zones, **slot;

    colon = (u_char *) ngx_strchr(value[1].data, ':');
    if (colon == NULL || colon == value[1].data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid zone \"%V\", expected NAME:SIZE", &value[1]);
        return NGX_CONF_ERROR;
    }

    name.data = value[1].data;
    name.len = colon - value[1].data;
    text.data = colon + 1;
    text.len = value[1].data + value[1].len - text.data;

    size = ngx_parse_size(&text);
    if (size == NGX_ERROR || size < (ssize_t) (8 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "the size of zone \"%V\" must be at least %uz", &value[1],
                           (size_t) (8 * ngx_pagesize));
        return NGX_CONF_ERROR;
    }

    zones = mcf->zones.elts;
    for (i = 0; i < mcf->zones.nelts; i++) {
        if (zones[i]->name.len == name.len && ngx_strncmp(zones[i]->name.data, name.data, name.len) == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate zone \"%V\"", &name);
            return NGX_CONF_ERROR;
        }
    }

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_http_countersign_zone_t));
    slot = ngx_array_push(&mcf->zones);
    if (zone == NULL || slot == NULL
        || ngx_array_init(&zone->engines, cf->pool, 1, sizeof(void *)) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    *slot = zone;
    zone->name = name;
    zone->size = size;
    zone->locked = NGX_INVALID_FILE;
    zone->cycle = cf->cycle;
    zone->place = ngx_http_countersign_here(cf);

    if (cf->args->nelts == 3) {
        if (ngx_strncmp(value[2].data, "file=", 5) != 0 || value[2].len == 5) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\", expected \"file=PATH\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        zone->path.data = value[2].data + 5;
        zone->path.len = value[2].len - 5;

        return ngx_conf_full_name(cf->cycle, &zone->path, 0) == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    shm_zone = ngx_shared_memory_add(cf, &name, size, &ngx_http_countersign_module);
    if (shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    shm_zone->init = ngx_http_countersign_init_zone;
    shm_zone->data = zone;

    return NGX_CONF_OK;
}


/* The zone of this name; without a name the only one. */

ngx_http_countersign_zone_t *
ngx_http_countersign_find_zone(ngx_http_countersign_main_conf_t *mcf, ngx_str_t *name)
{
    ngx_uint_t                     i;
    ngx_http_countersign_zone_t  **zones = mcf->zones.elts;

    if (name->len == 0) {
        return mcf->zones.nelts == 1 ? zones[0] : NULL;
    }

    for (i = 0; i < mcf->zones.nelts; i++) {
        if (zones[i]->name.len == name->len && ngx_strncmp(zones[i]->name.data, name->data, name->len) == 0) {
            return zones[i];
        }
    }

    return NULL;
}


/* Called when nginx has the memory: a new one, or that of the configuration before. */

static ngx_int_t
ngx_http_countersign_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_countersign_zone_t  *before = data;
    ngx_http_countersign_zone_t  *zone = shm_zone->data;

    u_char           *memory;
    size_t            bytes;
    ngx_slab_pool_t  *pool;

    if (before != NULL) {
        zone->shared = before->shared;
        zone->replay = before->replay;
        zone->replay_bytes = before->replay_bytes;
        /* Without a user so far, its replay store was never made. */
        zone->fresh = before->fresh;

        return ngx_http_countersign_make_engines(zone);
    }

    pool = (ngx_slab_pool_t *) shm_zone->shm.addr;
    pool->log_nomem = 0;

    /* All that the pool can give in one piece. */
    memory = NULL;
    for (bytes = shm_zone->shm.size & ~(ngx_pagesize - 1); bytes >= ngx_pagesize; bytes -= ngx_pagesize) {
        memory = ngx_slab_alloc(pool, bytes);
        if (memory != NULL) {
            break;
        }
    }

    if (memory == NULL || ngx_http_countersign_adopt(zone, memory, bytes) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0, "zone \"%V\" is too small in %V:%ui", &zone->name,
                      &zone->place.file, zone->place.line);
        return NGX_ERROR;
    }

    return ngx_http_countersign_make_engines(zone);
}


/* Takes over memory, and initialises it unless it is in use. */

static ngx_int_t
ngx_http_countersign_adopt(ngx_http_countersign_zone_t *zone, u_char *memory, size_t bytes)
{
    size_t                          head;
    ngx_http_countersign_shared_t  *shared;

    head = ngx_align(sizeof(ngx_http_countersign_shared_t), NGX_HTTP_COUNTERSIGN_LINE);
    if (bytes < head + countersign_replay_required_bytes(1)) {
        return NGX_ERROR;
    }

    shared = (ngx_http_countersign_shared_t *) memory;

    zone->fresh = shared->layout != NGX_HTTP_COUNTERSIGN_LAYOUT;

    if (zone->fresh) {
        ngx_memzero(shared, sizeof(ngx_http_countersign_shared_t));

        if (getrandom(shared->nonce_secret, sizeof(shared->nonce_secret), 0) != sizeof(shared->nonce_secret)) {
            return NGX_ERROR;
        }

        shared->layout = NGX_HTTP_COUNTERSIGN_LAYOUT;
    }

    zone->shared = shared;
    zone->replay = memory + head;
    zone->replay_bytes = bytes - head;

    return NGX_OK;
}


ngx_int_t
ngx_http_countersign_open_file_zones(ngx_conf_t *cf, ngx_http_countersign_main_conf_t *mcf)
{
    ngx_int_t                      rc;
    ngx_uint_t                     i;
    ngx_http_countersign_zone_t  **zones = mcf->zones.elts;

    for (i = 0; i < mcf->zones.nelts; i++) {
        if (zones[i]->path.len == 0) {
            continue;
        }

        rc = ngx_http_countersign_map(zones[i], 0);
        if (rc == NGX_OK) {
            rc = ngx_http_countersign_make_engines(zones[i]);
        }

        ngx_http_countersign_unlock(zones[i]);

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * Puts a new file in the place of one that cannot serve: of another version, or whose store forgets too early. Whoever has the
 * old one mapped goes on with it.
 */

ngx_int_t
ngx_http_countersign_renew_file_zone(ngx_http_countersign_zone_t *zone)
{
    ngx_http_countersign_unlock(zone);

    return ngx_http_countersign_map(zone, 1);
}


static void
ngx_http_countersign_unlock(ngx_http_countersign_zone_t *zone)
{
    if (zone->locked != NGX_INVALID_FILE) {
        /* A mapping keeps the file, and with it the lock. */
        (void) flock(zone->locked, LOCK_UN);
        (void) ngx_close_file(zone->locked);
        zone->locked = NGX_INVALID_FILE;
    }
}


static ngx_int_t
ngx_http_countersign_file_fault(ngx_http_countersign_zone_t *zone, ngx_err_t err, const char *what)
{
    ngx_log_error(NGX_LOG_EMERG, zone->cycle->log, err, "%s \"%V\" of zone \"%V\" in %V:%ui", what, &zone->path,
                  &zone->name, &zone->place.file, zone->place.line);

    return NGX_ERROR;
}


/* Opens and locks the file that stands at the path; with anew, one that nobody has seen. */

static ngx_int_t
ngx_http_countersign_open(ngx_http_countersign_zone_t *zone, ngx_uint_t anew)
{
    const char   *path = (const char *) zone->path.data;
    struct stat   of_file, of_path;

    for ( ;; ) {

        zone->locked = open(path, O_RDWR|O_CREAT|O_NOFOLLOW|O_CLOEXEC, S_IRUSR|S_IWUSR);
        if (zone->locked == NGX_INVALID_FILE) {
            return ngx_http_countersign_file_fault(zone, ngx_errno, "cannot open");
        }

        /* Held while the store is made; whoever comes second finds it made. */
        if (flock(zone->locked, LOCK_EX) != 0 || fstat(zone->locked, &of_file) != 0) {
            return ngx_http_countersign_file_fault(zone, ngx_errno, "cannot lock");
        }

        if (lstat(path, &of_path) != 0 || of_path.st_ino != of_file.st_ino || of_path.st_dev != of_file.st_dev) {
            /* Replaced while we waited for the lock. */
            ngx_http_countersign_unlock(zone);
            continue;
        }

        if (!S_ISREG(of_file.st_mode) || of_file.st_uid != geteuid() || (of_file.st_mode & 077) != 0) {
            return ngx_http_countersign_file_fault(zone, 0, "must be a file of ours with mode 0600:");
        }

        if (!anew && of_file.st_size == (off_t) zone->size) {
            return NGX_OK;
        }

        if (!anew && of_file.st_size == 0) {
            if (ftruncate(zone->locked, zone->size) != 0) {
                return ngx_http_countersign_file_fault(zone, ngx_errno, "cannot resize");
            }

            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_WARN, zone->cycle->log, 0, "\"%V\" of zone \"%V\" is made anew: %s", &zone->path,
                      &zone->name, anew ? "its replay store cannot serve these policies" : "it has another size");

        if (unlink(path) != 0) {
            return ngx_http_countersign_file_fault(zone, ngx_errno, "cannot remove");
        }

        ngx_http_countersign_unlock(zone);
        anew = 0;
    }
}


static ngx_int_t
ngx_http_countersign_map(ngx_http_countersign_zone_t *zone, ngx_uint_t anew)
{
    int                              flags;
    u_char                          *memory;
    ngx_pool_cleanup_t              *cleanup;
    ngx_http_countersign_mapping_t  *mapping;

    /* Before the engines' own, so that it runs after theirs. */
    cleanup = ngx_pool_cleanup_add(zone->cycle->pool, sizeof(ngx_http_countersign_mapping_t));
    if (cleanup == NULL) {
        return NGX_ERROR;
    }

    /* A test of the configuration must not touch what a running nginx uses. */
    flags = MAP_PRIVATE|MAP_ANONYMOUS;

    if (!ngx_test_config) {
        flags = MAP_SHARED;
        if (ngx_http_countersign_open(zone, anew) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    memory = mmap(NULL, zone->size, PROT_READ|PROT_WRITE, flags, zone->locked, 0);
    if (memory == MAP_FAILED) {
        return ngx_http_countersign_file_fault(zone, ngx_errno, "cannot map");
    }

    mapping = cleanup->data;
    mapping->memory = memory;
    mapping->bytes = zone->size;
    cleanup->handler = ngx_http_countersign_unmap;

    if (ngx_http_countersign_adopt(zone, memory, zone->size) != NGX_OK) {
        return ngx_http_countersign_file_fault(zone, 0, "cannot make a store in");
    }

    return NGX_OK;
}


static void
ngx_http_countersign_unmap(void *data)
{
    ngx_http_countersign_mapping_t  *mapping = data;

    (void) munmap(mapping->memory, mapping->bytes);
}
