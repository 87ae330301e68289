//! Writes the decision corpus to `vectors/`, and takes away files that it no longer has.

use std::collections::BTreeSet;
use std::fs;

use countersign_tests::{corpus, vector};

fn main() {
    let made = corpus::all();
    let kept: BTreeSet<&str> = made.iter().map(|made| made.path.as_str()).collect();
    for (path, _) in vector::texts() {
        if !kept.contains(path.as_str()) {
            fs::remove_file(vector::folder().join(format!("{path}.json"))).unwrap();
        }
    }
    let mut written = 0;
    for made in &made {
        let path = vector::folder().join(format!("{}.json", made.path));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = made.text();
        if fs::read_to_string(&path).ok().as_deref() != Some(&text) {
            fs::write(&path, text).unwrap();
            written += 1;
        }
    }
    println!("{} vectors, {written} of them written", made.len());
}
