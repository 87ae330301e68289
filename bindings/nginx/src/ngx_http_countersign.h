/*
 * ngx_http_countersign_module: token validation in nginx's access phase, by countersign's C ABI.
 *
 * One file per noun: directives (module), zone, engine, choice, source, decision, question, origin, access, identity, hop, certificate,
 * variables, status.
 */

#ifndef NGX_HTTP_COUNTERSIGN_H
#define NGX_HTTP_COUNTERSIGN_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <countersign.h>

#include "ngx_http_countersign_attributes.h"

#if !(NGX_HTTP_SSL)
#error "ngx_http_countersign_module needs an nginx with --with-http_ssl_module"
#endif

#define NGX_HTTP_COUNTERSIGN_OFF     0
#define NGX_HTTP_COUNTERSIGN_ON      1
#define NGX_HTTP_COUNTERSIGN_SHADOW  2
/* Of a place of the configuration only: a variable says which of these holds for a request. */
#define NGX_HTTP_COUNTERSIGN_BY_VARIABLE  3

/* `nginx -t` shows warnings only; a start needs none for a state that is not a fault. */
#define NGX_HTTP_COUNTERSIGN_INHERITED  (ngx_test_config ? NGX_LOG_WARN : NGX_LOG_NOTICE)

/* Room for the reasons of newer libraries; the shared memory has this many counters. */
#ifndef NGX_HTTP_COUNTERSIGN_REASONS
#define NGX_HTTP_COUNTERSIGN_REASONS  256
#endif


/* Where something was said in the configuration, for faults that show later. */
typedef struct {
    ngx_str_t                          file;
    ngx_uint_t                         line;
} ngx_http_countersign_place_t;


/* The text of a UUID. */
#define NGX_HTTP_COUNTERSIGN_BOOT  36


/* What all workers share, and what a reload keeps. Counters only grow; each is changed by one atomic instruction. */
typedef struct {
    uint64_t                           layout;
    /* Of file=: a configuration has put another store in the place of this one. */
    uint64_t                           retired;
    /* Of file=: the kernel's boot id while the file was last put to use, or zeros. */
    u_char                             boot[NGX_HTTP_COUNTERSIGN_BOOT];
    u_char                             nonce_secret[32];
    /* By enforced (0) or shadow (1), and by index of the reason. */
    ngx_atomic_t                       accepted[2];
    ngx_atomic_t                       refused[2][NGX_HTTP_COUNTERSIGN_REASONS];
    /* Of all workers together: each one reads the files for itself. */
    ngx_atomic_t                       trust_loaded;
    ngx_atomic_t                       trust_refused;
    ngx_atomic_t                       trust_unreadable;
    ngx_atomic_t                       faults;
    /* By index of the reason: when a worker last logged that the replay store refuses proofs, in seconds since 1970. */
    ngx_atomic_t                       noticed[NGX_HTTP_COUNTERSIGN_REASONS];
} ngx_http_countersign_shared_t;


typedef struct {
    ngx_str_t                          name;
    ngx_str_t                          path;        /* of file=, or empty */
    ngx_str_t                          making;      /* the name of a new file until it is in use */
    ngx_str_t                          folder;
    u_char                            *base;        /* the path's last name */
    size_t                             size;
    ngx_http_countersign_place_t       place;
    ngx_cycle_t                       *cycle;
    ngx_http_countersign_shared_t     *shared;
    u_char                            *replay;
    size_t                             replay_bytes;
    void                              *memory;      /* of file=: what is mapped */
    ngx_fd_t                           made;        /* a new file, locked, until it has its name */
    dev_t                              device;      /* of the file that is mapped, or that is to be replaced */
    ino_t                              inode;       /* 0: there is none */
    unsigned                           fresh:1;     /* no process has used this memory yet */
    unsigned                           unaware:1;   /* its store may have missed proofs that were used until now */
    ngx_array_t                        engines;     /* of ngx_http_countersign_engine_t * */
} ngx_http_countersign_zone_t;


/* A policy of a file. */
typedef struct {
    ngx_str_t                          name;
    uint32_t                           number;
    ngx_array_t                       *fields;      /* of ngx_str_t: what its credentials are read from, or NULL */
    ngx_array_t                       *removed;     /* of ngx_str_t: what is removed before the upstream sees it, or NULL */
    ngx_array_t                       *others;      /* of ngx_str_t: its credentials beside the first, or NULL */
    unsigned                           has_origin:1;  /* which counts, and no other */
} ngx_http_countersign_policy_t;


/* A policy file, read and checked while its directive is parsed. */
typedef struct {
    ngx_str_t                          path;
    ngx_str_t                          text;
    ngx_array_t                        policies;    /* of ngx_http_countersign_policy_t, by number */
    const countersign_engine          *checked;     /* only to look up policies; freed once the engines stand */
} ngx_http_countersign_document_t;


/* One engine for each policy file with its zone and sources; each worker process has one worker for it. */
typedef struct {
    ngx_http_countersign_document_t   *document;
    ngx_http_countersign_zone_t       *zone;
    ngx_str_t                          trust_directory;
    ngx_str_t                          revocations;
    ngx_str_t                          nonce_keys;
    ngx_msec_t                         trust_poll;
    ngx_http_countersign_place_t       place;

    const countersign_engine          *engine;

    /* of this process */
    countersign_worker                *worker;
    ngx_event_t                        look;
    ngx_msec_t                         looked_at;
    ngx_msec_t                         pause;       /* after that look, before the next one that a request causes */
    uint64_t                           looks;
    uint64_t                           nonce_epoch;
    time_t                             nonce_modified;
    ino_t                              nonce_inode;
    unsigned                           unready:1;   /* the revocations cannot be read: all tokens are refused */
} ngx_http_countersign_engine_t;


typedef struct {
    ngx_array_t                        zones;       /* of ngx_http_countersign_zone_t * */
    ngx_array_t                        documents;   /* of ngx_http_countersign_document_t * */
    ngx_array_t                        engines;     /* of ngx_http_countersign_engine_t * */
    ngx_int_t                          realip_index; /* $realip_remote_addr, or NGX_ERROR without that module */
    ngx_uint_t                         audit;       /* $countersign_audit is named */
    uint32_t                           named;       /* texts of decisions that are named, a bit for each: no other is copied */
    ngx_int_t                          rewriting;   /* phase handlers from this index on may rewrite, of the server or a location */
    ngx_int_t                          rewritten;   /* phase handlers from this index on may not */
    ngx_array_t                        identity;    /* of ngx_http_countersign_identity_t: of all places of the configuration */
    uint64_t                           lengths;     /* of those names, a bit for each: most fields need no further look */
    ngx_array_t                        warned;      /* of ngx_http_countersign_warned_t */
    ngx_array_t                        early;       /* of ngx_uint_t: indices of the variables $http_… of those names */
    ngx_array_t                        fields;      /* of ngx_http_countersign_named_t: what policies read credentials from */
    ngx_array_t                        removed;     /* of ngx_str_t: those that some place removes */
    ngx_array_t                        attributes;  /* of ngx_str_t: names of attributes that are named, each is copied */
    ngx_array_t                        choosers;    /* of ngx_http_countersign_chooser_t */
    ngx_uint_t                         asks;        /* a decision may wait for an answer */
} ngx_http_countersign_main_conf_t;


/* A directive whose parameter is by variables. */
typedef struct {
    ngx_str_t                          directive;
    ngx_str_t                          value;
    ngx_http_countersign_place_t       place;
} ngx_http_countersign_chooser_t;


/* An identity header: a name that some countersign_set_header or countersign_certificate_header has. */
typedef struct {
    ngx_str_t                          name;        /* as it is compared, see ngx_http_countersign_fold() */
    ngx_uint_t                         certificate;
} ngx_http_countersign_identity_t;


/* countersign_origin */
typedef struct {
    ngx_array_t                        texts;       /* of countersign_bytes: its arguments, as they are written */
    countersign_origins               *allowed;     /* the same, read */
    size_t                             longest;     /* the length of the longest of them */
    ngx_http_countersign_place_t       place;
} ngx_http_countersign_origins_t;


/* What nginx -t warned of: once for a policy and a directive, however many places inherit both. */
typedef struct {
    ngx_http_countersign_document_t   *document;
    uint32_t                           policy_number;
    ngx_http_countersign_place_t       place;
} ngx_http_countersign_warned_t;


/* What a field and a trusted hop begin with: the name of a header field, and the place of the directive. */
typedef struct {
    ngx_str_t                          name;
    ngx_http_countersign_place_t       place;
} ngx_http_countersign_named_t;


/* countersign_set_header */
typedef struct {
    ngx_http_countersign_named_t       named;
    ngx_str_t                          lowcase;
    ngx_uint_t                         hash;
    ngx_uint_t                         attribute;
} ngx_http_countersign_header_t;


/* countersign_certificate_header */
typedef struct {
    ngx_http_countersign_named_t       named;       /* its name is empty: none */
    ngx_array_t                       *hops;        /* of ngx_cidr_t */
    unsigned                           unix_hop:1;
} ngx_http_countersign_certificate_t;


typedef struct ngx_http_countersign_loc_conf_s  ngx_http_countersign_loc_conf_t;

struct ngx_http_countersign_loc_conf_s {
    ngx_uint_t                         enabled;
    ngx_http_complex_value_t          *enabled_value;  /* if it is by a variable */
    ngx_http_countersign_place_t       enabled_place;
    ngx_flag_t                         off_by_variable;
    ngx_http_countersign_document_t   *document;
    ngx_str_t                          zone;
    ngx_http_countersign_place_t       document_place;
    ngx_str_t                          policy_name;
    ngx_http_complex_value_t          *policy_value;  /* if it is by a variable */
    ngx_http_countersign_place_t       policy_place;
    ngx_str_t                          trust_directory;
    ngx_msec_t                         trust_poll;
    ngx_str_t                          revocations;
    ngx_str_t                          nonce_keys;
    ngx_http_countersign_origins_t    *origins;
    ngx_array_t                       *headers;     /* of ngx_http_countersign_header_t */
    ngx_array_t                       *certificates;  /* of ngx_http_countersign_certificate_t */
    ngx_uint_t                         status_format;
    ngx_str_t                          use_once;    /* the locations that answer what policies ask */
    ngx_str_t                          introspect;

    /* where enabled is not off */
    ngx_http_countersign_engine_t     *engine;
    ngx_http_countersign_policy_t     *policy;      /* NULL: a variable names it */
    ngx_http_countersign_loc_conf_t   *configured;  /* the place of the configuration: this one, or the one a choice was made for */
    unsigned                           is_warned:1;  /* of this process: an empty variable was asked for here */
    unsigned                           is_too_early:1;  /* of this process: a variable was asked for before an answer */
};


/* A place of the configuration with what its variables choose for a request. */
typedef struct ngx_http_countersign_choice_s  ngx_http_countersign_choice_t;

struct ngx_http_countersign_choice_s {
    ngx_http_countersign_choice_t     *next;
    ngx_http_request_t                *request;     /* the client's, or a subrequest of it */
    ngx_http_countersign_loc_conf_t    place;
    unsigned                           enforced:1;  /* in the access phase: what is asked later is answered by it */
};


/* What a question's subrequest was answered with. */
typedef struct {
    ngx_uint_t                         status;
    u_char                            *data;
    size_t                             length;
    unsigned                           done:1;
    unsigned                           placed:1;    /* the subrequest got to its location, which clients do not get to */
    unsigned                           whole:1;     /* the end of the body was seen */
    unsigned                           failed:1;
} ngx_http_countersign_answer_t;


/* A decision that waits. */
typedef struct {
    countersign_pending               *pending;
    countersign_request                request;     /* in the request's pool, with all that it points to */
    ngx_http_request_t                *asker;       /* the one of a client request's requests that asks the question */
    ngx_http_countersign_answer_t     *answer;      /* of a subrequest, or NULL: the body is read */
    ngx_array_t                        others;      /* of ngx_http_request_t *: they wait for the same decision */
    off_t                              body_received;
    unsigned                           asked:1;
    unsigned                           body_read:1;
} ngx_http_countersign_waiting_t;


/* The copy of a decision, which lives only until its worker's next call. */
typedef struct ngx_http_countersign_decision_s  ngx_http_countersign_decision_t;

struct ngx_http_countersign_decision_s {
    ngx_http_countersign_decision_t   *next;
    ngx_http_countersign_waiting_t    *waiting;     /* until there is a decision: nothing below is set then */
    ngx_http_countersign_loc_conf_t   *judged;      /* by engine, policy, origin and hops of this place */
    countersign_reason                 reason;
    ngx_uint_t                         status;
    ngx_uint_t                         lets_pass;   /* accepted, or the policy is in shadow mode */
    uint64_t                           expires_at;
    ngx_str_t                          texts[NGX_HTTP_COUNTERSIGN_TEXTS];
    ngx_str_t                          body_digest;  /* base64url */
    ngx_str_t                         *attributes;  /* as many as are named in the configuration, or NULL */
    ngx_str_t                          audit;
    ngx_keyval_t                      *headers;
    ngx_uint_t                         header_count;
    uint8_t                            proof[32];   /* if has_proof: what the replay store knows the proof by since */
    ngx_uint_t                         has_proof;
};


/* The decisions for a client's request: one for each policy, for all its redirects and subrequests. */
typedef struct {
    ngx_array_t                       *certificates;  /* of ngx_table_elt_t: fields of the client that may hold a certificate */
    ngx_list_t                         sent;        /* if has_sent: the client's fields before credentials were removed */
    ngx_http_countersign_decision_t   *reading;     /* the one whose question the request's body is read for */
    ngx_http_countersign_decision_t   *newest;
    ngx_http_countersign_decision_t   *answer;      /* the one whose header fields the answer carries */
    ngx_http_countersign_choice_t     *choices;
    ngx_uint_t                         refused_with;  /* the status that its refusal was answered with */
    unsigned                           has_sent:1;
    unsigned                           is_early:1;  /* asked for by a variable of this place, and not enforced yet */
    unsigned                           is_choosing:1;  /* a variable that chooses is being read */
} ngx_http_countersign_record_t;


extern ngx_module_t  ngx_http_countersign_module;


/* zone */
char *ngx_http_countersign_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_http_countersign_zone_t *ngx_http_countersign_find_zone(ngx_http_countersign_main_conf_t *mcf, ngx_str_t *name);
ngx_int_t ngx_http_countersign_open_file_zones(ngx_conf_t *cf, ngx_http_countersign_main_conf_t *mcf);
ngx_int_t ngx_http_countersign_renew_file_zone(ngx_http_countersign_zone_t *zone);
ngx_int_t ngx_http_countersign_put_zones_to_use(ngx_cycle_t *cycle);

/* engine */
ngx_http_countersign_document_t *ngx_http_countersign_document(ngx_conf_t *cf, ngx_str_t *path);
ngx_http_countersign_policy_t *ngx_http_countersign_find_policy(const countersign_engine *engine,
    ngx_http_countersign_document_t *document, ngx_str_t *name);
ngx_http_countersign_engine_t *ngx_http_countersign_find_engine(ngx_conf_t *cf, ngx_http_countersign_loc_conf_t *lcf,
    ngx_http_countersign_zone_t *zone);
ngx_int_t ngx_http_countersign_make_engines(ngx_http_countersign_zone_t *zone);
void ngx_http_countersign_forget_documents(ngx_http_countersign_main_conf_t *mcf);
ngx_int_t ngx_http_countersign_start_engine(ngx_http_countersign_engine_t *engine, ngx_cycle_t *cycle);
void ngx_http_countersign_stop_engine(ngx_http_countersign_engine_t *engine);
void ngx_http_countersign_notice_refusal(ngx_http_countersign_engine_t *engine, countersign_reason reason);
ngx_uint_t ngx_http_countersign_look_early(ngx_http_countersign_engine_t *engine);
void ngx_http_countersign_look_if_due(ngx_http_countersign_engine_t *engine);

/* choice */
char *ngx_http_countersign_enable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_countersign_policy(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_http_countersign_loc_conf_t *ngx_http_countersign_fix_choice(ngx_http_request_t *r);
ngx_http_countersign_loc_conf_t *ngx_http_countersign_chosen(ngx_http_request_t *r);

/* source */
ngx_uint_t ngx_http_countersign_reads(ngx_str_t *text, ngx_str_t *variables, ngx_uint_t count, ngx_str_t *name);
ngx_int_t ngx_http_countersign_check_choices(ngx_conf_t *cf, ngx_http_countersign_main_conf_t *mcf);

/* decision */
ngx_http_countersign_record_t *ngx_http_countersign_record(ngx_http_request_t *r, ngx_uint_t create);
ngx_http_countersign_decision_t *ngx_http_countersign_decide(ngx_http_request_t *r,
    ngx_http_countersign_loc_conf_t *lcf);
ngx_int_t ngx_http_countersign_resume(ngx_http_request_t *r, ngx_http_countersign_decision_t *made, countersign_body *body);
void ngx_http_countersign_abandon(ngx_http_request_t *r, ngx_http_countersign_decision_t *made);
ngx_http_countersign_decision_t *ngx_http_countersign_known(ngx_http_request_t *r,
    ngx_http_countersign_loc_conf_t *lcf);

/* question */
char *ngx_http_countersign_question_uri(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_countersign_check_questions(ngx_conf_t *cf, ngx_http_countersign_loc_conf_t *lcf,
    ngx_http_countersign_policy_t *policy);
void ngx_http_countersign_question_init(void);
ngx_int_t ngx_http_countersign_wait(ngx_http_request_t *r, ngx_http_countersign_decision_t *made);
ngx_http_countersign_answer_t *ngx_http_countersign_answer_of(ngx_http_request_t *r);

/* origin */
char *ngx_http_countersign_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
void ngx_http_countersign_check_origins(ngx_conf_t *cf, ngx_http_countersign_loc_conf_t *lcf, ngx_http_countersign_policy_t *policy);
ngx_uint_t ngx_http_countersign_same_origins(ngx_http_countersign_loc_conf_t *one,
    ngx_http_countersign_loc_conf_t *other);
ngx_int_t ngx_http_countersign_uri(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf, countersign_bytes *uri);

/* access */
ngx_int_t ngx_http_countersign_enforce(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf,
    ngx_http_countersign_decision_t *decision);
ngx_int_t ngx_http_countersign_access_init(ngx_conf_t *cf);

/* identity */
char *ngx_http_countersign_set_header(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_countersign_identity_name(ngx_conf_t *cf, ngx_str_t *name, ngx_uint_t certificate);
ngx_int_t ngx_http_countersign_policy_fields(ngx_conf_t *cf, ngx_http_countersign_document_t *document,
    ngx_http_countersign_policy_t *policy);
ngx_int_t ngx_http_countersign_credential_fields(ngx_conf_t *cf, ngx_http_countersign_loc_conf_t *lcf,
    ngx_http_countersign_policy_t *policy);
ngx_int_t ngx_http_countersign_check_fields(ngx_conf_t *cf, ngx_http_countersign_main_conf_t *mcf);
ngx_http_countersign_identity_t *ngx_http_countersign_is_identity(ngx_http_countersign_main_conf_t *mcf,
    ngx_str_t *name);
ngx_uint_t ngx_http_countersign_alike(ngx_str_t *one, ngx_str_t *other);
ngx_int_t ngx_http_countersign_merge_names(ngx_conf_t *cf, const char *directive, const char *what, ngx_array_t *inherited,
    ngx_array_t **joined);
ngx_int_t ngx_http_countersign_early_variables(ngx_conf_t *cf, ngx_http_countersign_main_conf_t *mcf);
ngx_int_t ngx_http_countersign_post_read_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_countersign_internal_handler(ngx_http_request_t *r);
void ngx_http_countersign_forget_variables(ngx_http_request_t *r, ngx_http_countersign_main_conf_t *mcf);
ngx_int_t ngx_http_countersign_identify(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf,
    ngx_http_countersign_decision_t *decision);

/* hop */
ngx_int_t ngx_http_countersign_hop_fields(ngx_http_request_t *r, ngx_http_countersign_main_conf_t *mcf);

/* certificate */
char *ngx_http_countersign_certificate_header(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_countersign_certificate(ngx_http_request_t *r, ngx_http_countersign_loc_conf_t *lcf,
    countersign_request *request);
ngx_uint_t ngx_http_countersign_from_hop(ngx_http_request_t *r, ngx_http_countersign_certificate_t *certificate);
ngx_table_elt_t *ngx_http_countersign_sent_once(ngx_http_countersign_record_t *record, ngx_str_t *name, ngx_uint_t *repeated);

/* variables */
ngx_int_t ngx_http_countersign_add_variables(ngx_conf_t *cf);
ngx_int_t ngx_http_countersign_used_variables(ngx_conf_t *cf, ngx_http_countersign_main_conf_t *mcf);
ngx_int_t ngx_http_countersign_attribute_of_name(ngx_http_countersign_main_conf_t *mcf, ngx_str_t *name);
ngx_int_t ngx_http_countersign_attribute(ngx_pool_t *pool, ngx_http_countersign_decision_t *decision, ngx_uint_t attribute,
    ngx_str_t *value);

/* status */
char *ngx_http_countersign_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


static ngx_inline countersign_bytes
ngx_http_countersign_bytes(u_char *data, size_t length)
{
    countersign_bytes  bytes;

    bytes.data = data;
    bytes.length = length;

    return bytes;
}


static ngx_inline ngx_http_countersign_place_t
ngx_http_countersign_here(ngx_conf_t *cf)
{
    ngx_http_countersign_place_t  place;

    if (cf->conf_file != NULL) {
        place.file = cf->conf_file->file.name;
        place.line = cf->conf_file->line;
    } else {
        ngx_str_set(&place.file, "command line");
        place.line = 0;
    }

    return place;
}

#endif /* NGX_HTTP_COUNTERSIGN_H */
