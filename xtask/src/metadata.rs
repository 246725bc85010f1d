//! The manifests of the workspace, as `cargo metadata` reads them.

use crate::cargo;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) published: bool,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) features: BTreeMap<String, Vec<String>>,
    /// The names of its `[[test]]` targets.
    pub(crate) tests: Vec<String>,
}

/// A normal or build dependency; those of tests alone are left out.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) optional: bool,
}

pub(crate) fn packages() -> Result<Vec<Package>, String> {
    let text = cargo::read(&["metadata", "--no-deps", "--format-version", "1"])?;
    let value = serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))?;
    Ok(parse(&value))
}

fn parse(metadata: &Value) -> Vec<Package> {
    list(metadata, "packages").iter().map(package).collect()
}

fn package(value: &Value) -> Package {
    Package {
        name: text(value, "name"),
        // `publish = false` becomes an empty list of registries.
        published: value.get("publish").and_then(Value::as_array).is_none_or(|names| !names.is_empty()),
        dependencies: list(value, "dependencies")
            .iter()
            .filter(|dependency| text(dependency, "kind") != "dev")
            .map(dependency)
            .collect(),
        features: value.get("features").and_then(Value::as_object).map_or_else(BTreeMap::new, |features| {
            features.iter().map(|(name, parts)| (name.clone(), strings(parts))).collect()
        }),
        tests: list(value, "targets")
            .iter()
            .filter(|target| target.get("kind").is_some_and(|kind| strings(kind) == ["test"]))
            .map(|target| text(target, "name"))
            .collect(),
    }
}

fn dependency(value: &Value) -> Dependency {
    let optional = value.get("optional").and_then(Value::as_bool).unwrap_or_default();
    Dependency { name: text(value, "name"), optional }
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().map_or(&[][..], Vec::as_slice);
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_tasks_ask_for_is_read() {
        let value = serde_json::from_str(
            r#"{"packages": [{"name": "a", "publish": [], "features": {"default": ["x"]},
                "dependencies": [{"name": "b", "kind": null, "optional": true}, {"name": "c", "kind": "dev"}],
                "targets": [{"name": "a", "kind": ["lib"]}, {"name": "redis", "kind": ["test"]}]},
                {"name": "b", "publish": null}]}"#,
        );
        let packages = parse(&value.unwrap());
        assert_eq!((packages[0].published, packages[1].published), (false, true));
        assert_eq!(packages[0].dependencies.len(), 1);
        assert!(packages[0].dependencies[0].optional);
        assert_eq!(packages[0].features["default"], ["x"]);
        assert_eq!(packages[0].tests, ["redis"]);
    }
}
