//! Who signs the tokens that are believed.

use std::{net::IpAddr, time::Duration};

use super::{mistake::Mistakes, server::Mode, values::duration_between};
use crate::access::{JwksSource, Secret};

/// The least length of a secret that production accepts, in bytes: the output size of SHA-256.
const SECRET_BYTES: usize = 32;

/// Keys, claims and the ways to get a token.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Identity")]
pub struct IdentitySettings {
    /// HS256 secret that tokens are signed with, at least 32 bytes. Two, separated by a comma, while one replaces the
    /// other: the first signs, both are believed. Unset in development: generated and kept in the data folder
    #[arg(
        long,
        env = "FANFARE_JWT_SECRET",
        value_name = "SECRET[,SECRET]",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub jwt_secret: Vec<Secret>,

    /// JWKS with the public keys of whoever signs the tokens (RS256, ES256, EdDSA), a file or an https address, instead
    /// of a secret. An address is asked again when a token names an unknown key
    #[arg(long, env = "FANFARE_JWKS", value_name = "PATH|URL", hide_short_help = true)]
    pub jwks: Option<String>,

    /// The `iss` that a token must have
    #[arg(
        long,
        env = "FANFARE_JWT_ISSUER",
        value_name = "TEXT",
        default_value = "fanfare",
        hide_short_help = true
    )]
    pub jwt_issuer: String,

    /// The `aud` that a token must have
    #[arg(
        long,
        env = "FANFARE_JWT_AUDIENCE",
        value_name = "TEXT",
        default_value = "fanfare",
        hide_short_help = true
    )]
    pub jwt_audience: String,

    /// Secret that connection tickets are signed with; the same on every instance. Unset: the first JWT secret
    #[arg(
        long,
        env = "FANFARE_TICKET_SECRET",
        value_name = "SECRET",
        hide_env_values = true,
        hide_short_help = true
    )]
    pub ticket_secret: Option<Secret>,

    /// How long a connection ticket is good for
    #[arg(long, env = "FANFARE_TICKET_TTL", value_name = "DURATION", default_value = "90s",
          value_parser = duration_between("5s", "90s"), hide_short_help = true)]
    pub ticket_ttl: Duration,

    /// Let `POST /api/dev/login` give a token to anybody who asks. Unset: in development only
    #[arg(long, env = "FANFARE_DEV_LOGIN", value_name = "SWITCH", default_missing_value = "true", num_args = 0..=1,
          require_equals = true, value_parser = super::values::parse_switch)]
    pub dev_login: Option<bool>,
}

impl IdentitySettings {
    /// Whether the development login answers.
    pub fn dev_login(&self, mode: Mode) -> bool {
        self.dev_login.unwrap_or(mode == Mode::Development) && self.jwks.is_none()
    }

    pub(super) fn check(&self, mode: Mode, mistakes: &mut Mistakes) {
        self.check_sources(mistakes);
        self.check_secrets(mode, mistakes);
        if self.dev_login == Some(true) && mode == Mode::Production {
            mistakes.add(
                "FANFARE_DEV_LOGIN",
                "true".to_owned(),
                "In production it would let anybody be anybody",
                "Take it out; tokens come from your own identity service, or from `fanfare token`",
            );
        } else if self.dev_login == Some(true) && self.jwks.is_some() {
            mistakes.add(
                "FANFARE_DEV_LOGIN",
                "true".to_owned(),
                "With a JWKS only its owner can sign tokens, so there is nothing the login could give",
                "Take it out, or set FANFARE_JWT_SECRET instead of the JWKS",
            );
        }
    }

    fn check_sources(&self, mistakes: &mut Mistakes) {
        if self.jwks.is_some() && !self.jwt_secret.is_empty() {
            mistakes.add(
                "FANFARE_JWT_SECRET",
                "***".to_owned(),
                "A JWKS is set too; a token is checked with secrets or with a JWKS, never with whichever fits",
                "Keep one of the two",
            );
        }
        if let Some((problem, remedy)) = self.jwks.as_deref().and_then(wrong_key_set) {
            mistakes.add("FANFARE_JWKS", self.jwks.clone(), problem, remedy);
        }
        for (setting, claim) in
            [("FANFARE_JWT_ISSUER", &self.jwt_issuer), ("FANFARE_JWT_AUDIENCE", &self.jwt_audience)]
        {
            let taken = setting == "FANFARE_JWT_AUDIENCE" && claim == "ws";
            if claim.is_empty() || taken {
                mistakes.add(
                    setting,
                    claim.clone(),
                    if taken { "It is the audience of connection tickets" } else { "It is empty" },
                    "Choose the name that your tokens carry",
                );
            }
        }
        if self.jwt_secret.len() > 2 {
            mistakes.add(
                "FANFARE_JWT_SECRET",
                "***".to_owned(),
                format!("It has {} secrets (a comma separates them)", self.jwt_secret.len()),
                "Give one, or two while one replaces the other; a secret itself has no comma",
            );
        }
    }

    fn check_secrets(&self, mode: Mode, mistakes: &mut Mistakes) {
        const NEW_ONE: &str = "Generate one with `openssl rand -base64 48`";
        if self.jwt_secret.is_empty() && self.jwks.is_none() && mode == Mode::Production {
            mistakes.add(
                "FANFARE_JWT_SECRET",
                None,
                "Production needs a key that tokens are checked with",
                format!("{NEW_ONE}, or set FANFARE_JWKS"),
            );
        }
        if self.jwks.is_some() && self.ticket_secret.is_none() && mode == Mode::Production {
            mistakes.add(
                "FANFARE_TICKET_SECRET",
                None,
                "With a JWKS the server has no secret of its own to sign connection tickets with",
                format!("{NEW_ONE}, the same on every instance"),
            );
        }
        let secrets = self.jwt_secret.iter().map(|secret| ("FANFARE_JWT_SECRET", secret));
        let ticket = self.ticket_secret.iter().map(|secret| ("FANFARE_TICKET_SECRET", secret));
        for (setting, secret) in secrets.chain(ticket) {
            let bytes = secret.len();
            if bytes == 0 || (bytes < SECRET_BYTES && mode == Mode::Production) {
                mistakes.add(
                    setting,
                    "***".to_owned(),
                    format!("It has {bytes} bytes; under {SECRET_BYTES} it can be guessed"),
                    NEW_ONE,
                );
            }
        }
    }
}

/// What is wrong with the place of a key set, and what helps.
fn wrong_key_set(text: &str) -> Option<(&'static str, &'static str)> {
    match text.parse() {
        Ok(JwksSource::File(_)) => None,
        Ok(JwksSource::Url(url)) => {
            let host = url.host_str().unwrap_or_default();
            let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
            (url.scheme() == "http" && !here).then_some((
                "Whoever can change the answer on its way can sign any token",
                "Use an https:// address",
            ))
        }
        Err(_) => Some((
            "It is neither a path nor an address",
            "Write for example https://id.example.net/jwks.json",
        )),
    }
}
