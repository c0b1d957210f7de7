//! Go's client, in a process of its own that does as it is told.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{LazyLock, Mutex, PoisonError},
};

use anyhow::{Context, Result, anyhow};
use etcd_v2_client::{Code, Outcome};
use serde_json::{Value, json};
use xtask::Go;

use super::{Ask, Failed, Got, Refusal, What};

/// Builds the program, once, unless Go cannot be had.
pub(crate) fn build() -> Result<&'static Path> {
    static PROGRAM: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
        let program = xtask::target().join("go-calls");
        let built = Go::obtain().and_then(|go| go.build(Path::new(SOURCE), &program));
        built.map(|()| program).map_err(|error| format!("{error:#}"))
    });
    PROGRAM.as_deref().map_err(|error| anyhow!("{error}"))
}

/// One client. It ends when we do, or drop it.
#[derive(Debug)]
pub(crate) struct Process(Mutex<Talk>);

#[derive(Debug)]
struct Talk {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Process {
    pub(super) fn start(setting: &str, urls: &[String]) -> Result<Self> {
        let mut command = Command::new(build()?);
        command.arg(setting).args(urls).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start Go's client")?;
        let to = child.stdin.take().context("nothing to tell it through")?;
        let from = child.stdout.take().context("nothing to hear it through")?;
        Ok(Self(Mutex::new(Talk { child, to, from: BufReader::new(from) })))
    }

    pub(super) fn ask(&self, ask: &Ask<'_>) -> Result<Got, Failed> {
        let mut talk = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match talk.exchange(ask) {
            Ok(answer) => understand(&answer),
            Err(error) => Err(failed(Outcome::Unknown, format!("Go's client: {error:#}"))),
        }
    }
}

impl Talk {
    fn exchange(&mut self, ask: &Ask<'_>) -> Result<Value> {
        writeln!(self.to, "{}", in_json(ask))?;
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        serde_json::from_str(&line).context("no answer")
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn in_json(ask: &Ask<'_>) -> Value {
    let Ask { what, key, value } = *ask;
    let (what, old, index) = match what {
        What::Get => ("get", "", 0),
        What::LocalGet => ("local-get", "", 0),
        What::Push => ("push", "", 0),
        What::Set => ("set", "", 0),
        What::Swap(index) => ("swap", "", index),
        What::SwapValue(old) => ("swap-value", old, 0),
        What::Create => ("create", "", 0),
        What::Update => ("update", "", 0),
        What::Delete => ("delete", "", 0),
    };
    json!({ "what": what, "key": key, "value": value, "old": old, "index": index })
}

/// It has no labels. What a server has refused was not carried out, and of everything else its callers know
/// nothing.
fn understand(answer: &Value) -> Result<Got, Failed> {
    let text = |name: &str| answer[name].as_str().map(str::to_owned);
    let Some(error) = text("error") else {
        let name = text("name").map(|key| key.rsplit('/').next().unwrap_or_default().to_owned());
        return Ok(Got { value: text("value"), index: answer["index"].as_u64(), name });
    };
    let code = answer["code"].as_u64().and_then(|code| u32::try_from(code).ok());
    let Some(code) = code.map(Code::new) else {
        let unavailable = answer["unavailable"] == true;
        return Err(Failed { unavailable, ..failed(Outcome::Unknown, error) });
    };
    let refusal = match code {
        Code::COMPARE_FAILED => Some(Refusal::Conflict),
        Code::ALREADY_EXISTS => Some(Refusal::Exists),
        Code::KEY_NOT_FOUND => Some(Refusal::Missing),
        _ => None,
    };
    Err(Failed { refusal, ..failed(Outcome::Rejected, error) })
}

fn failed(outcome: Outcome, text: String) -> Failed {
    Failed { outcome, refusal: None, unavailable: false, text }
}

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../contestants/go-calls/main.go");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_is_asked_is_on_one_line() {
        let ask = Ask { what: What::Swap(7), key: "/a", value: "x\ny" };
        let line = in_json(&ask).to_string();
        assert!(!line.contains('\n'));
        assert_eq!(
            in_json(&ask),
            json!({ "what": "swap", "key": "/a", "value": "x\ny", "old": "", "index": 7 })
        );
        let ask = Ask { what: What::SwapValue("o"), ..ask };
        assert_eq!(in_json(&ask)["old"], "o");
    }

    #[test]
    fn the_program_knows_each_word() {
        let program = std::fs::read_to_string(SOURCE).unwrap();
        for what in [
            What::Get,
            What::LocalGet,
            What::Push,
            What::Set,
            What::Swap(1),
            What::SwapValue("o"),
            What::Create,
            What::Update,
            What::Delete,
        ] {
            let word = in_json(&Ask { what, key: "", value: "" })["what"].clone();
            assert!(program.contains(&format!("\tcase {word}:\n")), "{word}");
        }
    }

    #[test]
    fn what_it_says_is_understood() {
        let got = understand(&json!({ "value": "x", "index": 7, "name": "/a/b" })).unwrap();
        let name = Some("b".to_owned());
        assert_eq!(got, Got { value: Some("x".to_owned()), index: Some(7), name });
        assert_eq!(understand(&json!({})).unwrap(), Got::default());

        let error = |answer| understand(&answer).unwrap_err();
        let conflict = error(json!({ "code": 101, "error": "101: Compare failed" }));
        assert!(conflict.is_conflict() && conflict.outcome == Outcome::Rejected);
        let nobody = error(json!({ "unavailable": true, "error": "no leader" }));
        assert!(nobody.unavailable && nobody.outcome == Outcome::Unknown);
        assert_eq!(error(json!({ "error": "EOF" })).outcome, Outcome::Unknown);
    }
}
