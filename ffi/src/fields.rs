//! Written by `make generate` from the table of attributes in the core; do not edit.

/// An attribute about a decision that is a text.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum countersign_attribute {
    /// The policy's name.
    Policy = 1,
    /// `enforce` or `shadow`.
    Mode = 2,
    /// `Bearer` or `DPoP`: the scheme that the token came under.
    Scheme = 3,
    /// `none`, `hit` or `miss`: where the token's attributes came from.
    Cache = 4,
    /// The word of its kind in policies, such as `at+jwt`. From here on to `requesting_workload`, there is a value only if the
    /// request was accepted.
    Kind = 5,
    /// The trust domain or issuer whose key verified the token.
    Issuer = 6,
    /// `sub`
    Subject = 7,
    /// `client_id`
    ClientId = 8,
    /// `scope`, as in the token.
    Scope = 9,
    /// `jti`
    TokenId = 10,
    /// `kid` of the key that signed the token.
    KeyId = 11,
    /// `act`, as the JSON object in the token.
    Actor = 12,
    /// What the token is bound to and was proven: `none`, `dpop`, `mtls` or `dpop+mtls`.
    Binding = 13,
    /// `cnf` `jkt`: the thumbprint of the key that the token is bound to, base64url.
    BoundKey = 14,
    /// `cnf` `x5t#S256`: the thumbprint of the certificate that the token is bound to, base64url.
    BoundCertificate = 15,
    /// The thumbprint of the key that signed the token, base64url.
    KeyThumbprint = 16,
    /// `txn`: the transaction that the token is for.
    Transaction = 17,
    /// `req_wl`: the workload that requested a transaction token.
    RequestingWorkload = 18,
    /// The JSON-RPC method that the body calls, where the policy has `tools`; for a refused tool too.
    RpcMethod = 19,
    /// The tool that the body calls, where the policy has `tools`; for a refused tool too.
    Tool = 20,
}
