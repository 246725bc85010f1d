//! Runs a child, shows the lines that matter while it runs, and keeps them all.

use std::io::{self, BufRead, BufReader, PipeReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(200);
/// After this much silence a line says that the child still runs.
const SILENCE: Duration = Duration::from_secs(20);
/// A server that a failed test left behind holds the pipe open; its lines are not waited for.
const GRACE: Duration = Duration::from_secs(1);

pub(crate) struct Finished {
    pub(crate) success: bool,
    pub(crate) lines: Vec<String>,
}

/// Both outputs go through one pipe, so that their lines keep their order.
pub(crate) fn stream(command: &mut Command, matters: fn(&str) -> bool) -> Result<Finished, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |error: io::Error| format!("{program}: {error}");
    let (reader, writer) = io::pipe().map_err(failed)?;
    command.stdin(Stdio::null()).stdout(writer.try_clone().map_err(failed)?).stderr(writer);
    let mut child = command.spawn().map_err(failed)?;
    // The command still owns our ends for writing; with them open the pipe would never end.
    command.stdout(Stdio::null()).stderr(Stdio::null());

    let lines = follow(&read_lines(reader), matters, || Ok(child.try_wait().map_err(failed)?.is_some()))?;
    let success = child.wait().map_err(failed)?.success();
    Ok(Finished { success, lines })
}

fn read_lines(reader: PipeReader) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || forward(reader, &sender));
    receiver
}

fn forward(reader: PipeReader, sender: &Sender<String>) {
    for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if sender.send(line).is_err() {
            return;
        }
    }
}

fn follow(
    receiver: &Receiver<String>,
    matters: fn(&str) -> bool,
    mut has_ended: impl FnMut() -> Result<bool, String>,
) -> Result<Vec<String>, String> {
    let started = Instant::now();
    let (mut heard, mut spoke, mut lines) = (started, started, Vec::new());
    loop {
        match receiver.recv_timeout(TICK) {
            Ok(line) => {
                heard = Instant::now();
                if matters(&line) {
                    spoke = heard;
                    println!("{line}");
                }
                lines.push(line);
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(lines),
            Err(RecvTimeoutError::Timeout) if heard.elapsed() > GRACE && has_ended()? => return Ok(lines),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if spoke.elapsed() > SILENCE {
            spoke = Instant::now();
            println!("… still running after {} s", started.elapsed().as_secs());
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Finished {
        stream(Command::new("sh").args(["-c", script]), |_| false).unwrap()
    }

    #[test]
    fn both_outputs_keep_their_order() {
        let finished = shell("echo one; echo two >&2; echo three; exit 3");
        assert_eq!(finished.lines, ["one", "two", "three"]);
        assert!(!finished.success);
    }

    #[test]
    fn a_process_left_behind_does_not_hold_the_lane() {
        let started = Instant::now();
        assert!(shell("sleep 8 & echo done").success);
        assert!(started.elapsed() < Duration::from_secs(7));
    }
}
