//! `demo`, `thumbprint`, `reasons`, `completions`, help and usage.

use serde_json::{Value, json};

use crate::support::{Key, Run, keys, text};

#[test]
fn the_demo_finds_every_decision_right() {
    let output = Run::new(&["demo"]).with("");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(!text(&output.stdout).contains("WRONG") && !text(&output.stdout).contains('\u{1b}'));
    let output = Run::new(&["demo", "--json"]).with("");
    assert_eq!(output.status.code(), Some(0));
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert!(rows.len() >= 16);
    for row in &rows {
        assert_eq!(row["as_expected"], true, "{row}");
        assert!(row["cold_microseconds"].as_f64().unwrap() > 0.0);
    }
    let accepted = rows.iter().filter(|row| row["decision"] == "accept");
    assert!(accepted.clone().count() >= 6 && accepted.into_iter().all(|row| row["cached_microseconds"].is_f64()));
}

#[test]
fn thumbprints_of_the_published_keys() {
    // RFC 7638 §3.1
    let rsa = json!({
        "kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n\
              3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgd\
              AZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur\
              -kEgU8awapJzKnqDKgw"});
    // RFC 8037 Appendix A.3
    let ed25519 = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let (of_rsa, of_ed25519) =
        ("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    for (key, expected) in [(&rsa, of_rsa), (&ed25519, of_ed25519)] {
        let output = Run::new(&["thumbprint"]).with(key.to_string());
        assert_eq!((text(&output.stdout), output.status.code()), (&*format!("{expected}\n"), Some(0)));
    }
    let mut private = ed25519.clone();
    private["d"] = json!("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
    let output = Run::new(&["thumbprint"]).with(private.to_string());
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("private") && !text(&output.stderr).contains("nWGx"));

    let output = Run::new(&["thumbprint"]).with(keys(&[rsa, json!({"kty": "oct"}), ed25519]).to_string());
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), format!("{of_rsa} 2011-04-29\n{of_ed25519}\n"));
    for nonsense in ["", "{", "[]", "0\u{0}", "-----BEGIN CERTIFICATE-----"] {
        assert_eq!(Run::new(&["thumbprint"]).with(nonsense).status.code(), Some(2), "{nonsense}");
    }
}

#[test]
fn the_table_of_reasons_in_three_forms() {
    let count = countersign::Reason::COUNT;
    for (arguments, extra, expected) in [
        (&["reasons"][..], 1, "1504   proof_uri_mismatch        401    invalid_dpop_proof"),
        (&["reasons", "--markdown"], 2, "| 1504 | `proof_uri_mismatch` | 401 | `invalid_dpop_proof` | The proof"),
        (&["reasons", "--tsv"], 1, "1504\tproof_uri_mismatch\t401\tinvalid_dpop_proof\tThe proof"),
    ] {
        let output = Run::new(arguments).with("");
        let table = text(&output.stdout);
        assert_eq!(table.lines().count(), count + extra);
        assert!(table.contains(expected), "{table}");
    }
}

#[test]
fn completions_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = Run::new(&["completions", shell]).with("");
        assert!(output.status.success() && text(&output.stdout).contains("explain"), "{shell}");
    }
}

#[test]
fn help_has_examples_and_exit_codes_everywhere() {
    let commands = ["decide", "explain", "inspect", "lint", "demo", "schema", "thumbprint", "reasons", "completions"];
    for command in commands {
        let output = Run::new(&[command, "--help"]).with("");
        let help = text(&output.stdout);
        assert!(output.status.success() && help.contains(&format!("countersign {command}")), "{help}");
        assert!(help.contains("Example") && help.contains("Exit code"), "{help}");
    }
    assert!(text(&Run::new(&["--help"]).with("").stdout).contains("Exit codes:"));
    assert!(text(&Run::new(&["--version"]).with("").stdout).starts_with("countersign "));
    for wrong in [&[][..], &["nothing"], &["decide"], &["inspect", "--certificate", "a", "b"], &["lint", "--kind", "x"]]
    {
        assert_eq!(Run::new(wrong).with("").status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn a_closed_standard_output_is_no_error() {
    let token = Key::new("k").svid("a");
    for arguments in [&["schema"][..], &["reasons"], &["demo"], &["inspect", &token], &["completions", "zsh"]] {
        let mut running = Run::new(arguments).spawn();
        drop(running.output.take());
        drop(running.input.take());
        let output = running.child.wait_with_output().unwrap();
        assert!(!text(&output.stderr).contains("panic"), "{}", text(&output.stderr));
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn the_docs_have_the_reasons_as_they_are_printed() {
    let output = Run::new(&["reasons", "--markdown"]).with("");
    let docs = include_str!("../../../../docs/reasons.md");
    assert!(docs.ends_with(text(&output.stdout)), "`make generate` writes docs/reasons.md anew");
}
