//! The dependency tree is what `deny.toml` allows: who may use what, and under which licences.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;
use toml::Table;

/// What cargo knows of the workspace and all it is built from.
fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo writes JSON")
}

fn rules() -> Table {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml");
    std::fs::read_to_string(path).expect("the rules are there").parse().expect("they are TOML")
}

/// The tree without what only tests use.
struct Tree {
    /// Package by id.
    packages: BTreeMap<String, Value>,
    /// Names of the direct dependencies, and their ids, by package id.
    uses: BTreeMap<String, Vec<String>>,
    members: Vec<String>,
}

impl Tree {
    fn new() -> Self {
        let metadata = metadata();
        let array = |of: &Value, key: &str| of[key].as_array().cloned().unwrap_or_default();
        let id = |of: &Value, key: &str| of[key].as_str().expect("an id").to_owned();
        let is_built_in = |dep: &Value| array(dep, "dep_kinds").iter().any(|it| it["kind"] != "dev");
        let direct = |node: &Value| {
            array(node, "deps").iter().filter(|dep| is_built_in(dep)).map(|dep| id(dep, "pkg")).collect()
        };
        Self {
            packages: array(&metadata, "packages").into_iter().map(|it| (id(&it, "id"), it)).collect(),
            uses: array(&metadata["resolve"], "nodes").iter().map(|it| (id(it, "id"), direct(it))).collect(),
            members: array(&metadata, "workspace_members")
                .iter()
                .map(|it| it.as_str().expect("an id").to_owned())
                .collect(),
        }
    }

    fn name(&self, id: &str) -> &str {
        self.packages[id]["name"].as_str().expect("a name")
    }

    /// All that the product is built from.
    fn built_in(&self) -> BTreeSet<&str> {
        let mut met = BTreeSet::new();
        let mut next: Vec<&str> = self.members.iter().map(String::as_str).collect();
        while let Some(id) = next.pop() {
            if met.insert(id) {
                next.extend(self.uses[id].iter().map(String::as_str));
            }
        }
        met
    }
}

#[test]
fn each_crate_is_used_only_by_those_who_may() {
    let (tree, rules) = (Tree::new(), rules());
    let mut wrong = Vec::new();
    let bans = rules["bans"]["deny"].as_array().expect("bans");
    assert!(bans.len() >= 10);
    for ban in bans {
        let banned = ban["crate"].as_str().expect("a name");
        let wrappers: BTreeSet<_> =
            ban["wrappers"].as_array().expect("names").iter().filter_map(|name| name.as_str()).collect();
        for user in tree.built_in() {
            let is_user = tree.uses[user].iter().any(|used| tree.name(used) == banned);
            if is_user && !wrappers.contains(tree.name(user)) {
                wrong.push(format!("{} uses {banned}", tree.name(user)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_licence_is_allowed() {
    let (tree, rules) = (Tree::new(), rules());
    let allowed: BTreeSet<_> = rules["licenses"]["allow"]
        .as_array()
        .expect("licences")
        .iter()
        .filter_map(|it| it.as_str())
        .collect();
    let mut wrong = Vec::new();
    let built_in = tree.built_in();
    assert!(built_in.len() > 50);
    for id in built_in {
        let licence = tree.packages[id]["license"].as_str().unwrap_or_default();
        if !is_allowed(licence, &allowed) {
            wrong.push(format!("{} is under {licence:?}", tree.name(id)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_source_is_a_registry_or_the_project_itself() {
    let tree = Tree::new();
    let registry =
        |id: &str| tree.packages[id]["source"].as_str().is_none_or(|it| it.starts_with("registry+"));
    let others: Vec<_> = tree.built_in().into_iter().filter(|id| !registry(id)).collect();
    assert!(others.is_empty(), "{others:?}");
}

/// Whether an SPDX expression can be met by what is allowed; `/` stands for OR, as it once did.
fn is_allowed(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = &words[..];
    let is_met = either(&mut rest, allowed);
    is_met && rest.is_empty()
}

fn either(words: &mut &[&str], allowed: &BTreeSet<&str>) -> bool {
    let mut is_met = both(words, allowed);
    while let ["OR", rest @ ..] = words {
        *words = rest;
        is_met |= both(words, allowed);
    }
    is_met
}

fn both(words: &mut &[&str], allowed: &BTreeSet<&str>) -> bool {
    let mut is_met = one(words, allowed);
    while let ["AND", rest @ ..] = words {
        *words = rest;
        is_met &= one(words, allowed);
    }
    is_met
}

fn one(words: &mut &[&str], allowed: &BTreeSet<&str>) -> bool {
    match **words {
        ["(", ref rest @ ..] => {
            *words = rest;
            let is_met = either(words, allowed);
            let [")", rest @ ..] = words else { return false };
            *words = rest;
            is_met
        }
        [licence, "WITH", exception, ref rest @ ..] => {
            *words = rest;
            allowed.contains(format!("{licence} WITH {exception}").as_str())
        }
        [licence, ref rest @ ..] => {
            *words = rest;
            allowed.contains(licence)
        }
        [] => false,
    }
}

#[test]
fn licence_expressions_are_understood() {
    let allowed = BTreeSet::from(["MIT", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"]);
    for good in [
        "MIT",
        "GPL-3.0 OR MIT",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception OR Apache-2.0",
        "MIT/Apache-2.0",
        "MIT AND (GPL-2.0 OR (Unicode-3.0 AND MIT))",
    ] {
        assert!(is_allowed(good, &allowed), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "(MIT", "MIT MIT", "MIT AND (OpenSSL OR ISC)"]
    {
        assert!(!is_allowed(bad, &allowed), "{bad}");
    }
}

/// As cargo does not look for them by itself (`autotests`).
#[test]
fn every_file_of_tests_is_part_of_a_binary() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).expect("it is there");
    let manifest: Table = read("Cargo.toml").parse().expect("it is TOML");
    let binaries = manifest["test"].as_array().expect("test binaries");
    let paths: Vec<&str> = binaries.iter().map(|it| it["path"].as_str().expect("a path")).collect();
    let modules = paths.iter().flat_map(|path| {
        let text = read(path);
        let names =
            text.lines().filter_map(|line| Some(line.strip_prefix("mod ")?.strip_suffix(';')?.to_owned()));
        names.map(|name| format!("tests/{name}.rs")).collect::<Vec<_>>()
    });
    let run: BTreeSet<String> = modules.chain(paths.iter().map(|path| (*path).to_owned())).collect();
    let files =
        std::fs::read_dir(root.join("tests")).expect("a folder").map(|entry| entry.expect("an entry"));
    let names = files.filter_map(|entry| entry.file_name().into_string().ok());
    let there: BTreeSet<String> =
        names.filter(|name| name.ends_with(".rs")).map(|name| format!("tests/{name}")).collect();
    let left: Vec<&String> = there.difference(&run).collect();
    assert!(left.is_empty() && there.len() > paths.len(), "not run: {left:?}");
}
