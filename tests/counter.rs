//! The judge of the witness tests, by eyes that know nothing of locks.

use std::error::Error;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Whatever went wrong.
pub type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Long enough for another to come between.
const PAUSE: Duration = Duration::from_millis(1);

/// A counter that is only ever read and written: two that increment it at the same time lose an increment.
#[derive(Debug)]
pub struct Counter(BufReader<TcpStream>);

impl Counter {
    /// On the plain server at that address.
    pub async fn connect(address: &str) -> Fallible<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Reads it, pauses, and writes it back, plus one.
    pub async fn increment(&mut self) -> Fallible<()> {
        let seen = self.read().await?;
        tokio::time::sleep(PAUSE).await;
        self.write(seen + 1).await
    }

    /// What it stands at.
    pub async fn read(&mut self) -> Fallible<u64> {
        self.0.write_all(b"GET counter\r\n").await?;
        let length: i64 = self.line().await?.strip_prefix('$').ok_or("no bulk string")?.parse()?;
        let Ok(length) = usize::try_from(length) else { return Ok(0) };
        let mut text = vec![0; length + 2];
        self.0.read_exact(&mut text).await?;
        Ok(std::str::from_utf8(&text)?.trim().parse()?)
    }

    async fn write(&mut self, value: u64) -> Fallible<()> {
        self.0.write_all(format!("SET counter {value}\r\n").as_bytes()).await?;
        let answer = self.line().await?;
        if answer == "+OK" { Ok(()) } else { Err(answer.into()) }
    }

    async fn line(&mut self) -> Fallible<String> {
        let mut line = String::new();
        self.0.read_line(&mut line).await?;
        Ok(line.trim_end().to_owned())
    }
}
