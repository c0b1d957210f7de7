//! Times to live, in whole seconds.

use std::time::Duration;

use crate::encoding::Pairs;
use crate::error::Invalid;

/// What a write does to the time to live of its node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ttl {
    /// Not mentioned; etcd then makes the node permanent.
    #[default]
    Absent,
    /// Made permanent in so many words.
    Cleared,
    /// To live that long.
    Live(Duration),
}

impl Ttl {
    pub(super) fn encode(self, form: &mut Pairs) -> Result<(), Invalid> {
        /// 200 years. The server's clock ends in 2262; what lives longer becomes permanent at once.
        const MOST: u64 = 200 * 365 * 24 * 60 * 60;
        match self {
            Self::Absent => {}
            Self::Cleared => form.text("ttl", ""),
            Self::Live(Duration::ZERO) => {
                let reason = "is zero, with which the key would be gone at once";
                return Err(Invalid::new("ttl", reason));
            }
            Self::Live(ttl) => {
                let seconds = ttl.as_secs().saturating_add(u64::from(ttl.subsec_nanos() > 0));
                if seconds > MOST {
                    let reason = format!(
                        "is {seconds} seconds; {MOST}, which are 200 years, are the most that etcd understands"
                    );
                    return Err(Invalid::new("ttl", reason));
                }
                form.number("ttl", seconds);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(ttl: Ttl) -> Result<String, Invalid> {
        let mut form = Pairs::form();
        ttl.encode(&mut form).map(|()| form.finish())
    }

    #[test]
    fn fractions_are_rounded_up() {
        for (millis, text) in [(1, "ttl=1"), (1000, "ttl=1"), (1001, "ttl=2"), (1500, "ttl=2")] {
            assert_eq!(encoded(Ttl::Live(Duration::from_millis(millis))).unwrap(), text);
        }
        assert_eq!(encoded(Ttl::Absent).unwrap(), "");
        assert_eq!(encoded(Ttl::Cleared).unwrap(), "ttl=");
    }

    #[test]
    fn what_the_server_would_misunderstand_is_refused() {
        for ttl in [Duration::ZERO, Duration::MAX, Duration::from_secs(6_307_200_001)] {
            assert_eq!(encoded(Ttl::Live(ttl)).unwrap_err().field, "ttl");
        }
        assert!(encoded(Ttl::Live(Duration::from_secs(6_307_200_000))).is_ok());
    }
}
