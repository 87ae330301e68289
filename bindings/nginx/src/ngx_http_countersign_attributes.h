/* Written by `make generate` from the table of attributes in the core; do not edit. */

#ifndef NGX_HTTP_COUNTERSIGN_ATTRIBUTES_H
#define NGX_HTTP_COUNTERSIGN_ATTRIBUTES_H

/* The texts of a decision, by their numbers. */
#define NGX_HTTP_COUNTERSIGN_TEXTS  (COUNTERSIGN_ATTRIBUTE_TOOL + 1)

/* The name of each variable, and the number of the attribute that is its value. */
#define NGX_HTTP_COUNTERSIGN_ATTRIBUTES \
    { ngx_string("countersign_decision"), NGX_HTTP_COUNTERSIGN_ATTRIBUTE_DECISION }, \
    { ngx_string("countersign_reason"), NGX_HTTP_COUNTERSIGN_ATTRIBUTE_REASON }, \
    { ngx_string("countersign_status"), NGX_HTTP_COUNTERSIGN_ATTRIBUTE_STATUS }, \
    { ngx_string("countersign_policy"), COUNTERSIGN_ATTRIBUTE_POLICY }, \
    { ngx_string("countersign_mode"), COUNTERSIGN_ATTRIBUTE_MODE }, \
    { ngx_string("countersign_scheme"), COUNTERSIGN_ATTRIBUTE_SCHEME }, \
    { ngx_string("countersign_cache"), COUNTERSIGN_ATTRIBUTE_CACHE }, \
    { ngx_string("countersign_kind"), COUNTERSIGN_ATTRIBUTE_KIND }, \
    { ngx_string("countersign_issuer"), COUNTERSIGN_ATTRIBUTE_ISSUER }, \
    { ngx_string("countersign_subject"), COUNTERSIGN_ATTRIBUTE_SUBJECT }, \
    { ngx_string("countersign_client_id"), COUNTERSIGN_ATTRIBUTE_CLIENT_ID }, \
    { ngx_string("countersign_scope"), COUNTERSIGN_ATTRIBUTE_SCOPE }, \
    { ngx_string("countersign_token_id"), COUNTERSIGN_ATTRIBUTE_TOKEN_ID }, \
    { ngx_string("countersign_key_id"), COUNTERSIGN_ATTRIBUTE_KEY_ID }, \
    { ngx_string("countersign_actor"), COUNTERSIGN_ATTRIBUTE_ACTOR }, \
    { ngx_string("countersign_binding"), COUNTERSIGN_ATTRIBUTE_BINDING }, \
    { ngx_string("countersign_bound_key"), COUNTERSIGN_ATTRIBUTE_BOUND_KEY }, \
    { ngx_string("countersign_bound_certificate"), COUNTERSIGN_ATTRIBUTE_BOUND_CERTIFICATE }, \
    { ngx_string("countersign_key_thumbprint"), COUNTERSIGN_ATTRIBUTE_KEY_THUMBPRINT }, \
    { ngx_string("countersign_expires_at"), NGX_HTTP_COUNTERSIGN_ATTRIBUTE_EXPIRES_AT }, \
    { ngx_string("countersign_txn"), COUNTERSIGN_ATTRIBUTE_TRANSACTION }, \
    { ngx_string("countersign_requesting_workload"), COUNTERSIGN_ATTRIBUTE_REQUESTING_WORKLOAD }, \
    { ngx_string("countersign_rpc_method"), COUNTERSIGN_ATTRIBUTE_RPC_METHOD }, \
    { ngx_string("countersign_tool"), COUNTERSIGN_ATTRIBUTE_TOOL }, \
    { ngx_string("countersign_body_digest"), NGX_HTTP_COUNTERSIGN_ATTRIBUTE_BODY_DIGEST },

#endif /* NGX_HTTP_COUNTERSIGN_ATTRIBUTES_H */
