// What the examples of the documentation decide on. Each includes this file, so that it runs with real keys, tokens and proofs; those of
// `tests/vectors/accept`.

/// One trust domain and one issuer whose keys the host pushes; workloads by JWT-SVID, users by an access token with a DPoP proof.
pub const POLICY: &[u8] = br#"{
  "trust": [{"trust_domain": "example.org"}, {"issuer": "https://as.example"}],
  "policies": {
    "workloads": {"accept": ["jwt-svid"], "audience": "https://api.example"},
    "users": {"accept": ["at+jwt"], "audience": "https://api.example", "binding": {"require": "dpop"}}
  }
}"#;

/// The SPIFFE bundle of the trust domain.
pub const BUNDLE: &[u8] = br#"{"keys":[{"crv":"P-256","kid":"domain-p256","kty":"EC","use":"jwt-svid","x":"qqCKgpC213w6KvxQWOx-Ah8FU_CK3YGrZ4znyHbu-do","y":"npTboeJxj0pEDS8JKT6ZayP4mZb79zKu8nnBdys22x4"}]}"#;

/// The JWK set of the issuer.
pub const JWKS: &[u8] = br#"{"keys":[{"crv":"P-256","kid":"server-p256","kty":"EC","use":"sig","x":"omJrIAVMWDPSaqApojf6ihzfnDegVw8x4zmllycrsvc","y":"hXbZ6uTyMLEjO4oOTyOoAZdCuvZubvdd4HQ8N4lAk6g"}]}"#;

/// `Authorization` of a workload.
pub const AUTHORIZATION: &str = "Bearer eyJhbGciOiJFUzI1NiIsImtpZCI6ImRvbWFpbi1wMjU2IiwidHlwIjoiSldUIn0.eyJzdWIiOiJzcGlmZmU6Ly9leGFtcGxlLm9yZy9ucy9zaG9wL3NhL3dlYiIsImF1ZCI6WyJodHRwczovL2FwaS5leGFtcGxlIl0sImV4cCI6MTgwMDAwMDMwMCwiaWF0IjoxODAwMDAwMDAwfQ.ZVVFCTHM7ih3p41rbPPYgN8GpF21zNit0IGMSVwhwAtJYITXIHGZXjR5YiUOSkjpJeDIToOVIyIu7CclBJtiOg";

/// `Authorization` of a user.
pub const DPOP_AUTHORIZATION: &str = "DPoP eyJhbGciOiJFUzI1NiIsImtpZCI6InNlcnZlci1wMjU2IiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2FzLmV4YW1wbGUiLCJzdWIiOiJhbGljZSIsImF1ZCI6Imh0dHBzOi8vYXBpLmV4YW1wbGUiLCJleHAiOjE4MDAwMDAzMDAsImlhdCI6MTgwMDAwMDAwMCwianRpIjoiYXQtMSIsImNsaWVudF9pZCI6InNob3AiLCJzY29wZSI6Im9yZGVyczpyZWFkIG9yZGVyczp3cml0ZSIsImNuZiI6eyJqa3QiOiJVSlF3dVhSZDljcElaZWdKWHR4U3lsTlQwZ3VCMDY0c21nbkJ5d1haeUxFIn19.DpwsqFcKHOEnSOgobAt1jRPbol2z_TAuamktEcSiBY9wceKcmb3JDpfLuXPbGKz7GWUiCSAAFrUhvbTVjzTR1Q";

/// `DPoP` of the user's request `GET https://api.example/orders`.
pub const PROOF: &str = "eyJhbGciOiJFUzI1NiIsInR5cCI6ImRwb3Arand0IiwiandrIjp7ImNydiI6IlAtMjU2Iiwia3R5IjoiRUMiLCJ4IjoiLWE5RXJ1TEExWlMzX0RxQlRXNldaNzZhUXZPNEoyUm1nckZXQTE4MkJWQSIsInkiOiJOLUhDRjNKMExOTXhZYmJPdVpuQl9uaVpnQTZTbXd3QUxjOWV2YWdTU09jIn19.eyJqdGkiOiJwcm9vZi0xIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9hcGkuZXhhbXBsZS9vcmRlcnMiLCJpYXQiOjE4MDAwMDAwMDAsImF0aCI6IjZJOXR1ZU0wX2hOZGhkNmhuZzhOSnZBZklybGY0WDVndTNPN0dBYWhialEifQ.BiDl8Zn5qwBdRseXup9FMFPtgn-Q1nkWTuRm9eH7r1NKoaBXdasGqnjv2WKOqw_DbsoU2ac7XKkcyYfvHmnWCw";

/// When the requests came, in seconds since 1970.
pub const NOW: u64 = 1_800_000_000;
