//! The HTTP client that fetches files: bounded in time and size. Without the feature `fetch` it refuses each.

#[cfg(feature = "fetch")]
mod client {
    use std::io::Read;
    use std::time::Duration;

    use ureq::Agent;

    use crate::support::text::grouped;

    /// A client for one server.
    pub struct Client(Agent);

    impl Client {
        /// Makes a client for the server of `base`. From an `https` address it is never redirected to plain `http`.
        ///
        /// It waits at most `resolve` for the name look-up, `connect` for a connection and then for the answer's head,
        /// and `stall` for the next bytes.
        pub fn new(base: &str, resolve: Duration, connect: Duration, stall: Duration) -> Self {
            let builder = Agent::config_builder()
                .https_only(base.starts_with("https:"))
                .user_agent(concat!("nin-train/", env!("CARGO_PKG_VERSION")))
                .timeout_resolve(Some(resolve))
                .timeout_connect(Some(connect))
                .timeout_recv_response(Some(connect))
                .timeout_per_read(Some(stall))
                .timeout_per_write(Some(stall));
            // A proxy set for the outside world can't reach this machine's own addresses.
            let own = ["://127.0.0.1", "://localhost"].iter().any(|own| base.contains(own));
            let builder = if own { builder.proxy(None) } else { builder };
            Self(builder.build().into())
        }

        /// Fetches a file of at most `most` bytes. `progress` is told the bytes received so far, and those of the whole
        /// file if the server gives them.
        ///
        /// # Errors
        ///
        /// What went wrong, without the address.
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
                return Err(format!("is longer than the {} bytes it may have", grouped(most)));
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

    /// Stands in for the client.
    pub struct Client;

    impl Client {
        /// Makes a client that fetches nothing.
        pub fn new(_: &str, _: Duration, _: Duration, _: Duration) -> Self {
            Self
        }

        /// Refuses to fetch.
        ///
        /// # Errors
        ///
        /// Always: how to build this crate so that it can.
        pub fn download(&self, _: &str, _: u64, _: &mut dyn FnMut(u64, Option<u64>)) -> Result<Vec<u8>, String> {
            Err("nothing is downloaded by nin-train without its feature `fetch`; build it with that feature".to_owned())
        }
    }
}

pub(super) use client::Client;
