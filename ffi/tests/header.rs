//! The committed header is what cbindgen makes of the source.
//!
//! `UPDATE_HEADER=1 cargo test -p countersign-ffi --test header` writes it anew.

use std::path::Path;

#[test]
fn the_committed_header_is_that_of_the_source() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let mut written = Vec::new();
    cbindgen::generate_with_config(root, config).unwrap().write(&mut written);
    let written = String::from_utf8(written).unwrap();
    let committed = root.join("include/countersign.h");
    if std::env::var_os("UPDATE_HEADER").is_some() {
        std::fs::write(&committed, &written).unwrap();
    }
    assert!(written.contains("countersign_worker_decide("), "nothing was found in the source");
    let differs = std::fs::read_to_string(&committed).unwrap() != written;
    assert!(!differs, "include/countersign.h is not that of the source: UPDATE_HEADER=1 writes it anew");
}
