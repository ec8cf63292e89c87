//! `[mail]`, `[[adt_out]]` and `[[census]]`: what goes out to those who read no FHIR, and what is compared with a hospital's
//! own list.

use super::{Config, Reach};
use lettre::message::Mailbox;
use mapping::Profile;
use notify::Topic;
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf};

/// How a mail server is spoken to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// TLS from the first byte (RFC 8314 §3.3).
    #[default]
    Required,
    /// Plain at first, then STARTTLS (RFC 3207); a server that offers none gets nothing.
    Starttls,
    /// Plain: to a server on this machine alone.
    None,
}

/// `[mail]`: the server that mails go to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// Its name; the certificate must be for it.
    pub server: String,
    /// Its port. Left out: 465, with STARTTLS 587, plain 25.
    pub port: Option<u16>,
    /// The sender's address, alone or as `Name <address>`.
    pub from: String,
    /// `required`, `starttls` or `none`.
    #[serde(default)]
    pub tls: MailTls,
    /// Who we are there.
    pub user: Option<String>,
    /// A file with the password, one line.
    pub password_file: Option<PathBuf>,
    /// The server's certificate must be signed by one of these authorities (a PEM file). Left out: the system's.
    pub authorities: Option<PathBuf>,
}

impl Mail {
    /// The port.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            MailTls::Required => 465,
            MailTls::Starttls => 587,
            MailTls::None => 25,
        })
    }
}

/// The events that ADT messages can tell.
pub const ADT_TOPICS: [Topic; 5] =
    [Topic::Attended, Topic::Admitted, Topic::Moved, Topic::ExpectedDischarge, Topic::Discharged];

/// `[[adt_out]]`: a system that is told of stays by HL7 v2 ADT messages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdtOut {
    /// Its name: small letters, digits, hyphens. How far it has got is kept under this name.
    pub name: String,
    /// Host and port of its MLLP listener.
    pub to: String,
    /// The system's id, as the audit trail shows it.
    pub id: String,
    /// The ODS code of the organisation that answers for it.
    pub organisation_code: String,
    /// That organisation's name.
    pub organisation_name: String,
    /// About whom it may be told: `organisation` (those whom its organisation looks after) or `region`.
    #[serde(default)]
    pub reach: Reach,
    /// About people on one of these caseloads alone, by key.
    #[serde(default)]
    pub lists: Vec<String>,
    /// Said by the sources of these organisations alone, by ODS code.
    #[serde(default)]
    pub organisations: Vec<String>,
    /// These events alone; left out: all five.
    #[serde(default)]
    pub topics: Vec<Topic>,
    /// MSH-3.
    #[serde(default = "default_application")]
    pub sending_application: String,
    /// MSH-4; left out: the region's code.
    pub sending_facility: Option<String>,
    /// MSH-5.
    #[serde(default)]
    pub receiving_application: String,
    /// MSH-6.
    #[serde(default)]
    pub receiving_facility: String,
    /// With TLS: its certificate must be signed by one of these authorities (a PEM file).
    pub authorities: Option<PathBuf>,
}

fn default_application() -> String {
    "SKEIN".into()
}

impl AdtOut {
    /// The name of its queue.
    pub fn queue(&self) -> String {
        format!("adt:{}", self.name)
    }
}

/// Whether it hangs together. `ids`: of users and clients, and who has them.
pub fn check<'a>(
    config: &'a Config,
    sources: &BTreeMap<&str, ()>,
    ids: &mut BTreeMap<&'a str, ()>,
) -> Result<(), String> {
    if let Some(mail) = &config.mail {
        check_mail(config, mail).map_err(|what| format!("[mail]: {what}"))?;
    }
    let mut names = BTreeMap::new();
    for out in &config.adt_out {
        let name = out.name.as_str();
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
            return Err(format!("adt_out \"{name}\": a name is small letters, digits and hyphens"));
        }
        let say = |what: &str| Err(format!("adt_out \"{name}\": {what}"));
        if names.insert(name, ()).is_some() {
            return Err(format!("two adt_outs have the name \"{name}\""));
        }
        if ids.insert(out.id.as_str(), ()).is_some() {
            return say(&format!("two users, clients or receivers have the id \"{}\"", out.id));
        }
        if out.to.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok()).is_none() {
            return say("to is host:port");
        }
        if let Some(topic) = out.topics.iter().find(|topic| !ADT_TOPICS.contains(topic)) {
            let can: Vec<&str> = ADT_TOPICS.iter().map(|topic| topic.code()).collect();
            return say(&format!("no ADT message tells \"{}\"; topics are {}", topic.code(), can.join(", ")));
        }
    }
    let mut compared = BTreeMap::new();
    for census in &config.censuses {
        let source = census.source.as_str();
        if !sources.contains_key(source) {
            return Err(format!("census names source \"{source}\", which no [[source]] describes"));
        }
        if config.sources.iter().find(|known| known.source == source).is_none_or(|known: &Profile| known.ods.is_none())
        {
            return Err(format!(
                "census of source \"{source}\": give the source its ods, so that its staff can see it"
            ));
        }
        if compared.insert(source, ()).is_some() {
            return Err(format!("two censuses are of source \"{source}\""));
        }
    }
    Ok(())
}

fn check_mail(config: &Config, mail: &Mail) -> Result<(), String> {
    if config.http.public_url.is_none() {
        return Err("set http.public_url: a mail says where to look".into());
    }
    if mail.from.parse::<Mailbox>().is_err() {
        return Err("from is an address, or Name <address>".into());
    }
    if mail.server.is_empty() || mail.server.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("server is a host name".into());
    }
    if mail.tls == MailTls::None && !crate::exposed::is_here(&format!("{}:{}", mail.server, mail.port())) {
        return Err("tls = \"none\" is for a server on this machine alone: use \"required\" or \"starttls\"".into());
    }
    if mail.tls == MailTls::None && mail.authorities.is_some() {
        return Err("authorities needs TLS".into());
    }
    match (&mail.user, &mail.password_file) {
        (Some(_), None) => Err("user needs password_file".into()),
        (None, Some(_)) => Err("password_file needs user".into()),
        _ => Ok(()),
    }
}

/// `[[census]]`: a folder in which a hospital leaves its own list of inpatients.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Census {
    /// The hospital's source.
    pub source: String,
    /// Where it leaves its lists; relative to the configuration file. The newest is compared.
    pub folder: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn read(rest: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.toml");
        let region = "[region]\ncode = \"r\"\nname = \"R\"\ndata = \"d\"\n[http]\npublic_url = \"https://r.example\"\n\
                      [[source]]\nsource = \"a\"\nods = \"RXX\"\n[[source]]\nsource = \"b\"\n";
        std::fs::write(&file, format!("{region}{rest}")).unwrap();
        Config::read(Path::new(&file)).map_err(|failure| format!("{failure:?}"))
    }

    fn mail(more: &str) -> String {
        format!("[mail]\nserver = \"smtp.example\"\nfrom = \"Skein <skein@r.example>\"\n{more}")
    }

    fn out(more: &str) -> String {
        format!(
            "[[adt_out]]\nname = \"n\"\nto = \"h:1\"\nid = \"i\"\norganisation_code = \"O\"\norganisation_name = \"O\"\n{more}"
        )
    }

    #[test]
    fn what_cannot_go_out_so_is_said() {
        for (rest, says) in [
            (mail("tls = \"none\""), "for a server on this machine alone"),
            (mail("tls = \"maybe\""), "(tls)"),
            (mail("user = \"u\""), "user needs password_file"),
            (mail("password_file = \"p\""), "password_file needs user"),
            (mail("").replace("Skein <skein@r.example>", "Skein\\r\\nBcc: x"), "from is an address"),
            (out("topics = [\"result-final\"]"), "no ADT message tells"),
            (out("").replace("h:1", "h"), "to is host:port"),
            (format!("{}{}", out(""), out("")), "two adt_outs have the name"),
            ("[[census]]\nsource = \"c\"\nfolder = \"f\"".into(), "which no [[source]] describes"),
            ("[[census]]\nsource = \"b\"\nfolder = \"f\"".into(), "give the source its ods"),
        ] {
            let said = read(&rest).err().unwrap_or_default();
            assert!(said.contains(says), "{said} does not say {says}");
        }
        let config = read(&format!("{}{}", mail("tls = \"starttls\"\n"), out(""))).unwrap();
        assert_eq!(config.mail.unwrap().port(), 587);
        assert_eq!(config.adt_out[0].queue(), "adt:n");
    }
}
