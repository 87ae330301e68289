/*
 * The memory that all workers share: counters, the secret of nonces, and which proofs were used.
 *
 * A zone of nginx survives a reload. A zone with file= is a mapped file and survives a restart and a binary upgrade too. A store
 * that may have missed proofs refuses all that were made until it is put to use, so none passes twice.
 *
 * A file that a process may have mapped is never written to but as a store. One that cannot serve is replaced: a new file is made
 * under another name, and takes the name of the zone when the configuration is in use and nothing can fail any more. A
 * test of the configuration and `nginx -s` touch no file.
 */

#include "ngx_http_countersign.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/statvfs.h>


static ngx_int_t ngx_http_countersign_init_zone(ngx_shm_zone_t *shm_zone, void *data);
static ngx_int_t ngx_http_countersign_adopt(ngx_http_countersign_zone_t *zone, u_char *memory, size_t bytes);
static ngx_int_t ngx_http_countersign_attach(ngx_http_countersign_zone_t *zone, const char **why);
static ngx_int_t ngx_http_countersign_make(ngx_http_countersign_zone_t *zone, const char *why);
static void ngx_http_countersign_put_to_use(void *data);
static void ngx_http_countersign_give_up(ngx_http_countersign_zone_t *zone);
static void ngx_http_countersign_free_zone(void *data);


/* Another layout of the shared structure, of another build, must not be read as this one. */
#define NGX_HTTP_COUNTERSIGN_LAYOUT  \
    (((uint64_t) 0x63736e67 << 32) | (3 << 16) | (sizeof(ngx_http_countersign_shared_t) & 0xffff))

/* What the replay store is aligned to, and what the counters are padded to. */
#define NGX_HTTP_COUNTERSIGN_LINE  64


/* A new file has this after its name until it is in use. */
#define NGX_HTTP_COUNTERSIGN_MAKING  ".new"

/* How often, every tenth of a second, it is asked whether another process has made the file. */
#define NGX_HTTP_COUNTERSIGN_TRIES  100

/* For how many seconds old workers may be in requests that they were sent in part before a reload. */
#define NGX_HTTP_COUNTERSIGN_RETIREMENT  120

#define NGX_HTTP_COUNTERSIGN_BOOT_FILE  "/proc/sys/kernel/random/boot_id"


/* Whether two zones would have one file, or one of them the name under which the other's is made. */

static ngx_uint_t
ngx_http_countersign_clash(ngx_http_countersign_zone_t *one, ngx_http_countersign_zone_t *other)
{
    size_t       length, longer;
    struct stat  of_one, of_other;

    if (stat((char *) one->path.data, &of_one) == 0 && stat((char *) other->path.data, &of_other) == 0
        && of_one.st_dev == of_other.st_dev && of_one.st_ino == of_other.st_ino)
    {
        return 1;
    }

    if (stat((char *) one->folder.data, &of_one) == 0 && stat((char *) other->folder.data, &of_other) == 0) {
        if (of_one.st_dev != of_other.st_dev || of_one.st_ino != of_other.st_ino) {
            return 0;
        }

    } else if (ngx_strcmp(one->folder.data, other->folder.data) != 0) {
        return 0;
    }

    length = ngx_min(ngx_strlen(one->base), ngx_strlen(other->base));
    longer = ngx_max(ngx_strlen(one->base), ngx_strlen(other->base));

    if (ngx_strncmp(one->base, other->base, length) != 0) {
        return 0;
    }

    return longer == length
           || ngx_strcmp((ngx_strlen(one->base) == longer ? one->base : other->base) + length,
                         NGX_HTTP_COUNTERSIGN_MAKING)
              == 0;
}


/* The names that belong to file=, which no other zone may have. */

static char *
ngx_http_countersign_name_file(ngx_conf_t *cf, ngx_http_countersign_zone_t *zone,
    ngx_http_countersign_main_conf_t *mcf)
{
    u_char                        *last;
    ngx_uint_t                     i;
    ngx_http_countersign_zone_t  **zones = mcf->zones.elts;

    if (ngx_conf_full_name(cf->cycle, &zone->path, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    for (zone->base = zone->path.data + zone->path.len; zone->base[-1] != '/'; zone->base--) { /* void */ }

    if (*zone->base == '\0') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is a folder, expected \"file=PATH\" of a file", &zone->path);
        return NGX_CONF_ERROR;
    }

    zone->folder.len = zone->base - zone->path.data;
    zone->folder.data = ngx_pnalloc(cf->pool, zone->folder.len + 1);

    zone->making.len = zone->path.len + sizeof(NGX_HTTP_COUNTERSIGN_MAKING) - 1;
    zone->making.data = ngx_pnalloc(cf->pool, zone->making.len + 1);

    if (zone->folder.data == NULL || zone->making.data == NULL) {
        return NGX_CONF_ERROR;
    }

    *ngx_cpymem(zone->folder.data, zone->path.data, zone->folder.len) = '\0';
    last = ngx_cpymem(zone->making.data, zone->path.data, zone->path.len);
    ngx_memcpy(last, NGX_HTTP_COUNTERSIGN_MAKING, sizeof(NGX_HTTP_COUNTERSIGN_MAKING));

    for (i = 0; i < mcf->zones.nelts; i++) {
        if (zones[i] != zone && zones[i]->path.len != 0 && ngx_http_countersign_clash(zone, zones[i])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "zone \"%V\" must have a file of its own: \"%V\" is that of zone "
                               "\"%V\", or its name while it is made", &zone->name, &zone->path, &zones[i]->name);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


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
    zone->made = NGX_INVALID_FILE;
    zone->cycle = cf->cycle;
    zone->place = ngx_http_countersign_here(cf);

    if (cf->args->nelts == 3) {
        if (ngx_strncmp(value[2].data, "file=", 5) != 0 || value[2].len == 5) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\", expected \"file=PATH\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        zone->path.data = value[2].data + 5;
        zone->path.len = value[2].len - 5;

        return ngx_http_countersign_name_file(cf, zone, mcf);
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


/* The kernel's boot id, another one after each start of the machine; zeros where the kernel reports none. */

static void
ngx_http_countersign_boot(u_char boot[NGX_HTTP_COUNTERSIGN_BOOT])
{
    ssize_t   n;
    ngx_fd_t  fd;

    n = 0;

    fd = ngx_open_file(NGX_HTTP_COUNTERSIGN_BOOT_FILE, NGX_FILE_RDONLY|O_CLOEXEC, NGX_FILE_OPEN, 0);
    if (fd != NGX_INVALID_FILE) {
        n = ngx_read_fd(fd, boot, NGX_HTTP_COUNTERSIGN_BOOT);
        (void) ngx_close_file(fd);
    }

    if (n != NGX_HTTP_COUNTERSIGN_BOOT) {
        ngx_memzero(boot, NGX_HTTP_COUNTERSIGN_BOOT);
    }
}


/* Whether the machine was started anew since the file was put to use; it may have been where no boot id is known. */

static ngx_uint_t
ngx_http_countersign_was_booted(ngx_http_countersign_shared_t *shared)
{
    u_char  boot[NGX_HTTP_COUNTERSIGN_BOOT];

    ngx_http_countersign_boot(boot);

    return boot[0] == '\0' || ngx_memcmp(shared->boot, boot, NGX_HTTP_COUNTERSIGN_BOOT) != 0;
}


ngx_int_t
ngx_http_countersign_open_file_zones(ngx_conf_t *cf, ngx_http_countersign_main_conf_t *mcf)
{
    ngx_int_t                      rc;
    ngx_uint_t                     i;
    const char                    *why;
    ngx_http_countersign_zone_t  **zones = mcf->zones.elts;

    for (i = 0; i < mcf->zones.nelts; i++) {
        if (zones[i]->path.len == 0) {
            continue;
        }

        do {
            rc = ngx_http_countersign_attach(zones[i], &why);
            if (rc == NGX_DECLINED) {
                rc = ngx_http_countersign_make(zones[i], why);
            }
        } while (rc == NGX_AGAIN);

        if (rc != NGX_OK || ngx_http_countersign_make_engines(zones[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* A new file for one that cannot serve: a process that has the old one mapped goes on with it. */

ngx_int_t
ngx_http_countersign_renew_file_zone(ngx_http_countersign_zone_t *zone)
{
    ngx_int_t    rc;
    const char  *why;

    rc = ngx_http_countersign_make(zone, "its replay store cannot serve these policies");

    while (rc == NGX_AGAIN) {
        /* Another process has made one meanwhile, which may serve. */
        rc = ngx_http_countersign_attach(zone, &why);
        if (rc == NGX_DECLINED) {
            rc = ngx_http_countersign_make(zone, why);
        }
    }

    return rc;
}


static ngx_int_t
ngx_http_countersign_file_fault(ngx_http_countersign_zone_t *zone, ngx_err_t err, const char *what)
{
    ngx_log_error(NGX_LOG_EMERG, zone->cycle->log, err, "%s \"%V\" of zone \"%V\" in %V:%ui", what, &zone->path,
                  &zone->name, &zone->place.file, zone->place.line);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_countersign_unsound(ngx_http_countersign_zone_t *zone)
{
    return ngx_http_countersign_file_fault(zone, 0, "must be a regular file of this user with mode 0600:");
}


/* How many bytes this process may still write in the folder of the file; NGX_ERROR: not known. */

static off_t
ngx_http_countersign_room(ngx_http_countersign_zone_t *zone)
{
    struct statvfs  disk;

    if (statvfs((char *) zone->folder.data, &disk) != 0) {
        return NGX_ERROR;
    }

    /* Some blocks are for the superuser. */
    return (off_t) (geteuid() == 0 ? disk.f_bfree : disk.f_bavail) * (off_t) disk.f_frsize;
}


static ngx_int_t
ngx_http_countersign_no_room(ngx_http_countersign_zone_t *zone, ngx_err_t err)
{
    ngx_log_error(NGX_LOG_EMERG, zone->cycle->log, err, "cannot allocate %uz bytes for \"%V\" of zone \"%V\" in %V:%ui, "
                  "%O bytes are free in \"%V\": make room there, or make the zone smaller",
                  zone->size, &zone->path, &zone->name, &zone->place.file, zone->place.line,
                  ngx_http_countersign_room(zone), &zone->folder);

    return NGX_ERROR;
}


/* Allocates the blocks that a file lacks, and changes none that it has. */

static ngx_err_t
ngx_http_countersign_reserve(ngx_fd_t fd, size_t size)
{
    ngx_err_t      err;
    struct rlimit  limit;

    /* Beyond this limit the kernel sends a signal that ends the process. */
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < size) {
        return EFBIG;
    }

    do {
#if (NGX_LINUX)
        /* posix_fallocate() of the C library writes to the file where its file system cannot allocate. */
        err = fallocate(fd, 0, 0, size) == 0 ? 0 : ngx_errno;
#else
        err = posix_fallocate(fd, 0, size);
#endif
    } while (err == NGX_EINTR);

    return err;
}


static ngx_uint_t
ngx_http_countersign_cannot_reserve(ngx_err_t err)
{
    return err == EOPNOTSUPP || err == ENOSYS || err == EINVAL;
}


/* Fills a new file with zeros for which there is room. */

static ngx_err_t
ngx_http_countersign_fill(ngx_fd_t fd, size_t size)
{
    size_t         filled;
    ssize_t        n;
    ngx_err_t      err;
    static u_char  zeros[65536];

    err = ngx_http_countersign_reserve(fd, size);
    if (!ngx_http_countersign_cannot_reserve(err)) {
        return err;
    }

    for (filled = 0; filled < size; filled += n) {
        n = pwrite(fd, zeros, ngx_min(size - filled, sizeof(zeros)), filled);
        if (n == -1) {
            if (ngx_errno != NGX_EINTR) {
                return ngx_errno;
            }

            n = 0;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_countersign_is_at(ngx_str_t *path, struct stat *of_file)
{
    struct stat  of_path;

    return lstat((char *) path->data, &of_path) == 0 && of_path.st_ino == of_file->st_ino
           && of_path.st_dev == of_file->st_dev;
}


static ngx_uint_t
ngx_http_countersign_is_sound(struct stat *of_file)
{
    return S_ISREG(of_file->st_mode) && of_file->st_uid == geteuid() && (of_file->st_mode & 077) == 0;
}


/* The zones of the configuration that runs until this one is in use; NULL at a start. */

static ngx_array_t *
ngx_http_countersign_zones_before(ngx_cycle_t *cycle)
{
    ngx_uint_t                         i;
    ngx_http_countersign_main_conf_t  *mcf;

    if (ngx_is_init_cycle(cycle->old_cycle)) {
        return NULL;
    }

    /* A module that was loaded from another file is another module. */
    for (i = 0; cycle->old_cycle->modules[i] != &ngx_http_countersign_module; i++) {
        if (cycle->old_cycle->modules[i] == NULL) {
            return NULL;
        }
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle->old_cycle, ngx_http_countersign_module);

    return mcf == NULL ? NULL : &mcf->zones;
}


/* The zone among these that has the store of this one: the same file, or the same memory. */

static ngx_http_countersign_zone_t *
ngx_http_countersign_same_store(ngx_array_t *among, ngx_http_countersign_zone_t *zone)
{
    ngx_uint_t                     i;
    ngx_http_countersign_zone_t  **zones = among->elts;

    for (i = 0; i < among->nelts; i++) {
        if (zone->path.len == 0 ? zones[i]->path.len == 0 && zones[i]->replay == zone->replay
                                : zones[i]->inode != 0 && zones[i]->inode == zone->inode
                                  && zones[i]->device == zone->device)
        {
            return zones[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_countersign_map(ngx_http_countersign_zone_t *zone, int flags, ngx_fd_t fd)
{
    void                *memory;
    ngx_pool_cleanup_t  *cleanup;

    if (zone->memory != NULL) {
        (void) munmap(zone->memory, zone->size);
        zone->memory = NULL;

    } else {
        cleanup = ngx_pool_cleanup_add(zone->cycle->pool, 0);
        if (cleanup == NULL) {
            return NGX_ERROR;
        }

        cleanup->handler = ngx_http_countersign_free_zone;
        cleanup->data = zone;
    }

    memory = mmap(NULL, zone->size, PROT_READ|PROT_WRITE, flags, fd, 0);
    if (memory == MAP_FAILED) {
        return ngx_http_countersign_file_fault(zone, ngx_errno, "cannot map");
    }

    zone->memory = memory;

    if (ngx_http_countersign_adopt(zone, memory, zone->size) != NGX_OK) {
        return ngx_http_countersign_file_fault(zone, 0, "cannot make a store in");
    }

    return NGX_OK;
}


/* In a test of the configuration: memory that no other process sees, and what can be known of the file without it. */

static ngx_int_t
ngx_http_countersign_try(ngx_http_countersign_zone_t *zone)
{
    off_t        room;
    ngx_err_t    err;
    ngx_uint_t   is_there;
    struct stat  of_path;

    is_there = lstat((char *) zone->path.data, &of_path) == 0;

    /* The test may run as another user. */
    if (is_there && (!S_ISREG(of_path.st_mode) || (of_path.st_mode & 077) != 0)) {
        return ngx_http_countersign_unsound(zone);
    }

    room = ngx_http_countersign_room(zone);

    if (room == NGX_ERROR) {
        err = ngx_errno;
        if (err == NGX_ENOENT || err == NGX_ENOTDIR) {
            return ngx_http_countersign_file_fault(zone, err, "there is no folder for");
        }

    } else if ((!is_there || of_path.st_size != (off_t) zone->size) && room < (off_t) zone->size) {
        return ngx_http_countersign_no_room(zone, NGX_ENOSPC);
    }

    return ngx_http_countersign_map(zone, MAP_PRIVATE|MAP_ANONYMOUS, NGX_INVALID_FILE);
}


/*
 * Maps the file that is at the path. NGX_DECLINED: there is none that can serve, and `why`. A file got its name complete, so
 * that there is nothing to wait for.
 */

static ngx_int_t
ngx_http_countersign_attach(ngx_http_countersign_zone_t *zone, const char **why)
{
    ngx_fd_t                        fd;
    ngx_int_t                       rc;
    ngx_err_t                       err;
    struct stat                     of_file;
    ngx_array_t                    *before;
    ngx_http_countersign_shared_t   shared;

    *why = NULL;
    zone->inode = 0;

    if (ngx_test_config) {
        return ngx_http_countersign_try(zone);
    }

    fd = open((char *) zone->path.data, O_RDWR|O_NOFOLLOW|O_CLOEXEC);
    if (fd == NGX_INVALID_FILE) {
        err = ngx_errno;
        return err == NGX_ENOENT ? NGX_DECLINED : ngx_http_countersign_file_fault(zone, err, "cannot open");
    }

    rc = NGX_ERROR;

    if (fstat(fd, &of_file) != 0) {
        (void) ngx_http_countersign_file_fault(zone, ngx_errno, "cannot read the attributes of");
        goto done;
    }

    if (!ngx_http_countersign_is_sound(&of_file)) {
        (void) ngx_http_countersign_unsound(zone);
        goto done;
    }

    zone->device = of_file.st_dev;
    zone->inode = of_file.st_ino;

    if (of_file.st_size != (off_t) zone->size) {
        *why = "it has another size";
        rc = NGX_DECLINED;
        goto done;
    }

    if (pread(fd, &shared, sizeof(shared), 0) != sizeof(shared)) {
        (void) ngx_http_countersign_file_fault(zone, ngx_errno, "cannot read");
        goto done;
    }

    if (shared.layout != NGX_HTTP_COUNTERSIGN_LAYOUT) {
        *why = "it has the layout of another version";
        rc = NGX_DECLINED;
        goto done;
    }

    if (shared.retired) {
        *why = "another store was in its place";
        rc = NGX_DECLINED;
        goto done;
    }

    err = ngx_http_countersign_reserve(fd, zone->size);

    if (ngx_http_countersign_cannot_reserve(err)) {
        err = 0;

        if (lseek(fd, 0, SEEK_HOLE) < of_file.st_size) {
            *why = "it has holes, which its file system cannot fill beforehand";
            rc = NGX_DECLINED;
            goto done;
        }
    }

    if (err != 0) {
        (void) ngx_http_countersign_no_room(zone, err);
        goto done;
    }

    rc = ngx_http_countersign_map(zone, MAP_SHARED, fd);
    if (rc != NGX_OK) {
        goto done;
    }

    before = ngx_http_countersign_zones_before(zone->cycle);
    if (before != NULL && ngx_http_countersign_same_store(before, zone) != NULL) {
        goto done;
    }

    if (!ngx_is_init_cycle(zone->cycle->old_cycle)) {
        zone->unaware = 1;
        ngx_log_error(NGX_LOG_NOTICE, zone->cycle->log, 0, "\"%V\" of zone \"%V\" was not in use: it refuses the proofs "
                      "made until it is", &zone->path, &zone->name);

    } else if (ngx_http_countersign_was_booted(zone->shared)) {
        zone->unaware = 1;
        ngx_log_error(NGX_LOG_NOTICE, zone->cycle->log, 0, "the machine was started anew since \"%V\" of zone \"%V\" was "
                      "put to use, or has no boot id: it refuses the proofs made until now", &zone->path, &zone->name);
    }

done:

    (void) ngx_close_file(fd);

    return rc;
}


/* Creates a new file and locks it. Another process that makes the file of this zone is waited for. */

static ngx_int_t
ngx_http_countersign_create(ngx_http_countersign_zone_t *zone)
{
    const char   *making = (const char *) zone->making.data;
    ngx_fd_t      fd;
    ngx_err_t     err;
    ngx_uint_t    tries;
    struct stat   of_file;

    for (tries = 0; tries < NGX_HTTP_COUNTERSIGN_TRIES; tries++) {

        fd = open(making, O_RDWR|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, S_IRUSR|S_IWUSR);

        if (fd != NGX_INVALID_FILE) {
            if (flock(fd, LOCK_EX|LOCK_NB) == 0 && fstat(fd, &of_file) == 0
                && ngx_http_countersign_is_at(&zone->making, &of_file))
            {
                zone->made = fd;
                return NGX_OK;
            }

            /* Another process took it for one that was left over. */
            (void) ngx_close_file(fd);
            continue;
        }

        if (ngx_errno != NGX_EEXIST) {
            return ngx_http_countersign_file_fault(zone, ngx_errno, "cannot create a new file for");
        }

        fd = open(making, O_RDWR|O_NOFOLLOW|O_CLOEXEC);

        if (fd == NGX_INVALID_FILE) {
            if (ngx_errno == NGX_ENOENT) {
                continue;
            }

            return ngx_http_countersign_file_fault(zone, ngx_errno, "cannot open the new file for");
        }

        if (fstat(fd, &of_file) != 0 || !ngx_http_countersign_is_sound(&of_file)) {
            (void) ngx_close_file(fd);
            return ngx_http_countersign_file_fault(zone, 0, "another file has the name, with \".new\" after it, of");
        }

        if (flock(fd, LOCK_EX|LOCK_NB) == 0) {
            /* Left over by a process that died: no process has it mapped, or will give it the zone's name. */
            if (ngx_http_countersign_is_at(&zone->making, &of_file)) {
                (void) unlink(making);
            }

            (void) ngx_close_file(fd);
            continue;
        }

        err = ngx_errno;
        (void) ngx_close_file(fd);

        if (err != EWOULDBLOCK) {
            return ngx_http_countersign_file_fault(zone, err, "cannot lock the new file for");
        }

        if (tries == 0) {
            ngx_log_error(NGX_LOG_NOTICE, zone->cycle->log, 0, "another process makes \"%V\" of zone \"%V\": waiting",
                          &zone->path, &zone->name);
        }

        ngx_msleep(100);
    }

    return ngx_http_countersign_file_fault(zone, 0, "another process does not finish");
}


/* Makes a new file in the place of the one that was looked at. NGX_AGAIN: another process has put one there meanwhile. */

static ngx_int_t
ngx_http_countersign_make(ngx_http_countersign_zone_t *zone, const char *why)
{
    ngx_err_t     err;
    struct stat   of_path, of_file;

    if (ngx_http_countersign_create(zone) != NGX_OK) {
        return NGX_ERROR;
    }

    if (lstat((char *) zone->path.data, &of_path) != 0) {
        ngx_memzero(&of_path, sizeof(struct stat));
    }

    if (of_path.st_ino != zone->inode || (zone->inode != 0 && of_path.st_dev != zone->device)) {
        ngx_http_countersign_give_up(zone);
        return NGX_AGAIN;
    }

    if (fstat(zone->made, &of_file) != 0 || (zone->inode != 0 && of_file.st_dev != zone->device)) {
        ngx_http_countersign_give_up(zone);
        return ngx_http_countersign_file_fault(zone, 0, "cannot replace the mount at:");
    }

    err = ngx_http_countersign_fill(zone->made, zone->size);
    if (err != 0) {
        ngx_http_countersign_give_up(zone);
        return ngx_http_countersign_no_room(zone, err);
    }

    if (why != NULL) {
        ngx_log_error(NGX_LOG_WARN, zone->cycle->log, 0, "\"%V\" of zone \"%V\" is made anew: %s", &zone->path, &zone->name,
                      why);
    }

    zone->device = of_file.st_dev;
    zone->inode = of_file.st_ino;

    return ngx_http_countersign_map(zone, MAP_SHARED, zone->made);
}


/* Removes a new file that gets no name. */

static void
ngx_http_countersign_give_up(ngx_http_countersign_zone_t *zone)
{
    if (zone->made != NGX_INVALID_FILE) {
        (void) unlink((char *) zone->making.data);
        (void) ngx_close_file(zone->made);
        zone->made = NGX_INVALID_FILE;
    }
}


/*
 * A store that this configuration does not use takes no proof any more while the workers that have it end their last requests: the
 * store in its place would not know. Not for ever, because another master may go on with the file. No configuration begins to use
 * it again, because it has missed proofs and refuses new ones.
 */

static void
ngx_http_countersign_retire(ngx_cycle_t *cycle, ngx_uint_t files)
{
    ngx_uint_t                          i;
    ngx_array_t                        *before;
    ngx_http_countersign_zone_t       **zones;
    ngx_http_countersign_main_conf_t   *mcf;

    before = ngx_http_countersign_zones_before(cycle);
    if (before == NULL || ngx_test_config) {
        return;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_countersign_module);

    zones = before->elts;
    for (i = 0; i < before->nelts; i++) {
        if ((zones[i]->path.len != 0) == files && zones[i]->engines.nelts != 0
            && ngx_http_countersign_same_store(&mcf->zones, zones[i]) == NULL)
        {
            zones[i]->shared->retired = 1;
            (void) countersign_replay_refuse_until(zones[i]->replay, zones[i]->replay_bytes,
                                                   time(NULL) + NGX_HTTP_COUNTERSIGN_RETIREMENT);
            ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0, "the store of zone \"%V\" is not used any more: old workers "
                          "refuse the proofs of the requests that they still have", &zones[i]->name);
        }
    }
}


/*
 * Whether the store of an engine knows the proofs used under its policy file: the running configuration has that file with this store, or
 * has no other store in use.
 */

static ngx_uint_t
ngx_http_countersign_knows(ngx_array_t *before, ngx_http_countersign_zone_t *zone, ngx_http_countersign_engine_t *engine)
{
    ngx_str_t                       *path;
    ngx_uint_t                       i;
    ngx_http_countersign_zone_t    **zones = before->elts, *same;
    ngx_http_countersign_engine_t  **engines;

    same = ngx_http_countersign_same_store(before, zone);

    for (i = 0; same != NULL && i < same->engines.nelts; i++) {
        engines = same->engines.elts;
        path = &engines[i]->document->path;

        if (path->len == engine->document->path.len
            && ngx_strncmp(path->data, engine->document->path.data, path->len) == 0)
        {
            return 1;
        }
    }

    for (i = 0; i < before->nelts; i++) {
        if (zones[i] != same && zones[i]->engines.nelts != 0) {
            return 0;
        }
    }

    return 1;
}


/* A reload may move a policy file to a store that is in use for others. At a start, earlier proofs are not known. */

static void
ngx_http_countersign_find_unaware(ngx_cycle_t *cycle)
{
    ngx_uint_t                          i, k;
    ngx_array_t                        *before;
    ngx_http_countersign_zone_t       **zones;
    ngx_http_countersign_engine_t     **engines;
    ngx_http_countersign_main_conf_t   *mcf;

    before = ngx_http_countersign_zones_before(cycle);
    if (before == NULL) {
        return;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_countersign_module);

    zones = mcf->zones.elts;
    for (i = 0; i < mcf->zones.nelts; i++) {
        engines = zones[i]->engines.elts;

        for (k = 0; k < zones[i]->engines.nelts && !zones[i]->unaware; k++) {
            if (!ngx_http_countersign_knows(before, zones[i], engines[k])) {
                zones[i]->unaware = 1;
                ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0, "zone \"%V\" was not that of \"%V\": it refuses the proofs "
                              "made until now", &zones[i]->name, &engines[k]->document->path);
            }
        }
    }
}


/*
 * nginx has no hook for the moment from which a configuration is in use. At the end, when every module has initialised itself and
 * before the first worker starts, it frees the pool of the configuration before; one that fails leaves that pool alone.
 */

ngx_int_t
ngx_http_countersign_put_zones_to_use(ngx_cycle_t *cycle)
{
    ngx_pool_cleanup_t  *cleanup;

    /* Memory of nginx that is not used any more, and what the zones before had, is gone by then. */
    ngx_http_countersign_retire(cycle, 0);
    ngx_http_countersign_find_unaware(cycle);

    if (ngx_process == NGX_PROCESS_SINGLE && !ngx_is_init_cycle(cycle->old_cycle)) {
        /* Without a master that pool is kept for the requests of this process. */
        ngx_http_countersign_put_to_use(cycle);
        return NGX_OK;
    }

    cleanup = ngx_pool_cleanup_add(cycle->old_cycle->pool, 0);
    if (cleanup == NULL) {
        return NGX_ERROR;
    }

    cleanup->handler = ngx_http_countersign_put_to_use;
    cleanup->data = cycle;

    return NGX_OK;
}


/*
 * The file whose name a new one takes may be that of another master, which goes on with it: the one before a binary upgrade, or one beside
 * this. Like a store of the configuration before, it takes no proof for a while. One with another layout cannot be told.
 */

static void
ngx_http_countersign_retire_file(ngx_http_countersign_zone_t *zone, ngx_log_t *log)
{
    size_t                          head;
    u_char                         *memory;
    ngx_fd_t                        fd;
    struct stat                     of_file;
    countersign_result              result;
    ngx_http_countersign_shared_t   shared;

    fd = open((char *) zone->path.data, O_RDWR|O_NOFOLLOW|O_CLOEXEC);
    if (fd == NGX_INVALID_FILE) {
        return;
    }

    head = ngx_align(sizeof(ngx_http_countersign_shared_t), NGX_HTTP_COUNTERSIGN_LINE);

    if (fstat(fd, &of_file) != 0 || !ngx_http_countersign_is_sound(&of_file) || of_file.st_size <= (off_t) head
        || pread(fd, &shared, sizeof(shared), 0) != sizeof(shared) || shared.layout != NGX_HTTP_COUNTERSIGN_LAYOUT || shared.retired)
    {
        (void) ngx_close_file(fd);
        return;
    }

    memory = mmap(NULL, of_file.st_size, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);
    (void) ngx_close_file(fd);

    if (memory == MAP_FAILED) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno, "cannot map \"%V\" of zone \"%V\": a process that uses it may take proofs that are "
                      "used here", &zone->path, &zone->name);
        return;
    }

    result = countersign_replay_refuse_until(memory + head, of_file.st_size - head, time(NULL) + NGX_HTTP_COUNTERSIGN_RETIREMENT);
    (void) munmap(memory, of_file.st_size);

    if (result == COUNTERSIGN_RESULT_OK) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0, "a new file \"%V\" of zone \"%V\" takes the place of one that another process may use: that "
                      "one refuses the proofs of the next %d seconds", &zone->path, &zone->name, NGX_HTTP_COUNTERSIGN_RETIREMENT);
    }
}


static void
ngx_http_countersign_put_to_use(void *data)
{
    ngx_cycle_t  *cycle = data;

    ngx_uint_t                          i;
    countersign_result                  result;
    ngx_http_countersign_zone_t       **zones, *zone;
    ngx_http_countersign_main_conf_t   *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_countersign_module);
    if (mcf == NULL) {
        return;
    }

    ngx_http_countersign_retire(cycle, 1);

    zones = mcf->zones.elts;
    for (i = 0; i < mcf->zones.nelts; i++) {
        zone = zones[i];

        if (zone->unaware) {
            /* nginx's own clock is that of when it began to read the configuration. */
            result = countersign_replay_refuse_until(zone->replay, zone->replay_bytes, time(NULL));
            if (result != COUNTERSIGN_RESULT_OK && zone->engines.nelts != 0) {
                countersign_str  text = countersign_result_text(result);

                ngx_log_error(NGX_LOG_ALERT, cycle->log, 0, "the store of zone \"%V\" may take proofs that were used "
                              "before: %*s", &zone->name, text.length, text.data);
            }
        }

        if (zone->path.len == 0 || ngx_test_config) {
            continue;
        }

        ngx_http_countersign_boot(zone->shared->boot);

        if (zone->made != NGX_INVALID_FILE) {
            ngx_http_countersign_retire_file(zone, cycle->log);

            if (rename((char *) zone->making.data, (char *) zone->path.data) != 0) {
                /* The file that is there cannot serve, or is marked as retired. */
                ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno, "cannot rename \"%V\" to \"%V\" of zone \"%V\": the next "
                              "start makes it anew", &zone->making, &zone->path, &zone->name);
            }

            (void) ngx_close_file(zone->made);
            zone->made = NGX_INVALID_FILE;
        }
    }
}


/* With the configuration, in use or not. */

static void
ngx_http_countersign_free_zone(void *data)
{
    ngx_http_countersign_zone_t  *zone = data;

    ngx_http_countersign_give_up(zone);

    if (zone->memory != NULL) {
        (void) munmap(zone->memory, zone->size);
        zone->memory = NULL;
    }
}
