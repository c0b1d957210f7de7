//! The names of users and roles, in both forms that servers write.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A user or role in a list: 2.1 and 2.2 give its name, later servers show it whole.
///
/// It is read without keeping what else there is, so that depth there costs no stack.
pub(super) struct Named(String);

impl Named {
    pub(super) fn name(self) -> String {
        self.0
    }
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameOrWhole)
    }
}

struct NameOrWhole;

impl<'de> Visitor<'de> for NameOrWhole {
    type Value = Named;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name, or a user or role that has one")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Named, E> {
        Ok(Named(name.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Named, A::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Field {
            #[serde(alias = "user")]
            Role,
            #[serde(other)]
            Other,
        }

        let mut name = None;
        while let Some(field) = fields.next_key()? {
            match field {
                Field::Role if name.is_some() => return Err(Error::duplicate_field("role")),
                Field::Role => name = Some(fields.next_value()?),
                Field::Other => {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
        }
        name.map(Named).ok_or_else(|| Error::missing_field("role"))
    }
}
