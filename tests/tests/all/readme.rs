//! The README's code is the code that CI builds and runs.

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

#[test]
fn the_firmware_in_the_readme_is_the_example() {
    let (readme, example) = (read("README.md"), read("examples/firmware/src/main.rs"));
    let blocks: Vec<&str> = readme.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!blocks.is_empty(), "the README has Rust code");
    for block in blocks {
        assert!(example.contains(block), "examples/firmware/src/main.rs does not contain this block:\n{block}");
    }
}
