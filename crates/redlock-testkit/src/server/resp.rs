//! A tiny blocking client, so that tests look at a server by other eyes than those of the client under test.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use super::ServerError;
use super::process::{Place, Spec};

/// A frozen server must not hang the test that froze it.
const LIMIT: Duration = Duration::from_secs(10);

/// A server's reply (RESP2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RespValue {
    /// Nothing.
    Nil,
    /// A number.
    Int(i64),
    /// A simple or a bulk string.
    Bytes(Vec<u8>),
    /// An error, code included.
    Error(String),
    /// Values in order.
    Array(Vec<RespValue>),
}

impl RespValue {
    /// That text.
    pub fn text(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }

    /// The text, where it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The number, where it is one from zero on.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Int(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }
}

trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

/// One connection.
pub(super) struct Control(BufReader<Box<dyn Stream>>);

impl Control {
    pub(super) fn connect(spec: &Spec) -> Result<Self, ServerError> {
        let mut control = Self(BufReader::new(open(&spec.place)?));
        if let Some(password) = &spec.password {
            control.command(&[b"AUTH", password.as_bytes()])?;
        }
        Ok(control)
    }

    pub(super) fn command(&mut self, words: &[&[u8]]) -> io::Result<RespValue> {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        let stream = self.0.get_mut();
        stream.write_all(&request)?;
        stream.flush()?;
        self.reply()
    }

    fn reply(&mut self) -> io::Result<RespValue> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let line = line.trim_end_matches(['\r', '\n']);
        let mut chars = line.chars();
        match (chars.next(), chars.as_str()) {
            (Some('+'), text) => Ok(RespValue::text(text)),
            (Some('-'), text) => Ok(RespValue::Error(text.to_owned())),
            (Some(':'), number) => Ok(RespValue::Int(number.parse().map_err(|_| broken())?)),
            (Some('$' | '*'), "-1") => Ok(RespValue::Nil),
            (Some('$'), length) => self.bytes(length.parse().map_err(|_| broken())?),
            (Some('*'), length) => self.array(length.parse().map_err(|_| broken())?),
            _ => Err(broken()),
        }
    }

    fn bytes(&mut self, length: usize) -> io::Result<RespValue> {
        let mut bytes = vec![0; length + 2];
        self.0.read_exact(&mut bytes)?;
        bytes.truncate(length);
        Ok(RespValue::Bytes(bytes))
    }

    fn array(&mut self, length: usize) -> io::Result<RespValue> {
        (0..length).map(|_| self.reply()).collect::<io::Result<_>>().map(RespValue::Array)
    }
}

fn open(place: &Place) -> io::Result<Box<dyn Stream>> {
    match place {
        Place::Port(port) => {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, *port))?;
            stream.set_read_timeout(Some(LIMIT))?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream))
        }
        #[cfg(unix)]
        Place::Socket(path) | Place::Tls(_, path) => {
            let stream = std::os::unix::net::UnixStream::connect(path)?;
            stream.set_read_timeout(Some(LIMIT))?;
            Ok(Box::new(stream))
        }
        #[cfg(not(unix))]
        Place::Socket(_) | Place::Tls(..) => {
            Err(io::Error::new(io::ErrorKind::Unsupported, "no Unix sockets here"))
        }
    }
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no reply of a Redis server")
}
