//! Mails to teams: that so many notices wait, and where to look. Never a name, a number or anything about anybody: mail is
//! read by whoever stands behind the screen, and kept by servers we know nothing of.

use super::queue::{Outbox, Stopped, Tried};
use crate::{
    config::{
        Config,
        outward::{Mail, MailTls},
    },
    failure::{Failure, Outcome, io_words},
};
use ::notify::{Mail as Due, Team};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
        extension::ClientId,
    },
};
use std::{collections::HashSet, error::Error, path::PathBuf, time::Duration};

/// The name of the queue.
pub const QUEUE: &str = "mail";
/// Mails looked at together.
const BATCH: usize = 50;
/// How long one exchange with the server may take.
const EXCHANGE_SECONDS_MAX: u64 = 60;
/// As many digits as an NHS number has.
const NUMBER_DIGITS: usize = 10;

/// What sends mails.
pub struct Mails {
    server: Server,
    from: Mailbox,
    public_url: String,
    region: (String, String),
    outbox: Outbox,
    /// To whom of the mail in hand it went already, so that a second address in trouble does not bring the first it twice.
    delivered: (u64, HashSet<String>),
}

/// How the server is reached.
pub struct Server {
    host: String,
    port: u16,
    tls: MailTls,
    authorities: Option<Vec<u8>>,
    login: Option<(String, PathBuf)>,
    hello: String,
}

impl Server {
    /// As configured; files are read once, so that what is wrong shows at the start.
    pub fn open(config: &Config, mail: &Mail) -> Outcome<Server> {
        let asked = |what: String| Failure::asked(format!("{}: [mail] {what}", config.file.display()));
        let read = |path: &PathBuf, key: &str| {
            let path = config.beside(path);
            std::fs::read(&path)
                .map_err(|error| asked(format!("{key}: cannot read {}: {}", path.display(), io_words(&error))))
        };
        let authorities = mail.authorities.as_ref().map(|file| read(file, "authorities")).transpose()?;
        if let Some(file) = &mail.password_file {
            read(file, "password_file")?;
        }
        let from = mail.from.parse::<Mailbox>().map_err(|_| asked("from is no address".into()))?;
        let server = Server {
            host: mail.server.clone(),
            port: mail.port(),
            tls: mail.tls,
            authorities,
            login: mail.user.clone().zip(mail.password_file.as_ref().map(|file| config.beside(file))),
            hello: from.email.domain().to_owned(),
        };
        server.transport().map_err(asked)?;
        Ok(server)
    }

    /// Made for each mail: mails are few, and a password that was changed needs no restart.
    fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
        let tls = match self.tls {
            MailTls::None => Tls::None,
            MailTls::Required => Tls::Wrapper(self.parameters()?),
            MailTls::Starttls => Tls::Required(self.parameters()?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host)
            .port(self.port)
            .tls(tls)
            .hello_name(ClientId::Domain(self.hello.clone()))
            .timeout(Some(Duration::from_secs(EXCHANGE_SECONDS_MAX)));
        if let Some((user, file)) = &self.login {
            let password = std::fs::read_to_string(file)
                .map_err(|error| format!("password_file cannot be read: {}", io_words(&error)))?;
            builder = builder.credentials(Credentials::new(user.clone(), password.trim_end().to_owned()));
        }
        Ok(builder.build())
    }

    fn parameters(&self) -> Result<TlsParameters, String> {
        let mut builder = TlsParameters::builder(self.host.clone());
        if let Some(pem) = &self.authorities {
            let authority = Certificate::from_pem(pem).map_err(|_| "authorities is no PEM file of certificates")?;
            builder = builder.certificate_store(CertificateStore::None).add_root_certificate(authority);
        }
        builder.build().map_err(|_| "TLS cannot be set up".to_owned())
    }
}

impl Mails {
    /// What sends mails as configured.
    pub fn new(config: &Config, mail: &Mail, outbox: Outbox) -> Outcome<Mails> {
        let from = mail.from.parse().map_err(|_| Failure::asked("[mail] from is no address"))?;
        Ok(Mails {
            server: Server::open(config, mail)?,
            from,
            public_url: config.http.public_url.as_deref().unwrap_or_default().trim_end_matches('/').to_owned(),
            region: (config.region.code.clone(), config.region.name.clone()),
            outbox,
            delivered: (0, HashSet::new()),
        })
    }

    /// Send until told to stop. Trouble is logged and tried again; this never ends by itself.
    pub async fn follow(mut self) {
        loop {
            match self.run().await {
                Ok(()) => {}
                Err(stopped) => {
                    if !self.outbox.after(stopped).await {
                        return;
                    }
                }
            }
        }
    }

    async fn run(&mut self) -> Result<(), Stopped> {
        let now = self.outbox.now();
        let begun = self.outbox.with(move |notices| notices.begin_queue(QUEUE, now)).await?;
        let mut stirred = self.outbox.notices.queues_stirred();
        let mut passed = 0_u64;
        loop {
            let queue = self.outbox.due().await?;
            let mails = self.outbox.with(move |notices| notices.mails_after(queue.sent, BATCH)).await?;
            if mails.is_empty() {
                if passed > 0 {
                    tracing::warn!(mails = passed, before = %begun, "mails from before this start of the queue are not sent");
                    passed = 0;
                }
                self.outbox.rest(&mut stirred).await?;
                continue;
            }
            for mail in mails {
                if self.outbox.stop.is_cancelled() {
                    return Err(Stopped::Asked);
                }
                if mail.at < begun {
                    passed += 1;
                    self.outbox.advance(mail.id).await?;
                    continue;
                }
                let tried = self.send(&mail).await?;
                if !self.outbox.settle(mail.id, tried).await? {
                    break;
                }
            }
        }
    }

    async fn send(&mut self, due: &Due) -> Result<Tried, Stopped> {
        let number = due.team;
        let team = self.outbox.with(move |notices| notices.team_numbered(number)).await?;
        // Who wants mails no more, or is no more, gets none.
        let Some(team) = team.filter(|team| !team.rules.mail.is_empty()) else { return Ok(Tried::Taken) };
        let transport = match self.server.transport() {
            Ok(transport) => transport,
            Err(why) => return Ok(Tried::Failed(why)),
        };
        if self.delivered.0 != due.id {
            self.delivered = (due.id, HashSet::new());
        }
        let mut refused = None;
        for (index, to) in team.rules.mail.iter().enumerate() {
            if self.delivered.1.contains(to) {
                continue;
            }
            let Some(message) = self.message(due, &team, index, to) else {
                refused = Some("an address in the team’s rules is none".to_owned());
                continue;
            };
            let sent = tokio::select! {
                () = self.outbox.stop.cancelled() => return Err(Stopped::Asked),
                sent = transport.send(message) => sent,
            };
            match sent {
                Ok(_) => {
                    self.delivered.1.insert(to.clone());
                }
                Err(error) if is_about_the_address(&error) => refused = Some(words(&error)),
                Err(error) => return Ok(Tried::Failed(words(&error))),
            }
        }
        Ok(refused.map_or(Tried::Taken, Tried::Refused))
    }

    /// The mail to one address; None when the address is none.
    fn message(&self, due: &Due, team: &Team, index: usize, to: &str) -> Option<Message> {
        let (subject, body) = self.text(due, team);
        let to: Address = to.parse().ok()?;
        let (region, _) = &self.region;
        // The same for the same mail, so that one that comes twice is seen to be one (RFC 5322 §3.6.4).
        let id = format!(
            "<{region}.{}.{}.{}.{index}@{}>",
            due.team,
            due.at.as_microsecond(),
            due.why,
            self.from.email.domain()
        );
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject)
            .date(due.at.into())
            .message_id(Some(id))
            // Nobody's absence note answers it (RFC 3834 §5).
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".into()))
            .header(ContentType::TEXT_PLAIN)
            .body(body)
            .ok()
    }

    fn text(&self, due: &Due, team: &Team) -> (String, String) {
        let name = name(&team.name).unwrap_or_else(|| "a team of yours".to_owned());
        let (_, region) = &self.region;
        let region = tidy(region);
        let notices = if due.count == 1 { "1 notice".to_owned() } else { format!("{} notices", due.count) };
        let (subject, what) = match due.why.as_str() {
            "digest" => (
                format!("{notices} in the last day for {name}"),
                format!("{notices} came in for {name} in the last day."),
            ),
            _ => {
                let wait = if due.count == 1 { "waits" } else { "wait" };
                (
                    format!("{notices} {wait} for {name}"),
                    format!(
                        "Nobody has acknowledged {notices} for {name}, so {} passed on.",
                        if due.count == 1 { "it was" } else { "they were" }
                    ),
                )
            }
        };
        let body = format!(
            "{what}\n\nSee the inbox:\n{}/teams/{}\n\nThis message says nothing about anybody on purpose. Where it goes, and \
             when, is in the team's rules.\n{region}\n",
            self.public_url, team.id
        );
        (subject, body)
    }
}

/// The team's name as it may stand in a mail; None when it holds digits that might be an NHS number.
fn name(name: &str) -> Option<String> {
    let name = tidy(name);
    let mut digits = 0;
    for c in name.chars() {
        match c {
            c if c.is_numeric() => digits += 1,
            ' ' | '-' | '.' | '\u{a0}' => {}
            _ => digits = 0,
        }
        if digits >= NUMBER_DIGITS {
            return None;
        }
    }
    (!name.is_empty()).then_some(name)
}

/// Without what could end a line of a header.
fn tidy(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// Whether the server will not take mail to this address (RFC 5321 §4.2.3: 550, 551, 553), whatever else it takes.
fn is_about_the_address(error: &lettre::transport::smtp::Error) -> bool {
    error.status().is_some_and(|code| matches!(u16::from(code), 550 | 551 | 553))
}

/// What went wrong, without the server's own words: those may repeat an address.
fn words(error: &lettre::transport::smtp::Error) -> String {
    if let Some(code) = error.status() {
        return format!("the mail server answered {code}");
    }
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            && io.kind() != std::io::ErrorKind::Other
        {
            return format!("no connection with the mail server: {}", io_words(io));
        }
        cause = error.source();
    }
    match error {
        error if error.is_timeout() => "the mail server did not answer in time".into(),
        error if error.is_tls() => "TLS with the mail server failed: is its certificate for this name?".into(),
        error if error.is_client() => "the mail server offers no sign-in or TLS that we know".into(),
        _ => "no connection with the mail server".into(),
    }
}

#[cfg(test)]
#[path = "mail_tests.rs"]
mod tests;
