//! `preset`: a word for the settings that the tokens of one issuer need.
//!
//! A preset is nothing but members of a policy: each can be written out, and `countersign lint` and `countersign policy expand` print them.
//! A member that the policy has itself goes before the preset's, but for the kinds and credentials, which are what the preset is.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::jose::json::{self, Budget};
use crate::policy::reader::{Members, Reader};

/// A row of [`PRESETS`].
#[derive(Debug)]
pub struct Preset {
    /// Its word in policies.
    pub name: &'static str,
    /// Whose tokens it is for.
    pub tokens: &'static str,
    /// The members that it stands for: a JSON object.
    pub members: &'static str,
    /// What a policy with it gives up, compared with one for `at+jwt` alone.
    pub gives_up: &'static str,
    /// What its fixture `tests/presets/NAME.json` is made from; `None` where there is no example to hold it against.
    pub example: Option<&'static str>,
}

/// Every preset, in order of the names.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "auth0",
        tokens: "access tokens of Auth0, of both token profiles",
        members: r#"{"accept":["at+jwt",{"kind":"jwt","conditions":[{"claim":"/azp","present":true},{"claim":"/nonce","present":false},{"claim":"/sid","present":false}]}]}"#,
        gives_up: "The Auth0 token profile has the typ of an ID token: azp, which it has, and nonce and sid, which ID tokens have, tell the two apart. Choose the RFC 9068 profile and accept at+jwt alone.",
        example: Some("https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles"),
    },
    Preset {
        name: "cloudflare-access",
        tokens: "application tokens of Cloudflare Access, in Cf-Access-Jwt-Assertion",
        members: r#"{"credentials":[{"name":"access","from":{"header":"cf-access-jwt-assertion"},"accept":[{"kind":"jwt","conditions":[{"claim":"/type","equals":"app"}]}]}]}"#,
        gives_up: "The token has no client and no scope, and nothing binds it to its sender. Tokens of service tokens have an empty sub and are named by common_name.",
        example: Some(
            "https://developers.cloudflare.com/cloudflare-one/access-controls/applications/http-apps/authorization-cookie/application-token/",
        ),
    },
    Preset {
        name: "cognito",
        tokens: "access tokens of Amazon Cognito user pools",
        members: r#"{"accept":[{"kind":"jwt","audience_from":"/client_id","conditions":[{"claim":"/token_use","equals":"access"}]}]}"#,
        gives_up: "The token has no aud: client_id is compared with audience, so a token of the same client for another API passes; demand a scope of this API. Its ID tokens are told apart by token_use.",
        example: Some(
            "https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html",
        ),
    },
    Preset {
        name: "duende",
        tokens: "access tokens of Duende IdentityServer",
        members: r#"{"accept":[{"kind":"at+jwt","absent":["sub"]}],"scope_from":["/scope"]}"#,
        gives_up: "scope may be an array (RFC 8693 section 4.2 has a string), and a token for a machine has no sub (RFC 9068 section 2.2 requires it).",
        example: Some("https://docs.duendesoftware.com/identityserver/tokens/"),
    },
    Preset {
        name: "entra",
        tokens: "access tokens of Microsoft Entra ID, version 2.0",
        members: r#"{"accept":[{"kind":"jwt","conditions":[{"claim":"/ver","equals":"2.0"},{"claim":"/azp","present":true},{"claim":"/nonce","present":false}]}],"scope_from":["/scp"]}"#,
        gives_up: "The token has the typ of an ID token: azp, which it has, and nonce, which ID tokens have, tell the two apart. Scope is read from scp; applications without a user have none and are named by roles: write conditions for them.",
        example: Some("https://learn.microsoft.com/en-us/entra/identity-platform/access-token-claims-reference"),
    },
    Preset {
        name: "github-actions",
        tokens: "OpenID Connect tokens of GitHub Actions",
        members: r#"{"accept":[{"kind":"jwt","conditions":[{"claim":"/repository_id","present":true},{"claim":"/job_workflow_ref","present":true}]}],"subject_separator":":"}"#,
        gives_up: "The token has no scope and nothing binds it to its sender. subjects must be given: every repository of GitHub gets tokens of this issuer, for any audience.",
        example: Some("https://docs.github.com/en/actions/reference/security/oidc"),
    },
    Preset {
        name: "gitlab",
        tokens: "ID tokens of GitLab CI jobs",
        members: r#"{"accept":[{"kind":"jwt","conditions":[{"claim":"/project_id","present":true},{"claim":"/job_id","present":true}]}],"subject_separator":":"}"#,
        gives_up: "The token has no scope and nothing binds it to its sender. subjects must be given: every project of the server gets tokens of this issuer, for any audience.",
        example: Some("https://docs.gitlab.com/ci/secrets/id_token_authentication/"),
    },
    Preset {
        name: "google",
        tokens: "ID tokens that Google signs for service accounts",
        members: r#"{"accept":[{"kind":"jwt","conditions":[{"claim":"/email_verified","equals":true}]}]}"#,
        gives_up: "It takes ID tokens: any Google account may get one for its own audience, and a service account for any. Name the accounts in subjects, or in a condition for /email.",
        example: Some("https://docs.cloud.google.com/docs/authentication/token-types"),
    },
    Preset {
        name: "keycloak",
        tokens: "access tokens of Keycloak, with and without \"Use at+jwt as access token header type\"",
        members: r#"{"accept":[{"kind":"at+jwt","absent":["client_id"],"conditions":[{"claim":"/typ","one_of":["Bearer","DPoP"]}]},{"kind":"jwt","conditions":[{"claim":"/typ","one_of":["Bearer","DPoP"]}]}]}"#,
        gives_up: "Without the switch the token has the typ of an ID token: the claim typ tells the two apart. With it, the client is in azp, and client_id may be absent (RFC 9068 section 2.2 requires it).",
        example: Some("Keycloak 26.7.3, run by tests/keycloak"),
    },
    Preset {
        name: "kubernetes",
        tokens: "projected service account tokens of Kubernetes",
        members: r#"{"accept":[{"kind":"jwt","conditions":[{"claim":"/kubernetes.io/namespace","present":true},{"claim":"/kubernetes.io/serviceaccount/name","present":true}]}],"subject_separator":":"}"#,
        gives_up: "The token has no client and no scope, and nothing binds it to its sender. subjects must be given, such as system:serviceaccount:NAMESPACE:NAME. A pod that is gone has a valid token until it expires.",
        example: Some(
            "https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens",
        ),
    },
    Preset {
        name: "mcp",
        tokens: "access tokens at a Model Context Protocol server, with the DPoP window of its clients",
        members: r#"{"accept":["at+jwt","jwt"],"dpop":{"max_age_seconds":300,"future_seconds":300}}"#,
        gives_up: "A jwt may be an ID token whose audience is this server: write at+jwt alone where the authorization server has it. A proof can be used for 600 seconds in place of 65, and the replay store must hold as many.",
        example: None,
    },
    Preset {
        name: "okta",
        tokens: "access tokens of Okta's custom authorization servers",
        members: r#"{"accept":[{"kind":"jwt","conditions":[{"claim":"/cid","present":true},{"claim":"/nonce","present":false},{"claim":"/at_hash","present":false}]}],"scope_from":["/scp"]}"#,
        gives_up: "The token has no typ: cid, which it has, and nonce and at_hash, which ID tokens have, tell the two apart. Scope is read from scp, the client is in cid.",
        example: Some("https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/"),
    },
    Preset {
        name: "spring",
        tokens: "access tokens of Spring Authorization Server",
        members: r#"{"accept":[{"kind":"jwt","conditions":[{"claim":"/azp","present":false},{"claim":"/nonce","present":false}]}],"scope_from":["/scope"]}"#,
        gives_up: "The token has no typ: azp, which every ID token of this server has, tells the two apart. Its aud is the client unless the server is told otherwise.",
        example: Some("https://docs.spring.io/spring-authorization-server/reference/core-model-components.html"),
    },
];

impl Preset {
    /// The preset called `name`.
    #[must_use]
    pub fn of_name(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }
}

/// Reads `preset` of a policy: the members that it stands for are as if they were in the policy.
pub(super) fn read(reader: &mut Reader, policy: &mut Members<'_, '_>) {
    let Some(value) = policy.get("preset") else { return };
    let at = policy.at("preset");
    let Some(preset) = value.as_string().and_then(|name| Preset::of_name(&name.to_owned_string())) else {
        let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        let found: String = reader.describe(value);
        reader.fault(&at, found, format!("one of {}", names.join(", ")));
        return;
    };
    for member in ["accept", "credentials"] {
        if policy.has(member) {
            let expected = format!("none of the two: {} says which tokens are accepted", preset.name);
            reader.fault(&policy.at(member), "kinds of tokens beside `preset`", expected);
        }
    }
    // The table is tested: each row is an object.
    if let Ok(json::Value::Object(members)) = json::parse(preset.members.as_bytes(), Budget::POLICY) {
        policy.take_absent(members);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::PolicyDocument;

    #[test]
    fn names_ascend_and_each_row_is_an_object_of_a_policys_members() {
        assert!(PRESETS.windows(2).all(|pair| pair[0].name < pair[1].name));
        for preset in PRESETS {
            let parsed = json::parse(preset.members.as_bytes(), Budget::POLICY);
            assert!(matches!(parsed, Ok(json::Value::Object(_))), "{}", preset.name);
            assert!(preset.gives_up.ends_with('.') && !preset.tokens.ends_with('.'), "{}", preset.name);
        }
        assert!(PRESETS.len() >= 13);
    }

    #[test]
    fn a_preset_reads_as_its_members_written_out() {
        for preset in PRESETS {
            let members = &preset.members[1..preset.members.len() - 1];
            let needs_subjects = members.contains("subject_separator");
            let subjects = if needs_subjects { r#","subjects":["a:b:*"]"# } else { "" };
            let document = |members: &str| {
                let text = format!(
                    r#"{{"trust":[{{"issuer":"i"}}],"policies":{{"p":{{{members},"audience":"a"{subjects}}}}}}}"#
                );
                let document = PolicyDocument::parse(text.as_bytes()).unwrap();
                format!("{:?}", document.policies().collect::<Vec<_>>())
            };
            assert_eq!(document(&format!(r#""preset":"{}""#, preset.name)), document(members), "{}", preset.name);
        }
    }
}
