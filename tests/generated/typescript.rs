//! The words of the tables as types of TypeScript.

use countersign::internal::specs::proof::ProofKind;
use countersign::{Algorithm, AlgorithmSet, Attribute, Check, Reason, TokenKind};

use crate::hold;

fn union<'w>(name: &str, meaning: &str, words: impl Iterator<Item = &'w str>) -> String {
    let words: String = words.map(|word| format!("\n  | {word:?}")).collect();
    format!("\n/** {meaning} */\nexport type {name} ={words};\n")
}

#[test]
fn the_words_of_typescript_are_those_of_the_tables() {
    let mut text = "// Written by `make generate` from the tables of the core; do not edit.\n".to_owned();
    text += &union("Reason", "Why a request is refused.", Reason::ALL.into_iter().map(Reason::code));
    text +=
        "\n/** The number of each reason; it is never changed or used again. */\nexport interface ReasonNumbers {\n";
    for reason in Reason::ALL {
        text += &format!("  /** {}. */\n  {reason}: {};\n", reason.meaning(), reason.number());
    }
    text += "}\n";
    text += &union(
        "TokenKind",
        "A kind of token that a policy can accept.",
        TokenKind::ALL.into_iter().map(TokenKind::name),
    );
    text += &union(
        "ProofMethod",
        "A method that proves possession of a key.",
        ProofKind::ALL.into_iter().map(ProofKind::name),
    );
    text += &union("Algorithm", "An algorithm of signatures.", AlgorithmSet::ALL.iter().map(Algorithm::name));
    text += &union("Attribute", "An attribute of a decision.", Attribute::ALL.into_iter().map(Attribute::word));
    text += &union("Check", "A check of a decision, in order.", Check::ALL.into_iter().map(Check::name));
    hold("wasm/js/src/generated.d.ts", &text);
}
