/*
 * Where a variable gets its value from, for a warning of `nginx -t`: a client that writes the variable which chooses a policy chooses
 * the policy.
 *
 * nginx keeps neither the text of its configuration nor what a `map` or `set` reads, so the files are read once more, only by `nginx -t`.
 * Values of other modules (js_set, perl_set, lua) and of answers ($upstream_...) are not followed.
 */

#include "ngx_http_countersign.h"


/* Words of a directive that count: `set $a b`. */
#define NGX_HTTP_COUNTERSIGN_WORDS  8

/* Files that include files. */
#define NGX_HTTP_COUNTERSIGN_INCLUDES  16


/* A variable and a text that it may be set to. */
typedef struct {
    ngx_str_t    name;
    ngx_str_t    text;
    ngx_uint_t   seen;
} ngx_http_countersign_source_t;


typedef struct {
    ngx_conf_t   *cf;
    ngx_array_t   sources;     /* of ngx_http_countersign_source_t */
    ngx_str_t     map;         /* the variable of the `map` whose block is read, or empty */
    ngx_uint_t    includes;
} ngx_http_countersign_sources_t;


static void ngx_http_countersign_read_files(ngx_http_countersign_sources_t *sources, ngx_str_t *pattern);


/* Variables that a client writes; one that ends in "_" is a prefix. */
static ngx_str_t  ngx_http_countersign_of_clients[] = {
    ngx_string("http_"),
    ngx_string("arg_"),
    ngx_string("cookie_"),
    ngx_string("uri"),
    ngx_string("document_uri"),
    ngx_string("request_uri"),
    ngx_string("request_filename"),
    ngx_string("request_body"),
    ngx_string("request"),
    ngx_string("args"),
    ngx_string("query_string"),
    ngx_string("remote_user")
};

#define NGX_HTTP_COUNTERSIGN_OF_CLIENTS  (sizeof(ngx_http_countersign_of_clients) / sizeof(ngx_str_t))

static ngx_str_t  ngx_http_countersign_path = ngx_string("$uri");
static ngx_str_t  ngx_http_countersign_host = ngx_string("$http_host");


/* The next variable of `text` at or after `*at`, which is moved behind it; empty if there is none. */

static ngx_str_t
ngx_http_countersign_next_variable(ngx_str_t *text, size_t *at)
{
    u_char     *p, *last;
    ngx_str_t   name = ngx_null_string;

    last = text->data + text->len;
    p = ngx_strlchr(text->data + *at, last, '$');

    if (p != NULL) {
        p += p + 1 < last && p[1] == '{' ? 2 : 1;
        name.data = p;

        while (p < last && ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '_')) { p++; }

        name.len = p - name.data;
        last = p;
    }

    *at = last - text->data;

    return name;
}


/* Whether `text` names one of `count` variables, and which. */

ngx_uint_t
ngx_http_countersign_reads(ngx_str_t *text, ngx_str_t *variables, ngx_uint_t count, ngx_str_t *name)
{
    size_t      at, prefix;
    ngx_uint_t  i;

    for (at = 0; at < text->len; /* void */ ) {
        *name = ngx_http_countersign_next_variable(text, &at);

        for (i = 0; i < count; i++) {
            prefix = variables[i].len;

            if (name->len >= prefix && ngx_strncasecmp(name->data, variables[i].data, prefix) == 0
                && (name->len == prefix || variables[i].data[prefix - 1] == '_'))
            {
                return 1;
            }
        }
    }

    return 0;
}


static void
ngx_http_countersign_add_source(ngx_http_countersign_sources_t *sources, ngx_str_t *name, ngx_str_t *text)
{
    ngx_http_countersign_source_t  *source;

    if (ngx_strlchr(text->data, text->data + text->len, '$') == NULL) {
        return;
    }

    source = ngx_array_push(&sources->sources);
    if (source != NULL) {
        source->name = *name;
        source->text = *text;
        source->seen = 0;
    }
}


/* The named groups of a regular expression: (?<name>...), (?P<name>...), (?'name'...). */

static void
ngx_http_countersign_add_groups(ngx_http_countersign_sources_t *sources, ngx_str_t *expression, ngx_str_t *text)
{
    u_char     *p, *last;
    ngx_str_t   name;

    last = expression->data + expression->len;

    for (p = expression->data; p + 3 < last; p++) {
        if (p[0] != '(' || p[1] != '?') {
            continue;
        }

        name.data = p + (p[2] == 'P' ? 4 : 3);
        if (name.data[-1] != '<' && name.data[-1] != '\'') {
            continue;
        }

        for (p = name.data; p < last && *p != '>' && *p != '\''; p++) { /* void */ }

        name.len = p - name.data;
        ngx_http_countersign_add_source(sources, &name, text);
    }
}


static ngx_uint_t
ngx_http_countersign_is_word(ngx_str_t *word, const char *text)
{
    return word->len == ngx_strlen(text) && ngx_strncmp(word->data, text, word->len) == 0;
}


/* A directive, or the head of a block. */

static void
ngx_http_countersign_read_directive(ngx_http_countersign_sources_t *sources, ngx_str_t *words, ngx_uint_t count)
{
    ngx_str_t   name, *text;
    ngx_uint_t  i;

    if (sources->map.len != 0 && count == 2) {
        if (!ngx_http_countersign_is_word(&words[0], "include")) {
            ngx_http_countersign_add_source(sources, &sources->map, &words[1]);
            return;
        }
    }

    if (count == 2 && ngx_http_countersign_is_word(&words[0], "include")) {
        ngx_http_countersign_read_files(sources, &words[1]);
        return;
    }

    if (count == 3 && (ngx_http_countersign_is_word(&words[0], "map") || ngx_http_countersign_is_word(&words[0], "set"))) {
        i = words[0].data[0] == 'm' ? 2 : 1;
        name = words[i];

        if (name.len > 1 && name.data[0] == '$') {
            name.data++;
            name.len--;
            ngx_http_countersign_add_source(sources, &name, &words[3 - i]);

            if (i == 2) {
                sources->map = name;
            }
        }

        return;
    }

    text = &ngx_http_countersign_path;

    if (ngx_http_countersign_is_word(&words[0], "server_name")) {
        text = &ngx_http_countersign_host;

    } else if (count > 1 && ngx_http_countersign_is_word(&words[0], "if")) {
        text = &words[1];

    } else if (!ngx_http_countersign_is_word(&words[0], "location") && !ngx_http_countersign_is_word(&words[0], "rewrite")) {
        return;
    }

    for (i = 1; i < count; i++) {
        ngx_http_countersign_add_groups(sources, &words[i], text);
    }
}


/* The words of a file, as nginx reads them; it has read this file before, without a fault. */

static void
ngx_http_countersign_read_text(ngx_http_countersign_sources_t *sources, u_char *p, u_char *last)
{
    u_char      quote;
    ngx_str_t   words[NGX_HTTP_COUNTERSIGN_WORDS], *word;
    ngx_uint_t  count = 0;

    while (p < last) {

        if (*p == ' ' || *p == '\t' || *p == CR || *p == LF) {
            p++;
            continue;
        }

        if (*p == '#') {
            while (p < last && *p != LF) { p++; }
            continue;
        }

        if (*p == ';' || *p == '{') {
            if (count != 0) {
                ngx_http_countersign_read_directive(sources, words, count);
            }

            count = 0;
            p++;
            continue;
        }

        if (*p == '}') {
            ngx_str_null(&sources->map);
            count = 0;
            p++;
            continue;
        }

        word = &words[ngx_min(count, NGX_HTTP_COUNTERSIGN_WORDS - 1)];
        count = ngx_min(count + 1, NGX_HTTP_COUNTERSIGN_WORDS);

        quote = *p == '"' || *p == '\'' ? *p++ : 0;
        word->data = p;

        for ( /* void */ ; p < last; p++) {
            if (*p == '\\' && p + 1 < last) {
                p++;

            } else if (quote ? *p == quote : *p == ' ' || *p == '\t' || *p == CR || *p == LF || *p == ';' || *p == '{') {
                if (quote || *p != '{' || p == word->data || p[-1] != '$') {
                    break;
                }
            }
        }

        word->len = p - word->data;
        p += quote != 0;
    }
}


static void
ngx_http_countersign_read_file(ngx_http_countersign_sources_t *sources, ngx_str_t *path)
{
    off_t             size;
    u_char           *text;
    ngx_file_t        file;
    ngx_file_info_t   info;

    ngx_memzero(&file, sizeof(ngx_file_t));
    file.name = *path;
    file.log = sources->cf->log;
    file.fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (file.fd == NGX_INVALID_FILE) {
        return;
    }

    if (ngx_fd_info(file.fd, &info) != NGX_FILE_ERROR && ngx_is_file(&info)) {
        size = ngx_file_size(&info);
        text = ngx_palloc(sources->cf->temp_pool, size + 1);

        if (text != NULL && ngx_read_file(&file, text, size, 0) == size) {
            ngx_http_countersign_read_text(sources, text, text + size);
        }
    }

    (void) ngx_close_file(file.fd);
}


static void
ngx_http_countersign_read_files(ngx_http_countersign_sources_t *sources, ngx_str_t *pattern)
{
    ngx_str_t   path, found;
    ngx_glob_t  glob;

    path.len = pattern->len;
    path.data = ngx_palloc(sources->cf->temp_pool, pattern->len + 1);

    if (path.data == NULL || sources->includes == NGX_HTTP_COUNTERSIGN_INCLUDES) {
        return;
    }

    (void) ngx_cpystrn(path.data, pattern->data, pattern->len + 1);

    if (ngx_conf_full_name(sources->cf->cycle, &path, 1) != NGX_OK) {
        return;
    }

    sources->includes++;

    ngx_memzero(&glob, sizeof(ngx_glob_t));
    glob.pattern = path.data;
    glob.log = sources->cf->log;
    glob.test = 1;

    if (ngx_open_glob(&glob) == NGX_OK) {
        while (ngx_read_glob(&glob, &found) == NGX_OK) {
            ngx_http_countersign_read_file(sources, &found);
        }

        ngx_close_glob(&glob);
    }

    sources->includes--;
}


/* The variable of a client that a text may come from; empty if there is none. Each source is followed once. */

static ngx_str_t
ngx_http_countersign_of_client(ngx_http_countersign_sources_t *sources, ngx_str_t *text)
{
    size_t                          at;
    ngx_str_t                       name, found;
    ngx_uint_t                      i;
    ngx_http_countersign_source_t  *source;

    if (ngx_http_countersign_reads(text, ngx_http_countersign_of_clients, NGX_HTTP_COUNTERSIGN_OF_CLIENTS, &found)) {
        return found;
    }

    for (at = 0; at < text->len; /* void */ ) {
        name = ngx_http_countersign_next_variable(text, &at);

        if (name.len != 0 && name.data[0] >= '0' && name.data[0] <= '9') {
            /* $1: of a regular expression, which mostly reads the path. */
            return name;
        }

        source = sources->sources.elts;
        for (i = 0; i < sources->sources.nelts; i++) {

            if (source[i].seen || source[i].name.len != name.len
                || ngx_strncasecmp(source[i].name.data, name.data, name.len) != 0)
            {
                continue;
            }

            source[i].seen = 1;
            found = ngx_http_countersign_of_client(sources, &source[i].text);
            if (found.len != 0) {
                return found;
            }
        }
    }

    ngx_str_null(&found);

    return found;
}


/* Warns of each directive whose variables a client may write. */

ngx_int_t
ngx_http_countersign_check_choices(ngx_conf_t *cf, ngx_http_countersign_main_conf_t *mcf)
{
    ngx_str_t                        found;
    ngx_uint_t                       i, k;
    ngx_http_countersign_source_t   *source;
    ngx_http_countersign_sources_t   sources;
    ngx_http_countersign_chooser_t  *chooser = mcf->choosers.elts;

    if (!ngx_test_config || mcf->choosers.nelts == 0) {
        return NGX_OK;
    }

    ngx_memzero(&sources, sizeof(ngx_http_countersign_sources_t));
    sources.cf = cf;

    if (ngx_array_init(&sources.sources, cf->temp_pool, 16, sizeof(ngx_http_countersign_source_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_countersign_read_file(&sources, &cf->cycle->conf_file);

    for (i = 0; i < mcf->choosers.nelts; i++) {
        source = sources.sources.elts;
        for (k = 0; k < sources.sources.nelts; k++) {
            source[k].seen = 0;
        }

        found = ngx_http_countersign_of_client(&sources, &chooser[i].value);

        if (found.len != 0) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0, "\"%V %V\" may come from \"$%V\", so a client can choose it, in %V:%ui",
                          &chooser[i].directive, &chooser[i].value, &found, &chooser[i].place.file, chooser[i].place.line);
        }
    }

    return NGX_OK;
}
