//! HL7 clients that other people wrote: Python's `hl7` and npm's `node-hl7-client`.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Send a file of one HL7-like message (any line ends) with Python's `mllp_send --loose`; gives what it printed: the answers.
pub fn python_mllp_send(to: SocketAddr, file: &Path) -> String {
    let tool = python().with_file_name("mllp_send");
    run(Command::new(tool)
        .args(["--loose", "--port", &to.port().to_string(), "--file"])
        .arg(file)
        .arg(to.ip().to_string()))
}

/// Send messages over one connection with `hl7.client.MLLPClient`; gives the answers.
pub fn python_mllp_client(to: SocketAddr, files: &[PathBuf]) -> Vec<String> {
    let script = r#"
import sys, json, hl7
from hl7.client import MLLPClient
answers = []
with MLLPClient(sys.argv[1], int(sys.argv[2])) as client:
    for name in sys.argv[3:]:
        text = open(name, encoding="utf-8", newline="").read().replace("\r\n", "\r").replace("\n", "\r")
        answer = client.send_message(hl7.parse(text))
        answers.append(answer.decode("utf-8").strip("\x0b\x1c\r"))
print(json.dumps(answers))
"#;
    let mut command = Command::new(python());
    command.args(["-c", script, &to.ip().to_string(), &to.port().to_string()]).args(files);
    serde_json::from_str(&run(&mut command)).unwrap()
}

/// Send messages with `node-hl7-client`, one after another; gives the answers.
pub fn node_hl7_client(to: SocketAddr, files: &[PathBuf]) -> Vec<String> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    assert!(
        tests.join("node_modules/node-hl7-client").exists(),
        "node-hl7-client is not installed: start the tests with ./test, or run `npm ci` in tests/"
    );
    let mut command = Command::new("node");
    command
        .arg(tests.join("scenarios/harness/send.mjs"))
        .args([to.ip().to_string(), to.port().to_string()])
        .args(files);
    serde_json::from_str(&run(&mut command)).unwrap()
}

/// The Python of the tests' own virtual environment.
fn python() -> PathBuf {
    let given = std::env::var_os("SKEIN_PYTHON").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_BIN_EXE_skein")).ancestors().nth(2).unwrap().join("python/bin/python");
    let python = given.unwrap_or(beside);
    assert!(
        python.with_file_name("mllp_send").exists(),
        "Python's hl7 client is not installed: start the tests with ./test, or make a virtual environment with \
         tests/requirements.txt and name its python in SKEIN_PYTHON"
    );
    python
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
