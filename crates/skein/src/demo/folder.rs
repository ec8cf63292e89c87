//! The demonstration's folder: its configuration, its data, and how far it has come.

use crate::{
    commands::hash::{new_token, token_hash},
    config::Config,
    failure::{Failure, Outcome, io_words},
};
use access::{User, hash_password};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt::Write,
    io,
    path::{Path, PathBuf},
};
use store::Folder;

/// The password of every account of the demonstration.
pub const PASSWORD: &str = "demo";

/// An organisation of the region that sends nothing: whatever explains what is missing names it.
const NOT_CONNECTED: (&str, &str) = (
    "wexmoor-hospice",
    "source = \"wexmoor-hospice\"\nname = \"Wexmoor Hospice\"\nkind = \"other\"\nods = \"XWH\"\nconnected = false\n",
);

/// The accounts: who, what for.
pub const ACCOUNTS: &[(&str, &str, &str, &str, &str, &str, &str)] = &[
    (
        "doctor",
        "Dr Amara Osei",
        "R8000",
        "Clinical practitioner",
        "XWA",
        "Aldermere General Hospital",
        "A hospital doctor: every source of a person side by side, with its age",
    ),
    (
        "gp",
        "Dr Huw Prosser",
        "R8000",
        "Clinical practitioner",
        "X81001",
        "Church Lane Surgery",
        "A general practitioner: letters and results that are not yet at the practice",
    ),
    (
        "nurse",
        "Nura Hale",
        "R8001",
        "Nurse",
        "XWC",
        "Wexmoor Community Health",
        "A district nurse: plans, contacts, who else is involved",
    ),
    (
        "paramedic",
        "Jo Whitlock",
        "R8003",
        "Health professional",
        "XWS",
        "Wexmoor Ambulance Service",
        "A paramedic: find by name, date of birth and postcode; what matters first",
    ),
    (
        "receptionist",
        "Kim Rowe",
        "R8009",
        "Receptionist",
        "X81001",
        "Church Lane Surgery",
        "A practice receptionist: who the person is and when they are expected, nothing clinical",
    ),
    (
        "social-worker",
        "Peter Adeyemi",
        "R8003",
        "Social worker",
        "X900",
        "Wexmoor Council Adult Social Care",
        "A social worker: admissions, packages of care, contacts",
    ),
    (
        "engineer",
        "Sam Rowntree",
        "R8015",
        "Systems support",
        "XWP",
        "Wexmoor Shared Record Programme",
        "An integration engineer: the error desk, no people's records",
    ),
    (
        "officer",
        "Ruth Amadi",
        "R0001",
        "Privacy officer",
        "XWP",
        "Wexmoor Shared Record Programme",
        "A privacy officer: broken glass, reasons, questions, objections; what was seen, shown again",
    ),
    (
        "steward",
        "Priya Nair",
        "R8012",
        "Data steward",
        "XWP",
        "Wexmoor Shared Record Programme",
        "A data steward: which patients are one person, and undoing what was wrong",
    ),
    (
        "second-steward",
        "Marek Dolan",
        "R8012",
        "Data steward",
        "XWP",
        "Wexmoor Shared Record Programme",
        "A second data steward: where the evidence speaks against joining two, two must agree",
    ),
];

/// What the demonstration remembers from one start to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Which region.
    pub seed: u64,
    /// How many people.
    pub people: u32,
    /// The day its history ends.
    pub start: Date,
    /// People whose history is loaded, in the order of loading.
    pub loaded: u64,
    /// The time in the region.
    pub now: Timestamp,
    /// The newest live message that was delivered.
    pub lived_until: Option<Timestamp>,
    /// The access tokens of the sources that send FHIR, and of the reading app.
    pub tokens: BTreeMap<String, String>,
}

/// The person of the first story, whose own record this account opens.
pub const PERSON: &str = "person";

/// The id of the app that may read through the FHIR API.
pub const APP: &str = "demo-app";

/// A demonstration's folder.
pub struct Home {
    path: PathBuf,
}

impl Home {
    /// At this path.
    pub fn at(path: &Path) -> Self {
        Home { path: path.to_owned() }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.path.join("skein.toml")
    }

    fn region(&self) -> PathBuf {
        self.path.join("region")
    }

    fn memory(&self) -> PathBuf {
        self.path.join("demo.json")
    }

    /// What an earlier start left, if there was one.
    pub fn remembered(&self) -> Outcome<Option<Memory>> {
        let file = self.memory();
        match std::fs::read(&file) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(memory) => Ok(Some(memory)),
                Err(error) => {
                    Err(Failure::asked(format!("{} does not read ({error}); --fresh begins anew", file.display())))
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let occupied = std::fs::read_dir(&self.path).is_ok_and(|mut entries| entries.next().is_some());
                if occupied {
                    return Err(Failure::asked(format!(
                        "{} holds something, and no demonstration: name another folder with --data-dir",
                        self.path.display()
                    )));
                }
                Ok(None)
            }
            Err(error) => Err(cannot(&file, &error)),
        }
    }

    /// Throw away what an earlier start left: only what a demonstration makes, and not while one runs there.
    pub fn clear(&self) -> Outcome {
        if !self.memory().exists() {
            // Something else is in the folder, or nothing; `remembered` tells the two apart.
            return Ok(());
        }
        if self.region().is_dir() {
            drop(Folder::hold(&self.region())?);
        }
        for folder in [self.region(), self.path.join("sources")] {
            ignore_missing(std::fs::remove_dir_all(&folder), &folder)?;
        }
        for file in [self.config(), self.memory()] {
            ignore_missing(std::fs::remove_file(&file), &file)?;
        }
        Ok(())
    }

    /// Write everything a new region needs.
    pub fn settle(&self, region: &synth::Region, seed: u64, people: u32, start: Date) -> Outcome<Memory> {
        let sources = self.path.join("sources");
        std::fs::create_dir_all(&sources).map_err(|error| cannot(&sources, &error))?;
        let mut tokens = BTreeMap::from([(APP.to_owned(), new_token()?)]);
        let mut toml = String::from(HEAD);
        let mut feeds = String::new();
        for source in region.sources() {
            let file = sources.join(format!("{}.toml", source.id));
            std::fs::write(&file, source.profile_toml()).map_err(|error| cannot(&file, &error))?;
            let _ = writeln!(toml, "    \"sources/{}.toml\",", source.id);
            let _ = write!(feeds, "\n[[feed]]\nname = \"{0}\"\nsource = \"{0}\"\n", source.id);
            let _ = match source.wire {
                synth::Wire::Hl7v2 => writeln!(feeds, "mllp = \"127.0.0.1:0\""),
                synth::Wire::Fhir => {
                    let token = new_token()?;
                    let hash = token_hash(&token);
                    tokens.insert(source.id.to_owned(), token);
                    writeln!(feeds, "token_hash = \"{hash}\"")
                }
            };
        }
        let (id, profile) = NOT_CONNECTED;
        let file = sources.join(format!("{id}.toml"));
        std::fs::write(&file, profile).map_err(|error| cannot(&file, &error))?;
        let _ = writeln!(toml, "    \"sources/{id}.toml\",");
        toml.push_str(HTTP);
        toml.push_str(&feeds);
        let hash = hash_password(PASSWORD).map_err(Failure::found)?;
        for (id, name, role_code, role_name, org_code, org_name, _) in ACCOUNTS {
            let _ = write!(
                toml,
                "\n[[user]]\nid = \"{id}\"\nname = \"{name}\"\nrole_code = \"{role_code}\"\nrole_name = \"{role_name}\"\n\
                 organisation_code = \"{org_code}\"\norganisation_name = \"{org_name}\"\npassword_hash = \"{hash}\"\n"
            );
        }
        if let Some(highlight) = region.highlights().first() {
            let _ = write!(
                toml,
                "\n[[user]]\nid = \"{PERSON}\"\nname = \"{}\"\nnhs_number = \"{}\"\npassword_hash = \"{hash}\"\n",
                highlight.name, highlight.nhs_number
            );
        }
        toml.push_str(
            "\n[[organisation]]\ncode = \"XWP\"\nname = \"Wexmoor Shared Record Programme\"\nkind = \"programme\"\n",
        );
        let app_hash = tokens.get(APP).map(|token| token_hash(token)).unwrap_or_default();
        let _ = write!(
            toml,
            "\n[[client]]\nid = \"{APP}\"\nname = \"An app of the demonstration\"\norganisation_code = \"XWP\"\n\
             organisation_name = \"Wexmoor Shared Record Programme\"\ntoken_hash = \"{app_hash}\"\nreach = \"region\"\n\
             \n# Whoever tries subscriptions has an endpoint on this machine.\n[outgoing]\n\
             subscription_hosts = [\"127.0.0.1\", \"localhost\"]\n"
        );
        std::fs::write(self.config(), toml).map_err(|error| cannot(&self.config(), &error))?;
        let memory = Memory { seed, people, start, loaded: 0, now: region.start(), lived_until: None, tokens };
        self.remember(&memory)?;
        Ok(memory)
    }

    /// Keep what must be known at the next start. The tokens in it are this demonstration's own.
    pub fn remember(&self, memory: &Memory) -> Outcome {
        use std::os::unix::fs::OpenOptionsExt;
        let (file, new) = (self.memory(), self.path.join("demo.json.new"));
        let text = serde_json::to_vec_pretty(memory).map_err(|error| Failure::found(error.to_string()))?;
        let mut options = std::fs::File::options();
        options.create(true).truncate(true).write(true).mode(0o600);
        options
            .open(&new)
            .and_then(|mut open| io::Write::write_all(&mut open, &text))
            .and_then(|()| std::fs::rename(&new, &file))
            .map_err(|error| cannot(&file, &error))
    }

    /// The configuration, listening on this HTTP port.
    pub fn read(&self, port: u16) -> Outcome<Config> {
        let mut config = Config::read(&self.config())?;
        config.http.address.set_port(port);
        Ok(config)
    }
}

/// The accounts, as the sign-in page offers them.
pub fn accounts() -> Vec<web::DemoAccount> {
    ACCOUNTS
        .iter()
        .map(|(id, name, role_code, role_name, org_code, org_name, purpose)| web::DemoAccount {
            user: User::staff(*id, *name, (role_code, role_name), (org_code, org_name)),
            purpose: (*purpose).into(),
        })
        .chain([web::DemoAccount {
            user: User::staff(PERSON, "The person of the first story", ("person", "Person"), ("", "")),
            purpose: "A person: their own record, who looked at it and why".into(),
        }])
        .collect()
}

fn ignore_missing(result: io::Result<()>, path: &Path) -> Outcome {
    match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot(path, &error)),
        _ => Ok(()),
    }
}

fn cannot(path: &Path, error: &io::Error) -> Failure {
    Failure::asked(format!("cannot write {}: {}", path.display(), io_words(error)))
}

const HEAD: &str = "\
# Made by `skein demo`, for `skein demo`; the other commands find the region by it. Everybody in it is invented.

[region]
code = \"demo\"
name = \"Wexmoor\"
data = \"region\"
sources = [
";

const HTTP: &str = "\
]

[http]
address = \"127.0.0.1:8080\"

[log]
level = \"warn\"
";
