//! `docs/presets.md`.

use countersign::internal::policy::preset::PRESETS;

use crate::{cell, hold};

#[test]
fn the_presets_are_those_of_the_table() {
    let mut text = String::from(
        "# Presets

<!-- Written by `make generate` from the table in core/src/policy/preset.rs; do not edit. -->

A preset is a word for settings: `\"preset\": \"keycloak\"` in a policy reads as if the members below stood there. It takes the place of `accept` and
`credentials`; `audience` and the rest of the policy are written as usual. A member that the policy has itself goes before the preset's.
Nothing is hidden: `countersign lint` prints what a preset stands for and what it gives up, and `countersign policy expand` writes it out, with the
rest of the document unchanged.

Write a preset out where several issuers are in `trust`: it accepts the tokens of each of them, and only an entry of `accept` can name
its `issuer`. The proxy-wasm filter has no presets, because each byte of it counts: it reports the command that writes them out, and takes the
settings. A new version may change a preset, with a line in the CHANGELOG; a policy that is written out stays as it is.

Each preset is tested with the tokens of its example, and with tokens that look like them: `tests/presets/NAME.json`. One without an example
is *unverified*, and `countersign lint` reports that.

| preset | for | example |
|---|---|---|
",
    );
    for preset in PRESETS {
        let example = match preset.example {
            Some(link) if link.starts_with("https://") => format!("[published example]({link})"),
            Some(software) => software.to_owned(),
            None => "none: unverified".to_owned(),
        };
        text += &format!("| [`{0}`](#{0}) | {1} | {2} |\n", preset.name, cell(preset.tokens), example);
    }
    for preset in PRESETS {
        let members = opened(preset.members);
        text += &format!(
            "\n## {}\n\nFor {}.\n\n```json\n{members}\n```\n\n**Gives up**, compared with `at+jwt` alone: {}\n",
            preset.name, preset.tokens, preset.gives_up
        );
    }
    hold("docs/presets.md", &text);
}

/// The members of an object, a line for each, and for each element of an array of objects.
fn opened(object: &str) -> String {
    let (mut out, mut depth, mut in_string) = (String::new(), 0usize, false);
    for c in object.chars() {
        match c {
            '"' => in_string = !in_string,
            '{' | '[' if !in_string => depth += 1,
            '}' | ']' if !in_string => depth -= 1,
            _ => {}
        }
        let closes = (c == '}' && depth == 0) || (c == ']' && depth == 1 && out.contains("\n    "));
        if closes {
            out += if depth == 0 { "\n" } else { "\n  " };
        }
        out.push(c);
        if in_string {
            continue;
        }
        match (c, depth) {
            ('{', 1) | (',', 1) => out += "\n  ",
            ('[', 2) | (',', 2) => out += "\n    ",
            (',' | ':', _) => out.push(' '),
            _ => {}
        }
    }
    out
}
