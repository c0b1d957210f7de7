//! What the fuzz targets begin with: captured answers, and what is made up. Ordinary tests replay all of it.

#![expect(clippy::unwrap_used, reason = "the lint knows tests, but not what they share")]

mod captured;
mod made;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

pub(super) use captured::{answers, smaller};

use super::{
    answers, events, evidence, heads, histories, key_check, keys, membership, shown, smaller,
    targets,
};
use crate::mirror::play;

/// A name, and what is given to a target.
type Seed = (String, Vec<u8>);
type Seeds = Vec<Seed>;

/// A fuzz target: its name, and what it does with any bytes.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 13] = [
    ("error_body", answers::error_body),
    ("events", events::events),
    ("evidence_check", evidence::evidence_check),
    ("heads", heads::heads),
    ("key_check", key_check::key_check),
    ("key_to_request", keys::key_to_request),
    ("keys_answer", answers::keys_answer),
    ("location", targets::location),
    ("membership", membership::membership),
    ("mirror", play::mirror),
    ("secrets", shown::secrets),
    ("smaller_answer", smaller::smaller_answer),
    ("watch", histories::watch),
];

/// All that a target is given by ordinary tests, and which of it is a seed of its corpus.
fn given(target: &str) -> (Seeds, fn(&Seed) -> bool) {
    let all: fn(&Seed) -> bool = |_| true;
    match target {
        "error_body" => (captured::refusals().collect(), captured::is_chosen),
        "events" => (bytes(&made::EVENTS), all),
        "evidence_check" => (bytes(&made::EVIDENCE), all),
        "heads" => (texts(&made::HEADS), all),
        "key_check" => (bytes(&made::KEY_CHECKS), all),
        "key_to_request" => (captured::key_texts().collect(), all),
        "keys_answer" => (answers().clone(), captured::is_chosen),
        "location" => {
            let head = |(name, setup, how, target): &(&str, u8, u8, &str)| {
                ((*name).to_owned(), [&[*setup, *how], target.as_bytes()].concat())
            };
            (made::LOCATIONS.iter().map(head).collect(), all)
        }
        "membership" => {
            let list = |(name, urls): &(&str, &str)| {
                let list = format!(r#"0{{"members":[{{"id":"1","clientURLs":{urls}}}]}}"#);
                ((*name).to_owned(), list.into_bytes())
            };
            (captured::memberships().chain(made::MEMBERS.iter().map(list)).collect(), all)
        }
        "mirror" => (bytes(&made::MIRRORS), all),
        "secrets" => (texts(&made::SECRETS), all),
        "smaller_answer" => (smaller().clone(), captured::is_chosen_as_smaller),
        "watch" => (bytes(&made::WATCHES), all),
        other => panic!("nothing is given to {other}"),
    }
}

fn bytes(seeds: &[(&str, &[u8])]) -> Seeds {
    seeds.iter().map(|(name, data)| ((*name).to_owned(), data.to_vec())).collect()
}

fn texts(seeds: &[(&str, &str)]) -> Seeds {
    seeds.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
}

fn fuzz() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz"))
}

#[test]
fn captures_and_what_is_made_up_replay() {
    for (name, target) in TARGETS {
        let (seeds, _) = given(name);
        assert!(!seeds.is_empty(), "{name}");
        for (_, data) in seeds {
            target(&data);
        }
    }
}

/// What fuzzing found, and what it begins with. With `WRITE_CORPORA` set, the latter is written anew.
#[test]
fn corpora_replay() {
    if !fuzz().exists() {
        // The package as it is published has no fuzz targets.
        return;
    }
    for (name, target) in TARGETS {
        let (mut seeds, is_chosen) = given(name);
        seeds.retain(is_chosen);
        let folder = fuzz().join("seeds").join(name);
        if std::env::var_os("WRITE_CORPORA").is_some() {
            write_corpus(&folder, &seeds);
        }
        let mut found: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let data = fs::read(&path).unwrap();
            target(&data);
            found.insert(path.file_name().unwrap().to_string_lossy().into_owned(), data);
        }
        for (seed, data) in &seeds {
            assert_eq!(found.get(seed), Some(data), "{name}/{seed} is out of date");
        }
    }
}

fn write_corpus(folder: &Path, seeds: &Seeds) {
    fs::create_dir_all(folder).unwrap();
    for (name, data) in seeds {
        fs::write(folder.join(name), data).unwrap();
    }
}

#[test]
fn every_fuzz_target_is_replayed() {
    if !fuzz().exists() {
        return;
    }
    let names = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(fuzz().join(folder)).unwrap();
        let name = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
        entries.map(|entry| name(entry.unwrap().path())).collect()
    };
    let expected: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), expected);
    assert_eq!(names("seeds"), expected);
}
