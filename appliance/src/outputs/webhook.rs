//! Webhooks: a POST for each thing that becomes of a finding, signed.
//!
//! ```text
//! POST /…
//! content-type: application/json
//! webhook-id: 4dfc782a684a1893-1795318850000000000      the same each time that it is tried again, after a restart too
//! webhook-timestamp: 1795318850                         of this attempt, in seconds since 1970
//! webhook-signature: v1,BASE64                          HMAC-SHA256 over id "." timestamp "." body
//!
//! {"type":"finding","change":"made","id":"4dfc782a684a1893",…}      a line of `--format jsonl`
//! ```
//!
//! Source: Standard Webhooks, <https://github.com/standard-webhooks/standard-webhooks>, `spec/standard-webhooks.md`: the
//! libraries of that project verify it. RFC 2104 (HMAC).
//!
//! 2xx is delivered. 408, 429, 5xx and silence are tried again; anything else, a redirection too, is refused for good.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ring::hmac;
use spanwatch_capture::wall_clock;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::forward::{Receiver, Undelivered};
use super::queue::Letter;
use super::{Unfit, tls};
use crate::config::{self, Url};

/// One receiver of webhooks.
pub(super) struct Webhook {
    to: Url,
    key: hmac::Key,
    agent: Agent,
}

impl Webhook {
    /// Reads secret and certificates; does not connect.
    ///
    /// # Errors
    /// Where they cannot be used.
    pub(super) fn new(config: &config::Webhook) -> Result<Self, Unfit> {
        let to = config.to.clone();
        let unfit = |key| move |why| Unfit { key, why };
        let secret = secret(&config.secret_file).map_err(unfit("secret_file"))?;
        let mut builder = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .http_status_as_error(false)
            .proxy(None)
            .user_agent(concat!("spanwatch/", env!("CARGO_PKG_VERSION")));
        if to.is_secret() {
            let roots = tls::certificates(&config.ca_file).map_err(unfit("ca_file"))?;
            let roots = roots.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
            let tls = TlsConfig::builder()
                .root_certs(RootCerts::Specific(Arc::new(roots)))
                .unversioned_rustls_crypto_provider(tls::provider())
                .build();
            builder = builder.tls_config(tls);
        }
        Ok(Self { to, key: hmac::Key::new(hmac::HMAC_SHA256, &secret), agent: builder.build().into() })
    }

    fn signature(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
        format!("v1,{}", BASE64_STANDARD.encode(hmac::sign(&self.key, &signed)))
    }
}

impl Receiver for Webhook {
    fn deliver(&mut self, letter: &Letter) -> Result<(), Undelivered> {
        let message = &letter.message;
        let (id, body) = (&message.id, message.body.as_bytes());
        let timestamp = wall_clock().0 / 1_000_000_000;
        let mut request = self
            .agent
            .post(self.to.as_str())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", self.signature(id, timestamp, body));
        if letter.lost > 0 {
            request = request.header("spanwatch-lost", letter.lost.to_string());
        }
        let mut answer = request.send(body).map_err(|error| {
            Undelivered::Unreached(match error {
                ureq::Error::Timeout(_) => format!("no answer in {} s", PATIENCE.as_secs()),
                ureq::Error::Io(error) => error.to_string(),
                error => error.to_string(),
            })
        })?;
        let status = answer.status().as_u16();
        // Read, so that the connection can be used again; an answer that is longer ends it.
        let _ = answer.body_mut().as_reader().take(ANSWER_MAX).read_to_end(&mut Vec::new());
        match status {
            200..=299 => Ok(()),
            408 | 429 | 500..=599 => Err(Undelivered::Unreached(format!("it answers with {status}"))),
            _ => Err(Undelivered::Refused(format!("it answers with {status}"))),
        }
    }
}

/// Reads a secret: `whsec_` and base64, as Standard Webhooks writes them, or any text that is long enough.
fn secret(file: &Path) -> Result<Vec<u8>, String> {
    let text = config::secret(file)?;
    let bytes = match text.strip_prefix("whsec_") {
        Some(encoded) => BASE64_STANDARD
            .decode(encoded)
            .map_err(|_| format!("{}: what follows whsec_ is no base64", file.display()))?,
        None => text.into_bytes(),
    };
    if bytes.len() < SECRET_MIN {
        return Err(format!(
            "{}: a secret of {} bytes can be guessed; `openssl rand -base64 32` makes a good one",
            file.display(),
            bytes.len()
        ));
    }
    Ok(bytes)
}

/// For an attempt, from the name's look-up to the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read.
const ANSWER_MAX: u64 = 4_096;
/// As Standard Webhooks has it.
const SECRET_MIN: usize = 24;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::path::PathBuf;
    use std::thread;

    use super::super::test::message;
    use super::*;
    use crate::config::Config;

    /// One that signs with a secret and posts to a port of this machine.
    fn webhook(port: u16, secret: &str) -> Result<Webhook, Unfit> {
        let file = std::env::temp_dir().join(format!("spanwatch-webhook-{}-{port}", std::process::id()));
        fs::write(&file, secret).unwrap();
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let text = format!("[[webhook]]\nto = \"http://127.0.0.1:{port}/hook\"\nsecret_file = {file:?}\n");
        let config = Config::parse(&text, &PathBuf::from("/x.toml")).unwrap();
        let webhook = Webhook::new(&config.webhook[0]);
        fs::remove_file(&file).unwrap();
        webhook
    }

    /// What the library of Standard Webhooks for Python (1.1.0) signs so.
    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        let webhook =
            webhook(1, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap_or_else(|it| panic!("{it:?}"));
        let signature =
            webhook.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b"{\"test\": 2432232314}");
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_can_be_guessed_is_refused_and_not_shown() {
        for (port, secret) in [(2, "short"), (3, "whsec_c2hvcnQ="), (4, "whsec_#"), (5, "")] {
            let why = webhook(port, secret).map(|_| ()).unwrap_err().why;
            assert!(why.contains("can be guessed") || why.contains("no base64"), "{why}");
            assert!(secret.is_empty() || !why.contains(secret), "{why}");
        }
    }

    #[test]
    fn what_the_receiver_answers_decides_whether_it_is_tried_again() {
        for (answer, outcome) in [
            ("200 OK", "delivered"),
            ("204 No Content", "delivered"),
            ("301 Moved\r\nLocation: http://127.0.0.1:1/", "refused"),
            ("400 Bad Request", "refused"),
            ("408 Request Timeout", "unreached"),
            ("410 Gone", "refused"),
            ("429 Too Many Requests", "unreached"),
            ("503 Service Unavailable", "unreached"),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            let mut webhook =
                webhook(port, "0123456789 0123456789 0123").unwrap_or_else(|it| panic!("{it:?}"));
            let got = thread::scope(|scope| {
                let asked = scope.spawn(move || {
                    let (mut asker, _) = listener.accept().unwrap();
                    let mut lines = BufReader::new(asker.try_clone().unwrap()).lines();
                    let head: Vec<String> =
                        lines.by_ref().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
                    lines.next().unwrap().unwrap();
                    write!(asker, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                        .unwrap();
                    head
                });
                let letter = Letter { message: message("made", "high"), lost: 7 };
                let got = match webhook.deliver(&letter) {
                    Ok(()) => "delivered",
                    Err(Undelivered::Refused(_)) => "refused",
                    Err(Undelivered::Unreached(_)) => "unreached",
                };
                let head = asked.join().unwrap();
                assert_eq!(head[0], "POST /hook HTTP/1.1");
                assert!(
                    head.contains(&"webhook-id: 4dfc782a684a1893-1795318850123456789".to_owned()),
                    "{head:?}"
                );
                assert!(head.contains(&"spanwatch-lost: 7".to_owned()), "{head:?}");
                got
            });
            assert_eq!(got, outcome, "{answer}");
        }
    }
}
