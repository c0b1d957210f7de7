//! What both clients have in common, written once.

/// The methods of a client that are the same in both colours.
macro_rules! client_methods {
    ($client:ident, $keys:ident, $members:ident, $auth:ident, $stats:ident, $transport:path) => {
        impl $client {
            /// Puts a client together.
            pub fn builder() -> crate::Builder<dyn $transport> {
                crate::Builder::new()
            }

            /// A client over any transport, with the default policy.
            ///
            /// # Errors
            /// No endpoints, or endpoints that are no URLs of http or https or that differ in their
            /// user information.
            pub fn with_transport<U: AsRef<str>>(
                endpoints: impl IntoIterator<Item = U>,
                transport: std::sync::Arc<dyn $transport>,
            ) -> Result<Self, etcd_v2_proto::Error> {
                Self::builder().endpoints(endpoints).transport(transport).build()
            }

            /// A clone with another policy: it shares the cluster, the connections and all that was
            /// learned. This is how a call gets its own deadline, say.
            #[must_use]
            pub fn with(&self, change: impl FnOnce(&mut etcd_v2_proto::Policy)) -> Self {
                Self { inner: self.inner.with(change) }
            }

            /// A clone whose calls and watches end when `interrupt` is
            /// [stopped](etcd_v2_proto::Interrupt::stop), from any thread. One interrupt may serve many
            /// calls. Afterwards this clone refuses all calls: keep the original for cleaning up.
            #[must_use]
            pub fn stopped_by(&self, interrupt: &etcd_v2_proto::Interrupt) -> Self {
                Self { inner: self.inner.stopped_by(interrupt) }
            }

            /// How patient the calls are.
            #[must_use]
            pub fn policy(&self) -> &etcd_v2_proto::Policy {
                &self.inner.policy
            }

            /// The endpoints, in the order in which they are asked; it begins at the
            /// [pinned](Self::pinned) one.
            #[must_use]
            pub fn endpoints(&self) -> Vec<etcd_v2_proto::Endpoint> {
                self.inner.shared.endpoints()
            }

            /// The endpoint that is asked first at the moment.
            #[must_use]
            pub fn pinned(&self) -> etcd_v2_proto::Endpoint {
                self.inner.shared.pinned()
            }

            /// Replaces the endpoints that the client was made with, for all clones.
            ///
            /// What was learned is forgotten: the members that a [sync](Self::sync) found, and which
            /// cluster answered first, so these endpoints may be those of another one. The endpoint
            /// that is asked first stays so if it is among the new ones. Watches and mirrors take them when
            /// they are asked for their next item.
            ///
            /// # Errors
            /// As for a new client. With credentials, an `http` endpoint is refused as well, by its name,
            /// unless the client was made with such an endpoint and the credentials: a password that was
            /// given for `https` would be sent in clear. The endpoints are as before then.
            pub fn set_endpoints<U: AsRef<str>>(
                &self,
                endpoints: impl IntoIterator<Item = U>,
            ) -> Result<(), etcd_v2_proto::Error> {
                self.inner.set_endpoints(endpoints)
            }

            /// Shows each request as a `curl` command from now on, in all clones, watches included, and
            /// as long as this is not [switched off](Self::disable_curl).
            ///
            /// Passwords are not in the command; values are. See [`Curl`](etcd_v2_proto::Curl) for
            /// having it otherwise. The closure is called right before a request is sent, by
            /// whichever thread sends it.
            ///
            /// ```no_run
            /// # fn example(client: etcd_v2_client::Client) {
            /// client.enable_curl(|command| eprintln!("{command}"));
            /// // Without the values of keys:
            /// client.enable_curl(|command| eprintln!("{}", command.without_values()));
            /// # }
            /// ```
            pub fn enable_curl(
                &self,
                show: impl Fn(etcd_v2_proto::Curl<'_>) + Send + std::marker::Sync + 'static,
            ) {
                self.inner.shared.hooks().show_curl(Some(std::sync::Arc::new(show)));
            }

            /// The same, each command being an event for `tracing`, at the level debug, under the
            /// target `etcd_v2_client::curl`.
            #[cfg(feature = "tracing")]
            pub fn enable_curl_tracing(&self) {
                self.enable_curl(|command| {
                    tracing::debug!(target: "etcd_v2_client::curl", "{command}");
                });
            }

            /// Shows requests no more, in all clones.
            pub fn disable_curl(&self) {
                self.inner.shared.hooks().show_curl(None);
            }

            /// The keys API, at `/v2/keys`.
            #[must_use]
            pub fn keys(&self) -> $keys {
                $keys { client: self.clone(), space: Space::default() }
            }

            /// The keys API under another path, as some proxies have it.
            #[must_use]
            pub fn keys_at(&self, prefix: impl Into<std::sync::Arc<str>>) -> $keys {
                $keys { client: self.clone(), space: Space::at(Some(prefix.into())) }
            }

            /// The members API.
            #[must_use]
            pub fn members(&self) -> $members {
                $members::new(self.clone())
            }

            /// The auth API, with the users and the roles.
            #[must_use]
            pub fn auth(&self) -> $auth {
                $auth::new(self.clone())
            }

            /// Statistics.
            #[must_use]
            pub fn stats(&self) -> $stats {
                $stats::new(self.clone())
            }
        }
    };
}

pub(crate) use client_methods;
