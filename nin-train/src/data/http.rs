//! The HTTP client, with limits on time and size. Without the feature `fetch` every download fails.

#[cfg(feature = "fetch")]
mod client {
    use std::io::Read;
    use std::time::Duration;

    use ureq::Agent;

    use crate::support::text::grouped;

    /// A client for one server.
    pub struct Client(Agent);

    impl Client {
        /// Makes a client for the server of `base`. An `https` address is never redirected to plain `http`.
        ///
        /// It waits at most `resolve` for the DNS look-up, `connect` for a connection and then for the response's
        /// headers, and `stall` for the next bytes.
        pub fn new(base: &str, resolve: Duration, connect: Duration, stall: Duration) -> Self {
            let builder = Agent::config_builder()
                .https_only(base.starts_with("https:"))
                .user_agent(concat!("nin-train/", env!("CARGO_PKG_VERSION")))
                .timeout_resolve(Some(resolve))
                .timeout_connect(Some(connect))
                .timeout_recv_response(Some(connect))
                .timeout_per_read(Some(stall))
                .timeout_per_write(Some(stall));
            // A proxy for the internet can't reach this machine's local addresses.
            let own = ["://127.0.0.1", "://localhost"].iter().any(|own| base.contains(own));
            let builder = if own { builder.proxy(None) } else { builder };
            Self(builder.build().into())
        }

        /// Downloads a file of at most `most` bytes. `progress` receives the bytes so far, and the file's length if the
        /// server sent it.
        ///
        /// # Errors
        ///
        /// A description of the problem, without the URL.
        pub fn download(
            &self,
            url: &str,
            most: u64,
            progress: &mut dyn FnMut(u64, Option<u64>),
        ) -> Result<Vec<u8>, String> {
            let body = self.0.get(url).call().map_err(|error| error.to_string())?.into_body();
            let total = body.content_length();
            let mut reader = body.into_reader().take(most + 1);
            let mut bytes = Vec::new();
            let mut block = vec![0; 1 << 16];
            loop {
                progress(bytes.len() as u64, total);
                let count = reader
                    .read(&mut block)
                    .map_err(|error| format!("broke off after {} bytes: {error}", grouped(bytes.len() as u64)))?;
                if count == 0 {
                    break;
                }
                bytes.extend_from_slice(&block[..count]);
            }
            let count = bytes.len() as u64;
            if count > most {
                return Err(format!("is longer than the limit of {} bytes", grouped(most)));
            }
            match total {
                Some(total) if total != count => {
                    Err(format!("ended after {} of {} bytes", grouped(count), grouped(total)))
                }
                _ => Ok(bytes),
            }
        }
    }
}

#[cfg(not(feature = "fetch"))]
mod client {
    use std::time::Duration;

    /// A client that downloads nothing.
    pub struct Client;

    impl Client {
        /// Makes a client that downloads nothing.
        pub fn new(_: &str, _: Duration, _: Duration, _: Duration) -> Self {
            Self
        }

        /// Returns an error.
        ///
        /// # Errors
        ///
        /// Always; it names the missing feature.
        pub fn download(&self, _: &str, _: u64, _: &mut dyn FnMut(u64, Option<u64>)) -> Result<Vec<u8>, String> {
            Err("nin-train was built without its feature `fetch`, so it downloads nothing; build it with that feature"
                .to_owned())
        }
    }
}

pub(super) use client::Client;
