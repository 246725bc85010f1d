//! Counting the commands in a stream of bytes (RESP arrays of bulk strings, and inline commands).

/// Where in the stream it is.
#[derive(Debug, Default)]
pub(super) struct Commands {
    /// The line that is not complete yet.
    line: Vec<u8>,
    /// Words of the command that are still to come.
    words: u64,
    /// Bytes of the word that are still to come, its line break included.
    body: usize,
}

impl Commands {
    /// How many commands these bytes complete.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> u64 {
        let mut complete: u64 = 0;
        while let Some((first, rest)) = bytes.split_first() {
            if self.body > 0 {
                let skipped = self.body.min(bytes.len());
                bytes = bytes.get(skipped..).unwrap_or_default();
                self.body = self.body.saturating_sub(skipped);
                complete = complete.saturating_add(u64::from(self.body == 0 && self.word_ended()));
            } else {
                bytes = rest;
                self.line.push(*first);
                complete = complete.saturating_add(u64::from(*first == b'\n' && self.line_ended()));
            }
        }
        complete
    }

    /// Whether it was the last word of its command.
    fn word_ended(&mut self) -> bool {
        self.words = self.words.saturating_sub(1);
        self.words == 0
    }

    /// Whether the line was a command by itself.
    fn line_ended(&mut self) -> bool {
        let line = std::mem::take(&mut self.line);
        match (line.split_first(), self.words) {
            (Some((b'*', number)), 0) => self.words = parse(number).unwrap_or(0),
            (_, 0) => return line.iter().any(|byte| !byte.is_ascii_whitespace()),
            (Some((b'$', number)), _) => {
                self.body = parse(number).and_then(|length| usize::try_from(length).ok()).unwrap_or(0) + 2;
            }
            // Not the protocol: counting starts anew.
            _ => self.words = 0,
        }
        false
    }
}

fn parse(number: &[u8]) -> Option<u64> {
    std::str::from_utf8(number).ok()?.trim_end().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] =
        b"*2\r\n$3\r\nGET\r\n$4\r\n*\r\n$\r\nPING\r\n\r\n*1\r\n$4\r\nPING\r\n*0\r\n*1\r\n$0\r\n\r\n";

    #[test]
    fn commands_are_counted_however_they_are_cut() {
        for size in 1..=STREAM.len() {
            let mut commands = Commands::default();
            let counted: u64 = STREAM.chunks(size).map(|piece| commands.feed(piece)).sum();
            assert_eq!(counted, 4, "in pieces of {size}");
        }
    }

    #[test]
    fn a_command_counts_when_it_is_complete() {
        let mut commands = Commands::default();
        assert_eq!(commands.feed(b"*1\r\n$4\r\nPING\r"), 0);
        assert_eq!(commands.feed(b"\n"), 1);
    }
}
