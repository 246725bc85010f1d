//! `cargo xtask lines`: how much code a backend is, and what those on a Redis client share.

use crate::args::Accepts;
use crate::cargo;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// Files, and folders with all that is in them.
const PARTS: &[(&str, &[&str])] = &[
    ("`redlock-lua`: the Lua scripts", &["crates/redlock-lua/src/scripts"]),
    (
        "`redlock-lua`: what is sent",
        &[
            "crates/redlock-lua/src/lib.rs",
            "crates/redlock-lua/src/plan.rs",
            "crates/redlock-lua/src/request.rs",
            "crates/redlock-lua/src/script.rs",
        ],
    ),
    (
        "`redlock-lua`: replies decoded, errors classified",
        &[
            "crates/redlock-lua/src/decode",
            "crates/redlock-lua/src/fault.rs",
            "crates/redlock-lua/src/value.rs",
        ],
    ),
    ("`redlock-redis-rs`, on the client `redis`", &["crates/redlock-redis-rs/src"]),
    ("`redlock-fred`, on the client `fred`", &["crates/redlock-fred/src"]),
    ("`examples/rustis_backend`, on the client `rustis`", &["examples/rustis_backend/lib.rs"]),
    ("`redlock-memory`, in the process", &["crates/redlock-memory/src"]),
    (
        "steps and worker, for any store that blocks",
        &["examples/custom_backend/steps.rs", "examples/custom_backend/worker.rs"],
    ),
    (
        "`examples/custom_backend`, a directory, on those",
        &["examples/custom_backend/directory.rs", "examples/custom_backend/store.rs"],
    ),
    ("`examples/sqlite_backend`, a table, on those", &["examples/sqlite_backend/lib.rs"]),
];

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    Accepts::default().parse(arguments)?;
    println!("| part | lines of code |\n|---|---|");
    let mut sum = 0;
    for (name, paths) in PARTS {
        // The scripts have a line of their own.
        let extension = if paths.iter().any(|path| path.ends_with("scripts")) { "lua" } else { "rs" };
        let mut lines = 0;
        for path in *paths {
            lines += count(&cargo::root().join(path), extension)?;
        }
        println!("| {name} | {lines} |");
        sum += lines;
    }
    println!("| together | {sum} |");
    Ok(ExitCode::SUCCESS)
}

fn count(path: &Path, extension: &str) -> Result<usize, String> {
    let failed = |error| format!("{}: {error}", path.display());
    if path.is_dir() {
        let entries = fs::read_dir(path).map_err(failed)?;
        return entries.map(|entry| count(&entry.map_err(failed)?.path(), extension)).sum();
    }
    if path.extension().is_none_or(|found| found != extension) {
        return Ok(0);
    }
    Ok(code_lines(&fs::read_to_string(path).map_err(failed)?))
}

/// Without blank lines, comments, and what is compiled for tests alone. The source is as rustfmt leaves it.
fn code_lines(source: &str) -> usize {
    let mut lines = source.lines();
    let mut count = 0;
    while let Some(line) = lines.next() {
        let code = line.trim_start();
        if code == "#[cfg(test)]" {
            let end = format!("{}}}", line.strip_suffix(code).unwrap_or_default());
            // To the end of the item: its closing brace, or its first line where it has none.
            let item = lines.by_ref().find(|line| !line.trim_start().starts_with("#["));
            if item.is_some_and(|item| item.ends_with('{')) {
                lines.by_ref().find(|line| *line == end);
            }
        } else if !code.is_empty() && !code.starts_with("//") && !code.starts_with("--") {
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_blank_lines_and_tests_do_not_count() {
        let source = "//! About.\n\nfn f() {\n    // Why.\n    g(); // counts\n}\n\n#[cfg(test)]\nmod tests;\nconst A: u8 = 1;\n\
                      #[cfg(test)]\n#[allow(x)]\nmod more {\n    fn h() {\n    }\n}\nconst B: u8 = 2;\n";
        assert_eq!(code_lines(source), 5);
        assert_eq!(code_lines("-- Lua.\nreturn 1\n"), 1);
    }
}
