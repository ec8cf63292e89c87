//! What a person at the terminal meets when something is wrong: one clear line, exit code 2.

use std::{
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

fn skein(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_skein")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// The one line, given that there is exactly one, and the exit code is 2.
fn the_line(arguments: &[&str]) -> String {
    let output = skein(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "skein {arguments:?}: {said}");
    assert!(output.stdout.is_empty(), "skein {arguments:?}");
    assert_eq!(said.lines().count(), 1, "skein {arguments:?}: {said}");
    said.trim_end().to_owned()
}

fn region_toml(folder: &Path, rest: &str) -> String {
    let file = folder.join("skein.toml");
    std::fs::write(&file, format!("[region]\ncode = \"test\"\nname = \"Test\"\ndata = \"data\"\n{rest}")).unwrap();
    file.display().to_string()
}

#[test]
fn a_wrong_flag_gets_one_line() {
    assert_eq!(
        the_line(&["demo", "--poeple", "3"]),
        "skein: unexpected argument '--poeple' found; did you mean --people? (--help shows what there is)"
    );
    assert!(the_line(&["demo", "--people", "many"]).contains("invalid value 'many' for '--people <N>'"));
    assert!(the_line(&["demo", "--speed", "-1"]).contains("--speed"));
    assert!(the_line(&["serve"]).contains("--config <FILE>"));
    assert!(the_line(&["send", "--to", "pas.example", "a.hl7"]).contains("as in 127.0.0.1:2575"));
    assert!(the_line(&["explode"]).contains("unrecognized subcommand 'explode'"));
    assert!(the_line(&[]).contains("skein --help"));
}

/// With millions of people the index of them takes a minute to load, and whoever stops a server then should not wait for it.
#[test]
fn told_to_stop_while_it_starts_it_ends_at_once() {
    const O_NONBLOCK: i32 = 0o4000;
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    assert!(Command::new("mkfifo").arg(&password).status().unwrap().success());
    let store = "store = \"host=127.0.0.1 user=skein dbname=skein\"\nstore_password_file = \"password\"\n";
    let config = region_toml(folder.path(), store);
    let mut serve = Command::new(env!("CARGO_BIN_EXE_skein"));
    let mut serving = serve.args(["serve", "--config", &config]).stdin(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut within = |what: &str, done: &mut dyn FnMut(&mut Child) -> bool| {
        while !done(&mut serving) {
            if Instant::now() > deadline {
                serving.kill().unwrap();
                panic!("{what}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    // It waits for the password, which nobody says, from when it has opened the file: until then there is nobody to write for.
    let mut silent = None;
    within("it asks for no password", &mut |serving| {
        assert!(serving.try_wait().unwrap().is_none(), "it did not start");
        silent = std::fs::File::options().write(true).custom_flags(O_NONBLOCK).open(&password).ok();
        silent.is_some()
    });
    let (mut told, mut status) = (false, None);
    within("it goes on starting", &mut |serving| {
        if !std::mem::replace(&mut told, true) {
            assert!(Command::new("kill").args(["-TERM", &serving.id().to_string()]).status().unwrap().success());
        }
        status = serving.try_wait().unwrap();
        status.is_some()
    });
    drop(silent);
    assert!(status.unwrap().success(), "{status:?}");
}

#[test]
fn a_bench_that_needs_something_says_what() {
    let line = the_line(&["bench", "processes"]);
    assert!(line.contains("--store"), "{line}");
    let line = the_line(&["bench", "processes", "--store", "postgres://nobody@127.0.0.1/postgres"]);
    assert!(line.contains("key=value"), "{line}");
    let line = the_line(&["bench", "processes", "--share", "2"]);
    assert!(line.contains("from 0.05 to 1"), "{line}");
    let line = the_line(&["bench", "gate", "--store", "host=127.0.0.1"]);
    assert!(line.contains("name which of them"), "{line}");
}

#[test]
fn help_teaches_and_succeeds() {
    for arguments in [&["--help"][..], &["demo", "--help"], &["load", "--help"], &["errors", "resubmit", "--help"]] {
        let output = skein(arguments);
        assert!(output.status.success());
        assert!(String::from_utf8(output.stdout).unwrap().contains("Usage: skein"));
    }
}

#[test]
fn a_bad_configuration_gets_the_line_and_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("nowhere.toml").display().to_string();
    assert_eq!(
        the_line(&["serve", "--config", &missing]),
        format!("skein: cannot read {missing}: there is no such file or folder")
    );
    let file = region_toml(folder.path(), "[http]\nadress = \"127.0.0.1:0\"\n");
    assert!(
        the_line(&["serve", "--config", &file])
            .starts_with(&format!("skein: {file} line 6 (adress): unknown field `adress`"))
    );
    let file = region_toml(folder.path(), "[http]\naddress = \"here\"\n");
    assert!(the_line(&["serve", "--config", &file]).starts_with(&format!("skein: {file} line 6 (address): ")));
    let file = region_toml(folder.path(), "x = [1\n");
    assert!(the_line(&["serve", "--config", &file]).starts_with(&format!("skein: {file} line 5")));
    let file = region_toml(folder.path(), "[[feed]]\nname = \"a\"\nsource = \"nobody\"\nmllp = \"127.0.0.1:0\"\n");
    assert_eq!(
        the_line(&["serve", "--config", &file]),
        format!("skein: {file}: line 5: feed \"a\" names source \"nobody\", which no [[source]] describes")
    );
}

#[test]
fn the_example_configuration_is_right() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples/skein.toml");
    let output = skein(&["serve", "--check", "--config", example.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_port_in_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let file = region_toml(folder.path(), &format!("[http]\naddress = \"{address}\"\n"));
    assert_eq!(
        the_line(&["serve", "--config", &file]),
        format!("skein: cannot listen on {address} (http.address): the address is in use by another program")
    );
    let data = folder.path().join("demo").display().to_string();
    let port = address.port().to_string();
    assert_eq!(
        the_line(&["demo", "--people", "20", "--port", &port, "--data-dir", &data]),
        format!("skein: cannot listen on {address} (http.address): the address is in use by another program")
    );
}

#[test]
fn a_missing_file_or_folder_is_named() {
    assert_eq!(
        the_line(&["send", "--to", "127.0.0.1:1", "nowhere.hl7"]),
        "skein: cannot read nowhere.hl7: there is no such file or folder"
    );
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.toml").display().to_string();
    assert!(the_line(&["verify", "--config", &missing]).contains("there is no such file"));
    let file = region_toml(folder.path(), "");
    for command in ["verify", "rebuild"] {
        let said = the_line(&[command, "--config", &file]);
        assert!(said.contains("there is no region in") && said.contains("data"), "{said}");
    }
}
