use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::order::parents;
use super::*;

/// A file of its own.
fn file(key: &str, value: &str, index: u64) -> Arc<Tree> {
    let json = format!(
        r#"{{"action":"set","node":{{"key":"{key}","value":"{value}","modifiedIndex":{index}}}}}"#
    );
    crate::json::decode(json.into_bytes()).unwrap().tree
}

fn put(store: &mut Store, key: &str, value: &str, index: u64) {
    store.put(Node::new(&file(key, value, index), 0));
}

fn walk(store: &Store) -> Vec<(String, String, u64)> {
    let mut all = Vec::new();
    let mut place = store.all().map(|(first, _)| first);
    while let Some(at) = place {
        let node = at.node();
        let value = node.value().unwrap_or_default().to_owned();
        all.push((node.key().to_owned(), value, node.modified_index().unwrap_or_default()));
        place = store.after(at);
    }
    all
}

/// Whether all branches are in order, of one height, not empty, and within their limits.
fn is_sound(store: &Store) -> bool {
    fn height(branch: &Branch) -> Option<usize> {
        match branch {
            Branch::Run(run) => {
                let nodes = nodes(run);
                let fits =
                    nodes.len() == 1 || (nodes.len() <= RUN && text_len(&nodes) <= RUN_BYTES);
                (!nodes.is_empty() && fits).then_some(0)
            }
            Branch::Fork(fork) => {
                let heights: Vec<_> = fork.iter().map(height).collect();
                let first = (*heights.first()?)?;
                let even = heights.iter().all(|height| *height == Some(first));
                (even && fork.len() <= FORK).then_some(first + 1)
            }
        }
    }
    let keys: Vec<_> = walk(store).into_iter().map(|(key, ..)| key).collect();
    keys.is_sorted_by(|a, b| order(a, b) == Ordering::Less)
        && keys.len() == store.len()
        && store.text_len() == walk(store).iter().map(|(k, v, _)| k.len() + v.len()).sum::<usize>()
        && store.root.as_ref().is_none_or(|root| height(root).is_some())
}

#[derive(Clone, Debug)]
enum Step {
    Put(String, usize),
    Cut(String),
    Keep,
}

fn key() -> impl Strategy<Value = String> {
    let name = prop_oneof![Just("a"), Just("a-b"), Just("b"), Just("_"), Just("c.d"), Just("ab")];
    vec(name, 1..5).prop_map(|names| format!("/{}", names.join("/")))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (key(), prop_oneof![9 => 0..9_usize, 1 => Just(RUN_BYTES)])
            .prop_map(|(key, size)| Step::Put(key, size)),
        2 => key().prop_map(Step::Cut),
        1 => Just(Step::Keep),
    ]
}

type Model = BTreeMap<String, (usize, u64)>;

fn matches(store: &Store, model: &Model) -> Result<(), TestCaseError> {
    prop_assert!(is_sound(store));
    prop_assert_eq!(store.len(), model.len());
    for (key, value, index) in walk(store) {
        prop_assert_eq!(model.get(&key), Some(&(value.len(), index)));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Also of copies that were made in between: nothing that is done to one shows in another.
    #[test]
    fn a_store_is_an_ordered_map(steps in vec(step(), 0..400)) {
        let (mut store, mut model) = (Store::default(), Model::new());
        let mut kept = Vec::new();
        for (index, step) in (1..).zip(steps) {
            match step {
                Step::Put(key, size) => {
                    put(&mut store, &key, &"x".repeat(size), index);
                    model.insert(key, (size, index));
                }
                Step::Cut(key) => {
                    store.cut(&key);
                    model.retain(|own, _| !is_below(own, &key));
                }
                Step::Keep => kept.push((store.clone(), model.clone())),
            }
        }
        for (store, model) in kept.iter().chain([&(store, model)]) {
            matches(store, model)?;
        }
    }

    #[test]
    fn a_store_made_of_a_listing_is_the_same(mut keys in vec(key(), 0..200)) {
        keys.sort_by(|a, b| order(a, b));
        keys.dedup();
        let files: Vec<_> = keys.iter().map(|key| file(key, "v", 7)).collect();
        let nodes: Vec<_> = files.iter().map(|file| Node::new(file, 0)).collect();
        let mut store = Store::from_sorted(&nodes);
        let mut model: Model = keys.iter().map(|key| (key.clone(), (1, 7))).collect();
        matches(&store, &model)?;
        put(&mut store, "/a/a", "two", 8);
        model.insert("/a/a".to_owned(), (3, 8));
        matches(&store, &model)?;
    }

    #[test]
    fn stretches_are_found(keys in vec(key(), 0..200), asked in key()) {
        let mut store = Store::default();
        keys.iter().for_each(|key| put(&mut store, key, "v", 1));
        let all: Vec<_> = walk(&store).into_iter().map(|(key, ..)| key).collect();
        let within: Vec<_> = all.iter().filter(|key| is_below(key, &asked)).collect();
        let found = store.within(&asked);
        let ends = found.map(|(first, last)| (first.node().key(), last.node().key()));
        let expected = within.first().zip(within.last());
        prop_assert_eq!(ends, expected.map(|(a, b)| (a.as_str(), b.as_str())));
        let behind = all.iter().find(|key| {
            order(key, &asked) == Ordering::Greater && !is_below(key, &asked)
        });
        let after = store.after_all_within(&asked).map(|place| place.node().key());
        prop_assert_eq!(after, behind.map(String::as_str));
        prop_assert_eq!(store.get(&asked).is_some(), all.contains(&asked));
        for text in (0..=asked.len()).map(|end| &asked[..end]) {
            let begin: Vec<_> = all.iter().filter(|key| key.starts_with(text)).collect();
            let found = store.starting_with(text);
            let ends = found.map(|(first, last)| (first.node().key(), last.node().key()));
            let expected = begin.first().zip(begin.last());
            prop_assert_eq!(ends, expected.map(|(a, b)| (a.as_str(), b.as_str())), "{}", text);
        }
        for key in &all {
            prop_assert!(parents(key, "/").all(|parent| is_below(key, parent)));
        }
    }
}

#[test]
fn copies_share_all_but_what_was_changed() {
    let mut store = Store::default();
    for number in 0..5000 {
        put(&mut store, &format!("/dir/{number:04}"), "v", number);
    }
    let copy = store.clone();
    put(&mut store, "/dir/2500", "w", 5001);
    let (mut shared, mut own) = (0, 0);
    let mut place = store.all().map(|(first, _)| first);
    while let Some(at) = place {
        let key = at.node().key();
        let before = copy.last(|other| order(other, key) != Ordering::Greater).unwrap();
        *if before.is_near(at) { &mut shared } else { &mut own } += 1;
        place = store.after(at);
    }
    assert!(own <= RUN && shared == 5000 - own, "{own} of {}", store.len());
    assert_eq!(copy.get("/dir/2500").unwrap().value(), Some("v"));
    assert_eq!(store.get("/dir/2500").unwrap().value(), Some("w"));
}

#[test]
fn what_is_removed_leaves_no_small_branches() {
    let mut store = Store::default();
    for number in 0..5000 {
        put(&mut store, &format!("/dir/{number:04}"), "v", number);
    }
    for number in (0..5000).filter(|number| number % 50 != 0) {
        store.cut(&format!("/dir/{number:04}"));
    }
    assert!(is_sound(&store) && store.len() == 100);
    let mut runs = 1;
    let mut place = store.all().unwrap().0;
    while let Some(next) = store.after(place) {
        runs += usize::from(!next.is_near(place));
        place = next;
    }
    assert!(runs <= 100 * 4 / RUN + 2, "{runs} runs");
    store.cut("/");
    assert!(store.root.is_none() && store.len() == 0);
}
