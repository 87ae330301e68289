//! `docs/documents.md`.

use countersign::internal::document::DocumentKind;

use crate::{cell, hold, in_repository};

#[test]
fn the_documents_are_those_of_the_table() {
    let mut text = String::from(
        "# Documents

<!-- Written by `make generate` from `documents!` in core/src/document.rs; do not edit. -->

What the engine and its hosts read, in JSON. A document beyond a limit is refused whole, and the last good one stays in use. The
[limits](limits.md) have their sources.

| document | media type | bytes | levels | members | follows | page |
|---|---|---|---|---|---|---|
",
    );
    for kind in DocumentKind::ALL {
        let (bytes, budget, page) = (kind.bytes(), kind.budget(), kind.page());
        assert!(in_repository(page).exists(), "{}: there is no page {page}", kind.title());
        text += &format!(
            "| {} | `{}` | {} (`{}`) | {} | {} | {} | [{page}](../{page}) |\n",
            kind.title(),
            kind.media_type(),
            bytes.most,
            bytes.name,
            budget.depth.most,
            budget.members.most,
            cell(kind.source()),
        );
    }
    hold("docs/documents.md", &text);
}
