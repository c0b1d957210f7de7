#![doc = include_str!("../../guide/from_go.md")]
#![expect(unused_imports, reason = "for the links of the text")]

use crate::discovery::{AsyncDiscoverer, BlockingDiscoverer};
use crate::{
    AsyncTransport, Auth, BlockingTransport, Builder, Client, Code, Consistency, Error, ErrorKind,
    EtcdError, Keys, Members, Outcome, Policy, RedirectError, Request, Roles, Users, Watch, auth,
    keys, members,
};
