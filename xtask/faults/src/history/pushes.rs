//! Keys created in order by many callers.

use std::{collections::BTreeMap, time::Duration};

use super::Ended;

/// One creation.
#[derive(Clone, Debug)]
pub(crate) struct Pushed {
    pub(crate) value: String,
    /// The name it was given, if its creator was told.
    pub(crate) name: Option<String>,
    pub(crate) ended: Ended,
    pub(crate) invoked: Duration,
    pub(crate) returned: Duration,
}

/// All creations in one directory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pushes(pub(crate) Vec<Pushed>);

impl Pushes {
    /// Everything that is wrong with what is there in the end: pairs of name and value.
    pub(crate) fn violations<'a>(
        &self,
        there: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Vec<String> {
        let mut names = BTreeMap::<&str, Vec<&str>>::new();
        for (name, value) in there {
            names.entry(value).or_default().push(name);
        }
        let mut violations = Vec::new();
        for pushed in &self.0 {
            let found = names.remove(&*pushed.value).unwrap_or_default();
            let value = &pushed.value;
            match (pushed.ended, found.len()) {
                (_, 2..) => violations.push(format!("{value} is there {} times", found.len())),
                (Ended::Done, 0) => {
                    violations.push(format!("{value} was acknowledged and is missing"))
                }
                (Ended::Refused, 1) => violations.push(format!("{value} was refused and is there")),
                (Ended::Done, _) if pushed.name.as_deref() != found.first().copied() => {
                    violations.push(format!("{value} is called {found:?}, not {:?}", pushed.name));
                }
                _ => {}
            }
        }
        violations.extend(names.keys().map(|value| format!("nobody created {value}")));
        violations.extend(self.disorder());
        violations
    }

    /// Names that do not grow although their creations followed each other.
    fn disorder(&self) -> Vec<String> {
        let done = self.0.iter().filter(|pushed| pushed.ended == Ended::Done);
        let mut by_call: Vec<_> = done.collect();
        let mut by_return = by_call.clone();
        by_call.sort_by_key(|pushed| pushed.invoked);
        by_return.sort_by_key(|pushed| pushed.returned);
        let mut earlier = by_return.into_iter().peekable();
        let mut greatest: Option<&Pushed> = None;
        let mut violations = Vec::new();
        for later in by_call {
            while let Some(before) = earlier.next_if(|before| before.returned < later.invoked) {
                greatest = greatest.filter(|greatest| greatest.name > before.name).or(Some(before));
            }
            if let Some(before) = greatest
                && before.name > later.name
            {
                violations.push(format!(
                    "{} came after {} and sorts before it",
                    later.value, before.value
                ));
            }
        }
        violations
    }
}
