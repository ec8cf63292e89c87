//! The Debian package holds a program that runs, a configuration that it accepts, and a service that reaches little.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tempfile::TempDir;

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The package made of the program under test, unpacked.
fn unpacked() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let script = repository().join("packaging/deb.sh");
    let made = run(Command::new("bash").arg(script).arg(env!("CARGO_BIN_EXE_skein")).arg(folder.path()));
    let package = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let root = folder.path().join("root");
    run(Command::new("dpkg-deb").arg("-x").arg(&package).arg(&root));
    run(Command::new("dpkg-deb").arg("-e").arg(&package).arg(root.join("DEBIAN")));
    (folder, root)
}

#[test]
fn the_package_holds_a_program_its_configuration_and_a_service_that_reaches_little() {
    let (_folder, root) = unpacked();
    let skein = root.join("usr/bin/skein");
    let version = String::from_utf8(run(Command::new(&skein).arg("--version")).stdout).unwrap();
    assert!(version.starts_with("skein "), "{version}");
    run(Command::new(&skein).args(["serve", "--check", "--config"]).arg(root.join("etc/skein/skein.toml")));
    for guide in ["run-it/README.md", "examples/skein.toml", "copyright"] {
        assert!(root.join("usr/share/doc/skein").join(guide).is_file(), "{guide}");
    }
    let control = std::fs::read_to_string(root.join("DEBIAN/control")).unwrap();
    assert!(control.contains("Package: skein\n") && control.contains("libc6 (>= "), "{control}");
    // What an administrator changed is kept.
    assert_eq!(std::fs::read_to_string(root.join("DEBIAN/conffiles")).unwrap(), "/etc/skein/skein.toml\n");
    for script in ["postinst", "prerm"] {
        run(Command::new("sh").arg("-n").arg(root.join("DEBIAN").join(script)));
    }
    let unit = root.join("lib/systemd/system/skein.service");
    let text = std::fs::read_to_string(&unit).unwrap();
    for limit in ["User=skein", "NoNewPrivileges=yes", "ProtectSystem=strict", "SystemCallFilter=@system-service"] {
        assert!(text.lines().any(|line| line == limit), "{limit}");
    }
    // systemd's own judgement, in tenths: 0 reaches nothing, 100 everything.
    if Command::new("systemd-analyze").arg("--version").output().is_ok() {
        run(Command::new("systemd-analyze").args(["security", "--offline=true", "--threshold=25"]).arg(&unit));
    }
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let script = repository().join("packaging/deb.sh");
    let output = Command::new("bash").arg(script).arg("no/such/skein").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no program no/such/skein"));
}
