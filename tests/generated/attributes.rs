//! `docs/attributes.md`.

use countersign::Attribute;

use crate::{cell, hold, screaming};

#[test]
fn the_attributes_are_those_of_the_table() {
    let mut text = String::from(
        "# Attributes of a decision

<!-- Written by `make generate` from `attributes!` in core/src/engine/attribute.rs; do not edit. -->

Every host has the same attributes by the same words: nginx as variables and in `countersign_set_header`, Envoy in `identity_headers` and `metadata`,
C as fields of `countersign_decision_text` (the others by a function of their own). A claim that a policy names under
`attributes` has the word `attributes.NAME` in Envoy and the variable `$countersign_attribute_NAME` in nginx.

| word | nginx | C | meaning |
|---|---|---|---|
",
    );
    for attribute in Attribute::ALL {
        let (word, meaning) = (attribute.word(), cell(attribute.meaning()));
        let field = attribute
            .number()
            .map(|_| format!("`COUNTERSIGN_ATTRIBUTE_{}`", screaming(&format!("{attribute:?}"))))
            .unwrap_or_default();
        text += &format!("| `{word}` | `$countersign_{word}` | {field} | {meaning} |\n");
    }
    hold("docs/attributes.md", &text);
}
