//! What others published of public captures is what we say of them, field by field.
//!
//! Suricata's and Zeek's tests, Arkime's, and what is written beside the vendors' discovery payloads each say what is
//! in a capture. [`sources`] reads them where they lie, [`names`] tells which of our fields theirs are, [`ours`] what
//! the lower half says in these. What they say must be said by us; where they say all that there is of a conversation,
//! we may say nothing else of it. Where the two differ and ours is to stay, `differences.tsv` says why.
//! `docs/expectations.md` is what comes of it.

mod names;
mod ours;
mod sources;
#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use names::NAMES;
use ours::{FIELDS, Said};

/// Address and port of two who speak with each other, the lesser first.
pub type Ends = [(IpAddr, u16); 2];

/// What a value belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    /// The whole capture: nobody says to whom in it.
    Capture,
    /// A conversation.
    Ends(Ends),
    /// A certificate, by the beginning of its SHA-256 in hexadecimal.
    Certificate(String),
}

/// One value that somebody published.
#[derive(Debug)]
pub struct Claim {
    /// His name for the field.
    pub name: String,
    /// What it belongs to.
    pub of: Of,
    /// As he wrote it.
    pub value: String,
}

/// What one file expects of some captures.
#[derive(Debug)]
pub struct Expectation {
    /// Who published it.
    pub publisher: &'static str,
    /// Relative to the folder of captures.
    pub file: String,
    /// Relative, too.
    pub captures: Vec<String>,
    /// Whether nothing else is in a conversation than what is said of it.
    pub is_whole: bool,
    /// Whether it writes capitals small.
    pub is_folded: bool,
    /// What it says.
    pub claims: Vec<Claim>,
}

/// What came of one field of one publisher.
#[derive(Debug, Default, Clone, Copy)]
struct Score {
    compared: usize,
    equal: usize,
    different: usize,
    elsewhere: usize,
}

/// What came of all of them.
#[derive(Debug, Default)]
struct Outcome {
    /// By publisher and our name for the field.
    scores: BTreeMap<(&'static str, &'static str), Score>,
    /// By file and our name for the field: how many values, and which.
    differences: BTreeMap<(String, &'static str), (usize, Vec<String>)>,
    files: BTreeMap<&'static str, BTreeSet<String>>,
}

#[test]
fn what_others_published_is_what_we_say() {
    let Some(folder) = support::captures() else { return };
    let mut said: BTreeMap<String, Vec<Said>> = BTreeMap::new();
    let mut outcome = Outcome::default();
    for expectation in sources::all(&folder) {
        for capture in &expectation.captures {
            said.entry(capture.clone()).or_insert_with(|| ours::of(&folder.join(capture)));
        }
        let of_captures = expectation.captures.iter().flat_map(|capture| &said[capture]);
        outcome.compare(&expectation, &of_captures.collect::<Vec<_>>());
    }
    let reasons = reasons();
    let mut met: BTreeMap<(String, &str), usize> = BTreeMap::new();
    let mut unexplained = Vec::new();
    for ((file, field), (count, values)) in &outcome.differences {
        let keys = [(file.clone(), *field), (file.clone(), ALL)];
        match keys.into_iter().find(|key| reasons.contains_key(key)) {
            Some(key) => *met.entry(key).or_default() += count,
            None => unexplained.push(format!("{file}\t{field}\t{count}\t?\n    {}", values.join("\n    "))),
        }
    }
    assert!(unexplained.is_empty(), "nobody explained:\n{}", unexplained.join("\n"));
    let explained: BTreeMap<_, _> = reasons.iter().map(|(key, (count, _))| (key.clone(), *count)).collect();
    assert_eq!(met, explained, "as many differ as there are reasons for");
    let idle: Vec<_> = NAMES
        .iter()
        .filter(|it| !outcome.scores.contains_key(&(it.publisher, it.ours)))
        .map(|it| it.theirs)
        .collect();
    assert!(idle.is_empty(), "nobody says {idle:?}");

    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/expectations.md");
    let text = std::fs::read_to_string(&page).unwrap_or_default();
    let tables = outcome.tables(&reasons);
    let shown: Option<String> = text.split_once(BEGIN).map(|(_, rest)| rest.trim_start().to_owned());
    assert!(
        shown.as_deref() == Some(tables.as_str()),
        "docs/expectations.md has other tables; they are\n\n{tables}"
    );
}

impl Outcome {
    fn compare(&mut self, expectation: &Expectation, said: &[&Said]) {
        let fold = |value: &str| if expectation.is_folded { value.to_lowercase() } else { value.to_owned() };
        let mut theirs: BTreeMap<(&'static str, &Of), BTreeSet<String>> = BTreeMap::new();
        for claim in &expectation.claims {
            let name =
                NAMES.iter().find(|it| it.publisher == expectation.publisher && it.theirs == claim.name);
            let Some(name) = name else { continue };
            let of = if is_of_a_device(name.ours) { &Of::Capture } else { &claim.of };
            for value in (name.read)(&claim.value) {
                theirs.entry((name.ours, of)).or_default().insert(fold(&value));
            }
        }
        for ((field, of), theirs) in theirs {
            self.files.entry(expectation.publisher).or_default().insert(expectation.file.clone());
            let score = self.scores.entry((expectation.publisher, field)).or_default();
            let is_here = |it: &&&Said| matches!(of, Of::Capture | Of::Certificate(_)) || it.of == *of;
            if said.iter().find(is_here).is_none() {
                score.elsewhere += theirs.len();
                continue;
            }
            let ours = said.iter().filter(|it| it.field == field && (*of == Of::Capture || it.of == *of));
            let ours: BTreeSet<String> = ours.map(|it| fold(&it.value)).collect();
            let less: Vec<_> = theirs.difference(&ours).collect();
            let more: Vec<_> = ours.difference(&theirs).collect();
            let is_contradicted = expectation.is_whole && *of != Of::Capture && !more.is_empty();
            let different = less.len().max(if is_contradicted { more.len() } else { 0 });
            score.compared += theirs.len();
            score.equal += theirs.len() - less.len();
            score.different += different;
            if different > 0 {
                let difference = self.differences.entry((expectation.file.clone(), field)).or_default();
                difference.0 += different;
                difference.1.push(format!("{of:?}: theirs alone {less:?}, ours alone {more:?}"));
            }
        }
    }

    fn tables(&self, reasons: &Reasons) -> String {
        let mut page = String::from(
            "## What was compared\n\n\
             | source | field | compared | equal | different | of captures that are not here |\n\
             | --- | --- | ---: | ---: | ---: | ---: |\n",
        );
        let mut all = Score::default();
        for ((publisher, field), score) in &self.scores {
            let Score { compared, equal, different, elsewhere } = score;
            let _ = writeln!(
                page,
                "| {publisher} | {field} | {compared} | {equal} | {different} | {elsewhere} |"
            );
            all.compared += compared;
            all.equal += equal;
            all.different += different;
            all.elsewhere += elsewhere;
        }
        let Score { compared, equal, different, elsewhere } = all;
        let _ = writeln!(page, "| all | | {compared} | {equal} | {different} | {elsewhere} |\n");
        let files: Vec<_> =
            self.files.iter().map(|(who, files)| format!("{} of {who}", files.len())).collect();
        let _ = writeln!(page, "Read from these files: {}.", files.join(", "));
        page.push_str("\n## What differs, and why\n\n| file | field | values | why ours is to stay |\n| --- | --- | ---: | --- |\n");
        for ((file, field), (count, why)) in reasons {
            let _ = writeln!(page, "| {} | {field} | {count} | {why} |", file.replace('_', "\\_"));
        }
        page
    }
}

/// Whether it is said of a device, whom the message names, or once for all its conversations.
fn is_of_a_device(field: &str) -> bool {
    field.starts_with("DHCP") || field.ends_with("user agent")
}

type Reasons = BTreeMap<(String, &'static str), (usize, String)>;

/// `file, field, how many values, reason` by line.
fn reasons() -> Reasons {
    let list = include_str!("differences.tsv");
    let rows = list.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let row = |line: &str| {
        let [file, field, count, why] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("a difference has four columns: {line}");
        };
        let field = FIELDS.iter().find(|it| **it == field);
        let field = field.unwrap_or(&ALL);
        ((file.to_owned(), *field), (count.parse().expect("a number"), why.to_owned()))
    };
    rows.map(row).collect()
}

/// Stands for every field of a file that no other line is about.
const ALL: &str = "*";

/// What comes behind it on the page is made by the test.
const BEGIN: &str = "<!-- what follows is made by engine/tests/expectations -->";
