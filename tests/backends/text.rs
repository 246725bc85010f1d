//! `docs/backends.md` builds the backend that is tested here, and no other.

const TEXT: &str = include_str!("../../docs/backends.md");

/// In the order in which the text has them.
const FILES: [(&str, &str); 4] = [
    ("steps.rs", include_str!("../../examples/custom_backend/steps.rs")),
    ("directory.rs", include_str!("../../examples/custom_backend/directory.rs")),
    ("worker.rs", include_str!("../../examples/custom_backend/worker.rs")),
    ("store.rs", include_str!("../../examples/custom_backend/store.rs")),
];

/// The text of each block of Rust.
fn blocks() -> Vec<&'static str> {
    let blocks = TEXT.split("```rust\n").skip(1);
    blocks.map(|rest| rest.split_once("```").expect("an end of the block").0).collect()
}

/// Without the documentation of the module, in whose place the text stands.
fn code(file: &str) -> String {
    let lines = file.lines().skip_while(|line| line.starts_with("//!") || line.is_empty());
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn its_pieces_are_the_files() {
    let blocks = blocks();
    for (number, (name, file)) in FILES.iter().enumerate() {
        let block = blocks.get(number).copied().unwrap_or_default();
        assert!(
            block == code(file),
            "block {} of docs/backends.md is not examples/custom_backend/{name}",
            number + 1
        );
    }
}
