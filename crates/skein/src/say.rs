//! Words for the person at the terminal. Standard output carries what was asked for, standard error everything else.

use std::io::Write;

/// A line on standard output. A reader that went away (`skein … | head`) ends the program quietly.
pub fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// A text of several lines on standard output.
pub fn text(text: &str) {
    line(text.trim_end_matches('\n'));
}

/// A line on standard error.
pub fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
