//! How a command ends when it does not succeed: one line on standard error, and an exit code that says whose turn it is.
//! 2: the caller's (a wrong flag, a bad file, a port in use). 1: the work itself went wrong.

use std::{
    fmt::{self, Display},
    process::ExitCode,
};

/// Why a command did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// The caller can put it right: exit code 2.
    Asked(String),
    /// The work failed, or found what should not be: exit code 1.
    Found(String),
}

/// What a command gives.
pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// The caller can put it right.
    pub fn asked(text: impl Display) -> Self {
        Failure::Asked(text.to_string())
    }

    /// The work failed.
    pub fn found(text: impl Display) -> Self {
        Failure::Found(text.to_string())
    }

    /// Print the one line and give the exit code.
    pub fn report(&self) -> ExitCode {
        let (text, code) = match self {
            Failure::Asked(text) => (text, 2),
            Failure::Found(text) => (text, 1),
        };
        crate::say::complain(&format!("skein: {}", one_line(text)));
        ExitCode::from(code)
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Failure::Asked(text) | Failure::Found(text)) = self;
        f.write_str(text)
    }
}

impl std::error::Error for Failure {}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure::Found(format!("{error:#}"))
    }
}

/// An I/O error in plain words.
pub fn io_words(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "there is no such file or folder".into(),
        ErrorKind::PermissionDenied => "permission denied".into(),
        ErrorKind::AddrInUse => "the address is in use by another program".into(),
        ErrorKind::AddrNotAvailable => "this machine does not have that address".into(),
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only".into(),
        ErrorKind::StorageFull => "the disk is full".into(),
        ErrorKind::IsADirectory => "it is a folder".into(),
        ErrorKind::NotADirectory => "a part of the path is not a folder".into(),
        _ => error.to_string(),
    }
}

/// What clap has to say: help and version go to standard output, everything else becomes one line.
pub fn of_arguments(error: &clap::Error) -> ExitCode {
    use clap::error::{ContextKind, ErrorKind};
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            Failure::asked("which command? `skein --help` lists them").report()
        }
        _ => {
            let text = error.render().to_string();
            let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            let mut said = lines.next().unwrap_or("wrong arguments").trim_start_matches("error: ").to_owned();
            if said.ends_with(':') {
                let rest: Vec<&str> = lines.take_while(|line| !line.starts_with("Usage")).collect();
                said = format!("{said} {}", rest.join(", "));
            }
            let suggested = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue]
                .into_iter()
                .find_map(|kind| error.get(kind));
            if let Some(suggested) = suggested {
                said = format!("{said}; did you mean {suggested}?");
            }
            Failure::asked(format!("{said} (--help shows what there is)")).report()
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_happened_it_is_said_in_one_line() {
        assert_eq!(one_line("TOML parse error\n  |\n3 | x"), "TOML parse error | 3 | x");
        let failure = Failure::from(anyhow::anyhow!("disk full").context("cannot write the journal"));
        assert!(matches!(failure, Failure::Found(text) if text == "cannot write the journal: disk full"));
    }
}
