//! Real shells, with a `curl` that only tells what it was given.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Command;

/// What one run of `curl` was given.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) arguments: Vec<Vec<u8>>,
    /// What came through the pipe, if the arguments say that something does.
    pub(super) piped: Vec<u8>,
}

impl Run {
    /// The argument after this one.
    pub(super) fn after(&self, option: &str) -> Option<&[u8]> {
        let at = self.arguments.iter().position(|own| own == option.as_bytes())?;
        self.arguments.get(at + 1).map(Vec::as_slice)
    }

    /// The values of all `-H`.
    pub(super) fn headers(&self) -> Vec<&[u8]> {
        let pairs = self.arguments.windows(2).filter(|pair| pair[0] == b"-H");
        pairs.map(|pair| pair[1].as_slice()).collect()
    }

    /// The body, however it is given.
    pub(super) fn body(&self) -> &[u8] {
        match self.after("--data-binary") {
            Some(b"@-") => &self.piped,
            Some(other) => panic!("{other:?}"),
            None => self.after("--data-raw").unwrap_or_default(),
        }
    }
}

/// Tells the number of arguments, the arguments, and in hexadecimal digits what is in the pipe.
const CURL: &str = r#"curl() {
    printf '%s\0' "$#"
    for last; do printf '%s\0' "$last"; done
    case $last in @-) od -An -v -tx1 | tr -d ' \n' ;; esac
    printf '\0'
}
"#;

/// A file that goes away again.
struct Script(PathBuf);

impl Drop for Script {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Runs the commands in each shell that there is. They have to come to the same.
pub(super) fn run<T: AsRef<str>>(name: &str, commands: &[T]) -> Vec<Run> {
    let lines: Vec<&str> = commands.iter().map(AsRef::as_ref).collect();
    let file = format!("curl-{}-{name}.sh", std::process::id());
    let script = Script(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(file));
    fs::write(&script.0, format!("{CURL}{}\n", lines.join("\n"))).unwrap();
    let mut runs: Option<Vec<Run>> = None;
    for shell in ["sh", "dash", "bash", "zsh", "ksh"] {
        let output = match Command::new(shell).arg(&script.0).output() {
            Err(error) if error.kind() == ErrorKind::NotFound && shell != "sh" => continue,
            output => output.unwrap(),
        };
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && errors.is_empty(), "{shell}: {errors}");
        let these = read(&output.stdout);
        assert_eq!(these.len(), commands.len(), "{shell}");
        let first = runs.get_or_insert_with(|| read(&output.stdout));
        assert_eq!(*first, these, "{shell}");
    }
    runs.unwrap()
}

fn read(output: &[u8]) -> Vec<Run> {
    let mut pieces = output.split(|byte| *byte == 0).map(<[u8]>::to_vec);
    let mut runs = Vec::new();
    while let Some(count) = pieces.next().filter(|piece| !piece.is_empty()) {
        let count: usize = String::from_utf8(count).unwrap().parse().unwrap();
        let arguments = pieces.by_ref().take(count).collect();
        let digits = String::from_utf8(pieces.next().unwrap()).unwrap();
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        let piped = (0..digits.len()).step_by(2).map(byte).collect();
        runs.push(Run { arguments, piped });
    }
    runs
}
