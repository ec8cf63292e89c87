//! `skein send`: HL7 v2 messages to a feed, and what it answers.

use super::{
    files::{self, Kind},
    hash::new_token,
};
use crate::{
    cli::Send,
    failure::{Failure, Outcome},
    say,
};
use intake::{
    listener::tls::ClientFiles,
    sender::{Answered, Report, SendError, Sender, SenderConfig, send_all},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// Answers that say what is wrong are printed for so many messages; the rest is in the counts.
const COMPLAINTS_MAX: usize = 20;

/// Run it.
pub fn run(asked: &Send) -> Outcome {
    let messages = Arc::new(messages(asked)?);
    let config = SenderConfig {
        tls: match (&asked.ca, &asked.cert, &asked.key) {
            (Some(ca), cert, key) if asked.tls => {
                Some(ClientFiles { authorities: ca.clone(), identity: cert.clone().zip(key.clone()) })
            }
            _ => None,
        },
        answer_time_max: Duration::from_secs(asked.wait),
        // Some listeners answer once whatever is asked: a second answer is waited for, but not for long.
        application_time_max: Duration::from_secs(asked.wait.min(5)),
        retries: 0,
        ..SenderConfig::new(&asked.to)
    };
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::found(error.to_string()))?;
    runtime.block_on(send(asked, config, messages))
}

/// Every message to send, in order, repeats included.
fn messages(asked: &Send) -> Outcome<Vec<Vec<u8>>> {
    let mut once = Vec::new();
    for input in files::find(&asked.paths)? {
        for unit in files::units(&input, Arc::default())? {
            let unit = unit.map_err(|error| Failure::asked(format!("{}: {error}", input.name())))?;
            if unit.kind != Kind::Hl7v2 || !unit.body.starts_with(b"MSH") {
                return Err(Failure::asked(format!("{} holds something that is not an HL7 v2 message", input.name())));
            }
            once.push(with_returns(&unit.body));
        }
    }
    let run = new_token()?;
    let run = run.get(..8).unwrap_or_default();
    let mut all = Vec::with_capacity(once.len());
    for round in 0..asked.repeat {
        for (number, message) in once.iter().enumerate() {
            all.push(if asked.new_control_ids {
                with_control_id(message, &format!("{run}{round:x}.{number:x}"))
            } else {
                message.clone()
            });
        }
    }
    Ok(all)
}

/// Segments end in CR on the wire, whatever they end in in a file.
fn with_returns(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 1);
    for line in message.split(|byte| matches!(byte, b'\r' | b'\n')).filter(|line| !line.is_empty()) {
        out.extend_from_slice(line);
        out.push(b'\r');
    }
    out
}

/// The message with another MSH-10.
fn with_control_id(message: &[u8], id: &str) -> Vec<u8> {
    let Some(&separator) = message.get(3) else { return message.to_vec() };
    let end = message.iter().position(|&byte| byte == b'\r').unwrap_or(message.len());
    let (header, rest) = message.split_at(end);
    let mut fields: Vec<&[u8]> = header.split(|&byte| byte == separator).collect();
    while fields.len() <= 9 {
        fields.push(b"");
    }
    if let Some(field) = fields.get_mut(9) {
        *field = id.as_bytes();
    }
    let mut out = fields.join(&separator);
    out.extend_from_slice(rest);
    out
}

#[derive(Default)]
struct Tally {
    codes: BTreeMap<String, u64>,
    complaints: usize,
}

async fn send(asked: &Send, config: SenderConfig, messages: Arc<Vec<Vec<u8>>>) -> Outcome {
    let total = messages.len();
    let connections = usize::from(asked.connections).min(total.max(1));
    let tally = Arc::new(Mutex::new(Tally::default()));
    let began = Instant::now();
    let mut running = Vec::new();
    for connection in 0..connections {
        let sender = Sender::start(config.clone()).map_err(Failure::asked)?;
        let (messages, tally) = (messages.clone(), tally.clone());
        let show = asked.show || total == 1;
        running.push(tokio::spawn(async move {
            let mine: Vec<&Vec<u8>> = messages.iter().skip(connection).step_by(connections).collect();
            send_all(&sender, 1, mine, |outcome| note(&tally, outcome, show)).await
        }));
    }
    let mut report = Report::default();
    for task in running {
        report.merge(&task.await.map_err(|error| Failure::found(error.to_string()))?);
    }
    let seconds = began.elapsed().as_secs_f64().max(0.000_001);
    let codes = tally.lock().map(|tally| tally.codes.clone()).unwrap_or_default();
    let codes: Vec<String> = codes.into_iter().map(|(code, count)| format!("{count} {code}")).collect();
    say::line(&format!("{total} messages: {}", codes.join(", ")));
    if report.latencies.count() > 1 {
        let ms = |percent| report.latencies.percentile(percent).as_secs_f64() * 1000.0;
        #[expect(clippy::cast_precision_loss, reason = "a rate for reading")]
        let rate = total as f64 / seconds;
        say::line(&format!("{rate:.0} messages/s; answers p50 {:.1} ms, p99 {:.1} ms", ms(50.0), ms(99.0)));
    }
    match report.refused + report.failed {
        0 => Ok(()),
        bad => Err(Failure::found(format!("{bad} of {total} messages were refused or not answered"))),
    }
}

fn note(tally: &Mutex<Tally>, outcome: &Result<Answered, SendError>, show: bool) {
    let Ok(mut tally) = tally.lock() else { return };
    let (code, complaint) = match outcome {
        Ok(answered) => {
            let later = answered.application.as_ref();
            if show {
                for raw in [Some(&answered.raw), later.map(|later| &later.raw)].into_iter().flatten() {
                    let text = String::from_utf8_lossy(raw);
                    text.split(['\r', '\n']).filter(|line| !line.is_empty()).for_each(say::line);
                }
            }
            let code = answered.code.map_or_else(|| "without an answer asked for".into(), |code| code.to_string());
            let code = later.map_or_else(|| code.clone(), |later| format!("{code} then {}", later.code));
            let text = later.map_or(&answered.text, |later| &later.text);
            (code, (!answered.is_accepted()).then(|| text.clone()))
        }
        Err(error) => ("not answered".into(), Some(error.to_string())),
    };
    *tally.codes.entry(code).or_default() += 1;
    if let Some(complaint) = complaint
        && tally.complaints < COMPLAINTS_MAX
        && (!show || outcome.is_err())
    {
        tally.complaints += 1;
        say::complain(&complaint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_control_id_changes_nothing_else() {
        let message = b"MSH|^~\\&|A|B|C|D|20250101||ADT^A01|OLD|P|2.4\rPID|1|OLD\r";
        let new = with_control_id(message, "NEW");
        assert_eq!(new, b"MSH|^~\\&|A|B|C|D|20250101||ADT^A01|NEW|P|2.4\rPID|1|OLD\r");
        assert_eq!(with_control_id(b"MSH|^~\\&|A\r", "N"), b"MSH|^~\\&|A|||||||N\r");
    }

    #[test]
    fn lines_of_a_file_become_segments() {
        assert_eq!(with_returns(b"MSH|a\r\nPID|b\n"), b"MSH|a\rPID|b\r");
    }
}
