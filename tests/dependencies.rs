//! What the dependency tree may hold: licences that go with ours, no second TLS or crypto stack, few duplicates.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// Licences that let the binary be given away under MIT OR Apache-2.0.
const ALLOWED_LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "CC0-1.0",
    "Unlicense",
    "MIT-0",
    "BSL-1.0",
    "Unicode-3.0",
    "CDLA-Permissive-2.0",
];

/// Crates that would bring a second stack for what is there already, with the reason.
const BANNED: &[(&str, &str)] = &[
    ("openssl-sys", "TLS is rustls with ring"),
    ("native-tls", "TLS is rustls with ring"),
    ("aws-lc-sys", "TLS is rustls with ring; aws-lc doubles the build"),
];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

/// Packages that end up in the binary: reached from ours by normal dependencies, build and test ones left out.
fn shipped_packages(metadata: &Value) -> Vec<Value> {
    let nodes: BTreeMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .expect("nodes")
        .iter()
        .map(|node| (node["id"].as_str().expect("an id"), node))
        .collect();
    let mut waiting = vec![metadata["resolve"]["root"].as_str().expect("a root")];
    let mut reached = std::collections::BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if !reached.insert(id) {
            continue;
        }
        for dependency in nodes[id]["deps"].as_array().expect("deps") {
            let kinds = dependency["dep_kinds"].as_array().expect("kinds");
            if kinds.iter().any(|kind| kind["kind"].is_null()) {
                waiting.push(dependency["pkg"].as_str().expect("a package"));
            }
        }
    }
    let packages = metadata["packages"].as_array().expect("packages");
    packages.iter().filter(|p| reached.contains(p["id"].as_str().expect("an id"))).cloned().collect()
}

/// Whether an SPDX expression can be met with allowed licences: of `OR` one part, of `AND` each.
fn is_allowed(expression: &str) -> bool {
    let flat = expression.replace('/', " OR ").replace(['(', ')'], " ");
    let has_group = expression.contains('(');
    if has_group && expression.contains(" AND ") {
        // `(A OR B) AND C`: each side of AND by itself
        return expression.split(" AND ").all(|part| is_allowed(part.trim().trim_matches(['(', ')'])));
    }
    flat.split(" OR ").any(|choice| choice.split(" AND ").all(|name| ALLOWED_LICENCES.contains(&name.trim())))
}

#[test]
fn every_licence_goes_with_ours() {
    let foreign: Vec<String> = shipped_packages(&metadata())
        .iter()
        .filter(|package| !package["license"].as_str().is_some_and(is_allowed))
        .map(|package| format!("{} {}: {}", package["name"], package["version"], package["license"]))
        .collect();
    assert!(foreign.is_empty(), "{}", foreign.join("\n"));
}

#[test]
fn a_foreign_licence_is_found() {
    assert!(is_allowed("MIT OR GPL-3.0"));
    assert!(is_allowed("(MIT OR Apache-2.0) AND Unicode-3.0"));
    assert!(!is_allowed("(MIT OR Apache-2.0) AND GPL-3.0"));
    assert!(!is_allowed("MPL-2.0"));
}

#[test]
fn no_second_stack_comes_in() {
    let all = metadata();
    let found: Vec<String> = shipped_packages(&all)
        .iter()
        .filter_map(|package| {
            let (name, reason) = BANNED.iter().find(|(name, _)| package["name"] == *name)?;
            Some(format!("{name}: {reason}"))
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Crates that stand in the binary in more than one version today: other crates hold them there. One more is looked at
/// before it is added here.
const KNOWN_DUPLICATES: &[&str] = &[
    "base64",         // reqwest holds another
    "croner",         // tokio-cron-scheduler holds 3, which is wrong in places; ours is 4
    "getrandom",      // ring's chain holds another
    "hashbrown",      // dashmap and indexmap differ
    "nom",            // serde_json_path and rrule hold 7, lettre 8
    "strum",          // croner 3 and 4 differ
    "strum_macros",   // with strum
    "syn",            // macros only, at build time
    "thiserror",      // croner 3 holds 1
    "thiserror-impl", // with thiserror
    "tower-http",     // reqwest holds another
];

#[test]
fn duplicates_are_the_known_ones() {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in shipped_packages(&metadata()) {
        let name = package["name"].as_str().expect("a name").to_owned();
        versions.entry(name).or_default().push(package["version"].as_str().expect("a version").to_owned());
    }
    let twice: Vec<&str> = versions.iter().filter(|(_, v)| v.len() > 1).map(|(name, _)| name.as_str()).collect();
    assert_eq!(twice, KNOWN_DUPLICATES, "versions: {versions:?}");
}
