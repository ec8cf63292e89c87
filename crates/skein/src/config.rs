//! The region's configuration file. Every key is known (an unknown one is an error), every error names its line.

pub mod backup;
pub mod feed;
pub mod http;
pub mod metrics;
pub mod outward;
#[cfg(test)]
mod reference;
pub mod sign_in;
pub mod traces;

use crate::{
    failure::{Failure, Outcome, io_words},
    logging::Form,
};
use mapping::Profile;
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What a region is made of.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The region itself.
    pub region: RegionTable,
    /// Where pages and the FHIR API are served.
    #[serde(default)]
    pub http: http::Http,
    /// Where a monitor reads.
    pub metrics: Option<metrics::Metrics>,
    /// Where spans go.
    pub traces: Option<traces::Traces>,
    /// Where the truth is shipped while the region runs.
    pub backup: Option<backup::Backup>,
    /// How to log.
    #[serde(default)]
    pub log: Log,
    /// The sources described in this file; others are in the files of `region.sources`.
    #[serde(default, rename = "source")]
    pub sources: Vec<Profile>,
    /// The TOML text of each source's profile, in the order of `sources`: what the journal keeps.
    #[serde(skip)]
    pub source_texts: Vec<String>,
    /// The connections that sources send over.
    #[serde(default, rename = "feed")]
    pub feeds: Vec<feed::Feed>,
    /// Local accounts.
    #[serde(default, rename = "user")]
    pub users: Vec<User>,
    /// What is known for noticing misuse.
    #[serde(default)]
    pub misuse: Misuse,
    /// Organisations beside those of the sources: whose staff sign in, and what they are.
    #[serde(default, rename = "organisation")]
    pub organisations: Vec<Organisation>,
    /// Identity providers.
    #[serde(default, rename = "sign_in")]
    pub sign_ins: Vec<sign_in::SignIn>,
    /// How long somebody stays signed in.
    #[serde(default)]
    pub sessions: sign_in::Sessions,
    /// What Skein itself may ask over HTTP.
    #[serde(default)]
    pub outgoing: sign_in::Outgoing,
    /// Client systems that read through the FHIR API.
    #[serde(default, rename = "client")]
    pub clients: Vec<sign_in::Client>,
    /// Systems whose SMART app we are: they open records here.
    #[serde(default, rename = "ehr")]
    pub ehrs: Vec<sign_in::Ehr>,
    /// Systems that hear when a person's set of identifiers changes (IHE ITI-10).
    #[serde(default, rename = "pix_update")]
    pub pix_updates: Vec<PixUpdate>,
    /// The server that mails to teams go to.
    pub mail: Option<outward::Mail>,
    /// Systems that are told of stays by HL7 v2 ADT messages.
    #[serde(default)]
    pub adt_out: Vec<outward::AdtOut>,
    /// Hospitals whose own lists of inpatients are compared with what is known here.
    #[serde(default, rename = "census")]
    pub censuses: Vec<outward::Census>,
    /// The files that source profiles were read from.
    #[serde(skip)]
    pub source_files: Vec<PathBuf>,
    /// Where in the file things stand, for what is said about them.
    #[serde(skip)]
    pub lines: sign_in::Lines,
    /// The file all this was read from.
    #[serde(skip)]
    pub file: PathBuf,
}

/// `[region]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionTable {
    /// Goes into every id: it must never change once data is stored.
    pub code: String,
    /// The name shown on pages.
    pub name: String,
    /// The data folder; relative to this file.
    pub data: PathBuf,
    /// The database of PostgreSQL that holds journal, audit trail and derived state: `postgres://user@host:port/database`.
    /// Without, they are files in the data folder.
    pub store: Option<String>,
    /// A file that holds the database user's password and nothing else; relative to this file.
    pub store_password_file: Option<PathBuf>,
    /// The authorities that sign the database server's certificate (a PEM file; relative to this file). With it the connection
    /// is encrypted, as it must be to another machine.
    pub store_authorities: Option<PathBuf>,
    /// A copy of that database that follows it (streaming replication), from which this process reads what it shows. Password and
    /// authorities are the same. A process with one never applies.
    #[serde(default)]
    pub replica: Option<String>,
    /// Megabytes of the data folder's disk that are kept free: with less left, messages are refused and their senders keep them,
    /// while records can still be read, for each reading writes an audit entry. 0: none are. Of no effect with `store`.
    #[serde(default = "default_keep_free_mb")]
    pub keep_free_mb: u64,
    /// More source profiles, one in each of these files; relative to this file.
    #[serde(default)]
    pub sources: Vec<PathBuf>,
    /// The folder of the region's own policies; relative to this file. Without, the built-in ones are in force.
    pub policies: Option<PathBuf>,
    /// A folder of the region's own forms (FHIR Questionnaires); relative to this file. They stand beside the built-in ones, or
    /// in the place of those of the same name.
    pub forms: Option<PathBuf>,
}

fn default_keep_free_mb() -> u64 {
    512
}

/// `[log]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// `text` or `json`.
    #[serde(default)]
    pub form: Form,
    /// `error`, `warn`, `info`, `debug`, or per room: `info,intake=debug`.
    #[serde(default = "default_level")]
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Log { form: Form::default(), level: default_level() }
    }
}

fn default_level() -> String {
    "info".into()
}

/// `[[pix_update]]`: a system that hears by which identifiers people are known.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PixUpdate {
    /// Its name: small letters, digits, hyphens. Where it is in the change feed is kept under this name.
    pub name: String,
    /// Host and port of its MLLP listener.
    pub to: String,
    /// The ODS code of the organisation that answers for it.
    pub organisation_code: String,
    /// That organisation's name.
    pub organisation_name: String,
    /// Identifiers of these FHIR systems alone. Left out: all.
    #[serde(default)]
    pub domains: Vec<String>,
    /// The source whose names for assigning authorities it knows. Left out: any source's.
    pub source: Option<String>,
    /// MSH-5.
    #[serde(default)]
    pub receiving_application: String,
    /// MSH-6.
    #[serde(default)]
    pub receiving_facility: String,
    /// With TLS: its certificate must be signed by one of these authorities (a PEM file).
    pub authorities: Option<PathBuf>,
}

/// `[[user]]`: a local account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The sign-in name.
    pub id: String,
    /// The person's name, as the audit trail shows it.
    pub name: String,
    /// The national role code, e.g. `R8000`. Of a person: left out.
    #[serde(default)]
    pub role_code: String,
    /// The role in words.
    #[serde(default)]
    pub role_name: String,
    /// The ODS code of the organisation worked for.
    #[serde(default)]
    pub organisation_code: String,
    /// The organisation's name.
    #[serde(default)]
    pub organisation_name: String,
    /// The NHS number of a person, whose own record this account opens. For trying it out: people sign in by a provider.
    pub nhs_number: Option<String>,
    /// Argon2id, made by `skein hash password`.
    pub password_hash: String,
}

/// Whose records a client system may ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// Those whom its organisation looks after, as the data say.
    #[default]
    Organisation,
    /// Everybody's: for the region's own systems.
    Region,
}

/// `[misuse]`: files of the region's own; relative to this file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Misuse {
    /// Who works here: CSV with the columns `id` (of the user) and `nhs_number`. Without, nobody is known to look at their own
    /// record, household or colleague.
    pub staff: Option<PathBuf>,
    /// Whom many would like to look at: CSV with the column `nhs_number`.
    pub well_known: Option<PathBuf>,
}

/// `[[organisation]]`: one that sends nothing itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// Its ODS code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// What it is, as policies/roles.toml names it: `gp`, `hospital`, `community`, `care-home`, `pharmacy` …
    pub kind: String,
}

impl Config {
    /// Read and check a configuration file and the source files it names.
    pub fn read(file: &Path) -> Outcome<Config> {
        let text = read_text(file)?;
        let mut config: Config = parse(file, &text)?;
        config.file = file.to_owned();
        config.lines = sign_in::Lines::of(&text);
        let tables: Tables = parse(file, &text)?;
        for table in tables.source {
            let text =
                toml::to_string(&table).map_err(|error| Failure::asked(format!("{}: {error}", file.display())))?;
            config.source_texts.push(text);
        }
        for path in std::mem::take(&mut config.region.sources) {
            let path = config.beside(&path);
            let text = read_text(&path)?;
            config.sources.push(parse(&path, &text)?);
            config.source_texts.push(text);
            config.source_files.push(path);
        }
        config.check().map_err(|text| Failure::asked(format!("{}: {text}", file.display())))?;
        Ok(config)
    }

    /// A path of the configuration, which is relative to the file it stands in.
    pub fn beside(&self, path: &Path) -> PathBuf {
        self.file.parent().unwrap_or(Path::new(".")).join(path)
    }

    /// The folder of the region's own policies.
    pub fn policies(&self) -> Option<PathBuf> {
        self.region.policies.as_deref().map(|folder| self.beside(folder))
    }

    /// The folder of the region's own forms.
    pub fn forms(&self) -> Option<PathBuf> {
        self.region.forms.as_deref().map(|folder| self.beside(folder))
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.beside(&self.region.data)
    }

    fn check(&self) -> Result<(), String> {
        let code = &self.region.code;
        if code.is_empty()
            || code.len() > 32
            || !code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        {
            return Err("region.code must be 1 to 32 small letters, digits and hyphens".into());
        }
        let mut sources = BTreeMap::new();
        for source in &self.sources {
            source.check().map_err(|error| format!("source \"{}\": {error}", source.source))?;
            if sources.insert(source.source.as_str(), ()).is_some() {
                return Err(format!("two sources have the name \"{}\"", source.source));
            }
        }
        http::check(self)?;
        let mut hashes = BTreeMap::new();
        feed::check(self, &sources, &mut hashes)?;
        let mut ids = BTreeMap::new();
        for user in &self.users {
            if ids.insert(user.id.as_str(), ()).is_some() {
                return Err(format!("two users or clients have the id \"{}\"", user.id));
            }
            if !user.password_hash.starts_with("$argon2id$") {
                return Err(format!("user \"{}\": password_hash must be made by `skein hash password`", user.id));
            }
        }
        for client in &self.clients {
            if ids.insert(client.id.as_str(), ()).is_some() {
                return Err(format!("two users or clients have the id \"{}\"", client.id));
            }
            let Some(hash) = &client.token_hash else { continue };
            let place = format!("client \"{}\": token_hash", client.id);
            check_token_hash(hash, &place)?;
            if let Some(other) = hashes.insert(hash.as_str(), place.clone()) {
                return Err(format!("{place} is the same as {other}: each client has its own token"));
            }
        }
        for asker in self.feeds.iter().filter_map(|feed| feed.queries.as_ref()) {
            if ids.insert(asker.id.as_str(), ()).is_some() {
                return Err(format!("two users, clients or feeds with queries have the id \"{}\"", asker.id));
            }
        }
        let mut receivers = BTreeMap::new();
        for receiver in &self.pix_updates {
            let name = receiver.name.as_str();
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
                return Err(format!("pix_update \"{name}\": a name is small letters, digits and hyphens"));
            }
            if receivers.insert(name, ()).is_some() {
                return Err(format!("two pix_updates have the name \"{name}\""));
            }
            let port = receiver.to.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
            if port.is_none() {
                return Err(format!("pix_update \"{name}\": to is host:port"));
            }
            if let Some(source) = &receiver.source
                && !sources.contains_key(source.as_str())
            {
                return Err(format!("pix_update \"{name}\" names source \"{source}\", which no [[source]] describes"));
            }
        }
        outward::check(self, &sources, &mut ids)?;
        backup::check(self)?;
        traces::check(self.traces.as_ref())?;
        sign_in::check(self)
    }
}

fn check_token_hash(hash: &str, place: &str) -> Result<(), String> {
    let hex = hash.strip_prefix("blake3:").unwrap_or_default();
    if hex.len() == 64 && hex.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c)) {
        Ok(())
    } else {
        Err(format!("{place} must be made by `skein hash token`"))
    }
}

/// The same file once more, for the text of each source.
#[derive(Deserialize)]
struct Tables {
    #[serde(default)]
    source: Vec<toml::Table>,
}

fn read_text(file: &Path) -> Outcome<String> {
    std::fs::read_to_string(file)
        .map_err(|error| Failure::asked(format!("cannot read {}: {}", file.display(), io_words(&error))))
}

/// Parse TOML; the error is one line that says file, line and key.
fn parse<T: DeserializeOwned>(file: &Path, text: &str) -> Outcome<T> {
    toml::from_str(text).map_err(|error| Failure::asked(toml_words(file, text, &error)))
}

/// File, line, key and what is wrong. Never the value, which may be a secret.
fn toml_words(file: &Path, text: &str, error: &toml::de::Error) -> String {
    let Some(span) = error.span() else { return format!("{}: {}", file.display(), error.message()) };
    let before = text.get(..span.start).unwrap_or(text);
    let number = before.matches('\n').count() + 1;
    let line = text.lines().nth(number - 1).unwrap_or_default().trim();
    let key = line.split('=').next().unwrap_or_default().trim();
    let key = if key.is_empty() { String::new() } else { format!(" ({key})") };
    format!("{} line {number}{key}: {}", file.display(), error.message())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(rest: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.toml");
        let text = format!("[region]\ncode = \"r\"\nname = \"R\"\ndata = \"d\"\n{rest}");
        std::fs::write(&file, text).unwrap();
        match Config::read(&file) {
            Err(Failure::Asked(said)) => {
                said.split_once("c.toml").map_or_else(|| said.clone(), |(_, rest)| format!("c.toml{rest}"))
            }
            other => panic!("{other:?}"),
        }
    }

    const PUBLIC: &str = "[http]\npublic_url=\"https://r.example\"\n";

    fn provider(before: &str, more: &str) -> String {
        format!("{before}[[sign_in]]\nid=\"p\"\nlabel=\"P\"\nissuer=\"https://p.example\"\nclient_id=\"s\"\n{more}")
    }

    fn ehr(before: &str, more: &str) -> String {
        format!(
            "{before}[[ehr]]\nid=\"e\"\nname=\"E\"\norganisation_code=\"O\"\norganisation_name=\"O\"\n\
             iss=\"https://e.example/fhir\"\nclient_id=\"s\"\n{more}"
        )
    }

    fn client(more: &str) -> String {
        format!("[[client]]\nid=\"c\"\nname=\"C\"\norganisation_code=\"O\"\norganisation_name=\"O\"\n{more}")
    }

    const TLS: &str = "[http.tls]\ncertificate=\"c\"\nkey=\"k\"\n";

    fn fhir(more: &str) -> String {
        format!("[[source]]\nsource=\"a\"\n[[feed]]\nname=\"f\"\nsource=\"a\"\n{more}\n")
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let source = "[[source]]\nsource = \"a\"\n";
        let hash = format!("blake3:{}", "0".repeat(64));
        for (rest, says) in [
            ("code = \"twice\"", "c.toml line 5"),
            ("[[source]]\nsource = \"a\"\nkind = \"hospitol\"", "c.toml line 7 (kind)"),
            (&format!("{source}{source}"), "two sources have the name \"a\""),
            (&format!("{source}[[feed]]\nname = \"f\"\nsource = \"a\""), "needs either mllp"),
            (
                &format!("{source}connected = false\n[[feed]]\nname = \"f\"\nsource = \"a\"\nmllp=\"127.0.0.1:9\""),
                "feed \"f\": source \"a\" is said not to be connected (connected = false in its profile)",
            ),
            (&format!("{source}[[feed]]\nname = \"f\"\nsource = \"a\"\ntoken_hash = \"sesame\""), "skein hash token"),
            (
                &format!(
                    "{source}[[feed]]\nname=\"f\"\nsource=\"a\"\ntoken_hash=\"{hash}\"\n[[feed]]\nname=\"g\"\nsource=\"a\"\ntoken_hash=\"{hash}\""
                ),
                "each sender has its own token",
            ),
            (
                &format!(
                    "{source}[[feed]]\nname=\"f\"\nsource=\"a\"\nmllp=\"127.0.0.1:9\"\n[[feed]]\nname=\"g\"\nsource=\"a\"\nmllp=\"127.0.0.1:9\""
                ),
                "feed \"g\" listens on 127.0.0.1:9, and so does f",
            ),
            (
                &format!(
                    "{source}[[feed]]\nname=\"f\"\nsource=\"a\"\ntoken_hash=\"{hash}\"\n[feed.tls]\ncertificate=\"c\"\nkey=\"k\""
                ),
                "tls is for HL7 v2 feeds",
            ),
            (
                &format!(
                    "{source}[[feed]]\nname=\"f\"\nsource=\"a\"\nmllp=\"127.0.0.1:9\"\n[feed.tls]\ncertificate=\"c\"\nkey=\"k\"\nclient_certificates=\"optional\""
                ),
                "needs client_authorities",
            ),
            (&format!("{source}[[feed]]\nname=\"f\"\nsource=\"a\"\nfaulty=\"maybe\""), "line 10 (faulty)"),
            (
                "[[user]]\nid = \"u\"\nname = \"U\"\nrole_code = \"R\"\nrole_name = \"R\"\norganisation_code = \"O\"\norganisation_name = \"O\"\npassword_hash = \"plain\"",
                "skein hash password",
            ),
            (
                &format!(
                    "{source}[[feed]]\nname=\"f\"\nsource=\"a\"\nmllp=\"127.0.0.1:9\"\n[feed.tls]\ncertificate=\"c\"\nkey=\"k\"\nclient_names=[\"pas.example\"]"
                ),
                "client_names and client_fingerprints need client_authorities",
            ),
            (&provider("", "kind=\"staff\"\npublic_client=true"), "line 5: sign_in \"p\": the provider must know"),
            (&provider(PUBLIC, "kind=\"staff\""), "line 7: sign_in \"p\": give one of client_secret_file"),
            (&provider(PUBLIC, "kind=\"staff\"\npublic_client=true"), "say how roles are read"),
            (&provider(PUBLIC, "kind=\"person\"\npublic_client=true"), "set assurance_min"),
            (&provider(PUBLIC, "kind=\"staff\"\npublic_client=true\nrole_claims=\"cis3\""), "(role_claims)"),
            (&client(&format!("token_hash=\"{hash}\"\njwks=\"x\"")), "line 5: client \"c\": give one of token_hash"),
            (&ehr("", "public_client=true\nusers=\"accounts\""), "line 5: ehr \"e\": it must know where to send"),
            (&ehr(PUBLIC, "users=\"accounts\""), "line 7: ehr \"e\": give one of client_secret_file"),
            (&ehr(PUBLIC, "public_client=true\nusers=\"nobody\""), "users must be \"accounts\""),
            (&ehr(PUBLIC, "private_key=\"k\"\nusers=\"accounts\""), "private_key and key_algorithm"),
            (&ehr(PUBLIC, "public_client=true\nusers=\"accounts\"\nscopes=[]"), "(scopes)"),
            (&client("jwks=\"x\""), "set scopes"),
            (&client("jwks=\"x\"\nscopes=[\"user/*.rs\"]"), "a scope is system/"),
            ("[sessions]\nidle_minutes=0", "idle_minutes is 1 to 1440"),
            ("[sessions]\nsearches_per_minute=0", "searches_per_minute is 1 to 10000"),
            ("[http]\ntrusted_proxies = [\"10.0.0.0/40\"]", "line 6 (trusted_proxies): \"10.0.0.0/40\" is no network"),
            (
                &fhir(&format!("token_hash=\"{hash}\"\nclient_names=[\"gp.example\"]")),
                "line 7: feed \"f\": client_names and client_fingerprints need [http.tls]",
            ),
            (
                &format!("{TLS}{}", fhir("client_names=[\"gp.example\"]")),
                "line 10: feed \"f\": client_names and client_fingerprints need client_authorities in [http.tls]",
            ),
            (
                &format!("{TLS}client_authorities=\"ca\"\n{}", fhir("client_names=[\"a b\"]")),
                "line 11: feed \"f\": client_names: \"a b\" is no DNS name",
            ),
            (
                &format!("{TLS}client_authorities=\"ca\"\nclient_names=[\"gp.example\"]"),
                "line 5: [http.tls]: client_names and client_fingerprints belong to",
            ),
            (
                &format!("{TLS}client_certificates=\"required\""),
                "line 5: [http.tls]: client_certificates needs client_authorities",
            ),
            (
                &format!(
                    "{TLS}client_authorities=\"ca\"\n{}{}",
                    fhir("client_names=[\"gp.example\"]"),
                    "[[feed]]\nname=\"g\"\nsource=\"a\"\nclient_names=[\"GP.example\"]"
                ),
                "line 15: feed \"g\" and feed \"f\" are known by the certificate",
            ),
            ("[backup]\nto=\"d/b\"\nrecipients=[\"sesame\"]", "backup.recipients: this is no recipient"),
            (
                "[backup]\nto=\"d/b\"\nrecipients=[\"age1fsqm0ldjq2xr4fnydsz4qe9c7m7dz7qu9awnsfuzklsxvrfsfguqr8m5lc\"]",
                "backup.to is within the data folder",
            ),
            ("[backup]\nto=\"b\"\nrecipients=[]", "a backup needs a recipient"),
            ("[traces]\nendpoint=\"http://127.0.0.1:4318\"\nratio=1.5", "traces.ratio is 0 to 1"),
            ("[traces]\nendpoint=\"http://127.0.0.1:4318\"\nservice=\"\"", "traces.service is a name"),
            ("[traces]\nratio=1.0", "endpoint"),
            (&fhir("mllp=\"127.0.0.1:9\"\nclient_names=[\"gp.example\"]"), "stand in its [feed.tls]"),
            (
                &client(&format!("token_hash=\"{hash}\"\nclient_names=[\"app.example\"]")),
                "line 5: client \"c\": client_names and client_fingerprints need [http.tls]",
            ),
        ] {
            let said = refused(rest);
            assert!(said.contains(says), "{said} does not say {says}");
            assert!(!said.contains("sesame") && !said.contains("plain"), "no secret is repeated: {said}");
        }
    }

    #[test]
    fn the_example_reads_whole() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples/skein.toml");
        let config = Config::read(&file).unwrap();
        assert_eq!(config.sources.len(), 3);
        assert_eq!(config.source_texts.len(), 3);
        assert!(config.source_texts.iter().zip(&config.sources).all(|(text, source)| text.contains(&source.source)));
    }
}
