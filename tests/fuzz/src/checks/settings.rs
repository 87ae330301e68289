//! The settings of both builds of the filter for Envoy, and those of a route.

use countersign_envoy_common::settings::{Build, RouteSettings, Settings};

use super::document::{check_faults, pointers, respelled};

const POLICY: &str =
    r#"{"trust":[{"issuer":"https://as.example"}],"policies":{"default":{"accept":["jwt"],"audience":"a"}}}"#;

pub fn check(text: &[u8]) -> bool {
    let read =
        |name: &str| if name == "missing" { Err("no such file".to_owned()) } else { Ok(POLICY.as_bytes().to_vec()) };
    let spelled = respelled(text);
    let mut is_read = false;
    for build in [Build::Module { read: &read }, Build::Wasm] {
        let faults = Settings::read(text, build).err();
        if let Some(faults) = &faults {
            // A fault inside a policy file points into that file.
            if !matches!(build, Build::Module { .. }) {
                check_faults(text, faults);
            }
        }
        if let Some(spelled) = &spelled {
            let again = Settings::read(spelled, build).err();
            assert_eq!(faults.as_deref().map(pointers), again.as_deref().map(pointers), "{build:?}");
        }
        is_read |= faults.is_none();
    }
    let faults = RouteSettings::read(text).err();
    if let Some(faults) = &faults {
        check_faults(text, faults);
    }
    if let Some(spelled) = &spelled {
        let again = RouteSettings::read(spelled).err();
        assert_eq!(faults.as_deref().map(pointers), again.as_deref().map(pointers));
    }
    is_read || faults.is_none()
}
